"""Two guardians and two agents edit, decide and take back in any order: the dossier ends where a
simple model of it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.family.domain.changes import SetField, submit
from services.family.domain.deciding import Decision, decide, withdraw
from services.family.domain.fields import owner_of, rules_of, value_of
from services.family.domain.household import Family
from services.family.domain.kinds import Setting
from services.family.domain.parts import Author
from services.family.domain.showing import Eyes
from services.family.domain.spreadsheet import read
from services.family.domain.work import Actor, Work, slot_of
from shared.errors import Refused
from tests.family.dossiers import CHILD_ID, CO_HOLDER_ID, FILE, HOLDER_ID, RULES
from tests.samples import town_file

TOWN = town_file(dossier=RULES)
TOWN_RULES = rules_of(TOWN.dossier)
NOW = datetime(2026, 9, 14, 8, tzinfo=UTC)
OWN = {"holder": HOLDER_ID, "co_holder": CO_HOLDER_ID}
#: (member, field): one that waits and one that counts at once of each guardian; two of the child.
SLOTS = [
    (HOLDER_ID, "workplace"), (HOLDER_ID, "phone"), (CO_HOLDER_ID, "workplace"),
    (CHILD_ID, "school_class"), (CHILD_ID, "diet"),
]  # fmt: skip
AT_ONCE = {"phone"}
VALUES = {
    "workplace": ["Mairie", "Gare", None], "phone": ["0102030405", "0102030406", None],
    "school_class": ["A", "B", None], "diet": ["without_meat", "without_pork", None],
}  # fmt: skip
Slot = tuple[str, str]


@dataclass
class Wait:
    """A waiting change of the model."""

    slot: Slot
    value: Any


def start() -> Family:
    today = NOW.date()
    sheet = read(FILE.encode(), town="veyras", schools=frozenset({"tilleuls"}), today=today)
    return sheet.families[0]


class Dossier(RuleBasedStateMachine):
    """The real rules beside a dictionary of values, one of waiting values, one of counts."""

    def __init__(self) -> None:
        super().__init__()
        self.family = start()
        self.value: dict[Slot, Any] = {slot: self.real(slot) for slot in SLOTS}
        self.waits: dict[str, Wait] = {}
        self.gone: list[str] = []
        self.count = dict.fromkeys(SLOTS, 0)
        self.seen = {who: dict(self.count) for who in ("holder", "co_holder", "agent1", "agent2")}
        self.sent = 0

    def real(self, slot: Slot) -> Any:
        found = owner_of(self.family, slot[0])
        assert found is not None
        return value_of(found[1], slot[1])

    def work(self, who: str) -> Work:
        guardian = self.family.guardian(OWN.get(who))
        actor = Actor(guardian) if guardian else Actor(roles=frozenset({"childcare_office"}))
        by = Author(account=who, guardian=OWN.get(who), agent=actor.agent)
        return Work(
            family=self.family, rules=TOWN_RULES, setting=Setting(TOWN, NOW, by), actor=actor,
            seal=lambda *_: {}, open=lambda *_: None,
        )  # fmt: skip

    # -- acts ------------------------------------------------------------------------------

    @rule(who=st.sampled_from(["holder", "co_holder", "agent1", "agent2"]))
    def look(self, who: str) -> None:
        self.seen[who] = dict(self.count)

    @rule(
        who=st.sampled_from(["holder", "co_holder", "agent1", "agent2"]),
        slots=st.lists(st.sampled_from(SLOTS), min_size=1, max_size=3, unique=True),
        choice=st.lists(st.integers(0, 2), min_size=3, max_size=3),
    )
    def write(self, who: str, slots: list[Slot], choice: list[int]) -> None:
        wanted = [(slot, VALUES[slot[1]][n]) for slot, n in zip(slots, choice, strict=False)]
        items = [SetField(*slot, value, self.seen[who][slot]) for slot, value in wanted]
        work = self.work(who)
        self.sent += 1
        foreign = who in OWN and any(slot[0] in OWN.values() and slot[0] != OWN[who]
                                     for slot in slots)  # fmt: skip
        stale = any(self.seen[who][slot] != self.count[slot] for slot in slots)
        if foreign or stale:
            with pytest.raises(Refused) as refused:
                submit(work, str(self.sent), items)
            assert refused.value.code in ("field-changed", "forbidden")
            return
        submit(work, str(self.sent), items)
        self.family = work.finished()
        for change, (slot, value) in zip(work.made, wanted, strict=True):
            self.count[slot] += 1
            self.seen[who][slot] = self.count[slot]
            if who in OWN:
                self.drop(slot)
            if who not in OWN or slot[1] in AT_ONCE or value == self.value[slot]:
                self.value[slot] = value
                self.gone.append(change.id)
            else:
                self.waits[change.id] = Wait(slot, value)

    def drop(self, slot: Slot) -> None:
        for change, wait in list(self.waits.items()):
            if wait.slot == slot:
                del self.waits[change]
                self.gone.append(change)

    @precondition(lambda self: self.waits or self.gone)
    @rule(
        who=st.sampled_from(["agent1", "agent2"]),
        accept=st.booleans(),
        pick=st.integers(0, 1000),
        late=st.booleans(),
    )
    def decide(self, who: str, accept: bool, pick: int, late: bool) -> None:
        ids = self.gone[-20:] if late and self.gone else [*self.waits] or self.gone[-20:]
        change = ids[pick % len(ids)]
        work = self.work(who)
        states = decide(work, [Decision(change, accept, "motif")])
        self.family = work.finished()
        wait = self.waits.pop(change, None)
        if wait is None:
            assert states[change] != "waiting"
            return
        self.count[wait.slot] += 1
        self.gone.append(change)
        assert states == {change: "accepted" if accept else "refused"}
        if accept:
            self.value[wait.slot] = wait.value

    @precondition(lambda self: self.waits)
    @rule(who=st.sampled_from(["holder", "co_holder"]), pick=st.integers(0, 1000))
    def take_back(self, who: str, pick: int) -> None:
        change = [*self.waits][pick % len(self.waits)]
        slot = self.waits[change].slot
        work = self.work(who)
        if slot[0] in OWN.values() and slot[0] != OWN[who]:
            with pytest.raises(Refused):
                withdraw(work, change)
            return
        withdraw(work, change)
        self.family = work.finished()
        del self.waits[change]
        self.gone.append(change)
        self.count[slot] += 1

    # -- what holds ------------------------------------------------------------------------

    @invariant()
    def as_the_model_says(self) -> None:
        assert {slot: self.real(slot) for slot in SLOTS} == self.value
        waiting = {c.id: ((c.member, c.field), c.value) for c in self.family.waiting()}
        assert waiting == {change: (w.slot, w.value) for change, w in self.waits.items()}
        counted = {slot: self.family.revisions.get(slot_of(*slot), 0) for slot in SLOTS}
        assert counted == self.count

    @invariant()
    def a_decided_change_keeps_no_value(self) -> None:
        assert all(change.value is None for change in self.family.changes if not change.waits)

    @invariant()
    def guardians_see_the_same_of_the_child(self) -> None:
        seen = [
            Eyes(Actor(guardian), TOWN_RULES).see(self.family) for guardian in self.family.guardians
        ]
        about = [[c for c in one.changes if c.member == CHILD_ID] for one in seen]
        assert about[0] == about[1]


Dossier.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestDossier = Dossier.TestCase
