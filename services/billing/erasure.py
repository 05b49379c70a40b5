"""What billing does when a family is erased: invoices stay, as the law on accounts wants."""

from __future__ import annotations

from services.billing.store import CHARGES
from services.billing.store.accounts import ACCOUNTS
from services.billing.store.collections import DEBITS, FILES
from services.billing.store.drafts import DRAFTS
from services.billing.store.invoices import INVOICES
from services.billing.store.mandates import MANDATES
from services.billing.store.online_invoices import ONLINE_INVOICES
from services.billing.store.payments import PAYMENTS
from services.billing.store.quotes import QUOTES
from services.billing.store.tasks import TASKS
from services.billing.store.withdrawals import WITHDRAWALS
from shared.erasure import Erasing, LegalHold, of_family

ERASED = (
    Erasing(CHARGES, of_family, fields=("child_name",)),
    Erasing(QUOTES, of_family),
    Erasing(DRAFTS, of_family),
    Erasing(ONLINE_INVOICES, of_family),
    Erasing(TASKS, of_family, fields=("done.note",)),
    Erasing(WITHDRAWALS, of_family),
    Erasing(MANDATES, of_family),
)
HELD = (
    LegalHold(
        ACCOUNTS, ("movements.*.reason",),
        "Code de commerce, article L123-22; instruction M57 : pièces comptables", 10,
    ),
    LegalHold(
        PAYMENTS, ("reference", "reversal.reason"),
        "Code de commerce, article L123-22; instruction M57 : pièces comptables", 10,
    ),
    LegalHold(
        f"{FILES}.chunks", ("data",),
        "Code de commerce, article L123-22; instruction M57 : pièces comptables", 10,
    ),
    LegalHold(
        DEBITS, ("guardian", "mandate_reference"),
        "Code de commerce, article L123-22; instruction M57 : pièces comptables", 10,
    ),
    LegalHold(
        INVOICES, ("lines.*.child_name", "billed.*.facts"),
        "Code de commerce, article L123-22; instruction M57 : pièces comptables", 10,
    ),
)  # fmt: skip
