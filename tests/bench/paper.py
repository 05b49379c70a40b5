"""An invoice as PDF: ten lines for two children, archived and accessible, the compiler warm."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

from services.billing.domain.invoicing import Invoice, InvoiceLine
from services.billing.queries.printing import TEMPLATE, content
from shared.pdf import ARCHIVED, Press
from tests.bench.measure import Row, Servers, at_most
from tests.samples import town_file

ROUNDS = 5
INVOICES = 50
ISSUED = datetime(2026, 10, 1, 10, tzinfo=UTC)


async def measure(_: Servers) -> list[Row]:
    """CPU of one document over several rounds; the first only warms the compiler."""
    press, file = Press(), town_file()
    found = []
    try:
        for _round in range(ROUNDS + 1):
            started = time.process_time()
            for number in range(INVOICES):
                data = {
                    **content(_invoice(number), file, None, None, 12360),
                    "to": ["Claire Durand", "Veyras"],
                }
                assert await press.pdf(TEMPLATE, data, ISSUED, ARCHIVED)
            found.append((time.process_time() - started) * 1000 / INVOICES)
    finally:
        await press.close()
    return [at_most("an invoice as PDF, CPU", found[1:], "ms", 5)]


def _invoice(number: int) -> Invoice:
    lines = tuple(_line(name, unit) for name in ("Léa", "Tom") for unit in range(5))
    return Invoice(
        id=f"{number:032x}", town="veyras", family="f", guardian="g", month="2026-09",
        office="VEY", year=2026, sequence=number + 1, issued_on=ISSUED.date(),
        due_on=date(2026, 10, 31), lines=lines, state="open",
    )  # fmt: skip


def _line(child: str, unit: int) -> InvoiceLine:
    return InvoiceLine(
        child=child, child_name=child, activity="cantine", activity_name="Cantine",
        unit=f"repas-{unit}", unit_name=f"Repas {unit}", tariff="repas", count=3, price_cents=412,
        days=(date(2026, 9, 1 + unit), date(2026, 9, 8 + unit), date(2026, 9, 15 + unit)),
        total_cents=1236, reason="Quotient 812 : de 750 à 900",
    )  # fmt: skip
