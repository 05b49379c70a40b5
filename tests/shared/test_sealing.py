"""Sealed fields: nothing to read without the keys, nothing moved, keys that follow one another."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.sealing import (
    SealBroken,
    Sealer,
    load_own_keys,
    new_field_keys,
    sealer_of,
)
from shared.settings import CommonSettings
from shared.store import Store

PLACE = ("members", "m1", "health_sheet")


def sealer(*keys: str) -> Sealer:
    made = Sealer()
    made.load(orjson.dumps({name: text for one in keys for name, text in _pairs(one)}).decode())
    return made


def _pairs(keys: str) -> list[tuple[str, str]]:
    return list(orjson.loads(keys).items())


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(
    st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs",))), inner), max_leaves=6))  # fmt: skip
def test_what_is_sealed_opens(value: object) -> None:
    one = sealer(new_field_keys())
    assert one.open(one.seal(value, *PLACE), *PLACE) == value


def test_a_copy_of_the_database_tells_nothing() -> None:
    one = sealer(new_field_keys())
    first, second = (one.seal("allergie aux arachides", *PLACE) for _ in range(2))
    assert b"arachide" not in first["box"]
    assert first != second, "the same value is not seen to be the same"


@pytest.mark.parametrize(
    "elsewhere", [("x", "m1", "health_sheet"), ("members", "m2", "health_sheet"),
                  ("members", "m1", "iban")],
)  # fmt: skip
def test_what_is_moved_or_changed_does_not_open(elsewhere: tuple[str, str, str]) -> None:
    one = sealer(new_field_keys())
    sealed = one.seal({"iban": "FR76"}, *PLACE)
    with pytest.raises(SealBroken):
        one.open(sealed, *elsewhere)
    changed = bytes([sealed["box"][0] ^ 1]) + sealed["box"][1:]
    with pytest.raises(SealBroken):
        one.open({**sealed, "box": changed}, *PLACE)
    with pytest.raises(SealBroken):
        one.open({**sealed, "box": b""}, *PLACE)


def test_keys_follow_one_another() -> None:
    old, new = new_field_keys(), new_field_keys()
    before, both, after = sealer(old), sealer(new, old), sealer(new)
    sealed = before.seal("secret", *PLACE)
    assert both.open(sealed, *PLACE) == "secret"
    again = both.seal("secret", *PLACE)
    assert again["key"] == both.current == after.current
    assert after.open(again, *PLACE) == "secret"
    with pytest.raises(SealBroken):
        after.open(sealed, *PLACE)


@pytest.mark.parametrize("wrong", ["", "[]", "{}", '{"a": "c2hvcnQ="}', '{"a": 1}', '{"a": "%"}'])
def test_keys_that_are_none_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="PREAU_FIELD_KEYS"):
        Sealer().load(wrong)


def settings(env: str) -> CommonSettings:
    return CommonSettings(
        MONGODB_URL=SecretStr("mongodb://nowhere"), AMQP_URL=SecretStr("amqp://nowhere"),
        PREAU_ENV=env,
    )  # type: ignore[call-arg, arg-type]  # fmt: skip


def test_production_needs_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREAU_FIELD_KEYS", raising=False)
    with pytest.raises(ValueError, match="PREAU_FIELD_KEYS"):
        sealer_of(settings("production"))
    given = new_field_keys()
    monkeypatch.setenv("PREAU_FIELD_KEYS", given)
    assert sealer_of(settings("production")).current == next(iter(orjson.loads(given)))


async def test_development_keeps_its_own_key(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREAU_FIELD_KEYS", raising=False)
    common = settings("development")
    first, second = sealer_of(common), sealer_of(common)
    await load_own_keys(first, store, common)
    sealed = first.seal("secret", *PLACE)
    await load_own_keys(second, store, common)
    assert second.open(sealed, *PLACE) == "secret"
