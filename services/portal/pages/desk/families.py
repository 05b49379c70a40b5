"""Families at the desk: searched, shown as they see themselves, brought together and separated."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.desk.common import (
    ADMINISTRATOR,
    BILLING,
    HEALTH,
    OFFICE,
    desk_page,
    done,
    has,
    show,
    ticked,
)
from services.portal.pages.desk.measures import RIGHTS
from services.portal.pages.household import KINDS, name_of, value_words
from services.portal.web import Visit, quoted


async def _search(visit: Visit) -> web.Response:
    text = visit.query.get("recherche", "").strip()
    found: list[Any] | None = None
    if text:
        try:
            found = (await visit.get("family/families", search=text))["families"]
        except Problem as problem:
            if problem.status != 422:
                raise
            visit.problem = problem
    return show(
        visit, "families", text=text, found=found, may_found=has(visit, OFFICE),
        may_import=has(visit, ADMINISTRATOR),
    )  # fmt: skip


async def _family(visit: Visit) -> web.Response:
    """The dossier as it stands, what looks like it, what was moved."""
    wanted = _wanted(visit)
    path = f"family/families/{wanted}"
    office = has(visit, OFFICE)
    (family, version), dossier, duplicates = await asyncio.gather(
        visit.portal.gateway.versioned(visit.caller, path),
        visit.get(f"{path}/dossier"),
        visit.get(f"{path}/duplicates"),
    )
    moves = (await visit.get(f"{path}/moves"))["moves"] if office else []
    return show(
        visit, "family", family=family, version=version, dossier=dossier, office=office,
        may_erase=has(visit, ADMINISTRATOR),
        reads_health=has(visit, HEALTH), edits=has(visit, OFFICE | BILLING), kinds=KINDS,
        duplicates=duplicates["duplicates"], moves=moves, name=name_of, value=value_words,
    )  # fmt: skip


async def _merging(visit: Visit) -> web.Response:
    """Before two records are made one: who is the same person in both."""
    wanted, source = _wanted(visit), quoted(visit.request.match_info["source"])
    (target, version), (other, _) = await asyncio.gather(
        *(
            visit.portal.gateway.versioned(visit.caller, f"family/families/{one}")
            for one in (wanted, source)
        )
    )
    return show(
        visit, "family-merge", family=target, version=version, source=other,
        people=_people(target), others=_people(other),
    )  # fmt: skip


def _people(family: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Everybody of a record: id, name, and which kind may be the same as which."""
    return [
        (one["id"], f"{one['first_name']} {one['last_name']}", kind)
        for kind in ("guardians", "children", "contacts")
        for one in family[kind]
    ]


async def _merge(visit: Visit) -> web.Response:
    wanted, source = _wanted(visit), visit.request.match_info["source"]
    prefix = "same/"
    same = [
        {"member": name.removeprefix(prefix), "into": into}
        for name in visit.form.values
        if name.startswith(prefix) and (into := visit.form.get(name))
    ]
    await visit.send(
        "POST", f"family/families/{wanted}/merges", {"source": source, "same": same},
        version=visit.form.get("_version"),
    )  # fmt: skip
    return done(visit, f"/agents/familles/{wanted}", ["merged"])


async def _undo(visit: Visit) -> web.Response:
    """Within thirty days a record is separated again, as it was."""
    wanted, move = _wanted(visit), quoted(visit.request.match_info["move"])
    await visit.send("POST", f"family/moves/{move}/undo")
    return done(visit, f"/agents/familles/{wanted}", ["separated"])


async def _split(visit: Visit) -> web.Response:
    """Guardians who separate: one leaves for a record of their own, the children are in both."""
    wanted = _wanted(visit)
    body = {
        "guardians": [one for one in visit.form.all("guardians") if one],
        "reference": visit.form.get("reference").upper(),
    }
    await visit.send(
        "POST", f"family/families/{wanted}/splits", body, version=visit.form.get("_version")
    )
    return done(visit, f"/agents/familles/{wanted}", ["split"])


async def _transferring(visit: Visit) -> web.Response:
    """Which children go to which record, and what its guardians may do about them."""
    wanted = _wanted(visit)
    family, version = await visit.portal.gateway.versioned(
        visit.caller, f"family/families/{wanted}"
    )
    asked = visit.query.get("vers", "").strip()
    other: dict[str, Any] | None = None
    if asked:
        found = (await visit.get("family/families", search=asked))["families"]
        ids = [one["family"] for one in found if one["reference"].upper() == asked.upper()]
        if ids and ids[0] != family["family"]:
            other = await visit.get(f"family/families/{quoted(ids[0])}")
    return show(
        visit, "family-transfer", family=family, version=version, asked=asked, other=other,
        rights=RIGHTS,
    )  # fmt: skip


