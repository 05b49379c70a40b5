"""What every page of the desk has: its navigation by role, names in lists, what came of an act."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.desk import words
from services.portal.web import Page, Visit, Who
from shared import french

#: How many rows a page of the desk shows.
ROWS = 25
OFFICE = frozenset({"childcare_office", "administrator"})
DIRECTOR = frozenset({"centre_director"})
BILLING = frozenset({"billing_office"})
MONEY = frozenset({"billing_office", "collection_officer"})
COLLECTING = frozenset({"collection_officer"})
HEALTH = frozenset({"childcare_office"})
ADMINISTRATOR = frozenset({"administrator"})
READERS = OFFICE | BILLING | {"read_only"}


@dataclass(frozen=True)
class Section:
    """One entry of the navigation, for whoever has one of these roles."""

    path: str
    icon: str
    text: str
    roles: frozenset[str]


#: What a role opens is the API's to say; here is what is worth offering to it.
SECTIONS: Mapping[str, tuple[Section, ...]] = {
    "À traiter": (
        Section("/agents/demandes", "list", "Demandes", READERS | DIRECTOR),
        Section("/agents/justificatifs", "away", "Justificatifs", OFFICE),
        Section("/agents/inscriptions", "check", "Inscriptions", READERS),
        Section("/agents/dossiers", "people", "Dossiers", OFFICE | BILLING),
        Section("/agents/pieces", "paper", "Pièces", OFFICE),
        Section("/agents/messages", "mail", "Messages", OFFICE | BILLING),
    ),
    "Familles": (
        Section("/agents/familles", "people", "Rechercher", READERS),
        Section("/agents/enfants", "people", "Enfants de mes sites", DIRECTOR),
    ),
    "Facturation": (
        Section("/agents/facturation", "euro", "Mois et brouillons", BILLING),
        Section("/agents/facturation/affaires", "warning", "Affaires", MONEY),
        Section("/agents/paiements", "basket", "Paiements", MONEY),
        Section("/agents/virements", "right", "Virements", MONEY),
        Section("/agents/prelevements", "undo", "Prélèvements", MONEY),
    ),
    "Commune": (
        Section("/agents/activites", "calendar", "Activités", READERS),
        Section("/agents/actualites", "info", "Actualités", OFFICE | BILLING),
        Section("/agents/courriels", "mail", "Courriels", OFFICE | {"read_only"}),
        Section("/agents/reglement", "gear", "Règlement", ADMINISTRATOR),
        Section("/agents/reglages", "half", "Réglages", ADMINISTRATOR),
        Section("/agents/journal", "lock", "Audit", ADMINISTRATOR),
        Section("/agents/comptes", "key", "Agents", ADMINISTRATOR),
    ),
}

_SECTIONS = tuple(one for group in SECTIONS.values() for one in group)


def desk_page(path: str, show: Any = None, act: Any = None, **fields: str) -> Page:
    """A page for agents, under ``/agents``; ``fields`` as ``Page`` has them."""
    return Page(f"/agents{path}", show, act, Who.AGENT, fields=fields)


def show(visit: Visit, template: str, **values: Any) -> web.Response:
    """A page of the desk."""
    sections = {
        title: kept
        for title, group in SECTIONS.items()
        if (kept := [one for one in group if one.roles & set(visit.roles)])
    }

    here = max((one.path for one in _SECTIONS if visit.is_at(one.path)), key=len, default="")

    def list_page(after: str | None = None) -> str:
        """The same list from its start, or after what was shown, with what it is filtered by."""
        asked: dict[str, str | list[str] | None] = {
            name: visit.request.query.getall(name) for name in visit.query
        }
        path = visit.request.path.removeprefix(f"/{visit.town.town}")
        return visit.path(path, **{**asked, "bilan": None, "message": None, "apres": after})

    return visit.show(
        f"desk/{template}.html", sections=sections, section=here, said=_said(visit), desk=words,
        list_page=list_page, **values,
    )  # fmt: skip


def has(visit: Visit, roles: Collection[str]) -> bool:
    """Whether the agent has one of these roles."""
    return not set(roles).isdisjoint(visit.roles)


def done(visit: Visit, path: str, results: Iterable[str]) -> web.Response:
    """On to a page that says how many of each result there were."""
    counts: dict[str, int] = {}
    for one in results:
        counts[one] = counts.get(one, 0) + 1
    return visit.go(path, bilan=",".join(f"{one}.{count}" for one, count in counts.items()))


def _said(visit: Visit) -> list[tuple[str, int, str]]:
    """What came of the last act, from the address: words that are ours alone; a refusal speaks
    alone."""
    said: list[tuple[str, int, str]] = []
    if visit.problem is not None:
        return said
    for part in visit.query.get("bilan", "").split(","):
        result, _, count = part.partition(".")
        if result in words.RESULTS and count.isdecimal() and len(count) <= len("9999"):
            text, tone = words.RESULTS[result]
            said.append((french.agreed(int(count), text), int(count), tone))
    return said


def ticked(visit: Visit, name: str) -> list[str]:
    """What was ticked. Raises ``Problem`` where nothing was."""
    if not (chosen := [one for one in visit.form.all(name) if one]):
        detail = "Cochez au moins une ligne."
        raise Problem(422, {"code": "nothing-ticked", "detail": detail})
    return chosen


def refusing(visit: Visit) -> str | None:
    """The reason given; a refusal has one. Raises ``Problem``."""
    reason = visit.form.get("reason") or None
    if visit.form.get("outcome") == "refused" and reason is None:
        detail = "Donnez la raison du refus : la famille la lira."
        raise Problem(422, {"code": "reason-missing", "field": "/reason", "detail": detail})
    return reason


def asked_by(visit: Visit) -> dict[str, str]:
    """Which guardian asked, and how, as ``on_behalf`` in a form says it."""
    behalf = {"channel": visit.form.get("channel") or "desk"}
    if guardian := visit.form.get("guardian"):
        behalf["guardian"] = guardian
    return behalf


def check_reason(visit: Visit) -> None:
    """What is set aside has its reason. Raises ``Problem``."""
    if visit.form.all("rules") and not visit.form.get("override"):
        detail = "Dites pourquoi la règle est passée outre : la raison est gardée."
        raise Problem(422, {"code": "reason-missing", "field": "/override", "detail": detail})


@dataclass(frozen=True)
class Names:
    """What families and their people are called."""

    families: Mapping[str, Mapping[str, Any]]

    def family(self, family: str | None) -> str:
        """By the holder's name and the reference, as at the desk."""
        if (found := self.families.get(family or "")) is None:
            return "Famille"
        first = next(iter(found["guardians"]), None)
        name = f"{first['last_name']} {first['first_name']}" if first else "Famille"
        return f"{name} ({found['reference']})"

    def guardians(self, family: str) -> Sequence[Mapping[str, Any]]:
        """Its guardians; none where the role does not know the names."""
        found: Sequence[Mapping[str, Any]] = self.families.get(family, {}).get("guardians", ())
        return found

    def person(self, family: str | None, person: str | None) -> str:
        """A first and last name."""
        found = self.families.get(family or "", {})
        people = (*found.get("children", ()), *found.get("guardians", ()))
        named = next((one for one in people if one["id"] == person), None)
        return f"{named['first_name']} {named['last_name']}" if named else "–"


async def names_of(visit: Visit, families: Iterable[str | None]) -> Names:
    """The names of these families, for the roles that may know them."""
    wanted = sorted({one for one in families if one})
    if not wanted or not has(visit, READERS | MONEY):
        return Names({})
    found = await visit.get("family/family-names", family=wanted[:100])
    return Names({one["family"]: one for one in found["items"]})


async def activities_of(visit: Visit) -> dict[str, dict[str, Any]]:
    """The town's activities, by id; none for roles that do not read them."""
    if not has(visit, READERS | DIRECTOR):
        return {}
    catalogue = await visit.get("booking/activities")
    return {one["id"]: one for one in catalogue["items"]}
