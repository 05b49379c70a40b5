"""Erasing a person: a service says in one table what it holds of people, and this carries it out.

``person-erased`` names the family or the account that is gone; each service answers by deleting or
blanking what is about it (``Erasing``), but for what a law makes the town keep (``LegalHold``).
Names in copies need no row: the last state of a family or an account carries none, and replaces
them like any other. Twice, or cut short and tried again, the end is the same: one update per
document whose filter excludes what has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.bus.consumer import HELD, Reaction, on
from shared.contracts import family, identity
from shared.events import Envelope
from shared.failpoints import step
from shared.store import Document, Store

BLANK = step("erasure.document.blank")
DELETE = step("erasure.document.delete")
FORGET_HELD = step("erasure.held.forget")

#: Stands where a person's own words stood.
ERASED = "(effacé)"
_BULK = 500


class StillSaying(Exception):
    """A document that must go still has events to say: the erasure is tried again after them."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What is gone: a family with its members, or an account; ids only."""

    town: str
    family: str | None = None
    account: str | None = None
    members: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id that names it."""
        return tuple(one for one in (self.family, self.account, *self.members) if one)


#: The condition on the documents concerned, or None when that kind of erasure concerns none.
About = Callable[[Erased], Mapping[str, Any] | None]


def of_family(erased: Erased) -> Mapping[str, Any] | None:
    """Documents of the family that is gone."""
    return {"town": erased.town, "family": erased.family} if erased.family else None


def of_account(erased: Erased) -> Mapping[str, Any] | None:
    """Documents of the account that is gone."""
    return {"town": erased.town, "account": erased.account} if erased.account else None


@dataclass(frozen=True, slots=True)
class Erasing:
    """What becomes of one collection's documents about the erased.

    ``fields``: paths (``lines.*.reason.text``) whose values are blanked; without any, the document
    is deleted. ``only`` narrows the documents; ``then`` is set besides.
    """

    collection: str
    about: About
    fields: tuple[str, ...] = ()
    only: Mapping[str, Any] = field(default_factory=dict)
    then: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LegalHold:
    """What stays in spite of an erasure: which fields, by what law, how long."""

    collection: str
    fields: tuple[str, ...]
    law: str
    years: int


def erasure_reactions(store: Store, table: Sequence[Erasing]) -> list[Reaction]:
    """The reactions to both ``person-erased`` of a service that holds what ``table`` says."""

    async def family_erased(envelope: Envelope, event: family.PersonErased) -> None:
        members = (*event.guardians, *event.children)
        gone = Erased(envelope.town, family=event.family, members=members)
        await erase(store, table, gone, but=envelope.id)

    async def account_erased(envelope: Envelope, event: identity.PersonErased) -> None:
        await erase(store, table, Erased(event.town, account=event.account), but=envelope.id)

    # What was said of them before is handled or held by then, so that none of it comes after.
    return [
        on(family.PersonErased, family_erased, after_all=True),
        on(identity.PersonErased, account_erased, after_all=True),
    ]


async def erase(
    store: Store, table: Sequence[Erasing], gone: Erased, *, but: str | None = None
) -> None:
    """Carry the table out. ``but``: the held event that asks for it. Raises ``StillSaying``."""
    for row in table:
        about = row.about(gone)
        if about is None:
            continue
        query = {"$and": [about, row.only]} if row.only else dict(about)
        if row.fields or row.then:
            await _blank_all(store, row, query)
        else:
            await store.delete(DELETE, row.collection, query)
            if await store.count(row.collection, query):
                raise StillSaying(row.collection)
    await _forget_held(store, gone, but)


async def _blank_all(store: Store, row: Erasing, query: Document) -> None:
    after = ""
    while True:
        page = {"$and": [query, {"_id": {"$gt": after}}]}
        found = await store.find(row.collection, page, sort=[("_id", 1)], limit=_BULK)
        for document in found:
            await _blank(store, row, document)
        if len(found) < _BULK:
            return
        after = found[-1]["_id"]


async def _blank(store: Store, row: Erasing, document: Document | None) -> None:
    while document is not None:
        changed = blanked(document, row.fields) | dict(row.then)
        changed = {name: value for name, value in changed.items() if document.get(name) != value}
        as_read = {"v": document.get("v")}
        if not changed or await store.change(
            BLANK, row.collection, document["_id"], as_read, {"$set": changed}
        ):
            return
        document = await store.get(row.collection, document["_id"])


async def _forget_held(store: Store, gone: Erased, but: str | None) -> None:
    """Events that could not be handled yet, and what could not be read (which tells no town),
    speak of people too."""
    of_town = {"$or": [{"town": gone.town}, {"town": {"$exists": False}}]}
    about = [
        held["_id"]
        for held in await store.find(HELD, of_town, projection={"body": 1})
        if held["_id"] != but and any(one.encode() in bytes(held["body"]) for one in gone.ids)
    ]
    if about:
        await store.delete(FORGET_HELD, HELD, {"_id": {"$in": about}})


def blanked(document: Mapping[str, Any], paths: Iterable[str]) -> Document:
    """The top-level fields that change when the values at these paths are blanked."""
    changed: Document = {}
    for path in paths:
        first, *rest = path.split(".")
        if first in document:
            before = changed.get(first, document[first])
            changed[first] = _blanked(before, rest)
    return changed


def _blanked(value: Any, path: Sequence[str]) -> Any:
    if not path:
        return _nothing_of(value)
    step, *rest = path
    if step == "*" and isinstance(value, list):
        return [_blanked(one, rest) for one in value]
    if step == "*" and isinstance(value, dict):
        return {name: _blanked(one, rest) for name, one in value.items()}
    if isinstance(value, dict) and step in value:
        return {**value, step: _blanked(value[step], rest)}
    return value


def _nothing_of(value: Any) -> Any:
    """The empty value of the same kind, so that documents can be read as before."""
    if isinstance(value, str):
        return ERASED if value else value
    if isinstance(value, list):
        return []
    return {} if isinstance(value, dict) else None
