"""Forgotten, changed and confirmed: passwords, login names, addresses (ID4)."""

from __future__ import annotations

from typing import Any

import pytest

from services.identity.commands.agents import create_agent
from services.identity.domain.accounts import Person
from services.identity.domain.attempts import MAIL_BY_ACCOUNT
from tests.identity.portal import PASSWORD, Portal
from tests.world import eventually

_NEW = "nouveau mot de passe sûr"


async def _asked_for(portal: Portal, name: str, path: str = "/password-resets") -> Any:
    answer = await portal.call("POST", path, {"login_or_email": name})
    assert answer.status == 202
    return answer.json


async def _alive(portal: Portal, tokens: dict[str, Any]) -> bool:
    answer = await portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})
    return answer.status == 200


async def test_a_forgotten_password_is_replaced_and_ends_every_session(portal: Portal) -> None:
    await portal.adult()
    before = await portal.logged_in()
    assert await _asked_for(portal, "Camille.Martin") == await _asked_for(portal, "personne")
    (mail,) = await portal.mailed("password-reset-requested")
    weak = await portal.call("POST", "/passwords", {"token": mail["token"], "password": "court"})
    assert (weak.status, weak.json["code"]) == (422, "password-too-weak")
    done = await portal.call("POST", "/passwords", {"token": mail["token"], "password": _NEW})
    assert done.status == 204
    assert not await _alive(portal, before)
    old = await portal.call(
        "POST", "/login-sessions", {"login_name": "camille.martin", "password": PASSWORD}
    )
    assert old.json["code"] == "wrong-credentials"
    assert await _alive(portal, await portal.logged_in(password=_NEW))
    again = await portal.call("POST", "/passwords", {"token": mail["token"], "password": _NEW})
    assert again.json["code"] == "token-unknown"


async def test_an_address_shared_by_two_accounts_gets_both_login_names(portal: Portal) -> None:
    await portal.adult("a.b", "famille@example.org")
    await portal.adult("a.c", "Famille@Example.org")
    await portal.adult("a.d", "ailleurs@example.org")
    await _asked_for(portal, "FAMILLE@example.org")
    mails = await portal.mailed("password-reset-requested", 2)
    assert {mail["login_name"] for mail in mails} == {"a.b", "a.c"}


async def test_a_pending_account_that_forgot_gets_its_activation(portal: Portal) -> None:
    first = await portal.signed_up()
    await _asked_for(portal, "camille.martin")
    mails = await portal.mailed("activation-requested", 2)
    second = next(mail["token"] for mail in mails if mail["token"] != first)
    answer = await portal.call("POST", "/activations", {"token": first})
    assert answer.status == 200  # the first mail may arrive last: both links work, once
    late = await portal.call("POST", "/activations", {"token": second})
    assert late.json["code"] in {"already-activated", "token-unknown"}


async def test_one_account_is_not_flooded_with_mails(portal: Portal) -> None:
    await portal.adult()
    for _ in range(MAIL_BY_ACCOUNT.free + 3):
        await _asked_for(portal, "camille.martin")

    async def all_handled() -> bool:
        return not await portal.identity.store.open_mail_requests(10)

    await eventually(all_handled, what="mail requests handled")
    await portal.mailed("password-reset-requested", MAIL_BY_ACCOUNT.free)
    assert len(await portal.said("password-reset-requested")) == MAIL_BY_ACCOUNT.free


async def test_changing_the_password_keeps_this_session_alone(portal: Portal) -> None:
    await portal.adult()
    here, elsewhere = await portal.logged_in(), await portal.logged_in()
    wrong = await portal.call(
        "POST", "/password-changes",
        {"current_password": "pas le bon", "new_password": _NEW}, token=here["access_token"],
    )  # fmt: skip
    assert (wrong.status, wrong.json["code"]) == (403, "wrong-password")
    done = await portal.call(
        "POST", "/password-changes",
        {"current_password": PASSWORD, "new_password": _NEW}, token=here["access_token"],
    )  # fmt: skip
    assert done.status == 204
    assert await _alive(portal, here)
    assert not await _alive(portal, elsewhere)
    await portal.logged_in(password=_NEW)


