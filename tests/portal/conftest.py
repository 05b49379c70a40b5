"""The running demo, and browsers that look at it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from deploy.local.rabbitmq import Broker
from shared.sealing import new_field_keys
from tests.servers import MongoServer

ROOT = Path(__file__).parents[2]
TOWN = "veyras"
CAMILLE = ("camille.demo", "onze-parapluies-repeints")
#: A parent of two households.
ALEX = ("alex.demo", "neuf-lanternes-repeintes")
#: A parent of Andancette, where the canteen is paid when it is booked.
PAUL = ("paul.demo", ALEX[1])
AGENT = ("agent.veyras", "sept-cartables-repeints")
#: Without these, Chromium calls home.
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
_READY_WITHIN = 180
#: A machine that tests everything at once answers later than a person expects.
expect.set_options(timeout=60_000)
#: The demo's, so that a test may open and seal cookies as the portal does.
FIELD_KEYS = new_field_keys()


@dataclass(frozen=True)
class Demo:
    """The demo, running: every service, the portal, the simulators, the mailbox."""

    origin: str
    pid: int

    def at(self, path: str = "", town: str = TOWN) -> str:
        """A page of a town."""
        return f"{self.origin}/{town}{path}"


@asynccontextmanager
async def running_demo(mongodb_url: str, amqp_url: str, folder: Path) -> AsyncIterator[Demo]:
    """``make demo`` on Monday 14 September 2026, 12:40, over RabbitMQ, in a process of its own;
    what it writes is under ``folder``, its databases are called ``demo-clock_…``."""
    port = _four_free_ports()
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "PREAU_PORT": str(port), "DEMO_CLOCK": "2026-09-14T12:40",
        "MONGODB_URL": mongodb_url, "AMQP_URL": amqp_url, "PREAU_FIELD_KEYS": FIELD_KEYS,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.demo", cwd=folder, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    said = b""
    try:
        async with asyncio.timeout(_READY_WITHIN):
            while b"ready in" not in said:
                line = await process.stdout.readline()
                assert line, said.decode()
                said += line
        drained = asyncio.create_task(process.stdout.read())
        yield Demo(f"http://localhost:{port}", process.pid)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 60)
        assert b"Traceback" not in await drained
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture(scope="module")
async def demo(
    mongodb: MongoServer, rabbit: Broker, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Demo]:
    """The demo of a module's tests."""
    try:
        async with running_demo(mongodb.url, rabbit.url, tmp_path_factory.mktemp("demo")) as one:
            yield one
    finally:
        mongodb.drop_databases("demo-clock_")
        rabbit.discard("demo-clock.")


def _four_free_ports() -> int:
    """The first of four ports in a row that nobody listens on: the demo's, and its simulators'.

    Each test process looks from elsewhere on: a demo listens half a minute after this was asked.
    """
    for first in range(18080 + os.getpid() % 1000 * 4, 28080, 4):
        try:
            for port in range(first, first + 4):
                with socket.socket() as trial:
                    trial.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError("no four free ports in a row")


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A browser without windows."""
    path = shutil.which("chromium")
    assert path, "chromium is missing: deploy/local/debian-packages.sh chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """The browser of a module's tests."""
    async with browser() as one:
        yield one


@pytest.fixture
async def phone(chromium: Browser) -> AsyncIterator[Page]:
    """A page on a phone, with nobody logged in."""
    context = await chromium.new_context(
        viewport={"width": 360, "height": 740}, locale="fr-FR", timezone_id="Europe/Paris"
    )
    yield await context.new_page()
    await context.close()


async def mailed_link(demo: Demo, page: Page, to: str, subject: str) -> str:
    """The link of the mail of this subject to this address, as its reader finds it in the
    mailbox."""
    for _ in range(100):
        await page.goto(f"{demo.origin}/mailbox")
        row = page.get_by_role("row").filter(has_text=to)
        mail = row.get_by_role("link", name=re.compile(subject)).first
        if await mail.count():
            await mail.click()
            text = await page.locator("pre").inner_text()
            found = re.search(rf"{re.escape(demo.origin)}/\S+", text)
            assert found, text
            return found[0]
        await page.wait_for_timeout(200)
    raise AssertionError(f"no mail « {subject} »")


async def log_in(demo: Demo, page: Page, who: tuple[str, str] = CAMILLE, town: str = TOWN) -> None:
    """As a parent does it."""
    await page.goto(demo.at("/connexion", town))
    await page.get_by_label("Identifiant").fill(who[0])
    await page.get_by_label("Mot de passe", exact=True).fill(who[1])
    await page.get_by_role("button", name="Connexion").click()
    await page.wait_for_url(lambda url: "connexion" not in url)
