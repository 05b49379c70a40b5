"""Letters of families: those that wait, the thread, the answer, the end; attachments kept."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from services.portal.pages.desk.common import OFFICE, ROWS, desk_page, done, has, names_of, show
from services.portal.web import Visit, quoted

_STATES = ("new", "in_progress", "answered", "closed")


async def _letters(visit: Visit) -> web.Response:
    state = visit.query.get("etat", "new")
    state = state if state in _STATES else "new"
    letters, categories = await asyncio.gather(
        visit.get(
            "family/letters", state=state, limit=ROWS, after=visit.query.get("apres"),
            category=visit.query.get("thematique") or None,
        ),
        visit.get("family/letter-categories"),
    )  # fmt: skip
    names = await names_of(visit, (one["family"] for one in letters["items"]))
    return show(
        visit, "letters", items=letters["items"], next=letters["next"], names=names,
        categories={one["id"]: one["label"] for one in categories["items"]},
        state_asked=state, states=_STATES, category_asked=visit.query.get("thematique", ""),
    )  # fmt: skip


async def _letter(visit: Visit) -> web.Response:
    wanted = quoted(visit.request.match_info["letter"])
    letter, categories = await asyncio.gather(
        visit.get(f"family/letters/{wanted}"), visit.get("family/letter-categories")
    )
    if letter["unread"]:
        await visit.send("POST", f"family/letters/{wanted}/reading", {}, once="reading")
    names = await names_of(visit, [letter["family"]])
    category = next((c for c in categories["items"] if c["id"] == letter["category"]), None)
    asked = await _asked(visit, letter)
    return show(
        visit, "letter", letter=letter, names=names, category=category, asked=asked,
        fields=_fields(letter, category, names),
    )  # fmt: skip


async def _asked(visit: Visit, letter: dict[str, Any]) -> list[dict[str, Any]]:
    """The kinds of documents as which an attachment may be kept, where there is any: those about
    whom the letter is."""
    if not has(visit, OFFICE) or not any(one["files"] for one in letter["thread"]):
        return []
    found = await visit.get("family/documents", family=letter["family"])
    return [one for one in found["asked"] if one["about"] == "family" or letter[one["about"]]]


def _fields(
    letter: dict[str, Any], category: dict[str, Any] | None, names: Any
) -> list[tuple[str, str]]:
    """What the town's form asked, by its labels."""
    known = {one["id"]: one for one in (category or {}).get("fields", ())}
    told = []
    for name, value in letter["fields"].items():
        field = known.get(name, {"label": name, "kind": "text"})
        if field["kind"] == "child":
            value = names.person(letter["family"], value)
        elif isinstance(value, bool):
            value = "oui" if value else "non"
        told.append((field["label"], str(value)))
    return told


async def _answer(visit: Visit) -> web.Response:
    wanted = quoted(visit.request.match_info["letter"])
    body = {"text": visit.form.get("text"), "files": await visit.send_files()}
    await visit.send("POST", f"family/letters/{wanted}/messages", body)
    return visit.go(f"/agents/messages/{wanted}", message="message-envoye")


async def _set_state(visit: Visit) -> web.Response:
    wanted = quoted(visit.request.match_info["letter"])
    await visit.send(
        "POST", f"family/letters/{wanted}/state", {"state": visit.form.get("state")}
    )  # fmt: skip
    return visit.go(f"/agents/messages/{wanted}")


async def _keep(visit: Visit) -> web.Response:
    """An attachment becomes a supporting document, without being sent again."""
    wanted = quoted(visit.request.match_info["letter"])
    kind, _, about = visit.form.get("type").partition(":")
    body: dict[str, Any] = {"file": visit.form.get("file"), "type": kind}
    if about in ("child", "guardian") and (whom := visit.form.get(f"_{about}")):
        body[about] = whom
    await visit.send("POST", f"family/letters/{wanted}/documents", body)
    return done(visit, f"/agents/messages/{wanted}", ["kept"])


async def _file(visit: Visit) -> web.Response:
    letter, file = (quoted(visit.request.match_info[one]) for one in ("letter", "file"))
    return visit.hand(await visit.file(f"family/letters/{letter}/files/{file}"), inline=True)


PAGES = (
    desk_page("/messages", _letters),
    desk_page("/messages/{letter}", _letter, _answer),
    desk_page("/messages/{letter}/etat", _letter, _set_state),
    desk_page("/messages/{letter}/piece", _letter, _keep),
    desk_page("/messages/{letter}/fichiers/{file}", _file),
)
