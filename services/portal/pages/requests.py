"""Mes demandes: everything asked for, its state and history; messages to the town."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from aiohttp import web

from services.portal.answers import told
from services.portal.forms import Form
from services.portal.gateway import Problem, once_heard
from services.portal.pages.documents import named_by, send_proof
from services.portal.pages.people import People, elsewhere, people_of
from services.portal.web import Page, Visit, quoted
from services.portal.words import REQUEST_STATES

_OF_BOOKING = frozenset({"booking", "change", "cancellation", "absence"})


async def _requests(visit: Visit) -> web.Response:
    state = visit.query.get("etat", "")
    state = state if state in REQUEST_STATES else ""
    people, feed = await asyncio.gather(
        people_of(visit),
        visit.get(
            "family/feed", family=visit.household, limit=25, after=visit.query.get("apres"),
            child=visit.query.get("enfant") or None, state=state or None,
            kind=visit.query.get("nature") or None,
        ),
    )  # fmt: skip
    titles = await _titles(visit, people, {kind for one in feed["items"] for kind in one["kinds"]})
    return visit.show(
        "requests.html", people=people, items=feed["items"], next=feed["next"], titles=titles,
        child=visit.query.get("enfant", ""), state_asked=state, kind=visit.query.get("nature", ""),
    )  # fmt: skip


async def _titles(visit: Visit, people: People, kinds: Collection[str]) -> dict[str, str]:
    """What letters and documents are about, by id: their cards say nothing of it."""
    titles: dict[str, str] = {}
    if "letter" in kinds:
        letters = await visit.get("family/letters", family=people.family, limit=50)
        titles |= {one["letter"]: one["subject"] for one in letters["items"]}
    if "document" in kinds:
        documents = await visit.get("family/documents", family=people.family)
        titles |= {one["document"]: one["title"] for one in documents["items"]}
    return titles


async def _request(visit: Visit) -> web.Response:
    wanted = quoted(visit.request.match_info["request"])
    card, people = await asyncio.gather(_card(visit, wanted), people_of(visit))
    booking = (
        await _booking(visit, wanted) if card is None or _OF_BOOKING & {*card["kinds"]} else None
    )
    if card is None and booking is None:
        raise Problem(404, {"code": "not-found", "detail": "Cette demande n'existe pas."})
    if (other := elsewhere(visit, (card or booking or {})["family"])) is not None:
        return other
    if card is not None and card["unread"]:
        await visit.send("PUT", f"family/feed/{wanted}/read", {"until": card["changed_at"]})
    waiting = to_prove(booking) if booking else []
    documents = await named_by(visit, booking) if booking else []
    titles = await _titles(visit, people, card["kinds"] if card else ())
    return visit.show(
        "request.html", wanted=wanted, card=card, booking=booking, people=people,
        title=titles.get(wanted), to_prove=waiting, documents=documents,
    )  # fmt: skip


def to_prove(booking: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines that wait for a proof, or for another than the one that was refused."""
    return [
        one for one in booking["lines"]
        if one["effect"] == "to_prove" and one["state"] == "accepted" and one["proofs"]
        and (one["given"] is None or one["given"]["state"] == "refused")
    ]  # fmt: skip


async def _card(visit: Visit, request: str) -> dict[str, Any] | None:
    """As the feed tells it; a moment after it was asked for, the feed may not know it yet."""
    try:
        card: dict[str, Any] = await visit.get(f"family/feed/{request}")
    except Problem as problem:
        if problem.status != 404:
            raise
        return None
    return card


async def _booking(visit: Visit, request: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = await visit.get(f"booking/requests/{request}")
    except Problem as problem:
        if problem.status != 404:
            raise
        return None
    return found


async def _prove(visit: Visit) -> web.Response:
    """The document is kept by family, then named as the proof of all that waits for one."""
    request = quoted(visit.request.match_info["request"])
    booking: dict[str, Any] = await visit.get(f"booking/requests/{request}")
    waiting = to_prove(booking)
    if not waiting:
        raise Problem(409, {"code": "nothing-to-prove", "detail": "Rien n'est à justifier ici."})
    kept = await send_proof(visit, await people_of(visit), waiting[0]["child"])
    proof = {"kind": visit.form.get("kind"), "documents": [kept]}
    await once_heard(
        lambda: visit.send("POST", f"booking/requests/{request}/proofs", proof), fresh=True
    )
    return visit.go(f"/demandes/{request}", message="justificatif-envoye")


async def _withdraw(visit: Visit) -> web.Response:
    request = quoted(visit.request.match_info["request"])
    await visit.send("POST", f"booking/requests/{request}/withdrawals", {})
    return visit.go(f"/demandes/{request}", message="demande-retiree")


async def _letters(visit: Visit) -> web.Response:
    letters, categories, people = await asyncio.gather(
        visit.get("family/letters", family=visit.household, limit=50),
        visit.get("family/letter-categories"),
        people_of(visit),
    )
    by_id = {one["id"]: one for one in categories["items"]}
    wanted = visit.form.get("category") or visit.query.get("thematique", "")
    chosen = by_id.get(wanted) or next(iter(by_id.values()), None)
    return visit.show(
        "letters.html", letters=letters["items"], categories=by_id, chosen=chosen, people=people
    )


async def _write(visit: Visit) -> web.Response:
    people, categories = await asyncio.gather(
        people_of(visit), visit.get("family/letter-categories")
    )
    wanted = visit.form.get("category")
    asked = next((one["fields"] for one in categories["items"] if one["id"] == wanted), ())
    body = {
        "family": people.family, "category": wanted, "text": visit.form.get("text"),
        "fields": fields_of(asked, visit.form), "files": await visit.send_files(),
    }  # fmt: skip
    letter = await visit.send("POST", "family/letters", body)
    return visit.go(f"/messages/{letter['letter']}", message="message-envoye")


def fields_of(asked: Iterable[Mapping[str, Any]], form: Form) -> dict[str, Any]:
    """What the form says of a category's fields, as the API reads it."""
    values = {one["id"]: told(one, form, f"fields/{one['id']}") for one in asked}
    return {name: value for name, value in values.items() if value is not None}


async def _letter(visit: Visit) -> web.Response:
    letter = quoted(visit.request.match_info["letter"])
    content, people = await asyncio.gather(visit.get(f"family/letters/{letter}"), people_of(visit))
    if (other := elsewhere(visit, content["family"])) is not None:
        return other
    if content["unread"]:
        await visit.send("POST", f"family/letters/{letter}/reading", {})
    return visit.show("letter.html", letter=content, people=people)


async def _go_on(visit: Visit) -> web.Response:
    letter = quoted(visit.request.match_info["letter"])
    body = {"text": visit.form.get("text"), "files": await visit.send_files()}
    await visit.send("POST", f"family/letters/{letter}/messages", body)
    return visit.go(f"/messages/{letter}", message="message-envoye")


async def _letter_file(visit: Visit) -> web.Response:
    letter, file = (quoted(visit.request.match_info[name]) for name in ("letter", "file"))
    path = f"family/letters/{letter}/files/{file}"
    return visit.hand(await visit.file(path))


PAGES = (
    Page("/demandes", _requests),
    Page("/demandes/{request}", _request),
    Page("/demandes/{request}/retrait", _request, _withdraw),
    Page("/demandes/{request}/justificatif", _request, _prove),
    Page("/messages", _letters, _write),
    Page("/messages/{letter}", _letter, _go_on),
    Page("/messages/{letter}/{file}", _letter_file),
)
