"""What a change comes to after its day was billed: the difference, and to whom it goes.

What was billed for a child's sessions is a chain of entries, each in the document that bills or
credits it: the month's invoice (or that of a booking paid at once) begins it, with the facts it
was priced from; each later document adds the difference that a change makes, and the facts then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.billing.domain.prices.basket import price
from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import ChildFacts, Facts, Line
from services.billing.domain.prices.lines import PricedBasket, PricedLine
from shared.money import Cents

EntryKind = Literal["booked", "cancelled", "changed"]
#: A line of a request, and what of it: booked, due once, or late.
Key = tuple[str, str]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Entry(_Part):
    """What was billed, or given back (below zero), for a line of a request (``ref``)."""

    ref: str
    what: Literal["booked", "once", "late"]
    kind: EntryKind
    child: str
    activity: str
    units: tuple[str, ...]
    day: date
    cents: Cents

    @property
    def key(self) -> Key:
        return self.ref, self.what


class Billed(_Part):
    """What one document adds to the chain that the invoice ``basis`` began, as its ``position``-th
    (from 0); ``facts`` are those from which the chain is priced since."""

    basis: str
    position: int
    facts: Facts
    entries: tuple[Entry, ...]


class Reduction(_Part):
    """How much less is due of an invoice; what was paid for it is transferred back (``refund``) or
    is credit."""

    invoice: str
    cents: Cents
    refund: bool


@dataclass(frozen=True, slots=True)
class Link:
    """One document of a chain, and what it took from others of it."""

    document: str
    billed: Billed
    reductions: tuple[Reduction, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be billed or given back, by what. ``unpriced`` are refs the town has no price
    for."""

    billed: Billed
    reductions: tuple[Reduction, ...]
    unpriced: frozenset[str]

    @property
    def cents(self) -> int:
        return sum(one.cents for one in self.billed.entries)


def entries_of(basket: PricedBasket) -> tuple[Entry, ...]:
    """The entries that begin a chain."""
    return tuple(
        _entry(line, cents, "booked") for line, cents in _summed(basket).values()
    )  # fmt: skip


def difference(
    chain: Sequence[Link],
    lines: Sequence[Line],
    children: Sequence[ChildFacts],
    book: PriceBook,
    refunded: Collection[str],
) -> Difference:
    """The difference between what the chain billed and what ``lines`` cost.

    The family's facts stay those of the bill, and what did not change is never priced anew: a
    line that is gone gives back what was billed for it; a new one costs its price; of the others
    the difference between before and now is billed, by the same prices. ``refunded``: refs whose
    money goes back by transfer.
    """
    latest = max(chain, key=lambda one: one.billed.position).billed
    before = latest.facts
    known = {one.id for one in before.children}
    now = before.model_copy(
        update={
            "lines": (*lines, *(one for one in before.lines if one.known)),
            "children": (*before.children, *(one for one in children if one.id not in known)),
        }
    )
    was, priced = _summed(price(book, before)), price(book, now)
    costs = _summed(priced)
    unpriced = frozenset(one.ref for one in priced.unpriced)
    entries: dict[Key, Entry] = {}
    for key, billed in _by_key(chain).items():
        if key not in costs and key[0] not in unpriced:
            left = sum(one.cents for one in billed)
            entries[key] = billed[-1].model_copy(update={"kind": "cancelled", "cents": -left})
    for key, (line, cents) in costs.items():
        fresh = key not in was
        entries[key] = _entry(
            line, cents if fresh else cents - was[key][1], "booked" if fresh else "changed"
        )
    kept = tuple(one for one in entries.values() if one.cents)
    position = latest.position + 1
    return Difference(
        Billed(basis=latest.basis, position=position, facts=now, entries=kept),
        _reductions(chain, kept, refunded),
        unpriced,
    )


def _summed(basket: PricedBasket) -> dict[Key, tuple[PricedLine, int]]:
    """What each line of a request costs, in all."""
    sums: dict[Key, tuple[PricedLine, int]] = {}
    for line in basket.lines:
        first, cents = sums.get((line.ref, line.what), (line, 0))
        sums[line.ref, line.what] = first, cents + line.cents
    return sums


def _entry(line: PricedLine, cents: int, kind: EntryKind) -> Entry:
    return Entry.model_construct(
        ref=line.ref, what=line.what, kind=kind, child=line.child, activity=line.activity,
        units=line.units, day=line.day, cents=cents,
    )  # fmt: skip


def _by_key(chain: Sequence[Link]) -> Mapping[Key, list[Entry]]:
    """Each line's entries, in order."""
    found: dict[Key, list[Entry]] = defaultdict(list)
    for link in sorted(chain, key=lambda one: one.billed.position):
        for entry in link.billed.entries:
            found[entry.key].append(entry)
    return found


def _reductions(
    chain: Sequence[Link], entries: Sequence[Entry], refunded: Collection[str]
) -> tuple[Reduction, ...]:
    """From which invoices what is given back is taken: those of which something is due, the latest
    first. What is to be billed more is set off against it, before anything is refunded."""
    gone = [one for one in entries if one.cents < 0]
    credit = -sum(one.cents for one in gone if one.ref not in refunded)
    refund = -sum(one.cents for one in gone if one.ref in refunded)
    set_off = sum(one.cents for one in entries if one.cents > 0)
    credit, set_off = max(credit - set_off, 0), max(set_off - credit, 0)
    left = _due(chain)
    reductions = []
    for cents, is_refund in ((credit, False), (max(refund - set_off, 0), True)):
        for document in reversed(left):
            taken = min(cents, left[document])
            if taken:
                left[document] -= taken
                cents -= taken
                reductions.append(Reduction(invoice=document, cents=taken, refund=is_refund))
    return tuple(reductions)


def _due(chain: Sequence[Link]) -> dict[str, int]:
    """What is due of each document of a chain, paid or not; credit notes are due nothing."""
    due: dict[str, int] = defaultdict(int)
    for link in sorted(chain, key=lambda one: one.billed.position):
        due[link.document] += sum(one.cents for one in link.billed.entries)
    due = {document: max(cents, 0) for document, cents in due.items()}
    taken = {link.document: link.reductions for link in chain}
    for reduction in (one for reductions in taken.values() for one in reductions):
        due[reduction.invoice] -= reduction.cents
    return due
