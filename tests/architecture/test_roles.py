"""Every route of agents with every role: let in exactly as the table of roles says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from services.documents import ROUTES
from shared.roles import BOUND_TO_SITES, CARDS, ROLES
from shared.web.audit import AUDIT_ROUTES
from shared.web.routes import NoBody, Route
from tests.world import Answer, World

BY_ROLE = [
    (service, route)
    for service, routes in ROUTES.items()
    for route in (*routes, *AUDIT_ROUTES)
    if route.access.roles
]


def test_routes_name_roles_that_there_are_and_every_role_is_described() -> None:
    assert set(CARDS) == set(ROLES)
    for _, route in BY_ROLE:
        assert route.access.roles <= set(ROLES), route.path


def test_roles_bound_to_sites_reach_nothing_but_what_knows_sites() -> None:
    reached = {
        (service, route.method, route.path)
        for service, route in BY_ROLE
        if route.access.roles & BOUND_TO_SITES
    }
    assert reached == {
        ("booking", "GET", "/answers"),
        ("booking", "GET", "/requests"), ("booking", "GET", "/requests/{request}"),
        ("booking", "POST", "/decisions"),
        ("family", "GET", "/attending-children"),
        ("family", "GET", "/families/{family}/children/{child}/health-sheet"),
        ("family", "GET", "/families/{family}/files/{file}"),
    }  # fmt: skip


async def _call(world: World, service: str, route: Route, token: str) -> Answer:
    path = f"/api/{service}/v1/veyras" + re.sub(r"{\w+}", "x", route.path)
    body: Any = {} if route.body is not NoBody else None
    return await world.call(route.method, path, token=token, json=body)


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_is_let_in_where_its_routes_say_and_nowhere_else(
    whole: World, role: str
) -> None:
    token = whole.token(roles=(role,), sites=("École",))
    for service, route in BY_ROLE:
        answer = await _call(whole, service, route, token)
        refused = answer.status == 403 and answer.json["code"] == "forbidden"
        if role not in route.access.roles and not route.access.account:
            assert refused, (service, route.method, route.path)
        else:
            assert not refused, (service, route.method, route.path, answer.json)
