"""What billing knows of a family and its charges, as prices take it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import get_args

from services.billing.domain.charges import Charge
from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import (
    ChildFacts,
    Ended,
    Facts,
    Family,
    KnownQuotient,
    Line,
    Part,
)
from shared.contracts.family import FamilyChanged

#: What falls due once in a school year at most: charges older than that change no price.
_SCHOOL_YEAR_BEGINS = 9


def facts_of(
    card: FamilyChanged, book: PriceBook, charges: Sequence[Charge], known: Sequence[Line] = ()
) -> Facts:
    """A family and its charges, beside the ``known`` lines."""
    children = tuple(
        ChildFacts(
            id=one.id,
            participant=one.kind,
            birth_date=one.birth_date,
            school=one.school,
            level=one.level,
        )
        for one in card.participants
    )
    return Facts(
        family=_family(card), children=children,
        lines=(*lines_of(charges, book), *known),
    )  # fmt: skip


def _family(card: FamilyChanged) -> Family:
    """Quotients count from the effect that the town accepted; the regime is that of whoever is
    invoiced, unless the town keeps one."""
    payer = next((one for one in card.guardians if one.invoiced), None)
    regime = {"regime": payer.benefit_scheme} if payer and payer.benefit_scheme else {}
    return Family(
        quotients=tuple(
            KnownQuotient(value=Decimal(one.value_cents) / 100, since=one.effect, until=one.until)
            for one in card.quotients
        ),
        facts={**regime, **card.facts},
    )


def line_ref(charge: Charge) -> str:
    """By which a charge and the price of its line find each other."""
    return f"{charge.request}-{charge.line}"


def remembered_since(day: date) -> date:
    """The first day of the school and calendar years that a day lies in."""
    year = day.year if day.month >= _SCHOOL_YEAR_BEGINS else day.year - 1
    return min(date(year, _SCHOOL_YEAR_BEGINS, 1), date(day.year, 1, 1))


def lines_of(charges: Iterable[Charge], book: PriceBook, *, known: bool = False) -> list[Line]:
    """One line for the charges of one line of a request: its units may have a price together."""
    together: dict[str, list[Charge]] = defaultdict(list)
    for charge in sorted(charges, key=lambda one: (one.day, one.id)):
        together[line_ref(charge)].append(charge)
    return [_line(ref, some, book, known=known) for ref, some in together.items()]


def borne(lines: Iterable[Line], billed: Mapping[tuple[str, str], int]) -> list[Line]:
    """The lines as known ones, each with what nothing is billed for; ``billed``: cents by line
    (ref) and part of it."""
    return [
        one.model_copy(update={
            "known": True,
            "unborne": tuple(part for part in get_args(Part) if not billed.get((one.ref, part))),
        })
        for one in lines
    ]  # fmt: skip


def _line(ref: str, charges: Sequence[Charge], book: PriceBook, *, known: bool) -> Line:
    # Not validated again: it was when it was heard, and a month end makes twenty for a family.
    first = charges[0]
    return Line.model_construct(
        ref=ref, child=first.child, activity=first.activity,
        units=tuple(one.unit for one in charges), day=first.day, quantity=first.quantity,
        starts=first.starts, ends=first.ends, surcharge=first.surcharge,
        ended=_ended(first, book), accepted=first.decided if book.looks_around else None,
        known=known,
        later=known and all(one.invoice is None for one in charges),
    )  # fmt: skip


def _ended(charge: Charge, book: PriceBook) -> Ended | None:
    """What an absence comes to, with the amounts of the rule that booking applied."""
    ending = charge.ending
    if ending is None:
        return None
    activity = book.activities.get(charge.activity)
    rule = next(
        (one for one in (activity.absences.rules if activity else ()) if one.id == ending.rule),
        None,
    )
    if rule is None or rule.effect.kind != ending.effect:
        return Ended(effect=ending.effect, rule=ending.rule, late=ending.surcharge)
    return Ended(
        effect=ending.effect, rule=rule.id, percent=rule.effect.percent, cents=rule.effect.cents,
        surcharge=rule.effect.surcharge, late=ending.surcharge,
    )  # fmt: skip
