"""What a family and an agent want of one booking, when both cannot be had."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.booking.checked import findings
from tests.booking.helpers import holds, seen, session
from tests.samples import Household, activity, ask, decide, family, say_town, town_file
from tests.world import World

DAY = "2026-09-17"
UNITS = [{"id": one, "name": one.upper()} for one in ("m", "av", "sv")]
PLACES = [{"id": one["id"], "units": [one["id"]], "capacity": 3, "source": "test"} for one in UNITS]
CENTRE = activity(
    "centre", hold_while_waiting=False, units=UNITS, places=PLACES,
    relations={"excludes": [["av", "sv"]]},
)  # fmt: skip


def of(home: Household, **wanted: Any) -> dict[str, Any]:
    """A basket about the first child on the day."""
    return {
        "family": home.id,
        **{name: [{"child": home.children[0], **one}] for name, one in wanted.items()},
    }


async def results(world: World, request: str, reason: str | None = None) -> list[str]:
    answer = await decide(world, [(request, "1", reason)])
    return [one["result"] for one in answer.json["results"]]


async def test_a_booking_is_not_refused_while_its_change_waits(running: World) -> None:
    """Else the change, once accepted, would keep units that nobody holds any more."""
    home = await family(running)
    await say_town(running, town_file(activities=[CENTRE]), version=2)
    where = {"activity": "centre", "day": DAY}
    booked = (await ask(running, home, of(home, asked={**where, "units": ["m", "av"]}))).json["id"]
    assert await results(running, booked) == ["accepted"]
    change = (await ask(running, home, of(home, changes={**where, "units": ["m", "sv"]}))).json
    assert await results(running, booked, "Non") == ["not-possible"]
    assert await results(running, change["id"]) == ["accepted"]
    held = (await session(running, DAY, "centre"))["holders"][home.children[0]]
    assert {unit: hold.partition("-")[0] for unit, hold in held.items()} == {
        "m": change["id"], "sv": change["id"],
    }  # fmt: skip
    assert await findings(running) == []
    assert await results(running, change["id"], "Désistement") == ["refused"]
    assert holds(await session(running, DAY, "centre")) == 0
    assert await findings(running) == []


async def test_a_second_absence_that_was_under_way_comes_to_nothing(running: World) -> None:
    """It was planned while the booking stood; when it claims it, another has been carried out."""
    home = await family(running)
    booked = (await ask(running, home, home.asks(DAY, activity="garderie"))).json["id"]
    running.move_to(datetime(2026, 9, 17, 6, 0, tzinfo=UTC))
    absence = of(home, ends={"kind": "absence", "first": DAY})
    first = (await ask(running, home, absence)).json["lines"][0]
    assert (first["state"], first["effect"]) == ("accepted", "billed")
    claim = running.state("booking").store.claim_booking
    assert not await claim("veyras", f"{booked}-1", "another-1")
    assert (await seen(running, home, booked))["lines"][0]["absent"]
    assert await findings(running) == []
