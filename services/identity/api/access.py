"""Refusals and bearers that several subjects share."""

from __future__ import annotations

from shared.auth import agents

ADMINISTRATOR = agents("administrator")
#: Who hands keys and accounts out to families.
FAMILY_OFFICE = agents("childcare_office", "administrator")
REPEATED = ("idempotency-key-reused", "idempotency-key-outdated")
KEY_REFUSALS = (
    "family-key-mistyped",
    "family-key-unknown",
    "family-key-used",
    "family-key-revoked",
    "family-key-expired",
    "family-key-other-name",
    "too-many-attempts",
)
