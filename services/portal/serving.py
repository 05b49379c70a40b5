"""From a request to an answer: which page, for whom, with which headers and cookies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aiohttp import hdrs, web

from services.portal import resuming
from services.portal.forms import FORM_TOKEN, read_form
from services.portal.gateway import Problem
from services.portal.sessions import (
    LANGUAGE_COOKIE,
    VISIT_COOKIE,
    Session,
    drop_cookie,
    new_visit,
    session_cookie,
    set_cookie,
)
from services.portal.web import Page, Portal, Visit, Who
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
#: Where a page is within a town; an account of several households has the one it is about in the
#: address, so that two windows, a bookmark and a form stay with theirs.
_WITHIN = "/{town:[a-z][a-z0-9-]{0,62}}{within:(?:/foyer/[0-9A-Za-z-]{1,64})?}"


def page_routes(portal: Portal, pages: tuple[Page, ...]) -> list[web.RouteDef]:
    """The routes of these pages, and one for every other address under a town."""
    routes = []
    for page in pages:
        path = _WITHIN + page.path
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
            answer = _refused(visit, page, problem)
        except web.HTTPException as error:
            answer = _refused(visit, page, _of_http(error))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the last resort of a request
            number = new_id()
            _log.error("page-failed", correlation=number, exc_info=error)
            detail = f"Erreur inattendue. Donnez ce numéro au service : {number}."
            unexpected = Problem(500, {"code": "server-error", "detail": detail})
            answer = _refused(visit, page, unexpected)
        return _finished(portal, visit, answer)

    return endpoint


async def _answered(visit: Visit, page: Page) -> web.Response:
    posted, stale = visit.request.method == hdrs.METH_POST, False
    if posted:
        visit.form = await read_form(visit.request)
        stale = not _is_ours(visit)
        if stale and (page.show is None or not _is_from_here(visit)):
            raise _STALE_FORM
    await _renew(visit)
    resumed = posted and page.show is not None and resuming.KEPT in visit.form.values
    if resumed and (elsewhere := await resuming.resume(visit, stale=stale)) is not None:
        return elsewhere
    if (elsewhere := _admitted(visit, page)) is not None:
        return elsewhere
    if (elsewhere := await _strayed(visit, page, posted=posted)) is not None:
        return elsewhere
    await _know_name(visit)
    handler = page.act if posted and not resumed else page.show
    assert handler is not None
    try:
        if stale and not resumed:
            raise _STALE_FORM
        return await handler(visit)
    except Problem as problem:
        # 401: the session is over; without one, what was typed to log in is wrong.
        over = problem.status == 401 and visit.session is not None
        if not posted or page.show is None or over:
            raise
        visit.problem = problem.named(page.fields)
        return await page.show(visit)


def _is_ours(visit: Visit) -> bool:
    """Whether this site's own page sent the form (the token decides; the browser's word is a
    second lock)."""
    site = visit.request.headers.get("Sec-Fetch-Site", "same-origin")
    known = visit.request.cookies.get(VISIT_COOKIE)
    return site == "same-origin" and visit.portal.seals.is_form_of(
        known, visit.form.get(FORM_TOKEN)
    )


def _is_from_here(visit: Visit) -> bool:
    """Whether the browser says that a page of this site sent the form: who logged in again, or
    out, elsewhere meanwhile finds what was typed, and nothing is done."""
    return visit.request.headers.get("Sec-Fetch-Site") == "same-origin"


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
    visit.session, visit.changed = Session.of(visit.town.town, tokens, session.name), True
    visit.__dict__.pop("claims", None)


async def _know_name(visit: Visit) -> None:
    """Have the name under which every page shows who is logged in: asked for once a session. A page
    does without it where it is not to be had."""
    if visit.session is None or visit.session.name:
        return
    with suppress(Problem):
        me = await visit.get("identity/me")
        visit.session, visit.changed = replace(visit.session, name=me["first_name"]), True


def _admitted(visit: Visit, page: Page) -> web.Response | None:
    """Where somebody goes who may not see this page yet: to log in, or to link a family."""
    if page.who is Who.ANYONE:
        return None
    if visit.session is None:
        return _to_log_in(visit, page)
    wanted = visit.request.path_qs if visit.request.method == hdrs.METH_GET else None
    if page.who is Who.FAMILY and not visit.families:
        return visit.go("/abonnements", message="famille-a-lier")
    several = page.who is Who.FAMILY and len(visit.families) > 1
    if several and page.asks_household and visit.household is None:
        return visit.go("/foyers", suite=wanted)
    if page.who is Who.AGENT and not visit.roles:
        raise Problem(403, {"code": "forbidden", "detail": "Cette page est réservée aux agents."})
    return None


async def _strayed(visit: Visit, page: Page, *, posted: bool) -> web.Response | None:
    """Where somebody goes whose address names a household that is not theirs, or no more: none of
    its pages would lead out of it. What is sent for the account alone is done all the same."""
    if visit.household is None or visit.session is None:
        return None
    try:
        await visit.households()
    except Problem as problem:
        if problem.status != 404:
            raise
        if page.who is Who.FAMILY or not posted:
            root = f"/{visit.town.town}"
            return visit.go_to(f"{root}/foyers" if visit.families else root)
    return None


def _to_log_in(visit: Visit, page: Page) -> web.Response:
    """Where one logs in, to see the page that was wanted, or what was typed into its form."""
    if visit.request.method == hdrs.METH_GET:
        over = "deconnecte" if visit.changed else None
        return visit.go("/connexion", suite=visit.request.path_qs, message=over)
    if page.show is None:
        return visit.go("/connexion", message="rien-de-fait")
    return resuming.ask(visit)


def _refused(visit: Visit, page: Page, problem: Problem) -> web.Response:
    if problem.status == 401 and visit.session is not None:
        visit.log_out()
        return _to_log_in(visit, page)
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
        set_cookie(answer, VISIT_COOKIE, visit.name)
    if visit.changed:
        name = session_cookie(visit.town.town)
        if visit.session is not None:
            set_cookie(answer, name, portal.seals.seal(visit.session))
        else:
            drop_cookie(answer, name)
    if visit.chosen_language is not None:
        set_cookie(answer, LANGUAGE_COOKIE, visit.language)
    for session in visit.others:
        set_cookie(answer, session_cookie(session.town), portal.seals.seal(session))
    if answer.body and answer.content_type == "text/html":
        answer.enable_compression()
    return answer
