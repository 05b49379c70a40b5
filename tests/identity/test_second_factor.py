"""The second factor: its codes work once, its roles are withheld without it, and who has lost it
is helped by somebody else (ID9)."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.commands.codes import reseal_all
from services.identity.domain.attempts import CODE_BY_ACCOUNT
from services.identity.domain.second_factor import (
    RECOVERY_CODES,
    STEP_SECONDS,
    SecondFactor,
    matching_recovery,
    matching_step,
    new_secret,
    recovery_codes,
    with_new_recovery_codes,
)
from shared.auth import Bearer
from shared.sealing import new_field_keys
from tests import operators
from tests.identity.portal import PASSWORD, Portal
from tests.world import Answer

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


# -- the rule ----------------------------------------------------------------------------------


@given(st.integers(300, 4_000_000_000), st.integers(-3, 3))
def test_a_code_is_good_for_its_step_and_those_beside_it(second: int, away: int) -> None:
    step = second // STEP_SECONDS
    code = pyotp.HOTP(SECRET).at(step + away)
    near = {pyotp.HOTP(SECRET).at(step + one) for one in (-1, 0, 1)}
    found = matching_step(SECRET, code, datetime.fromtimestamp(second, UTC), after=0)
    assert (found is not None) == (code in near)


@given(st.integers(60, 4_000_000_000))
def test_a_code_never_works_twice_nor_after_a_later_one(second: int) -> None:
    now = datetime.fromtimestamp(second, UTC)
    code = pyotp.TOTP(SECRET).at(second)
    step = matching_step(SECRET, code, now, after=0)
    assert step is not None
    later = matching_step(SECRET, code, now, after=step)
    assert later is None or pyotp.HOTP(SECRET).at(later) == code, "two steps with one code"
    earlier = pyotp.HOTP(SECRET).at(step - 1)
    found = matching_step(SECRET, earlier, now, after=step)
    assert found is None or pyotp.HOTP(SECRET).at(found) == earlier


@pytest.mark.parametrize("typed", ["", "12345", "１２３４５６", "abcdef", "000000000000", "é"])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert matching_step(SECRET, typed, datetime.fromtimestamp(1000, UTC), after=0) is None
    assert matching_recovery(SECRET, typed, factor()) is None


def factor(*used: int, round_: int = 0) -> SecondFactor:
    """A factor some of whose recovery codes have served."""
    return SecondFactor(
        secret={}, confirmed_at=datetime.fromtimestamp(1000, UTC), confirmed_in="s", last_step=1,
        recovery_used=used, recovery_round=round_,
    )  # fmt: skip


def test_recovery_codes_differ_and_work_once_however_they_are_typed() -> None:
    codes = recovery_codes(SECRET, 0)
    assert len(set(codes)) == RECOVERY_CODES
    assert codes == recovery_codes(SECRET, 0) != recovery_codes(new_secret(), 0)
    typed = codes[3].lower().replace("-", " ")
    assert matching_recovery(SECRET, typed, factor()) == 3
    assert matching_recovery(SECRET, typed, factor(1, 3)) is None
    assert matching_recovery(SECRET, typed, factor(round_=1)) is None
    assert not {*codes} & {*recovery_codes(SECRET, 1)}
    assert with_new_recovery_codes(factor(1, 3)) == factor(round_=1)


# -- over HTTP ---------------------------------------------------------------------------------


async def guard(portal: Portal, *roles: str) -> None:
    """The town wants a second factor for these roles."""
    token = portal.world.token(roles=("administrator",))
    await portal.change_town_file(token, agents={"second_factor": list(roles)})


async def log_in(portal: Portal, code: str | None = None, password: str = PASSWORD) -> Answer:
    body = {"login_name": "agent.veyras", "password": password}
    return await portal.call("POST", "/login-sessions", body | ({"code": code} if code else {}))


async def begin(portal: Portal, token: str, **body: Any) -> Answer:
    whole = {"password": PASSWORD, **body}
    return await portal.call("POST", "/second-factor", whole, token=token)


async def prove(portal: Portal, token: str, code: str, **how: Any) -> Answer:
    return await portal.call("POST", "/second-factor/proofs", {"code": code}, token=token, **how)


async def enrolled(portal: Portal, *roles: Any) -> tuple[dict[str, Any], str, list[str]]:
    """An agent who has set a second factor up: tokens, secret, recovery codes."""
    await portal.agent(*(roles or ("administrator",)))
    tokens = (await log_in(portal)).json
    secret = (await begin(portal, tokens["access_token"])).json["secret"]
    proved = await prove(portal, tokens["access_token"], pyotp.TOTP(secret).now())
    assert proved.status == 201, proved.json
    return tokens, secret, proved.json["recovery_codes"]


def next_code(secret: str) -> str:
    """A code for the step after this one: the last one accepted may be of this one."""
    return pyotp.TOTP(secret).at(datetime.now(UTC) + timedelta(seconds=STEP_SECONDS))


def rights(portal: Portal, tokens: dict[str, Any]) -> Bearer:
    bearer: Bearer = portal.world.of("identity").parts.keys.verify(tokens["access_token"])
    return bearer


async def test_roles_are_withheld_until_a_factor_is_proved(portal: Portal) -> None:
    await guard(portal, "administrator")
    await portal.agent("administrator", "read_only")
    tokens = (await log_in(portal)).json
    assert tokens["withheld_roles"] == ["administrator"]
    assert rights(portal, tokens).roles == {"read_only"}
    me = (await portal.call("GET", "/me", token=tokens["access_token"])).json
    assert (me["roles"], me["withheld_roles"], me["second_factor"]) == (
        ["read_only"], ["administrator"], False,
    )  # fmt: skip
    assert (await portal.call("GET", "/agents", token=tokens["access_token"])).status == 403
    begun = (await begin(portal, tokens["access_token"])).json
    assert begun["uri"].startswith("otpauth://totp/")
    assert begun["secret"] in begun["uri"]
    wrong = await prove(portal, tokens["access_token"], "000000")
    right = pyotp.TOTP(begun["secret"]).now()
    assert (wrong.status, wrong.json["code"]) == (422, "wrong-code") or right == "000000"
    proved = await prove(portal, tokens["access_token"], right)
    assert len(set(proved.json["recovery_codes"])) == RECOVERY_CODES
    fresh = await portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})
    assert (fresh.json["withheld_roles"], rights(portal, fresh.json).roles) == (
        [], {"administrator", "read_only"},
    )  # fmt: skip


async def test_another_session_opened_without_it_stays_without(portal: Portal) -> None:
    await guard(portal, "administrator")
    await portal.agent("administrator")
    weak = (await log_in(portal)).json
    tokens = (await log_in(portal)).json
    secret = (await begin(portal, tokens["access_token"])).json["secret"]
    await prove(portal, tokens["access_token"], pyotp.TOTP(secret).now())
    still = await portal.call("POST", "/tokens", {"refresh_token": weak["refresh_token"]})
    assert (still.json["withheld_roles"], rights(portal, still.json).roles) == (
        ["administrator"], frozenset(),
    )  # fmt: skip


async def test_login_wants_both_and_does_not_tell_which_is_wrong(portal: Portal) -> None:
    _, secret, _ = await enrolled(portal)
    missing = await log_in(portal)
    assert (missing.status, missing.json["code"]) == (401, "second-factor-required")
    wrong_code = await log_in(portal, "123456")
    wrong_password = await log_in(portal, next_code(secret), "pas le bon du tout")
    assert wrong_code.json == wrong_password.json
    assert wrong_code.json["code"] == "wrong-credentials"
    right = await log_in(portal, next_code(secret))
    assert right.status == 201
    assert rights(portal, right.json).roles == {"administrator"}


async def test_a_code_opens_one_session_only(portal: Portal) -> None:
    _, secret, _ = await enrolled(portal)
    code = next_code(secret)
    answers = await asyncio.gather(*(log_in(portal, code) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [201, 401, 401]


async def test_a_repeated_login_is_the_same_login(portal: Portal) -> None:
    _, secret, _ = await enrolled(portal)
    body = {"login_name": "agent.veyras", "password": PASSWORD, "code": next_code(secret)}
    once, again = [
        await portal.call("POST", "/login-sessions", body, key="one-login") for _ in range(2)
    ]
    assert (once.status, again.status) == (201, 201)
    assert once.json == again.json


async def test_recovery_codes_stand_in_each_once(portal: Portal) -> None:
    _, _, codes = await enrolled(portal)
    assert (await log_in(portal, codes[0].lower())).status == 201
    assert (await log_in(portal, codes[0])).json["code"] == "wrong-credentials"
    assert (await log_in(portal, codes[1])).status == 201


async def test_new_recovery_codes_replace_the_old_ones(portal: Portal) -> None:
    tokens, secret, old = await enrolled(portal)

    async def renew(code: str, password: str = PASSWORD, **how: Any) -> Answer:
        body = {"password": password, "code": code}
        path = "/second-factor/recovery-codes"
        return await portal.call("POST", path, body, token=tokens["access_token"], **how)

    assert (await renew(old[0], "pas le bon du tout")).json["code"] == "wrong-password"
    assert (await renew("123456")).json["code"] == "wrong-credentials"
    code = next_code(secret)
    once, again = [await renew(code, key="new-codes-once") for _ in range(2)]
    assert once.status == again.status == 201
    fresh = once.json["recovery_codes"]
    assert fresh == again.json["recovery_codes"]
    assert len({*fresh} - {*old}) == RECOVERY_CODES
    assert (await renew(code)).json["code"] == "wrong-credentials", "a code works once"
    assert (await log_in(portal, old[1])).json["code"] == "wrong-credentials"
    assert (await log_in(portal, fresh[1])).status == 201


async def test_without_a_second_factor_there_are_no_recovery_codes(portal: Portal) -> None:
    await portal.agent("administrator")
    token = (await log_in(portal)).json["access_token"]
    body = {"password": PASSWORD, "code": "123456"}
    answer = await portal.call("POST", "/second-factor/recovery-codes", body, token=token)
    assert (answer.status, answer.json["code"]) == (409, "no-second-factor")


async def test_guessing_codes_waits(portal: Portal) -> None:
    await enrolled(portal)
    answers = [await log_in(portal, "123456") for _ in range(CODE_BY_ACCOUNT.free + 1)]
    assert answers[-1].json["code"] == "too-many-attempts"
    assert int(answers[-1].headers["Retry-After"]) >= 1


async def test_repetitions_of_setting_up_answer_the_same(portal: Portal) -> None:
    await portal.agent("administrator")
    token = (await log_in(portal)).json["access_token"]
    body = {"password": PASSWORD}
    first, second = [
        await portal.call("POST", "/second-factor", body, token=token, key="one-secret")
        for _ in range(2)
    ]
    assert first.json == second.json
    code = pyotp.TOTP(first.json["secret"]).now()
    proved = [await prove(portal, token, code, key="one-proof-of-it") for _ in range(2)]
    assert proved[0].json == proved[1].json
    unasked = await prove(portal, token, code)
    assert unasked.json["code"] == "second-factor-not-begun"


async def test_a_new_telephone_is_set_up_with_the_password_and_a_code(portal: Portal) -> None:
    tokens, secret, _ = await enrolled(portal)
    token = tokens["access_token"]
    for body, code in (({"password": "pas le bon du tout"}, "wrong-password"),
                       ({}, "second-factor-required"),
                       ({"code": "123456"}, "wrong-credentials")):  # fmt: skip
        assert (await begin(portal, token, **body)).json["code"] == code
    other = (await begin(portal, token, code=next_code(secret))).json["secret"]
    assert other != secret
    assert (await prove(portal, token, pyotp.TOTP(other).now())).status == 201
    assert (await log_in(portal, next_code(secret))).json["code"] == "wrong-credentials"
    assert (await log_in(portal, next_code(other))).status == 201


async def test_a_factor_replaced_ends_the_sessions_that_the_one_before_opened(
    portal: Portal,
) -> None:
    await guard(portal, "administrator")
    tokens, secret, codes = await enrolled(portal)
    lost = (await log_in(portal, next_code(secret))).json
    assert rights(portal, lost).roles == {"administrator"}
    token = tokens["access_token"]
    other = (await begin(portal, token, code=codes[0])).json["secret"]
    assert (await prove(portal, token, pyotp.TOTP(other).now())).status == 201
    ended = await portal.call("POST", "/tokens", {"refresh_token": lost["refresh_token"]})
    assert (ended.status, ended.json["code"]) == (401, "login-session-ended")
    here = await portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})
    assert rights(portal, here.json).roles == {"administrator"}


async def test_a_session_that_has_ended_proves_no_factor(portal: Portal) -> None:
    tokens, _, codes = await enrolled(portal)
    token = tokens["access_token"]
    other = (await begin(portal, token, code=codes[0])).json["secret"]
    assert (await portal.call("DELETE", "/login-session", token=token)).status == 204
    late = await prove(portal, token, pyotp.TOTP(other).now())
    assert (late.status, late.json["code"]) == (401, "login-session-ended")
    assert (await log_in(portal, codes[1])).status == 201, "the one before is still in use"


async def test_another_administrator_resets_it_never_oneself(portal: Portal) -> None:
    tokens, _, _ = await enrolled(portal)
    account = rights(portal, tokens).account
    path = f"/agents/{account}/second-factor"
    own = await portal.call("DELETE", path, token=tokens["access_token"])
    assert (own.status, own.json["code"]) == (403, "own-second-factor")
    colleague = portal.world.token(roles=("administrator",))
    assert (await portal.call("DELETE", path, token=colleague)).status == 204
    ended = await portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})
    assert ended.json["code"] == "login-session-ended"
    assert (await log_in(portal)).status == 201, "and sets up another one"


async def test_one_town_does_not_weaken_anothers_agent(portal: Portal) -> None:
    tokens, _, _ = await enrolled(portal)
    await portal.agent("read_only", town="andancette")
    account = rights(portal, tokens).account
    there = portal.world.token("andancette", roles=("administrator",))
    path = f"/agents/{account}/second-factor"
    answer = await portal.call("DELETE", path, town="andancette", token=there)
    assert (answer.status, answer.json["code"]) == (409, "agent-of-several-towns")
    done = await operators.preau("agent", "reset-second-factor", "--login", "agent.veyras")
    assert done == (0, f"account {account}\n")
    assert (await log_in(portal)).status == 201


async def test_a_switch_of_town_keeps_what_was_proved(portal: Portal) -> None:
    tokens, secret, _ = await enrolled(portal)
    await portal.agent("administrator", town="andancette")
    strong = (await log_in(portal, next_code(secret))).json
    assert tokens["access_token"] != strong["access_token"]
    document = await portal.world.store("identity").get(
        "login_sessions", rights(portal, strong).login_session
    )
    assert document is not None
    assert document["strong"]


async def test_a_copy_of_the_database_holds_no_secret(portal: Portal) -> None:
    _, secret, codes = await enrolled(portal)
    everything = ""
    store = portal.world.store("identity")
    for name in await store._database.list_collection_names():
        if name != "field_keys":
            everything += repr(await store.find(name, {}))
    for text in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert text not in everything


async def test_secrets_are_sealed_again_under_a_new_key(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret, _ = await enrolled(portal)
    kept = await portal.world.store("identity").get("field_keys", "current")
    assert kept is not None
    old, new = json.loads(kept["keys"]), json.loads(new_field_keys())
    portal.identity.sealer.load(json.dumps(new | old))
    assert await reseal_all(portal.identity) == 1
    assert await reseal_all(portal.identity) == 0
    portal.identity.sealer.load(json.dumps(new))
    assert (await log_in(portal, next_code(secret))).status == 201
    monkeypatch.setenv("PREAU_FIELD_KEYS", json.dumps(new))
    assert await operators.preau("agent", "reseal") == (0, "0 sealed again\n")
