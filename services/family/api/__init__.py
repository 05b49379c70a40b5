"""Family's routes, by subject: parse, call, answer."""

from __future__ import annotations

from services.family.api import households

ROUTES = [*households.ROUTES]
