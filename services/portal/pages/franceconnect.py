"""FranceConnect: logging in with it, saying which account is one's own, linking, coming back."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.portal import trips
from services.portal.gateway import Problem
from services.portal.pages.account import preferences
from services.portal.pages.entry import login_form
from services.portal.trips import Trip, trip_of
from services.portal.web import Page, Visit, Who, safe_path
from shared.ids import new_id

#: What FranceConnect may bring back (OpenID Connect Core 3.1.2.5, 3.1.2.6; RFC 9207).
_BROUGHT = ("state", "code", "error", "error_description", "iss")
_NOT_BEGUN = Problem(
    403,
    {
        "code": "authorization-unknown",
        "detail": "Ce passage par FranceConnect n'a pas commencé dans ce navigateur, ou il est déjà"
        " fini. Recommencez-le, ou connectez-vous avec votre identifiant.",
    },
)
_NO_SUCH_RETURN = Problem(
    422,
    {
        "code": "state-unknown",
        "detail": "Ce retour de FranceConnect n'est pas connu. Pour vous déconnecter, utilisez"
        " le menu qui porte votre nom.",
    },
)


async def _log_in(visit: Visit) -> web.Response:
    """Leave for FranceConnect."""
    begun = await visit.send("POST", "identity/franceconnect/authorizations", {})
    return _leave(visit, begun, safe_path(visit, visit.form.get("_suite")))


async def _link(visit: Visit) -> web.Response:
    """Leave to link the account one is logged in to, or to have its quotient familial asked."""
    body = {"quotient_consent": visit.form.get("quotient_consent") or None}
    begun = await visit.send("POST", "identity/franceconnect/link-authorizations", body)
    return _leave(visit, begun, visit.path("/preferences"), linking=True)


def _leave(visit: Visit, begun: dict[str, str], wanted: str, linking: bool = False) -> web.Response:
    trip = Trip(visit.name, begun["binding"], new_id(), wanted, linking)
    return trips.keep(visit.show("leaving.html", url=begun["url"]), visit, trip)


async def _back(visit: Visit) -> web.Response:
    """End what this visit began; the trip's own key makes a second arrival the same one."""
    trip = trip_of(visit)
    brought = {name: visit.query[name] for name in _BROUGHT if name in visit.query}
    try:
        if trip is None or trip.ticket is not None:
            raise _NOT_BEGUN
        answer = await visit.portal.gateway.send(
            visit.caller, "POST", "identity/franceconnect/callbacks",
            brought | {"binding": trip.binding}, once=trip.once,
        )  # fmt: skip
    except Problem as problem:
        if problem.status == 401 and visit.session is not None:
            raise
        visit.problem = _NOT_BEGUN if problem.status == 422 else problem
        if trip is not None and trip.linking:
            return trips.end(await preferences(visit), visit)
        return trips.end(await login_form(visit, trip.wanted if trip else ""), visit)
    return await _arrived(visit, trip, answer)


async def _arrived(visit: Visit, trip: Trip, answer: dict[str, Any]) -> web.Response:
    if answer["outcome"] == "not-linked":
        back = trip.back(answer["ticket"], answer["person"])
        return trips.keep(visit.go("/franceconnect/compte"), visit, back)
    if answer["outcome"] == "second-factor":
        return trips.keep(visit.go("/franceconnect/code"), visit, trip.back(answer["ticket"], None))
    if answer["outcome"] == "linked":
        quotient = answer["quotient"]
        message = f"quotient-{quotient['outcome']}" if quotient else "franceconnect-lie"
        return trips.end(visit.go("/preferences", message=message), visit)
    visit.log_in(answer["tokens"])
    return trips.end(visit.go_to(trip.wanted), visit)


async def _choice(visit: Visit) -> web.Response:
    """Nobody is linked yet: an account one has, or a new one."""
    trip = trip_of(visit)
    if trip is None or trip.person is None:
        return visit.go("/connexion")
    return visit.show("franceconnect-account.html", person=trip.person)


async def _code_form(visit: Visit) -> web.Response:
    """The account that was found has a second factor."""
    trip = trip_of(visit)
    if trip is None or trip.ticket is None:
        return visit.go("/connexion")
    return visit.show("franceconnect-code.html")


async def _with_code(visit: Visit) -> web.Response:
    return await _enter(visit, "identity/franceconnect/codes")


async def _own_account(visit: Visit) -> web.Response:
    return await _enter(visit, "identity/franceconnect/links")


async def _new_account(visit: Visit) -> web.Response:
    return await _enter(visit, "identity/franceconnect/accounts")


async def _enter(visit: Visit, path: str) -> web.Response:
    """Logged in; or, with another address than FranceConnect's, once its mail is answered."""
    trip = trip_of(visit)
    try:
        if trip is None or trip.ticket is None:
            raise _NOT_BEGUN
        body = visit.form.body() | {"ticket": trip.ticket}
        entered = await visit.send("POST", path, body)
    except Problem as problem:
        if problem.code not in ("authorization-unknown", "ticket-unknown"):
            raise
        return trips.end(visit.go("/connexion", message="franceconnect-a-refaire"), visit)
    if entered["tokens"] is None:
        return trips.end(visit.go("/connexion", message="compte-cree"), visit)
    visit.log_in(entered["tokens"])
    new = path.endswith("/accounts")
    onward = visit.go(message="espace-cree") if new else visit.go_to(trip.wanted)
    return trips.end(onward, visit)


async def _unlink(visit: Visit) -> web.Response:
    await visit.send("DELETE", "identity/login-means/franceconnect")
    return visit.go("/preferences", message="franceconnect-delie")


async def _logged_out(visit: Visit) -> web.Response:
    """Back from FranceConnect, logged out there too; here it was done before leaving."""
    try:
        await visit.send(
            "POST", "identity/franceconnect/logout-returns", {"state": visit.query.get("state", "")}
        )
    except Problem as problem:
        raise (_NO_SUCH_RETURN if problem.status == 422 else problem) from None
    return visit.go("", message="au-revoir")


PAGES = (
    Page("/franceconnect", login_form, _log_in, Who.ANYONE),
    Page("/franceconnect/retour", _back, None, Who.ANYONE),
    Page("/franceconnect/compte", _choice, _own_account, Who.ANYONE),
    Page("/franceconnect/code", _code_form, _with_code, Who.ANYONE),
    Page("/franceconnect/nouveau", _choice, _new_account, Who.ANYONE),
    Page("/franceconnect/au-revoir", _logged_out, None, Who.ANYONE),
    Page("/preferences/franceconnect", preferences, _link, Who.ACCOUNT),
    Page("/preferences/franceconnect/delier", preferences, _unlink, Who.ACCOUNT),
)
