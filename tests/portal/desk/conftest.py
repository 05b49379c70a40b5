"""A desk of 1280 px, and the public API as families and agents call it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from playwright.async_api import Browser, Page

from deploy.demo.story import Portal
from tests.portal.conftest import AGENT, CAMILLE, Demo, log_in
from tests.portal.desk.preparing import ANDANCETTE, portal_of

PortalOf = Callable[..., Awaitable[Portal]]


@pytest.fixture
async def agent(demo: Demo, chromium: Browser) -> AsyncIterator[Page]:
    """An agent's screen, logged in."""
    context = await chromium.new_context(
        viewport={"width": 1280, "height": 900}, locale="fr-FR", timezone_id="Europe/Paris"
    )
    page = await context.new_page()
    await log_in(demo, page, AGENT)
    yield page
    await context.close()


@pytest.fixture
async def elsewhere(demo: Demo, chromium: Browser) -> AsyncIterator[Page]:
    """The screen of the agent of Andancette, where families pay at once."""
    context = await chromium.new_context(
        viewport={"width": 1280, "height": 900}, locale="fr-FR", timezone_id="Europe/Paris"
    )
    page = await context.new_page()
    await log_in(demo, page, (f"agent.{ANDANCETTE}", AGENT[1]), ANDANCETTE)
    yield page
    await context.close()


@pytest.fixture
async def portals(demo: Demo) -> AsyncIterator[PortalOf]:
    """Anybody of the demo, by the API."""
    async with aiohttp.ClientSession() as http:

        async def portal(who: str, town: str = ANDANCETTE) -> Portal:
            return await portal_of(http, demo, who, town)

        yield portal


@pytest.fixture
async def camille(demo: Demo) -> AsyncIterator[Portal]:
    """The family of the demo, by the API."""
    async with aiohttp.ClientSession() as http:
        portal = Portal(http, demo.origin)
        await portal.log_in(*CAMILLE)
        yield portal


@pytest.fixture
async def office(demo: Demo) -> AsyncIterator[Portal]:
    """The agent, by the API: what it did on the pages is asked for there."""
    async with aiohttp.ClientSession() as http:
        portal = Portal(http, demo.origin)
        await portal.log_in(*AGENT)
        yield portal
