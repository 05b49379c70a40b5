"""Every service by name: the only module that knows them all, with the command line."""

from __future__ import annotations

from services.billing.service import build as build_billing
from services.booking.service import build as build_booking
from services.family.service import build as build_family
from services.identity.service import build as build_identity
from services.notify.service import build as build_notify
from shared.runner import Build

BUILDS: dict[str, Build] = {
    "identity": build_identity,
    "family": build_family,
    "booking": build_booking,
    "billing": build_billing,
    "notify": build_notify,
}
