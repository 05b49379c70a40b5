"""Every route of the service, with no token, a bad one, another town's, and without the role."""

from __future__ import annotations

import re

from services.identity.api import ROUTES
from shared.web.routes import Route
from tests.identity.portal import Portal
from tests.world import Answer

_GUARDED = [route for route in ROUTES if not route.access.public]
_PUBLIC = {
    "/town", "/town-logo", "/accounts", "/activations", "/activation-requests", "/login-sessions",
    "/tokens", "/password-resets", "/passwords", "/email-confirmations", "/password-strengths",
    "/invitations/shown", "/invitation-acceptances", "/first-logins", "/account-closure-undoings",
    "/franceconnect", "/franceconnect/authorizations", "/franceconnect/callbacks",
    "/franceconnect/codes", "/franceconnect/links", "/franceconnect/accounts",
    "/franceconnect/logout-returns",
    "/tablet-animators", "/tablet-sessions", "/tablet-locks",
}  # fmt: skip


async def _call(portal: Portal, route: Route, token: str | None) -> Answer:
    path = re.sub(r"{\w+}", "x", route.path)
    body = {} if route.method in {"POST", "PUT"} else None
    return await portal.call(route.method, path, body, token=token)


def test_these_routes_and_no_other_are_public() -> None:
    assert {route.path for route in ROUTES if route.access.public} == _PUBLIC


async def test_no_route_answers_a_wrong_bearer(portal: Portal) -> None:
    good = portal.world.token(roles=("administrator",))
    head, payload, seal = good.split(".")
    for route in _GUARDED:
        for token, status, code in (
            (None, 401, "token-missing"),
            ("n-importe-quoi", 401, "token-invalid"),
            (f"{head}.{payload}.{seal[::-1]}", 401, "token-invalid"),
            (portal.world.token("andancette", roles=("administrator",)), 403, "wrong-town"),
        ):
            answer = await _call(portal, route, token)
            assert (answer.status, answer.json["code"]) == (status, code), (route.path, code)


async def test_agents_routes_want_the_role(portal: Portal) -> None:
    by_role = [route for route in _GUARDED if route.access.roles]
    assert by_role
    for route in by_role:
        for roles in ((), ("kitchen", "read_only")):
            answer = await _call(portal, route, portal.world.token(roles=roles))
            assert (answer.status, answer.json["code"]) == (403, "forbidden"), route.path


async def test_one_adult_never_sees_anothers_links(portal: Portal) -> None:
    await portal.family("f1", "g1")
    key = (await portal.keys_for("f1"))["g1"]
    await portal.adult("a.b")
    await portal.adult("a.c")
    first, second = await portal.logged_in("a.b"), await portal.logged_in("a.c")
    await portal.call("POST", "/family-links", {"key": key}, token=first["access_token"])
    seen = await portal.call("GET", "/family-links", token=second["access_token"])
    assert seen.json == {"links": []}
    me = await portal.call("GET", "/me", token=second["access_token"])
    assert (me.json["login_name"], me.json["families"]) == ("a.c", [])


async def test_keys_of_another_town_are_neither_seen_nor_revoked(portal: Portal) -> None:
    await portal.family("f1", "g1")
    await portal.keys_for("f1")
    here = portal.world.token(roles=("administrator",))
    there = portal.world.token("andancette", roles=("administrator",))
    key = (await portal.call("GET", "/family-keys", token=here)).json["items"][0]["id"]
    page = await portal.call("GET", "/family-keys", town="andancette", token=there)
    assert page.json == {"items": [], "next": None}
    gone = await portal.call("DELETE", f"/family-keys/{key}", town="andancette", token=there)
    assert gone.status == 404
