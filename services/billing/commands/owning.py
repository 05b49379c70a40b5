"""Whose charges are: under which record of a family they are kept, and on which invoice they come
when their month is invoiced already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.billing.domain.charges import Charge, accepted_charges
from services.billing.domain.invoicing import invoice_id
from services.billing.state import Billing
from shared.contracts.booking import DecidedLine
from shared.contracts.family import Participant
from shared.contracts.town_file import TownFile
from shared.errors import MissingCopy
from shared.households import Household


async def charges_of(
    billing: Billing,
    household: Household,
    file: TownFile,
    line: DecidedLine,
    request: str,
    decided_at: datetime,
) -> list[Charge]:
    """The charges of an accepted line. Raises ``MissingCopy``."""
    family, child = await _owner(billing, file.town, household, line.child)
    return accepted_charges(
        line, family=family, child=child, file=file, request=request, decided_at=decided_at
    )


async def _owner(
    billing: Billing, town: str, household: Household, child: str
) -> tuple[str, Participant]:
    """Under which record a charge is kept, and about whom it is: of the family that asked, or of
    the one that the child or adult has come to since."""
    found = household.card.participant(child)
    if found is not None:
        return household.record_of({child}), found
    for card in await billing.store.households.of_participant(town, child):
        if card.merged_into is None and (found := card.participant(child)) is not None:
            return card.family, found
    raise MissingCopy(f"families/{household.card.family}")


async def into_closed_months(
    billing: Billing,
    town: str,
    late: Mapping[tuple[str, str], Sequence[str]],
    homes: Mapping[str, str],
) -> set[str]:
    """Charges (ids by record and month) of months that are invoiced are differences to the
    invoice: that of the family the record is part of (``homes``), else the record's own. Months of
    charges that have none."""
    ways = {
        (family, month): [
            invoice_id(town, record, month) for record in (homes.get(family, family), family)
        ]
        for family, month in late
    }
    wanted = {_id for ids in ways.values() for _id in ids}
    existing = set(await billing.invoices.existing(sorted(wanted))) if wanted else set()
    held: dict[str, list[str]] = {}
    left: set[str] = set()
    for key, charges in late.items():
        invoice = next((_id for _id in ways[key] if _id in existing), None)
        if invoice is not None:
            held.setdefault(invoice, []).extend(charges)
        else:
            left.add(key[1])
    await billing.store.mark(held, late=True)
    return left
