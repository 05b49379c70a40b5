"""Enrolments: one document per child and group of services, guarded by its version."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from services.booking.domain.cards import card_of_enrolment
from services.booking.domain.enrolment import Act, Enrolment, Sent, WeeklyChoice
from shared.auth import Scope
from shared.contracts.booking import Answered, EnrolmentState, Reason
from shared.contracts.family import Participant
from shared.events import Event
from shared.failpoints import Step, step
from shared.paging import page
from shared.store import Document, Store

ENROLMENTS = "enrolments"
SEND_FIRST = step("booking.enrolment.create")
SEND_AGAIN = step("booking.enrolment.send-again")
DECIDE_ENROLMENT = step("booking.enrolment.decide")
WITHDRAW_ENROLMENT = step("booking.enrolment.withdraw")
BOOK_PATTERN = step("booking.enrolment.booked")


def enrolment_states(document: Document) -> tuple[Event, ...]:
    """The state that says a document of ``enrolments`` again."""
    return (card_of_enrolment(_enrolment(document)),)


class Enrolments:
    """Every query and write of enrolments."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def one(self, _id: str) -> Enrolment | None:
        """For booking's own work: by id alone, whoever it belongs to."""
        document = await self._store.get(ENROLMENTS, _id)
        return _enrolment(document) if document else None

    async def one_of(self, scope: Scope, _id: str) -> Enrolment | None:
        """The enrolment, if the scope reaches it."""
        document = await self._store.first(ENROLMENTS, {"_id": _id, **scope.query()})
        return _enrolment(document) if document else None

    async def families_of(self, town: str, enrolments: Collection[str]) -> set[str]:
        """Which families those of the enrolments that the town has are of."""
        query = {"_id": {"$in": sorted(enrolments)}, "town": town}
        found = await self._store.find(ENROLMENTS, query, projection={"family": 1})
        return {one["family"] for one in found}

    async def of_child(self, scope: Scope, child: Participant) -> list[Enrolment]:
        """What was sent for a child, whichever family did: ``child`` is one whom the bearer may
        see (``state.participant_for``)."""
        query = {"town": scope.town, "child": {"$in": sorted(child.ids)}}
        found = await self._store.find(ENROLMENTS, query, sort=[("_id", 1)])
        return [_enrolment(document) for document in found]

    async def of_family(self, town: str, records: Sequence[str]) -> list[Enrolment]:
        """For booking's own work: every enrolment of a family's records."""
        query = {"family": {"$in": list(records)}, "town": town}
        found = await self._store.find(ENROLMENTS, query)
        return [_enrolment(document) for document in found]

    async def states(
        self, scope: Scope, children: Sequence[Participant]
    ) -> dict[tuple[str, str], EnrolmentState]:
        """Where these children's enrolments stand, by child and group: an accepted one, if a
        child has several by the ids it had."""
        now = {_id: child.id for child in children for _id in child.ids}
        query = {"town": scope.town, "child": {"$in": sorted(now)}}
        shown = {"child": 1, "group": 1, "state": 1}
        found = await self._store.find(ENROLMENTS, query, projection=shown)
        found.sort(key=lambda one: one["state"] == "accepted")
        return {(now[one["child"]], one["group"]): one["state"] for one in found}

    async def sent(
        self,
        scope: Scope,
        *,
        state: EnrolmentState | None,
        group: str | None,
        after: str | None,
        limit: int,
    ) -> list[Enrolment]:
        """Enrolments that the scope reaches, newest first, following the one of id ``after``."""
        wanted = {"state": state, "group": group}
        found = await page(
            self._store, ENROLMENTS, within=scope.query(),
            only={name: value for name, value in wanted.items() if value is not None},
            order=[("requested_at", -1), ("_id", -1)], after=after, limit=limit,
        )  # fmt: skip
        return [_enrolment(document) for document in found]

    async def create(self, fresh: Enrolment, *events: Event) -> bool:
        """Store what is sent for the first time; False when another was there before."""
        document = {"_id": fresh.id, "town": fresh.town, **_document(fresh)}
        card = card_of_enrolment(fresh)
        return await self._store.insert(SEND_FIRST, ENROLMENTS, document, *events, card)

    async def save(
        self, step: Step, before: Enrolment, after: Enrolment, *events: Event
    ) -> Enrolment | None:
        """The enrolment as it is after the write; None when it had changed since it was read."""
        old, new = _document(before), _document(after)
        update: dict[str, Document] = {
            "$set": {name: value for name, value in new.items() if old.get(name) != value}
        }
        if gone := old.keys() - new.keys():
            update["$unset"] = dict.fromkeys(gone, "")
        read = {"_id": before.id, "v": before.v, "town": before.town}
        said = (*events, card_of_enrolment(after)) if events else ()
        if not await self._store.save(step, ENROLMENTS, read, update, *said):
            return None
        return replace(after, v=before.v + 1)

    async def unfinished(self, older_than: datetime) -> list[str]:
        """Ids of those whose weekly pattern a crash left unbooked."""
        found = await self._store.find(
            ENROLMENTS, {"unfinished": {"$lt": older_than}}, limit=100, projection={"_id": 1}
        )
        return [document["_id"] for document in found]


_MODELS: dict[str, type[BaseModel]] = {
    "reason": Reason, "unbooked": Reason, "answer": Answered,
}  # fmt: skip
_KEYS = ("id", "town", "v")


def _document(one: Enrolment) -> Document:
    """What is written besides the keys; without what is None."""
    document = {
        name: getattr(one, name) for name in (field.name for field in fields(Enrolment))
        if name not in (*_KEYS, "sent", "history")
    }  # fmt: skip
    for name in _MODELS:
        if (model := document[name]) is not None:
            document[name] = model.model_dump()
    sent = {name.name: getattr(one.sent, name.name) for name in fields(Sent)}
    sent["weekly"] = [choice.model_dump(mode="json") for choice in one.sent.weekly]
    sent["documents"] = {asked: list(files) for asked, files in one.sent.documents.items()}
    sent["overridden"] = list(one.sent.overridden)
    document["sent"] = _stated(sent)
    document["history"] = [_stated(asdict(act)) for act in one.history]
    return _stated(document)


def _stated(document: Mapping[str, Any]) -> Document:
    return {name: value for name, value in document.items() if value is not None}


def _enrolment(document: Document) -> Enrolment:
    known = {field.name for field in fields(Enrolment)}
    values = {name: value for name, value in document.items() if name in known}
    left_out = dict.fromkeys(("guardian", "regulations", "comment", "override"))
    sent = {**left_out, "version": 0, **document["sent"]}
    sent["weekly"] = tuple(WeeklyChoice.model_validate(choice) for choice in sent["weekly"])
    sent["documents"] = {asked: tuple(files) for asked, files in sent["documents"].items()}
    sent["overridden"] = tuple(sent["overridden"])
    values["sent"] = Sent(**sent)
    values["history"] = tuple(Act(**{"by": None, **act}) for act in document["history"])
    for name, model in _MODELS.items():
        if name in values:
            values[name] = model.model_construct(**values[name])
    return Enrolment(id=document["_id"], **values)
