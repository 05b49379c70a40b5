"""A town's agents: invited by mail, appointed, bound to sites, suspended, never without an
administrator (ID9)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.auth import Bearer
from tests.identity.portal import PASSWORD, Portal
from tests.world import Answer, eventually

SITE = "École des Châtaigniers"


async def boss(portal: Portal, login: str = "chef.veyras") -> str:
    """The access token of a real administrator."""
    await portal.agent("administrator", login=login)
    return str((await portal.logged_in(login))["access_token"])


async def invite(portal: Portal, token: str, login: str = "nina", **post: Any) -> Answer:
    body: dict[str, Any] = {
        "login_name": login, "email": f"{login}@veyras.example", "first_name": "Nina",
        "last_name": "Roux", "roles": ["childcare_office"], **post,
    }  # fmt: skip
    return await portal.call("POST", "/agents", body, token=token)


async def change(portal: Portal, token: str, account: str, **post: Any) -> Answer:
    body = {"roles": ["childcare_office"], **post}
    return await portal.call("PUT", f"/agents/{account}", body, token=token)


async def joined(portal: Portal, token: str, login: str = "nina", **post: Any) -> str:
    """An agent who was invited and has chosen a password; the account."""
    made = await invite(portal, token, login, **post)
    assert made.status == 201, made.json
    account = str(made.json["account"])

    async def mail() -> str | None:
        said = await portal.said("agent-invited")
        return next((one.data["token"] for one in said if one.data["account"] == account), None)

    mailed = await eventually(mail, what="invitation")
    chosen = await portal.call("POST", "/passwords", {"token": mailed, "password": PASSWORD})
    assert chosen.status == 204, chosen.json
    return account


def rights(portal: Portal, tokens: dict[str, Any]) -> Bearer:
    bearer: Bearer = portal.world.of("identity").parts.keys.verify(tokens["access_token"])
    return bearer


async def refreshed(portal: Portal, tokens: dict[str, Any]) -> Answer:
    return await portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})


async def card(portal: Portal, token: str, account: str) -> Any:
    return (await portal.call("GET", f"/agents/{account}", token=token)).json


async def test_an_invited_agent_chooses_a_password_and_has_the_roles(portal: Portal) -> None:
    token = await boss(portal)
    made = await invite(portal, token)
    account = made.json["account"]
    assert (await card(portal, token, account))["state"] == "invited"
    nobody = await portal.call(
        "POST", "/login-sessions", {"login_name": "nina", "password": PASSWORD}
    )
    assert nobody.json["code"] == "wrong-credentials"
    again = await portal.call("POST", f"/agents/{account}/invitations", {}, token=token)
    assert again.status == 204
    first, second = await portal.mailed("agent-invited", 2)
    assert (first["login_name"], first["email"]) == ("nina", "nina@veyras.example")
    chosen = await portal.call(
        "POST", "/passwords", {"token": second["token"], "password": PASSWORD}
    )
    assert chosen.status == 204
    assert rights(portal, await portal.logged_in("nina")).roles == {"childcare_office"}
    seen = await card(portal, token, account)
    assert (seen["state"], seen["roles"], seen["second_factor"]) == (
        "active", ["childcare_office"], False,
    )  # fmt: skip
    late = await portal.call("POST", f"/agents/{account}/invitations", {}, token=token)
    assert (late.status, late.json["code"]) == (409, "already-joined")


async def test_a_repeated_invitation_makes_one_agent_and_one_mail(portal: Portal) -> None:
    token = await boss(portal)
    body = {
        "login_name": "nina", "email": "nina@veyras.example", "first_name": "Nina",
        "last_name": "Roux", "roles": ["read_only"],
    }  # fmt: skip
    answers = await asyncio.gather(
        *(portal.call("POST", "/agents", body, token=token, key="one-invitation")
          for _ in range(4))
    )  # fmt: skip
    assert {(answer.status, answer.json["account"]) for answer in answers} == {
        (201, answers[0].json["account"])
    }
    await portal.mailed("agent-invited")
    assert len(await portal.said("agent-invited")) == 1
    other = await portal.call(
        "POST", "/agents", {**body, "last_name": "Petit"}, token=token, key="one-invitation"
    )
    assert other.json["code"] == "idempotency-key-reused"
    taken = await invite(portal, token)
    assert (taken.status, taken.json["code"]) == (409, "login-name-taken")


@pytest.mark.parametrize(
    ("post", "code", "field"),
    [
        ({"roles": ["centre_director"]}, "sites-missing", "/sites"),
        ({"roles": ["kitchen", "school"]}, "sites-missing", "/sites"),
        ({"sites": ["Ailleurs"]}, "site-unknown", "/sites"),
        ({"roles": ["animator"], "sites": [SITE]}, "end-date-missing", "/until"),
        ({"roles": ["animator"], "sites": [SITE], "until": "2099-01-01"}, "end-date-missing",
         "/until"),
        ({"roles": ["emperor"]}, "invalid-input", "/roles/0"),
        ({"roles": []}, "invalid-input", "/roles"),
    ],
)  # fmt: skip
async def test_a_post_that_cannot_be_names_its_field(
    portal: Portal, post: dict[str, Any], code: str, field: str
) -> None:
    answer = await invite(portal, portal.world.token(roles=("administrator",)), **post)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, code, field)
    assert await portal.world.store("identity").count("accounts", {}) == 0


async def test_sites_travel_in_the_token_of_who_is_bound_to_them(portal: Portal) -> None:
    token = await boss(portal)
    await joined(portal, token, roles=["centre_director"], sites=[SITE])
    bearer = rights(portal, await portal.logged_in("nina"))
    assert (bearer.roles, bearer.sites) == ({"centre_director"}, {SITE})
    me = await portal.call("GET", "/me", token=(await portal.logged_in("nina"))["access_token"])
    assert (me.json["roles"], me.json["sites"]) == (["centre_director"], [SITE])


async def test_what_an_administrator_changes_holds_at_the_next_refresh(portal: Portal) -> None:
    token = await boss(portal)
    account = await joined(portal, token)
    tokens = await portal.logged_in("nina")
    assert (await change(portal, token, account, roles=["read_only"])).status == 204
    fresh = await refreshed(portal, tokens)
    assert rights(portal, fresh.json).roles == {"read_only"}
    assert (await change(portal, token, account, suspended=True)).status == 204
    stopped = await refreshed(portal, fresh.json)
    assert (stopped.status, stopped.json["code"]) == (403, "agent-no-longer")
    body = {"login_name": "nina", "password": PASSWORD}
    out = await portal.call("POST", "/login-sessions", body)
    assert (out.status, out.json["code"]) == (403, "agent-no-longer")
    assert (await card(portal, token, account))["state"] == "suspended"
    assert (await change(portal, token, account)).status == 204
    assert rights(portal, await portal.logged_in("nina")).roles == {"childcare_office"}


async def test_an_agent_whose_last_day_is_over_is_one_no_longer(portal: Portal) -> None:
    token = await boss(portal)
    today = datetime.now(UTC).date()
    account = await joined(portal, token)
    for until, status in ((today + timedelta(days=1), 201), (today - timedelta(days=2), 403)):
        assert (await change(portal, token, account, until=until.isoformat())).status == 204
        body = {"login_name": "nina", "password": PASSWORD}
        assert (await portal.call("POST", "/login-sessions", body)).status == status
    assert (await card(portal, token, account))["state"] == "ended"


async def test_a_parent_who_is_an_agent_stays_a_parent(portal: Portal) -> None:
    token = await boss(portal)
    await portal.family("f1", "g1")
    await portal.adult()
    key = (await portal.keys_for("f1"))["g1"]
    parent = await portal.logged_in()
    await portal.call("POST", "/family-links", {"key": key}, token=parent["access_token"])
    account = await portal.agent("read_only", login="camille.martin")
    assert (await change(portal, token, account, suspended=True)).status == 204
    bearer = rights(portal, await portal.logged_in())
    assert (bearer.roles, [one.family for one in bearer.families]) == (frozenset(), ["f1"])


async def test_the_last_administrator_stays(portal: Portal) -> None:
    token = await boss(portal)
    (own,) = (await portal.call("GET", "/agents", token=token)).json["items"]
    ended = (datetime.now(UTC).date() - timedelta(days=2)).isoformat()
    for post in ({"roles": ["read_only"]}, {"roles": []},
                 {"roles": ["administrator"], "suspended": True},
                 {"roles": ["administrator"], "until": ended}):  # fmt: skip
        answer = await change(portal, token, own["account"], **post)
        assert (answer.status, answer.json["code"]) == (409, "last-administrator")
    await invite(portal, token, "autre", roles=["administrator"])
    still = await change(portal, token, own["account"], roles=[])
    assert still.json["code"] == "last-administrator", "the other has no password yet"
    await joined(portal, token, "nina", roles=["administrator"])
    assert (await change(portal, token, own["account"], roles=["read_only"])).status == 204


async def test_two_administrators_do_not_remove_each_other_at_once(portal: Portal) -> None:
    first = await portal.agent("administrator", login="chef.un")
    second = await portal.agent("administrator", login="chef.deux")
    token = portal.world.token(roles=("administrator",))
    answers = await asyncio.gather(
        *(change(portal, token, account, roles=["read_only"]) for account in (first, second))
    )
    codes = sorted((a.status, a.json and a.json["code"]) for a in answers)
    assert codes[0] == (204, None)
    assert codes[1] in {(409, "last-administrator"), (503, "too-busy")}


async def test_agents_are_listed_page_by_page_each_town_its_own(portal: Portal) -> None:
    token = await boss(portal)
    await invite(portal, token)
    await portal.agent("kitchen", login="cuisine", town="andancette")
    await portal.adult()
    first = (await portal.call("GET", "/agents?limit=1", token=token)).json
    rest = (await portal.call("GET", f"/agents?after={first['next']}", token=token)).json
    seen = [one["login_name"] for one in (*first["items"], *rest["items"])]
    assert sorted(seen) == ["chef.veyras", "nina"]
    there = portal.world.token("andancette", roles=("administrator",))
    account = first["items"][0]["account"]
    for method, path, body in (
        ("GET", f"/agents/{account}", None),
        ("PUT", f"/agents/{account}", {"roles": ["administrator"]}),
        ("POST", f"/agents/{account}/invitations", {}),
        ("DELETE", f"/agents/{account}/second-factor", None),
    ):
        answer = await portal.call(method, path, body, town="andancette", token=there)
        assert answer.status == 404, path
    parent = await portal.world.store("identity").first("accounts", {"kind": "adult"})
    assert parent is not None
    assert (await portal.call("GET", f"/agents/{parent['_id']}", token=token)).status == 404


async def test_what_administrators_do_is_in_the_audit(portal: Portal) -> None:
    token = await boss(portal)
    me = (await portal.call("GET", "/me", token=token)).json["account"]
    account = (await invite(portal, token)).json["account"]
    await card(portal, token, account)
    page = (await portal.call("GET", f"/audit?account={me}", token=token)).json
    acts = [(one["method"], one["route"], one["status"]) for one in page["items"]]
    assert acts[:3] == [
        ("GET", "/agents/{account}", 200), ("POST", "/agents", 201), ("GET", "/me", 200),
    ]  # fmt: skip
    assert page["items"][0]["path"] == {"account": account}
    assert "Nina" not in str(page)
    assert "veyras.example" not in str(page)
    clerk = portal.world.token(roles=("childcare_office",))
    assert (await portal.call("GET", "/audit", token=clerk)).status == 403