async def _transfer(visit: Visit) -> web.Response:
    wanted, given = _wanted(visit), visit.form.all("rights")
    target = visit.form.get("target")
    guardians = dict.fromkeys(one.partition(":")[0] for one in given)
    body = {
        "target": target, "children": ticked(visit, "children"),
        "rights": [
            {"guardian": one, **{right: f"{one}:{right}" in given for right in RIGHTS}}
            for one in guardians
        ],
    }  # fmt: skip
    await visit.send(
        "POST", f"family/families/{wanted}/transfers", body, version=visit.form.get("_version")
    )
    return done(visit, f"/agents/familles/{quoted(target)}", ["transferred"])


async def _erasing(visit: Visit) -> web.Response:
    """Before a family is erased; after it was asked for, how far it is and what holds it back."""
    erasure, wanted = visit.query.get("effacement"), visit.request.match_info["family"]
    if erasure:
        found = await visit.get(f"family/erasures/{quoted(erasure)}")
        return show(visit, "family-erasure", family=None, wanted=wanted, erasure=found)
    family = await visit.get(f"family/families/{quoted(wanted)}")
    return show(visit, "family-erasure", family=family, wanted=wanted, erasure=None)


async def _erase(visit: Visit) -> web.Response:
    body = {
        "reason": visit.form.get("reason"),
        "settled_invoices": visit.form.get("settled_invoices").replace(",", " ").split(),
    }
    path = f"families/{_wanted(visit)}/erasures"
    asked = await visit.send("POST", f"family/{path}", body)
    here = f"/agents/familles/{_wanted(visit)}/effacement"
    return visit.go(here, effacement=asked["erasure"])


async def _feed(visit: Visit) -> web.Response:
    wanted = _wanted(visit)
    family, feed, catalogue = await asyncio.gather(
        visit.get(f"family/families/{wanted}"),
        visit.get("family/feed", family=wanted, limit=25, after=visit.query.get("apres")),
        visit.get("booking/activities"),
    )
    return show(
        visit, "family-feed", family=family, items=feed["items"], next=feed["next"],
        people={one[0]: one[1] for one in _people(family)},
        activities={one["id"]: one["name"] for one in catalogue["items"]},
    )  # fmt: skip


async def _papers(visit: Visit) -> web.Response:
    wanted = _wanted(visit)
    family, documents = await asyncio.gather(
        visit.get(f"family/families/{wanted}"), visit.get("family/documents", family=wanted)
    )
    return show(
        visit, "family-papers", family=family, asked=documents["asked"],
        items=documents["items"], people={one[0]: one[1] for one in _people(family)},
        given=_to_give(family, documents["asked"]), may_give=has(visit, OFFICE),
    )  # fmt: skip


def _to_give(
    family: Mapping[str, Any], asked: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """What may be given: each document, of each person whom it is asked of."""
    people = {
        "child": [(one["id"], one["first_name"]) for one in family["children"]],
        "guardian": [(one["id"], one["first_name"]) for one in family["guardians"]],
        "family": [("", "la famille")],
    }
    return [
        (f"{one['type']}:{one['about']}:{person}", f"{one['title']} – {name}")
        for one in asked for person, name in people[one["about"]]
    ]  # fmt: skip


async def _give(visit: Visit) -> web.Response:
    """What was brought to the desk, or came by post; it is looked at like what families send."""
    kind, about, person = (*visit.form.get("document").split(":"), "", "")[:3]
    body: dict[str, Any] = {
        "family": visit.request.match_info["family"], "type": kind,
        "files": await visit.send_files(),
    }  # fmt: skip
    if about in ("child", "guardian"):
        body[about] = person
    await visit.send("POST", "family/documents", body)
    return done(visit, f"/agents/familles/{_wanted(visit)}/pieces", ["given"])


def _wanted(visit: Visit) -> str:
    return quoted(visit.request.match_info["family"])


PAGES = (
    desk_page("/familles", _search),
    desk_page("/familles/{family}", _family),
    desk_page("/familles/{family}/reunir/{source}", _merging, _merge),
    desk_page("/familles/{family}/separer", _family, _split),
    desk_page("/familles/{family}/deplacements/{move}/annuler", _family, _undo),
    desk_page("/familles/{family}/transfert", _transferring, _transfer),
    desk_page("/familles/{family}/effacement", _erasing, _erase),
    desk_page("/familles/{family}/demandes", _feed),
    desk_page("/familles/{family}/pieces", _papers, _give, type="document"),
)
