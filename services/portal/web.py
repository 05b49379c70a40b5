"""A page and the visit of it: who asks, in which household, what the API is asked, what is shown.

A ``Page`` is a path with what it shows and, for forms, what it does. When the API refuses what was
asked for, the page is shown again with the refusal at its head and the values as they were typed.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote, urlencode

import orjson
from aiohttp import hdrs, web

from services.portal import words
from services.portal.forms import ONCE, Form
from services.portal.gateway import Caller, Content, Gateway, Problem
from services.portal.languages.catalogues import FRENCH
from services.portal.rendering import Pages
from services.portal.sessions import LANGUAGE_COOKIE, Seals, Session, new_visit
from services.portal.towns import Town, Towns
from shared.clock import Clock
from shared.ids import new_id

_FAMILY_TABS = (
    ("", "home", "Accueil"),
    ("/reservations", "calendar", "Réservations"),
    ("/demandes", "list", "Demandes"),
    ("/factures", "euro", "Factures"),
    ("/famille", "people", "Famille"),
)
#: Of who is linked to no family yet.
_OWN_TABS = (
    ("", "home", "Accueil"),
    ("/publications", "paper", "Documents"),
    ("/abonnements", "people", "Mes abonnements"),
)


class Who(StrEnum):
    """Whom a page is for."""

    ANYONE = "anyone"
    ACCOUNT = "account"
    FAMILY = "family"
    AGENT = "agent"


@dataclass(frozen=True)
class Portal:
    """What handlers need beside the request."""

    gateway: Gateway
    seals: Seals
    towns: Towns
    pages: Pages
    clock: Clock
    behind_gateway: bool


Handler = Callable[["Visit"], Awaitable[web.Response]]


@dataclass(frozen=True)
class Page:
    """One path under ``/{town}``, or within a household of it: what it shows, what its form
    does."""

    path: str
    show: Handler | None = None
    act: Handler | None = None
    who: Who = Who.FAMILY
    #: Where the account has several households, which one it is about is asked first.
    asks_household: bool = True
    #: What its form calls the fields that the API calls otherwise (``Problem.named``).
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Visit:
    """One request of one browser."""

    portal: Portal
    request: web.Request
    town: Town
    name: str
    session: Session | None = None
    form: Form = field(default_factory=Form)
    problem: Problem | None = None
    #: The session cookie is set to ``session``, or taken away.
    changed: bool = False
    #: Sessions of other towns, to be kept beside this one.
    others: list[Session] = field(default_factory=list)
    #: The households of the account as the API told them, where they were asked for.
    known: list[dict[str, Any]] | None = None
    #: The language cookie is set to it.
    chosen_language: str | None = None
    #: What the fields of the page are called, by name, as far as it was written.
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def caller(self) -> Caller:
        """On whose behalf the API is called."""
        token = self.session.access_token if self.session else None
        return Caller(self.town.town, token, self._address, self._device)

    @property
    def _device(self) -> str:
        return self.request.headers.get(hdrs.USER_AGENT, "")[:400]

    @property
    def _address(self) -> str:
        if self.portal.behind_gateway:
            return self.request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        return self.request.remote or ""

    @cached_property
    def claims(self) -> Mapping[str, Any]:
        """What the access token says: families and roles. The API verifies it, not the portal,
        which only chooses what to show by it."""
        if self.session is None:
            return {}
        payload = self.session.access_token.split(".")[1]
        said: Mapping[str, Any] = orjson.loads(base64.urlsafe_b64decode(payload + "=="))
        return said

    @property
    def families(self) -> list[str]:
        """The families of the account, in this town."""
        return [family for family, _ in self.claims.get("families", ())]

    @property
    def household(self) -> str | None:
        """The family that the address names; nothing where the account has but one."""
        within: str = self.request.match_info.get("within", "")
        return within.removeprefix("/foyer/") or None

    async def households(self) -> list[dict[str, Any]]:
        """The account's households, asked for once; of several, the one that this page is about.
        Raises ``Problem`` where it is none of them."""
        if self.known is None:
            self.known = (await self.get("family/household"))["households"]
        if self.household is None:
            return self.known
        found = [one for one in self.known if one["family"] == self.household]
        if not found:
            detail = "Ce foyer n'est pas relié à votre espace."
            raise Problem(404, {"code": "not-found", "detail": detail})
        return found

    @property
    def shown_household(self) -> dict[str, Any] | None:
        """What every page of an account of several households says it is about."""
        return next((one for one in self.known or () if one["family"] == self.household), None)

    @property
    def roles(self) -> list[str]:
        """What the account may do for the town."""
        return list(self.claims.get("roles", ()))

    @property
    def language(self) -> str:
        """In which language pages are: as was chosen, where there is such a catalogue."""
        wanted = self.chosen_language or self.request.cookies.get(LANGUAGE_COOKIE)
        if wanted is not None and wanted in self.portal.pages.languages:
            return wanted
        return FRENCH.code

    @property
    def today(self) -> date:
        """The town's day."""
        return self.portal.clock.town().astimezone(self.town.zone).date()

    @property
    def query(self) -> Mapping[str, str]:
        """The address's parameters."""
        return self.request.query

    @property
    def once(self) -> str:
        """The form's own name: sent twice, it is done once."""
        return self.form.get(ONCE) or new_id()

    @property
    def fresh_once(self) -> str:
        """A name for the form that is about to be shown; after a refusal, the same act is a new
        one, for what is typed changes."""
        return new_id()

    @property
    def form_token(self) -> str:
        """What this visit's forms carry."""
        return self.portal.seals.form_token(self.name)

    @property
    def message(self) -> str | None:
        """What was just done, said by the page that comes after it; a refusal speaks alone."""
        if self.problem is not None:
            return None
        return words.MESSAGES.get(self.query.get("message", ""))

    @property
    def tabs(self) -> tuple[tuple[str, str, str], ...]:
        """The main navigation: path, icon, words."""
        if self.session is None:
            return ()
        if self.families:
            return _FAMILY_TABS
        return () if self.roles else _OWN_TABS

    def is_at(self, path: str) -> bool:
        """Whether this page is under that path."""
        here = self.request.path.removeprefix(self._root)
        return here == path or (path != "" and here.startswith(f"{path}/"))

    def fault(self, name: str) -> str | None:
        """What is wrong with a field, by its name in the form."""
        errors = self.problem.errors if self.problem else ()
        return next((one.said for one in errors if one.field.lstrip("/") == name), None)

    def path(self, path: str = "", /, **query: str | list[str] | None) -> str:
        """An address of this town, in the household that this page is about."""
        given = {name: one for name, one in query.items() if one is not None}
        return f"{self._root}{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")

    @property
    def _root(self) -> str:
        return f"/{self.town.town}{self.request.match_info.get('within', '')}"

    async def get(self, path: str, **query: Any) -> Any:
        """Ask the API."""
        return await self.portal.gateway.get(self.caller, path, **query)

    async def send(
        self, method: str, path: str, body: Any = None, once: str = "", version: str | None = None
    ) -> Any:
        """Do something by the API, once for each form; ``once`` tells several acts of one form
        apart; ``version`` is that of what is changed, where the API asks for it."""
        key = f"{self.once}-{once}" if once else self.once
        gateway = self.portal.gateway
        return await gateway.send(self.caller, method, path, body, once=key, version=version)

    async def file(self, path: str, **query: Any) -> Content:
        """A file of the API."""
        return await self.portal.gateway.file(self.caller, path, **query)

    async def send_files(self, field: str | None = None) -> list[str]:
        """Send the form's files (those of one field); their ids."""
        gateway = self.portal.gateway
        answers = [
            await gateway.send_file(
                self.caller, sent.name, sent.media_type, sent.content, once=f"{self.once}-{place}"
            )
            for place, sent in enumerate(self.form.files)
            if field in (None, sent.field)
        ]
        return [str(one["file"]) for one in answers]

    def log_in(self, tokens: dict[str, Any]) -> None:
        """From now on this browser is logged in: with a new visit, so that no form and no cookie
        that somebody else may have put there is worth anything."""
        self.session = Session.of(self.town.town, tokens)
        self.name = new_visit()
        self.changed = True
        self.__dict__.pop("claims", None)

    async def renew(self) -> None:
        """Have tokens that know what the account has just become."""
        session = self.session
        assert session is not None
        wanted = {"refresh_token": session.refresh_token}
        tokens = await self.send("POST", "identity/tokens", wanted, once="tokens")
        self.session = Session.of(self.town.town, tokens, session.name)
        self.changed = True
        self.__dict__.pop("claims", None)

    def log_out(self) -> None:
        """This browser is logged in no more."""
        self.session, self.name, self.changed = None, new_visit(), True
        self.__dict__.pop("claims", None)

    def add_session(self, session: Session) -> None:
        """This browser is logged in there too."""
        self.others.append(session)

    def show(self, template: str, **values: Any) -> web.Response:
        """A page; with the refusal, where there is one, and its status."""
        text = self.portal.pages.render(template, self.language, visit=self, **values)
        status = self.problem.status if self.problem else 200
        return web.Response(text=text, status=status, content_type="text/html")

    def go(self, path: str = "", **query: str | list[str] | None) -> web.Response:
        """On to another page of this town, which says ``message`` when it is given."""
        return self.go_to(self.path(path, **query))

    def go_to(self, location: str) -> web.Response:
        """On to an address that we made, or looked at (``safe_path``)."""
        return web.Response(status=303, headers={hdrs.LOCATION: location})

    def hand(self, content: Content, *, inline: bool = False) -> web.Response:
        """A file as the API gave it: to keep, never to run here; only PDF and images may be
        looked at."""
        safe = content.media_type in {"application/pdf", "image/jpeg", "image/png"}
        disposition = content.disposition or "attachment"
        if inline and safe:
            disposition = disposition.replace("attachment", "inline", 1)
        return web.Response(
            body=content.body, content_type=content.media_type,
            headers={
                hdrs.CONTENT_DISPOSITION: disposition,
                "Content-Security-Policy": "default-src 'none'; sandbox",
            },
        )  # fmt: skip


def safe_path(visit: Visit, given: str) -> str:
    """An address of this town to go on to, and no other, whatever was asked."""
    start = f"/{visit.town.town}"
    inside = given == start or given.startswith((f"{start}/", f"{start}?"))
    path = unquote(given.partition("?")[0].partition("#")[0])
    climbs = any(one in (".", "..") for one in path.split("/"))
    plain = not any(one in path or one in given for one in "\\\r\n\t") and "//" not in path
    return given if inside and plain and not climbs else start


def quoted(part: str) -> str:
    """A part of a path of the API."""
    return quote(part, safe="")
