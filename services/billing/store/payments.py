"""Payments: ``{_id, town, office, family, payer, account, means, cents, parts, invoices, state,
created_at, since, body_hash, numcli, refdet, idop, opened_at, returned_at, answered_at, letter,
authorisation, problem, next_ask, asked_at, untold, reference, reversal, turns}``; one document for
each, whatever comes of it. ``turns``: of what is handed over at a desk, ``invoice.n`` for each
invoice, ``n`` such payments having been entered before; unique, so that of two entered at once one
looks again at what is to be paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple, get_args

from pymongo import IndexModel

from services.billing.domain.payments import (
    SETTLED,
    Finding,
    Part,
    Payment,
    Reversal,
    State,
)
from shared.auth import Scope
from shared.contracts.town_file import DeskMeans
from shared.failpoints import step
from shared.paging import page
from shared.store import EPOCH, Document, DuplicateKey, Store

PAYMENTS = "payments"
CREATE_PAYMENT = step("billing.payment.create")
OPEN_PAYMENT = step("billing.payment.open")
HINT_PAYMENT = step("billing.payment.hint")
ASK_PAYMENT = step("billing.payment.ask")
RESOLVE_PAYMENT = step("billing.payment.resolve")
REVERSE_PAYMENT = step("billing.payment.reverse")
TELL_PAYMENT = step("billing.payment.tell")
LEASE_PAYMENTS = step("billing.payments.lease")
#: States into which, or out of which, something else follows from a payment.
_CONSEQUENT: frozenset[State] = frozenset({"paid", "undetermined"})
_TURNS = "turns"
_NEWEST = [("created_at", -1), ("_id", -1)]
INDEXES = {
    PAYMENTS: [
        IndexModel(
            [("idop", 1)], name="idop", unique=True,
            partialFilterExpression={"idop": {"$gt": ""}},
        ),
        IndexModel(
            [("next_ask", 1)], name="to-ask",
            partialFilterExpression={"next_ask": {"$gt": EPOCH}},
        ),
        IndexModel([("untold", 1)], name="untold", partialFilterExpression={"untold": True}),
        IndexModel([("invoices", 1)], name="invoices"),
        IndexModel(
            [("turns", 1)], name=_TURNS, unique=True,
            partialFilterExpression={"turns": {"$exists": True}},
        ),
        IndexModel([("town", 1), *_NEWEST], name="pages"),
        IndexModel([("town", 1), ("family", 1), *_NEWEST], name="family-pages"),
    ],
}  # fmt: skip


class Received(NamedTuple):
    """What of some means was received for invoices and stands, in ``cents``; ``turns``: those of
    the next that is entered at a desk."""

    cents: int
    turns: tuple[str, ...]


class PaymentStore:
    """Every query and write of payments."""

    def __init__(self, store: Store, lease_seconds: float) -> None:
        self._store = store
        self._lease_seconds = lease_seconds

    async def create(self, payment: Payment, after: Received | None = None) -> bool:
        """Store a payment; False when there is one of that id, or another was entered for one of
        its invoices ``after`` what it was checked against."""
        document = {
            **asdict(payment), "_id": payment.id, "invoices": list(payment.invoices),
            "parts": [one.model_dump() for one in payment.parts],
        }  # fmt: skip
        del document["id"]
        if after is not None:
            document["turns"] = list(after.turns)
        try:
            return await self._store.insert(CREATE_PAYMENT, PAYMENTS, document)
        except DuplicateKey as taken:
            if taken.index != _TURNS:
                raise
            return False

    async def opened(
        self, payment: str, *, idop: str, refdet: str, at: datetime, next_ask: datetime | None
    ) -> bool:
        """Note the page that was opened for a payment; False when one was already."""
        return await self._store.change(
            OPEN_PAYMENT, PAYMENTS, payment, {"state": "created", "idop": None},
            {"$set": {"state": "redirected", "since": at, "idop": idop, "refdet": refdet,
                      "opened_at": at, "next_ask": next_ask}},
        )  # fmt: skip

    async def not_opened(self, payment: str, now: datetime) -> bool:
        """Note that no page will be opened for a payment; False when one was, or it is over."""
        return await self._store.change(
            RESOLVE_PAYMENT, PAYMENTS, payment, {"state": "created", "idop": None},
            {"$set": {"state": "expired", "since": now, "next_ask": None}},
        )  # fmt: skip

    async def hint(self, town: str, idop: str, now: datetime, *, returned: bool = False) -> None:
        """Ask about that page at once, if nothing was paid there; ``returned``: a browser came
        back from it."""
        found = await self.by_idop(town, idop)
        if found is not None:
            await self._store.change(
                HINT_PAYMENT, PAYMENTS, found.id, {"state": {"$nin": sorted(SETTLED)}},
                {"$set": {"next_ask": now, **({"returned_at": now} if returned else {})}},
            )  # fmt: skip

    async def ask(self, payment: str, now: datetime, again: timedelta) -> bool:
        """Whether PayFiP may be asked about a payment for whoever reads it: nobody did so within
        ``again``. Of several who ask at once, one may."""
        long_ago = [{"asked_at": None}, {"asked_at": {"$lte": now - again}}]
        moved_back = {"asked_at": {"$gt": now}}
        return await self._store.change(
            ASK_PAYMENT, PAYMENTS, payment, {"$or": [*long_ago, moved_back]},
            {"$set": {"asked_at": now}},
        )  # fmt: skip

    async def found(self, payment: Payment, finding: Finding, now: datetime) -> bool:
        """Note what PayFiP said of a payment; False when its state has changed since, or when it
        is to be asked next."""
        moved = finding.state != payment.state
        fields = {
            "state": finding.state, "letter": finding.letter, "problem": finding.problem,
            "authorisation": finding.authorisation, "next_ask": finding.next_ask,
            **({"answered_at": now} if finding.answered else {}),
            **({"since": now} if moved else {}),
            **({"untold": True} if moved and _CONSEQUENT & {payment.state, finding.state} else {}),
        }  # fmt: skip
        return await self._store.change(
            RESOLVE_PAYMENT,
            PAYMENTS,
            payment.id,
            {"state": payment.state, "next_ask": payment.next_ask},
            {"$set": fields},
        )

    async def reverse(self, payment: str, reversal: Reversal) -> bool:
        """Note that a payment did not hold; False when it is not one, or no longer."""
        return await self._store.change(
            REVERSE_PAYMENT, PAYMENTS, payment, {"state": "paid"},
            {"$set": {"state": "reversed", "since": reversal.at, "untold": True,
                      "reversal": reversal.model_dump()}},
        )  # fmt: skip

    async def told(self, payment: Payment) -> bool:
        """What follows from the payment as it stands is done; False when its state is another."""
        return await self._store.change(
            TELL_PAYMENT, PAYMENTS, payment.id, {"state": payment.state},
            {"$set": {"untold": False}},
        )  # fmt: skip

    async def payment(self, _id: str) -> Payment | None:
        """A payment, or None; by its id alone: for commands that act on their own document."""
        return _payment_in(await self._store.get(PAYMENTS, _id))

    async def within(self, scope: Scope, payment: str, reach: Mapping[str, Any]) -> Payment | None:
        """A payment within the scope and ``reach``, a further condition; or None."""
        return _payment_in(
            await self._store.first(PAYMENTS, {"$and": [{"_id": payment}, scope.query(), reach]})
        )

    async def need(self, _id: str) -> Payment:
        """A payment that is there."""
        found = await self.payment(_id)
        if found is None:
            raise LookupError(_id)
        return found

    async def received(self, invoices: Sequence[str], means: DeskMeans) -> Received:
        """What of these means was received for these invoices at a desk."""
        desk = {"invoices": {"$in": list(invoices)}, "means": {"$in": list(get_args(DeskMeans))}}
        found = await self._all(desk, [], 0)
        before = Counter(invoice for one in found for invoice in one.invoices)
        parts = (
            part for one in found if one.means == means and one.state == "paid"
            for part in one.parts if part.invoice in invoices
        )  # fmt: skip
        turns = tuple(f"{invoice}.{before[invoice]}" for invoice in invoices)
        return Received(sum(part.cents for part in parts), turns)

    async def by_idop(self, town: str, idop: str) -> Payment | None:
        """The payment of that page, or None."""
        # Without an order: one in which to look would be one more index to choose.
        query = {"idop": idop, "town": town}
        return _payment_in(await self._store.first(PAYMENTS, query, sort=()))

    async def in_question(self, invoices: Sequence[str]) -> list[Payment]:
        """The payments meant for these invoices of which more may be heard, or the account knows
        nothing yet."""
        query = {
            "invoices": {"$in": list(invoices)},
            "$or": [{"next_ask": {"$gt": EPOCH}}, {"untold": True}]
        }  # fmt: skip
        return await self._all(query, [("_id", 1)], 0)

    async def made_for(self, invoice: str) -> list[Payment]:
        """What was paid for an invoice, reversed since or not."""
        return await self._all({"invoices": invoice, "state": {"$in": sorted(SETTLED)}}, [], 0)

    async def under_way(self, town: str, records: Sequence[str]) -> list[str]:
        """Ids of a family's payments of which nobody knows yet whether they are made."""
        query = {
            "town": town, "family": {"$in": list(records)},
            "state": {"$in": ["created", "redirected", "pending", "undetermined"]},
        }  # fmt: skip
        return [one.id for one in await self._all(query, [], 0)]

    async def to_ask(self, now: datetime, limit: int) -> list[Payment]:
        """Payments to be asked about, those that wait the longest first."""
        return await self._all({"next_ask": {"$gt": EPOCH, "$lte": now}}, [("next_ask", 1)], limit)

    async def untold(self, after: str, limit: int) -> list[Payment]:
        """Payments from which something follows that is not done yet, by id, those after one."""
        return await self._all({"untold": True, "_id": {"$gt": after}}, [("_id", 1)], limit)

    async def payments(
        self, scope: Scope, reach: Mapping[str, Any], only: Document, after: str | None, limit: int
    ) -> list[Payment]:
        """Payments within the scope and ``reach``, newest first, those following ``after``."""
        found = await page(
            self._store, PAYMENTS, within={"$and": [scope.query(), reach]}, only=only,
            order=_NEWEST, after=after, limit=limit,
        )  # fmt: skip
        return [_payment(document) for document in found]

    def leased(self, owner: str) -> AbstractAsyncContextManager[bool]:
        """Whether this process is the one that asks: as long as it does."""
        return self._store.leased(LEASE_PAYMENTS, "payments", owner, self._lease_seconds)

    async def _all(self, query: Document, sort: list[tuple[str, int]], limit: int) -> list[Payment]:
        found = await self._store.find(PAYMENTS, query, sort=sort, limit=limit)
        return [_payment(document) for document in found]


def _payment_in(document: Document | None) -> Payment | None:
    return None if document is None else _payment(document)


def _payment(document: Document) -> Payment:
    return Payment(
        id=document["_id"], parts=tuple(Part.model_validate(one) for one in document["parts"]),
        reversal=document["reversal"] and Reversal.model_validate(document["reversal"]),
        # Noted since: older payments have none.
        returned_at=document.get("returned_at"), answered_at=document.get("answered_at"),
        **{name: document[name] for name in _FIELDS},
    )  # fmt: skip


_READ = frozenset({"id", "parts", "reversal", "returned_at", "answered_at"})
_FIELDS = tuple(name for name in Payment.__dataclass_fields__ if name not in _READ)
