"""Invoices and credit notes: ``{_id, town, family, guardian, kind, month, request, of, expires,
office, year, sequence, number, issued_on, due_on, version, lines, children, charges, total_cents,
run, billed, reductions, announced, delivery, balance, to_pay_cents, state, settled_cents,
unpaid_cents, debit_on, account_v, given_up}``.

The number, the lines and what follows from them are written once. ``announced``: the family's
account has said what is to be paid (``balance``), and the family is told. Those from
``state`` to ``account_v`` follow the account, of which that was the version. ``given_up``: lines of
requests (refs) that are not booked after all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any, NamedTuple

from pymongo import IndexModel

from services.billing.domain.accounts import Debt, Holder
from services.billing.domain.corrections import Billed, Link, Reduction
from services.billing.domain.invoicing import Balance, Invoice, InvoiceLine, balance_of
from services.billing.domain.months import first_day
from services.billing.domain.online_invoices import Delivery
from shared.auth import Scope
from shared.bulk import Saying
from shared.contracts.billing import InvoiceIssued
from shared.failpoints import step
from shared.paging import page
from shared.store import EPOCH, Document, DuplicateKey, Store

INVOICES = "invoices"
NUMBER_INVOICE = step("billing.invoice.number")
ANNOUNCE = step("billing.invoice.announce")
FOLLOW = step("billing.invoice.follow")
NOTE_CHAIN = step("billing.invoice.note")
CHANGED = step("billing.invoice.changed")
_NUMBER = "number"
#: A town that renamed its office has two series, whose numbers are told apart by the id.
_NEWEST = [("year", -1), ("sequence", -1), ("_id", -1)]
INDEXES = {
    INVOICES: [
        IndexModel(
            [(key, 1) for key in ("town", "office", "year", "sequence")], name=_NUMBER, unique=True
        ),
        IndexModel([("town", 1), *_NEWEST], name="pages"),
        IndexModel([("town", 1), ("family", 1), *_NEWEST], name="family-pages"),
        IndexModel([("town", 1), ("state", 1), *_NEWEST], name="state-pages"),
        IndexModel([("run", 1)], name="run"),
        IndexModel([("billed.basis", 1)], name="chains", sparse=True),
        IndexModel(
            [("changed", 1)], name="changed",
            partialFilterExpression={"changed": {"$gt": EPOCH}},
        ),
        IndexModel(
            [("request", 1)], name="requests",
            partialFilterExpression={"request": {"$gt": ""}},
        ),
        IndexModel(
            [("state", 1), ("expires", 1)], name="holds",
            partialFilterExpression={"expires": {"$exists": True}},
        ),
        IndexModel(
            [("announced", 1)], name="unannounced", partialFilterExpression={"announced": False}
        ),
    ],
}  # fmt: skip
_SHOWN = {"pending": 0, "charges": 0, "billed": 0}
#: What a list says of an invoice, as it is kept.
_LISTED = dict.fromkeys(
    (
        "number", "family", "guardian", "month", "issued_on", "due_on", "total_cents", "kind",
        "of", "request", "state", "settled_cents", "unpaid_cents", "debit_on",
        "expires", "kept",
    ),
    1,
)  # fmt: skip
_NEVER = -1


class Wanted(NamedTuple):
    """Which invoices: within ``reach``, a further condition, those that match ``only``; at most
    ``limit`` following ``after``."""

    reach: Mapping[str, Any]
    only: Mapping[str, Any]
    after: str | None
    limit: int


class Owed(NamedTuple):
    """A new invoice with its debt, as that ``version`` of the account has it; how it reaches the
    family, and by which ``mandate`` (RUM) it is to be collected, if it is."""

    invoice: Invoice
    debt: Debt
    version: int
    delivery: Delivery
    mandate: str | None = None


class InvoiceStore:
    """Every query and write of invoices and credit notes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def held_by_run(self, run: str) -> AsyncIterator[tuple[str, list[str]]]:
        """What a month end has issued: each invoice with the charges it holds."""
        pipeline: list[Document] = [{"$match": {"run": run}}, {"$project": {"charges": 1}}]
        async for one in self._store.aggregate(INVOICES, pipeline):
            yield one["_id"], list(one["charges"])

    # -- issuing ---------------------------------------------------------------------------

    async def last_sequence(self, town: str, office: str, year: int) -> int:
        """The last number given by an office in a year; 0 when there is none."""
        last = await self._store.first(
            INVOICES, {"town": town, "office": office, "year": year},
            sort=[("sequence", -1)], projection={"sequence": 1},
        )  # fmt: skip
        return int(last["sequence"]) if last else 0

    async def number(
        self, invoices: Sequence[tuple[Invoice, Sequence[str]]], run: str | None
    ) -> tuple[int, bool]:
        """Store invoices that have their numbers, one after the other, each with the charges on
        it: how many of them; and whether the next was refused because its number is taken (else
        one of its id is there).

        The numbers are given by this very write, so that none is ever lost.
        """
        documents = [_document(invoice, charges, run) for invoice, charges in invoices]
        done, refused_by = await self._store.insert_in_order(NUMBER_INVOICE, INVOICES, documents)
        if refused_by not in (None, "_id_", _NUMBER):
            raise DuplicateKey(refused_by)
        return done, refused_by == _NUMBER

    async def announce(self, owed: Sequence[Owed]) -> None:
        """Note what the accounts said of new invoices, and tell the families. Once: updates whose
        filter excludes what is announced."""
        for followed in (False, True):  # by a later version of the account, already
            sayings = [_announcing(one, followed=followed) for one in owed]
            if await self._store.change_each_saying(ANNOUNCE, INVOICES, sayings) == len(owed):
                return

    async def unannounced(self, after: str, limit: int) -> list[Invoice]:
        """Invoices that a process numbered and died, by id, those after one."""
        query = {"announced": False, "_id": {"$gt": after}}
        found = await self._store.find(
            INVOICES, query, sort=[("_id", 1)], limit=limit, projection=_SHOWN
        )
        return [_invoice_in(document) for document in found]

    async def of_request(self, town: str, request: str) -> list[Invoice]:
        """The invoices of what a request booked, the latest first."""
        found = await self._store.find(
            INVOICES, {"town": town, "request": request, "kind": "booking"},
            sort=[("year", -1), ("sequence", -1)], projection=_SHOWN,
        )  # fmt: skip
        return [_invoice_in(document) for document in found]

    async def booked(self, town: str, request: str) -> list[tuple[Invoice, dict[str, int]]]:
        """The same, with what each bills of which lines of requests (``request-line``), in
        cents."""
        found = []
        for invoice in await self.of_request(town, request):
            cents: dict[str, int] = defaultdict(int)
            for (ref, _), billed in (await self.billed_of([invoice.id])).items():
                cents[ref] += billed
            found.append((invoice, cents))
        return found

    async def billed_of(self, invoices: Collection[str]) -> dict[tuple[str, str], int]:
        """What the chains bill that these invoices began, in cents, by line of a request and part
        of it."""
        cents: dict[tuple[str, str], int] = defaultdict(int)
        if invoices:
            chains = await self._store.find(
                INVOICES, {"billed.basis": {"$in": sorted(invoices)}},
                projection={f"billed.{name}": 1 for name in (
                    "basis", "entries.ref", "entries.what", "entries.cents"
                )},
            )  # fmt: skip
            for link in (one for document in chains for one in document["billed"]):
                for entry in link["entries"] if link["basis"] in invoices else ():
                    cents[entry["ref"], entry["what"]] += entry["cents"]
        return cents

    async def waiting(self, town: str, records: Sequence[str]) -> list[Billed]:
        """What a family's invoices bill for which places wait."""
        found = await self._store.find(
            INVOICES,
            {
                "town": town, "family": {"$in": list(records)}, "state": "open", "kept": False,
                "expires": {"$exists": True},
            },
            projection={"billed": 1},
        )  # fmt: skip
        return [Billed.model_validate(one) for document in found for one in document["billed"]]

    async def give_up(self, invoice: str, refs: Collection[str], now: datetime) -> None:
        """Note that these lines (refs) of what an invoice bills are not booked: the job looks."""
        update: dict[str, Document] = {
            "$set": {"changed": now},
            "$addToSet": {"given_up": {"$each": sorted(refs)}},
        }
        await self._store.change(CHANGED, INVOICES, invoice, {}, update)

    async def given_up(self, invoice: str) -> set[str]:
        """The lines (refs) noted so."""
        found = await self._store.get(INVOICES, invoice, {"given_up": 1})
        return set((found or {}).get("given_up", ()))

    async def all_changed(self, before: datetime, after: str, limit: int) -> list[str]:
        """Invoices of which that was noted, and that were left alone since; those after one."""
        query = {"changed": {"$gt": EPOCH, "$lt": before}, "_id": {"$gt": after}}
        found = await self._store.find(
            INVOICES, query, sort=[("_id", 1)], limit=limit, projection={"_id": 1}
        )
        return [document["_id"] for document in found]

    async def looked_at(self, invoice: str, before: datetime) -> None:
        """What was noted before that instant is done."""
        noted = {"changed": {"$lt": before}}
        await self._store.change(CHANGED, INVOICES, invoice, noted, {"$set": {"changed": None}})

    async def unpaid_before(
        self, instant: datetime, after: Invoice | None, limit: int
    ) -> list[Invoice]:
        """Invoices of bookings whose time to be paid was over at that instant, the oldest first;
        those that follow ``after``."""
        query: Document = {"state": "open", "expires": {"$lt": instant}, "kept": False}
        if after is not None:
            same = {"expires": after.expires, "_id": {"$gt": after.id}}
            query["$or"] = [{"expires": {"$gt": after.expires}}, same]
        found = await self._store.find(
            INVOICES, query, sort=[("expires", 1), ("_id", 1)], limit=limit, projection=_SHOWN
        )
        return [_invoice_in(document) for document in found]

    async def existing(self, invoices: Sequence[str]) -> set[str]:
        """Those of these ids that are invoices."""
        found = await self._store.find(
            INVOICES, {"_id": {"$in": list(invoices)}}, projection={"_id": 1}
        )
        return {document["_id"] for document in found}

    async def chain(self, basis: str) -> list[Link] | None:
        """The documents that bill what an invoice began; None while one of them is not owed yet on
        the account."""
        found = await self._chained(basis)
        return _links(found, basis) if all(document["announced"] for document in found) else None

    async def links(self, basis: str) -> list[Link]:
        """The same, owed already or not."""
        return _links(await self._chained(basis), basis)

    async def _chained(self, basis: str) -> list[Document]:
        return await self._store.find(
            INVOICES, {"billed.basis": basis},
            projection={"billed": 1, "announced": 1, "reductions": 1},
        )  # fmt: skip

    async def note(self, document: str, billed: Billed) -> bool:
        """Add a difference of nothing to a chain; False when the document has one of that
        position."""
        positions = {"$elemMatch": {"basis": billed.basis, "position": billed.position}}
        return await self._store.change(
            NOTE_CHAIN, INVOICES, document, {"billed": {"$not": positions}},
            {"$push": {"billed": _billed(billed)}},
        )  # fmt: skip

    async def follow(self, debts: Mapping[str, Debt], version: int) -> None:
        """Note where invoices stand by that version of the account."""
        await self._store.change_each(
            FOLLOW, INVOICES,
            [
                (
                    {"_id": invoice, "account_v": {"$lt": version}},
                    {"$set": {**_standing(debt), "account_v": version}},
                )
                for invoice, debt in debts.items()
            ],
        )  # fmt: skip

    # -- reading ---------------------------------------------------------------------------

    async def get(self, invoice: str) -> Invoice | None:
        """An invoice by its id: for commands."""
        document = await self._store.get(INVOICES, invoice, _SHOWN)
        return None if document is None else _invoice_in(document)

    async def charges_of(self, invoices: Sequence[str]) -> dict[str, list[str]]:
        """By id, the charges that these invoices hold; those that there are."""
        found = await self._store.find(
            INVOICES, {"_id": {"$in": list(invoices)}}, projection={"charges": 1}
        )
        return {document["_id"]: list(document["charges"]) for document in found}

    async def invoice(self, scope: Scope, invoice: str, reach: Mapping[str, Any]) -> Invoice | None:
        """An invoice within the scope and ``reach``, a further condition; or None."""
        document = await self._store.first(
            INVOICES, {"$and": [{"_id": invoice, "announced": True}, scope.query(), reach]},
            projection=_SHOWN,
        )  # fmt: skip
        return None if document is None else _invoice_in(document)

    async def invoices(self, scope: Scope, wanted: Wanted) -> list[Invoice]:
        """Invoices within the scope, newest first."""
        return [_invoice_in(one) for one in await self._page(scope, wanted, _SHOWN)]

    async def listed(self, scope: Scope, wanted: Wanted) -> list[Document]:
        """The same, of each what a list says (``_LISTED``), as it is kept."""
        return await self._page(scope, wanted, _LISTED)

    async def _page(
        self, scope: Scope, wanted: Wanted, projection: Mapping[str, Any]
    ) -> list[Document]:
        return await page(
            self._store, INVOICES, within={"$and": [scope.query(), wanted.reach]},
            only={"announced": True, **wanted.only}, order=_NEWEST, after=wanted.after,
            limit=wanted.limit, projection=projection,
        )  # fmt: skip

    async def open_of(self, holder: Holder) -> list[Invoice]:
        """An account's invoices of which something is to be paid, the oldest first."""
        found = await self._store.find(
            INVOICES, {**holder._asdict(), "state": "open", "announced": True},
            sort=[("year", 1), ("sequence", 1)], projection=_SHOWN,
        )  # fmt: skip
        return [_invoice_in(document) for document in found]

    async def not_owed_yet(self, town: str, records: Sequence[str]) -> list[str]:
        """The numbers of a family's invoices and credit notes of which its account may not know."""
        query = {"town": town, "family": {"$in": list(records)}, "announced": False}
        return await self._numbers(query)

    async def numbers(self, invoices: Sequence[str]) -> list[str]:
        """The numbers of these."""
        return await self._numbers({"_id": {"$in": list(invoices)}})

    async def _numbers(self, query: Document) -> list[str]:
        found = await self._store.find(INVOICES, query, projection={"number": 1})
        return [document["number"] for document in found]

    async def totals(self, run: str) -> tuple[int, int]:
        """How many invoices a month end has issued, and their sum in cents."""
        pipeline: list[Document] = [
            {"$match": {"run": run}},
            {"$group": {"_id": None, "count": {"$sum": 1}, "cents": {"$sum": "$total_cents"}}},
        ]
        async for one in self._store.aggregate(INVOICES, pipeline):
            return int(one["count"]), int(one["cents"])
        return 0, 0


