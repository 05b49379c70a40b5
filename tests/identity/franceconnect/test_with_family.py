"""FranceConnect beside a running family service: recognised by the dossier, a quotient in it."""

from __future__ import annotations

from typing import Any

import pytest

from services.family.commands.importing import import_families
from services.family.service import build as family
from services.family.service import state_of
from tests.family.dossiers import CO_HOLDER_ID, FAMILY, FILE, HOLDER_ID, Dossier, put
from tests.identity.franceconnect.browser import MELISSANDRE, registered
from tests.world import StartWorld, eventually

_CIVIL = {
    "birth_name": "Trois-Dupré", "first_names": "Mélissandre Juliette", "sex": "F",
    "birth_date": "1981-07-27", "birth_place": "13012", "birth_country": "99100",
}  # fmt: skip


async def test_from_the_dossiers_six_fields_to_the_quotient_in_it(
    start_world: StartWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with registered(start_world, monkeypatch, services={"family": family}) as fc:
        world = fc.portal.world

        async def imported() -> Any:
            text = FILE.replace("tilleuls", "ecole-des-chataigniers")
            state = state_of(world.of("family").parts)
            if await state.towns.find("veyras") is None:
                return False
            return (await import_families(state, "veyras", text.encode())).stored

        await eventually(imported, what="the town is heard of and its families are imported")
        dossier = Dossier(world)
        changes = [put(HOLDER_ID, name, value) for name, value in _CIVIL.items()]
        await dossier.sent("billing", *changes)

        async def recognisable() -> bool:
            copies = await fc.portal.identity.store.families("veyras", [FAMILY])
            return any("pivot" in one for copy in copies for one in copy["guardians"])

        await eventually(recognisable, what="the civil identity is heard of")
        arrived = await fc.trip(MELISSANDRE, consent=True)
        body = {"ticket": arrived.json["ticket"]}
        made = await fc.portal.call("POST", "/franceconnect/accounts", body)
        assert made.json["quotient"]["outcome"] == "received"
        token = made.json["tokens"]["access_token"]
        seen = await world.call("GET", "/api/family/v1/veyras/household", token=token)
        (household,) = seen.json["households"]
        assert (household["family"], household["me"]) == (FAMILY, HOLDER_ID)

        async def proposed() -> Any:
            return (await dossier.field("billing", "household", "quotients"))["waiting"]

        waiting = await eventually(proposed, what="the quotient waits in the dossier")
        assert (float(waiting["value"]["value"]), waiting["value"]["source"]) == (2550, "caf")
        assert waiting["by"]["guardian"] == HOLDER_ID
        assert CO_HOLDER_ID not in str(waiting)
