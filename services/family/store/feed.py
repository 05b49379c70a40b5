"""``feed``: one document per request of a family, made of the card that the service which keeps
the request says of it (``shared.contracts.requests``), whole, at each change.

``{_id: request, town, family, card fields…, heard, read: {account: instant}}``; each part also has
``standings`` and ``news_at`` to be found by. A card is kept when it is newer than the one held:
whatever the order, however often, the same feed; said again, it is filled again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import Any

from pymongo import IndexModel

from services.family.domain.feed import Reach, news_at
from shared.contracts.requests import RequestCard
from shared.events import Envelope
from shared.failpoints import step
from shared.paging import page
from shared.store import Document, Store

FEED = "feed"
INDEXES = {
    FEED: [
        IndexModel([("town", 1), ("parts.child", 1), ("requested_at", -1)], name="by_child"),
        IndexModel([("town", 1), ("family", 1), ("requested_at", -1)], name="by_family"),
        IndexModel([("town", 1), ("requested_at", -1), ("_id", -1)], name="newest"),
        IndexModel([("town", 1), ("parts.about", 1), ("parts.last", 1)], name="accepted_for"),
    ]
}
KEEP = step("family.feed.keep")
MARK_READ = step("family.feed.mark-read")

_NEVER = datetime.fromtimestamp(0, UTC)


class FeedStore:
    """Every query and write of the feed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, envelope: Envelope, card: RequestCard) -> None:
        """Keep what a request has become."""
        document = card.model_dump(mode="json")
        for shown, part in zip(document["parts"], card.parts, strict=True):
            shown["standings"] = [*part.states, *(["to_pay"] if part.to_pay else [])]
            shown["news_at"] = news_at(card, part.child)
        document["requested_at"] = card.requested_at
        await self._store.keep_copy(KEEP, FEED, card.request, envelope, document)

    async def one(self, town: str, request: str) -> Document | None:
        """A request of the town, whoever may see it: for ``domain.feed.seen_by`` to judge."""
        return await self._store.first(FEED, {"_id": request, "town": town})

    async def entries(
        self, town: str, reach: Reach, account: str, only: Document, after: str | None, limit: int
    ) -> list[Document]:
        """The requests within reach, newest first, following the request ``after``.

        ``only``: ``kind``, ``children`` (ids of one child), ``state``, ``unread``, each optional.
        """
        return await page(
            self._store, FEED, within={"town": town, **_within(reach)},
            only=_only(reach, account, only),
            order=[("requested_at", -1), ("_id", -1)], after=after, limit=limit,
        )  # fmt: skip

    async def count(self, town: str, reach: Reach, account: str, only: Document) -> int:
        """How many requests within reach ``entries`` would list."""
        conditions = [{"town": town}, _within(reach), _only(reach, account, only)]
        return await self._store.count(FEED, {"$and": conditions})

    async def accepted(self, town: str, children: Collection[str], today: date) -> set[str]:
        """What these children are accepted for from a day on: activities, and the groups in which
        they are enrolled, whose days the town's file says."""
        theirs = {"child": {"$in": sorted(children)}, "standings": "accepted"}
        days = {"parts": {"$elemMatch": {**theirs, "last": {"$gte": today.isoformat()}}}}
        booked = {"kinds": {"$in": ["booking", "change"]}, **days}
        enrolled = {"kinds": "enrolment", "parts": {"$elemMatch": theirs}}
        found = await self._store.find(
            FEED, {"town": town, "$or": [booked, enrolled]}, projection={"parts": 1}
        )
        return {
            about
            for card in found
            for part in card["parts"]
            if part["child"] in children and "accepted" in part["standings"]
            for about in part["about"]
        }

    async def accepted_for(
        self, town: str, about: Collection[str], today: date
    ) -> tuple[set[str], dict[str, set[str]]]:
        """Whom these activities and groups have accepted, from a day on: their families' ids, and
        by child for which of them. A group's own days are the town file's."""
        wanted, day = set(about), today.isoformat()
        theirs = {"about": {"$in": sorted(wanted)}, "standings": "accepted"}
        days = {"parts": {"$elemMatch": {**theirs, "last": {"$gte": day}}}}
        booked = {"kinds": {"$in": ["booking", "change"]}, **days}
        enrolled = {"kinds": "enrolment", "parts": {"$elemMatch": theirs}}
        found = await self._store.find(
            FEED, {"town": town, "$or": [booked, enrolled]},
            projection={"family": 1, "kinds": 1, "parts": 1},
        )  # fmt: skip
        children: dict[str, set[str]] = {}
        for card in found:
            for part in card["parts"]:
                coming = "enrolment" in card["kinds"] or (part["last"] or "") >= day
                if coming and part["child"] and "accepted" in part["standings"]:
                    children.setdefault(part["child"], set()).update(wanted & set(part["about"]))
        return {card["family"] for card in found}, children

    async def mark_read(self, town: str, request: str, account: str, until: datetime) -> None:
        """The account has read what happened until then; an earlier instant changes nothing."""
        await self._store.change(
            MARK_READ, FEED, request, {"town": town}, {"$max": {f"read.{account}": until}}
        )


def _about(reach: Reach, **more: Any) -> Document:
    """The condition that some part within reach is also ``more``."""
    children: Sequence[str] = sorted(reach.children)
    return {
        "$or": [
            {"parts": {"$elemMatch": {"child": {"$in": children}, **more}}},
            {
                "family": {"$in": sorted(reach.families)},
                "parts": {"$elemMatch": {"child": None, **more}},
            },
        ]
    }


def _within(reach: Reach) -> Document:
    if reach.guardians is None:
        return _about(reach)
    meant = {"guardian": {"$in": [None, *sorted(reach.guardians)]}}
    return {**_about(reach), **meant}


def _only(reach: Reach, account: str, only: Document) -> Document:
    conditions: list[Document] = []
    if (kind := only.get("kind")) is not None:
        conditions.append({"kinds": kind})
    if (child := only.get("children")) is not None:
        names = {_id: ids for _id, ids in reach.names.items() if _id in child}
        reach = Reach(names, frozenset(), reach.guardians)
    if (state := only.get("state")) is not None:
        conditions.append(_about(reach, standings=state))
    elif child is not None:
        conditions.append(_about(reach))
    if only.get("unread"):
        conditions.append(_unread(reach, account))
    return {"$and": conditions} if conditions else {}


def _unread(reach: Reach, account: str) -> Document:
    """Some part within reach has something said of it after what the account has read."""
    mine = {"$in": ["$$part.child", sorted(reach.children)]}
    ours = {
        "$and": [
            {"$eq": ["$$part.child", None]}, {"$in": ["$family", sorted(reach.families)]},
        ]
    }  # fmt: skip
    read = {"$ifNull": [{"$getField": {"field": account, "input": "$read"}}, _NEVER]}
    later = {"$gt": ["$$part.news_at", read]}
    some = {"$map": {"input": "$parts", "as": "part",
                     "in": {"$and": [{"$or": [mine, ours]}, later]}}}  # fmt: skip
    return {"$expr": {"$anyElementTrue": [some]}}
