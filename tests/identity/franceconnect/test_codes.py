"""FranceConnect stands for the password: whoever has a second factor gives its code too."""

from __future__ import annotations

from typing import Any

import pyotp

from services.identity.domain.attempts import CODE_BY_ACCOUNT
from services.identity.store.accounts import ACCOUNTS
from services.identity.store.sessions import SESSIONS
from tests.identity.franceconnect.browser import MELISSANDRE, Registered
from tests.identity.franceconnect.test_linking import _ANGELA, _known_family
from tests.identity.portal import PASSWORD
from tests.world import Answer


def _problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


async def _guarded(fc: Registered, *, linked: bool = True) -> tuple[str, list[str]]:
    """An account with a second factor, linked with Angela first; its recovery codes."""
    account = await fc.portal.adult()
    token = (await fc.portal.logged_in())["access_token"]
    if linked:
        assert (await fc.trip(token=token)).json["outcome"] == "linked"
    begun = await fc.portal.call("POST", "/second-factor", {"password": PASSWORD}, token=token)
    proof = {"code": pyotp.TOTP(begun.json["secret"]).now()}
    proved = await fc.portal.call("POST", "/second-factor/proofs", proof, token=token)
    return account, proved.json["recovery_codes"]


async def _asked(fc: Registered) -> dict[str, Any]:
    """Back from FranceConnect: nobody is logged in, a code is asked for; the ticket."""
    before = await fc.portal.world.store("identity").count(SESSIONS, {})
    back = await fc.trip()
    assert (back.status, back.json["outcome"]) == (201, "second-factor")
    assert back.json["tokens"] is back.json["person"] is None
    assert await fc.portal.world.store("identity").count(SESSIONS, {}) == before
    return {"ticket": back.json["ticket"]}


async def test_who_is_linked_and_has_a_second_factor_is_asked_for_its_code(fc: Registered) -> None:
    account, codes = await _guarded(fc)
    body = await _asked(fc)
    wrong = await fc.portal.call("POST", "/franceconnect/codes", body | {"code": "123456"})
    assert (*_problem(wrong), wrong.json["field"]) == (422, "wrong-code", "/code")
    right = body | {"code": codes[0]}
    entered, again = [
        await fc.portal.call("POST", "/franceconnect/codes", right, key="by-code-1")
        for _ in range(2)
    ]
    assert (entered.status, entered.json["account"]) == (201, account)
    assert again.json == entered.json
    me = await fc.portal.call("GET", "/me", token=entered.json["tokens"]["access_token"])
    assert me.json["account"] == account
    (session,) = await fc.portal.world.store("identity").find(SESSIONS, {"strong": True})
    assert session["account"] == account
    # The ticket has served, and so has the code.
    used = await fc.portal.call("POST", "/franceconnect/codes", body | {"code": codes[1]})
    assert _problem(used) == (409, "ticket-unknown")
    spent = await _asked(fc) | {"code": codes[0]}
    refused = await fc.portal.call("POST", "/franceconnect/codes", spent)
    assert _problem(refused) == (422, "wrong-code")


async def test_codes_are_not_tried_one_by_one(fc: Registered) -> None:
    _, codes = await _guarded(fc)
    body = await _asked(fc)
    for _ in range(CODE_BY_ACCOUNT.free):
        wrong = await fc.portal.call("POST", "/franceconnect/codes", body | {"code": "123456"})
        assert _problem(wrong) == (422, "wrong-code")
    body = await _asked(fc)
    waits = await fc.portal.call("POST", "/franceconnect/codes", body | {"code": codes[0]})
    assert _problem(waits) == (429, "too-many-attempts")


async def test_a_recognised_guardian_with_a_second_factor_is_linked_with_its_code(
    fc: Registered,
) -> None:
    """Neither linked nor given another account of the same family without it."""
    await _known_family(fc, _ANGELA)
    account, codes = await _guarded(fc, linked=False)
    token = fc.portal.world.token(account=account)
    key = (await fc.portal.keys_for("f1"))["f1-g1"]
    used = await fc.portal.call("POST", "/family-links", {"key": key}, token=token)
    assert used.status == 201
    body = await _asked(fc)
    for path, more in (
        ("accounts", {}), ("links", {"login_name": "camille.martin", "password": PASSWORD}),
    ):  # fmt: skip
        refused = await fc.portal.call("POST", f"/franceconnect/{path}", body | more)
        assert _problem(refused) == (409, "ticket-unknown")
    linked = {"federated.0": {"$exists": True}}
    assert await fc.portal.world.store("identity").count(ACCOUNTS, linked) == 0
    entered = await fc.portal.call("POST", "/franceconnect/codes", body | {"code": codes[0]})
    assert (entered.status, entered.json["account"]) == (201, account)
    assert await fc.portal.world.store("identity").count(ACCOUNTS, linked) == 1


async def test_the_ticket_of_who_is_not_linked_opens_no_account_by_a_code(fc: Registered) -> None:
    _, codes = await _guarded(fc)
    other = await fc.trip(MELISSANDRE)
    assert other.json["outcome"] == "not-linked"
    body = {"ticket": other.json["ticket"], "code": codes[0]}
    assert _problem(await fc.portal.call("POST", "/franceconnect/codes", body)) == (
        409, "ticket-unknown",
    )  # fmt: skip
