"""Payments, as families and agents see them."""

from __future__ import annotations

from typing import Any

from services.billing.domain.payments import Payment
from services.billing.schemas.payments import PaymentQuery
from services.billing.state import Billing
from shared.auth import AgentScope, Scope
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
    invoiced = {
        (card.family, one.id)
        for card in await billing.store.cards(scope)
        for one in card.guardians
        if one.invoiced
    }
    reaches = [
        {"family": family} if (family, me) in invoiced else {"family": family, "payer": me}
        for family, me in ((right.family, right.guardian) for right in scope.families)
    ]
    return {"$or": reaches} if reaches else _NOTHING
