"""Services in one process that dies where it is told to, and the hands that use it: identity and
family at the desk, or billing alone.

Requests are sent again, with the same Idempotency-Key, until they are answered, as a front end
does. What the other services would hear waits for them on the local bus, where it is counted.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

import services.family.store as family
import services.identity.store as identity
from deploy.local.process import free_port, spawn
from services.family.domain.household import family_id, member_id
from shared.auth import Signer
from shared.bus.local import QUEUE, LocalBus
from shared.clock import MovedClock, write_offset
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.events import Envelope, Event, decode
from shared.ids import new_id
from shared.store import Document, Store, connect
from tests.family.test_spreadsheet import CHILD, CO_HOLDER, HEADER, HOLDER
from tests.samples import town_file
from tests.world import (
    SIGNING_KEYS,
    START,
    access_token,
    drop_databases,
    envelope,
    eventually,
    is_ready,
    publish,
)

TOWN = "veyras"
PASSWORD = "quatre chevaux verts"
SERVICES = {"identity": identity.OUTBOXES, "family": family.OUTBOXES}
OFFICE = ("administrator", "childcare_office")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    json: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Home:
    """An imported family of two guardians and a child."""

    id: str

    @property
    def holder(self) -> str:
        """The first guardian."""
        return member_id(self.id, "1")

    @property
    def co_holder(self) -> str:
        """The second guardian."""
        return member_id(self.id, "2")

    @property
    def child(self) -> str:
        """The child."""
        return member_id(self.id, "3")


@dataclass
class Desk:
    """What runs, and how to reach, kill and look into it."""

    child: subprocess.Popen[bytes]
    folder: Path
    port: int
    http: aiohttp.ClientSession
    store: Mapping[str, Store]
    bus: LocalBus
    signer: Signer = field(default_factory=lambda: Signer(SIGNING_KEYS))
    outboxes: Mapping[str, Sequence[str]] = field(default_factory=lambda: SERVICES)
    point: str | None = None
    number: int = 0
    _seen: set[str] = field(default_factory=set)
    _sequence: int = 0

    # -- dying -------------------------------------------------------------------------------

    @property
    def deaths(self) -> int:
        """How often the process was killed."""
        file = self.folder / "deaths"
        return int(file.read_text() or 0) if file.exists() else 0

    async def ready(self, within: float = 40) -> None:
        """Return once the process answers."""
        origin = f"http://127.0.0.1:{self.port}"
        await eventually(lambda: is_ready(origin), within=within, what="the desk is ready")

    async def strike(self) -> None:
        """From now on the process dies when it passes the point that is tried, once."""
        await self.settled()
        self._seen = {one.id for one in await self._queued()}
        if self.point is None:
            return
        fail_file = self.folder / "fail"
        fail_file.write_text(self.point)
        self.child.send_signal(signal.SIGUSR1)

        async def armed() -> bool:
            return not fail_file.exists()

        await eventually(armed, what=f"armed at {self.point}")

    async def settled(self) -> None:
        """Return once everything is said, and what the two hear of each other is handled."""
        await self.ready()

        async def quiet() -> bool:
            for service, outboxes in self.outboxes.items():
                store = self.store[service]
                if await store.count("held", {}):
                    return False
                for name in outboxes:
                    if await store.count(name, {"pending.0.id": {"$exists": True}}):
                        return False
            here = {"service": {"$in": list(self.outboxes)}}
            return not await self.store["bus"].count(QUEUE, here)

        await eventually(quiet, what="all is said and heard")

    async def said(self) -> Counter[str]:
        """How often each event was said here since ``strike``, to services that are elsewhere."""
        await self.settled()
        here = [one for one in await self._queued() if one.contract.service in self.outboxes]
        found = {one.id: one.contract.name for one in here}
        return Counter(name for _id, name in found.items() if _id not in self._seen)

    async def heard(self, name: str, **data: Any) -> dict[str, Any]:
        """The data of the last event of that name on the bus, with these values."""

        async def one() -> dict[str, Any] | None:
            found = [
                each.data
                for each in await self._queued()
                if each.contract.name == name and data.items() <= each.data.items()
            ]
            return found[-1] if found else None

        return dict(await eventually(one, what=f"{name} is said"))

    async def _queued(self) -> list[Envelope]:
        # What the process says to services that do not run here stays on the bus.
        query = {"service": {"$nin": list(self.outboxes)}}
        found = await self.store["bus"].find(QUEUE, query, sort=[("order", 1)])
        return [decode(document["body"]) for document in found]

    async def say(self, event: Event, subject: str, town: str = TOWN) -> None:
        """What a service that is not here says."""
        self._sequence += 1
        said = envelope(event, subject, town=town, time=START, sequence=self._sequence)
        await publish(self.bus, said)

    def later(self, **by: float) -> None:
        """The town's clock goes on."""
        file = self.folder / "clock"
        write_offset(file, MovedClock(file).town() + timedelta(**by))

    # -- asking ------------------------------------------------------------------------------

    def agent(self, *roles: str, town: str = TOWN) -> str:
        """An agent's token; by default of the office."""
        return access_token(self.signer, town, account="a" * 32, roles=roles or OFFICE)

    def guardian(self, home: Home, account: str | None = None) -> str:
        """The holder's token."""
        return access_token(
            self.signer, TOWN, account=account or "b" * 32, families={home.id: home.holder}
        )

    async def ask(
        self,
        service: str,
        method: str,
        path: str,
        token: str | None = None,
        json: Any = None,
        *,
        town: str = TOWN,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply:
        """One request, sent again until it is answered."""
        sent = {"Idempotency-Key": new_id(), **(headers or {})}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        url = f"http://127.0.0.1:{self.port}/api/{service}/v1/{town}{path}"

        async def answered() -> Reply | None:
            try:
                async with self.http.request(
                    method, url, json=json, data=content, headers=sent
                ) as got:
                    body = await got.json(content_type=None) if got.content_length else None
                    # 404: the process has risen and has not mounted everything, or is warming up.
                    again = got.status >= 500 or (body or {}).get("code") == "keys-unknown"
                    return None if again else Reply(got.status, body, got.headers)
            except (aiohttp.ClientError, OSError):
                return None

        reply = await eventually(answered, what=f"{method} {path} answered")
        assert isinstance(reply, Reply)
        return reply

    async def done(self, *args: Any, **how: Any) -> Any:
        """The JSON of a request that must succeed."""
        reply = await self.ask(*args, **how)
        assert reply.status < 300, (args[1:3], reply.status, reply.json)
        return reply.json

    # -- what is there before ----------------------------------------------------------------

    def fresh(self) -> int:
        """A number that nothing has been named by."""
        self.number += 1
        return self.number

    async def put_town(self, town: str, file: Document) -> None:
        """The town's file, whichever it has."""
        await self.done(
            "identity", "PUT", "/town-file", self.agent(town=town), file, town=town,
            headers={"If-Match": "*"},
        )  # fmt: skip

    async def import_family(self, reference: str) -> Home:
        """A family by the town's spreadsheet."""
        rows = (HEADER + HOLDER + CO_HOLDER + CHILD).replace("12;", f"{reference};")
        await self.done(
            "family", "POST", "/imports", self.agent(), content=rows.encode(),
            headers={"Content-Type": "text/csv"},
        )  # fmt: skip
        return Home(family_id(TOWN, reference))

    async def home(self) -> Home:
        """A family that identity has heard of."""
        home = await self.import_family(f"K{self.fresh()}")

        async def known() -> bool:
            return await self.store["identity"].get("families", home.id) is not None

        await eventually(known, what="identity knows the family")
        return home

    async def adult(self) -> tuple[str, str]:
        """An account that works; its id and login name."""
        login = f"adulte{self.fresh()}"
        made = await self.done("identity", "POST", "/accounts", json=sign_up(login))
        mail = await self.heard("activation-requested", account=made["account"])
        token = {"token": mail["token"]}
        await self.done("identity", "POST", "/activations", json=token)
        return str(made["account"]), login

    async def file(self, token: str) -> str:
        """A file that the bearer has sent."""
        headers = {"Content-Type": "application/octet-stream",
                   "Content-Disposition": 'attachment; filename="a.pdf"'}  # fmt: skip
        pdf = (Path(__file__).parent / "blank.pdf").read_bytes()
        sent = await self.done("family", "POST", "/files", token, content=pdf, headers=headers)
        return str(sent["file"])

    async def one(self, service: str, collection: str, query: Document) -> Document:
        """The one document that matches."""
        found = await self.store[service].find(collection, query)
        assert len(found) == 1, (collection, query, len(found))
        return found[0]

    async def count(self, service: str, collection: str, query: Document) -> int:
        """How many documents match."""
        return await self.store[service].count(collection, query)


def sign_up(login: str) -> dict[str, Any]:
    """The body that opens an account."""
    return {
        "identity": {"first_name": "Camille", "last_name": "Martin"},
        "address": {"street": "2 rue de l'École", "postcode": "07000", "city": "Veyras"},
        "contact": {"email": f"{login}@famille.example"},
        "credentials": {"login_name": login, "password": PASSWORD},
    }


def desk_file(town: str = TOWN, **changes: Any) -> dict[str, Any]:
    """The town's file, which asks for a certificate and a letter."""
    return town_file(
        town=town,
        documents=[{"id": "certificat", "name": "Certificat"}],
        letters=[{"id": "autre", "label": "Autre demande"}],
        agents={"second_factor": []},
        **changes,
    ).model_dump(mode="json")


@asynccontextmanager
async def desk_of(
    mongodb_url: str,
    folder: Path,
    outboxes: Mapping[str, Sequence[str]] = SERVICES,
    **more: str,
) -> AsyncIterator[Desk]:
    """Start a process of these services, with ``more`` in its environment."""
    namespace, port = f"k{new_id()[-8:]}", free_port()
    write_offset(folder / "clock", START)
    environment = {
        **os.environ, "MONGODB_URL": mongodb_url, "PREAU_NAMESPACE": namespace,
        "PREAU_CLOCK_FILE": str(folder / "clock"), "PREAU_SIGNING_KEYS": SIGNING_KEYS,
        "PREAU_PORT": str(port), "PREAU_FAIL_FILE": str(folder / "fail"),
        "PHOENIX_DEATHS": str(folder / "deaths"), "PREAU_LEASE_SECONDS": "0.5",
        "PREAU_RETRY_DELAYS": "[0.1, 0.2, 0.5]", **more,
    }  # fmt: skip
    environment.pop("AMQP_URL", None)
    command: Sequence[str] = (sys.executable, "-m", "tests.faults.phoenix", *outboxes)
    child = spawn(command, env=environment, output=folder / "desk.log")
    client = connect(mongodb_url)
    clock = MovedClock(folder / "clock")
    store = {name: Store(client, f"{namespace}_{name}", clock) for name in (*outboxes, "bus")}
    async with aiohttp.ClientSession() as http:
        bus = LocalBus(store["bus"], SUBSCRIPTIONS, clock)
        desk = Desk(child, folder, port, http, store, bus, outboxes=outboxes)
        try:
            await desk.ready(within=60)
            yield desk
        finally:
            child.terminate()
            code = await asyncio.to_thread(child.wait)
            await client.close()
            await drop_databases(mongodb_url, namespace)
            assert code == 0, (folder / "desk.log").read_text()[-3000:]
