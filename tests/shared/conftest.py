"""A small service to speak to, without a database where none is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import Field

from shared.audit import Act, Audit
from shared.auth import FAMILY, PUBLIC, Bearer, FamilyRight, Keyring, Signer, agents, either
from shared.auth import new_private_jwks as new_keys
from shared.clock import MachineClock
from shared.errors import Refused, StoreUnavailable
from shared.ids import new_id
from shared.store import Store, connect
from shared.web.routes import PDF, Call, Empty, File, Input, Output, Route, Versioned
from shared.web.server import BEHIND_GATEWAY, add_operations, add_service, problems


class Colour(Enum):
    """A closed list."""

    RED = "red"
    BLUE = "blue"


class Page(Input):
    """A query of every kind."""

    limit: Annotated[int, Field(ge=1, le=50)] = 10
    since: date | None = None
    colour: Colour | None = None
    tags: list[str] = Field(default_factory=list)


class Item(Input):
    """A part of a body."""

    name: Annotated[str, Field(min_length=1, max_length=20)]
    count: Annotated[int, Field(ge=0)] = 0


class Order(Input):
    """A body."""

    title: Annotated[str, Field(min_length=2, max_length=40)]
    day: date | None = None
    items: Annotated[list[Item], Field(max_length=3)] = Field(default_factory=list)


class Stored(Output):
    """What came of it."""

    id: str
    title: str


class Listed(Output):
    """What was asked."""

    town: str
    limit: int
    tags: list[str]


class Note(Input):
    """What an agent writes about a family."""

    family: str
    text: str


class Home(Output):
    """A family."""

    family: str
    child: str | None
    title: str


async def _create(_: Any, call: Call[Order, Any]) -> Stored:
    return Stored(id=call.known_command.id, title=call.body.title)


async def _list(_: Any, call: Call[Any, Page]) -> Listed:
    return Listed(town=call.town, limit=call.query.limit, tags=call.query.tags)


async def _one(_: Any, call: Call[Any, Any]) -> Stored:
    return Stored(id=call.path["id"], title="one")


async def _paper(_: Any, call: Call[Any, Any]) -> Versioned:
    return Versioned(Stored(id=call.path["v"], title="seven"), int(call.path["v"]))


async def _rewrite(_: Any, call: Call[Any, Any]) -> Versioned:
    call.expected.check(int(call.path["v"]))
    return Versioned(Stored(id=call.path["v"], title="seven"), int(call.path["v"]) + 1)


async def _fail(_: Any, call: Call[Any, Any]) -> Empty:
    match call.path["how"]:
        case "refused":
            raise Refused("full", "Complet.", retry_after=7)
        case "store":
            raise StoreUnavailable
        case "bug":
            raise ZeroDivisionError("secret of a family")
    return Empty()


async def _who(_: Any, call: Call[Any, Any]) -> Stored:
    return Stored(id=call.known_bearer.account, title=type(call.scope).__name__)


async def _desk(_: Any, call: Call[Any, Any]) -> Stored:
    return Stored(id=call.known_bearer.account, title="+".join(sorted(call.agent_scope.roles)))


async def _printed(_: Any, call: Call[Any, Any]) -> File:
    return File(call.path["name"], b"%PDF-1.7")


async def _home(_: Any, call: Call[Any, Any]) -> Home:
    return Home(family=call.path["family"], child="c9", title="Martin")


async def _note(_: Any, call: Call[Note, Any]) -> Home:
    call.act.concerns(family="f7")
    return Home(family=call.body.family, child=None, title=call.body.text)


async def _weigh(_: Any, call: Call[Any, Any]) -> Stored:
    return Stored(id=str(len(call.known_file.content)), title=call.known_file.name)


ROUTES = [
    Route("POST", "/scans", _weigh, "Weigh", PUBLIC, Stored, status=201, idempotent=True,
          takes=("application/pdf", "image/png"), max_body=5000),
    Route("GET", "/printed/{name}", _printed, "A file", PUBLIC, PDF),
    Route("POST", "/orders", _create, "Create", PUBLIC, Stored, body=Order, status=201,
          idempotent=True, refusals=("full",), max_body=2000),
    Route("GET", "/orders", _list, "List", PUBLIC, Listed, query=Page),
    Route("GET", "/orders/{id}", _one, "One", PUBLIC, Stored),
    Route("GET", "/papers/{v}", _paper, "A document with versions", PUBLIC, Stored,
          versioned=True),
    Route("PUT", "/papers/{v}", _rewrite, "Change it as seen", PUBLIC, Stored, versioned=True,
          guarded=True),
    Route("GET", "/fail/{how}", _fail, "Fail", PUBLIC, Empty),
    Route("GET", "/mine", _who, "Families only", FAMILY, Stored),
    Route("GET", "/ours", _desk, "Agents only", agents("desk"), Stored),
    Route("GET", "/families/{family}", _home, "Both", either(FAMILY, agents("desk")), Home),
    Route("POST", "/notes", _note, "Agents write", agents("desk"), Home, body=Note,
          idempotent=True),
]  # fmt: skip


class HeardAudit(Audit):
    """Keeps what is appended in memory; ``away`` is a database that does not answer."""

    def __init__(self) -> None:
        self.away = False
        self.heard: list[tuple[Act, int]] = []

    async def act(self, act: Act, status: int) -> None:
        if self.away:
            raise StoreUnavailable
        self.heard.append((act, status))


class Speaker:
    """The service and who may speak to it."""

    def __init__(
        self, origin: str, http: aiohttp.ClientSession, keys: Keyring, audit: HeardAudit
    ) -> None:
        self.audit = audit
        self.base = f"{origin}/api/sample/v1/veyras"
        self.origin = origin
        self.http = http
        self.keys = keys
        self.signer = Signer(new_keys(["one"]))
        self.keys.learn(self.signer.public_jwks())

    def bearer(self, **changed: Any) -> Bearer:
        """A guardian of Veyras."""
        fields: dict[str, Any] = {
            "account": new_id(), "town": "veyras", "login_session": new_id(),
            "families": (FamilyRight("f1", "g1"),), "roles": frozenset(),
            "expires": int((datetime.now(UTC) + timedelta(seconds=200)).timestamp()),
        }  # fmt: skip
        return Bearer(**{**fields, **changed})

    def token(self, *, signer: Signer | None = None, **changed: Any) -> str:
        """A token for that bearer."""
        return (signer or self.signer).sign(self.bearer(**changed), datetime.now(UTC))

    async def ask(self, method: str, path: str, **how: Any) -> tuple[int, Any, Any]:
        """(status, JSON or None, headers)."""
        url = path if path.startswith("http") else self.base + path
        async with self.http.request(method, url, **how) as got:
            raw = await got.read()
            is_json = raw and "json" in got.headers["Content-Type"]
            return got.status, await got.json(content_type=None) if is_json else None, got.headers

    async def raw(self, request: bytes) -> bytes:
        """What a server answers to bytes that no client library would send."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(self.origin.rpartition(":")[2])
        )
        writer.write(request)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(65536), 5)
        writer.close()
        return answer


@pytest.fixture
async def speaker() -> AsyncIterator[Speaker]:
    app = web.Application(middlewares=[problems], client_max_size=1024 * 1024)
    app[BEHIND_GATEWAY] = False
    keys = Keyring(MachineClock())
    heard = HeardAudit()
    add_service(app, "sample", "A sample.", ROUTES, None, keys, heard)
    ready = True

    async def is_ready() -> bool:
        return ready

    add_operations(app, is_ready)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession() as http:
        yield Speaker(origin, http, keys, heard)
    await runner.cleanup()


@pytest.fixture
async def store(mongodb_url: str, namespace: str) -> AsyncIterator[Store]:
    client = connect(mongodb_url)
    made = Store(client, f"{namespace}_sample", MachineClock())
    await made.prepare({}, ["things"])
    yield made
    await client.close()
