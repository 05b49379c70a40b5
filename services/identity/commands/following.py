"""What identity does when a family record changes: accounts follow their people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.identity.commands.base import Identity, change_account
from services.identity.domain.accounts import Account, Changed
from services.identity.domain.following import Record, Records, follow
from shared.contracts.family import FamilyChanged
from shared.events import Envelope

_ROUNDS = 20


async def family_changed(
    identity: Identity, envelope: Envelope, event: FamilyChanged, pivots: Mapping[str, str]
) -> None:
    """Keep the copy, then let the accounts of the people it names follow, by the copies as they
    are: whichever of two cards comes last sees both, and once more changes nothing."""
    await identity.store.keep_family(envelope, event, pivots)
    people = {
        *(one.id for one in event.guardians),
        *(one.member for one in event.became),
        *(one.into for one in event.became),
    }
    families = {event.family} | ({event.merged_into} if event.merged_into else set())
    for account in await identity.store.linked(envelope.town, families, people):
        await follow_account(identity, account, envelope.town)


async def follow_account(identity: Identity, account_id: str, town: str) -> None:
    """Give an account the links that follow from those it has proved."""

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        records = await records_about(identity, town, account)
        return follow(account, town, records), {}

    await change_account(identity, account_id, None, decide)


async def records_about(identity: Identity, town: str, account: Account) -> Records:
    """The records that an account's links lead to, those merged into them, and so on."""
    membership = account.membership(town)
    links = membership.families if membership else ()
    families = {link.family for link in links}
    people = {link.guardian for link in links}
    found: dict[str, Record] = {}
    for _ in range(_ROUNDS):
        known = len(found)
        for record in await identity.store.records(town, families, people):
            found[record.id] = record
        families |= found.keys() | {
            record.merged_into for record in found.values() if record.merged_into
        }
        people |= {
            record.became[old]
            for record in found.values()
            for old in record.became
            if old in people
        }
        if len(found) == known:
            break
    return found
