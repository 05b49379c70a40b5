"""Payments, as families and agents see them."""

from __future__ import annotations

from typing import Any

from services.billing.domain.payments import Payment
from services.billing.schemas.payments import PaymentQuery
from services.billing.state import Billing
from shared.auth import AgentScope, FamilyScope, Scope
from shared.contracts.family import FamilyChanged
from shared.errors import not_found

_NOTHING: dict[str, Any] = {"_id": {"$in": []}}


async def payments(billing: Billing, scope: Scope, query: PaymentQuery) -> list[Payment]:
    """Payments within the bearer's reach, newest first. Raises ``Refused``: ``cursor-unknown``."""
    wanted = {"family": query.family, "state": query.state}
    only = {name: value for name, value in wanted.items() if value is not None}
    reach = await _reach(billing, scope)
    return await billing.payments.payments(scope, reach, only, query.after, query.limit)


async def payment(billing: Billing, scope: Scope, _id: str) -> Payment:
    """One payment within the bearer's reach. Raises ``Refused`` (404)."""
    found = await billing.payments.within(scope, _id, await _reach(billing, scope))
    if found is None:
        raise not_found("ce paiement")
    return found


async def _reach(billing: Billing, scope: Scope) -> dict[str, Any]:
    """Every payment of the family for who is invoiced; else one's own; all for an agent."""
    if isinstance(scope, AgentScope):
        return {}
    cards = await billing.store.households.cards(right.family for right in scope.families)
    reaches = [_reach_in(family, card, scope) for family, card in sorted(cards.items())]
    return {"$or": reaches} if reaches else _NOTHING


def _reach_in(family: str, card: FamilyChanged, scope: FamilyScope) -> dict[str, Any]:
    me = scope.guardian_of(family)
    guardian = next((one for one in card.guardians if me in one.ids), None)
    if guardian is None:
        return _NOTHING
    if guardian.invoiced:
        return {"family": family}
    return {"family": family, "payer": {"$in": sorted(guardian.ids)}}
