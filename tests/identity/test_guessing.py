"""Guessing passwords and keys: a wait that grows, for whoever exists or not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.attempts import (
    KEY_BY_ACCOUNT,
    LOGIN_BY_ACCOUNT,
    LOGIN_BY_ADDRESS,
    Attempts,
    Policy,
    admit,
    wait_after,
)
from services.identity.domain.family_keys import key_from
from services.identity.hashing import HashingPool
from shared.errors import Refused
from tests.identity.portal import PASSWORD, Portal

NOW = datetime(2026, 9, 14, 8, tzinfo=UTC)


@pytest.mark.parametrize("login", ["camille.martin", "personne"])
async def test_wrong_passwords_make_the_next_one_wait(portal: Portal, login: str) -> None:
    await portal.adult()
    wrong = {"login_name": login, "password": "pas le bon du tout"}
    answers = [
        await portal.call("POST", "/login-sessions", wrong)
        for _ in range(LOGIN_BY_ACCOUNT.free + 1)
    ]
    codes = [answer.json["code"] for answer in answers]
    assert codes == ["wrong-credentials"] * LOGIN_BY_ACCOUNT.free + ["too-many-attempts"]
    assert answers[-1].status == 429
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 3
    right = await portal.call(
        "POST", "/login-sessions", {"login_name": login.upper(), "password": PASSWORD}
    )
    assert (right.status, right.json["code"]) == (429, "too-many-attempts")


async def test_guesses_sent_all_at_once_wait_for_one_another(portal: Portal) -> None:
    await portal.adult()
    wrong = {"login_name": "camille.martin", "password": "pas le bon du tout"}
    answers = await asyncio.gather(
        *(portal.call("POST", "/login-sessions", wrong) for _ in range(20))
    )
    tried = [answer for answer in answers if answer.json["code"] == "wrong-credentials"]
    assert len(tried) <= LOGIN_BY_ACCOUNT.free


async def test_a_right_password_forgets_the_wrong_ones(portal: Portal) -> None:
    await portal.adult()
    wrong = {"login_name": "camille.martin", "password": "pas le bon du tout"}
    for _ in range(2):
        for _ in range(LOGIN_BY_ACCOUNT.free - 1):
            answer = await portal.call("POST", "/login-sessions", wrong)
            assert answer.json["code"] == "wrong-credentials"
        await portal.logged_in()


async def test_one_address_guessing_many_accounts_waits(portal: Portal) -> None:
    codes = []
    for number in range(LOGIN_BY_ADDRESS.free + 1):
        body = {"login_name": f"personne{number}", "password": "pas le bon du tout"}
        codes.append((await portal.call("POST", "/login-sessions", body)).json["code"])
    assert codes[-1] == "too-many-attempts"
    assert set(codes[:-1]) == {"wrong-credentials"}


async def test_guessing_keys_waits(portal: Portal) -> None:
    await portal.adult()
    tokens = await portal.logged_in()
    codes = []
    for number in range(KEY_BY_ACCOUNT.free + 1):
        key = key_from(number.to_bytes(10, "big"))
        answer = await portal.call(
            "POST", "/family-links", {"key": key}, token=tokens["access_token"]
        )
        codes.append(answer.json["code"])
    assert codes == ["family-key-unknown"] * KEY_BY_ACCOUNT.free + ["too-many-attempts"]


async def test_a_mistyped_key_costs_no_attempt(portal: Portal) -> None:
    await portal.family("f1", "g1")
    key = (await portal.keys_for("f1"))["g1"]
    await portal.adult()
    tokens = await portal.logged_in()
    other = "0" if key[0] != "0" else "1"
    for _ in range(KEY_BY_ACCOUNT.free + 2):
        answer = await portal.call(
            "POST", "/family-links", {"key": other + key[1:]}, token=tokens["access_token"]
        )
        assert answer.json["code"] == "family-key-mistyped"
    linked = await portal.call("POST", "/family-links", {"key": key}, token=tokens["access_token"])
    assert linked.status == 201


async def test_a_full_hashing_pool_refuses_at_once() -> None:
    pool = HashingPool(workers=1, queue=1)
    results = await asyncio.gather(*(pool.hash(PASSWORD) for _ in range(4)), return_exceptions=True)
    refused = [one for one in results if isinstance(one, Refused)]
    assert [(one.status, one.code) for one in refused] == [(503, "too-busy")] * 2
    assert refused[0].retry_after
    assert await pool.matches(await pool.hash(PASSWORD), PASSWORD)
    assert not await pool.matches(None, PASSWORD)
    await pool.close()


@given(count=st.integers(1, 10_000))
def test_waits_never_shrink_and_never_pass_the_longest(count: int) -> None:
    policy = Policy("any", 5, timedelta(seconds=2), timedelta(minutes=5))
    assert wait_after(policy, count) <= wait_after(policy, count + 1) <= policy.longest
    if count < policy.free:
        assert not wait_after(policy, count)


@given(failures=st.integers(0, 40))
def test_an_attempt_is_heard_only_after_the_wait(failures: int) -> None:
    policy = LOGIN_BY_ACCOUNT
    wait = wait_after(policy, failures)
    before = Attempts(failures, NOW + wait if wait else None) if failures else None
    if before and before.until:
        with pytest.raises(Refused) as refused:
            admit(policy, before, NOW)
        assert refused.value.retry_after is not None
        assert NOW + timedelta(seconds=refused.value.retry_after) >= before.until
    else:
        assert admit(policy, before, NOW).count == failures + 1
