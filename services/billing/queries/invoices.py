"""Use cases that only read: invoices, charges, month ends."""

from __future__ import annotations

from typing import Any

from services.billing.domain.charges import Charge
from services.billing.domain.invoicing import ARCHIVED, Invoice
from services.billing.domain.runs import Run
from services.billing.schemas.invoices import ChargeQuery, InvoiceQuery
from services.billing.state import Billing
from services.billing.store.invoices import Wanted
from shared.auth import AgentScope, FamilyScope, Scope
from shared.contracts.family import FamilyChanged, Guardian
from shared.errors import not_found
from shared.store import Document

_MOST_RUNS = 50
_NOTHING: dict[str, Any] = {"_id": {"$in": []}}


async def invoices(billing: Billing, scope: Scope, query: InvoiceQuery) -> list[Invoice]:
    """Invoices within the bearer's reach, newest first. Raises ``Refused``: ``cursor-unknown``."""
    return await billing.invoices.invoices(scope, await _wanted(billing, scope, query))


async def listed(billing: Billing, scope: Scope, query: InvoiceQuery) -> list[Document]:
    """The same, of each what a list says, as it is kept."""
    return await billing.invoices.listed(scope, await _wanted(billing, scope, query))


async def _wanted(billing: Billing, scope: Scope, query: InvoiceQuery) -> Wanted:
    reach = await _reach(billing, scope)
    wanted: dict[str, Any] = {"month": query.month}
    if query.family is not None:
        records = await billing.store.households.records(query.family)
        wanted["family"] = {"$in": list(records)}
    if query.state is not None:
        wanted["state"] = "open" if query.state == "open" else {"$in": list(ARCHIVED)}
    only = {name: value for name, value in wanted.items() if value is not None}
    return Wanted(reach, only, query.after, query.limit)


async def invoice(billing: Billing, scope: Scope, _id: str) -> Invoice:
    """One invoice within the bearer's reach. Raises ``Refused`` (404)."""
    found = await billing.invoices.invoice(scope, _id, await _reach(billing, scope))
    if found is None:
        raise not_found("cette facture")
    return found


async def charges(billing: Billing, scope: AgentScope, query: ChargeQuery) -> list[Charge]:
    """Charges in the state asked for, paid at booking or in arrears."""
    return await billing.store.charges(
        scope,
        accepted=query.state != "cancelled-after-invoice",
        invoiced=query.state != "uninvoiced",
        month=query.month,
        limit=query.limit,
    )


async def runs(billing: Billing, scope: AgentScope) -> list[Run]:
    """The town's month ends, latest first."""
    return await billing.store.runs(scope, _MOST_RUNS)


async def issued_so_far(billing: Billing, run: Run) -> int:
    """How many invoices a month end has issued until now."""
    return run.outcome.invoices if run.outcome else (await billing.invoices.totals(run.id))[0]


async def _reach(billing: Billing, scope: Scope) -> dict[str, Any]:
    """The condition on invoices for what a guardian pays for; none for an agent."""
    if not isinstance(scope, FamilyScope):
        return {}
    cards = await billing.store.households.cards(right.family for right in scope.families)
    reaches = [_reach_in(family, card, scope) for family, card in sorted(cards.items())]
    return {"$or": reaches} if reaches else _NOTHING


def _reach_in(family: str, card: FamilyChanged, scope: FamilyScope) -> dict[str, Any]:
    """Every invoice of a record for who is invoiced in the family it is part of, or was there;
    else those of whom they pay for."""
    me = scope.guardian_of(family)
    guardian = next((one for one in card.guardians if me in one.ids), None)
    if guardian is None:
        return _NOTHING
    if guardian.invoiced:
        return {"family": family}
    others = {"children": {"$elemMatch": {"$nin": _paid(card, guardian)}}}
    mine = {"guardian": {"$in": sorted(guardian.ids)}}
    return {"family": family, "$or": [{"$nor": [others]}, mine]}


def _paid(card: FamilyChanged, guardian: Guardian) -> list[str]:
    """Every id of those for whom a guardian pays: children, and themselves."""
    named = {right.child for right in guardian.reach if right.pay}
    return sorted(_id for one in card.participants if one.id in named for _id in one.ids)


async def unbilled(billing: Billing, scope: FamilyScope) -> list[Charge]:
    """What the bearer's families have booked that is on no invoice, of those for whom the
    bearer pays; all of them for who is invoiced."""
    cards = await billing.store.households.cards(right.family for right in scope.families)
    found = []
    for family, card in sorted(cards.items()):
        me = scope.guardian_of(family)
        guardian = next((one for one in card.guardians if me in one.ids), None)
        if guardian is not None:
            children = None if guardian.invoiced else _paid(card, guardian)
            found += await billing.store.unbilled(scope.town, family, children)
    return found
