"""A login name and a first secret on paper (ID3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pikepdf

from services.identity.domain.attempts import LOGIN_BY_ACCOUNT
from services.identity.store.accounts import ACCOUNTS
from tests.identity.portal import PASSWORD, Portal
from tests.world import Answer


async def _issue(portal: Portal, *guardians: str, **how: Any) -> list[dict[str, Any]]:
    token = portal.world.token(account="agent", roles=("childcare_office",))
    named = [{"family": "f1", "guardian": one} for one in guardians or ("g1",)]
    body = {"guardians": named}
    answer = await portal.call("POST", "/paper-accesses", body, token=token, **how)
    assert answer.status == 201, answer.json
    return list(answer.json["accesses"])


async def _first_login(portal: Portal, letter: dict[str, Any], **more: Any) -> Answer:
    body = {
        "login_name": letter["login_name"], "initial_secret": letter["initial_secret"],
        "password": PASSWORD, **more,
    }  # fmt: skip
    return await portal.call("POST", "/first-logins", body)


async def test_a_letter_opens_an_account_once_and_both_can_be_changed(portal: Portal) -> None:
    await portal.family("f1", "g1", "g2")
    letter, other = await _issue(portal, "g1", "g2")
    assert letter["outcome"] == "created"
    assert letter["login_name"] != other["login_name"]
    assert letter["login_name"].startswith("camille.martin.")
    typed = {"login_name": letter["login_name"], "password": letter["initial_secret"].lower()}
    refused = await portal.call("POST", "/login-sessions", typed)
    assert (refused.status, refused.json["code"]) == (403, "first-login-needed")
    tokens = await _first_login(portal, letter, new_login_name="camille.m")
    assert tokens.status == 201, tokens.json
    me = await portal.call("GET", "/me", token=tokens.json["access_token"])
    assert (me.json["login_name"], me.json["email"]) == ("camille.m", None)
    assert me.json["families"] == [{"family": "f1", "guardian": "g1"}]
    again = await _first_login(portal, letter | {"login_name": "camille.m"})
    assert (again.status, again.json["code"]) == (401, "wrong-credentials")
    await portal.logged_in("camille.m")


async def test_the_login_name_changes_later_too(portal: Portal) -> None:
    await portal.adult()
    await portal.adult("pris.deja", "autre@example.org")
    tokens = await portal.logged_in()

    async def change(name: str, password: str = PASSWORD) -> Answer:
        body = {"new_login_name": name, "password": password}
        return await portal.call("POST", "/login-name-changes", body, token=tokens["access_token"])

    assert (await change("Pris.Deja")).json["code"] == "login-name-taken"
    assert (await change("a@b.fr")).json["code"] == "login-name-invalid"
    assert (await change("camille.b", "pas le bon du tout")).json["code"] == "wrong-password"
    assert (await change("camille.b")).status == 204
    await portal.logged_in("camille.b")
    gone = {"login_name": "camille.martin", "password": PASSWORD}
    assert (await portal.call("POST", "/login-sessions", gone)).status == 401


async def test_the_same_request_prints_the_same_letters(portal: Portal) -> None:
    await portal.family("f1", "g1", "g2")
    first = await _issue(portal, "g1", "g2", key="un-seul-envoi")
    assert await _issue(portal, "g1", "g2", key="un-seul-envoi") == first


async def test_another_letter_replaces_the_secret_until_one_has_served(portal: Portal) -> None:
    await portal.family("f1", "g1")
    (old,) = await _issue(portal)
    (new,) = await _issue(portal)
    assert (new["outcome"], new["login_name"]) == ("renewed", old["login_name"])
    assert (await _first_login(portal, old)).json["code"] == "wrong-credentials"
    assert (await _first_login(portal, new)).status == 201
    (none,) = await _issue(portal)
    assert (none["outcome"], none["initial_secret"]) == ("has-account", None)


async def test_a_initial_secret_runs_out(portal: Portal) -> None:
    await portal.family("f1", "g1")
    (letter,) = await _issue(portal)
    late = datetime.now(UTC) - timedelta(seconds=1)
    accounts = portal.world.store("identity")._database[ACCOUNTS]
    await accounts.update_many({}, {"$set": {"initial_secret.expires_at": late}})
    refused = await _first_login(portal, letter)
    assert (refused.status, refused.json["code"]) == (403, "initial-secret-expired")


async def test_guessing_initial_secrets_waits(portal: Portal) -> None:
    await portal.family("f1", "g1")
    (letter,) = await _issue(portal)
    wrong = letter | {"initial_secret": "0000-0000-0000-0000"}
    codes = [
        (await _first_login(portal, wrong)).json["code"] for _ in range(LOGIN_BY_ACCOUNT.free + 1)
    ]
    assert codes == ["wrong-credentials"] * LOGIN_BY_ACCOUNT.free + ["too-many-attempts"]


async def test_an_address_given_at_the_first_login_is_confirmed_by_mail(portal: Portal) -> None:
    await portal.family("f1", "g1")
    (letter,) = await _issue(portal)
    tokens = await _first_login(portal, letter, email="camille@example.org")
    assert tokens.status == 201
    asked = (await portal.mailed("email-change-requested"))[0]
    assert asked["new_email"] == "camille@example.org"
    confirmed = await portal.call("POST", "/email-confirmations", {"token": asked["token"]})
    assert confirmed.status == 204
    me = await portal.call("GET", "/me", token=tokens.json["access_token"])
    assert me.json["email"] == "camille@example.org"
    assert await portal.said("email-changed") == []


async def test_no_mail_is_asked_for_an_account_without_an_address(portal: Portal) -> None:
    await portal.family("f1", "g1")
    (letter,) = await _issue(portal)
    body = {"login_or_email": letter["login_name"]}
    asked = await portal.call("POST", "/password-resets", body)
    assert asked.status == 202
    await portal.adult("temoin", "temoin@example.org")
    await portal.call("POST", "/password-resets", {"login_or_email": "temoin"})
    mails = await portal.mailed("password-reset-requested")
    assert [mail["login_name"] for mail in mails] == ["temoin"]


async def test_the_letter_is_kept_nowhere(portal: Portal) -> None:
    await portal.family("f1", "g1")
    (letter,) = await _issue(portal)
    database = portal.world.store("identity")._database
    bare = letter["initial_secret"].replace("-", "")
    for name in await database.list_collection_names():
        async for document in database[name].find({}):
            assert letter["initial_secret"] not in str(document), name
            assert bare not in str(document), name


async def test_the_letters_are_printed_for_those_without_a_password(portal: Portal) -> None:
    await portal.family("f1", "g1", "g2")
    token = portal.world.token(account="agent", roles=("childcare_office",))
    body = {"guardians": [{"family": "f1", "guardian": one} for one in ("g1", "g2")]}
    path = f"{portal.world.origin}/api/identity/v1/veyras/paper-access-letters"
    sent = {"Authorization": f"Bearer {token}", "Idempotency-Key": "un-seul-envoi"}
    printed = []
    for _ in range(2):
        async with portal.world.http.post(path, json=body, headers=sent) as answer:
            assert answer.status == 201, await answer.text()
            assert answer.headers["Content-Type"] == "application/pdf"
            printed.append(await answer.read())
    assert printed[0] == printed[1]
    with pikepdf.open(BytesIO(printed[0])) as document:
        assert len(document.pages) == 2
