"""The families' pages: what they weigh, how soon a phone shows them, what they cost the server."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import aiohttp
from playwright.async_api import Browser, BrowserContext

from deploy.local.process import free_port, spawn, terminate
from services.portal.web import Who
from tests.bench.measure import Row, Servers, at_most, cpu_seconds, row
from tests.portal.conftest import FIELD_KEYS, Demo, browser, log_in, running_demo
from tests.portal.looking import MOST_KILOBYTES, opened, weight
from tests.portal.walking import addresses
from tests.world import eventually

ROUNDS = 5
PAGES = 40
MEASURED = {"home": "", "planning": "/reservations"}
#: Lighthouse's "Slow 4G" as DevTools applies it: a round trip of 150 ms is 3.75 times as much for
#: each request, which stands for the connection too, and 1.6 Mb/s is nine tenths of it.
SLOW_4G = {
    "offline": False, "latency": 562.5, "downloadThroughput": 1.6e6 * 0.9 / 8,
    "uploadThroughput": 750e3 * 0.9 / 8,
}  # fmt: skip
SLOWER = 4
#: Seconds until the largest thing on the screen was there, once nothing more will come.
_LARGEST = """async () => {
    await document.fonts.ready
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
    return new Promise(done => new PerformanceObserver(list => done(
        list.getEntries().at(-1).startTime / 1000
    )).observe({type: 'largest-contentful-paint', buffered: true}))
}"""


@dataclass(frozen=True)
class Site:
    """The portal in a process of its own, before the demo's services; a family logged in."""

    demo: Demo
    portal: Demo
    context: BrowserContext


async def measure(servers: Servers) -> list[Row]:
    """Weight, largest content on a slow phone, CPU."""
    async with site(servers) as one:
        return [*await _weights(one), *await _largest(one), *await _costs(one, servers.mongod)]


@asynccontextmanager
async def site(servers: Servers) -> AsyncIterator[Site]:
    """Start everything."""
    folder = servers.folder / "demo"
    folder.mkdir()
    async with running_demo(servers.mongodb_url, servers.amqp_url, folder) as demo:
        port = free_port()
        environment = os.environ | {
            "PREAU_PORT": str(port), "PREAU_GATEWAY_URL": demo.origin, "PREAU_LOG_LEVEL": "ERROR",
            "PREAU_CLOCK_FILE": str(folder / ".preau/demo/clock/offset"),
            "PREAU_FIELD_KEYS": FIELD_KEYS,
        }  # fmt: skip
        command = [sys.executable, "-m", "services.portal"]
        child = spawn(command, env=environment, output=servers.folder / "portal.log")
        portal = Demo(f"http://localhost:{port}", child.pid)
        try:
            await eventually(partial(_answers, portal), what="the portal answers")
            async with browser() as chromium:
                yield Site(demo, portal, await _phone(chromium, portal))
        finally:
            terminate(child, patience=15)


async def _answers(portal: Demo) -> bool:
    async with aiohttp.ClientSession() as http:
        try:
            async with http.get(portal.at()) as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False


async def _phone(chromium: Browser, portal: Demo) -> BrowserContext:
    context = await chromium.new_context(
        viewport={"width": 360, "height": 740}, device_scale_factor=3, locale="fr-FR",
        timezone_id="Europe/Paris", is_mobile=True, has_touch=True,
    )  # fmt: skip
    await log_in(portal, await context.new_page())
    return context


async def _weights(site: Site) -> list[Row]:
    page = await site.context.new_page()
    weights = {}
    for path in ("", *addresses(Who.ACCOUNT, Who.FAMILY)):
        await opened(page, site.portal.at(path))
        weights[path] = await weight(page)
    await page.close()
    heaviest = max(weights, key=weights.__getitem__)
    return [
        at_most(f"the heaviest of {len(weights)} pages, everything it loads, compressed: "
                f"{heaviest or '/'}", [weights[heaviest]], "kB", MOST_KILOBYTES),
        *(row(f"  {name}", [weights[path]], "kB") for name, path in MEASURED.items()),
    ]  # fmt: skip


async def _largest(site: Site) -> list[Row]:
    """Each time with nothing of the site kept by the browser but the login."""
    return [
        at_most(f"{name} on a slow phone, largest content",
                [await _one(site, path) for _ in range(ROUNDS)], "s", 2)
        for name, path in MEASURED.items()
    ]  # fmt: skip


async def _one(site: Site, path: str) -> float:
    page = await site.context.new_page()
    devtools = await site.context.new_cdp_session(page)
    await devtools.send("Network.enable")
    await devtools.send("Network.clearBrowserCache")
    await devtools.send("Network.emulateNetworkConditions", SLOW_4G)
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    await opened(page, site.portal.at(path))
    seconds: float = await page.evaluate(_LARGEST)
    await page.close()
    return seconds


async def _costs(site: Site, mongod: int) -> list[Row]:
    """CPU of a page, of the portal and of all that answers it, one page after the other."""
    cookies = await site.context.cookies(site.portal.origin)
    headers = {"Cookie": "; ".join(f"{one['name']}={one['value']}" for one in cookies)}
    pids = (site.portal.pid, site.demo.pid, mongod)
    found = []
    async with aiohttp.ClientSession(headers=headers) as http:
        for name, path in MEASURED.items():
            rounds = [await _round(http, site.portal.at(path), pids) for _ in range(ROUNDS + 1)][1:]
            portal, services, database, times = zip(*rounds, strict=True)
            found += [
                at_most(f"{name}, CPU of the portal", portal, "ms", 30),
                row("  of the services behind it", services, "ms"),
                row("  of the database", database, "ms"),
                row("  until it is there", times, "ms"),
            ]
    return found


async def _round(http: aiohttp.ClientSession, url: str, pids: tuple[int, ...]) -> tuple[float, ...]:
    """Milliseconds a page: of each process, and from asking to the end of the answer."""
    before = [*map(cpu_seconds, pids), time.monotonic()]
    for _ in range(PAGES):
        async with http.get(url, allow_redirects=False) as answer:
            assert answer.status == 200, answer.status
            await answer.read()
    after = [*map(cpu_seconds, pids), time.monotonic()]
    return tuple(1000 * (end - start) / PAGES for start, end in zip(before, after, strict=True))
