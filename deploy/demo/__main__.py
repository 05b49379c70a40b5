"""``python -m deploy.demo``: everything on one machine, under one port, until Ctrl-C.

Real MongoDB (``MONGODB_URL``, else the embedded one), the local bus (or RabbitMQ with
``AMQP_URL``), a mail server that keeps what it receives (or ``SMTP_URL``), simulators of
FranceConnect, API Particulier and PayFiP on the next three ports and of the Base Adresse Nationale,
two towns, their families, and one family's story told over HTTP. ``DEMO_CLOCK=2026-09-14T12:55``
starts the towns' clock there, on a fresh copy; ``PREAU_PORT`` is the one origin's port (8080).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import uvloop

from deploy.demo.life import live
from deploy.demo.outside import TOWN as OUTSIDE_TOWN
from deploy.demo.outside import start_addresses, start_outside, start_payfip
from deploy.demo.pages import demo_routes
from deploy.demo.seed import Accounts, seed
from deploy.demo.story import tell
from deploy.local.mailbox import Mailbox
from deploy.local.mailbox_page import mailbox_routes
from deploy.local.mongod import EmbeddedMongo
from services.portal.service import calling, portal_routes
from services.portal.settings import Settings as PortalSettings
from services.registry import BUILDS
from shared import logs
from shared.clock import write_offset
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.runner import Runner
from shared.settings import CommonSettings
from shared.store import connect

_ZONE = ZoneInfo("Europe/Paris")
_FOLDER = Path(".preau/demo")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _start_of_clock() -> datetime | None:
    given = os.environ.get("DEMO_CLOCK")
    if not given:
        return None
    try:
        return datetime.fromisoformat(given).replace(tzinfo=_ZONE)
    except ValueError:
        sys.exit(f"DEMO_CLOCK={given}: write it as 2026-09-14T12:55")


async def _mongodb(stack: AsyncExitStack) -> None:
    if "MONGODB_URL" in os.environ:
        return
    server = EmbeddedMongo(_FOLDER / "mongodb")
    # In this thread: the server dies with the thread that started it.
    os.environ["MONGODB_URL"] = server.start()
    stack.callback(server.stop)


def _mailbox(stack: AsyncExitStack) -> Mailbox | None:
    if "SMTP_URL" in os.environ:
        return None
    mailbox = Mailbox()
    mailbox.start()
    stack.callback(mailbox.stop)
    os.environ["SMTP_URL"] = mailbox.url
    return mailbox


async def main() -> None:
    """Start, seed, tell the story, say ``ready``, serve until a signal."""
    started = time.monotonic()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    start = _start_of_clock()
    folder = _FOLDER / ("clock" if start else "today")
    if start:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    clock_file = folder / "offset"
    if start or not clock_file.exists():
        write_offset(clock_file, start or datetime.now(UTC))
    async with AsyncExitStack() as stack:
        await _mongodb(stack)
        mailbox = _mailbox(stack)
        port = int(os.environ.get("PREAU_PORT", "8080"))
        os.environ["PREAU_NAMESPACE"] = "demo-clock" if start else "demo"
        os.environ["PREAU_CLOCK_FILE"] = str(clock_file)
        os.environ["PREAU_PUBLIC_URL"] = origin = f"http://localhost:{port}"
        os.environ["PREAU_GATEWAY_URL"] = f"http://127.0.0.1:{port}"
        os.environ["PREAU_PAYMENT_PAGE"] = f"{origin}/{{town}}/factures/paiement"
        os.environ.setdefault("PREAU_LOG_LEVEL", "WARNING")
        franceconnect = await start_outside(stack, origin, port)
        await start_addresses(stack)
        payfip = await start_payfip(stack, port)
        settings = CommonSettings()
        logs.configure("demo", settings.log_level)
        accounts_file = folder / "accounts.json"
        if not accounts_file.exists():
            await _forget(settings)
        runner = Runner(BUILDS, settings, SUBSCRIPTIONS)
        if mailbox is not None:
            runner.app.add_routes(mailbox_routes(mailbox))
        runner.app.add_routes(demo_routes(origin, clock_file, accounts_file, franceconnect, payfip))
        calls = calling()
        stack.push_async_callback(calls.close)
        # Last: every other address under a town is a page of the portal, or none.
        runner.app.add_routes(portal_routes(PortalSettings(), calls))
        try:
            await runner.start()
        except OSError as error:
            await runner.stop()
            sys.exit(f"port {port} is taken ({error.strerror}); give another with PREAU_PORT")
        stack.push_async_callback(runner.stop)
        await runner.ready()
        accounts = Accounts.load(accounts_file)
        if accounts is None:
            accounts = await seed(runner)
            if mailbox is not None:
                today = settings.clock().town().astimezone(_ZONE).date()
                here = f"http://127.0.0.1:{port}"
                accounts = await tell(here, mailbox, accounts, today)
                accounts = await live(here, mailbox, accounts, today)
            accounts.save(accounts_file)
        seconds = time.monotonic() - started
        _say(_ready(origin, accounts, mailbox is not None, franceconnect, seconds))
        await stop.wait()
        _say("stopping")


async def _forget(settings: CommonSettings) -> None:
    """Start afresh: with a clock of its own, time must not run backwards on old data; a first
    start that was interrupted cannot be taken up in the middle of its story."""
    client = connect(settings.mongodb_url.get_secret_value())
    for name in (*BUILDS, "bus"):
        await client.drop_database(f"{settings.namespace}_{name}")
    await client.close()


def _ready(
    origin: str, accounts: Accounts, mailbox: bool, franceconnect: str | None, seconds: float
) -> str:
    lines = [
        f"ready in {seconds:.1f} s",
        f"  {origin}/           the demo: accounts, clock, addresses",
        f"  {origin}/mailbox    the mails received" if mailbox else "  mails go to SMTP_URL",
    ]
    if franceconnect:
        page = f"{origin}/{OUTSIDE_TOWN}/connexion"
        lines.append(f"  {page}    FranceConnect, simulated at {franceconnect}")
    lines += [f"  {one.what}: {one.login_name} / {one.password}" for one in accounts.people]
    return "\n".join(lines)


if __name__ == "__main__":
    uvloop.run(main())
