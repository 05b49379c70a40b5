"""Family's routes, by subject: parse, call, answer."""

from __future__ import annotations

from services.family.api import dossiers, erasures, households

ROUTES = [*households.ROUTES, *dossiers.ROUTES, *erasures.ROUTES]
