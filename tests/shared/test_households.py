"""Families' cards as one household, however their records were merged; circles come to an end."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import count

import pytest

from shared.contracts.family import Child, FamilyChanged, Guardian
from shared.errors import MissingCopy
from shared.failpoints import step
from shared.households import INDEXES, Household, Households
from shared.store import Store
from tests.world import envelope

KEEP = step("sample.family.keep")
_heard = count(1)


def card(
    family: str, *children: str, into: str | None = None, parts: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
) -> FamilyChanged:  # fmt: skip
    return FamilyChanged(
        family=family, reference=family, merged_into=into, parts=parts,
        guardians=(
            Guardian(id=f"{family}-g", first_name="Anne", last_name="Roux", invoiced=True,
                     rights=()),
        ),
        children=tuple(
            Child(id=one, first_name=one, last_name="Roux", birth_date=date(2019, 1, 1),
                  school=None, level=None, also=also)
            for one in children
        ),
    )  # fmt: skip


async def known(store: Store, *cards: FamilyChanged) -> Households:
    households = Households(store, KEEP)
    for one in cards:
        now = datetime.now(UTC)
        said = envelope(one, one.family, town="veyras", time=now, sequence=next(_heard))
        await households.keep(said, one)
    return households


async def test_any_record_of_a_chain_is_the_one_that_stays(store: Store) -> None:
    await store.prepare({"copy_families": INDEXES}, [])
    households = await known(
        store, card("a", "c1", into="b"), card("b", "c1", "c2", into="c"),
        card("c", "c1", "c2", "c3", parts=("x", "b", "a")), card("x", "c3", into="c"), card("y"),
    )  # fmt: skip
    for record in "abcx":
        assert (await households.card("veyras", record)).family == "c"
    found = await households.cards(["a", "c", "y", "nobody"])
    assert {record: one.family for record, one in found.items()} == {"a": "c", "c": "c", "y": "y"}
    assert await households.merged("veyras") == {"a": "c", "b": "c", "x": "c"}
    assert await households.merged("andancette") == {}
    assert await households.records("b") == ("b", "c", "x", "a")
    with pytest.raises(MissingCopy):
        await households.card("andancette", "a")
    household = await households.household("veyras", "b")
    assert household.record_of({"c1"}) == "a", "where it was first"
    assert household.record_of({"c2"}) == "b"
    assert household.record_of({"c1", "c2"}) == "c", "of several records: the one that stays"
    assert household.record_of({"a-g"}) == "a"
    assert household.record_of(set()) == "c"


async def test_a_circle_of_records_ends(store: Store) -> None:
    households = await known(store, card("a", into="b"), card("b", into="a"))
    with pytest.raises(MissingCopy):
        await households.card("veyras", "a")
    assert set(await households.merged("veyras")) == {"a", "b"}
    await households.cards(["a", "b"])


async def test_a_child_is_found_by_any_of_its_ids(store: Store) -> None:
    households = await known(
        store, card("a", "old", into="b"), card("b", "new", parts=("a",), also=("old",))
    )
    assert [one.family for one in await households.of_participant("veyras", "old")] == ["a", "b"]
    assert [one.family for one in await households.of_participant("veyras", "new")] == ["b"]
    assert Household(card("b", "new")).record_of({"new"}) == "b"
