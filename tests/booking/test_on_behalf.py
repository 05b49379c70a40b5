"""Who asked, by which channel, with which documents, by which version of the rules: kept with
every act, whoever types it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.booking import (
    BookingRequested,
    BookingWithdrawn,
    EnrolmentRequested,
    EnrolmentWithdrawn,
)
from shared.contracts.family import DocumentChanged
from shared.ids import new_id
from tests.booking.enrolments import enrolling, enrolling_town, send
from tests.booking.helpers import recap, said, seen, try_ask
from tests.samples import API, Household, ask, decide, family, say_town, town_file
from tests.world import Answer, World, eventually

DAY = "2026-09-17"


async def at_desk(world: World, path: str, body: dict[str, Any]) -> Answer:
    token = world.token("veyras", roles=("childcare_office",))
    return await world.call("POST", f"{API}/veyras/{path}", token=token, json=body)


@pytest.mark.parametrize("channel", ["phone", "desk", "paper"])
async def test_an_act_on_behalf_keeps_channel_agent_and_who_asked(
    running: World, channel: str
) -> None:
    home = await family(running)
    behalf = {"on_behalf": {"channel": channel, "guardian": home.guardian}}
    asked = await at_desk(running, "requests", home.asks(DAY) | behalf)
    assert asked.status == 201, asked.json
    assert (asked.json["channel"], asked.json["guardian"]) == (channel, home.guardian)
    back = await at_desk(running, f"requests/{asked.json['id']}/withdrawals", behalf)
    assert back.status == 200, back.json
    token = running.token("veyras", roles=("read_only",))
    found = await running.call("GET", f"{API}/veyras/requests/{asked.json['id']}", token=token)
    history = found.json["history"]
    assert [one["what"] for one in history] == ["asked", "withdrawn"]
    for act in history:
        assert (act["by"], act["channel"], act["guardian"]) == ("agent", channel, home.guardian)
        assert act["account"]
    (event,) = await said(running, BookingRequested)
    (gone,) = await said(running, BookingWithdrawn)
    for one in (event, gone):
        assert (one.channel, one.contact_channel) == ("desk", channel)
        assert one.guardian == home.guardian


async def test_a_family_asks_by_itself_and_for_nobody_else(running: World) -> None:
    home, other = await family(running), await family(running)
    own = await ask(running, home, home.asks(DAY))
    assert (own.json["channel"], own.json["guardian"]) == ("online", home.guardian)
    behalf = {"on_behalf": {"channel": "phone"}}
    posing = await try_ask(running, home, home.asks("2026-09-18") | behalf)
    assert (posing.status, posing.json["code"]) == (403, "forbidden")
    strange = {"on_behalf": {"guardian": other.guardian}}
    answer = await at_desk(running, "requests", home.asks("2026-09-18") | strange)
    assert (answer.status, answer.json["field"]) == (422, "/on_behalf/guardian")


async def test_an_enrolment_on_behalf_keeps_channel_and_who_asked(running: World) -> None:
    home = await family(running)
    await say_town(running, enrolling_town(), version=2)
    behalf = {"on_behalf": {"channel": "paper", "guardian": home.guardian}}
    sent = await at_desk(running, "enrolments", enrolling(home) | behalf)
    assert sent.status == 201, sent.json
    kept = sent.json
    assert (kept["channel"], kept["guardian"], kept["version"]) == ("paper", home.guardian, 2)
    back = await at_desk(running, f"enrolments/{kept['id']}/withdrawals", behalf)
    acts = [(one["what"], one["channel"], one["guardian"]) for one in back.json["history"]]
    assert acts == [
        ("requested", "paper", home.guardian), ("withdrawn", "paper", home.guardian),
    ]  # fmt: skip
    (event,) = await said(running, EnrolmentRequested)
    (gone,) = await said(running, EnrolmentWithdrawn)
    for one in (event, gone):
        assert (one.channel, one.contact_channel) == ("desk", "paper")
        assert one.guardian == home.guardian
    online = await send(running, home)
    assert (online.json["channel"], online.json["guardian"]) == ("online", home.guardian)


# -- attachments -----------------------------------------------------------------------------


async def document(world: World, home: Household, **changes: Any) -> str:
    """A supporting document that family has said; its id."""
    about = {"document": new_id(), "family": home.id, "document_type": "certificat",
             "state": "pending", "child": home.children[0]} | changes  # fmt: skip
    event = DocumentChanged.model_validate(about)
    await world.say(event, f"documents/{event.document}", town=home.town)
    store = world.store("booking")

    async def heard() -> bool:
        found = await store.get("copy_documents", event.document)
        return found is not None and found["state"] == event.state

    await eventually(heard)
    return event.document


async def test_attachments_are_the_family_s_documents_and_show_where_they_stand(
    running: World,
) -> None:
    home = await family(running)
    own = await document(running, home)
    household = await document(running, home, child=None)
    body = home.asks(DAY) | {"attachments": [own, household]}
    answer = await ask(running, home, body)
    found = await seen(running, home, answer.json["id"])
    assert found["document_states"] == {own: "pending", household: "pending"}
    await document(running, home, document=own, state="refused")
    found = await seen(running, home, answer.json["id"])
    assert found["document_states"] == {own: "refused", household: "pending"}
    page = await running.call("GET", f"{API}/veyras/requests", token=home.token(running))
    assert page.json["items"][0]["document_states"] == found["document_states"]


async def test_what_is_not_the_family_s_cannot_be_attached(running: World) -> None:
    home, other = await family(running), await family(running)
    faults = {
        new_id(): "document-unknown",
        await document(running, other): "document-unknown",
        await document(running, home, child=home.children[1]): "document-unknown",
        await document(running, home, state="refused"): "document-not-valid",
        await document(running, home, state="accepted", valid_until="2026-09-01"): (
            "document-not-valid"
        ),
    }
    own = await document(running, home)
    for wrong, code in faults.items():
        body = home.asks(DAY) | {"attachments": [own, wrong]}
        for answer in (await try_ask(running, home, body), await recap(running, home, body)):
            assert (answer.status, answer.json["code"]) == (422, code)
            assert answer.json["field"] == "/attachments/1"


# -- versions --------------------------------------------------------------------------------


async def test_every_answer_says_by_which_version_of_the_rules(running: World) -> None:
    home = await family(running)
    asked = await ask(running, home, home.asks(DAY))
    assert asked.json["version"] == 1
    await say_town(running, town_file(), version=2)
    agent = running.token("veyras", roles=("childcare_office",))
    wish: list[tuple[str, str, str | None]] = [(asked.json["id"], "1", None)]
    decided = await decide(running, wish, key="one-click", token=agent)
    assert decided.json["version"] == 2
    await say_town(running, town_file(), version=3)
    again = await decide(running, wish, key="one-click", token=agent)
    assert again.json == decided.json
    assert (await seen(running, home, asked.json["id"]))["version"] == 1
