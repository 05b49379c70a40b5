"""``preau check`` for billing: charges, invoices, accounts and credit notes tell one story.

They are read one after the other while commands go on, so what looks wrong is looked at again,
and is wrong only if it stays so.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from functools import partial

from services.billing.commands.pricing import priced_charges
from services.billing.domain.accounts import Account, Holder, unbalanced
from services.billing.domain.charges import Charge, charge_id
from services.billing.service import state_of
from services.billing.store.accounts import account_id, account_in, replayed
from services.billing.store.inspection import Inspection
from shared.copies import TownCopy
from shared.findings import BookedUnit, Finding
from shared.runner import Parts
from shared.store import Document
from shared.tasks import grouped

_AT_ONCE = 100
#: How often, and after how many seconds, what looks wrong is looked at again: the jobs carry on
#: within that time what a dead process left.
_LOOKS, _PAUSE = 12, 0.5
#: States of debits for which invoices are set apart.
_TO_COME = ("planned", "ready", "announced")
#: Kind, where, what about.
_Fault = tuple[str, str, tuple[tuple[str, str | int], ...]]


async def check(parts: Parts, town: str | None) -> AsyncIterator[Finding]:
    """Whatever must not be in billing's database, of one town or of all."""
    store = Inspection(parts.store)
    async for holders in grouped(store.holders(town), _AT_ONCE):
        async for fault in _lasting(partial(_judged, store, holders)):
            yield fault
    async for holders in grouped(store.without_account(town), _AT_ONCE):
        async for fault in _lasting(partial(_judged, store, holders)):
            yield fault
    after = ""
    while charges := await store.unbilled_after(after, town, _AT_ONCE):
        after = charges[-1].id
        async for fault in _lasting(partial(_on_no_invoice, store, parts, charges)):
            yield fault
    async for one in store.numbers(town):
        if one["count"] != one["last"]:
            name = "/".join(str(part) for part in one["_id"].values())
            yield Finding(
                "numbers-with-a-gap", f"invoices/{name}",
                {"count": one["count"], "last": one["last"]},
            )  # fmt: skip


async def due(parts: Parts, lines: Collection[BookedUnit]) -> set[BookedUnit]:
    """Those of these units of lines for which a charge is due."""
    ids = {charge_id(*one): one for one in lines}
    return {ids[one] for one in await Inspection(parts.store).due(ids)}


async def followed(parts: Parts) -> set[str]:
    """Towns of which billing knows, and has handled every decision that it was told."""
    known = {one.file.town for one in await TownCopy(parts.store, parts.clock).all()}
    return known - await Inspection(parts.store).holding()


async def _lasting(look: Callable[[], Awaitable[set[_Fault]]]) -> AsyncIterator[Finding]:
    found = await look()
    for _ in range(_LOOKS):
        if not found:
            break
        await asyncio.sleep(_PAUSE)
        found &= await look()
    for kind, where, about in sorted(found):
        yield Finding(kind, where, dict(about))


async def _judged(store: Inspection, holders: Sequence[Holder]) -> set[_Fault]:
    documents = {one["_id"]: one for one in await store.accounts(map(account_id, holders))}
    towns = sorted({one.town for one in holders})
    families = [one.family for one in holders]
    by_holder: dict[tuple[str, str, str], list[Document]] = defaultdict(list)
    for invoice in await store.invoices_of(towns, families):
        by_holder[invoice["town"], invoice["office"], invoice["family"]].append(invoice)
    paid: dict[tuple[str, str, str], list[Document]] = defaultdict(list)
    for payment in await store.payments_of(towns, families):
        paid[payment["town"], payment["office"], payment["family"]].append(payment)
    collected: dict[tuple[str, str, str], list[Document]] = defaultdict(list)
    for debit in await store.debits_of(towns, families):
        collected[debit["town"], debit["office"], debit["family"]].append(debit)
    found: set[_Fault] = set()
    for holder in holders:
        _id = account_id(holder)
        account = Account(holder)
        if document := documents.get(_id):
            account = account_in(document)
            found.update(_of_account(document, account))
        invoices = {one["_id"]: one for one in by_holder.get(holder, ())}
        found.update(_of_invoices(_id, account, invoices))
        found.update(_of_payments(account, paid.get(holder, ())))
        found.update(_of_debits(account, collected.get(holder, ())))
        cancelled = await store.cancelled_of(invoices)
        found.update(_of_charges(invoices, cancelled))
        void = [key for key, one in invoices.items() if one["state"] == "void"]
        for charge in await store.standing_on(void) if void else ():
            found.add(("due-and-called-off", f"charges/{charge['_id']}", ()))
    return found


