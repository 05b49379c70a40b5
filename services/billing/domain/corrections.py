"""What a change comes to after its day was billed: the difference, and to whom it goes.

What was billed for a child's sessions is a chain of entries, each in the document that bills or
credits it: the month's invoice (or that of a booking paid at once) begins it, with the facts it
was priced from; each later document adds the difference that a change makes, and the facts then.
What had no price is billed by none of them: the facts have no unit of it, and where nothing is left
of its line, the line is ``aside``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.billing.domain.prices.basket import price
from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import ChildFacts, Facts, Line
from services.billing.domain.prices.lines import PricedBasket, PricedLine, Unpriced
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
    (from 0); ``facts`` are those from which the chain is priced since, ``aside`` the refs of their
    lines that count as days and cost nothing yet."""

    basis: str
    position: int
    facts: Facts
    entries: tuple[Entry, ...]
    aside: tuple[str, ...] = ()


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
    """What is to be billed or given back, by what. ``unpriced``: refs with units that the town has
    no price for, and that nothing was ever billed for."""

    billed: Billed
    reductions: tuple[Reduction, ...]
    unpriced: frozenset[tuple[str, str]]

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
    the difference between before and now is billed, by the same prices. What was billed and has
    no price any more stays as it was billed. ``refunded``: refs whose money goes back by transfer.
    """
    latest = max(chain, key=lambda one: one.billed.position).billed
    before, aside = latest.facts, frozenset(latest.aside)
    known = {one.id for one in before.children}
    own = {one.ref for one in lines}
    left_aside = aside - own
    now = before.model_copy(
        update={
            "lines": (
                *lines,
                *(
                    one for one in before.lines
                    if one.ref not in own and (one.known or one.ref in left_aside)
                ),
            ),
            "children": (*before.children, *(one for one in children if one.id not in known)),
        }
    )  # fmt: skip
    priced_before, priced = price(book, before, aside), price(book, now, left_aside)
    was = {key: cents for key, (_, cents) in _summed(priced_before).items()}
    costs = _summed(priced)
    billed_lines = {
        one.ref: one for one in before.lines if not one.known and one.ref not in aside
    }  # fmt: skip
    lost_before = _lost(priced_before.unpriced, billed_lines)
    lost = _lost(priced.unpriced, billed_lines)
    entries: dict[Key, Entry] = {}
    chained = _by_key(chain)
    left = {key: sum(one.cents for one in billed) for key, billed in chained.items()}
    for key, billed in chained.items():
        if key not in costs and key[0] not in left_aside:
            gone = (was if key[0] in lost else left).get(key, 0)
            entries[key] = billed[-1].model_copy(update={"kind": "cancelled", "cents": -gone})
    for key, (line, cents) in costs.items():
        same_prices = lost.get(key[0]) == lost_before.get(key[0])
        known_before = same_prices and (key in was or key[0] in lost)
        base = (was if known_before else left).get(key, 0)
        entries[key] = _entry(line, cents - base, "changed" if key in was else "booked")
    kept = tuple(one for one in entries.values() if one.cents)
    stored, stored_aside = as_billed(now.lines, priced.unpriced, billed_lines)
    return Difference(
        Billed(
            basis=latest.basis, position=latest.position + 1, entries=kept,
            facts=now.model_copy(update={"lines": stored}),
            aside=(*left_aside, *(one for one in stored_aside if one not in left_aside)),
        ),
        _reductions(chain, kept, refunded),
        frozenset(
            (one.ref, unit) for one in priced.unpriced for unit in one.units
            if one.ref not in billed_lines or unit not in billed_lines[one.ref].units
        ),
    )  # fmt: skip


def undecided(chain: Sequence[Link], decided: Collection[str]) -> list[Line]:
    """The lines (by ref) of which nobody has said yet whether they are booked: they stay billed."""
    latest = max(chain, key=lambda one: one.billed.position).billed
    heard = {*decided, *latest.aside}
    return [one for one in latest.facts.lines if not one.known and one.ref not in heard]


def left_of(chain: Sequence[Link], documents: Collection[str]) -> list[Entry]:
    """What these documents of a chain bill and the whole chain has not given back since."""
    left = {key: sum(one.cents for one in billed) for key, billed in _by_key(chain).items()}
    found = []
    for entry in (
        one for link in chain if link.document in documents for one in link.billed.entries
    ):
        cents = min(entry.cents, left[entry.key])
        if cents > 0:
            left[entry.key] -= cents
            found.append(entry.model_copy(update={"cents": cents}))
    return found


def as_billed(
    lines: Iterable[Line], unpriced: Sequence[Unpriced], billed: Mapping[str, Line]
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """The lines as the chain is priced from them since, and the refs of those that are aside.

    ``billed``: by ref, lines of the chain so far; a unit of one stays, with a price or without.
    """
    without: dict[str, set[str]] = defaultdict(set)
    for one in unpriced:
        without[one.ref] |= set(one.units)
    kept: list[Line] = []
    aside: list[str] = []
    for line in lines:
        gone = without.get(line.ref, set()) if not line.known else set()
        earlier = billed.get(line.ref)
        had = set(earlier.units) if earlier else set()
        units = tuple(one for one in line.units if one not in gone or one in had)
        if gone and not units:
            aside.append(line.ref)
        elif gone:
            like = earlier if earlier and gone.issuperset(line.units) else line
            line = like.model_copy(update={"units": units})
        kept.append(line)
    return tuple(kept), tuple(aside)


def _lost(unpriced: Iterable[Unpriced], billed: Mapping[str, Line]) -> dict[str, Set[str]]:
    """By ref, the units that were billed and have no price by today's prices."""
    found: dict[str, Set[str]] = {}
    for one in unpriced:
        if one.ref in billed and (units := set(one.units) & set(billed[one.ref].units)):
            found[one.ref] = found.get(one.ref, set()) | units
    return found


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
