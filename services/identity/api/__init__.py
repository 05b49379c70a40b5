"""Identity's routes, by subject: parse, call, answer."""

from __future__ import annotations

from services.identity.api import (
    accounts,
    credentials,
    family_keys,
    family_links,
    sessions,
    towns,
)

ROUTES = [
    *towns.ROUTES,
    *accounts.ROUTES,
    *sessions.ROUTES,
    *credentials.ROUTES,
    *family_links.ROUTES,
    *family_keys.ROUTES,
]
