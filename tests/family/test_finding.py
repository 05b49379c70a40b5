"""What an agent types finds the family, slips and accents notwithstanding; families that look
alike are told."""

from __future__ import annotations

import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.family.domain.duplicates import ALIKE, likeness
from services.family.domain.finding import keys, sounds_like, wanted
from services.family.domain.household import Address, Family
from tests.family.test_moves_rules import family


def named(*names: tuple[str, str], reference: str = "A1") -> Family:
    """A record: the first name is the holder's, the others are children's."""
    record = family(reference, children=len(names) - 1)
    (first, last), *children = names
    holder = record.guardians[0].model_copy(update={
        "first_name": first, "last_name": last, "phone": "+33 (0)6 39 98 00 01",
        "email": "Anne@Exemple.fr", "address": Address(street="1 rue", postcode="07000",
                                                       city="Veyras"),
    })  # fmt: skip
    return record.model_copy(update={
        "guardians": (holder,),
        "children": tuple(
            child.model_copy(update={"first_name": one, "last_name": other})
            for child, (one, other) in zip(record.children, children, strict=True)
        ),
    })  # fmt: skip


RECORD = named(("Anne-Laure", "D'Éon"), ("Zoé", "Lefèvre"), ("Matthieu", "Dupont-Moretti"))


def finds(text: str, record: Family = RECORD) -> int:
    """How closely the record answers; 0 when something typed does not find it."""
    held = keys(record)
    scores = [one.closeness(held) for one in wanted(text)]
    return min(scores, default=0)


@pytest.mark.parametrize(
    "text",
    ["anne", "LAURE d", "deon", "D'Eon", "zoe lefevre", "dupont moretti", "dupontmor", "a1",
     "06 39 98 00 01", "0639980001", "+33639980001", "063998", "anne@exemple", "01/01/2019",
     "2019-01-01", "zoé 1/1/2019 06.39.98.00.01"],
)  # fmt: skip
def test_beginnings_telephones_mails_and_dates_find_a_family(text: str) -> None:
    assert finds(text) >= 2


@pytest.mark.parametrize(
    "text",
    ["lefebvre", "lefaivre", "dupond", "matieu", "mathieux", "morety", "moreti", "mortetti",
     "dupnot", "lfevre"],
)  # fmt: skip
def test_a_slip_or_another_spelling_finds_it_too(text: str) -> None:
    assert finds(text) == 1


@pytest.mark.parametrize(
    "text", ["martin", "on", "--", "zz", "02/01/2019", "31/02/2019", "0639980002", "lefort"]
)
def test_what_is_not_there_is_not_found(text: str) -> None:
    assert finds(text) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [("lefevre", "lefebvre"), ("dupont", "dupond"), ("philippe", "filipe"), ("mathieu", "matieu"),
     ("gauthier", "gautier"), ("thibault", "tibaud"), ("quentin", "kantin"), ("renaud", "reno"),
     ("jacques", "jaques"), ("nicolas", "nikola"), ("roux", "rou")],
)  # fmt: skip
def test_names_that_sound_alike(one: str, other: str) -> None:
    assert sounds_like(one) == sounds_like(other)


@pytest.mark.parametrize(
    ("one", "other"), [("martin", "morin"), ("roux", "ruiz"), ("bernard", "benoit"), ("leo", "lea")]
)
def test_names_that_do_not(one: str, other: str) -> None:
    assert sounds_like(one) != sounds_like(other)


WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=5, max_size=12)


@given(WORDS, st.randoms(use_true_random=False))
def test_any_one_slip_in_a_long_name_is_forgiven(word: str, chance: random.Random) -> None:
    at = chance.randrange(len(word) - 1)
    letter = chance.choice("abcdefghijklmnopqrstuvwxyz")
    record = named(("Al", word))
    for typed in (
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ):
        if len(typed) >= 5:
            assert finds(typed, record) > 0, typed


@given(st.text(max_size=100))
def test_anything_may_be_typed(text: str) -> None:
    assert len(wanted(text)) <= 8


def test_a_record_is_found_by_a_bounded_number_of_keys() -> None:
    assert len(keys(RECORD)) < 120


def test_the_same_child_in_two_records_is_told_with_its_reasons() -> None:
    other = named(("Paul", "Roux"), ("Zoe", "LEFEVRE"), reference="B2")
    paul = other.guardians[0].model_copy(update={"phone": None, "email": None, "address": None})
    other = other.model_copy(update={"guardians": (paul,)})
    found = likeness(RECORD, other)
    assert [reason.code for reason in found.reasons] == ["same-child"]
    assert found.points >= ALIKE
    assert found == likeness(other, RECORD)


def test_a_spelling_or_the_same_mail_is_enough_and_the_same_name_alone_is_not() -> None:
    base = named(("Anne", "Martin"), ("Léa", "Lefèvre"))
    bare = base.guardians[0].model_copy(update={"phone": None, "email": None, "address": None})
    spelled = named(("Jean", "Roux"), ("Léa", "Lefebvre"), reference="B").model_copy(
        update={"guardians": (bare.model_copy(update={"first_name": "X", "last_name": "Y"}),)}
    )
    assert likeness(base, spelled).points >= ALIKE
    stranger = family("C", children=0)
    homonym = stranger.model_copy(update={"guardians": (bare,)})
    assert 0 < likeness(base, homonym).points < ALIKE
    at_home = stranger.model_copy(
        update={"guardians": (bare.model_copy(update={"address": base.guardians[0].address}),)}
    )
    assert likeness(base, at_home).points >= ALIKE
    mail = bare.model_copy(update={"first_name": "B", "last_name": "C", "email": "anne@exemple.FR"})
    assert likeness(base, stranger.model_copy(update={"guardians": (mail,)})).points >= ALIKE
    assert likeness(base, family("D").model_copy(update={"children": ()})).points == 0


def test_nobody_is_born_by_chance() -> None:
    """The same birth date alone says nothing."""
    one, other = family("A"), family("B")
    assert one.children[0].birth_date == other.children[0].birth_date == date(2019, 1, 1)
    renamed = other.children[0].model_copy(update={"first_name": "Ulysse", "last_name": "Zed"})
    assert likeness(one, other.model_copy(update={"children": (renamed,)})).points == 0
