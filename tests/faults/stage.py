"""Booking and notify as processes of their own, one of which dies where it is told to.

The test plays identity, family and the front end: it publishes their events, signs tokens, sends
HTTP requests again and again until they are answered. A process that dies is started again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from deploy.local.mailbox import Mailbox
from deploy.local.process import free_port, spawn
from shared.auth import Signer
from shared.bus.amqp import AmqpBus
from shared.clock import write_offset
from shared.contracts.family import DocumentChanged, ErasureAsked
from shared.contracts.identity import KeysRotated, TownChanged
from shared.events import ALL_TOWNS, Event
from shared.ids import new_id
from shared.store import Document, connect
from tests.samples import Household, activity, places, town_file
from tests.world import START, access_token, envelope, eventually, is_ready, publish

TOWN = "veyras"
CAPACITY = 400
#: Open in the holidays too: half a day a round, the clock walks far into the school year.
OPEN_DAYS = {
    "id": "school-days", "weekdays": ["monday", "tuesday", "thursday", "friday"],
    "public_holidays": "none",
}  # fmt: skip
SERVICES = ("booking", "notify")


@dataclass
class Process:
    """One service; ``deaths`` counts how often it was killed and started again."""

    service: str
    environment: Mapping[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    deaths: int = 0
    _child: subprocess.Popen[bytes] | None = None
    _watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it; whenever it is killed, it is started again."""
        environment = {
            **os.environ, **self.environment, "PREAU_PORT": str(self.port),
            "PREAU_FAIL_FILE": str(self._fail_file),
        }  # fmt: skip
        command = [sys.executable, "-m", f"services.{self.service}"]
        self._child = spawn(command, env=environment, output=self.log)
        self._watch = asyncio.create_task(self._start_again(self._child))

    async def _start_again(self, child: subprocess.Popen[bytes]) -> None:
        code = await asyncio.to_thread(child.wait)
        if code == -signal.SIGKILL:
            self.deaths += 1
            await self.start()
        elif code != 0:
            raise RuntimeError(f"{self.service} ended by itself ({code}): {self.log}")

    @property
    def _fail_file(self) -> Path:
        return self.log.with_suffix(".fail")

    async def arm(self, fail_at: str) -> None:
        """Make it die once, at that fail point."""
        await self.ready()
        assert self._child is not None
        self._fail_file.write_text(fail_at)
        self._child.send_signal(signal.SIGUSR1)

        async def armed() -> bool:
            return not self._fail_file.exists()

        await eventually(armed, what=f"{self.service} is armed at {fail_at}")

    async def ready(self) -> None:
        """Return once it says that it is ready."""
        origin = f"http://127.0.0.1:{self.port}"
        await eventually(lambda: is_ready(origin), what=f"{self.service} is ready")

    async def stop(self) -> None:
        """SIGTERM, and wait for its drain."""
        assert self._child is not None
        assert self._watch is not None
        await self.ready()
        self._child.terminate()
        await self._watch
        assert self._child.returncode == 0, self.log.read_text()[-3000:]


