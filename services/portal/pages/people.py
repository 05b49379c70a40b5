"""Whom a family's pages are about."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.web import Page, Visit, Who, safe_path

#: Colours of participants in the style sheet.
MARKS = 6


@dataclass(frozen=True)
class Participant:
    """Somebody who takes part in activities; ``mark`` is the colour's number."""

    id: str
    first_name: str
    family: str
    mark: int


@dataclass(frozen=True)
class People:
    """The household that a page is about, as far as the account sees it, and the town's
    activities by id."""

    household: dict[str, Any]
    participants: tuple[Participant, ...]
    activities: Mapping[str, dict[str, Any]]

    @property
    def family(self) -> str:
        """The household's id."""
        return str(self.household["family"])

    def name(self, person: str | None) -> str:
        """A child's or an adult's first name; empty for nobody in particular."""
        everybody = (*self.household["children"], *self.household["guardians"])
        return next((str(one["first_name"]) for one in everybody if one["id"] == person), "")

    def is_child(self, person: str) -> bool:
        """Whether it is one of the household's children."""
        return any(one["id"] == person for one in self.household["children"])

    def find(self, wanted: str | None) -> Participant:
        """The one that was asked for, or the first. Raises ``Problem`` where there is nobody."""
        if not self.participants:
            detail = "Aucun enfant n'est inscrit dans votre dossier."
            raise Problem(404, {"code": "no-child", "detail": detail})
        return next((one for one in self.participants if one.id == wanted), self.participants[0])


async def people_of(visit: Visit) -> People:
    """The children of the household; and the account's own adult, where the town has something
    for adults: what an adult takes part in is that adult's own affair."""
    households, catalogue = await asyncio.gather(
        visit.households(), visit.get("booking/activities")
    )
    household = households[0]
    takers = list(household["children"])
    if any(one["adults"] is not None for one in catalogue["items"]):
        takers += [one for one in household["guardians"] if one["id"] == household["me"]]
    return People(
        household,
        tuple(
            Participant(one["id"], one["first_name"], household["family"], index % MARKS)
            for index, one in enumerate(takers)
        ),
        {one["id"]: one for one in catalogue["items"]},
    )


def elsewhere(visit: Visit, family: str) -> web.Response | None:
    """On to the same page in the household that its content is of, where that is another."""
    others = {one["family"] for one in visit.known or ()} - {visit.household}
    if visit.household is None or family not in others:
        return None
    return visit.go_to(within(visit, family, visit.request.path_qs))


def within(visit: Visit, family: str, address: str = "") -> str:
    """An address of this town, in one of the account's households."""
    town = f"/{visit.town.town}"
    rest = address.removeprefix(town)
    if rest.startswith("/foyer/"):
        _, separator, rest = rest.removeprefix("/foyer/").partition("/")
        rest = separator + rest
    return f"{town}/foyer/{family}{rest}"


async def _households(visit: Visit) -> web.Response:
    """Which household? Of who has but one, nothing is asked."""
    await visit.households()
    known = visit.known or []
    wanted = safe_path(visit, visit.query.get("suite", ""))
    if not known:
        return visit.go("/abonnements", message="famille-a-lier")
    if len(known) == 1:
        return visit.go_to(within(visit, known[0]["family"], wanted))
    choices = [(one, within(visit, one["family"], wanted)) for one in known]
    return visit.show("households.html", choices=choices)


PAGES = (Page("/foyers", _households, None, Who.FAMILY, asks_household=False),)
