"""Absences reported without their proof, justified later: given, accepted, refused, or too late."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts.booking import BookingAccepted, ProofGiven, RequestChanged
from tests.booking.helpers import said, seen, try_ask
from tests.booking.test_on_behalf import document
from tests.samples import API, Household, activity, ask, family, say_town, town_file
from tests.world import Answer, World, eventually

DAY = "2026-09-17"
MORNING = datetime(2026, 9, 17, 6, 0, tzinfo=UTC)
#: A certificate within two days is free, one by the end of the month keeps half; else the price.
RULES = [
    {"id": "ill", "valid_from": "2020-01-01", "source": "test",
     "proof": {"kinds": ["medical-certificate"], "days": 2}, "effect": {"kind": "free"}},
]  # fmt: skip


@pytest.fixture
async def home(running: World) -> Household:
    """A family whose two children are booked on a day that can no longer be cancelled."""
    it = await family(running)
    care = activity("garderie", decision="automatic", absences={"rules": RULES})
    await say_town(running, town_file(activities=[care]), version=2)
    for child in (0, 1):
        await ask(running, it, it.asks(DAY, activity="garderie", child=child))
    running.move_to(MORNING)
    return it


def absent(home: Household, child: int = 0, **changes: Any) -> dict[str, Any]:
    one = {"kind": "absence", "child": home.children[child], "first": DAY} | changes
    return {"family": home.id, "ends": [one]}


async def reported(world: World, home: Household, child: int = 0, **changes: Any) -> str:
    answer = await ask(world, home, absent(home, child, **changes))
    (line,) = answer.json["lines"]
    assert (line["effect"], line["proofs"]) == ("to_prove", ["medical-certificate"])
    return str(answer.json["id"])


async def justify(
    world: World, home: Household, request: str, *documents: str, token: str | None = None,
    key: str | None = None, **changes: Any,
) -> Answer:  # fmt: skip
    body = {"kind": "medical-certificate", "documents": list(documents)} | changes
    return await world.call(
        "POST", f"{API}/veyras/requests/{request}/proofs", json=body, key=key,
        token=token or home.token(world),
    )  # fmt: skip


async def judge(
    world: World, request: str, reason: str | None = None, key: str | None = None,
    token: str | None = None, revision: int = 1,
) -> str:  # fmt: skip
    one = {"request": request, "line": "1", "outcome": "refused" if reason else "accepted",
           "reason": reason, "revision": revision}  # fmt: skip
    answer = await world.call(
        "POST", f"{API}/veyras/proof-decisions", json={"decisions": [one]}, key=key,
        token=token or world.token("veyras", roles=("childcare_office",)),
    )  # fmt: skip
    assert (answer.status, answer.json["version"]) == (200, 2), answer.json
    return str(answer.json["results"][0]["result"])


async def line_of(world: World, home: Household, request: str) -> dict[str, Any]:
    found: dict[str, Any] = (await seen(world, home, request))["lines"][0]
    return found


async def test_an_agent_lists_the_proofs_to_look_at(running: World, home: Household) -> None:
    request, _ = [await reported(running, home, child) for child in (0, 1)]
    token = running.token("veyras", roles=("childcare_office",))

    async def to_look_at() -> list[str]:
        path = f"{API}/veyras/requests?proof=given"
        found = await running.call("GET", path, token=token)
        return [one["id"] for one in found.json["items"]]

    assert await to_look_at() == []
    await justify(running, home, request, await document(running, home))
    assert await to_look_at() == [request]
    assert await judge(running, request) == "accepted"
    assert await to_look_at() == []


async def test_a_proof_accepted_makes_the_absence_free(running: World, home: Household) -> None:
    request = await reported(running, home)
    receipt = (await seen(running, home, request))["lines"][0]
    paper = await document(running, home)
    sent = await justify(running, home, request, paper, key="one-click")
    assert sent.status == 200, sent.json
    again = await justify(running, home, request, paper, key="one-click")
    assert again.json == sent.json
    reused = await justify(running, home, request, key="one-click")
    assert (reused.status, reused.json["code"]) == (422, "idempotency-key-reused")
    line = await line_of(running, home, request)
    assert (line["effect"], line["given"]["state"]) == ("to_prove", "given")
    assert (await seen(running, home, request))["document_states"] == {paper: "pending"}
    (given,) = await said(running, ProofGiven)
    assert (given.request, given.lines, given.documents) == (request, ("1",), 1)
    assert "medical" not in given.model_dump_json()

    agent = running.token("veyras", roles=("childcare_office",))
    assert await judge(running, request, key="agent-click", token=agent) == "accepted"
    assert await judge(running, request, key="agent-click", token=agent) == "accepted"
    assert await judge(running, request, "Illisible") == "already-decided"
    line = await line_of(running, home, request)
    assert (line["effect"], line["given"]["state"], line["proofs"]) == ("free", "accepted", [])
    outcomes = [one for event in await said(running, BookingAccepted) for one in event.lines
                if one.kind == "absence"]  # fmt: skip
    assert [(one.effect, one.settled_by) for one in outcomes] == [
        ("to_prove", "ill"), ("free", "ill"),
    ]  # fmt: skip
    assert outcomes[1].replaces is not None
    assert not outcomes[1].receipted
    history = (await seen(running, home, request))["history"]
    assert [(one["what"], one["by"]) for one in history] == [
        ("asked", "family"), ("accepted", "rule"), ("proof_given", "family"),
        ("proof_accepted", "agent"),
    ]  # fmt: skip
    assert receipt["effect"] == "to_prove"


async def test_a_proof_refused_may_be_followed_by_another_in_time(
    running: World, home: Household
) -> None:
    request = await reported(running, home)
    await justify(running, home, request, await document(running, home))
    assert await judge(running, request, "Ce certificat est d'un autre enfant.") == "refused"
    line = await line_of(running, home, request)
    assert (line["effect"], line["given"]["reason"]) == (
        "to_prove", "Ce certificat est d'un autre enfant.",
    )  # fmt: skip
    assert line["reason"]["code"] == "proof-refused"
    events = [event.model_dump_json() for event in await said(running, BookingAccepted)]
    assert len(events) == 4, "two bookings, the absence, and what is said anew of it"
    assert not any("autre enfant" in event for event in events), "the agent's words stay here"
    second = await justify(running, home, request, await document(running, home))
    assert second.status == 200
    assert await judge(running, request) == "replaced", "that was the first one"
    assert await judge(running, request, revision=2) == "accepted"
    line = await line_of(running, home, request)
    assert (line["effect"], line["reason"]) == ("free", None)
    late = await justify(running, home, request, await document(running, home))
    assert (late.status, late.json["code"]) == (409, "nothing-to-prove")


async def test_a_proof_replaced_since_an_agent_saw_it_is_not_decided_on(
    running: World, home: Household
) -> None:
    request = await reported(running, home)
    await justify(running, home, request, await document(running, home))
    seen_by_agent = (await line_of(running, home, request))["given"]["revision"]
    better = await document(running, home)
    await justify(running, home, request, better)
    for reason in ("Illisible.", None):
        assert await judge(running, request, reason, revision=seen_by_agent) == "replaced"
    given = (await line_of(running, home, request))["given"]
    assert (given["state"], given["documents"], given["revision"]) == ("given", [better], 2)
    agent = running.token("veyras", account="a" * 32, roles=("childcare_office",))
    for _ in range(2):
        sent = await judge(running, request, key="agent-click", token=agent, revision=2)
        assert sent == "accepted"
    assert await judge(running, request, revision=1) == "replaced"


async def test_when_the_time_is_over_the_rule_decides(running: World, home: Household) -> None:
    """One gave nothing; the other gave in time and waits for an agent, who says no afterwards."""
    nothing, waiting = await reported(running, home), await reported(running, home, 1)
    paper = await document(running, home, child=home.children[1])
    assert (await justify(running, home, waiting, paper)).status == 200
    running.move_to(datetime(2026, 9, 19, 22, 0, tzinfo=UTC))
    late = await justify(running, home, nothing, await document(running, home))
    assert (late.status, late.json["code"]) in {
        (409, "proof-too-late"), (409, "nothing-to-prove"),
    }  # fmt: skip

    async def settled() -> bool:
        return (await line_of(running, home, nothing))["effect"] == "billed"

    await eventually(settled, what="the sweeper has settled it")
    line = await line_of(running, home, nothing)
    assert (line["reason"]["code"], line["proofs"]) == ("not-proved", [])
    assert (await line_of(running, home, waiting))["effect"] == "to_prove"
    history = (await seen(running, home, nothing))["history"]
    assert (history[-1]["what"], history[-1]["by"]) == ("proof_missing", "rule")
    cards = [one for one in await said_to_family(running) if one.request == nothing]
    assert cards[-1].history[-1].reason
    assert await judge(running, waiting, "Sans date.") == "refused"
    assert (await line_of(running, home, waiting))["effect"] == "billed"
    request = await running.store("booking").get("requests", nothing)
    assert request is not None
    assert "prove_by" not in request


async def said_to_family(world: World) -> list[RequestChanged]:
    events = await world.queued("family")
    return [RequestChanged.model_validate(e.data) for e in events if e.type == RequestChanged.type]


async def test_an_agent_has_seen_the_paper(running: World, home: Household) -> None:
    request = await reported(running, home)
    none = await justify(running, home, request)
    assert (none.status, none.json["field"]) == (422, "/documents")
    assert await judge(running, request) == "not-given"
    token = running.token("veyras", roles=("childcare_office",))
    behalf = {"channel": "desk", "guardian": home.guardian}
    sent = await justify(running, home, request, token=token, on_behalf=behalf)
    assert sent.status == 200, sent.json
    line = await line_of(running, home, request)
    assert (line["given"]["channel"], line["given"]["guardian"]) == ("desk", home.guardian)
    assert await judge(running, request) == "accepted"


async def test_a_proof_may_come_with_the_absence(running: World, home: Household) -> None:
    paper = await document(running, home)
    proof = {"kind": "medical-certificate", "documents": [paper]}
    wrong = await try_ask(running, home, absent(home, proof=proof | {"kind": "letter"}))
    assert (wrong.status, wrong.json["code"]) == (422, "wrong-proof")
    foreign = await document(running, await family(running))
    stolen = await try_ask(running, home, absent(home, proof=proof | {"documents": [foreign]}))
    assert (stolen.status, stolen.json["field"]) == (422, "/ends/0/proof/documents/0")
    request = await reported(running, home, proof=proof)
    found = await seen(running, home, request)
    assert found["attachments"] == [paper]
    assert found["lines"][0]["given"]["state"] == "given"
    assert await judge(running, request) == "accepted"
    assert (await line_of(running, home, request))["effect"] == "free"


async def test_what_cannot_be_proved_so_is_refused_whole(running: World, home: Household) -> None:
    request = await reported(running, home)
    paper = await document(running, home)
    wrong = await justify(running, home, request, paper, kind="letter")
    assert (wrong.status, wrong.json["field"]) == (422, "/kind")
    unknown = await justify(running, home, request, paper, lines=["9"])
    assert (unknown.status, unknown.json["code"]) == (409, "nothing-to-prove")
    foreign = await document(running, home, child=home.children[1])
    other = await justify(running, home, request, foreign)
    assert (other.status, other.json["code"]) == (422, "document-unknown")
    stranger = await family(running)
    assert (await justify(running, stranger, request, paper)).status == 404
    booked = await ask(running, stranger, stranger.asks("2026-09-24", activity="garderie"))
    not_so = await justify(running, stranger, booked.json["id"], await document(running, stranger))
    assert not_so.json["code"] == "nothing-to-prove"
    assert (await line_of(running, home, request))["given"] is None
