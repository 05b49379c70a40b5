"""``preau check``: each kind of damage, made by hand in the database, is found; else nothing is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli import app
from shared.failpoints import step
from shared.ids import new_id
from tests.booking.checked import findings, kinds
from tests.booking.helpers import holds, session, try_ask
from tests.samples import API, Household, activity, ask, decide, family, places, say_town, town_file
from tests.world import World

DAMAGE = step("tests.damage")
DAY, NEXT = "2026-09-17", "2026-09-18"
BUSY_DAYS = ("2026-09-17", "2026-09-18", "2026-09-21")
SESSION = f"veyras/garderie/{DAY}"
RULE = {
    "id": "eve", "valid_from": "2020-01-01", "source": "test",
    "cutoff": {"anchor": "day", "days_before": 1, "time": "18:00"},
}  # fmt: skip
ASKED = {"book": [RULE], "cancel": [RULE | {"outcome": "ask_agent"}]}
UNITS = [{"id": one, "name": one.upper()} for one in ("m", "av", "sv")]
COUNTERS = [
    {"id": "room", "units": ["m"], "capacity": 6, "source": "test"},
    {"id": "meals", "units": ["av", "sv"], "capacity": 6, "source": "test"},
]


def town(number: int = 5, **canteen: Any) -> Any:
    return town_file(
        activities=[
            activity("garderie", decision="automatic", places=places(number)),
            activity("cantine", places=places(number), deadlines=ASKED, **canteen),
            activity(
                "centre", decision="automatic", units=UNITS, places=COUNTERS,
                relations={"excludes": [["av", "sv"]]},
            ),
        ]
    )  # fmt: skip


def cancels(home: Household, name: str, day: str) -> dict[str, Any]:
    end = {"kind": "cancel", "child": home.children[0], "first": day, "activity": name}
    return {"family": home.id, "ends": [end]}


async def damage(world: World, collection: str, _id: str, **update: Any) -> None:
    """Change a document as no command would."""
    operators = {f"${name}": fields for name, fields in update.items()}
    assert await world.store("booking").change(DAMAGE, collection, _id, {}, operators)


class Scene:
    """A town in which something of each kind was booked."""

    def __init__(self, world: World, home: Household, requests: dict[str, str]) -> None:
        self.world = world
        self.child, self.sibling = home.children
        self.requests = requests

    async def session(self, **update: Any) -> None:
        await damage(self.world, "sessions", SESSION, **update)

    async def request(self, name: str, **update: Any) -> None:
        await damage(self.world, "requests", self.requests[name], **update)

    def hold(self, name: str) -> str:
        return f"{self.requests[name]}-1-1"


async def scene(world: World) -> Scene:
    home = await family(world)
    await say_town(world, town(), version=2)
    asked = {
        "booked": home.asks(DAY, activity="garderie"),
        "refused": home.asks(NEXT, activity="garderie"),
        "waiting": home.asks(DAY),
        "cancelled": home.asks(NEXT),
        "centre": {
            "family": home.id,
            "asked": [{"child": home.children[0], "activity": "centre", "units": ["m", "av"],
                       "day": DAY}],
        },
    }  # fmt: skip
    requests = {name: (await ask(world, home, body)).json["id"] for name, body in asked.items()}
    await decide(world, [(requests["refused"], "1", "Non"), (requests["cancelled"], "1", None)])
    requests["end"] = (await ask(world, home, cancels(home, "cantine", NEXT))).json["id"]
    assert await kinds(world) == set()
    return Scene(world, home, requests)


def line(**changes: Any) -> dict[str, Any]:
    return {f"lines.0.{name}": value for name, value in changes.items()}


async def one_place_less(it: Scene) -> None:
    await it.session(inc={"left.places": 1})


async def more_than_there_are(it: Scene) -> None:
    """Six hold five places, and the counter agrees with them."""
    strangers = {f"holders.{new_id()}": {"unit": f"{new_id()}-1-1"} for _ in range(5)}
    await it.session(set=strangers, inc={"left.places": -5})


async def other_counters(it: Scene) -> None:
    await it.session(set={"counters.0.capacity": 50}, inc={"left.places": 45})


async def held_and_buried(it: Scene) -> None:
    await it.session(push={"freed": it.hold("booked")})


async def of_no_request(it: Scene) -> None:
    await it.session(set={f"holders.{it.sibling}.unit": f"{new_id()}-1-1"}, inc={"left.places": -1})


async def of_a_sibling(it: Scene) -> None:
    await it.session(set={f"holders.{it.sibling}.unit": it.hold("booked")}, inc={"left.places": -1})


async def of_a_refused_line(it: Scene) -> None:
    hold = {f"holders.{it.child}.unit": it.hold("refused")}
    await damage(
        it.world, "sessions", f"veyras/garderie/{NEXT}", set=hold, inc={"left.places": -1},
        pull={"freed": it.hold("refused")},
    )  # fmt: skip


async def not_held(it: Scene) -> None:
    await it.session(unset={f"holders.{it.child}": ""}, inc={"left.places": 1})


async def another_number(it: Scene) -> None:
    await it.request("booked", set=line(hold=2))


async def not_together(it: Scene) -> None:
    more = {f"holders.{it.child}.sv": it.hold("centre")}
    await damage(it.world, "sessions", f"veyras/centre/{DAY}", set=more)


async def ended_by_nobody(it: Scene) -> None:
    await it.request("booked", set=line(ended=f"{new_id()}-1"))


async def end_unknown_to_the_booking(it: Scene) -> None:
    await it.request("cancelled", unset=line(ending=""))


async def never_finished(it: Scene) -> None:
    since = it.world.clock.machine() - timedelta(minutes=2)
    await it.request("waiting", set={"unfinished": since} | line(trying=True, held=False))


async def never_settled(it: Scene) -> None:
    await it.request("refused", set=line(state="asked", held=False))


DAMAGES: list[tuple[Callable[[Scene], Awaitable[None]], set[str]]] = [
    (one_place_less, {"left-differs"}),
    (more_than_there_are, {"overbooked", "hold-without-line"}),
    (other_counters, {"counters-differ"}),
    (held_and_buried, {"hold-given-back"}),
    (of_no_request, {"hold-without-line"}),
    (of_a_sibling, {"hold-of-another-line"}),
    (of_a_refused_line, {"hold-not-due"}),
    (not_held, {"place-not-held"}),
    (another_number, {"hold-not-due", "place-not-held"}),
    (not_together, {"units-excluded", "hold-of-another-line"}),
    (ended_by_nobody, {"mark-without-end", "hold-not-due"}),
    (end_unknown_to_the_booking, {"end-without-mark"}),
    (never_finished, {"unfinished"}),
    (never_settled, {"not-settled"}),
]


@pytest.mark.parametrize(("harm", "wanted"), DAMAGES, ids=lambda it: getattr(it, "__name__", ""))
async def test_damage_is_found(
    running: World, harm: Callable[[Scene], Awaitable[None]], wanted: set[str]
) -> None:
    it = await scene(running)
    await stopped(running)
    await harm(it)
    assert await kinds(running) == wanted


async def stopped(world: World) -> None:
    """End the jobs that would repair what is damaged by hand."""
    for running in world.runner.running:
        for job in running.jobs:
            job.cancel()
        await asyncio.gather(*running.jobs, return_exceptions=True)


async def test_places_held_for_lines_that_wait_when_the_town_holds_none(running: World) -> None:
    await scene(running)
    await say_town(running, town(hold_while_waiting=False), version=3)
    assert await kinds(running) == {"hold-while-waiting"}


async def test_the_command_prints_lines_and_says_by_its_code(
    running: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = await scene(running)
    monkeypatch.setenv("MONGODB_URL", running.mongodb_url)
    monkeypatch.setenv("PREAU_NAMESPACE", running.namespace)

    async def run(*options: str) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, app, ["check", *options])

    sound = await run()
    assert (sound.exit_code, sound.output) == (0, "")
    await one_place_less(it)
    wrong = await run()
    assert wrong.exit_code == 1
    assert [json.loads(one) for one in wrong.output.splitlines()] == [
        {"service": "booking", "kind": "left-differs", "where": f"sessions/{SESSION}",
         "about": {"counter": "places", "left": 5, "counted": 4}},
    ]  # fmt: skip
    assert (await run("--town", "veyras")).exit_code == 1
    assert (await run("--town", "andancette")).exit_code == 0


async def busy(world: World, home: Household, agent: str) -> None:
    """A family books, cancels and changes its mind; an agent decides."""
    for day in BUSY_DAYS:
        for name in ("garderie", "cantine"):
            answer = await try_ask(world, home, home.asks(day, activity=name))
            await try_ask(world, home, home.asks(day, activity=name, child=1))
            if answer.status == 201:
                await decide(world, [(answer.json["id"], "1", None)], token=agent)
                await end_and_begin_again(world, home, day, name, agent)


async def end_and_begin_again(
    world: World, home: Household, day: str, name: str, agent: str
) -> None:
    ended = await try_ask(world, home, cancels(home, name, day))
    if name == "cantine" and ended.status == 201:
        wish = (ended.json["id"], "1", None if day == BUSY_DAYS[0] else "Non")
        await decide(world, [wish], token=agent)
    again = await try_ask(world, home, home.asks(day, activity=name))
    if again.status == 201:
        path = f"{API}/veyras/requests/{again.json['id']}/withdrawals"
        await world.call("POST", path, token=home.token(world), json={})


async def test_a_busy_town_gives_nothing(running: World) -> None:
    """Families and agents are at work, the town takes places away and gives more, and the check
    goes on all the time."""
    homes = [await family(running) for _ in range(6)]
    await say_town(running, town(4), version=2)
    agent = running.token(roles=("childcare_office",))

    async def town_changes() -> None:
        for version, number in enumerate((2, 6, 3, 8), start=3):
            await say_town(running, town(number), version=version)

    work = asyncio.gather(*(busy(running, home, agent) for home in homes), town_changes())
    looks = 0
    while not work.done():
        assert await findings(running) == []
        looks += 1
    await work
    assert looks >= 3
    assert await findings(running) == []
    held = [holds(await session(running, day, "garderie")) for day in BUSY_DAYS]
    assert sum(held) > 0
