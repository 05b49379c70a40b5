"""An account and a provider's person: linking them, recognising a guardian, logging in (ID10)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.identity.commands.base import Identity, change_account
from services.identity.commands.sessions import Tokens, check_active, open_session
from services.identity.domain import accounts, federation
from services.identity.domain.accounts import Account, Changed, Link
from services.identity.domain.federation import (
    Returned,
    pivot_text,
    quotient_outcome,
    refusal,
    then,
)
from services.identity.domain.quotient import QuotientOutcome, receive
from services.identity.domain.sessions import not_recognised
from services.identity.store.accounts import account_of
from services.identity.store.federation import PROVIDER_SESSIONS
from shared.contracts.family import CivilIdentity, FamilyChanged
from shared.ids import derived_id
from shared.store import DuplicateKey
from shared.web.routes import Command


async def take(
    identity: Identity, account_id: str, town: str, returned: Returned, command: Command | None
) -> QuotientOutcome | None:
    """Join the town, link the identity, say the quotient: one write of the account.

    An identity linked for the first time also brings the families whose guardian the town knows
    by the same civil identity. Refused when it is another account's.
    """
    now = identity.clock.machine()
    recognised = await recognised_links(identity, town, returned, now)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        changed = accounts.join(account, town, now)
        linked = federation.link(changed.account, town, returned.identity(now))
        fresh = linked.account is not changed.account
        changed = then(changed, linked)
        for one in recognised if fresh else ():
            changed = then(changed, accounts.link_family(changed.account, town, one, now))
        changed = then(changed, receive(changed.account, town, returned.quotient, returned.consent))
        return changed, {"quotient": quotient_outcome(returned, changed.account, town)}

    try:
        answer = await change_account(identity, account_id, command, decide)
    except DuplicateKey as error:
        raise refusal("franceconnect-linked-elsewhere") from error
    outcome: QuotientOutcome | None = answer["quotient"]
    return outcome


async def open_federated_session(
    identity: Identity,
    account_id: str,
    town: str,
    device: str,
    returned: Returned,
    command: Command,
    *,
    strong: bool = False,
) -> Tokens:
    """A login session, and what ending the provider's session will need, sealed. ``strong``: a
    second factor was checked beside."""
    document = await identity.store.account(account_id)
    if document is None:
        raise not_recognised()
    account = account_of(document)
    check_active(account)
    tokens = await open_session(
        identity, account_id, town, device, command, epoch=account.epoch, strong=strong
    )
    session_id = derived_id("login-session", command.id)
    sealed = identity.sealer.seal(returned.id_token, PROVIDER_SESSIONS, session_id, "id_token")
    await identity.store.keep_provider_session(
        session_id, account_id, returned.provider, sealed, identity.clock.machine()
    )
    return tokens


async def recognised_links(
    identity: Identity, town: str, returned: Returned, now: datetime
) -> list[Link]:
    """The guardians of the town whose civil identity, all six fields of it, is the person's.

    None whom the town has withdrawn from an account, whichever: what the town has taken back it
    gives again by its own word (a key, an invitation), not by this.
    """
    if returned.civil_identity is None:
        return []
    seals = pivot_seals(identity, returned.civil_identity)
    found = await identity.store.guardians_by_pivot(town, seals)
    withdrawn = await identity.store.withdrawn(town, found)
    return [
        Link(family=family, guardian=guardian, how="franceconnect", since=now)
        for family, guardian in found
        if (family, guardian) not in withdrawn
    ]


def pivot_seals(identity: Identity, who: CivilIdentity) -> list[str]:
    """What is kept of a civil identity to know it again: one seal per signing key, current first.

    Not a plain hash: who knows a name could try every date and place.
    """
    text = pivot_text(who)
    seals = [identity.signing.seal(key, "pivot", text) for key in identity.signing.known]
    return [seal.hex() for seal in seals if seal]


def guardians_pivots(identity: Identity, event: FamilyChanged) -> dict[str, str]:
    """Guardian -> seal, of those whose civil identity the town holds."""
    return {
        one.id: pivot_seals(identity, one.civil_identity)[0]
        for one in event.guardians
        if one.civil_identity
    }


async def recognised_account(identity: Identity, town: str, returned: Returned) -> str | None:
    """The one account of the guardian whom the town knows by the person's civil identity."""
    links = await recognised_links(identity, town, returned, identity.clock.machine())
    if not links:
        return None
    pairs = [(link.family, link.guardian) for link in links]
    found = [account_of(one) for one in await identity.store.accounts_of_guardians(town, pairs)]
    free = [
        one
        for one in found
        if one.state == "active" and not any(f.client_id == returned.client_id
                                             for f in one.federated)
    ]  # fmt: skip
    return free[0].id if len(found) == len(free) == 1 else None
