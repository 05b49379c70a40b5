"""Documents of billing.

``charges``   ``{_id, town, family, request, line, child, child_name, activity, unit, day, month,
              quantity, starts, ends, surcharge, billing, accepted, decided, ending, given_back,
              invoice, changed}``; the latest decision by ``decided``, the latest end by
              ``ending.at``; ``changed``: when (machine's clock) something of it was heard that its
              bill does not know yet.
``runs``      month ends: ``{_id, town, month, asked_by, body_hash, asked_at, state, outcome}``.
``erasures``  one answer to whether a family may be erased, by the erasure's id.
``copy_families``, ``copy_decided``  family-changed by family, decided-up-to by town.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from datetime import date, datetime, time
from typing import Any

from pymongo import IndexModel

from services.billing.domain.charges import Charge, Ending
from services.billing.domain.months import month_of
from services.billing.domain.runs import Outcome, Run
from shared.auth import Scope
from shared.bus.consumer import HELD
from shared.clock import Clock
from shared.contracts.booking import BookingAccepted, BookingRefused, DecidedUpTo, Surcharged
from shared.contracts.family import FamilyChanged
from shared.events import Envelope, Event
from shared.failpoints import step
from shared.households import FAMILIES, Households
from shared.households import INDEXES as HOUSEHOLD_INDEXES
from shared.store import EPOCH, Document, Store

CHARGES, RUNS = "charges", "runs"
DECIDED, ERASURES = "copy_decided", "erasures"

OUTBOXES = (ERASURES,)
INDEXES = {
    CHARGES: [
        IndexModel(
            [(key, 1) for key in ("town", "billing", "accepted", "invoice", "month", "family")],
            name="open",
        ),
        IndexModel([(key, 1) for key in ("town", "family", "day")], name="family-days"),
        IndexModel(
            [("invoice", 1)], name="billed", partialFilterExpression={"invoice": {"$gt": ""}}
        ),
        IndexModel(
            [("changed", 1)], name="changed",
            partialFilterExpression={"changed": {"$gt": EPOCH}},
        ),
    ],
    RUNS: [
        IndexModel([("town", 1), ("asked_at", -1)], name="newest"),
        IndexModel(
            [("state", 1)], name="running", partialFilterExpression={"state": "running"}
        ),
    ],
    FAMILIES: HOUSEHOLD_INDEXES,
}  # fmt: skip

KEEP_FAMILY = step("billing.family.keep")
KEEP_DECIDED = step("billing.decided.keep")
INSERT_CHARGES = step("billing.charges.insert")
DECIDE_CHARGES = step("billing.charges.decide")
END_CHARGES = step("billing.charges.end")
MARK_CHARGES = step("billing.charges.mark")
CORRECT_CHARGES = step("billing.charges.correct")
ASK_RUN = step("billing.run.ask")
FINISH_RUN = step("billing.run.finish")
LEASE = step("billing.month-end.lease")
ANSWER_ERASURE = step("billing.erasure.answer")

_FACTS = (
    "child_name", "billing", "accepted", "decided", "quantity", "starts", "ends", "surcharge",
)  # fmt: skip
_ARREARS, _AT_BOOKING = "pay_in_arrears", "pay_at_booking"


class BillingStore:
    """Every query and write of billing."""

    def __init__(self, store: Store, clock: Clock, lease_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._lease_seconds = lease_seconds
        self.households = Households(store, KEEP_FAMILY)

    # -- copies ----------------------------------------------------------------------------

    async def keep_decided(self, envelope: Envelope, event: DecidedUpTo) -> None:
        """Keep up to when booking has said every decision of a town."""
        fields = {"instant": event.instant}
        await self._store.keep_copy(KEEP_DECIDED, DECIDED, envelope.town, envelope, fields)

    async def family(self, town: str, family: str) -> FamilyChanged:
        """The family's card, or that of the record it is part of. Raises ``MissingCopy``."""
        return await self.households.card(town, family)

    async def card(self, town: str, family: str) -> tuple[FamilyChanged, int]:
        """``family``, and which one it is: later ones have a higher number. Raises
        ``MissingCopy``."""
        card = await self.households.document(town, family)
        return FamilyChanged.model_validate(card), int(card["heard"])

    async def decided_up_to(self) -> dict[str, datetime]:
        """By town, the instant before which every decision has been heard."""
        return {one["_id"]: one["instant"] for one in await self._store.find(DECIDED, {})}

    async def decisions_held(self, town: str) -> bool:
        """Whether decisions of the town were heard and could not be kept yet."""
        held = {
            "town": town,
            "state": {"$in": ["retrying", "waiting"]},
            "type": {"$in": [BookingAccepted.type, BookingRefused.type]},
        }
        return await self._store.first(HELD, held, projection={"_id": 1}) is not None

    # -- charges ---------------------------------------------------------------------------

    async def record(self, charges: Sequence[Charge]) -> None:
        """Keep decisions on lines: new charges, or a later decision on those there are.

        One update per charge whose filter excludes what is as recent: again, it does nothing.
        """
        changed = self._clock.machine()
        documents = [_charge_document(charge) for charge in charges]
        known = await self._store.insert_many(INSERT_CHARGES, CHARGES, documents)
        await self._store.change_each(
            DECIDE_CHARGES,
            CHARGES,
            [
                (
                    {"_id": one["_id"], "decided": {"$lt": one["decided"]}},
                    [_decided(one, changed)],
                )
                for one in (documents[position] for position in known)
            ],
        )
        await self._store.change_each(
            END_CHARGES,
            CHARGES,
            [
                (
                    {
                        "_id": one["_id"],
                        "$or": [{"ending": None}, {"ending.at": {"$lt": one["ending"]["at"]}}],
                    },
                    [_ended(one, changed)],
                )
                for one in (documents[position] for position in known)
                if one["ending"] is not None
            ],
        )

    async def open_months(self, town: str, last: str) -> list[str]:
        """Months up to ``last`` that have charges on no invoice, to be paid in arrears."""
        pipeline = [
            {"$match": {**_open(town), "month": {"$lte": last}}},
            {"$group": {"_id": "$month"}},
        ]
        return sorted([one["_id"] async for one in self._store.aggregate(CHARGES, pipeline)])

    async def open_by_family(
        self, town: str, month: str
    ) -> AsyncIterator[tuple[str, list[Charge]]]:
        """Each family with its charges of the month that are on no invoice, those of the records
        that are part of it last."""
        merged = await self.households.merged(town)
        together: dict[str, list[Charge]] = {home: [] for home in merged.values()}
        pipeline: list[Document] = [
            {"$match": {**_open(town), "month": month}},
            {"$sort": {"family": 1}},
        ]
        family: str | None = None
        charges: list[Charge] = []
        async for document in self._store.aggregate(CHARGES, pipeline):
            home = merged.get(document["family"], document["family"])
            if home in together:
                together[home].append(charge_in(document))
                continue
            if family is not None and document["family"] != family:
                yield family, charges
                charges = []
            family = document["family"]
            charges.append(charge_in(document))
        if family is not None:
            yield family, charges
        for home, some in together.items():
            if some:
                yield home, some

    async def charges(
        self, scope: Scope, *, accepted: bool, invoiced: bool, month: str | None, limit: int
    ) -> list[Charge]:
        """Charges by day; ``invoiced``: an invoice holds them."""
        query: Document = {
            **scope.query(), "accepted": accepted, "billing": {"$in": [_ARREARS, _AT_BOOKING]},
            "invoice": {"$gt": ""} if invoiced else None,
        }  # fmt: skip
        if month is not None:
            query["month"] = month
        found = await self._store.find(CHARGES, query, sort=[("day", 1), ("_id", 1)], limit=limit)
        return [charge_in(document) for document in found]

    async def unbilled(
        self, town: str, record: str, children: Sequence[str] | None
    ) -> list[Charge]:
        """What a record has booked that no invoice holds, of these children where given."""
        query: Document = {"town": town, "family": record, "accepted": True, "invoice": None}
        if children is not None:
            query["child"] = {"$in": list(children)}
        found = await self._store.find(CHARGES, query, sort=[("day", 1), ("_id", 1)])
        return [charge_in(document) for document in found]

    async def charged(self, card: FamilyChanged, town: str, since: date) -> list[Charge]:
        """What the family has booked from a day on."""
        query: Document = {
            "town": town, "family": {"$in": [card.family, *card.parts]},
            "day": {"$gte": since.isoformat()}, "accepted": True,
        }  # fmt: skip
        found = await self._store.find(CHARGES, query, sort=[("day", 1), ("_id", 1)])
        return [charge_in(document) for document in found]

    async def mark(self, held: Mapping[str, Sequence[str]], *, late: bool = False) -> None:
        """Note on charges (by invoice) the invoice that holds them, or, where they are ``late``,
        whose chain is to take them in. A change that was heard before is looked at once all are
        marked."""
        now = self._clock.machine()
        stirred: Any = {"$cond": [{"$gt": ["$changed", EPOCH]}, now, "$changed"]}
        await self._store.change_each(
            MARK_CHARGES, CHARGES,
            [
                (
                    {"_id": {"$in": list(charges)}, "invoice": None},
                    [{"$set": {"invoice": invoice, "changed": now if late else stirred}}],
                )
                for invoice, charges in held.items()
                if charges
            ],
            many=True,
        )  # fmt: skip

    async def changed(self, before: datetime, after: str, limit: int) -> list[str]:
        """Invoices of which a charge changed, and was left alone since ``before``; those after
        one."""
        pipeline: list[Document] = [
            {"$match": {"changed": {"$gt": EPOCH, "$lt": before}, "invoice": {"$gt": after}}},
            {"$group": {"_id": "$invoice"}},
            {"$sort": {"_id": 1}},
            {"$limit": limit},
        ]
        return [one["_id"] async for one in self._store.aggregate(CHARGES, pipeline)]

    async def billed(self, invoice: str) -> list[tuple[Charge, datetime | None]]:
        """The charges of an invoice, each with when it changed."""
        found = await self._store.find(CHARGES, {"invoice": invoice}, sort=[("day", 1), ("_id", 1)])
        return [(charge_in(document), document["changed"]) for document in found]

    async def corrected(
        self, seen: Sequence[tuple[Charge, datetime | None]], unpriced: Sequence[str]
    ) -> None:
        """Note that the bill knows these charges as they were seen; those that the town has no
        price for, and that it does not bill, are on no invoice again."""
        await self._store.change_each(
            CORRECT_CHARGES, CHARGES,
            [
                (
                    {"_id": charge.id, "changed": changed},
                    {"$set": {"changed": None, **({"invoice": None} if aside else {})}},
                )
                for charge, changed in seen
                if (aside := charge.id in unpriced) or changed is not None
            ],
        )  # fmt: skip

    async def open_before(self, town: str, month: str) -> dict[tuple[str, str], list[str]]:
        """Ids of charges on no invoice of months before that one, by family and month."""
        pipeline: list[Document] = [
            {"$match": {**_open(town), "month": {"$lt": month}}},
            {"$group": {"_id": ["$family", "$month"], "charges": {"$push": "$_id"}}},
        ]
        return {
            (one["_id"][0], one["_id"][1]): one["charges"]
            async for one in self._store.aggregate(CHARGES, pipeline)
        }

    # -- erasures --------------------------------------------------------------------------

    async def uninvoiced(self, town: str, records: Sequence[str]) -> list[str]:
        """Ids of requests of a family with something that no invoice holds yet."""
        query = {**_open(town), "family": {"$in": list(records)}}
        found = await self._store.find(CHARGES, query, projection={"request": 1})
        return sorted({document["request"] for document in found})

    async def answer_erasure(self, erasure: str, town: str, family: str, said: Event) -> None:
        """Say once what holds an erasure back."""
        answer = {"_id": erasure, "town": town, "family": family}
        await self._store.insert(ANSWER_ERASURE, ERASURES, answer, said)

    # -- month ends ------------------------------------------------------------------------

    async def ask_run(self, run: Run) -> Run:
        """Store a month end to be done; the one there is when it was asked already."""
        document = {
            "_id": run.id, "town": run.town, "month": run.month, "asked_by": run.asked_by,
            "asked_at": run.asked_at, "body_hash": run.body_hash, "state": "running",
            "outcome": None,
        }  # fmt: skip
        if await self._store.insert(ASK_RUN, RUNS, document):
            return run
        return await self.run(run.id)

    async def run(self, run: str) -> Run:
        """A month end that was asked."""
        document = await self._store.get(RUNS, run)
        if document is None:
            raise LookupError(run)
        return _run_in(document)

    async def has_run(self, run: str) -> bool:
        """Whether that month end was asked."""
        return await self._store.get(RUNS, run, {"_id": 1}) is not None

    async def unfinished_runs(self) -> list[Run]:
        """Month ends under way, or left by a process that died."""
        found = await self._store.find(RUNS, {"state": "running"}, sort=[("_id", 1)])
        return [_run_in(document) for document in found]

    async def runs(self, scope: Scope, limit: int) -> list[Run]:
        """The town's month ends, latest first."""
        found = await self._store.find(RUNS, scope.query(), sort=[("asked_at", -1)], limit=limit)
        return [_run_in(document) for document in found]

    async def finish_run(self, run: str, outcome: Outcome) -> None:
        """Note what a month end has done; the first to say so is believed."""
        await self._store.change(
            FINISH_RUN, RUNS, run, {"state": "running"},
            {"$set": {"state": "finished", "outcome": outcome.model_dump(mode="json")}},
        )  # fmt: skip

    def leased(self, owner: str, job: str = "month-end") -> AbstractAsyncContextManager[bool]:
        """Whether this process is the one that does that job: as long as it goes on."""
        return self._store.leased(LEASE, job, owner, self._lease_seconds)

    async def invoice_of(self, charges: Sequence[str]) -> str | None:
        """The invoice that one of these charges is on."""
        found = await self._store.first(
            CHARGES, {"_id": {"$in": list(charges)}, "invoice": {"$gt": ""}},
            projection={"invoice": 1},
        )  # fmt: skip
        return None if found is None else str(found["invoice"])


