"""Login sessions: seen by their holder, ended one by one or all but one."""

from __future__ import annotations

import pytest

from services.identity.domain.devices import device_label
from tests.identity.portal import PASSWORD, Portal
from tests.world import Answer

_FIREFOX = "Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0"
_SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


async def _log_in(portal: Portal, user_agent: str, town: str = "veyras") -> dict[str, str]:
    body = {"login_name": "camille.martin", "password": PASSWORD}
    answer = await portal.call(
        "POST", "/login-sessions", body, town=town, headers={"User-Agent": user_agent}
    )
    assert answer.status == 201, answer.json
    return dict(answer.json)


async def _refresh(portal: Portal, tokens: dict[str, str], town: str = "veyras") -> Answer:
    body = {"refresh_token": tokens["refresh_token"]}
    return await portal.call("POST", "/tokens", body, town=town)


async def test_the_holder_sees_where_the_account_is_logged_in(portal: Portal) -> None:
    await portal.adult()
    await _log_in(portal, _FIREFOX)
    here = await _log_in(portal, _SAFARI, "andancette")
    seen = await portal.call(
        "GET", "/login-sessions", town="andancette", token=here["access_token"]
    )
    shown = [(one["town"], one["device"], one["current"]) for one in seen.json["login_sessions"]]
    assert shown == [
        ("andancette", "Safari sur iPhone", True),
        ("veyras", "Firefox sur Android", False),
    ]
    fields = set(seen.json["login_sessions"][0])
    assert fields == {"id", "town", "device", "created_at", "refreshed_at", "current"}


async def test_one_session_is_ended_and_the_others_go_on(portal: Portal) -> None:
    await portal.adult()
    lost, here = await _log_in(portal, _FIREFOX), await _log_in(portal, _SAFARI)
    seen = await portal.call("GET", "/login-sessions", token=here["access_token"])
    (gone,) = [one["id"] for one in seen.json["login_sessions"] if not one["current"]]
    for _ in range(2):
        ended = await portal.call("DELETE", f"/login-sessions/{gone}", token=here["access_token"])
        assert ended.status == 204
    assert (await _refresh(portal, lost)).json["code"] == "login-session-ended"
    assert (await _refresh(portal, here)).status == 200
    seen = await portal.call("GET", "/login-sessions", token=here["access_token"])
    assert len(seen.json["login_sessions"]) == 1


async def test_all_others_are_ended_at_once(portal: Portal) -> None:
    await portal.adult()
    others = [await _log_in(portal, _FIREFOX) for _ in range(3)]
    here = await _log_in(portal, _SAFARI)
    ended = await portal.call("DELETE", "/other-login-sessions", token=here["access_token"])
    assert ended.status == 204
    for other in others:
        assert (await _refresh(portal, other)).status == 401
    assert (await _refresh(portal, here)).status == 200


async def test_nobody_ends_anothers_session(portal: Portal) -> None:
    await portal.adult()
    await portal.adult("quelquun.dautre", "autre@example.org")
    mine = await _log_in(portal, _FIREFOX)
    theirs = await portal.logged_in("quelquun.dautre")
    seen = await portal.call("GET", "/login-sessions", token=mine["access_token"])
    session = seen.json["login_sessions"][0]["id"]
    refused = await portal.call(
        "DELETE", f"/login-sessions/{session}", token=theirs["access_token"]
    )
    assert refused.status == 404
    assert (await _refresh(portal, mine)).status == 200


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/128.0 Safari/537 Edg/128.0",
         "Edge sur Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit Chrome/128.0 Safari/537.36",
         "Chrome sur Linux"),
        ("curl/8.5", ""),
        ("", ""),
        ("<script>alert(1)</script>", ""),
    ],
)  # fmt: skip
def test_devices_are_told_apart_coarsely(said: str, label: str) -> None:
    assert device_label(said) == label
