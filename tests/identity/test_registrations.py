"""An adult whose dossier the town has accepted on line is its guardian, without a key."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.contracts.family import RegistrationDecided
from shared.ids import new_id
from tests.identity.portal import Portal
from tests.world import eventually


async def test_an_accepted_dossier_is_linked_to_the_account_once(portal: Portal) -> None:
    await portal.adult("a.b")
    tokens = await portal.logged_in("a.b")
    me = (await portal.call("GET", "/me", token=tokens["access_token"])).json
    event = RegistrationDecided(
        registration=new_id(), account=me["account"], accepted=True, reason=None, family="f9",
        guardian="g9", decided_at=datetime(2026, 9, 14, tzinfo=UTC), decided_by="agent",
    )  # fmt: skip
    refused = event.model_copy(update={"accepted": False, "family": None, "guardian": None})
    await portal.world.say(refused, "registrations/r0")
    gone = event.model_copy(update={"account": new_id()})
    await portal.world.say(gone, "registrations/r1")
    for _ in range(2):
        await portal.world.say(event, "registrations/r2")

    async def linked() -> bool:
        token = (await portal.logged_in("a.b"))["access_token"]
        links = await portal.call("GET", "/family-links", token=token)
        return [(one["family"], one["guardian"]) for one in links.json["links"]] == [("f9", "g9")]

    await eventually(linked)
    held = await portal.world.store("identity").count("held", {})
    assert held == 0, "an account that is no more is nobody to link"