async def _on_no_invoice(store: Inspection, parts: Parts, charges: Sequence[Charge]) -> set[_Fault]:
    """Places that are given, were to be paid for and are billed nowhere; but for what has no price,
    which agents see."""
    told = await store.told_unpriced({one.request for one in charges})
    left = await store.unbilled([one.id for one in charges if one.request not in told])
    by_request: dict[tuple[str, str, str], list[Charge]] = defaultdict(list)
    for one in charges:
        if one.id in left:
            by_request[one.town, one.family, one.request].append(one)
    found: set[_Fault] = set()
    billing = state_of(parts)
    for (slug, family, _), some in by_request.items():
        town = await billing.towns.need(slug)
        _, reckoned = await priced_charges(billing, town, family, some)
        found |= {("booked-and-on-no-invoice", f"charges/{one.id}", ()) for one in reckoned.charges}
    return found


def _of_account(document: Document, account: Account) -> Iterator[_Fault]:
    """Whether every cent is somewhere, and the journal says what the account does."""
    where = f"accounts/{document['_id']}"
    for fault in unbalanced(account):
        yield "account-unbalanced", where, (("fault", fault),)
    if replayed(document) != account:
        yield "account-differs-from-journal", where, ()
    if document["behind"]:
        yield "invoices-behind", where, (("count", len(document["behind"])),)


def _of_invoices(_id: str, account: Account, invoices: Mapping[str, Document]) -> Iterator[_Fault]:
    """Whether invoices and account say the same of what is due and settled."""
    for invoice, debt in account.debts.items():
        found = invoices.get(invoice)
        if found is None:
            yield "debt-without-invoice", f"accounts/{_id}", (("invoice", invoice),)
        elif (found["state"], found["settled_cents"]) != (debt.state, debt.settled):
            yield "invoice-differs-from-account", f"invoices/{invoice}", ()
    due = 0
    for invoice, document in invoices.items():
        if not document["announced"]:
            yield "invoice-not-announced", f"invoices/{invoice}", ()
        if document["total_cents"] != sum(line["total_cents"] for line in document["lines"]):
            yield "total-differs-from-lines", f"invoices/{invoice}", ()
        if document["kind"] != "credit_note" and invoice not in account.debts:
            yield "invoice-without-debt", f"invoices/{invoice}", ()
        credited = invoices.get(document["of"] or "", document)
        if document["state"] != "void" and credited["state"] != "void":
            due += document["total_cents"]
    owed = sum(one.owed for one in account.debts.values())
    if owed != due:
        yield "owed-differs-from-invoices", f"accounts/{_id}", (("owed", owed), ("due", due))


def _of_payments(account: Account, payments: Sequence[Document]) -> Iterator[_Fault]:
    """Whether what was received is on the account, and what was reversed is not."""
    for payment in payments:
        source = account.sources.get(payment["_id"])
        cents = payment["cents"] if payment["state"] == "paid" else 0
        if payment["untold"] or source is None or source.cents != cents:
            yield "payment-differs-from-account", f"payments/{payment['_id']}", ()


def _of_debits(account: Account, debits: Sequence[Document]) -> Iterator[_Fault]:
    """Whether invoices are set apart for debits that are to come, and for no other; what was
    collected is on the account, and what banks sent back is not."""
    known = {one["_id"]: one for one in debits}
    for invoice, debt in account.debts.items():
        if debt.debit and debt.unpaid and known.get(debt.debit, {}).get("state") not in _TO_COME:
            yield "set-apart-for-nothing", f"invoices/{invoice}", (("debit", debt.debit),)
    for debit in debits:
        source = account.sources.get(debit["_id"])
        cents = debit["cents"] if debit["state"] == "settled" else 0
        if debit["untold"] or cents != (source.cents if source else 0):
            yield "debit-differs-from-account", f"debits/{debit['_id']}", ()


def _of_charges(
    invoices: Mapping[str, Document], cancelled: Sequence[Document]
) -> Iterator[_Fault]:
    """Whether what is due no longer was given back."""
    billed: dict[str, int] = defaultdict(int)
    for document in invoices.values():
        if document["state"] != "void":
            for link in document["billed"]:
                for entry in link["entries"]:
                    billed[entry["ref"]] += entry["cents"]
    for charge in cancelled:
        left = billed[f"{charge['request']}-{charge['line']}"]
        if left > 0:
            yield "cancelled-and-billed", f"charges/{charge['_id']}", (("cents", left),)
