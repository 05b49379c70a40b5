"""Billing's routes, by subject: parse, call, answer."""

from __future__ import annotations

from services.billing.api import (
    accounts,
    collections,
    drafts,
    invoices,
    mandates,
    online_invoices,
    payments,
    tasks,
    trials,
)
from services.billing.personal_data import collect
from shared.personal_data import personal_data_routes

ROUTES = [
    *accounts.ROUTES,
    *drafts.ROUTES,
    *invoices.ROUTES,
    *payments.ROUTES,
    *tasks.ROUTES,
    *online_invoices.ROUTES,
    *mandates.ROUTES,
    *collections.ROUTES,
    *trials.ROUTES,
    *personal_data_routes("billing", collect),
]
