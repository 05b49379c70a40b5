"""What a change of a booking comes to, before it is asked for: as the bill of it will say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from services.billing.commands.pricing import known_lines, not_heard
from services.billing.domain.charges import Charge, known_in
from services.billing.domain.corrections import Link, difference
from services.billing.domain.invoicing import priced
from services.billing.domain.known import facts_of, line_ref, lines_of
from services.billing.domain.prices.facts import Line
from services.billing.state import Billing
from shared.contracts.family import FamilyChanged
from shared.copies import Town


async def differences(
    billing: Billing, town: Town, card: FamilyChanged, changes: Mapping[str, Line]
) -> dict[str, int]:
    """By the ref of a wish, what is to be asked or given back (below zero) for it; ``changes``: the
    wishes, by the booking (``request-line``) that each is put in the place of.

    What an invoice holds is priced as its correction will be; the rest as if it were billed now.
    Raises ``Refused``: ``decisions-waiting``.
    """
    first = min(one.day for one in changes.values())
    charges = known_in(card, await billing.store.charged(card, town.file.town, first))
    bills: dict[str | None, dict[str, Line]] = defaultdict(dict)
    for ref, wish in changes.items():
        own = [one for one in charges if line_ref(one) == ref]
        if not own:
            raise not_heard()
        bills[next((one.invoice for one in own if one.invoice), None)][ref] = wish
    book = billing.books.of(town)
    found: dict[str, int] = {}
    for bill, replaced in bills.items():
        chain, standing = await (
            _issued(billing, town, card, bill) if bill is not None
            else _to_come(billing, town, card, charges, replaced)
        )  # fmt: skip
        lines = [one for one in standing if one.ref not in replaced]
        children = facts_of(card, book, ()).children
        comes = difference(chain, [*lines, *replaced.values()], children, book, ())
        some = next(iter(replaced.values())).ref
        of = {ref: wish.ref for ref, wish in replaced.items()}
        found |= dict.fromkeys(of.values(), 0)
        for entry in comes.billed.entries:
            ref = of.get(entry.ref, entry.ref)
            found[ref if ref in found else some] += entry.cents
    return found


async def _issued(
    billing: Billing, town: Town, card: FamilyChanged, bill: str
) -> tuple[list[Link], list[Line]]:
    """What an invoice and its corrections have billed, and what stands of it."""
    chain = await billing.invoices.chain(bill)
    if not chain:
        raise not_heard()
    held = known_in(card, [one for one, _ in await billing.store.billed(bill)])
    return chain, lines_of((one for one in held if one.accepted), billing.books.of(town))


async def _to_come(
    billing: Billing,
    town: Town,
    card: FamilyChanged,
    charges: Sequence[Charge],
    replaced: Mapping[str, Line],
) -> tuple[list[Link], list[Line]]:
    """The same of what no invoice holds yet, as if it were billed together now."""
    book = billing.books.of(town)
    own = [one for one in charges if line_ref(one) in replaced]
    known = await known_lines(billing, town, card, own)
    open_ = {one.ref for one in known if one.later} | replaced.keys()
    together = [one for one in charges if line_ref(one) in open_]
    refs = {line_ref(one) for one in together}
    begun = priced(together, card, book, [one for one in known if one.ref not in refs])
    return [Link("", begun.begins(""))], lines_of(together, book)
