"""What billing holds of the bearer's families."""

from __future__ import annotations

from services.billing.queries import invoices as queries
from services.billing.schemas.invoices import InvoiceQuery
from services.billing.state import Billing
from shared.auth import FamilyScope
from shared.money import euros
from shared.personal_data import Section, section

_PAGE = 100


async def collect(billing: Billing, scope: FamilyScope) -> list[Section]:
    """The invoices that the bearer may see, and what is on none yet."""
    found = []
    after = None
    while True:
        page = await queries.invoices(billing, scope, InvoiceQuery(after=after, limit=_PAGE))
        found += page
        if len(page) < _PAGE:
            break
        after = page[-1].id
    open_ = await queries.unbilled(billing, scope)
    return [
        section("Prestations pas encore facturées", [
            {"Enfant": one.child_name, "Activité": one.activity, "Prestation": one.unit,
             "Date": one.day, "Quantité": one.quantity}
            for one in open_
        ]),
        section("Factures", [
            {
                "Numéro": one.number, "Mois": one.month, "Émise le": one.issued_on,
                "À payer avant le": one.due_on, "Total": euros(one.total_cents),
                "Réglé": euros(one.settled_cents),
                "Lignes": [
                    f"{line.child_name}, {line.activity_name}, {line.unit_name} × {line.count} :"
                    f" {euros(line.total_cents)}"
                    for line in one.lines
                ],
            }
            for one in found
        ]),
    ]  # fmt: skip
