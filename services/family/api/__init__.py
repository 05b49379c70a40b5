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
    uploads,
)

ROUTES = [
    *households.ROUTES,
    *dossiers.ROUTES,
    *erasures.ROUTES,
    *feed.ROUTES,
    *moves.ROUTES,
    *addresses.ROUTES,
    *uploads.ROUTES,
    *documents.ROUTES,
    *letters.ROUTES,
    *news.ROUTES,
]
