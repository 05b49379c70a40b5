"""The town's own answers (BO11), and what an agent lets a cancellation give back (BO10)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.booking import BookingAccepted, BookingRefused, EnrolmentAccepted
from tests.booking.enrolments import enrolled, enrolling_town, enrolment, group
from tests.booking.helpers import holds, planning, recap, said, seen, session
from tests.booking.test_ending import DAY, booked, care, ends, freed, status
from tests.samples import API, activity, ask, decide, family, say_town, town_file
from tests.world import Answer, World

ANSWERS = [
    {"code": "last-place", "label": "Accepté (dernière place)", "colour": "#2e7d32",
     "outcome": "accept"},
    {"code": "incomplete", "label": "Dossier incomplet", "colour": "#c62828", "outcome": "refuse"},
]  # fmt: skip


async def answer(world: World, *decisions: dict[str, Any], key: str | None = None) -> Answer:
    """POST decisions as an agent, whatever comes of it."""
    token = world.token("veyras", account="a" * 32, roles=("childcare_office",))
    return await world.call(
        "POST", f"{API}/veyras/decisions", token=token,
        json={"decisions": [{"line": "1", **one} for one in decisions]}, key=key,
    )  # fmt: skip


def results(found: Answer) -> list[str]:
    assert found.status == 200, found.json
    return [one["result"] for one in found.json["results"]]


async def test_the_family_reads_the_town_s_own_answer(running: World) -> None:
    home = await family(running)
    await say_town(running, town_file(answers=ANSWERS), version=2)
    first = (await ask(running, home, home.asks(DAY))).json["id"]
    second = (await ask(running, home, home.asks("2026-09-18"))).json["id"]
    decided = await answer(
        running, {"request": first, "answer": "last-place"},
        {"request": second, "answer": "incomplete"}, key="own-answers",
    )  # fmt: skip
    assert results(decided) == ["accepted", "refused"]
    shown = {"code": "last-place", "label": "Accepté (dernière place)", "colour": "#2e7d32"}
    request = await seen(running, home, first)
    assert (request["lines"][0]["state"], request["lines"][0]["answer"]) == ("accepted", shown)
    assert request["history"][-1]["reason"] == "Accepté (dernière place)"
    days = await planning(running, home, DAY, "2026-09-18")
    accepted, refused = days["cantine", DAY], days["cantine", "2026-09-18"]
    assert (accepted["words"], accepted["answer"]) == ("Accepté (dernière place)", shown)
    assert accepted["status"] == "accepted"
    assert (refused["words"], refused["status"]) == ("Dossier incomplet", "refused")
    (yes,) = [one for event in await said(running, BookingAccepted) for one in event.lines]
    assert yes.answer is not None
    assert yes.answer.model_dump() == shown
    (no,) = [one for event in await said(running, BookingRefused) for one in event.lines]
    assert no.reason is not None
    assert (no.reason.code, no.reason.text) == ("town-answer", "Dossier incomplet")

    # What the town says later changes nothing of what was said.
    await say_town(running, town_file(), version=3)
    assert (await seen(running, home, first))["lines"][0]["answer"] == shown
    repeated = (
        {"request": first, "answer": "last-place"},
        {"request": second, "answer": "incomplete"},
    )
    again = await answer(running, *repeated, key="own-answers")
    assert again.json == decided.json
    unknown = await answer(running, {"request": second, "answer": "last-place"})
    assert results(unknown) == ["answer-unknown"]
    await decide(running, [(second, "1", None)])
    assert (await seen(running, home, second))["lines"][0]["answer"] is None
    assert (await planning(running, home, DAY, "2026-09-18"))["cantine", "2026-09-18"]["words"] == (
        "Réservation acceptée"
    )


async def test_an_enrolment_may_be_given_the_town_s_own_answer(running: World) -> None:
    await say_town(running, enrolling_town(group(), answers=ANSWERS), version=2)
    home, other = await family(running), await family(running)
    yes, no = await enrolled(running, home), await enrolled(running, other)

    async def answered(*decisions: dict[str, Any], key: str | None = None) -> Answer:
        token = running.token("veyras", account="a" * 32, roles=("childcare_office",))
        body = {"decisions": list(decisions)}
        path = f"{API}/veyras/enrolment-decisions"
        return await running.call("POST", path, token=token, json=body, key=key)

    decisions = (
        {"enrolment": yes, "answer": "last-place"}, {"enrolment": no, "answer": "incomplete"},
    )  # fmt: skip
    decided = await answered(*decisions, key="own-answers")
    assert results(decided) == ["accepted", "refused"]
    shown = {"code": "last-place", "label": "Accepté (dernière place)", "colour": "#2e7d32"}
    accepted = await enrolment(running, home, yes)
    assert (accepted["state"], accepted["answer"], accepted["reason"]) == ("accepted", shown, None)
    assert accepted["history"][-1]["reason"] == "Accepté (dernière place)"
    refused = await enrolment(running, other, no)
    assert (refused["state"], refused["answer"]["code"]) == ("refused", "incomplete")
    assert refused["reason"] == {"code": "town-answer", "text": "Dossier incomplet"}
    (event,) = await said(running, EnrolmentAccepted)
    assert event.answer is not None
    assert event.answer.model_dump() == shown

    await say_town(running, enrolling_town(), version=3)
    assert (await enrolment(running, home, yes))["answer"] == shown, "as it read then"
    assert (await answered(*decisions, key="own-answers")).json == decided.json
    gone = {"enrolment": no, "answer": "last-place"}
    assert results(await answered(gone)) == ["answer-unknown"]
    assert results(await answered({"enrolment": no, "outcome": "accepted"})) == ["accepted"]
    assert (await enrolment(running, other, no))["answer"] is None
    both = {"enrolment": yes, "outcome": "accepted", "answer": "last-place"}
    assert (await answered(both)).status == 422


async def test_an_answer_of_the_town_goes_with_a_reason_of_the_agent_s_own(running: World) -> None:
    home = await family(running)
    await say_town(running, town_file(answers=ANSWERS), version=2)
    request = (await ask(running, home, home.asks(DAY))).json["id"]
    wish = {"request": request, "answer": "incomplete", "reason": "Il manque l'assurance."}
    assert results(await answer(running, wish)) == ["refused"]
    line = (await seen(running, home, request))["lines"][0]
    assert (line["answer"]["code"], line["reason"]["text"]) == (
        "incomplete", "Il manque l'assurance.",
    )  # fmt: skip


async def test_a_decision_is_an_outcome_or_an_answer(running: World) -> None:
    request = "0" * 32
    for wrong in (
        {}, {"outcome": "accepted", "answer": "last-place"}, {"outcome": "refused"},
        {"outcome": "refused", "reason": "Non.", "give_back": "credit"},
        {"outcome": "accepted", "give_back": "half"},
    ):  # fmt: skip
        found = await answer(running, {"request": request, **wrong})
        assert (found.status, found.json["code"]) == (422, "invalid-input"), wrong


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"code": "incomplete"}, "answers: « incomplete » apparaît deux fois"),
        ({"label": "Dossier incomplet"}, "answers: « Dossier incomplet » apparaît deux fois"),
        ({"colour": "green"}, "colour"),
        ({"colour": "#2E7D32;"}, "colour"),
        ({"outcome": "waiting"}, "outcome"),
        ({"label": ""}, "label"),
    ],
)
def test_answers_are_checked_when_they_are_saved(change: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        town_file(answers=[ANSWERS[0] | change, ANSWERS[1]])


# -- what a cancellation gives back -------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "effect", "give_back"),
    [("credit", "cancelled", "credit"), ("refund", "cancelled", "refund"),
     ("nothing", "billed", "nothing")],
)  # fmt: skip
async def test_an_agent_decides_what_a_cancellation_gives_back(
    running: World, choice: str, effect: str, give_back: str
) -> None:
    home = await family(running)
    await say_town(running, care(cancellations="by_agent"), version=2)
    await booked(running, home)
    (foreseen,) = (await recap(running, home, ends(home))).json["lines"]
    assert (foreseen["would"], foreseen["give_back_asked"]) == ("requested", True)
    asked = await ask(running, home, ends(home), key="asked-once")
    (line,) = asked.json["lines"]
    assert (line["state"], line["give_back"], line["give_back_asked"]) == ("requested", None, True)
    wish = {"request": asked.json["id"], "outcome": "accepted"}
    assert results(await answer(running, wish)) == ["give-back-missing"]
    assert holds(await session(running, DAY, "garderie")) == 1
    assert results(await answer(running, wish | {"give_back": choice})) == ["accepted"]
    assert await status(running, home) == "cancelled"
    await freed(running)
    outcome = [one for event in await said(running, BookingAccepted) for one in event.lines][-1]
    assert (outcome.kind, outcome.effect, outcome.give_back) == ("cancel", effect, give_back)
    (line,) = (await seen(running, home, asked.json["id"]))["lines"]
    assert (line["effect"], line["give_back"]) == (effect, give_back)
    assert (await ask(running, home, ends(home), key="asked-once")).json == asked.json


async def test_a_refused_cancellation_gives_nothing_back_and_a_booking_neither(
    running: World,
) -> None:
    home = await family(running)
    garderie = activity("garderie", decision="automatic", cancellations="by_agent")
    file = town_file(activities=[garderie, activity("cantine")])
    await say_town(running, file, version=2)
    await booked(running, home)
    asked = (await ask(running, home, ends(home))).json["id"]
    refusal = {"request": asked, "outcome": "refused", "reason": "Trop souvent."}
    assert results(await answer(running, refusal)) == ["refused"]
    outcome = [one for event in await said(running, BookingRefused) for one in event.lines][-1]
    assert outcome.give_back is None
    booking = (await ask(running, home, home.asks(DAY, child=1))).json["id"]
    wish = {"request": booking, "outcome": "accepted", "give_back": "refund"}
    assert results(await answer(running, wish)) == ["not-possible"]


async def test_by_rule_the_town_s_file_says_what_is_given_back(running: World) -> None:
    home = await family(running)
    await say_town(running, care(absences={"in_time": "credit"}), version=2)
    await booked(running, home)
    answered = await ask(running, home, ends(home))
    (line,) = answered.json["lines"]
    assert (line["state"], line["effect"], line["give_back"]) == ("accepted", "cancelled", "credit")
    outcome = [one for event in await said(running, BookingAccepted) for one in event.lines][-1]
    assert outcome.give_back == "credit"


async def test_agents_read_which_answers_the_town_has(running: World) -> None:
    await say_town(running, town_file(answers=ANSWERS), version=2)
    await planning(running, await family(running), DAY, DAY)
    path = f"{API}/veyras/answers"
    for role in ("childcare_office", "centre_director"):
        token = running.token("veyras", roles=(role,))
        found = await running.call("GET", path, token=token)
        assert found.json == {"version": 2, "items": ANSWERS}
    assert (await running.call("GET", path, token=running.token("veyras"))).status == 403
