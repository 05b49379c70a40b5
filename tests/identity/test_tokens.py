"""Access and refresh tokens: rotation, the same pair within 30 s, the end after a theft."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from services.identity.domain.sessions import (
    PAIRS_KEPT,
    SAME_PAIR_FOR,
    LoginSession,
    Pair,
    on_refresh,
)
from tests.identity.portal import Portal
from tests.world import Answer

NOW = datetime(2026, 9, 14, 8, tzinfo=UTC)


async def _refresh(portal: Portal, tokens: dict[str, Any]) -> Answer:
    return await portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})


async def test_a_refresh_token_used_again_at_once_gives_the_same_pair(portal: Portal) -> None:
    await portal.adult()
    tokens = await portal.logged_in()
    first, again = await _refresh(portal, tokens), await _refresh(portal, tokens)
    assert first.status == 200
    assert first.json == again.json
    assert first.json["refresh_token"] != tokens["refresh_token"]
    onwards = await _refresh(portal, first.json)
    assert onwards.status == 200


async def test_refreshes_at_the_same_time_give_one_pair(portal: Portal) -> None:
    await portal.adult()
    tokens = await portal.logged_in()
    answers = await asyncio.gather(*(_refresh(portal, tokens) for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    assert len({answer.json["access_token"] for answer in answers}) == 1


async def test_an_old_refresh_token_ends_that_login_session_only(portal: Portal) -> None:
    await portal.adult()
    stolen, other = await portal.logged_in(), await portal.logged_in()
    latest = stolen
    for _ in range(PAIRS_KEPT + 1):
        latest = (await _refresh(portal, latest)).json
    late = await _refresh(portal, stolen)
    assert (late.status, late.json["code"]) == (401, "login-session-ended")
    assert (await _refresh(portal, latest)).status == 401
    assert (await _refresh(portal, other)).status == 200


async def test_logging_out_ends_that_login_session_only(portal: Portal) -> None:
    await portal.adult()
    gone, other = await portal.logged_in(), await portal.logged_in()
    for _ in range(2):
        out = await portal.call("DELETE", "/login-session", token=gone["access_token"])
        assert out.status == 204
    refused = await _refresh(portal, gone)
    assert (refused.status, refused.json["code"]) == (401, "login-session-ended")
    assert (await _refresh(portal, other)).status == 200


async def test_forged_refresh_tokens_end_nothing(portal: Portal) -> None:
    await portal.adult()
    tokens = await portal.logged_in()
    session, generation, seal = tokens["refresh_token"].split(".")
    other = "B" if seal[0] == "A" else "A"
    for forged in (
        f"{session}.{generation}.{other}{seal[1:]}",
        f"{session}.1.{seal}",
        f"{session}.{'9' * 40}.{seal}",
        f"{session}.-1.{seal}",
        f"{session}.².{seal}",
        f"{session}.{generation}.é{seal}",
        f"{'0' * 32}.{generation}.{seal}",
        "n'importe quoi du tout",
    ):
        answer = await _refresh(portal, {"refresh_token": forged})
        assert (answer.status, answer.json["code"]) == (401, "login-session-ended"), forged
    elsewhere = await portal.call(
        "POST", "/tokens", {"refresh_token": tokens["refresh_token"]}, town="andancette"
    )
    assert elsewhere.status == 401
    assert (await _refresh(portal, tokens)).status == 200


async def test_rights_are_read_anew_at_each_refresh(portal: Portal) -> None:
    await portal.family("f1", "g1", "g2")
    key = (await portal.keys_for("f1"))["g2"]
    await portal.adult()
    tokens = await portal.logged_in()
    await portal.call("POST", "/family-links", {"key": key}, token=tokens["access_token"])
    tokens = (await _refresh(portal, tokens)).json
    keyring = portal.world.runner.running[0].parts.keys
    assert len(keyring.verify(tokens["access_token"]).families) == 1
    await portal.family("f1", "g1")  # the second guardian has left the household
    tokens = (await _refresh(portal, tokens)).json
    assert keyring.verify(tokens["access_token"]).families == ()


def _session(generation: int, given_at: datetime) -> LoginSession:
    pairs = tuple(
        Pair(generation=n, issued_at=given_at, families=(), roles=())
        for n in range(max(0, generation - 5), generation + 1)
    )
    return LoginSession(
        id="s", town="veyras", account="a", epoch=1, key="k", created_at=given_at,
        authenticated_at=given_at, device="",
        expires_at=given_at + timedelta(days=7), generation=generation, pairs=pairs,
    )  # fmt: skip


def test_the_same_pair_is_given_for_thirty_seconds_and_no_longer() -> None:
    session = _session(4, NOW)
    assert on_refresh(session, 4, NOW + timedelta(days=1)) == "rotate"
    assert on_refresh(session, 3, NOW + SAME_PAIR_FOR) == session.pair(4)
    assert on_refresh(session, 3, NOW + SAME_PAIR_FOR + timedelta(milliseconds=1)) == "end"
    assert on_refresh(session, 5, NOW) == "end"


def test_a_login_session_runs_out() -> None:
    session = _session(0, NOW)
    assert session.alive(1, None, session.expires_at - timedelta(milliseconds=1))
    assert not session.alive(1, None, session.expires_at)
    assert not session.alive(2, None, NOW)
    assert session.alive(2, session.id, NOW)
