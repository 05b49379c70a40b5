"""A request's decisions against a plain model: settle, accept, refuse, decide again, repeat."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.booking.domain.deciding import Wish, decide, tried
from services.booking.domain.request import FULL, Line, Mode, freed, settle, tied
from shared.contracts.booking import Reason

START = datetime(2026, 9, 14, 8, tzinfo=UTC)
MODES = st.builds(Mode, automatic=st.booleans(), holds=st.booleans())
#: Days of a whole week are booked all or none.
TIES = st.sampled_from([None, "week"])
WHY = Reason(code="agent", text="Effectif complet.")


class Decisions(RuleBasedStateMachine):
    """The model knows, per line, the state in force and since when; places are a plain set."""

    @initialize(
        modes=st.lists(st.tuples(MODES, st.booleans(), TIES), min_size=1, max_size=4),
        places=st.integers(0, 4),
    )
    def settled(self, modes: list[tuple[Mode, bool, str | None]], places: int) -> None:
        self.now = START
        self.capacity = places
        self.inside: set[str] = set()
        self.batches: dict[str, tuple[list[Wish], datetime]] = {}
        self.lines: tuple[Line, ...] = ()
        self.model: dict[str, tuple[str, datetime | None]] = {}
        self.receipts: dict[str, object] = {}
        asked = [
            Line(
                f"{number:x}", "child", "cantine", date(2026, 9, 20 + number), ("unit",),
                by_agent=by_agent, tie=tie,
            )
            for number, (_, by_agent, tie) in enumerate(modes, start=1)
        ]  # fmt: skip
        mode_of = {line.id: mode.of(line) for line, (mode, _, _) in zip(asked, modes, strict=True)}
        at_once = [line for line in asked if mode_of[line.id].needs_place_at_once]
        granted, back = tied(asked, {line.id: self.granted(line) for line in at_once})
        for line in asked:
            mode, why_not = mode_of[line.id], granted.get(line.id)
            line = settle(line, mode, why_not, self.now, may_hold=line.id in back)
            assert settle(line, mode, None, self.now + timedelta(1)) == line
            assert (line.state == "refused") == (why_not is not None)
            self.model[line.id] = (line.state, line.decided_at)
            self.receipts[line.id] = line.receipted
            self.lines += (self.give_back(line),)

    def granted(self, line: Line) -> Reason | None:
        hold = line.hold_id("r")
        if hold not in self.inside and len(self.inside) >= self.capacity:
            return FULL
        self.inside.add(hold)
        return None

    @rule(
        choices=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=4),
        wait=st.integers(0, 90),
    )
    def decides(self, choices: list[tuple[int, bool]], wait: int) -> None:
        self.now += timedelta(seconds=wait)
        wishes = [
            Wish(f"{n:x}", accept, None if accept else WHY) for n, accept in dict(choices).items()
        ]
        batch = f"batch-{len(self.batches)}"
        self.batches[batch] = (wishes, self.now)
        self.run(batch)

    @rule(data=st.data())
    def repeats(self, data: st.DataObject) -> None:
        if self.batches:
            self.run(data.draw(st.sampled_from(sorted(self.batches))))

    def run(self, batch: str) -> None:
        wishes, at = self.batches[batch]
        trying = tried(self.lines, wishes, batch=batch, now=at)
        wanted_now = [line for line in trying if line.trying]
        why_not, back = tied(wanted_now, {line.id: self.granted(line) for line in wanted_now})
        full = {line: reason for line, reason in why_not.items() if reason is not None}
        verdict = decide(trying, wishes, full, back, agent="agent", batch=batch, now=at)
        said = {line.line: True for line in verdict.accepted}
        said |= {line.line: False for line in verdict.refused}
        by_id = {line.id: line for line in self.lines}
        for wish in wishes:
            before = by_id.get(wish.line)
            result = verdict.results[wish.line]
            if before is None:
                assert result == "not-found"
                continue
            state, since = self.model[wish.line]
            wanted = "accepted" if wish.accept else "refused"
            if before.batch == batch:
                assert result == wanted
                assert wish.line not in said
            elif state == wanted or (since is not None and since >= at):
                assert result == "already-decided"
                assert wish.line not in said
            elif wish.line in full:
                assert result == ("full" if full[wish.line] == FULL else "not-possible")
                assert wish.line not in said
            else:
                assert result == wanted
                assert said.pop(wish.line) is wish.accept
                self.model[wish.line] = (wanted, at)
        assert not said
        self.lines = tuple(self.give_back(line) for line in verdict.lines)

    def give_back(self, line: Line) -> Line:
        if not line.gives_back:
            return line
        self.inside.discard(line.hold_id("r"))
        return freed(line)

    @invariant()
    def lines_are_as_the_model_says(self) -> None:
        for line in getattr(self, "lines", ()):
            assert (line.state, line.decided_at) == self.model[line.id]
            assert line.receipted == self.receipts[line.id]
            assert not line.trying

    @invariant()
    def places_are_held_by_those_who_have_them(self) -> None:
        lines = getattr(self, "lines", ())
        holding = {line.hold_id("r") for line in lines if line.held}
        assert holding == getattr(self, "inside", set())
        assert all(line.held for line in lines if line.state == "accepted")
        assert not any(line.held for line in lines if line.state == "refused")


def test_what_waits_without_a_hold_gives_back_what_an_earlier_try_may_have_taken() -> None:
    """The process that tried first went by a file that gave a place at once."""
    line = Line("1", "child", "cantine", date(2026, 9, 21), ("unit",))
    waits = settle(line, Mode(automatic=False, holds=False), None, START, may_hold=True)
    assert (waits.state, waits.held, waits.gives_back) == ("requested", False, True)
    after = freed(waits)
    assert not after.gives_back
    assert after.hold_id("r") != line.hold_id("r"), "what was given back is never taken again"


TestDecisions = Decisions.TestCase
