"""Family keys, passwords and names: what holds for all of them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.identity.domain.family_keys import (
    ALPHABET,
    FamilyKey,
    Name,
    Use,
    check_usable,
    guardian_for,
    key_from,
    key_id,
    normal_form,
)
from services.identity.domain.names import check_login_name, email_key, login_key
from services.identity.domain.passwords import SHORTEST, bits_of, strength_of
from shared.errors import Refused

NOW = datetime(2026, 9, 14, 8, tzinfo=UTC)
_chance = st.binary(min_size=10, max_size=32)
_place = st.integers(0, 15)


@given(_chance)
def test_a_key_is_sixteen_characters_in_four_groups(chance: bytes) -> None:
    key = key_from(chance)
    assert [len(group) for group in key.split("-")] == [4, 4, 4, 4]
    assert normal_form(key) == key.replace("-", "")


@given(_chance, _chance)
def test_75_bits_of_chance_are_in_a_key(one: bytes, other: bytes) -> None:
    same = int.from_bytes(one[:10], "big") >> 5 == int.from_bytes(other[:10], "big") >> 5
    assert (key_from(one) == key_from(other)) == same


@given(_chance, st.sampled_from(["lower", "spaces", "confused", "full-width"]))
def test_a_key_typed_any_way_is_the_same_key(chance: bytes, way: str) -> None:
    key = key_from(chance)
    typed = {
        "lower": key.lower(),
        "spaces": "  " + key.replace("-", " . ") + "\t",
        "confused": key.replace("0", "O").replace("1", "l").replace("V", "u"),
        "full-width": "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in key),
    }[way]
    assert key_id(typed, "/key") == key_id(key, "/key")


@given(_chance, _place, st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_found(chance: bytes, place: int, wrong: str) -> None:
    text = key_from(chance).replace("-", "")
    assume(text[place] != wrong)
    assert normal_form(text[:place] + wrong + text[place + 1 :]) is None


@given(_chance, _place, _place)
def test_two_characters_exchanged_are_always_found(chance: bytes, one: int, two: int) -> None:
    characters = list(key_from(chance).replace("-", ""))
    assume(characters[one] != characters[two])
    characters[one], characters[two] = characters[two], characters[one]
    assert normal_form("".join(characters)) is None


@given(st.text(max_size=40))
def test_what_is_no_key_is_said_to_be_mistyped(typed: str) -> None:
    assume(normal_form(typed) is None)
    with pytest.raises(Refused) as refused:
        key_id(typed, "/key")
    assert (refused.value.status, refused.value.code) == (422, "family-key-mistyped")


def test_a_key_runs_out() -> None:
    key = FamilyKey(
        id="k", town="veyras", family="f", guardians=("g",), left=1, issued_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )  # fmt: skip
    check_usable(key, "a", {}, NOW, "/key")
    with pytest.raises(Refused) as refused:
        check_usable(key, "a", {}, NOW + timedelta(days=1), "/key")
    assert refused.value.code == "family-key-expired"
    use = Use(account="a", guardian="g", at=NOW)
    used = key.model_copy(update={"uses": (use,), "left": 0})
    check_usable(used, "a", {}, NOW + timedelta(days=9), "/key")
    with pytest.raises(Refused) as refused:
        check_usable(used, "a", {("f", "g"): NOW}, NOW, "/key")
    assert refused.value.code == "family-key-used"


HOUSEHOLD = {"g1": Name("Zoé", "Le Goff"), "g2": Name("Jean-Luc", "Martin")}


def household_key(*used: str) -> FamilyKey:
    uses = tuple(Use(account=f"a-{one}", guardian=one, at=NOW) for one in used)
    return FamilyKey(
        id="k", town="veyras", family="f", guardians=("g1", "g2"), left=2 - len(uses), uses=uses,
        issued_at=NOW, expires_at=NOW + timedelta(days=1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "guardian"),
    [("Zoé", "Le Goff", "g1"), ("ZOE", "LEGOFF", "g1"), ("jean luc", "martin", "g2")],
)
def test_a_households_key_knows_its_guardians_by_name(first: str, last: str, guardian: str) -> None:
    assert guardian_for(household_key(), Name(first, last), HOUSEHOLD, "/key") == guardian


@pytest.mark.parametrize(
    ("used", "first", "last"),
    [((), "Zoé", "Martin"), ((), "", ""), (("g1",), "Zoé", "Le Goff"), ((), "Luc", "Martin")],
)
def test_a_households_key_serves_nobody_else(used: tuple[str, ...], first: str, last: str) -> None:
    with pytest.raises(Refused) as refused:
        guardian_for(household_key(*used), Name(first, last), HOUSEHOLD, "/key")
    assert refused.value.code == "family-key-other-name"


_KNOWN = ("Camille-Martin", "camille", "famille@example.org")


def _weakness(password: str) -> str | None:
    return strength_of(password, _KNOWN).weakness


@given(st.text(max_size=SHORTEST - 1))
def test_short_passwords_are_refused(password: str) -> None:
    assert _weakness(password) == "too-short"


@given(st.text(max_size=20), st.text(max_size=20))
def test_passwords_that_hold_the_login_name_are_refused(before: str, after: str) -> None:
    password = before + " camille-martin " + after
    folded = login_key(password)
    assume("camille-martin" in folded)  # a combining mark may have changed a letter
    assert _weakness(password) == "names-holder"


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("aaaaaaaaaaaaaaaa", "common"),
        ("abababababababab", "common"),
        ("motdepasse123456", "common"),
        ("M0tDeP@sse!2026", "common"),
        ("azertyuiop123456", "common"),
        ("123456789012", "common"),
        ("mon FAMILLE@example.org", "names-holder"),
        ("la famille préférée", "names-holder"),
        ("x" * 201, "too-long"),
        ("quatre chevaux verts", None),
        ("bonjour la grande maison", None),
        ("Zb7!kQ2#mW9x", None),
        ("doudou doudou doudou", "common"),
        ("marseille1234", "common"),
        ("qsdfghjklmwxcvbn", "common"),
        ("4829174650281", "too-simple"),
        ("", "too-short"),
    ],
)
def test_passwords_accepted_and_refused(password: str, why: str | None) -> None:
    assert _weakness(password) == why


@given(st.text(max_size=400))
@example("@4031$5!7+%({<69" * 20)
@example("4301$5!7@+%({<69" * 2)
@example("a1" * 200)
@example("\u0301" * 20)
def test_any_password_is_judged_the_same_way_twice_and_its_bits_only_grow(password: str) -> None:
    first = strength_of(password, _KNOWN)
    assert first == strength_of(password, _KNOWN)
    assert (first.advice is None) == (first.weakness is None)
    assert bits_of(password) <= bits_of(password + "a")


@given(st.text(max_size=30))
def test_the_key_of_a_login_name_is_stable(name: str) -> None:
    key = login_key(name)
    assert login_key(key) == key
    assert login_key(unicodedata.normalize("NFD", name)) == key
    assert email_key(email_key(name)) == email_key(name)


@pytest.mark.parametrize("name", ["camille", "Élise-Anne", "o'brien_2", "Łukasz", "李小龙", "a.b"])
def test_login_names_accepted(name: str) -> None:
    check_login_name(name, "/login_name")


@pytest.mark.parametrize(
    "name", ["ab", "a b c", "a@b.fr", "-camille", "x" * 65, "a\u200bbc", "abc\n", "<script>"]
)
def test_login_names_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_login_name(name, "/login_name")
    assert (refused.value.code, refused.value.field) == ("login-name-invalid", "/login_name")
