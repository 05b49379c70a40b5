"""Family's routes, by subject: parse, call, answer."""

from __future__ import annotations

from services.family.api import addresses, dossiers, erasures, feed, households, moves

ROUTES = [
    *households.ROUTES,
    *dossiers.ROUTES,
    *erasures.ROUTES,
    *feed.ROUTES,
    *moves.ROUTES,
    *addresses.ROUTES,
]
