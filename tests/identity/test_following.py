"""Accounts follow their people when family records are merged, split, and undone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.commands.following import follow_account
from services.identity.domain.accounts import Account, AccountChanged, Link, Membership, Person
from services.identity.domain.following import (
    Record,
    end_of,
    follow,
    guardians_of,
    person_of,
    withdraw,
)
from shared.contracts.family import Became, FamilyChanged, Guardian
from shared.contracts.identity import FamilyUnlinked
from tests.identity.portal import Portal
from tests.world import eventually

NOW = datetime(2026, 9, 14, 8, tzinfo=UTC)


def account(*links: tuple[str, str]) -> Account:
    """An active account that has proved these links."""
    return Account(
        id="a", kind="adult", state="active", login_name="anne", login="anne", email="a@b.fr",
        email_key="a@b.fr",
        person=_person(),
        postal_address=None, telephones=None, password=None, created_at=NOW,
        memberships=(Membership(town="veyras", joined_at=NOW, families=tuple(
            Link(family=family, guardian=guardian, how="key", since=NOW)
            for family, guardian in links
        )),),
    )  # fmt: skip


def _person() -> Person:
    return Person(first_name="Anne", last_name="Martin")


def records(*some: Record) -> dict[str, Record]:
    return {one.id: one for one in some}


def reached(known: Account) -> set[tuple[str, str]]:
    membership = known.membership("veyras")
    assert membership is not None
    return {(one.family, one.guardian) for one in membership.families if one.how == "move"}


def pairs(known: Account) -> set[tuple[str, str]]:
    membership = known.membership("veyras")
    assert membership is not None
    return {(one.family, one.guardian) for one in membership.families}


A = Record("A", frozenset({"a1"}))
B = Record("B", frozenset({"b1"}))


def test_nothing_moves_when_nothing_was_moved() -> None:
    known = account(("A", "a1"))
    assert follow(known, "veyras", records(A, B)) == (known, ())
    assert follow(known, "elsewhere", records(A, B)) == (known, ())


def test_after_a_merge_both_reach_the_record_that_stays_and_what_was_the_others() -> None:
    merged = Record("B", frozenset({"b1"}), "A")
    both = Record("A", frozenset({"a1", "b1"}))
    b1 = follow(account(("B", "b1")), "veyras", records(both, merged))
    assert reached(b1.account) == {("A", "b1")}
    (said,) = b1.events
    assert isinstance(said, AccountChanged)
    assert {(one.family, one.guardian) for one in said.families} == {("B", "b1"), ("A", "b1")}
    a1 = follow(account(("A", "a1")), "veyras", records(both, merged))
    assert reached(a1.account) == {("B", "a1")}
    assert guardians_of("B", records(both, merged)) == both.guardians


def test_who_was_there_twice_is_one_person() -> None:
    merged = Record("B", frozenset({"b1"}), "A", {"b1": "a1"})
    known = follow(account(("B", "b1")), "veyras", records(A, merged)).account
    assert reached(known) == {("A", "a1"), ("B", "a1")}
    undone = follow(known, "veyras", records(A, B))
    assert reached(undone.account) == set()
    assert len(undone.events) == 1


def test_who_left_by_a_split_reaches_the_new_record() -> None:
    left, new = Record("A", frozenset({"a2"})), Record("A2", frozenset({"a1"}))
    known = follow(account(("A", "a1")), "veyras", records(left, new)).account
    assert reached(known) == {("A2", "a1")}


def test_records_merged_in_a_row_end_in_the_last_and_a_circle_ends() -> None:
    chain = records(
        Record("A", frozenset(), "B", {"a1": "b1"}), Record("B", frozenset(), "C"),
        Record("C", frozenset({"b1"})),
    )  # fmt: skip
    assert end_of("A", chain) == "C"
    known = follow(account(("A", "a1")), "veyras", chain).account
    assert reached(known) == {("A", "b1"), ("B", "b1"), ("C", "b1")}
    circle = records(Record("A", frozenset(), "B"), Record("B", frozenset(), "A"))
    assert end_of("A", circle) in "AB"


def test_names_that_go_round_end_at_the_one_that_a_record_still_has() -> None:
    there = Record("B", frozenset({"b1"}), "A", {"b1": "a1"})
    back = Record("C", frozenset({"a1"}), "D", {"a1": "b1"})
    home = Record("D", frozenset({"b1"}))
    for start in ("a1", "b1"):
        assert person_of(start, records(there, back, home)) == "b1"
    assert person_of("b1", records(there, A)) == "a1"


def test_a_link_withdrawn_takes_along_those_it_follows_from() -> None:
    merged = Record("B", frozenset({"b1"}), "A", {"b1": "a1"})
    both = records(A, merged, Record("C", frozenset({"c1"})))
    known = follow(account(("B", "b1"), ("C", "c1")), "veyras", both).account
    after, said = withdraw(known, "veyras", "A", both, NOW)
    assert pairs(after) == {("C", "c1")}
    assert after.withdrawn("veyras") == dict.fromkeys(
        [("A", "a1"), ("B", "a1"), ("B", "b1")], NOW
    )  # fmt: skip
    assert [one.family for one in said if isinstance(one, FamilyUnlinked)] == ["B", "A", "B"]
    assert follow(after, "veyras", both) == (after, ())
    assert withdraw(after, "veyras", "A", both, NOW) == (after, ())
    other, _ = withdraw(known, "veyras", "C", both, NOW)
    assert pairs(other) == {("A", "a1"), ("B", "a1"), ("B", "b1")}


NAMES = st.sampled_from("ABCD")
GUARDIANS = st.sampled_from(["g1", "g2", "g3", "g4"])


@given(
    st.lists(
        st.builds(
            Record, id=NAMES, guardians=st.frozensets(GUARDIANS),
            merged_into=st.none() | NAMES, became=st.dictionaries(GUARDIANS, GUARDIANS),
        ),
        unique_by=lambda one: one.id,
    ),
    st.lists(st.tuples(NAMES, GUARDIANS), unique=True),
)  # fmt: skip
def test_following_again_changes_nothing_and_keeps_what_was_proved(
    some: list[Record], links: list[tuple[str, str]]
) -> None:
    known = account(*links)
    once = follow(known, "veyras", records(*some)).account
    assert follow(once, "veyras", records(*some)) == (once, ())
    membership = once.membership("veyras")
    assert membership is not None
    pairs = [(one.family, one.guardian) for one in membership.families]
    assert pairs[: len(links)] == links
    assert len(set(pairs)) == len(pairs)


def card(
    family: str, *guardians: str, into: str | None = None, became: dict[str, str] | None = None
) -> FamilyChanged:
    return FamilyChanged(
        family=family, reference=family, children=(),
        guardians=tuple(
            Guardian(id=one, first_name="Anne", last_name="Martin", invoiced=True, rights=())
            for one in guardians
        ),
        merged_into=into,
        became=tuple(Became(member=old, into=new) for old, new in (became or {}).items()),
    )  # fmt: skip


@pytest.mark.parametrize("target_first", [True, False])
async def test_a_holder_reaches_the_merged_record_at_the_next_refresh_and_no_longer_once_undone(
    portal: Portal, target_first: bool
) -> None:
    await portal.family("f1", "g1")
    await portal.family("f2", "g2")
    key = (await portal.keys_for("f1"))["g1"]
    await portal.adult()
    tokens = await portal.logged_in()
    linked = await portal.call("POST", "/family-links", {"key": key}, token=tokens["access_token"])
    assert linked.status == 201, linked.json

    async def say(*cards: FamilyChanged) -> None:
        for one in cards if target_first else reversed(cards):
            await portal.world.say(one, f"families/{one.family}")

    async def families() -> set[tuple[str, str]]:
        fresh = await portal.logged_in()
        bearer = portal.world.of("identity").parts.keys.verify(fresh["access_token"])
        return {(one.family, one.guardian) for one in bearer.families}

    assert await families() == {("f1", "g1")}
    await say(card("f2", "g2"), card("f1", "g1", into="f2", became={"g1": "g2"}))

    async def moved() -> bool:
        return await families() == {("f2", "g2"), ("f1", "g2")}

    await eventually(moved, what="the account reaches the merged record")
    store = portal.world.store("identity")
    (stored,) = await store.find("accounts", {"memberships.families.how": "move"})
    assert stored["memberships"][0]["families"][0]["how"] == "key"
    await say(card("f2", "g2"), card("f1", "g1"))

    async def back() -> bool:
        left = await store.count("accounts", {"memberships.families.how": "move"})
        return left == 0 and await families() == {("f1", "g1")}

    await eventually(back, what="the merge undone, the account is where it was")


async def test_an_agent_withdraws_a_link_that_came_by_a_merge_for_good(portal: Portal) -> None:
    await portal.family("f1", "g1")
    await portal.family("f2", "g2")
    key = (await portal.keys_for("f1"))["g1"]
    account = await portal.adult()
    bearer = (await portal.logged_in())["access_token"]
    linked = await portal.call("POST", "/family-links", {"key": key}, token=bearer)
    assert linked.status == 201, linked.json
    await portal.world.say(card("f2", "g2"), "families/f2")
    await portal.world.say(card("f1", "g1", into="f2", became={"g1": "g2"}), "families/f1")

    async def families() -> set[str]:
        found = await portal.call("GET", "/family-links", token=bearer)
        return {one["family"] for one in found.json["links"]}

    async def moved() -> bool:
        return "f2" in await families()

    await eventually(moved, what="the account reaches the merged record")
    agent = portal.world.token(roles=("administrator",))
    gone = await portal.call("DELETE", f"/families/f2/accounts/{account}", token=agent)
    assert gone.status == 204
    assert await families() == set()
    await follow_account(portal.identity, account, "veyras")
    assert await families() == set()
    refused = await portal.call("POST", "/family-links", {"key": key}, token=bearer)
    assert refused.json["code"] == "family-key-used"
