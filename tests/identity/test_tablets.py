"""A tablet that animators share: registered for a site, unlocked by each one's PIN, for a short
time and the animator's role alone; a role that ends, ends everywhere (ID9)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain import agents, tablets
from services.identity.domain.accounts import Membership
from services.identity.domain.agents import Rights
from services.identity.domain.attempts import PIN_BY_ACCOUNT
from services.identity.domain.tablets import Tablet
from services.identity.store.sessions import SESSIONS
from services.identity.store.tablets import TABLETS
from shared.errors import Refused
from tests.identity.portal import PASSWORD, Portal
from tests.world import Answer

SITE, ELSEWHERE = "Restaurant scolaire", "École des Châtaigniers"
PIN = "280451"
PARIS = ZoneInfo("Europe/Paris")


def today() -> date:
    return datetime.now(UTC).astimezone(PARIS).date()


# -- the rule ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pin", ["000000", "112211", "123456", "654321", "012345"])
def test_a_pin_that_is_guessed_first_is_refused(pin: str) -> None:
    with pytest.raises(Refused, match="pin-too-easy"):
        tablets.check_pin(pin)


@pytest.mark.parametrize("pin", [PIN, "135790", "123465"])
def test_another_is_not(pin: str) -> None:
    tablets.check_pin(pin)


def _tablet(site: str = SITE) -> Tablet:
    return Tablet(
        id="t", town="veyras", name="Cantine", site=site, secret="", registered_by="a",
        registered_at=datetime.now(UTC),
    )  # fmt: skip


@given(
    st.sets(st.sampled_from(["animator", "administrator", "centre_director"])),
    st.sets(st.sampled_from([SITE, ELSEWHERE])),
)
def test_a_tablet_never_gives_more_than_the_animators_role_at_its_site(
    roles: set[str], sites: set[str]
) -> None:
    had = Rights(tuple(sorted(roles)), tuple(sorted(sites)), ())
    given_ = tablets.limited(had, _tablet())
    assert set(given_.roles) <= roles & {"animator"}
    assert set(given_.sites) <= sites & {SITE}
    assert bool(given_.roles) == ("animator" in roles and SITE in sites)


def test_roles_end_with_their_last_day_in_the_town() -> None:
    now = datetime(2026, 9, 14, tzinfo=UTC)
    membership = Membership(
        town="veyras", joined_at=now, roles=("animator",), until="2026-09-30"
    )  # fmt: skip
    assert agents.end_of_roles(membership, PARIS) == datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert agents.end_of_roles(membership.model_copy(update={"until": None}), PARIS) is None


# -- over HTTP ---------------------------------------------------------------------------------


async def registered(portal: Portal, site: str = SITE, **how: Any) -> Answer:
    token = portal.world.token(account="a" * 32, roles=("administrator",))
    body = {"name": "Tablette de la cantine", "site": site}
    return await portal.call("POST", "/tablets", body, token=token, **how)


async def appoint(portal: Portal, account: str, **post: Any) -> Answer:
    token = portal.world.token(roles=("administrator",))
    until = (today() + timedelta(days=30)).isoformat()
    whole = {"roles": ["animator"], "sites": [SITE], "until": until} | post
    return await portal.call("PUT", f"/agents/{account}", whole, token=token)


async def animator(portal: Portal, login: str = "alix.anime", **post: Any) -> str:
    """An animator with a PIN; the account's id."""
    account = await portal.agent("read_only", login=login)
    assert (await appoint(portal, account, **post)).status == 204
    token = (await portal.logged_in(login))["access_token"]
    chosen = {"password": PASSWORD, "pin": PIN}
    answer = await portal.call("POST", "/pins", chosen, token=token)
    assert answer.status == 204, answer.json
    return account


async def unlock(portal: Portal, secret: str, account: str, pin: str = PIN, **how: Any) -> Answer:
    body = {"secret": secret, "account": account, "pin": pin}
    return await portal.call("POST", "/tablet-sessions", body, **how)


async def test_from_registration_to_an_unlocked_tablet(portal: Portal) -> None:
    once, again = [await registered(portal, key="one-tablet") for _ in range(2)]
    assert (once.status, once.json) == (201, again.json)
    secret = once.json["secret"]
    account = await animator(portal, roles=["animator", "administrator"])
    await animator(portal, "else.where", sites=[ELSEWHERE])
    listed = await portal.call("POST", "/tablet-animators", {"secret": secret})
    assert [one["account"] for one in listed.json["animators"]] == [account]
    one, two = [await unlock(portal, secret, account, key="unlock-once") for _ in range(2)]
    assert (one.status, one.json) == (201, two.json)
    bearer = portal.world.of("identity").parts.keys.verify(one.json["access_token"])
    assert (bearer.roles, bearer.sites, bearer.families) == ({"animator"}, {SITE}, ())
    for method, path in (
        ("GET", "/me"), ("GET", "/agents"), ("GET", "/personal-data"), ("GET", "/login-sessions"),
        ("DELETE", "/other-login-sessions"),
    ):  # fmt: skip
        refused = await portal.call(method, path, token=one.json["access_token"])
        assert (refused.status, refused.json["code"]) == (403, "forbidden"), path
    fresh = await portal.call("POST", "/tokens", {"refresh_token": one.json["refresh_token"]})
    assert fresh.status == 200
    locked = {"refresh_token": fresh.json["refresh_token"]}
    for _ in range(2):
        assert (await portal.call("POST", "/tablet-locks", locked)).status == 204
    ended = await portal.call("POST", "/tokens", locked)
    assert (ended.status, ended.json["code"]) == (401, "login-session-ended")


