"""From a request to a page: who asks, whether the form is ours, what is answered.

A ``Page`` is a path with what it shows and, for forms, what it does. When the API refuses what was
asked for, the page is shown again with the refusal at its head and the values as they were typed.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiohttp import hdrs, web

from services.portal import words
from services.portal.forms import FORM_TOKEN, ONCE, Form, read_form
from services.portal.gateway import Caller, Content, Gateway, Problem
from services.portal.rendering import Pages
from services.portal.sessions import VISIT_COOKIE, Seals, Session, new_visit, session_cookie
from services.portal.towns import Town, Towns
from shared.clock import Clock
from shared.ids import new_id
from shared.logs import get_logger

_log = get_logger()
#: A token that ends sooner is renewed before it is used.
_SOON = timedelta(seconds=40)
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_STALE_FORM = Problem(
    403,
    {
        "code": "form-stale",
        "detail": "Cette page était ouverte depuis trop longtemps. Vérifiez et recommencez.",
    },
)


_FAMILY_TABS = (
    ("", "home", "Accueil"),
    ("/reservations", "calendar", "Réservations"),
    ("/demandes", "list", "Demandes"),
    ("/factures", "euro", "Factures"),
    ("/famille", "people", "Famille"),
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
    """One path under ``/{town}``: what it shows, and what its form does."""

    path: str
    show: Handler | None = None
    act: Handler | None = None
    who: Who = Who.FAMILY


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
    def roles(self) -> list[str]:
        """What the account may do for the town."""
        return list(self.claims.get("roles", ()))

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
        """What was just done, said by the page that comes after it."""
        return words.MESSAGES.get(self.query.get("message", ""))

    @property
    def tabs(self) -> tuple[tuple[str, str, str], ...]:
        """The main navigation: path, icon, words."""
        return _FAMILY_TABS if self.families else ()

    def is_at(self, path: str) -> bool:
        """Whether this page is under that path."""
        here = self.request.path.removeprefix(f"/{self.town.town}")
        return here == path or (path != "" and here.startswith(f"{path}/"))

    def fault(self, name: str) -> str | None:
        """What is wrong with a field, by its name in the form."""
        errors = self.problem.errors if self.problem else ()
        return next((one.message for one in errors if one.field.lstrip("/") == name), None)

    def path(self, path: str = "", **query: str | None) -> str:
        """An address of this town."""
        given = {name: one for name, one in query.items() if one is not None}
        return f"/{self.town.town}{path}" + (f"?{urlencode(given)}" if given else "")

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

    def log_out(self) -> None:
        """This browser is logged in no more."""
        self.session, self.name, self.changed = None, new_visit(), True
        self.__dict__.pop("claims", None)

    def add_session(self, session: Session) -> None:
        """This browser is logged in there too."""
        self.others.append(session)

    def show(self, template: str, **values: Any) -> web.Response:
        """A page; with the refusal, where there is one, and its status."""
        text = self.portal.pages.render(template, visit=self, **values)
        status = self.problem.status if self.problem else 200
        return web.Response(text=text, status=status, content_type="text/html")

    def go(self, path: str = "", **query: str | None) -> web.Response:
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


def page_routes(portal: Portal, pages: tuple[Page, ...]) -> list[web.RouteDef]:
    """The routes of these pages, and one for every other address under a town."""
    routes = []
    for page in pages:
        path = "/{town:[a-z][a-z0-9-]{0,62}}" + page.path
        if page.show is not None:
            routes.append(web.get(path, _endpoint(portal, page)))
        if page.act is not None:
            routes.append(web.post(path, _endpoint(portal, page)))
    lost = Page("", show=_lost, who=Who.ANYONE)
    routes.append(
        web.get("/{town:(?!api$)[a-z][a-z0-9-]{0,62}}/{rest:.*}", _endpoint(portal, lost))
    )
    return routes


_NOTHING = Problem(404, {"code": "not-found", "detail": "Cette page n'existe pas."})


async def _lost(_: Visit) -> web.Response:
    raise _NOTHING


def nowhere(portal: Portal) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What an address outside every town says."""

    async def endpoint(_: web.Request) -> web.Response:
        return _finished(portal, None, _bare(portal, _NOTHING))

    return endpoint


def _endpoint(portal: Portal, page: Page) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def endpoint(request: web.Request) -> web.Response:
        slug = request.match_info["town"]
        try:
            town = await portal.towns.find(slug)
        except Problem as problem:
            return _finished(portal, None, _bare(portal, problem))
        name = request.cookies.get(VISIT_COOKIE) or new_visit()
        sealed = request.cookies.get(session_cookie(slug))
        visit = Visit(portal, request, town, name, portal.seals.open(slug, sealed))
        visit.changed = bool(sealed) and visit.session is None
        try:
            answer = await _answered(visit, page)
        except Problem as problem:
            answer = _refused(visit, problem)
        except web.HTTPException as error:
            answer = _refused(visit, _of_http(error))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the last resort of a request
            number = new_id()
            _log.error("page-failed", correlation=number, exc_info=error)
            detail = f"Erreur inattendue. Donnez ce numéro au service : {number}."
            answer = _refused(visit, Problem(500, {"code": "server-error", "detail": detail}))
        return _finished(portal, visit, answer)

    return endpoint


