"""A trip to FranceConnect and back, kept in the browser that goes.

One sealed ``__Host-`` cookie holds what ends the trip: another browser cannot end it, and neither
can this one once somebody has logged in or out meanwhile, for it names the visit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from aiohttp import web

from services.portal.sessions import drop_cookie, set_cookie
from services.portal.web import Visit

#: Seconds: to go there and back, and as many to say which account is one's own, by the API.
_LONGEST = 3600


@dataclass(frozen=True)
class Trip:
    """``binding`` is the API's for this browser, ``once`` the callback's idempotency key,
    ``wanted`` the page to go on to. Back, and nobody is linked yet: ``ticket`` and ``person``; the
    ``ticket`` alone where the account that was found asks for the code of its second factor."""

    visit: str
    binding: str
    once: str
    wanted: str
    linking: bool = False
    ticket: str | None = None
    person: dict[str, Any] | None = None

    def back(self, ticket: str, person: dict[str, Any] | None) -> Trip:
        """Who came back, before an account is open to them."""
        return replace(self, ticket=ticket, person=person)


def trip_of(visit: Visit) -> Trip | None:
    """The trip that this visit began; nothing where there is none, or somebody else's."""
    sealed = visit.request.cookies.get(_cookie(visit))
    kept = visit.portal.seals.unwrap(_purpose(visit), sealed, _LONGEST)
    trip = Trip(**kept) if kept else None
    return trip if trip and trip.visit == visit.name else None


def keep(answer: web.Response, visit: Visit, trip: Trip) -> web.Response:
    """The answer, with the trip for the browser to keep."""
    sealed = visit.portal.seals.wrap(_purpose(visit), asdict(trip))
    set_cookie(answer, _cookie(visit), sealed, max_age=_LONGEST)
    return answer


def end(answer: web.Response, visit: Visit) -> web.Response:
    """The answer; the trip is over."""
    if _cookie(visit) in visit.request.cookies:
        drop_cookie(answer, _cookie(visit))
    return answer


def _cookie(visit: Visit) -> str:
    return f"__Host-franceconnect-{visit.town.town}"


def _purpose(visit: Visit) -> str:
    return f"franceconnect {visit.town.town}"