def _open(town: str) -> Document:
    return {"town": town, "billing": _ARREARS, "accepted": True, "invoice": None}


def _charge_document(charge: Charge) -> Document:
    document = asdict(charge)
    document["_id"] = document.pop("id")
    return {
        **document, "day": charge.day.isoformat(), "month": month_of(charge.day),
        "changed": None,
        "starts": charge.starts and charge.starts.isoformat(),
        "ends": charge.ends and charge.ends.isoformat(),
        "surcharge": charge.surcharge and charge.surcharge.model_dump(),
        "ending": charge.ending and charge.ending.model_dump(),
    }  # fmt: skip


def _decided(one: Document, changed: datetime) -> Document:
    """A decision's facts; how money goes back is the word of the latest decision or end."""
    facts = {name: {"$literal": one[name]} for name in _FACTS if one[name] is not None}
    latest = {"$lt": [{"$ifNull": ["$ending.at", EPOCH]}, one["decided"]]}
    given = {"$cond": [latest, one["given_back"], "$given_back"]}
    return {"$set": {**facts, "given_back": given, "changed": changed}}


def _ended(one: Document, changed: datetime) -> Document:
    """An end that decides nothing, and how money goes back."""
    latest = {"$lt": ["$decided", one["ending"]["at"]]}
    given = {"$cond": [latest, one["given_back"], "$given_back"]}
    ending = {"$literal": one["ending"]}
    return {"$set": {"ending": ending, "given_back": given, "changed": changed}}


def charge_in(document: Document) -> Charge:
    """A charge as rules take it."""
    surcharge, ending = document["surcharge"], document["ending"]
    return Charge(
        id=document["_id"], day=date.fromisoformat(document["day"]),
        starts=document["starts"] and time.fromisoformat(document["starts"]),
        ends=document["ends"] and time.fromisoformat(document["ends"]),
        surcharge=surcharge and Surcharged.model_construct(**surcharge),
        ending=ending and Ending.model_validate(ending),
        **{name: document[name] for name in (
            "town", "family", "request", "line", "child", "child_name", "activity", "unit",
            "billing", "accepted", "decided", "quantity", "given_back", "invoice",
        )},
    )  # fmt: skip


def _run_in(document: Document) -> Run:
    return Run(
        id=document["_id"], town=document["town"], month=document["month"],
        asked_by=document["asked_by"], asked_at=document["asked_at"],
        body_hash=document["body_hash"],
        outcome=document["outcome"] and Outcome.model_validate(document["outcome"]),
    )  # fmt: skip
