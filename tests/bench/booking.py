"""A one-day booking over HTTP: all CPU of booking and of the database until its events are
confirmed by the broker, per request; notify and the broker apart."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import date, timedelta
from functools import partial

import aiohttp

from deploy.local.process import free_port, spawn, terminate
from shared.auth import Signer
from shared.bus.amqp import AmqpBus
from shared.clock import MachineClock, write_offset
from shared.contracts.booking import (
    BookingAccepted,
    BookingRequested,
    DecidedLine,
    RequestedLine,
)
from shared.contracts.identity import KeysRotated, TownChanged
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.events import Event
from shared.failpoints import step
from shared.ids import new_id
from shared.store import Document, Store, connect
from tests.bench.measure import Row, Servers, at_most, cpu_seconds, own_cpu_seconds, row
from tests.faults.stage import Stage
from tests.samples import Household, activity, places, town_file
from tests.world import SIGNING_KEYS, START, eventually

ROUNDS = 5
REQUESTS = 300
AT_ONCE = 8
_SETUP = step("bench.setup")
_WRITE = step("bench.write")
_DAYS = [date(2026, 9, 17) + timedelta(days=7 * week) for week in range(4)]


async def measure(servers: Servers) -> list[Row]:
    """CPU per request over several rounds, then each write by itself."""
    namespace = f"b{new_id()[-6:]}"
    clock_file = servers.folder / "clock"
    write_offset(clock_file, START)
    port = free_port()
    environment = {
        **os.environ, "MONGODB_URL": servers.mongodb_url, "AMQP_URL": servers.amqp_url,
        "PREAU_NAMESPACE": namespace, "PREAU_CLOCK_FILE": str(clock_file),
        "PREAU_PORT": str(port), "PREAU_LOG_LEVEL": "ERROR",
    }  # fmt: skip
    child = spawn(
        [sys.executable, "-m", "services.booking"], env=environment,
        output=servers.folder / "booking.log",
    )  # fmt: skip
    bus = AmqpBus(servers.amqp_url, namespace, SUBSCRIPTIONS)
    await bus.start()
    client = connect(servers.mongodb_url)
    store = Store(client, f"{namespace}_booking", MachineClock())
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as http:
            stage = Stage(
                {}, bus, http, clock_file, None, servers.mongodb_url, namespace,  # type: ignore[arg-type]
                Signer(SIGNING_KEYS),
            )  # fmt: skip
            families = await _seed(stage, store)
            url = f"http://127.0.0.1:{port}/api/booking/v1/veyras/requests"
            found: list[tuple[float, float, float]] = []
            for number in range(ROUNDS + 1):
                day = _DAYS[number % len(_DAYS)]
                kind = "garderie" if number < len(_DAYS) else "etude"
                before = (cpu_seconds(child.pid), cpu_seconds(servers.mongod))
                started = time.monotonic()
                await _round(http, url, stage, families, day, kind)
                await eventually(partial(_said, store), what="events confirmed")
                after = (cpu_seconds(child.pid), cpu_seconds(servers.mongod))
                seconds = time.monotonic() - started
                found.append((after[0] - before[0], after[1] - before[1], seconds))
            found = found[1:]
        terminate(child, patience=15)  # its relay would take the events of what follows
        writes = await _each_write(servers, store)
    finally:
        terminate(child, patience=15)
        await bus.stop()
        await client.close()
    per = 1000 / REQUESTS
    return [
        at_most("one-day booking, CPU of booking and database",
                [(a + b) * per for a, b, _ in found], "ms", 3.5),
        row("  of which booking", [a * per for a, _, _ in found], "ms"),
        row("  of which database", [b * per for _, b, _ in found], "ms"),
        row("  requests per second", [REQUESTS / s for _, _, s in found], "1/s"),
        *writes,
    ]  # fmt: skip


async def _seed(stage: Stage, store: Store) -> list[Household]:
    lax = {"decision": "automatic", "places": places(2000)}
    file = town_file(activities=[activity(name, **lax) for name in ("garderie", "etude")])
    jwks = stage.signer.public_jwks()
    await stage.say(KeysRotated(jwks=jwks), "signing_keys/current", "all")
    await stage.say(TownChanged(version=1, file=file), "towns/veyras")
    families = [Household() for _ in range(REQUESTS)]
    for family in families:
        await stage.say(family.card(), f"families/{family.id}")

    async def heard() -> bool:
        return await store.count("copy_families", {}) == REQUESTS

    await eventually(heard, within=30)
    return families


async def _round(
    http: aiohttp.ClientSession, url: str, stage: Stage, families: list[Household], day: date,
    kind: str,
) -> None:  # fmt: skip
    tokens = [stage.token(family) for family in families]
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(family: Household, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": new_id()}
        async with limit:
            body = family.asks(day.isoformat(), activity=kind)
            async with http.post(url, json=body, headers=headers) as got:
                content = await got.json()
                assert got.status == 201, content
                assert content["lines"][0]["state"] == "accepted", content

    await asyncio.gather(*(one(*pair) for pair in zip(families, tokens, strict=True)))


async def _said(store: Store) -> bool:
    return not await store.count("requests", {"pending.0.id": {"$exists": True}})


async def _each_write(servers: Servers, store: Store) -> list[Row]:
    """Each write of the path alone, one after the other, on documents as the path left them: CPU
    of the client's side and of the database."""
    count = 400
    request = await store.first("requests", {})
    session = await store.first("sessions", {})
    assert request is not None
    assert session is not None
    kept = {k: v for k, v in request.items() if k not in ("_id", "v", "seq", "pending")}
    bare = {k: v for k, v in session.items() if k not in ("_id", "v", "seq", "pending")}
    ids = [new_id() for _ in range(count)]
    await store.insert(_SETUP, "sessions", {"_id": "bench", **bare, "holders": {}})
    said = _said_of(request)

    async def create(position: int) -> None:
        fresh = {"_id": ids[position], **kept, "unfinished": request["requested_at"]}
        await store.insert(_WRITE, "requests", fresh)

    async def grant(position: int) -> None:
        holder = f"holders.{ids[position]}.unit"
        free = {"left.places": {"$gt": -1000}, holder: {"$exists": False}, "freed": {"$ne": "x"}}
        taken = {"$inc": {"left.places": -1}, "$set": {holder: f"{ids[position]}-1-1"}}
        await store.change(_WRITE, "sessions", "bench", free, taken)

    async def settle(position: int) -> None:
        before = {"_id": ids[position], "v": 1, "town": "veyras"}
        done = {"$set": {"lines": kept["lines"]}, "$unset": {"unfinished": ""}}
        await store.save(_WRITE, "requests", before, done, *said)

    outboxes = {}
    store.on_saved = lambda _collection, outbox: outboxes.update({outbox["_id"]: outbox})

    async def pull(position: int) -> None:
        events = [entry["id"] for entry in outboxes[ids[position]]["pending"]]
        await store.published("requests", {ids[position]: events})

    rows = []
    for name, write in (
        ("store the request", create), ("grant the place", grant),
        ("settle, with two events", settle), ("pull the events", pull),
    ):  # fmt: skip
        client, database = own_cpu_seconds(), cpu_seconds(servers.mongod)
        for position in range(count):
            await write(position)
        client, database = own_cpu_seconds() - client, cpu_seconds(servers.mongod) - database
        rows.append(row(f"  write alone: {name}, client", [client * 1000 / count], "ms"))
        rows.append(row(f"  write alone: {name}, database", [database * 1000 / count], "ms"))
    return rows


def _said_of(request: Document) -> list[Event]:
    """The two events of an accepted one-day request."""
    line = request["lines"][0]
    day = date.fromisoformat(line["date"])
    at = request["requested_at"]
    about = {"line": line["id"], "child": line["child"], "activity": line["activity"],
             "date": day, "units": line["units"]}  # fmt: skip
    act = {"request": request["_id"], "number": request["number"], "family": request["family"],
           "account": request["account"], "requested_at": at}  # fmt: skip
    return [
        BookingRequested(
            **act, channel="online", periods=(), not_retained=(),
            lines=(RequestedLine(**about, state="accepted"),),
        ),
        BookingAccepted(
            **act, decided_at=at, decided_by="rule",
            lines=(DecidedLine(**about, receipted=True),),
        ),
    ]  # fmt: skip
