"""The digest of 20,000 families with 100,000 outcomes, beside raw aiosmtplib sending as many
mails of the same size to the same server over as many connections."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from datetime import UTC, datetime, timedelta

import aiosmtplib
from pydantic import SecretStr

from deploy.local.process import spawn, terminate
from services.notify.commands.contents import load
from services.notify.commands.digests import run_due
from services.notify.commands.sending import send_due
from services.notify.domain.windows import EVER, CutOffs
from services.notify.service import state
from services.notify.state import Notify
from services.notify.store import INDEXES, OUTBOXES
from shared.clock import MovedClock, write_offset
from shared.failpoints import step
from shared.ids import new_id
from shared.pdf import Press
from shared.runner import Parts
from shared.settings import CommonSettings
from shared.store import Document, Store, connect
from tests.bench.measure import Row, Servers, at_least, row
from tests.samples import Household, town_file
from tests.world import START, eventually

ROUNDS = 3
FAMILIES = 20_000
EACH = 5
CONNECTIONS = 4
_FILL = step("bench.digest.fill")
_SINK = """
import signal, sys
from deploy.local.mailbox import Mailbox
mailbox = Mailbox(); mailbox.start(); print(mailbox.url, flush=True)
signal.sigwait({signal.SIGTERM})
"""


async def measure(servers: Servers) -> list[Row]:
    """Mails per second: ours from frozen to recorded, raw, and their ratio."""
    ours, freezing, raw = [], [], []
    for _ in range(ROUNDS):
        sink = spawn([sys.executable, "-c", _SINK], output=servers.folder / f"{new_id()}.sink")
        url = await _url_of(servers)
        try:
            frozen, sent, sample = await _ours(servers, url)
            ours.append(FAMILIES / (frozen + sent))
            freezing.append(frozen)
            raw.append(FAMILIES / await _raw(url, sample))
        finally:
            terminate(sink, patience=10)
            for file in servers.folder.glob("*.sink"):
                file.unlink()
    return [
        at_least(
            "digest mails, ours / raw aiosmtplib",
            [a / b for a, b in zip(ours, raw, strict=True)], "ratio", 0.6,
        ),
        row("  ours, freezing included", ours, "1/s"),
        row("  raw aiosmtplib", raw, "1/s"),
        row("  of which freezing and addressing", freezing, "s"),
    ]  # fmt: skip


async def _url_of(servers: Servers) -> str:
    async def printed() -> str | None:
        for file in servers.folder.glob("*.sink"):
            if found := re.search(r"smtp://\S+", file.read_text()):
                return found[0]
        return None

    return str(await eventually(printed))


async def _ours(servers: Servers, url: str) -> tuple[float, float, bytes]:
    """Seconds to freeze, seconds to send, and one of the mails."""
    namespace = f"d{new_id()[-6:]}"
    clock_file = servers.folder / f"{namespace}.clock"
    write_offset(clock_file, START)
    os.environ |= {"SMTP_URL": url, "PREAU_SMTP_CONNECTIONS": str(CONNECTIONS)}
    settings = CommonSettings(
        MONGODB_URL=SecretStr(servers.mongodb_url), PREAU_CLOCK_FILE=clock_file
    )
    client = connect(servers.mongodb_url)
    clock = MovedClock(clock_file)
    store = Store(client, f"{namespace}_notify", clock)
    notify = state(Parts.over(settings, store, clock, Press()))
    try:
        await store.prepare(INDEXES, OUTBOXES)
        await _fill(notify, store)
        write_offset(clock_file, START + timedelta(hours=3, minutes=2))
        started = time.monotonic()
        await run_due(notify)
        frozen = time.monotonic() - started
        started = time.monotonic()
        await send_due(notify)
        sent = time.monotonic() - started
        assert await store.count("mails", {"state": "sent"}) == FAMILIES
        return frozen, sent, await _sample(notify, store)
    finally:
        await notify.mail_server.close()
        await client.drop_database(f"{namespace}_notify")
        await client.close()


async def _fill(notify: Notify, store: Store) -> None:
    """What notify would hold once everything had been said."""
    file = town_file()
    await store.insert_many(_FILL, "copy_towns", [
        {"_id": "veyras", "town": "veyras", "heard": 1, "version": 1,
         "file": file.model_dump(mode="json")}
    ])  # fmt: skip
    await notify.digests.set_cut_offs(
        "veyras", None, [CutOffs(EVER, file.digest.at)], 1,
        closed_until=datetime(2026, 9, 13, 16, 1, tzinfo=UTC),
    )  # fmt: skip
    await store.insert_many(_FILL, "progress", [
        {"_id": "veyras", "town": "veyras", "heard": 1, "instant": START + timedelta(days=1)}
    ])  # fmt: skip
    for start in range(0, FAMILIES, 1000):
        families = [Household() for _ in range(start, min(start + 1000, FAMILIES))]
        await store.insert_many(_FILL, "copy_families", [
            {"_id": one.id, "town": "veyras", "heard": 1, **one.card().model_dump(mode="json")}
            for one in families
        ])  # fmt: skip
        await store.insert_many(_FILL, "contacts", [
            {"_id": f"veyras/{one.account}", "heard": 1, **one.adult().model_dump(mode="json")}
            for one in families
        ])  # fmt: skip
        outcomes = [line for one in families for line in _outcomes(one)]
        await store.insert_many(_FILL, "outcomes", outcomes)


def _outcomes(family: Household) -> list[Document]:
    request = new_id()
    return [
        {
            "_id": f"{request}-{number}", "town": "veyras", "family": family.id,
            "account": family.account, "request": request, "number": "2026-000001",
            "requested_at": START, "line": str(number), "child": family.children[0],
            "activity": "cantine", "date": f"2026-10-0{number + 1}", "units": ["unit"],
            "kind": "book",
            "accepted": number > 0, "decided_at": START + timedelta(minutes=number),
            "told": False, "open": True, **({} if number else {"reason": "Complet."}),
        }
        for number in range(EACH)
    ]  # fmt: skip


async def _sample(notify: Notify, store: Store) -> bytes:
    """A mail as it was sent, for the other side of the comparison."""
    mail = await store.first("mails", {})
    assert mail is not None
    contents = await load(notify, [mail])
    town = contents.town(mail)
    rendered = notify.renderer.render("digest", town, contents.context(mail))
    return notify.renderer.message(
        rendered, town=town, to="x@famille.example", message_id=mail["_id"], now=START
    )


async def _raw(url: str, message: bytes) -> float:
    """Seconds to send as many mails with nothing around."""
    host, port = url.removeprefix("smtp://").split(":")
    left = iter(range(FAMILIES))

    async def conversation() -> None:
        client = aiosmtplib.SMTP(hostname=host, port=int(port), use_tls=False, start_tls=False)
        await client.connect()
        for number in left:
            await client.sendmail("a@preau.example", [f"{number}@famille.example"], message)
        await client.quit()

    started = time.monotonic()
    await asyncio.gather(*(conversation() for _ in range(CONNECTIONS)))
    return time.monotonic() - started
