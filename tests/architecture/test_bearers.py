"""No route of any service is open to whoever has no token, or one of another town."""

from __future__ import annotations

import re

import pytest

from services.documents import ROUTES
from shared.web.audit import AUDIT_ROUTES
from tests.world import World


@pytest.mark.parametrize("service", ROUTES)
async def test_every_route_wants_a_token_of_its_town(whole: World, service: str) -> None:
    family, guardian = "f" * 32, "a" * 32
    right = whole.token(families={family: guardian}, roles=("administrator",))
    unsigned = right.rpartition(".")[0] + "." + "A" * 86
    nobodys = (None, "garbage", unsigned)
    elsewhere = (
        whole.token("andancette", families={family: guardian}),
        whole.token("andancette", roles=("administrator",)),
    )
    walked = [route for route in (*ROUTES[service], *AUDIT_ROUTES) if not route.access.public]
    assert len(walked) > len(AUDIT_ROUTES)
    for route in walked:
        path = f"/api/{service}/v1/veyras" + re.sub(r"{\w+}", "x", route.path)
        for wanted, tokens in ((401, nobodys), (403, elsewhere)):
            for token in tokens:
                answer = await whole.call(route.method, path, token=token)
                assert answer.status == wanted, (route.method, route.path)
                assert answer.headers["Content-Type"].startswith("application/problem+json")
