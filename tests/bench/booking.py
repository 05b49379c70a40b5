"""A one-day booking over HTTP: all CPU of booking and of the database until its events are
confirmed by the broker, per request; notify and the broker apart."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

from shared.contracts.booking import (
    BookingAccepted,
    BookingRequested,
    DecidedLine,
    RequestedLine,
)
from shared.events import Event
from shared.failpoints import step
from shared.ids import new_id
from shared.store import Document, Store
from tests.bench.alone import AT_ONCE, Alone, Spent, service_alone
from tests.bench.measure import Row, Servers, at_most, cpu_seconds, own_cpu_seconds, row
from tests.samples import Household, activity, places, town_file

ROUNDS = 5
REQUESTS = 300
_SETUP = step("bench.setup")
_WRITE = step("bench.write")
_DAYS = [date(2026, 9, 17) + timedelta(days=7 * week) for week in range(4)]


async def measure(servers: Servers) -> list[Row]:
    """CPU per request over several rounds, then each write by itself."""
    async with service_alone(servers, "booking") as alone:
        lax = {"decision": "automatic", "places": places(2000)}
        file = town_file(activities=[activity(name, **lax) for name in ("garderie", "etude")])
        families = [Household() for _ in range(REQUESTS)]
        await alone.introduce(file, families)
        found: list[Spent] = []
        for number in range(ROUNDS + 1):
            day = _DAYS[number % len(_DAYS)]
            kind = "garderie" if number < len(_DAYS) else "etude"
            found.append(await alone.spent(_round(alone, families, day, kind)))
        found = found[1:]
        alone.stop()  # its relay would take the events of what follows
        writes = await _each_write(servers, alone.store)
    per = 1000 / REQUESTS
    return [
        at_most("one-day booking, CPU of booking and database",
                [one.cpu * per for one in found], "ms", 3.5),
        row("  of which booking", [one.service * per for one in found], "ms"),
        row("  of which database", [one.database * per for one in found], "ms"),
        row("  requests per second", [REQUESTS / one.seconds for one in found], "1/s"),
        *writes,
    ]  # fmt: skip


async def _round(alone: Alone, families: list[Household], day: date, kind: str) -> None:
    tokens = [alone.stage.token(family) for family in families]
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(family: Household, token: str) -> None:
        async with limit:
            content = await alone.ask(family, family.asks(day.isoformat(), activity=kind), token)
            assert content["lines"][0]["state"] == "accepted", content

    await asyncio.gather(*(one(*pair) for pair in zip(families, tokens, strict=True)))


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
