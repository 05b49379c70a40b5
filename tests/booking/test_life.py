"""The whole life of bookings, at random: families and an agent act in any order, and at once.

After each step ``preau check`` finds nothing, who holds what is who should by a model in plain
Python, and no child has two bookings of one unit on one day. One service runs for all the
stories; each story has a town of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.booking.checking import check
from tests.booking.life_model import CARES, DAYS, Care, Foreseen, Line, Model, Units
from tests.booking.life_town import Command, LifeTown, Stage, request_of
from tests.world import START, Answer, StartWorld

ChoiceT = TypeVar("ChoiceT")

#: The town's clock only goes forward: evenings are past the deadline of the day that follows.
INSTANTS = [START, *(datetime(2026, 9, day, hour, tzinfo=UTC) for day, hour in
                     ((14, 18), (16, 8), (16, 18), (17, 18), (20, 18)))]  # fmt: skip
#: What may be asked for: sets that go together, and some that do not.
SETS: dict[str, tuple[Units, ...]] = {
    name: (("unit",),) if len(care.units) == 1 else
    (("m",), ("m", "av"), ("a", "sv"), ("m", "sv"), ("a",), ("m", "a", "sv"), ("av",), ("av", "sv"))
    for name, care in CARES.items()
}  # fmt: skip

#: What is drawn never depends on how commands that raced came out, or the story could not be told
#: again: a number chooses among what there is.
some = st.integers(0, 99)
few = st.integers(0, 1)
days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=2, unique=True).map(sorted)
Wishes = list[tuple[int, bool]]
wishes = st.lists(st.tuples(some, st.booleans()), min_size=1, max_size=3)


def one_of(number: int, there: Sequence[ChoiceT]) -> ChoiceT:
    return there[number % len(there)]


class Life(RuleBasedStateMachine):
    """One story, in one town."""

    stage: ClassVar[Stage]

    @initialize(
        cares=st.sets(st.sampled_from(sorted(CARES)), min_size=1, max_size=2),
        booked=st.lists(st.tuples(few, few, few, days, some), min_size=4, max_size=8),
    )
    def begin(self, cares: set[str], booked: list[tuple[int, int, int, list[str], int]]) -> None:
        """Some have booked before the story begins; an agent has decided what waited."""
        self.cares = [CARES[name] for name in sorted(cares)]
        self.model, self.instant = Model(), 0
        self.stage.world.move_to(START)
        self.town = LifeTown(self.stage.world, f"town-{next(self.stage.towns)}", self.model)
        self.stage.run(self.town.introduce())
        self.last: tuple[Command, Answer] | None = None
        for home, child, care, on, what in booked:
            self.book(home, child, care, on, what, aside=1)
        for line in self.lines(state="requested"):
            self.decided({line.ref: True})

    @property
    def now(self) -> datetime:
        return INSTANTS[self.instant]

    def child(self, home: int, child: int) -> str:
        return self.town.homes[home].children[child]

    def choose(self, care: int, what: int) -> tuple[Care, Units]:
        chosen = one_of(care, self.cares)
        return chosen, one_of(what, SETS[chosen.name])

    def lines(self, **wanted: Any) -> list[Line]:
        """Lines with these attributes."""
        return [
            line for line in self.model.lines.values()
            if all(getattr(line, name) == value for name, value in wanted.items())
        ]  # fmt: skip

    # -- one after the other -----------------------------------------------------------------

    def send(self, command: Command) -> Answer:
        answer = self.stage.run(command.send(self.stage.world))
        self.last = (command, answer)
        return answer

    def compare(self, answer: Answer, foreseen: Foreseen) -> None:
        """What was answered is what the model foresaw."""
        body = answer.json
        assert answer.status == foreseen.status, (body, foreseen)
        if foreseen.code:
            assert body["code"] == foreseen.code
            return
        dropped = [(one["date"], one["reason"]["code"]) for one in body["not_retained"]]
        assert sorted(dropped) == sorted(foreseen.dropped)
        lines = [
            (one["date"], one["state"], one["reason"]["code"] if one["reason"] else None)
            for one in body.get("lines", ())
        ]
        assert sorted(lines, key=str) == sorted(foreseen.lines, key=str)

    @rule(home=few, child=few, care=few, on=days, what=some, aside=st.integers(0, 3))
    def book(self, home: int, child: int, care: int, on: list[str], what: int, aside: int) -> None:
        """A family books; now and then the agent does for it, beyond the rules."""
        chosen, units = self.choose(care, what)
        command = self.town.books(home, child, chosen, units, on)
        if not aside:
            command = self.town.beyond_the_rules(command)
        answer = self.send(command)
        foreseen = self.model.book(
            answer.json.get("id", ""), self.child(home, child), chosen, units, on, self.now,
            aside=not aside,
        )  # fmt: skip
        self.compare(answer, foreseen)

    @rule(kind=st.sampled_from(["cancel", "absence"]), which=some, until=st.sampled_from(DAYS))
    def end(self, kind: str, which: int, until: str) -> None:
        """A booking, with those of the same child and activity until another day."""
        if not (standing := self.lines(stands=True)):
            return
        line = one_of(which, standing)
        on = sorted({line.day, until})
        between = [day for day in DAYS if on[0] <= day <= on[-1]]
        answer = self.send(self.town.ends(*self.town.whose(line), kind, line.care, on))
        foreseen = self.model.end(
            answer.json.get("id", ""), kind, line.child, line.care, between, self.now
        )
        self.compare(answer, foreseen)

    @rule(which=some, what=some)
    def change(self, which: int, what: int) -> None:
        if not (standing := self.lines(stands=True)):
            return
        line = one_of(which, [one for one in standing if len(one.care.units) > 1] or standing)
        units = one_of(what, SETS[line.care.name])
        answer = self.send(self.town.changes(line, units))
        foreseen = self.model.change(answer.json.get("id", ""), line.child, line, units, self.now)
        self.compare(answer, foreseen)

    @rule(which=some)
    def withdraw(self, which: int) -> None:
        if waiting := self.lines(state="requested"):
            line = one_of(which, waiting)
            assert self.send(self.town.withdraws(line)).status == 200
            self.model.withdraw(request_of(line.ref))

    @rule(wishes=wishes)
    def decide(self, wishes: Wishes) -> None:
        """One or many lines; of several the outcomes do not touch each other's places."""
        chosen = self.chosen(wishes)
        taken = [self.model.lines[ref] for ref in chosen]
        if len({(line.care.name, line.day) for line in taken}) < len(taken):
            chosen = dict(list(chosen.items())[:1])
        if not chosen:
            return
        self.decided(chosen)

    def decided(self, wishes: dict[str, bool]) -> None:
        answer = self.send(self.town.decides(wishes))
        assert answer.status == 200, answer.json
        results = [one["result"] for one in answer.json["results"]]
        assert results == [self.model.decide(ref, accept) for ref, accept in wishes.items()]

    def chosen(self, wishes: Wishes) -> dict[str, bool]:
        """Lines, those that wait rather than others, and whether they are to be accepted."""
        there = [line.ref for line in self.lines(state="requested")] * 2 + list(self.model.lines)
        return {one_of(number, there): accept for number, accept in wishes} if there else {}

    @rule()
    def repeat(self) -> None:
        """The same command again: the same answer, whatever has happened since."""
        if self.last is not None and self.last[1].status < 400:
            command, answer = self.last
            again = self.stage.run(command.send(self.stage.world))
            assert (again.status, again.json) == (answer.status, answer.json)

    # -- the town ----------------------------------------------------------------------------

    @rule(care=few, number=st.integers(0, 3), which=some)
    def other_capacity(self, care: int, number: int, which: int) -> None:
        chosen = one_of(care, self.cares)
        counter = one_of(which, sorted(chosen.counters))
        self.model.capacity[chosen.name, counter] = number
        self.stage.run(self.town.say_file())

    @precondition(lambda self: self.instant + 1 < len(INSTANTS))
    @rule()
    def time_passes(self) -> None:
        self.instant += 1
        self.stage.world.move_to(self.now)

    # -- at once -----------------------------------------------------------------------------

    @rule(child=few, care=few, on=days, what=st.tuples(some, some, some))
    def two_guardians_and_two_families_book(
        self, child: int, care: int, on: list[str], what: tuple[int, ...]
    ) -> None:
        (chosen, first), *others = [self.choose(care, number) for number in what]
        self.at_once(
            self.town.books(0, child, chosen, first, on),
            self.town.books(0, child, chosen, others[0][1], on, adult=1),
            self.town.books(1, child, chosen, others[1][1], on),
        )

    @rule(which=some, what=some, who=st.sets(st.integers(0, 7), min_size=2, max_size=3))
    def one_booking_is_wanted_differently(self, which: int, what: int, who: set[int]) -> None:
        """Both guardians and the agent act on the same booking."""
        if not (standing := self.lines(stands=True)):
            return
        line = one_of(which, standing)
        home, child = self.town.whose(line)
        units = one_of(what, SETS[line.care.name])
        care, day = line.care, [line.day]
        possible = [
            self.town.ends(home, child, "cancel", care, day),
            self.town.ends(home, child, "cancel", care, day, adult=1),
            self.town.ends(home, child, "absence", care, day),
            self.town.ends(home, child, "absence", care, day, adult=1),
            self.town.changes(line, units, adult=1),
            self.town.books(home, child, care, units, day),
            self.town.books(1 - home, child, care, line.units, day),
            self.town.decides({line.ref: False}),
        ]
        self.at_once(*(possible[number] for number in sorted(who)))

    @rule(which=some, accept=st.booleans(), wishes=wishes)
    def decided_and_taken_back(self, which: int, wishes: Wishes, *, accept: bool) -> None:
        if waiting := self.lines(state="requested"):
            line = one_of(which, waiting)
            self.at_once(
                self.town.withdraws(line),
                self.town.decides({line.ref: accept}),
                self.town.decides(self.chosen(wishes)),
            )

    def at_once(self, *commands: Command) -> None:
        """Send all; whatever each came to, adopt it: the invariants say whether it was right."""
        known = {request_of(ref) for ref in self.model.lines}
        self.last = None

        async def send() -> list[Answer]:
            return await asyncio.gather(*(one.send(self.stage.world) for one in commands))

        answers = self.stage.run(send())
        assert all(answer.status in (200, 201, 409, 422) for answer in answers), answers
        fresh = {answer.json["id"] for answer in answers if answer.status == 201}
        self.stage.run(self._adopt(known | fresh))

    async def _adopt(self, requests: set[str]) -> None:
        for seen in await asyncio.gather(*map(self.town.request, sorted(requests))):
            self.model.adopt(seen)
        for session in await self.town.sessions():
            self.model.adopt_extra(session["activity"], session["date"], session.get("extra", {}))

    # -- what holds always -------------------------------------------------------------------

    @invariant()
    def nothing_is_wrong(self) -> None:
        parts = self.stage.world.of("booking").parts

        async def look() -> list[Any]:
            return [finding async for finding in check(parts, self.town.slug)]

        assert self.stage.run(look()) == []

    @invariant()
    def who_should_hold_does(self) -> None:
        for session in self.stage.run(self.town.sessions()):
            held = {
                child: {unit: request_of(hold) for unit, hold in units.items()}
                for child, units in session["holders"].items() if units
            }  # fmt: skip
            care, day = session["activity"], session["date"]
            assert held == self.model.holders(care, day), (care, day)
            extra = {name: number for name, number in session.get("extra", {}).items() if number}
            assert extra == self.model.extra_of(care, day)


@pytest.fixture
def stage(start_world: StartWorld) -> Iterator[Stage]:
    it = Stage()
    try:
        it.start(start_world)
        yield it
    finally:
        it.stop()


def test_the_whole_life_of_bookings(stage: Stage) -> None:
    Life.stage = stage
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=30, stateful_step_count=30, deadline=None, print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
