"""Identity's routes, by subject: parse, call, answer."""

from __future__ import annotations

from services.identity.api import (
    accounts,
    agents,
    closing,
    credentials,
    family_keys,
    family_links,
    franceconnect,
    invitations,
    memberships,
    paper,
    second_factor,
    sessions,
    tablets,
    towns,
)
from services.identity.personal_data import collect
from shared.personal_data import personal_data_routes

ROUTES = [
    *towns.ROUTES,
    *accounts.ROUTES,
    *sessions.ROUTES,
    *credentials.ROUTES,
    *memberships.ROUTES,
    *closing.ROUTES,
    *family_links.ROUTES,
    *invitations.ROUTES,
    *paper.ROUTES,
    *family_keys.ROUTES,
    *franceconnect.ROUTES,
    *agents.ROUTES,
    *second_factor.ROUTES,
    *tablets.ROUTES,
    *personal_data_routes("identity", collect),
]
