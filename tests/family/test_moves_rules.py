"""Moves between family records at random: nobody is lost, nobody is doubled, a merge undone is
as if it had not been."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from services.family.domain.household import (
    Change,
    Child,
    Contact,
    Family,
    Guardian,
    Measure,
    family_id,
)
from services.family.domain.moves import Move, Pair, Wish, check_undo, decide
from services.family.domain.parts import Author
from shared.contracts.family import Became, ChildRights
from shared.errors import Refused

NOW = datetime(2026, 9, 14, 8, tzinfo=UTC)
TOWN = "veyras"
_number = count()


class Vault:
    """Seals legibly, and opens only where it was sealed."""

    def seal(self, member: str, field: str, value: Any) -> dict[str, Any]:
        return {"key": f"{member}/{field}", "box": value}

    def open(self, member: str, field: str, sealed: Mapping[str, Any]) -> Any:
        assert sealed["key"] == f"{member}/{field}"
        return sealed["box"]


def family(reference: str, guardians: int = 1, children: int = 1, contacts: int = 0) -> Family:
    """A record whose members are named by it."""
    kids = [
        Child(
            id=f"{reference}-c{n}", first_name=f"C{n}", last_name=reference,
            birth_date=date(2019, 1, 1), school=None, level=None,
        )
        for n in range(children)
    ]  # fmt: skip
    rights = tuple(ChildRights(child=k.id, see=True, decide=True, pay=True) for k in kids)
    return Family(
        id=family_id(TOWN, reference), town=TOWN, reference=reference,
        guardians=tuple(
            Guardian(
                id=f"{reference}-g{n}", role="co_holder" if n else "holder", first_name=f"G{n}",
                last_name=reference, phone=None, email=None, address=None, invoiced=n == 0,
                rights=rights,
            )
            for n in range(guardians)
        ),
        children=tuple(kids),
        contacts=tuple(
            Contact(
                id=f"{reference}-k{n}", kind="emergency", first_name=f"K{n}",
                last_name=reference, phone="0600000000", relation=None,
            )
            for n in range(contacts)
        ),
    )  # fmt: skip


def move(kind: Any, pair: Pair, wish: Wish, merge: Move | None = None) -> Move:
    """A move decided on."""
    target = pair.target.id if pair.target else family_id(TOWN, wish.reference or "")
    asked = Move(
        id=f"m{next(_number)}", town=TOWN, kind=kind, source=pair.source.id, target=target,
        wish=wish, agent="a", at=NOW, body_hash="", undoes=merge.id if merge else None,
    )  # fmt: skip
    after = decide(asked, pair, Vault(), merge)
    return asked.model_copy(update={"before": pair, "after": after, "done": True})


def merged(source: Family, target: Family, **same: str) -> Move:
    pairs = tuple(Became(member=member, into=into) for member, into in same.items())
    return move("merge", Pair(source=source, target=target), Wish(same=pairs))


def after(done: Move) -> tuple[Family, Family]:
    assert done.after is not None
    assert done.after.target is not None
    return done.after.source, done.after.target


def right(family: Family, guardian: str, child: str) -> ChildRights | None:
    found = family.guardian(guardian)
    assert found is not None
    return next((one for one in found.rights if one.child == child), None)


def test_rights_over_the_children_come_with_those_who_have_them() -> None:
    _, both = after(merged(family("B"), family("A")))
    assert right(both, "B-g0", "B-c0") is not None
    assert right(both, "A-g0", "B-c0") is None, "nobody sees a child by somebody else's merge"
    assert [one.role for one in both.guardians] == ["holder", "co_holder"]
    assert [one.id for one in both.guardians if one.invoiced] == ["A-g0"]


def test_the_same_parent_has_the_rights_of_both_records_and_the_same_child_both_names() -> None:
    blind = family("A")
    holder = blind.guardians[0].model_copy(update={"rights": ()})
    blind = blind.model_copy(update={"guardians": (holder,)})
    done = merged(family("B"), blind, **{"B-g0": "A-g0", "B-c0": "A-c0"})
    gone, both = after(done)
    assert [one.id for one in both.guardians] == ["A-g0"]
    assert [(one.id, one.also) for one in both.children] == [("A-c0", ("B-c0",))]
    assert right(both, "A-g0", "A-c0") is not None
    assert (gone.merged_into, both.former) == (both.id, ("B",))
    undone = move("undo", Pair(source=gone, target=both), Wish(), done)
    back = after(undone)
    assert back == (family("B"), blind.model_copy(
        update={"guardians": (holder.model_copy(update={"rights": (
            ChildRights(child="A-c0", see=False, decide=False, pay=False),
        )}),)}
    ))  # fmt: skip


def test_what_was_changed_since_a_merge_stays_changed_when_it_is_undone() -> None:
    done = merged(family("B", children=2), family("A"))
    gone, both = after(done)
    moved = [
        child.model_copy(update={"school": "tilleuls"}) if child.id in ("B-c0", "A-c0") else child
        for child in both.children
        if child.id != "B-c1"
    ]
    now = both.model_copy(update={"children": tuple(moved)})
    back, left = after(move("undo", Pair(source=gone, target=now), Wish(), done))
    assert [(one.id, one.school) for one in back.children] == [("B-c0", "tilleuls")]
    assert [(one.id, one.school) for one in left.children] == [("A-c0", "tilleuls")]


@pytest.mark.parametrize(
    ("same", "code"),
    [
        ({"B-g0": "A-c0"}, "not-the-same-kind"),
        ({"B-g9": "A-g0"}, "not-the-same-kind"),
        ({"B-c0": "A-c0", "B-c1": "A-c0"}, "paired-twice"),
    ],
)
def test_only_the_same_person_is_paired_once(same: dict[str, str], code: str) -> None:
    with pytest.raises(Refused) as refused:
        merged(family("B", children=2), family("A"), **same)
    assert refused.value.code == code


def test_a_split_leaves_a_holder_and_somebody_invoiced_on_both_sides() -> None:
    done = move(
        "split", Pair(source=family("A", guardians=2, contacts=1), target=None),
        Wish(guardians=("A-g0",), reference="A2"),
    )  # fmt: skip
    for record in after(done):
        assert [one.role for one in record.guardians] == ["holder"]
        assert [one.invoiced for one in record.guardians] == [True]
        assert [one.id for one in record.children] == ["A-c0"]
        assert right(record, record.guardians[0].id, "A-c0") is not None
        assert len(record.contacts) == 1
    with pytest.raises(Refused) as refused:
        move("split", Pair(source=family("A"), target=None), Wish(guardians=("A-g0",)))
    assert refused.value.code == "nobody-left"


def test_a_transferred_child_has_those_who_decide_that_the_agent_named() -> None:
    pair = Pair(source=family("A", children=2), target=family("B", guardians=2))
    done = move("transfer", pair, Wish(children=("A-c1",), rights=(("B-g1", True, True, False),)))
    left, got = after(done)
    assert [one.id for one in left.children] == ["A-c0"]
    assert [one.id for one in got.children] == ["B-c0", "A-c1"]
    given = right(got, "B-g1", "A-c1")
    assert given is not None
    assert (given.see, given.decide, given.pay) == (True, True, False)
    other = right(got, "B-g0", "A-c1")
    assert other is not None
    assert not other.see
    for wish, code in (
        (Wish(children=("A-c1",), rights=(("B-g1", True, False, True),)), "nobody-decides"),
        (Wish(children=("A-c1",), rights=(("A-g0", True, True, True),)), "invalid-input"),
        (Wish(children=("B-c0",), rights=(("B-g0", True, True, True),)), "invalid-input"),
    ):
        with pytest.raises(Refused) as refused:
            move("transfer", pair, wish)
        assert refused.value.code == code


def test_a_merge_is_undone_once_and_in_time() -> None:
    done = merged(family("B"), family("A"))
    check_undo(done, NOW + timedelta(days=30))
    for late, now, code in (
        (done, NOW + timedelta(days=31), "too-late-to-undo"),
        (done.model_copy(update={"undone_by": "m"}), NOW, "already-undone"),
        (done.model_copy(update={"kind": "split"}), NOW, "not-a-merge"),
        (done.model_copy(update={"done": False}), NOW, "not-a-merge"),
    ):
        with pytest.raises(Refused) as refused:
            check_undo(late, now)
        assert refused.value.code == code


SEE = ChildRights(child="A-c0", see=True, decide=False, pay=False)
BY = Author(account="a", guardian="B-g0")


def measured(guardian: str, child: str) -> Measure:
    rights = (SEE.model_copy(update={"child": child}),)
    return Measure(
        guardian=guardian, rights=rights, protected=True, limited=True, reason="Jugement", by=BY,
        at=NOW,
    )  # fmt: skip


def guarded_pair() -> Pair:
    """The same parent and child twice: in the source protected, limited, with more known, and
    with changes that wait."""
    source = family("B", guardians=2)
    parent, child = source.guardians[0], source.children[0]
    source = source.model_copy(update={
        "guardians": (
            parent.model_copy(update={
                "protected": True, "limited": True, "phone": "0611111111",
                "rights": (SEE.model_copy(update={"child": "B-c0"}),),
                "more": {"iban": Vault().seal("B-g0", "iban", "FR76")},
            }),
            source.guardians[1],
        ),
        "children": (child.model_copy(update={
            "school": "tilleuls", "more": {"allergies": Vault().seal("B-c0", "allergies", "noix")},
        }),),
        "measures": (measured("B-g0", "B-c0"),),
        "changes": (
            Change(id="x1", request="r", act="set", member="B-c0", field="allergies",
                   value=Vault().seal("B-c0", "allergies", "lait"), by=BY, at=NOW),
            Change(id="x2", request="r", act="add", member="new", kind="child", value={},
                   by=BY, at=NOW),
        ),
    })  # fmt: skip
    return Pair(source=source, target=family("A", children=2))


SAME = {"B-g0": "A-g0", "B-c0": "A-c0"}


def test_the_same_person_stays_protected_and_limited_and_nothing_known_is_lost() -> None:
    pair = guarded_pair()
    assert pair.target is not None
    _, both = after(merged(pair.source, pair.target, **SAME))
    parent, child = both.guardians[0], both.children[0]
    assert (parent.protected, parent.limited, parent.phone) == (True, True, "0611111111")
    assert right(both, "A-g0", "A-c0") == SEE, "what both give"
    hidden = right(both, "A-g0", "A-c1")
    assert hidden is not None
    assert not hidden.see, "the record that gives it does not know the limit"
    assert parent.more["iban"] == Vault().seal("A-g0", "iban", "FR76")
    assert child.school == "tilleuls"
    assert child.more["allergies"] == Vault().seal("A-c0", "allergies", "noix")
    assert both.measures == (measured("A-g0", "A-c0"),)
    waiting, new = both.waiting()
    assert (waiting.id, waiting.member) == ("x1", "A-c0")
    assert (waiting.by.guardian, new.id, new.member) == ("A-g0", "x2", "new")
    assert waiting.value == Vault().seal("A-c0", "allergies", "lait")
    assert both.revisions["A-c0/allergies"] == 2, "nobody writes over what they have not seen"


def test_what_a_merge_brought_goes_back_as_it_is_when_it_is_undone() -> None:
    pair = guarded_pair()
    assert pair.target is not None
    done = merged(pair.source, pair.target, **SAME)
    gone, both = after(done)
    decided = both.changes[0].model_copy(update={"state": "refused", "value": None})
    now = both.model_copy(update={"changes": (decided, both.changes[1])})
    back, left = after(move("undo", Pair(source=gone, target=now), Wish(), done))
    assert [(one.id, one.member, one.state) for one in back.changes] == [
        ("x1", "B-c0", "refused"), ("x2", "new", "waiting"),
    ]  # fmt: skip
    told: dict[str, Any] = {"changes": (), "revisions": {}}
    assert back.model_copy(update=told) == pair.source.model_copy(update=told)
    assert [one.id for one in left.changes] == ["x1"]
    assert _without_empty_rights(left.model_copy(update=told)) == _without_empty_rights(pair.target)


def test_two_health_sheets_that_differ_are_not_merged() -> None:
    pair = guarded_pair()
    assert pair.target is not None
    child = pair.target.children[0].model_copy(
        update={"more": {"allergies": Vault().seal("A-c0", "allergies", "lait")}}
    )
    target = pair.target.model_copy(update={"children": (child, *pair.target.children[1:])})
    with pytest.raises(Refused) as refused:
        merged(pair.source, target, **SAME)
    assert (refused.value.code, refused.value.field) == ("health-differs", "/same/1")
    assert "Allergies" in refused.value.detail
    assert "lait" not in refused.value.detail


def test_records_merged_there_and_back_are_as_they_were() -> None:
    one, other = family("there"), family("back")
    for _ in range(3):
        for source, target in ((one, other), (other, one)):
            same = dict(zip(
                (m.id for _, m in source.members()), (m.id for _, m in target.members()),
                strict=True,
            ))  # fmt: skip
            made = merged(source, target, **same)
            assert made.after is not None
            assert made.after.target is not None
            names = {name for m in made.after.target.known_as().values() for name in m}
            assert names == set(same)
            undone = move("undo", made.after, Wish(), made)
            assert [_without_empty_rights(one) for one in after(undone)] == [
                _without_empty_rights(one) for one in (source, target)
            ]


def test_a_childs_names_may_go_round_and_are_each_kept_once() -> None:
    """Of two records after a split, merged away by one name and back by the other."""
    split_off = family("kept", children=1)
    child = split_off.children[0]
    here = family("here", children=0).model_copy(update={"children": (child,)})
    other = family("other", children=1)
    named = other.children[0].id
    first = merged(here, other, **{child.id: named}).after
    assert first is not None
    assert first.target is not None
    second = merged(first.target, split_off, **{named: child.id}).after
    assert second is not None
    assert second.target is not None
    (kept,) = second.target.children
    assert kept.id == child.id
    assert set(kept.also) == {named}, "not its own id"


def test_a_child_of_both_records_keeps_the_names_of_both_and_undone_its_own() -> None:
    """After a split a child is of both; a third record told one of them another name of it."""
    kept, left = after(move("split", Pair(source=family("A", 2), target=None),
                            Wish(guardians=("A-g0",), reference="S")))  # fmt: skip
    kept = after(merged(family("B"), kept, **{"B-c0": "A-c0"}))[1]
    done = merged(kept, left)
    _, both = after(done)
    assert [(one.id, one.also) for one in both.children] == [("A-c0", ("B-c0",))]
    back, other = after(move("undo", Pair(source=after(done)[0], target=both), Wish(), done))
    assert [(one.id, one.also) for one in back.children] == [("A-c0", ("B-c0",))]
    assert [(one.id, one.also) for one in other.children] == [("A-c0", ())]


class Records(RuleBasedStateMachine):
    """A town's records under moves at random. Each person is known by every id they ever had."""

    references = Bundle("references")

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, Family] = {}
        self.merges: list[Move] = []
        self.people: set[str] = set()

    @initialize(target=references, sizes=st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 3), st.integers(0, 2)), min_size=2, max_size=4
    ))  # fmt: skip
    def begin(self, sizes: list[tuple[int, int, int]]) -> Any:
        for number, (guardians, children, contacts) in enumerate(sizes):
            new = family(f"F{number}", guardians, children, contacts)
            self.records[new.id] = new
            self.people |= {one.id for one in (*new.guardians, *new.children)}

    def live(self) -> list[Family]:
        return [one for one in self.records.values() if one.merged_into is None]

    def done(self, made: Move) -> None:
        for record in after(made):
            self.records[record.id] = record

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        live = self.live()
        if len(live) < 2:
            return
        source, target = data.draw(st.permutations(live))[:2]
        same = {}
        for kind in ("guardians", "children"):
            left = [one.id for one in getattr(source, kind)]
            here = [one.id for one in getattr(target, kind)]
            pairs = zip(data.draw(st.permutations(left)), data.draw(st.permutations(here)),
                        strict=False)  # fmt: skip
            # Whoever is in both records already (a child after a split) is paired with themselves.
            same |= {a: b for a, b in pairs if data.draw(st.booleans()) and a not in here
                     and b not in left}  # fmt: skip
        made = merged(source, target, **same)
        self.done(made)
        self.merges.append(made)

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        open_merges = [one for one in self.merges if one.undone_by is None]
        if not open_merges:
            return
        chosen = data.draw(st.sampled_from(open_merges))
        source, target = self.records[chosen.source], self.records[chosen.target]
        if target.merged_into is not None:
            return
        try:
            made = move("undo", Pair(source=source, target=target), Wish(), chosen)
        except Refused as refused:
            assert refused.code == "changed-since"  # noqa: PT017
            return
        self.done(made)
        self.merges.remove(chosen)
        if chosen.after is not None and chosen.after.target == target:
            assert chosen.before is not None
            assert _without_empty_rights(self.records[source.id]) == _without_empty_rights(
                chosen.before.source
            )
            assert chosen.before.target is not None
            assert _without_empty_rights(self.records[target.id]) == _without_empty_rights(
                chosen.before.target
            )

    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        many = [one for one in self.live() if len(one.guardians) > 1]
        if not many:
            return
        source = data.draw(st.sampled_from(many))
        leaving = data.draw(st.sampled_from([one.id for one in source.guardians]))
        reference = f"S{next(_number)}"
        self.done(move(
            "split", Pair(source=source, target=None),
            Wish(guardians=(leaving,), reference=reference),
        ))  # fmt: skip

    @rule(data=st.data())
    def transfer(self, data: st.DataObject) -> None:
        live = self.live()
        givers = [one for one in live if one.children]
        if not givers or len(live) < 2:
            return
        source = data.draw(st.sampled_from(givers))
        target = data.draw(st.sampled_from([one for one in live if one.id != source.id]))
        child = data.draw(st.sampled_from([one.id for one in source.children]))
        self.done(move(
            "transfer", Pair(source=source, target=target),
            Wish(children=(child,), rights=((target.guardians[0].id, True, True, True),)),
        ))  # fmt: skip

    @invariant()
    def nobody_is_lost_and_no_guardian_doubled(self) -> None:
        live = self.live()
        became: dict[str, str] = {}
        for record in self.records.values():
            became |= {one.member: one.into for one in record.became}
        guardians = [one.id for record in live for one in record.guardians]
        assert len(guardians) == len(set(guardians))
        children = {name for record in live for child in record.children for name in child.ids}
        for person in self.people:
            # A child of two records may have been merged there and back: their names go round.
            names = [person]
            while (into := became.get(names[-1])) is not None and into not in names:
                names.append(into)
            assert children.union(guardians).intersection(names), person

    @invariant()
    def each_record_is_sound(self) -> None:
        for record in self.live():
            ids = [one.id for one in (*record.guardians, *record.children, *record.contacts)]
            assert len(ids) == len(set(ids)), "nobody is twice in a record"
            assert [one.role for one in record.guardians].count("holder") == 1
            assert sum(one.invoiced for one in record.guardians) == 1
            children = {one.id for one in record.children}
            for guardian in record.guardians:
                rights = [one.child for one in guardian.rights]
                assert len(rights) == len(set(rights))
                assert set(rights) <= children


def _without_empty_rights(family: Family) -> Family:
    return family.model_copy(update={"guardians": tuple(
        one.model_copy(update={"rights": tuple(sorted(
            (r for r in one.rights if r.see or r.decide or r.pay), key=lambda r: r.child
        ))})
        for one in family.guardians
    )})  # fmt: skip


TestRecords = Records.TestCase
TestRecords.settings = settings(max_examples=120, stateful_step_count=12, deadline=None)
