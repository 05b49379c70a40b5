"""What the town does meanwhile, by the API: an agent's answers, invitations, letters."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

from shared.ids import new_id
from tests.portal.conftest import AGENT, TOWN, Demo


async def by_the_town(demo: Demo, page: Page, method: str, path: str, body: Any = None) -> Any:
    """An agent's call of the API; its answer."""
    credentials = {"login_name": AGENT[0], "password": AGENT[1]}
    tokens = await _call(demo, page, "POST", "identity/login-sessions", credentials)
    return await _call(demo, page, method, path, body, tokens["access_token"])


async def _call(
    demo: Demo, page: Page, method: str, path: str, body: Any, token: str | None = None
) -> Any:
    service, _, rest = path.partition("/")
    headers = {"Idempotency-Key": new_id()}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = await page.request.fetch(
        f"{demo.origin}/api/{service}/v1/{TOWN}/{rest}", method=method, data=body, headers=headers
    )
    assert answer.ok, f"{path}: {answer.status} {await answer.text()}"
    return await answer.json()


async def guardian_of(demo: Demo, page: Page, reference: str) -> dict[str, Any]:
    """A family's holder, with the family's id as ``family``."""
    (line,) = (await by_the_town(demo, page, "GET", f"family/families?search={reference}"))[
        "families"
    ]
    family = await by_the_town(demo, page, "GET", f"family/families/{line['family']}")
    holder: dict[str, Any] = family["guardians"][0]
    return {**holder, "family": line["family"]}


async def free_key(demo: Demo, page: Page) -> str:
    """A family key of the town that nobody has used."""
    await page.goto(demo.origin)
    return await page.locator(f"li:has-text('{TOWN} :') code").first.inner_text()
