"""After the deadline, free with a proof: accepted now, over HTTP, for bookings and
cancellations."""

from __future__ import annotations

from datetime import UTC, datetime

from services.booking.commands.justifying import settle_unproved
from shared.contracts.booking import BookingAccepted, BookingRequested
from tests.booking.helpers import recap, said, seen
from tests.booking.test_ending import DAY, RULE, booked, care, ends, freed
from tests.samples import ask, decide, family, say_town
from tests.world import World, eventually

MORNING = {"anchor": "day", "days_before": 0, "time": "09:00"}
STEP = {
    "until": MORNING, "outcome": "free_with_proof",
    "proof": {"kinds": ["work-contract"], "days": 2, "from": "notice"},
}  # fmt: skip
LATE = [RULE | {"after": [STEP | {"surcharge": {"kind": "amount", "cents": 200}}]}]
LATE_CANCEL = [RULE | {"after": [STEP]}]
STEP_OF_AGENT = {"until": MORNING, "outcome": "ask_agent"}
UNTIL = "2026-09-19T21:59:00Z"


async def test_a_late_booking_is_accepted_and_waits_for_its_proof(running: World) -> None:
    home = await family(running)
    await say_town(running, care(deadlines={"book": LATE, "cancel": LATE_CANCEL}), version=2)
    running.move_to(datetime(2026, 9, 17, 6, 0, tzinfo=UTC))
    wish = home.asks(DAY, activity="garderie")
    (foreseen,) = (await recap(running, home, wish)).json["lines"]
    assert (foreseen["would"], foreseen["effect"], foreseen["surcharge"]) == (
        "accepted", "to_prove", None,
    )  # fmt: skip
    assert (foreseen["proofs"], foreseen["proof_until"]) == (["work-contract"], UNTIL)
    assert "sans lui, avec un supplément de 2,00" in foreseen["warning"]
    answer = await ask(running, home, wish, key="late-once")
    (line,) = answer.json["lines"]
    assert (line["state"], line["effect"], line["surcharge"]) == ("accepted", "to_prove", None)
    assert (line["proofs"], line["proof_until"]) == (["work-contract"], UNTIL)
    assert (await seen(running, home, answer.json["id"]))["lines"] == [line]
    assert (await ask(running, home, wish, key="late-once")).json == answer.json
    (outcome,) = [one for event in await said(running, BookingAccepted) for one in event.lines]
    assert (outcome.effect, outcome.surcharge) == ("to_prove", None)
    (requested,) = await said(running, BookingRequested)
    assert requested.lines[0].proof_until == datetime(2026, 9, 19, 21, 59, tzinfo=UTC)


async def test_a_late_cancellation_frees_its_place_and_waits_for_its_proof(running: World) -> None:
    home, other = await family(running), await family(running)
    await say_town(running, care(deadlines={"book": LATE, "cancel": LATE_CANCEL}), version=2)
    await booked(running, home)
    running.move_to(datetime(2026, 9, 17, 6, 0, tzinfo=UTC))
    answer = await ask(running, home, ends(home))
    (line,) = answer.json["lines"]
    assert (line["state"], line["kind"], line["effect"]) == ("accepted", "cancel", "to_prove")
    assert line["proof_until"] == UNTIL
    await freed(running)
    await booked(running, other)


async def test_what_waits_for_the_end_of_its_booking_is_looked_at_once_that_is_decided(
    running: World,
) -> None:
    """The time for the proof is over while an agent has the cancellation to decide: the sweeper
    leaves it alone, and settles it when the cancellation is refused."""
    home = await family(running)
    asked = [RULE | {"after": [STEP_OF_AGENT]}]
    await say_town(running, care(deadlines={"book": LATE, "cancel": asked}), version=2)
    running.move_to(datetime(2026, 9, 17, 6, 0, tzinfo=UTC))
    booking = (await ask(running, home, home.asks(DAY, activity="garderie"))).json["id"]
    end = (await ask(running, home, ends(home))).json
    assert end["lines"][0]["state"] == "requested"
    running.move_to(datetime(2026, 9, 19, 22, 0, tzinfo=UTC))

    async def looked_at() -> bool:
        await settle_unproved(running.state("booking"))
        left = {"prove_by": {"$exists": True}}
        return not await running.store("booking").count("requests", left)

    await eventually(looked_at)
    assert (await seen(running, home, booking))["lines"][0]["effect"] == "to_prove"
    await decide(running, [(end["id"], "1", "Trop tard")])
    await eventually(looked_at)
    (line,) = (await seen(running, home, booking))["lines"]
    assert (line["effect"], line["surcharge"]["cents"]) == (None, 200)
