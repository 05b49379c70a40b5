"""Who takes part: children by their bounds, adults by theirs, and what is not known of an adult."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.booking.domain.rules.facts import (
    ADULTS_ONLY,
    AGE_NEEDED,
    CHILDREN_ONLY,
    NOT_THIS_ADULT,
    in_group,
    why_not_for,
)
from shared.contracts.family import Guardian
from shared.contracts.town_file import Adults, Eligible, Group
from shared.traits import OF_AGE, traits_of
from tests.samples import Household

DAY = date(2026, 9, 17)
AGES = range(OF_AGE, 121)
ages = st.integers(0, 119)
#: At least so old, at most so old.
bounds = st.tuples(st.none() | ages, st.none() | ages).filter(
    lambda two: two[0] is None or two[1] is None or two[0] <= two[1]
)
Bounds = tuple[int | None, int | None]


def adult(**known: Any) -> dict[str, Any]:
    return {"participant": "adult", **known}


@given(bounds)
def test_what_is_not_known_of_an_adult_is_not_guessed(two: Bounds) -> None:
    wanted = Eligible(adults=True, which_adults=Adults(from_age=two[0], to_age=two[1]))
    answers = {why_not_for(wanted, adult(age=age), {}) for age in AGES}
    assert answers <= {None, NOT_THIS_ADULT}
    unknown = why_not_for(wanted, adult(), {})
    assert unknown == (answers.pop() if len(answers) == 1 else AGE_NEEDED)


@given(bounds)
def test_an_adult_of_unknown_age_is_counted_where_any_adult_may_be(two: Bounds) -> None:
    group = Group(from_age=two[0], to_age=two[1])
    assert in_group(group, adult()) or not any(in_group(group, adult(age=age)) for age in AGES)
    assert not in_group(Group(schools=("tilleuls",)), adult())


@given(bounds, st.integers(0, 17))
def test_bounds_of_children_are_not_those_of_adults(two: Bounds, age: int) -> None:
    alone = Eligible(from_age=two[0], to_age=two[1], levels=("CE2",))
    both = alone.model_copy(update={"adults": True})
    assert why_not_for(both, adult(), {}) is None
    child = {"participant": "child", "age": age, "level": "CE2"}
    assert why_not_for(both, child, {}) == why_not_for(alone, child, {})
    assert why_not_for(alone, adult(), {}) is CHILDREN_ONLY
    assert why_not_for(Eligible(children=False, adults=True), child, {}) is ADULTS_ONLY


@pytest.mark.parametrize(
    ("eligible", "says"),
    [
        ({"children": False}, "pour les enfants, pour les adultes ou pour les deux"),
        ({"which_adults": {"from_age": 18}}, "sans `adults: true`"),
        ({"children": False, "adults": True, "schools": ["tilleuls"]}, "des enfants"),
    ],
)
def test_an_activity_for_nobody_is_refused(eligible: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Eligible.model_validate(eligible)


def test_every_member_of_the_household_is_one_participant_under_any_of_their_ids() -> None:
    other = Guardian(
        id="b", first_name="Bruno", last_name="Roux", invoiced=False, rights=(), also=("old",),
        protected=True, birth_date=date(1960, 1, 1),
    )  # fmt: skip
    card = Household().card((other,)).model_copy(update={"facts": {"resident": True}})
    assert [one.first_name for one in card.participants] == ["Léa", "Noé", "Anne", "Bruno"]
    bruno = card.participant("old")
    assert bruno is not None
    assert (bruno.id, bruno.withheld) == ("b", True)
    assert traits_of(bruno, DAY) == {"participant": "adult", "age": 66, "resident": True}
    anne = card.participant(card.guardians[0].id)
    assert anne is not None
    assert not anne.withheld
    assert traits_of(anne, DAY) == {"participant": "adult", "resident": True}
    assert card.participant("nobody") is None


def test_an_adult_has_every_right_over_themselves_and_none_over_another() -> None:
    card = Household().card()
    (anne,) = card.guardians
    own = [right for right in anne.reach if right.child == anne.id]
    assert [(one.see, one.decide, one.pay) for one in own] == [(True, True, True)]
    assert {right.child for right in anne.reach} == {anne.id, *(c.id for c in card.children)}