async def test_a_session_on_a_tablet_is_short(portal: Portal) -> None:
    secret = (await registered(portal)).json["secret"]
    account = await animator(portal)
    opened = await unlock(portal, secret, account)
    sessions = portal.world.store("identity")._database[SESSIONS]
    kept = await sessions.find_one({"tablet": {"$ne": None}})
    assert kept is not None
    assert kept["expires_at"] - kept["created_at"] <= tablets.IDLE
    long_ago = datetime.now(UTC) - tablets.LONGEST + timedelta(minutes=1)
    await sessions.update_one({"_id": kept["_id"]}, {"$set": {"authenticated_at": long_ago}})
    await portal.call("POST", "/tokens", {"refresh_token": opened.json["refresh_token"]})
    kept = await sessions.find_one({"_id": kept["_id"]})
    assert kept is not None
    assert kept["expires_at"] <= long_ago.replace(microsecond=0) + tablets.LONGEST + timedelta(
        seconds=1
    )


async def test_wrong_pins_wait_whoever_is_named(portal: Portal) -> None:
    secret = (await registered(portal)).json["secret"]
    account = await animator(portal)
    stranger = await portal.agent("read_only", login="sans.code")
    answers = [await unlock(portal, secret, one, "999998") for one in (account, stranger, "x" * 32)]
    assert {(one.status, one.json["code"]) for one in answers} == {(401, "wrong-pin")}
    for _ in range(PIN_BY_ACCOUNT.free - 1):
        await unlock(portal, secret, account, "999998")
    late = await unlock(portal, secret, account)
    assert (late.status, late.json["code"]) == (429, "too-many-attempts"), "even the right one"


async def test_a_tablet_that_is_revoked_or_unknown_opens_nothing(portal: Portal) -> None:
    made = (await registered(portal)).json
    account = await animator(portal)
    opened = await unlock(portal, made["secret"], account)
    for secret in (f"{made['tablet']}.{'A' * 43}", "no tablet at all", made["secret"][:-1]):
        wrong = await unlock(portal, secret, account)
        assert (wrong.status, wrong.json["code"]) == (401, "tablet-unknown")
    administrator = portal.world.token(roles=("administrator",))
    path = f"/tablets/{made['tablet']}"
    elsewhere = portal.world.token("andancette", roles=("administrator",))
    other = await portal.call("DELETE", path, town="andancette", token=elsewhere)
    assert other.status == 404
    for _ in range(2):
        assert (await portal.call("DELETE", path, token=administrator)).status == 204
    assert (await unlock(portal, made["secret"], account)).json["code"] == "tablet-unknown"
    refresh = {"refresh_token": opened.json["refresh_token"]}
    assert (await portal.call("POST", "/tokens", refresh)).json["code"] == "login-session-ended"
    (shown,) = (await portal.call("GET", "/tablets", token=administrator)).json["items"]
    assert shown["revoked_at"] is not None
    assert "secret" not in shown
    kept = await portal.world.store("identity").get(TABLETS, made["tablet"])
    assert made["secret"] not in str(kept)


async def test_a_role_that_ends_ends_on_the_tablet_too(portal: Portal) -> None:
    secret = (await registered(portal)).json["secret"]
    account = await animator(portal)
    opened = await unlock(portal, secret, account)
    yesterday = (today() - timedelta(days=1)).isoformat()
    assert (await appoint(portal, account, until=yesterday)).status == 204
    assert (await unlock(portal, secret, account)).json["code"] == "wrong-pin"
    refresh = {"refresh_token": opened.json["refresh_token"]}
    over = await portal.call("POST", "/tokens", refresh)
    assert (over.status, over.json["code"]) == (403, "agent-no-longer")
    listed = await portal.call("POST", "/tablet-animators", {"secret": secret})
    assert listed.json["animators"] == []
    elsewhere = await appoint(portal, account, sites=[ELSEWHERE])
    assert elsewhere.status == 204
    assert (await unlock(portal, secret, account)).json["code"] == "wrong-pin"


async def test_no_token_outlives_the_last_day(portal: Portal) -> None:
    await animator(portal, until=today().isoformat())
    tokens = await portal.logged_in("alix.anime")
    midnight = datetime.combine(today() + timedelta(days=1), datetime.min.time(), PARIS)
    assert datetime.fromisoformat(tokens["expires_at"]) <= midnight


async def test_a_pin_is_an_animators_own(portal: Portal) -> None:
    await portal.agent("administrator")
    token = (await portal.logged_in("agent.veyras"))["access_token"]
    for body, code in (
        ({"password": PASSWORD, "pin": PIN}, "not-an-animator"),
        ({"password": PASSWORD, "pin": "123456"}, "pin-too-easy"),
        ({"password": PASSWORD, "pin": "28o451"}, "invalid-input"),
        ({"password": "pas le bon du tout", "pin": PIN}, "wrong-password"),
    ):
        answer = await portal.call("POST", "/pins", body, token=token)
        assert answer.json["code"] == code
    unknown = await registered(portal, "Piscine")
    assert (unknown.status, unknown.json["code"]) == (422, "site-unknown")
