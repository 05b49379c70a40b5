"""A request's decisions against a plain model: settle, accept, refuse, decide again, repeat."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.booking.domain.deciding import Wish, decide, tried
from services.booking.domain.request import FULL, Line, Mode, freed, settle
from shared.contracts.booking import Reason

START = datetime(2026, 9, 14, 8, tzinfo=UTC)
MODES = st.builds(Mode, automatic=st.booleans(), holds=st.booleans())
WHY = Reason(code="agent", text="Effectif complet.")


class Decisions(RuleBasedStateMachine):
    """The model knows, per line, the state in force and since when; places are a plain set."""

    @initialize(modes=st.lists(MODES, min_size=1, max_size=4), places=st.integers(0, 4))
    def settled(self, modes: list[Mode], places: int) -> None:
        self.now = START
        self.capacity = places
        self.inside: set[str] = set()
        self.batches: dict[str, tuple[list[Wish], datetime]] = {}
        self.lines: tuple[Line, ...] = ()
        self.model: dict[str, tuple[str, datetime | None]] = {}
        self.receipts: dict[str, object] = {}
        for number, mode in enumerate(modes, start=1):
            line = Line(f"{number:x}", "child", "cantine", date(2026, 9, 20 + number), ("unit",))
            granted = None
            if mode.needs_place_at_once and not self.take(line):
                granted = FULL
            line = settle(line, mode, granted, self.now)
            assert settle(line, mode, None, self.now + timedelta(1)) == line
            self.lines += (line,)
            self.model[line.id] = (line.state, line.decided_at)
            self.receipts[line.id] = line.receipted

    def take(self, line: Line) -> bool:
        hold = line.hold_id("r")
        if hold not in self.inside and len(self.inside) >= self.capacity:
            return False
        self.inside.add(hold)
        return True

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
        full = {line.id: FULL for line in trying if line.trying and not self.take(line)}
        verdict = decide(trying, wishes, full, agent="agent", batch=batch, now=at)
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
                assert result == "full"
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


TestDecisions = Decisions.TestCase
