"""Routes as data: what each takes, answers, refuses, and who may call it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from shared.audit import Act
from shared.auth import Access, AgentScope, Bearer, FamilyScope, Scope
from shared.errors import forbidden
from shared.web.conditional import Expected


class Input(BaseModel):
    """Base of request bodies and queries: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Output(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(frozen=True)


class NoBody(Input):
    """The body of a route that takes none."""


class NoQuery(Input):
    """The query of a route that takes none."""


class PageQuery(Input):
    """The query of a listing: ``after`` is the ``next`` of the page before (``shared.paging``)."""

    after: Annotated[
        Annotated[str, Field(max_length=64)] | None,
        Field(description="`next` of the page before; without it, the first page"),
    ] = None
    limit: Annotated[int, Field(ge=1, le=100, description="At most so many items")] = 50


ItemT = TypeVar("ItemT")


class Page(Output, Generic[ItemT]):
    """The answer of a listing: a page of it, and what comes next."""

    items: tuple[ItemT, ...]
    next: Annotated[
        str | None, Field(description="`after` of the following page; null on the last")
    ]


class Empty(Output):
    """The answer of a route that has nothing to say (204)."""


@dataclass(frozen=True, slots=True)
class Versioned:
    """An answer that shows a document, with the version that the document has (``ETag``)."""

    answer: BaseModel
    version: int


class Files:
    """What a route answers that is not JSON: a file of one of these media types."""

    def __init__(self, *media_types: str) -> None:
        self.media_types = media_types


PDF = Files("application/pdf")
XML = Files("application/xml")


@dataclass(frozen=True, slots=True)
class File:
    """One file as an answer; ``name`` is what a browser saves it as."""

    name: str
    content: bytes
    media_type: str = "application/pdf"


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a browser goes on (303): an address of the settings, never one that a request names."""

    location: str


@dataclass(frozen=True, slots=True)
class Plain:
    """An answer of many parts that were written before: what ``orjson`` makes of ``content`` is
    what the route's ``answer`` would be written as."""

    content: Mapping[str, Any]


BodyT = TypeVar("BodyT", bound=Input)
QueryT = TypeVar("QueryT", bound=Input)


@dataclass(frozen=True, slots=True)
class Command:
    """The identity of one act of one bearer, from its ``Idempotency-Key``.

    ``id`` is the same for each repetition; ``body_hash`` tells a repetition from a key used
    for something else.
    """

    id: str
    body_hash: str


@dataclass(frozen=True, slots=True)
class Received:
    """A file as it was sent; ``name`` is the sender's word for it, nothing to rely on."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Call(Generic[BodyT, QueryT]):
    """One validated HTTP request. ``act`` is its entry in the audit: a handler adds whom it
    concerns where neither the request nor the answer has a ``family`` or a ``child``."""

    town: str
    path: Mapping[str, str]
    body: BodyT
    query: QueryT
    bearer: Bearer | None
    access: Access
    command: Command | None
    address: str
    act: Act
    user_agent: str = ""
    expected: Expected = Expected()
    file: Received | None = None

    @property
    def scope(self) -> Scope:
        """What the bearer may reach by this route."""
        return self.access.scope(self.known_bearer)

    @property
    def family_scope(self) -> FamilyScope:
        """The scope of a guardian; agents are refused."""
        scope = self.scope
        if not isinstance(scope, FamilyScope):
            raise forbidden()
        return scope

    @property
    def agent_scope(self) -> AgentScope:
        """The scope of an agent; guardians are refused."""
        scope = self.scope
        if not isinstance(scope, AgentScope):
            raise forbidden()
        return scope

    @property
    def known_bearer(self) -> Bearer:
        """The bearer; a public route has none and may not ask."""
        if self.bearer is None:
            raise forbidden()
        return self.bearer

    @property
    def known_command(self) -> Command:
        """The command's identity; only routes declared ``idempotent`` have one."""
        if self.command is None:
            raise RuntimeError("route not declared idempotent")
        return self.command

    @property
    def known_file(self) -> Received:
        """The file sent; only routes that declare ``takes`` have one."""
        if self.file is None:
            raise RuntimeError("route takes no file")
        return self.file


Answer = BaseModel | Versioned | Plain | File | Redirect
Handler = Callable[[Any, Call[Any, Any]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of a service, under ``/api/<service>/v1/{town}``.

    ``refusals`` lists the codes it may answer besides those every route may. ``idempotent``
    routes require an ``Idempotency-Key``; those that are ``guarded`` an ``If-Match``, and look at
    ``Call.expected``. ``versioned`` ones answer with an ``ETag`` (their handler, a ``Versioned``).

    One that ``redirects`` may answer a browser with where it goes on, instead of ``answer``.

    A route that ``takes`` a file (of these media types, for the documents: what it is is told by
    its content) has it as the raw body, named by ``Content-Disposition``; ``max_body`` bounds it.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    access: Access
    answer: type[BaseModel] | Files
    body: type[Input] = NoBody
    query: type[Input] = NoQuery
    status: int = 200
    idempotent: bool = False
    versioned: bool = False
    guarded: bool = False
    redirects: bool = False
    refusals: tuple[str, ...] = ()
    max_body: int = 64 * 1024
    takes: tuple[str, ...] = ()
