"""Use cases that read the feed: what a family has asked for, and what is new to its reader."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.family.domain.feed import Reach, changed_at, overall, seen_by, unread
from services.family.domain.household import Child, Family, Guardian
from services.family.queries import households
from services.family.schemas.feed import (
    FeedCounters,
    FeedEntry,
    FeedLine,
    FeedPage,
    FeedQuery,
)
from services.family.state import State
from shared.auth import FamilyScope, Scope
from shared.contracts.requests import RequestCard
from shared.errors import Refused, not_found
from shared.store import Document


@dataclass(frozen=True, slots=True)
class _Seen:
    """A request as its reader may see it, and until when they have read it."""

    card: RequestCard
    read_until: datetime | None
    version: int


async def feed(state: State, scope: Scope, wanted: FeedQuery) -> FeedPage:
    """A page of requests, newest first. Raises ``Refused``: ``cursor-unknown``."""
    reach = await reach_of(state, scope, wanted.family)
    only = wanted.model_dump(include={"kind", "state", "unread"}, exclude_none=True)
    if wanted.child is not None:
        only["children"] = reach.names.get(wanted.child, frozenset({wanted.child}))
    found = await state.feed.entries(
        scope.town, reach, scope.account, only, wanted.after, wanted.limit
    )
    seen = [one for document in found if (one := _seen(document, reach, scope)) is not None]
    return FeedPage(
        items=tuple(_line(one) for one in seen),
        next=found[-1]["_id"] if len(found) == wanted.limit else None,
    )


async def entry(state: State, scope: Scope, request: str) -> tuple[FeedEntry, int]:
    """One request with its history, and its version. Raises ``Refused`` (404)."""
    one = await _one(state, scope, request)
    line = dict(_line(one))
    return FeedEntry(**line, history=one.card.history), one.version


async def counters(state: State, scope: FamilyScope, family: str | None) -> FeedCounters:
    """How many requests have something new for the bearer, and how many wait for the town."""
    reach = await reach_of(state, scope, family)
    new, waiting = await asyncio.gather(
        state.feed.count(scope.town, reach, scope.account, {"unread": True}),
        state.feed.count(scope.town, reach, scope.account, {"state": "waiting"}),
    )
    return FeedCounters(unread=new, waiting=waiting)


async def check_seen(state: State, scope: Scope, request: str) -> None:
    """Raises ``Refused`` (404) when the bearer sees nothing of that request."""
    await _one(state, scope, request)


async def reach_of(state: State, scope: Scope, family: str | None) -> Reach:
    """What the bearer sees: of their families, or of one. Raises ``Refused`` (404)."""
    if not isinstance(scope, FamilyScope):
        if family is None:
            raise Refused(
                "invalid-input", "?/family : champ obligatoire.", status=422, field="?/family"
            )
        whole, _ = await households.family_of(state, scope, family)
        return _reach([whole], None)
    mine = [
        (seen, seen.guardian(guardian))
        for seen, guardian in await households.of_bearer(state, scope)
        if family in (None, seen.id)
    ]
    if family is not None and not mine:
        raise not_found("ce dossier")
    ids = frozenset(_id for _, guardian in mine if guardian for _id in guardian.ids)
    return _reach([seen for seen, _ in mine], ids)


def _reach(families: Sequence[Family], guardians: frozenset[str] | None) -> Reach:
    """The children, and of the adults the guardians themselves: all of them where None."""
    people: list[Child | Guardian] = [one for family in families for one in family.children]
    people += [
        one
        for family in families
        for one in family.guardians
        if guardians is None or one.ids & guardians
    ]
    return Reach(
        {_id: one.ids for one in people for _id in one.ids},
        frozenset(one for family in families for one in family.ids),
        guardians,
    )


async def _one(state: State, scope: Scope, request: str) -> _Seen:
    document = await state.feed.one(scope.town, request)
    if document is not None:
        about = None if isinstance(scope, FamilyScope) else document["family"]
        seen = _seen(document, await reach_of(state, scope, about), scope)
        if seen is not None:
            return seen
    raise not_found("cette demande")


def _seen(document: Document, reach: Reach, scope: Scope) -> _Seen | None:
    card = seen_by(RequestCard.model_validate(document), reach)
    if card is None:
        return None
    return _Seen(card, document.get("read", {}).get(scope.account), document["heard"])


def _line(one: _Seen) -> FeedLine:
    card = one.card
    return FeedLine(
        request=card.request, kinds=card.kinds, number=card.number, family=card.family,
        channel=card.channel, requested_at=card.requested_at, changed_at=changed_at(card),
        state=overall(card), parts=card.parts, unread=unread(card, one.read_until),
    )  # fmt: skip