async def _answered(visit: Visit, page: Page) -> web.Response:
    posted = visit.request.method == hdrs.METH_POST
    if posted:
        visit.form = await read_form(visit.request)
        if not _is_ours(visit):
            raise _STALE_FORM
    await _renew(visit)
    if (elsewhere := _admitted(visit, page)) is not None:
        return elsewhere
    handler = page.act if posted else page.show
    assert handler is not None
    try:
        return await handler(visit)
    except Problem as problem:
        # 401: the session is over; without one, what was typed to log in is wrong.
        over = problem.status == 401 and visit.session is not None
        if not posted or page.show is None or over:
            raise
        visit.problem = problem
        return await page.show(visit)


def _is_ours(visit: Visit) -> bool:
    """Whether this site's own page sent the form (the token decides; the browser's word is a
    second lock)."""
    site = visit.request.headers.get("Sec-Fetch-Site", "same-origin")
    known = visit.request.cookies.get(VISIT_COOKIE)
    return site == "same-origin" and visit.portal.seals.is_form_of(
        known, visit.form.get(FORM_TOKEN)
    )


async def _renew(visit: Visit) -> None:
    """Have an access token that is still good. Two requests at once renew with one refresh token
    and get one answer: the API sees to it."""
    session = visit.session
    if session is None or session.expires_at - datetime.now(UTC) > _SOON:
        return
    body = {"refresh_token": session.refresh_token}
    anonymous = replace(visit.caller, token=None)
    try:
        tokens = await visit.portal.gateway.send(anonymous, "POST", "identity/tokens", body)
    except Problem as problem:
        if problem.status >= 500 or problem.status == 429:
            raise
        visit.log_out()
        return
    visit.session, visit.changed = Session.of(visit.town.town, tokens), True
    visit.__dict__.pop("claims", None)


def _admitted(visit: Visit, page: Page) -> web.Response | None:
    """Where somebody goes who may not see this page yet: to log in, or to link a family."""
    if page.who is Who.ANYONE:
        return None
    if visit.session is None:
        wanted = visit.request.path_qs if visit.request.method == hdrs.METH_GET else None
        return visit.go("/connexion", suite=wanted)
    if page.who is Who.FAMILY and not visit.families:
        return visit.go("/abonnements", message="famille-a-lier")
    if page.who is Who.AGENT and not visit.roles:
        raise Problem(403, {"code": "forbidden", "detail": "Cette page est réservée aux agents."})
    return None


def safe_path(visit: Visit, given: str) -> str:
    """An address of this town to go on to, and no other, whatever was asked."""
    start = f"/{visit.town.town}"
    inside = given == start or given.startswith((f"{start}/", f"{start}?"))
    plain = not any(one in given for one in "\\\r\n\t") and "//" not in given.partition("?")[0]
    return given if inside and plain else start


def _refused(visit: Visit, problem: Problem) -> web.Response:
    if problem.status == 401 and visit.session is not None:
        visit.log_out()
        wanted = visit.request.path_qs if visit.request.method == hdrs.METH_GET else None
        return visit.go("/connexion", suite=wanted, message="deconnecte")
    visit.problem = problem
    return visit.show("error.html")


def _bare(portal: Portal, problem: Problem) -> web.Response:
    text = portal.pages.render("bare.html", problem=problem)
    return web.Response(text=text, status=problem.status, content_type="text/html")


def _of_http(error: web.HTTPException) -> Problem:
    detail = {
        413: "Ce que vous envoyez est trop volumineux : 10 Mo au plus par fichier, 25 Mo en tout."
    }.get(error.status, "Cette demande est mal formée. Revenez à la page précédente.")
    return Problem(error.status, {"code": "http-error", "detail": detail})


def _finished(portal: Portal, visit: Visit | None, answer: web.Response) -> web.Response:
    """With the cookies that follow from the visit, and what every page says to browsers."""
    for name, value in SECURITY_HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    if visit is None:
        return answer
    if visit.request.cookies.get(VISIT_COOKIE) != visit.name:
        _set_cookie(answer, VISIT_COOKIE, visit.name)
    if visit.changed:
        name = session_cookie(visit.town.town)
        if visit.session is not None:
            _set_cookie(answer, name, portal.seals.seal(visit.session))
        else:
            answer.del_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")
    for session in visit.others:
        _set_cookie(answer, session_cookie(session.town), portal.seals.seal(session))
    if answer.body and answer.content_type == "text/html":
        answer.enable_compression()
    return answer


def _set_cookie(answer: web.Response, name: str, value: str) -> None:
    answer.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="Lax")


def quoted(part: str) -> str:
    """A part of a path of the API."""
    return quote(part, safe="")
