"""What billing holds of the bearer's families."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from services.billing.domain.debits.collections import DebitState
from services.billing.domain.debits.mandates import MandateState, WishState
from services.billing.domain.invoicing import Invoice
from services.billing.domain.payments import MEANS, Payment, State
from services.billing.queries import invoices as queries
from services.billing.queries import mandates, payments
from services.billing.schemas.invoices import InvoiceQuery
from services.billing.schemas.payments import PaymentQuery
from services.billing.state import Billing
from shared.auth import FamilyScope
from shared.money import euros
from shared.personal_data import Section, section

_PAGE = 100
_STATES: Mapping[State, str] = {
    "created": "page de paiement non ouverte", "redirected": "en cours", "pending": "en cours",
    "refused": "refusé", "abandoned": "abandonné", "expired": "sans suite",
    "undetermined": "en cours de vérification", "paid": "payé", "reversed": "annulé",
}  # fmt: skip


_WISHES: Mapping[WishState, str] = {
    "waiting": "en attente", "refused": "refusée", "withdrawn": "retirée",
}  # fmt: skip
_MANDATES: Mapping[MandateState, str] = {
    "active": "en cours", "suspended": "suspendu", "ended": "terminé",
}  # fmt: skip
#: Those that families are told of.
_DEBITS: Mapping[DebitState, str] = {
    "announced": "annoncé", "settled": "encaissé", "rejected": "rejeté",
    "returned": "rejeté après encaissement",
}  # fmt: skip


async def collect(billing: Billing, scope: FamilyScope) -> list[Section]:
    """The invoices and payments that the bearer may see, what is on no invoice yet, and the
    bearer's own direct debits."""

    async def invoices(after: str | None) -> list[Invoice]:
        return await queries.invoices(billing, scope, InvoiceQuery(after=after, limit=_PAGE))

    async def paid(after: str | None) -> list[Payment]:
        return await payments.payments(billing, scope, PaymentQuery(after=after, limit=_PAGE))

    found = await _all(invoices)
    debits = await mandates.own(billing, scope)
    open_ = await queries.unbilled(billing, scope)
    return [
        section("Prestations pas encore facturées", [
            {"Participant": one.child_name, "Activité": one.activity, "Prestation": one.unit,
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
        section("Paiements", [
            {
                "Commencé le": one.created_at, "Montant": euros(one.cents),
                "Par": MEANS[one.means],
                "Suite": _STATES[one.state],
            }
            for one in await _all(paid)
        ]),
        section("Demandes de prélèvement", [
            {"Demandée le": one.asked_at, "Compte": one.bank.shown, "Accord du": one.agreed_on,
             "Suite": _WISHES[one.state], "Motif": one.reason}
            for one in debits.wishes
        ]),
        section("Mandats de prélèvement", [
            {"Référence (RUM)": one.reference, "Créancier": f"{one.creditor_title} {one.creditor}",
             "Compte": one.bank.shown, "Signé le": one.signed_on,
             "Dernier prélèvement": one.used_on, "État": _MANDATES[one.state],
             "Motif": one.reason}
            for one in debits.mandates
        ]),
        section("Prélèvements", [
            {"Le": one.on, "Montant": euros(one.cents),
             "Factures": [part.number for part in one.parts],
             "Référence (RUM)": one.mandate_reference, "Suite": _DEBITS[one.state]}
            for one in debits.debits
        ]),
    ]  # fmt: skip


class _Known(Protocol):
    @property
    def id(self) -> str: ...


_Item = TypeVar("_Item", bound=_Known)


async def _all(pages: Callable[[str | None], Awaitable[list[_Item]]]) -> list[_Item]:
    """The items of every page."""
    found: list[_Item] = []
    while True:
        page = await pages(found[-1].id if found else None)
        found += page
        if len(page) < _PAGE:
            return found
