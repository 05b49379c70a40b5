"""Ce qui m'attend: how much waits for the agent, and since when, by what its roles open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from services.portal import words as common_words
from services.portal.pages.desk.common import (
    BILLING,
    DIRECTOR,
    MONEY,
    OFFICE,
    Names,
    desk_page,
    has,
    names_of,
    show,
)
from services.portal.web import Visit

_MOST = 50
_SHOWN = 3


@dataclass(frozen=True)
class _Kind:
    """Something that may wait: where it is asked for, and where it is dealt with."""

    title: str
    icon: str
    path: str
    roles: frozenset[str]
    asked: str
    query: Mapping[str, Any]
    line: Callable[[dict[str, Any], Names], str]


def _of_family(item: dict[str, Any], names: Names) -> str:
    return names.family(item["family"])


def _registration(item: dict[str, Any], _: Names) -> str:
    return str(item["holder"])


def _letter(item: dict[str, Any], names: Names) -> str:
    return f"{item['subject']} – {names.family(item['family'])}"


def _document(item: dict[str, Any], names: Names) -> str:
    return f"{item['title']} – {names.family(item['family'])}"


def _request(item: dict[str, Any], names: Names) -> str:
    kinds = {common_words.LINE_KINDS[line["kind"]] for line in item["lines"]}
    return f"{', '.join(sorted(kinds))} n° {item['number']} – {names.family(item['family'])}"


def _task(item: dict[str, Any], names: Names) -> str:
    return f"{item['text']} – {names.family(item['family'])}"


_KINDS = (
    _Kind("Demandes à décider", "list", "/agents/demandes", OFFICE | DIRECTOR, "booking/requests",
          {"state": "requested"}, _request),
    _Kind("Justificatifs à vérifier", "away", "/agents/justificatifs", OFFICE, "booking/requests",
          {"proof": "given"}, _request),
    _Kind("Inscriptions à vérifier", "check", "/agents/inscriptions", OFFICE,
          "booking/enrolment-requests", {"state": "requested"}, _of_family),
    _Kind("Modifications de dossiers", "people", "/agents/dossiers", OFFICE | BILLING,
          "family/changes", {}, _of_family),
    _Kind("Nouvelles familles", "people", "/agents/dossiers/nouveaux", OFFICE,
          "family/registrations", {}, _registration),
    _Kind("Pièces à vérifier", "paper", "/agents/pieces", OFFICE, "family/waiting-documents", {},
          _document),
    _Kind("Messages sans réponse", "mail", "/agents/messages", OFFICE | BILLING, "family/letters",
          {"state": "new"}, _letter),
    _Kind("Affaires de facturation", "euro", "/agents/facturation/affaires", MONEY,
          "billing/tasks", {"state": "open"}, _task),
    _Kind("Demandes de prélèvement", "euro", "/agents/prelevements", MONEY,
          "billing/office/direct-debits", {"state": "waiting"}, _of_family),
)  # fmt: skip


async def _today(visit: Visit) -> web.Response:
    kinds = [one for one in _KINDS if has(visit, one.roles)]
    pages = await asyncio.gather(*(visit.get(one.asked, limit=_MOST, **one.query) for one in kinds))
    shown = [item for page in pages for item in page["items"][:_SHOWN]]
    names = await names_of(visit, (item.get("family") for item in shown))
    waiting = [
        {
            "kind": kind, "count": len(page["items"]), "more": page["next"] is not None,
            "lines": [kind.line(item, names) for item in page["items"][:_SHOWN]],
        }
        for kind, page in zip(kinds, pages, strict=True)
    ]  # fmt: skip
    return show(visit, "today", waiting=waiting)


PAGES = (desk_page("", _today),)
