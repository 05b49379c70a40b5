"""Accounts, as families and agents read them."""

from __future__ import annotations

from services.billing.domain.accounts import Account, Holder
from services.billing.domain.invoicing import invoiced_guardian
from services.billing.state import Billing
from services.billing.store.accounts import account_id
from shared.auth import AgentScope, FamilyScope, Scope
from shared.errors import not_found


async def account(billing: Billing, scope: Scope, family: str) -> Account:
    """A family's account with the town's office: for agents, and the guardian who is invoiced.
    Raises ``Refused`` (404)."""
    card, _ = await billing.card_of(scope, family)
    guardian = invoiced_guardian(card)
    if isinstance(scope, FamilyScope) and (
        guardian is None or scope.guardian_of(family) not in guardian.ids
    ):
        raise not_found("ce compte")
    return await billing.accounts.get(await holder_of(billing, scope.town, family))


async def holder_of(billing: Billing, town: str, family: str) -> Holder:
    """Whose account: the family's with the office that the town has now."""
    file = (await billing.towns.get(town)).file
    return Holder(town, file.collection_office.code, family)


async def transfers(
    billing: Billing, scope: AgentScope, after: str | None, limit: int
) -> tuple[list[Account], dict[str, str], str | None]:
    """Accounts with refunds to be made, the names of the families' guardians by id, and after what
    the next ones come. Raises ``Refused``: ``cursor-unknown``."""
    found = await billing.accounts.with_transfers(scope, after, limit)
    cards = await billing.store.households.cards(one.holder.family for one in found)
    names = {
        _id: f"{guardian.first_name} {guardian.last_name}"
        for card in cards.values()
        for guardian in card.guardians
        for _id in guardian.ids
    }
    return found, names, account_id(found[-1].holder) if len(found) == limit else None
