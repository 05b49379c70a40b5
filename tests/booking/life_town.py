"""The town of ``test_life``: what runs, who lives there, and the commands they send."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from threading import Thread
from typing import Any, TypeVar

from services.booking.service import build
from shared.contracts.family import ChildRights, Guardian
from shared.ids import new_id
from tests.booking.life_model import CARES, Care, Line, Model, Units
from tests.samples import API, Household, activity, say_town, town_file
from tests.world import Answer, StartWorld, World, eventually

ResultT = TypeVar("ResultT")

_LUC = "b" * 32
_EVE = {
    "id": "eve", "valid_from": "2020-01-01", "source": "test",
    "cutoff": {"anchor": "day", "days_before": 1, "time": "18:00"},
}  # fmt: skip
_ONE_MEAL = {
    "excludes": [["av", "sv"]],
    "implies": [{"unit": meal, "any_of": ["m", "a"]} for meal in ("av", "sv")],
}


class Stage:
    """Booking on a loop of its own: the rules of a state machine are no coroutines."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()
        self._stack = AsyncExitStack()
        self.towns = itertools.count(1)
        self.world: World

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run to its end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def start(self, start_world: StartWorld) -> None:
        """Start booking alone."""
        self.world = self.run(self._stack.enter_async_context(start_world({"booking": build})))

    def stop(self) -> None:
        """End it, and the loop."""
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Command:
    """One POST, that may be repeated as it was."""

    def __init__(self, path: str, token: str, body: dict[str, Any]) -> None:
        self.path, self.token, self.body, self.key = path, token, body, new_id()

    async def send(self, world: World) -> Answer:
        """POST it, under its key."""
        return await world.call("POST", self.path, token=self.token, json=self.body, key=self.key)


class LifeTown:
    """Two families with two guardians and two children each, and an agent."""

    def __init__(self, world: World, slug: str, model: Model) -> None:
        self.world, self.slug, self.model, self._version = world, slug, model, 0
        self.homes = [Household(town=slug) for _ in range(2)]
        self._tokens = [
            (home.token(world), world.token(slug, families={home.id: _LUC})) for home in self.homes
        ]
        self.agent = world.token(slug, roles=("childcare_office",))

    async def introduce(self) -> None:
        """Say the town's file and its families."""
        await self.say_file()
        for home in self.homes:
            rights = tuple(
                ChildRights(child=child, see=True, decide=True, pay=True) for child in home.children
            )
            luc = Guardian(
                id=_LUC, first_name="Luc", last_name="Petit", invoiced=False, rights=rights
            )
            await self.world.say(home.card((luc,)), f"families/{home.id}", town=self.slug)
        ids = {"$in": [home.id for home in self.homes]}

        async def known() -> bool:
            found = await self.world.store("booking").count("copy_families", {"_id": ids})
            return found == len(self.homes)

        await eventually(known, what="both families are known")

    async def say_file(self) -> None:
        """Say what the model knows of capacities."""
        self._version += 1
        activities = [self._activity(care) for care in CARES.values()]
        file = town_file(town=self.slug, activities=activities)
        await say_town(self.world, file, self._version)

    def _activity(self, care: Care) -> dict[str, Any]:
        by_agent = {"outcome": "ask_agent"}
        book, cancel = (
            _EVE | by_agent if asked else _EVE for asked in (care.asked, care.cancelled_by_agent)
        )
        return activity(
            care.name,
            decision="automatic" if care.automatic else "agent",
            hold_while_waiting=care.holds,
            units=[{"id": unit, "name": unit.upper()} for unit in care.units],
            relations=_ONE_MEAL if "av" in care.units else {},
            places=[
                {"id": name, "units": units, "capacity": self.model.capacity[care.name, name],
                 "source": "test"}
                for name, units in care.counters.items()
            ],
            deadlines={"book": [book], "cancel": [cancel]},
        )  # fmt: skip

    # -- commands ----------------------------------------------------------------------------

    def whose(self, line: Line) -> tuple[int, int]:
        """The family and the child, by number."""
        return next(
            (number, home.children.index(line.child))
            for number, home in enumerate(self.homes)
            if line.child in home.children
        )

    def books(
        self, home: int, child: int, care: Care, units: Units, on: list[str], *, adult: int = 0
    ) -> Command:
        """A basket of one activity, for some days."""
        one = {"child": self.homes[home].children[child], "activity": care.name, "units": units}
        return self._asks(home, {"asked": [{**one, "day": day} for day in on]}, adult)

    def ends(
        self, home: int, child: int, kind: str, care: Care, on: list[str], *, adult: int = 0
    ) -> Command:
        """A basket that cancels, or reports absent, from a day to another."""
        one = {"kind": kind, "child": self.homes[home].children[child], "activity": care.name,
               "first": on[0], "last": on[-1]}  # fmt: skip
        return self._asks(home, {"ends": [one]}, adult)

    def changes(self, line: Line, units: Units, *, adult: int = 0) -> Command:
        """A basket that changes a booking."""
        one = {"child": line.child, "activity": line.care.name, "day": line.day,
               "from_units": line.units, "units": units}  # fmt: skip
        return self._asks(self.whose(line)[0], {"changes": [one]}, adult)

    def beyond_the_rules(self, command: Command) -> Command:
        """The same, asked by the agent."""
        override = {"rules": ["deadline", "places"], "reason": "Urgence"}
        return Command(command.path, self.agent, command.body | {"override": override})

    def decides(self, wishes: dict[str, bool]) -> Command:
        """The agent's decisions: lines, and whether they are accepted."""
        decisions = [
            {"request": request_of(ref), "line": ref.rpartition("-")[2],
             "outcome": "accepted" if accept else "refused",
             **({} if accept else {"reason": "Non"})}
            for ref, accept in wishes.items()
        ]  # fmt: skip
        return Command(f"{API}/{self.slug}/decisions", self.agent, {"decisions": decisions})

    def withdraws(self, line: Line) -> Command:
        """A family takes back what waits of a request."""
        path = f"{API}/{self.slug}/requests/{request_of(line.ref)}/withdrawals"
        return Command(path, self._tokens[self.whose(line)[0]][0], {})

    def _asks(self, home: int, body: dict[str, Any], adult: int) -> Command:
        whole = {"family": self.homes[home].id, **body}
        return Command(f"{API}/{self.slug}/requests", self._tokens[home][adult], whole)

    # -- what there is -----------------------------------------------------------------------

    async def request(self, _id: str) -> dict[str, Any]:
        """A request as the agent sees it."""
        path = f"{API}/{self.slug}/requests/{_id}"
        found: dict[str, Any] = (await self.world.call("GET", path, token=self.agent)).json
        return found

    async def sessions(self) -> list[dict[str, Any]]:
        """The sessions as they are stored."""
        ids = {"$gt": f"{self.slug}/", "$lt": f"{self.slug}0"}  # "0" follows "/"
        return await self.world.store("booking").find("sessions", {"_id": ids})


def request_of(ref: str) -> str:
    """The request of a line."""
    return ref.rpartition("-")[0]
