"""Billing's routes, by subject: parse, call, answer."""

from __future__ import annotations

from services.billing.api import invoices
from services.billing.personal_data import collect
from shared.personal_data import personal_data_routes

ROUTES = [
    *invoices.ROUTES,
    *personal_data_routes("billing", collect),
]
