"""The route that completes addresses."""

from __future__ import annotations

from services.family.schemas.addresses import AddressesOut, AddressQuery
from services.family.state import State
from shared.auth import ACCOUNT, agents, either
from shared.web.routes import Call, NoBody, Route

_ASKERS = either(ACCOUNT, agents("administrator", "billing_office", "childcare_office"))


async def complete_address(state: State, call: Call[NoBody, AddressQuery]) -> AddressesOut:
    """Addresses that begin like what was typed."""
    found = await state.addresses.complete(call.query.q, call.query.limit)
    return AddressesOut(addresses=found.addresses, away=found.away)


ROUTES = [
    Route(
        "GET", "/addresses", complete_address,
        "Complete an address (Base Adresse Nationale); never refuses for want of it",
        access=_ASKERS, answer=AddressesOut, query=AddressQuery,
    ),
]  # fmt: skip