def _document(invoice: Invoice, charges: Sequence[str], run: str | None) -> Document:
    document = {
        **{one.name: getattr(invoice, one.name) for one in fields(invoice)},
        "_id": invoice.id, "number": invoice.number,
        "issued_on": invoice.issued_on.isoformat(), "due_on": invoice.due_on.isoformat(),
        "lines": [line.model_dump(mode="json") for line in invoice.lines],
        "children": sorted({line.child for line in invoice.lines}),
        "total_cents": invoice.total_cents, "charges": list(charges), "run": run,
        "announced": False, "account_v": _NEVER, "balance": [],
        "billed": [_billed(one) for one in invoice.billed],
        "reductions": [one.model_dump() for one in invoice.reductions],
    }  # fmt: skip
    del document["id"]
    if invoice.expires is None:
        del document["expires"]
    return document


def _billed(billed: Billed) -> Document:
    return billed.model_dump(mode="json", exclude_defaults=True)


def _links(documents: Sequence[Document], basis: str) -> list[Link]:
    return [
        Link(
            document["_id"], Billed.model_validate(one),
            tuple(Reduction.model_validate(less) for less in document["reductions"]),
        )
        for document in documents
        for one in document["billed"]
        if one["basis"] == basis
    ]  # fmt: skip


def _announcing(owed: Owed, *, followed: bool) -> Saying:
    invoice, debt, version, delivery, mandate = owed
    to_pay = debt.unpaid if debt.state == "open" else 0
    announced = {
        "announced": True, "delivery": delivery, "to_pay_cents": to_pay,
        "balance": [one.model_dump() for one in balance_of(debt)],
    }  # fmt: skip
    said = InvoiceIssued(
        invoice=invoice.id, number=invoice.number, family=invoice.family,
        guardian=invoice.guardian, month=first_day(invoice.month),
        total_cents=invoice.total_cents, due_on=invoice.due_on, invoice_kind=invoice.kind,
        to_pay_cents=to_pay, request=invoice.request, credited=invoice.of,
        delivery=delivery, mandate_reference=mandate if to_pay else None,
    )  # fmt: skip
    condition: Document = {"announced": False}
    if not followed:
        condition["account_v"] = {"$lt": version}
        announced |= {**_standing(debt), "account_v": version}
    return Saying(invoice.id, condition, {"$set": announced}, (said,), invoice.town)


def _standing(debt: Debt) -> Document:
    return {
        "state": debt.state, "settled_cents": debt.settled, "kept": debt.kept,
        "unpaid_cents": debt.unpaid if debt.state == "open" and debt.debit is None else 0,
        "debit_on": debt.debit_on if debt.state == "open" else None,
    }  # fmt: skip


def _invoice_in(document: Document) -> Invoice:
    on = document.get("debit_on")
    return Invoice(
        id=document["_id"],
        issued_on=date.fromisoformat(document["issued_on"]),
        due_on=date.fromisoformat(document["due_on"]),
        lines=tuple(InvoiceLine.model_validate(line) for line in document["lines"]),
        balance=tuple(Balance.model_validate(one) for one in document["balance"]),
        reductions=tuple(Reduction.model_validate(one) for one in document["reductions"]),
        **{name: document[name] for name in (
            "town", "family", "guardian", "month", "office", "year", "sequence", "version",
            "kind", "request", "of", "state", "settled_cents", "unpaid_cents",
        )},
        expires=document.get("expires"), kept=document.get("kept", False),
        debit_on=on and date.fromisoformat(on), delivery=document.get("delivery"),
    )  # fmt: skip