@dataclass
class Stage:
    """What runs, and the hands that play the others."""

    processes: dict[str, list[Process]]
    bus: AmqpBus
    http: aiohttp.ClientSession
    clock_file: Path
    mailbox: Mailbox
    mongodb_url: str
    namespace: str
    signer: Signer
    now: datetime = START
    rounds: int = 0
    enrolments: list[Document] = field(default_factory=list)
    others: list[Document] = field(default_factory=list)
    counters: list[Document] = field(default_factory=list)
    _sequence: int = 0

    # -- others' parts ---------------------------------------------------------------------

    async def say(self, event: Event, subject: str, town: str = TOWN) -> None:
        """Publish an event as an absent service would, until the broker has it."""
        self._sequence += 1
        said = envelope(event, subject, town=town, time=self.now, sequence=self._sequence)
        await publish(self.bus, said)

    async def say_basics(self) -> None:
        """The signing keys and the town."""
        keys = KeysRotated(jwks=self.signer.public_jwks())
        await self.say(keys, "signing_keys/current", ALL_TOWNS)
        await self.say_town()

    async def say_town(self) -> None:
        """The town's file, as a new version each time."""
        file = town_file(
            calendars=[OPEN_DAYS],
            activities=[
                activity("cantine", places=places(CAPACITY + self.rounds)),
                activity("garderie", decision="automatic", places=places(CAPACITY)),
                *self.others,
            ],
            counters=self.counters,
            enrolments=self.enrolments,
        )
        await self.say(TownChanged(version=self.rounds + 1, file=file), f"towns/{TOWN}")

    async def say_household(self, household: Household) -> None:
        """A family and its adult."""
        await self.say(household.card(), f"families/{household.id}")
        await self.say(household.adult(), f"accounts/{household.account}")

    async def say_what_family_keeps(self, household: Household) -> None:
        """A supporting document of a child; and somebody asks whether a family may be erased."""
        document, erasure = new_id(), new_id()
        said = DocumentChanged(
            document=document, family=household.id, child=household.children[0],
            document_type="certificate", state="pending",
        )  # fmt: skip
        await self.say(said, f"documents/{document}")
        asked = ErasureAsked(erasure=erasure, family=household.id, settled=())
        await self.say(asked, f"erasures/{erasure}")

    def token(self, household: Household | None = None) -> str:
        """A family's token, or an agent's."""
        if household is None:
            return access_token(self.signer, TOWN, account="a" * 32, roles=("childcare_office",))
        families = {household.id: household.guardian}
        return access_token(self.signer, TOWN, account=household.account, families=families)

    # -- the front end's part --------------------------------------------------------------

    async def post(self, path: str, body: Any, token: str, *, replica: int = 0) -> Document:
        """POST until answered, with one Idempotency-Key: as a front end retries."""
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": new_id()}
        processes = self.processes["booking"]
        answered: Document = {}

        async def answer() -> bool:
            port = processes[replica % len(processes)].port
            url = f"http://127.0.0.1:{port}/api/booking/v1/{TOWN}/{path}"
            try:
                async with self.http.post(url, json=body, headers=headers) as got:
                    content = await got.json(content_type=None)
                    if got.status >= 500 or got.status in (401, 404):
                        return False
                    assert got.status in (200, 201), content
                    answered.update(content)
                    return True
            except (aiohttp.ClientError, OSError):
                return False

        await eventually(answer, what=f"POST {path} answered")
        return answered

    async def ask(self, household: Household, body: Document, replica: int = 0) -> Document:
        """A family's request."""
        return await self.post("requests", body, self.token(household), replica=replica)

    async def decide(self, decisions: list[Document], replica: int = 0) -> Document:
        """An agent's decisions."""
        body = {"decisions": decisions}
        return await self.post("decisions", body, self.token(), replica=replica)

    # -- time ------------------------------------------------------------------------------

    def move_to(self, town_now: datetime) -> None:
        """Set the town's clock for every process."""
        self.now = town_now
        write_offset(self.clock_file, town_now)

    def next_cut_off(self) -> datetime:
        """A few seconds after the next cut-off's minute (13:00 and 18:00 in Paris)."""
        today = self.now.replace(minute=1, second=4, microsecond=0)
        for hour in (11, 16):
            if today.replace(hour=hour) > self.now + timedelta(minutes=2):
                return today.replace(hour=hour)
        return (today + timedelta(days=1)).replace(hour=11)

    # -- the truth -------------------------------------------------------------------------

    async def documents(self, service: str, collection: str) -> list[Document]:
        """A collection of a service's database, read directly."""
        client = connect(self.mongodb_url)
        try:
            database = client.get_database(f"{self.namespace}_{service}")
            return await database[collection].find().to_list(None)
        finally:
            await client.close()

    async def decisions(self) -> Counter[tuple[str, str, str]]:
        """(request number, date, ACCEPTÉE or REFUSÉE) of every decided line in the database."""
        found: Counter[tuple[str, str, str]] = Counter()
        for request in await self.documents("booking", "requests"):
            for line in request["lines"]:
                if line["state"] in ("accepted", "refused"):
                    word = "ACCEPTÉE" if line["state"] == "accepted" else "REFUSÉE"
                    found[request["number"], line["date"], word] += 1
        return found

    async def places_are_right(self) -> None:
        """Who holds a place is who was told so; no counter says otherwise."""
        wanted: dict[str, set[str]] = {}
        for request in await self.documents("booking", "requests"):
            assert "unfinished" not in request, request["_id"]
            for line in request["lines"]:
                books = line.get("kind", "book") in ("book", "change") and "ended" not in line
                if books and line["state"] in ("requested", "accepted"):
                    session = f"{TOWN}/{line['activity']}/{line['date']}"
                    wanted.setdefault(session, set()).add(
                        f"{request['_id']}-{line['id']}-{line['hold']}"
                    )
        for session in await self.documents("booking", "sessions"):
            holds = {hold for units in session["holders"].values() for hold in units.values()}
            assert holds == wanted.get(session["_id"], set()), session["_id"]
            (counter,) = session["counters"]
            left = counter["capacity"] - len(holds)
            assert session["left"] == {"places": left}, session["_id"]