async def test_a_new_address_holds_once_confirmed(portal: Portal) -> None:
    await portal.adult()
    tokens = await portal.logged_in()
    await portal.logged_in(town="andancette")
    asked = await portal.call(
        "POST", "/email-changes", {"new_email": "neuve@example.org", "password": PASSWORD},
        token=tokens["access_token"],
    )  # fmt: skip
    assert asked.status == 204
    me = await portal.call("GET", "/me", token=tokens["access_token"])
    assert me.json["email"] == "famille@example.org"
    (mail,) = await portal.mailed("email-change-requested")
    done = await portal.call("POST", "/email-confirmations", {"token": mail["token"]})
    assert done.status == 204

    async def said_in_both() -> bool:
        said = await portal.said("account-changed")
        towns = {one.town for one in said if one.data["email"] == "neuve@example.org"}
        return towns == {"veyras", "andancette"}

    await eventually(said_in_both, what="new address said in both towns")
    again = await portal.call("POST", "/email-confirmations", {"token": mail["token"]})
    assert again.json["code"] == "token-unknown"


async def test_the_old_address_is_told_of_a_change_once(portal: Portal) -> None:
    account = await portal.adult()
    await portal.logged_in(town="andancette")
    token = portal.world.token(account=account)
    addresses = ("neuve@example.org", "Neuve@Example.org", "autre@example.org")
    for count, new_email in enumerate(addresses, start=1):
        body = {"new_email": new_email, "password": PASSWORD}
        asked = await portal.call("POST", "/email-changes", body, token=token)
        assert asked.status == 204
        *_, mail = await portal.mailed("email-change-requested", count)
        done = await portal.call("POST", "/email-confirmations", {"token": mail["token"]})
        assert done.status == 204
    told = await portal.mailed("email-changed", 2)
    assert [one["old_email"] for one in told] == ["famille@example.org", "Neuve@Example.org"]
    assert {(one["account"], one["town"]) for one in told} == {(account, "veyras")}
    assert "autre" not in str(told)


async def test_an_invited_agent_sets_a_password(portal: Portal) -> None:
    person = Person(first_name="Alix", last_name="Durand")
    roles = ("childcare_office", "billing_office")
    account, token = await create_agent(
        portal.identity, "veyras", "alix", "alix@veyras.example", person, roles, None
    )
    assert token is not None
    body = {"token": token, "password": _NEW}
    assert (await portal.call("POST", "/passwords", body)).status == 204
    tokens = await portal.logged_in("alix", _NEW)
    me = await portal.call("GET", "/me", token=tokens["access_token"])
    assert (me.json["account"], set(me.json["roles"])) == (account, set(roles))


async def test_the_strength_of_a_password_is_told_while_it_is_typed(portal: Portal) -> None:
    for typed, accepted, weakness in (
        ("court", False, "too-short"),
        ("motdepasse123456", False, "common"),
        ("camille.martin 2", False, "names-holder"),
        ("quatre chevaux verts", True, None),
    ):
        body = {"password": typed, "login_name": "camille.martin", "last_name": "Martin"}
        answer = await portal.call("POST", "/password-strengths", body)
        assert answer.status == 200, answer.json
        assert (answer.json["accepted"], answer.json["weakness"]) == (accepted, weakness)
        assert (answer.json["advice"] is None) == accepted
        assert 0 <= answer.json["score"] <= 4


async def test_what_is_typed_to_be_judged_is_neither_kept_nor_logged(
    portal: Portal, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    marked = "une phrase que nul ne garde 4711"
    await portal.call("POST", "/password-strengths", {"password": marked})
    await portal.call("POST", "/password-strengths", {"password": marked, "extra": 1})
    database = portal.world.store("identity")._database
    for name in await database.list_collection_names():
        async for document in database[name].find({}):
            assert marked not in str(document), name
    printed = capfd.readouterr()
    assert marked not in caplog.text + printed.out + printed.err
