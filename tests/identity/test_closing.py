"""The end of an account (ID11): closed, undone, erased; what goes with a family."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.identity.commands.closing import erase_due
from services.identity.domain.accounts import Account
from services.identity.store.accounts import ACCOUNTS, Accounts
from shared.contracts.family import PersonErased
from shared.events import Event
from shared.store import Document
from tests.identity.portal import PASSWORD, Portal
from tests.world import Answer, eventually


async def _close(portal: Portal, bearer: str, password: str = PASSWORD, **how: Any) -> Answer:
    return await portal.call(
        "POST", "/account-closures", {"password": password}, token=bearer, **how
    )


async def _when_due(portal: Portal) -> None:
    """As seven days later."""
    past = {"$set": {"closing.due_at": datetime.now(UTC) - timedelta(seconds=1)}}
    accounts = portal.world.store("identity")._database[ACCOUNTS]
    await accounts.update_many({"closing": {"$ne": None}}, past)
    await erase_due(portal.identity)


async def test_a_closed_account_is_erased_after_its_grace(portal: Portal) -> None:
    account = await portal.activated("camille.martin")
    tokens = await portal.logged_in()
    bearer = tokens["access_token"]
    closed = await _close(portal, bearer, key="une-seule-fois")
    assert closed.status == 202, closed.json
    assert (await _close(portal, bearer, key="une-seule-fois")).json == closed.json
    said = (await portal.mailed("account-closing"))[0]
    assert said["email"] == "famille@example.org"
    me = await portal.call("GET", "/me", token=bearer)
    assert me.json["closes_at"] is not None
    await erase_due(portal.identity)
    await portal.logged_in()
    await _when_due(portal)
    gone = (await portal.mailed("person-erased"))[0]
    assert gone["account"] == account
    last = (await portal.mailed("account-changed"))[-1]
    assert (last["active"], last["email"], last["last_name"]) == (False, "", "")
    body = {"login_name": "camille.martin", "password": PASSWORD}
    refused = await portal.call("POST", "/login-sessions", body)
    assert refused.json["code"] == "wrong-credentials"
    fresh = await portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})
    assert fresh.status == 401
    document = await portal.world.store("identity").get(ACCOUNTS, account, {"pending": 0})
    assert not [word for word in ("camille", "martin", "example", "École")
                if word in str(document).lower()]  # fmt: skip
    await _when_due(portal)
    assert len(await portal.mailed("person-erased")) == 1
    assert await portal.activated("camille.martin")


async def test_a_closing_is_undone_by_the_mail_or_by_logging_in(portal: Portal) -> None:
    await portal.adult()
    bearer = (await portal.logged_in())["access_token"]
    await _close(portal, bearer)
    token = (await portal.mailed("account-closing"))[0]["token"]
    undone = await portal.call("POST", "/account-closure-undoings", {"token": token})
    assert undone.status == 204
    again = await portal.call("POST", "/account-closure-undoings", {"token": token})
    assert again.json["code"] == "token-unknown"
    await _close(portal, bearer)
    kept = await portal.call("DELETE", "/account-closures", token=bearer)
    assert kept.status == 204
    await _when_due(portal)
    await portal.logged_in()
    assert await portal.said("person-erased") == []


async def test_an_account_kept_while_the_job_runs_is_not_erased(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await portal.adult()
    tokens = await portal.logged_in()
    await _close(portal, tokens["access_token"])
    due = Accounts.accounts_closing

    async def then_kept(store: Accounts, now: datetime, limit: int) -> list[str]:
        found = await due(store, now, limit)
        kept = await portal.call("DELETE", "/account-closures", token=tokens["access_token"])
        assert (len(found), kept.status) == (1, 204)
        return found

    monkeypatch.setattr(Accounts, "accounts_closing", then_kept)
    await _when_due(portal)
    fresh = await portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})
    assert fresh.status == 200, "nor are its login sessions"
    assert await portal.said("person-erased") == []


async def test_an_account_linked_while_its_family_is_erased_stays(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await _linked(portal, "camille.martin", "f1")
    bearer = (await portal.logged_in())["access_token"]
    await portal.family("f2", "f2-g1")
    key = (await portal.keys_for("f2"))["f2-g1"]
    write = Accounts.erase_account

    async def then_linked(
        store: Accounts, before: Document, after: Account, events: Sequence[Event]
    ) -> bool:
        linked = await portal.call("POST", "/family-links", {"key": key}, token=bearer)
        assert linked.status == 201, linked.json
        return await write(store, before, after, events)

    monkeypatch.setattr(Accounts, "erase_account", then_linked)
    gone = PersonErased(family="f1", guardians=("f1-g1",), children=())
    await portal.world.say(gone, "families/f1")

    async def unlinked() -> bool:
        return not await portal.identity.store.account_ids_of_family("veyras", "f1")

    await eventually(unlinked)
    assert await portal.identity.store.account_ids_of_family("veyras", "f2") == [account]
    me = await portal.logged_in()
    links = await portal.call("GET", "/family-links", token=me["access_token"])
    assert [one["family"] for one in links.json["links"]] == ["f2"]


async def test_only_who_knows_the_password_closes_and_no_agent(portal: Portal) -> None:
    await portal.adult()
    bearer = (await portal.logged_in())["access_token"]
    wrong = await _close(portal, bearer, "pas le bon du tout")
    assert (wrong.status, wrong.json["code"]) == (403, "wrong-password")
    await portal.agent("administrator")
    agent = (await portal.logged_in("agent.veyras"))["access_token"]
    refused = await _close(portal, agent)
    assert (refused.status, refused.json["code"]) == (403, "agent-account")


async def _linked(portal: Portal, login: str, family: str) -> str:
    account = await portal.adult(login, f"{login}@example.org")
    tokens = await portal.logged_in(login)
    await portal.family(family, f"{family}-g1")
    key = (await portal.keys_for(family))[f"{family}-g1"]
    await portal.call("POST", "/family-links", {"key": key}, token=tokens["access_token"])
    return account


async def test_an_account_goes_with_its_family_when_nothing_else_is_left(portal: Portal) -> None:
    alone = await _linked(portal, "seul.ici", "f1")
    elsewhere = await _linked(portal, "aussi.la", "f2")
    await portal.logged_in("aussi.la", town="andancette")
    for family in ("f1", "f2"):
        gone = PersonErased(family=family, guardians=(f"{family}-g1",), children=())
        await portal.world.say(gone, f"families/{family}")

    async def unlinked() -> bool:
        return not await portal.identity.store.account_ids_of_family("veyras", "f2")

    await eventually(unlinked)
    erased = [one for one in await portal.mailed("person-erased", 3) if "account" in one]
    assert [one["account"] for one in erased] == [alone]
    assert elsewhere not in str(erased)
    me = await portal.logged_in("aussi.la")
    links = await portal.call("GET", "/family-links", token=me["access_token"])
    assert links.json["links"] == []
    agent = portal.world.token(roles=("administrator",))
    page = await portal.call("GET", "/family-keys", token=agent)
    assert page.json["items"] == []
