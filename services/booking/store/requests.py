"""Requests, the commands that decide them, and how far decisions have been said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from services.booking.domain.acts import Act, Origin
from services.booking.domain.agenda import Row
from services.booking.domain.cards import card_of
from services.booking.domain.history import acts_between
from services.booking.domain.judging import prove_by
from services.booking.domain.request import Excerpt, Line, Request
from services.booking.store.request_documents import (
    act_document,
    line_document,
    line_of,
    request_document,
    request_of,
    row_of,
)
from shared.auth import Scope
from shared.contracts.booking import DecidedUpTo
from shared.contracts.family import FamilyChanged, Participant
from shared.events import Event
from shared.failpoints import Step, step
from shared.households import Households
from shared.paging import page
from shared.store import Document, Store

REQUESTS, BATCHES, ERASURES = "requests", "batches", "erasures"
PROGRESS, NUMBERS = "progress", "numbers"

CREATE_REQUEST = step("booking.request.create")
SETTLE_REQUEST = step("booking.request.settle")
DECIDE_REQUEST = step("booking.request.decide")
WITHDRAW_REQUEST = step("booking.request.withdraw")
PROVE_REQUEST = step("booking.request.prove")
TRY_REQUEST = step("booking.request.try")
CLAIM_REQUEST = step("booking.request.claim")
CLOSE_FREED = step("booking.request.close-freed")
CLAIM_BOOKING = step("booking.booking.claim")
END_BOOKING = step("booking.booking.end")
NUMBER = step("booking.number.reserve")
OPEN_BATCH = step("booking.batch.open")
CLOSE_BATCH = step("booking.batch.close")
SAY_PROGRESS = step("booking.progress.say")
KEEP_FAMILY = step("booking.copy.family")
ANSWER_ERASURE = step("booking.erasure.answer")

#: By whom and of which day a request's lines are.
LINES_ABOUT = [("lines.child", 1), ("lines.date", 1)]
_NUMBERS_AT_ONCE = 50
#: A request unfinished for longer than this, or than ``PREAU_LEASE_SECONDS`` where that is less,
#: was left by a crash, not by a slow command.
LEFT_BEHIND = timedelta(seconds=5)
#: A command still open after this was left by a crash: nothing waits for it any longer.
_BATCH_AT_MOST = timedelta(minutes=1)


def _whole(lines: Document) -> Document:
    return lines


def _as_rows(lines: Document) -> Document:
    return {"$map": {"input": lines, "in": [f"$$this.{name}" for name in Row._fields[1:]]}}


def progress_states(document: Document) -> tuple[Event, ...]:
    """The state that says a document of ``progress`` again."""
    return (DecidedUpTo(instant=document["upto"]),)


def request_states(document: Document) -> tuple[Event, ...]:
    """The state that says a document of ``requests`` again."""
    card = card_of(request_of(document))
    return () if card is None else (card,)


class BookingStore:
    """Every query and write of booking, but for sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers: dict[str, list[int]] = {}
        self._reserving = asyncio.Lock()
        self.households = Households(store, KEEP_FAMILY)

    async def family(self, town: str, family: str) -> FamilyChanged:
        """The family's card, or that of the family it has become part of. Raises
        ``MissingCopy``."""
        return await self.households.card(town, family)

    # -- requests --------------------------------------------------------------------------

    async def number(self, town: str, year: int) -> str:
        """The next request number, ``2026-004812``; a process takes them in blocks, so a crash
        may leave a gap."""
        block = self._numbers.setdefault(f"{town}/{year}", [])
        async with self._reserving:
            if not block:
                after = await self._store.put(
                    NUMBER, NUMBERS, f"{town}/{year}", {"$inc": {"last": _NUMBERS_AT_ONCE}}
                )
                if after is None:
                    raise RuntimeError("unconditional write refused")
                block.extend(range(after["last"], after["last"] - _NUMBERS_AT_ONCE, -1))
            return f"{year}-{block.pop():06d}"

    async def create(self, request: Request) -> bool:
        """Store a request whose lines are still asked; False when it is there already."""
        return await self._store.insert(
            CREATE_REQUEST,
            REQUESTS,
            request_document(request),
        )

    async def request(self, _id: str) -> Request | None:
        """For booking's own work: by id alone, whoever it belongs to."""
        document = await self._store.get(REQUESTS, _id)
        return request_of(document) if document else None

    async def request_of(self, scope: Scope, _id: str) -> Request | None:
        """The request, if the scope reaches it."""
        document = await self._store.first(REQUESTS, {"_id": _id, **scope.query()})
        return request_of(document) if document else None

    async def families_of(self, town: str, requests: Collection[str]) -> set[str]:
        """Which families those of the requests that the town has are of."""
        query = {"_id": {"$in": sorted(requests)}, "town": town}
        found = await self._store.find(REQUESTS, query, projection={"family": 1})
        return {one["family"] for one in found}

    async def requests_of(
        self,
        scope: Scope,
        *,
        state: str | None,
        child: Collection[str] | None,
        proof: str | None,
        after: str | None,
        limit: int,
    ) -> list[Request]:
        """Requests the scope reaches, newest first, optionally with a line in ``state`` about the
        ``child`` of these ids, with a ``proof`` in that state, and following the request
        ``after``."""
        ids = None if child is None else {"$in": sorted(child)}
        wanted = {"lines.state": state, "lines.child": ids, "lines.given.state": proof}
        only: Document = {name: value for name, value in wanted.items() if value is not None}
        if state is not None and ids is not None:
            only["lines"] = {"$elemMatch": {"state": state, "child": ids}}
        found = await page(
            self._store, REQUESTS, within=scope.query(), only=only,
            order=[("requested_at", -1), ("_id", -1)], after=after, limit=limit,
        )  # fmt: skip
        return [request_of(document) for document in found]

    async def requests_of_family(self, town: str, records: Sequence[str]) -> list[Request]:
        """For booking's own work: every request of a family's records, oldest first."""
        found = await self._store.find(
            REQUESTS, {"family": {"$in": list(records)}, "town": town}, sort=[("requested_at", 1)]
        )
        return [request_of(document) for document in found]

    async def answer_erasure(self, erasure: str, town: str, family: str, said: Event) -> None:
        """Say once what holds an erasure back."""
        answer = {"_id": erasure, "town": town, "family": family}
        await self._store.insert(ANSWER_ERASURE, ERASURES, answer, said)

    async def lines_about(
        self, scope: Scope, people: Iterable[Participant], first: date, last: date
    ) -> list[Excerpt]:
        """The lines of these people between two days, by request, oldest first, whichever family
        asked: they are those whom the bearer may see (``state.participant_for``)."""
        found = await self._about(scope, people, first, last, _whole)
        return [
            Excerpt(document["_id"], tuple(line_of(line) for line in document["lines"]))
            for document in found
        ]

    async def rows_about(
        self, scope: Scope, people: Iterable[Participant], first: date, last: date
    ) -> list[Row]:
        """``lines_about``, as an agenda shows them."""
        found = await self._about(scope, people, first, last, _as_rows)
        return [row_of(document["_id"], row) for document in found for row in document["lines"]]

    async def _about(
        self,
        scope: Scope,
        people: Iterable[Participant],
        first: date,
        last: date,
        shown: Callable[[Document], Document],
    ) -> list[Document]:
        """What is ``shown`` of the lines of these people between two days, by request, oldest
        first. The index is named: the town's, in the order wanted, is a long way to few lines."""
        ids = sorted(_id for one in people for _id in one.ids)
        between = (first.isoformat(), last.isoformat())
        about = {"child": {"$in": ids}, "date": {"$gte": between[0], "$lte": between[1]}}
        those = [
            {"$gte": ["$$this.date", between[0]]}, {"$lte": ["$$this.date", between[1]]},
            {"$in": ["$$this.child", ids]},
        ]  # fmt: skip
        return await self._store.find(
            REQUESTS, {"town": scope.town, "lines": {"$elemMatch": about}},
            sort=[("requested_at", 1)], hint=LINES_ABOUT,
            projection={"lines": shown({"$filter": {"input": "$lines", "cond": {"$and": those}}})},
        )  # fmt: skip

    async def claim(self, request: Request, machine_now: datetime) -> bool:
        """Take over what another process has left; its own writes are refused from now on."""
        return await self._store.save(
            CLAIM_REQUEST, REQUESTS, _read(request), {"$set": {"unfinished": machine_now}}
        )

    async def save_settled(
        self, request: Request, lines: Sequence[Line], unfinished: datetime | None, *events: Event
    ) -> Request | None:
        """What became of the lines, and the events that say so."""
        return await self._save(SETTLE_REQUEST, request, lines, unfinished, *events)

    async def save_tried(
        self, request: Request, lines: Sequence[Line], unfinished: datetime
    ) -> Request | None:
        """Note, before places are tried for, which lines may come to hold one."""
        return await self._save(TRY_REQUEST, request, lines, unfinished)

    async def save_decided(
        self, request: Request, lines: Sequence[Line], unfinished: datetime | None, *events: Event
    ) -> Request | None:
        """A decision; ``unfinished`` when places are still to be given back."""
        return await self._save(DECIDE_REQUEST, request, lines, unfinished, *events)

    async def claim_booking(self, town: str, ref: str, by: str) -> bool:
        """Let one line (``by``) end a booking; False when it does not stand, or another will."""
        request, _, line = ref.rpartition("-")
        stands = {"id": line, "state": "accepted", "ended": None, "absent": None,
                  "ending": {"$in": [None, by]}}  # fmt: skip
        return await self._store.change(
            CLAIM_BOOKING, REQUESTS, request, {"town": town, "lines": {"$elemMatch": stands}},
            {"$set": {"lines.$.ending": by}},
        )  # fmt: skip

    async def end_booking(
        self,
        town: str,
        ref: str,
        by: str,
        marks: Mapping[str, str],
        act: Act | None,
        due: datetime | None,
    ) -> None:
        """Tell a booking what came of the line that was to end it: ``marks`` (``ended``,
        ``absent``) are set, with the ``act`` in its history; with none it stands as before. What
        has to be proved of it still, is ``due`` at an instant."""
        request, _, line = ref.rpartition("-")
        update: Document = {"$unset": {"lines.$.ending": ""}}
        if marks:
            update["$set"] = {f"lines.$.{name}": value for name, value in marks.items()}
        if act is not None:
            update["$push"] = {"history": act_document(act)}
        if due is not None:
            update["$min"] = {"prove_by": due}
        claimed = {"id": line, "ending": by}
        await self._store.change(
            END_BOOKING, REQUESTS, request, {"town": town, "lines": {"$elemMatch": claimed}}, update
        )

    async def save_withdrawn(
        self,
        request: Request,
        lines: Sequence[Line],
        unfinished: datetime | None,
        *events: Event,
        by: Origin,
    ) -> Request | None:
        """What was taken back, ``by`` whom; ``unfinished`` when places are to be given back."""
        return await self._save(WITHDRAW_REQUEST, request, lines, unfinished, *events, by=by)

    async def save_proofs(
        self, request: Request, lines: Sequence[Line], unfinished: datetime | None, *events: Event
    ) -> Request | None:
        """A proof that was given or decided on, or what it came to without one."""
        return await self._save(PROVE_REQUEST, request, lines, unfinished, *events)

    async def save_freed(
        self, request: Request, lines: Sequence[Line], unfinished: datetime | None
    ) -> Request | None:
        """These places have been given back; ``unfinished`` while others are to be."""
        return await self._save(CLOSE_FREED, request, lines, unfinished)

    async def _save(
        self,
        step: Step,
        request: Request,
        lines: Sequence[Line],
        unfinished: datetime | None,
        *events: Event,
        by: Origin | None = None,
    ) -> Request | None:
        """The request as it is after the write; None when it had changed since it was read."""
        fresh: Document = {"lines": [line_document(line) for line in lines]}
        update: Document = {"$set": fresh}
        if acts := acts_between(request.lines, lines, by):
            update["$push"] = {"history": {"$each": [act_document(act) for act in acts]}}
        fresh |= {"unfinished": unfinished, "prove_by": prove_by(lines)}
        gone = [name for name, value in fresh.items() if value is None]
        if gone:
            update["$unset"] = {name: fresh.pop(name) or "" for name in gone}
        after = replace(
            request, lines=tuple(lines), unfinished=unfinished, v=request.v + 1,
            history=(*request.history, *acts),
        )  # fmt: skip
        card = card_of(after) if events or acts else None
        said = (*events, card) if card is not None else events
        saved = await self._store.save(step, REQUESTS, _read(request), update, *said)
        return after if saved else None

    async def some_tied_and_unfinished(self, ids: Collection[str]) -> bool:
        """Whether one of these requests takes places for lines that are tied to one another."""
        query = {"_id": {"$in": sorted(ids)}, "unfinished": {"$exists": True},
                 "lines.tie": {"$exists": True}}  # fmt: skip
        return bool(ids) and await self._store.count(REQUESTS, query) > 0

    async def unpaid_since(self, instant: datetime) -> list[str]:
        """Ids of requests with a line whose place is held for its payment no longer."""
        query = {
            "lines.state": "to_pay",
            "lines": {"$elemMatch": {"state": "to_pay", "hold_until": {"$lt": instant}}},
        }
        found = await self._store.find(REQUESTS, query, limit=100, projection={"_id": 1})
        return [document["_id"] for document in found]

    async def unfinished(self, older_than: datetime) -> list[str]:
        """Ids of requests that a crash left half done."""
        found = await self._store.find(
            REQUESTS, {"unfinished": {"$lt": older_than}}, limit=100, projection={"_id": 1}
        )
        return [document["_id"] for document in found]

    async def unproved(self, now: datetime) -> list[str]:
        """Ids of requests with something that was to be proved before ``now`` (the towns')."""
        found = await self._store.find(
            REQUESTS, {"prove_by": {"$lte": now}}, limit=100, projection={"_id": 1}
        )
        return [document["_id"] for document in found]

    # -- batches and progress --------------------------------------------------------------

    async def open_batch(
        self, _id: str, town: str, agent: str, body_hash: str, now: datetime, machine_now: datetime
    ) -> Document:
        """The batch of this command: a repeated one keeps its first instant."""
        fresh = {
            "_id": _id, "town": town, "agent": agent, "body_hash": body_hash, "decided_at": now,
            "opened": machine_now, "open": True,
        }  # fmt: skip
        if await self._store.insert(OPEN_BATCH, BATCHES, fresh):
            return fresh
        found = await self._store.get(BATCHES, _id)
        if found is None:
            raise RuntimeError("batch vanished")
        return found

    async def close_batch(
        self, _id: str, town: str, version: int, results: list[Document], *events: Event
    ) -> Document:
        """Keep what a batch answered (``version``, ``results``), and say once that it is through;
        the answer that is kept: of two that carry out the same command at once, the first's."""
        answer = {"version": version, "results": results}
        if await self._store.change(
            CLOSE_BATCH, BATCHES, _id, {"open": True},
            {"$set": answer, "$unset": {"open": ""}}, *events, town=town,
        ):  # fmt: skip
            return answer
        kept = await self._store.get(BATCHES, _id)
        if kept is None:
            raise RuntimeError("batch vanished")
        return {name: kept[name] for name in answer}

    async def says_nothing_before(
        self, town: str, instant: datetime, machine_now: datetime
    ) -> bool:
        """Whether no decision of the town older than ``instant`` is still to be said."""
        open_batch = {
            "town": town, "open": True, "decided_at": {"$lt": instant},
            "opened": {"$gt": machine_now - _BATCH_AT_MOST},
        }  # fmt: skip
        if await self._store.count(BATCHES, open_batch):
            return False
        older = {
            "town": town,
            "pending.0.id": {"$exists": True},
            "pending.0.time": {"$lt": instant},
        }
        for collection in (REQUESTS, BATCHES):
            if await self._store.count(collection, older):
                return False
        return True

    async def say_progress(self, town: str, instant: datetime) -> None:
        """Say that everything earlier than ``instant`` has been said; once per instant."""
        await self._store.put(
            SAY_PROGRESS, PROGRESS, town, {"$set": {"upto": instant, "town": town}},
            DecidedUpTo(instant=instant), town=town, condition={"upto": {"$lt": instant}},
        )  # fmt: skip

    async def progress(self, town: str) -> datetime | None:
        """The last instant said."""
        document = await self._store.get(PROGRESS, town, {"upto": 1})
        return document["upto"] if document else None


def _read(request: Request) -> Document:
    return {"_id": request.id, "v": request.v, "town": request.town}
