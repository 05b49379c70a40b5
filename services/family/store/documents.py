"""``documents``: a supporting document with its versions. Guarded by ``v``.

``state`` is where it stands; ``waiting_since`` when an agent has to look at it; ``counts_until``
the last day of what is accepted, as ``YYYY-MM-DD``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pymongo import IndexModel

from services.family.domain.documents import About, Changed, SupportingDocument, document_id
from services.family.domain.household import Family
from shared.auth import AgentScope, Scope
from shared.contracts.town_file import is_request_proof
from shared.events import Event
from shared.failpoints import Step, step
from shared.paging import page
from shared.store import Document, Store

DOCUMENTS = "documents"
INDEXES = {
    DOCUMENTS: [
        IndexModel([("family", 1)]),
        IndexModel([("child", 1)]),
        IndexModel([("guardian", 1)]),
        IndexModel([("versions.files.id", 1)]),
        IndexModel(
            [("town", 1), ("waiting_since", 1), ("_id", 1)],
            partialFilterExpression={"waiting_since": {"$exists": True}},
        ),
        IndexModel(
            [("town", 1), ("counts_until", 1)],
            partialFilterExpression={"counts_until": {"$exists": True}},
        ),
    ]
}

SEND = step("family.document.send")
DECIDE = step("family.document.decide")
WITHDRAW = step("family.document.withdraw")
REMOVE = step("family.document.remove")
AGE = step("family.document.age")

_ORDER = (("waiting_since", 1), ("_id", 1))


def document_in(document: Document) -> SupportingDocument:
    """The supporting document that one of ``documents`` holds."""
    about = About.model_validate(document)
    return SupportingDocument.model_validate({**document, "id": document["_id"], "about": about})


def states_of(document: Document) -> tuple[Event, ...]:
    """The state events that say a document of ``documents`` again."""
    return document_in(document).states()


class DocumentStore:
    """Every query and write about supporting documents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, _id: str) -> Document | None:
        """The document of that id as it is stored: who may see it is the caller's affair."""
        return await self._store.get(DOCUMENTS, _id, {"pending": 0})

    async def one(self, scope: Scope, _id: str) -> Document | None:
        """A document of the town, or None; which guardian may see it is for
        ``queries.documents.sees``."""
        query = {"$and": [{"_id": _id}, _within(scope)]}
        return await self._store.first(DOCUMENTS, query, projection={"pending": 0})

    async def abouts(self, scope: AgentScope, ids: Sequence[str]) -> list[About]:
        """Whom those of the documents that the town has are about."""
        found = await self._store.find(
            DOCUMENTS, {"$and": [{"_id": {"$in": list(ids)}}, scope.query()]},
            projection={"family": 1, "child": 1, "guardian": 1},
        )  # fmt: skip
        return [About.model_validate(one) for one in found]

    async def of_family(self, scope: Scope, family: Family) -> list[SupportingDocument]:
        """Every document of a family as the bearer sees it, by type: those about its people by
        any of their ids, whichever record they were sent for, and its own."""
        children = sorted(_id for one in family.children for _id in one.ids)
        guardians = sorted(_id for one in family.guardians for _id in one.ids)
        own = {"family": {"$in": sorted(family.ids)}, "child": None, "guardian": None}
        about = [{"child": {"$in": children}}, {"guardian": {"$in": guardians}}, own]
        query = {"$and": [_within(scope), {"$or": about}]}
        found = await self._store.find(
            DOCUMENTS, query, sort=[("type", 1), ("_id", 1)], projection={"pending": 0}
        )
        return [document_in(document) for document in found]

    async def standing(self, town: str, about: About, kind: str, command: str) -> Document | None:
        """The document of that type that somebody has, or None; a person's, whichever record it
        was sent for. Of what goes with a request, only the one that this command sent."""
        found = await self.get(document_id(town, about, kind, command))
        person = about.model_dump(include={"child", "guardian"})
        if found is not None or is_request_proof(kind) or not any(person.values()):
            return found
        return await self._store.first(
            DOCUMENTS, {"town": town, "type": kind, **person}, projection={"pending": 0}
        )

    async def waiting(
        self, scope: AgentScope, only: Document, after: str | None, limit: int
    ) -> list[SupportingDocument]:
        """A page of what waits for an agent, oldest first; ``only`` chooses among it."""
        found = await page(
            self._store, DOCUMENTS, within={**scope.query(), "waiting_since": {"$exists": True}},
            only=only, order=_ORDER, after=after, limit=limit,
            projection={"pending": 0},
        )  # fmt: skip
        return [document_in(document) for document in found]

    async def ageing(self, town: str, today: date, horizon: date) -> list[Document]:
        """What may be expired, or near its end before ``horizon`` and not told yet."""
        query = {
            "town": town,
            "counts_until": {"$lte": horizon.isoformat()},
            "$or": [
                {"counts_until": {"$lt": today.isoformat()}},
                {"$expr": {"$ne": ["$warned", "$counts_until"]}},
            ],
        }
        return await self._store.find(DOCUMENTS, query, projection={"pending": 0}, limit=1000)

    async def save(self, at: Step, before: Document | None, changed: Changed) -> bool:
        """Keep a document, new or as it was read; False when another was there before."""
        document, events = changed
        fields = _fields(document)
        if before is None:
            return await self._store.insert(
                at, DOCUMENTS, {"_id": document.id, "town": document.town, **fields}, *events
            )
        gone = [name for name in _OPTIONAL if name not in fields]
        update: dict[str, Document] = {"$set": fields}
        if gone:
            update["$unset"] = dict.fromkeys(gone, "")
        return await self._store.save(at, DOCUMENTS, before, update, *events)


def _within(scope: Scope) -> Document:
    return scope.query() if isinstance(scope, AgentScope) else {"town": scope.town}


_OPTIONAL = ("waiting_since", "counts_until")


def _fields(document: SupportingDocument) -> Document:
    waiting = [one.sent_at for one in document.versions if one.state == "pending"]
    accepted = document.state == "accepted" and document.standing.valid_until
    return {
        **document.about.model_dump(),
        **document.model_dump(mode="json", include={"type", "versions", "warned", "removed"}),
        "state": document.state,
        **({"waiting_since": waiting[0]} if waiting and not document.removed else {}),
        **({"counts_until": accepted.isoformat()} if accepted else {}),
    }
