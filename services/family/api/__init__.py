"""Family's routes, by subject: parse, call, answer."""

from __future__ import annotations

from services.family.api import (
    addresses,
    documents,
    dossiers,
    erasures,
    feed,
    households,
    letters,
    moves,
    news,
    registrations,
    sealed,
    spreadsheets,
    uploads,
)
from services.family.personal_data import collect
from shared.personal_data import personal_data_routes

ROUTES = [
    *households.ROUTES,
    *dossiers.ROUTES,
    *sealed.ROUTES,
    *registrations.ROUTES,
    *erasures.ROUTES,
    *feed.ROUTES,
    *moves.ROUTES,
    *addresses.ROUTES,
    *uploads.ROUTES,
    *documents.ROUTES,
    *letters.ROUTES,
    *news.ROUTES,
    *personal_data_routes("family", collect),
    *spreadsheets.ROUTES,
]
