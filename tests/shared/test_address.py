"""Whose address a request is said to come from: limits on guesses count by it."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from shared.auth import PUBLIC, Keyring
from shared.clock import MachineClock
from shared.web.routes import Call, NoBody, NoQuery, Output, Route
from shared.web.server import BEHIND_GATEWAY, add_service, problems
from tests.shared.conftest import HeardAudit


class Seen(Output):
    """The caller's address as the handler sees it."""

    address: str


async def see(_state: object, call: Call[NoBody, NoQuery]) -> Seen:
    return Seen(address=call.address)


async def _seen(*, behind_gateway: bool, forwarded: str | None) -> str:
    app = web.Application(middlewares=[problems])
    app[BEHIND_GATEWAY] = behind_gateway
    route = Route("GET", "/seen", see, "Who is seen", PUBLIC, Seen)
    add_service(app, "seen", "", [route], None, Keyring(MachineClock()), HeardAudit())
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/api/seen/v1/veyras/seen", headers=headers)
        return str((await answer.json())["address"])


async def test_a_caller_cannot_choose_its_address() -> None:
    assert await _seen(behind_gateway=False, forwarded="203.0.113.9") == "127.0.0.1"


async def test_the_gateway_says_whose_request_it_passes_on() -> None:
    said = "198.51.100.1, 203.0.113.9"
    assert await _seen(behind_gateway=True, forwarded=said) == "203.0.113.9"
