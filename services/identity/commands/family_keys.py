"""Family keys: issued by the town, typed by a guardian, revoked (ID6)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.identity.commands.base import (
    Identity,
    attempt,
    change_account,
    check_attempts,
    contended,
    need_town,
)
from services.identity.domain import accounts
from services.identity.domain.accounts import Account, Changed, Link
from services.identity.domain.attempts import KEY_BY_ACCOUNT, KEY_BY_ADDRESS
from services.identity.domain.family_keys import (
    VALID_FOR,
    FamilyKey,
    check_revocable,
    check_usable,
    key_from,
    key_id,
)
from shared.auth import AgentScope, FamilyScope
from shared.errors import Refused, not_found
from shared.ids import derived_id
from shared.store import Document
from shared.web.routes import Command

_FIELD = "/key"
_PAGE = 200


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key as printed; this text is kept nowhere."""

    family: str
    guardian: str
    key: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PrintedKey:
    """What a letter needs."""

    family: str
    reference: str
    guardian: str
    first_name: str
    last_name: str
    key: str


async def issue_keys(
    identity: Identity, scope: AgentScope, families: Sequence[str], command: Command
) -> list[IssuedKey]:
    """A key for each guardian of these families; unused earlier ones are revoked.

    The keys derive from the signing key and the command: a resend makes the same ones, and
    finishes what a crash left. Refused (``keys-not-repeatable``) once that signing key is
    withdrawn.
    """
    issue_id = derived_id("key-issue", command.id)
    issue = await identity.store.issue(issue_id)
    if issue is None:
        issue = await _new_issue(identity, scope, issue_id, families, command)
        if not await identity.store.create_issue(issue):
            issue = await identity.store.issue(issue_id) or issue
    issued = _issued(identity, issue)
    identity.repeats.check(issue["made_by"], command)
    await _carry_out(identity, issue, issued)
    return issued


async def issue_all(identity: Identity, town: str, series: str) -> AsyncIterator[PrintedKey]:
    """A key for each guardian of the town, by family; the same ``series`` gives the same keys."""
    await need_town(identity, town)
    scope = AgentScope(town, "operator", frozenset({"administrator"}))
    after = ""
    while page := await identity.store.family_page(town, after, _PAGE):
        for family in page:
            command = Command(derived_id("key-series", town, series, family["_id"]), series)
            names = {one["id"]: one for one in family["guardians"]}
            for issued in await issue_keys(identity, scope, [family["_id"]], command):
                name = names.get(issued.guardian, {"first_name": "", "last_name": ""})
                yield PrintedKey(
                    family["_id"], family["reference"], issued.guardian,
                    name["first_name"], name["last_name"], issued.key,
                )  # fmt: skip
        after = page[-1]["_id"]


async def revoke_key(identity: Identity, scope: AgentScope, key_hash: str) -> None:
    """Make an unused key worthless. Revoking it again changes nothing."""
    key = await identity.store.key(scope.town, key_hash)
    if key is None:
        raise not_found("cette clé")
    check_revocable(key)
    if key.revoked_at is None and not await identity.store.revoke_key(
        scope, key_hash, identity.clock.machine()
    ):
        await revoke_key(identity, scope, key_hash)


async def link_family(
    identity: Identity, scope: FamilyScope, typed: str, caller: str, command: Command
) -> dict[str, Any]:
    """The bearer is the guardian to whom the key was sent; active from the next token on."""
    await need_town(identity, scope.town)
    now = identity.clock.machine()

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        key = await check_key(identity, scope.town, typed, account.id, caller, _FIELD)
        link = await take_key(identity, scope.town, key.id, account.id, now)
        return accounts.link_family(account, scope.town, link, now), {
            "family": link.family,
            "guardian": link.guardian,
            "since": link.since,
        }

    return await change_account(identity, scope.account, command, decide)


async def check_key(
    identity: Identity, town: str, typed: str, account: str | None, caller: str, field: str
) -> FamilyKey:
    """The key that was typed, when it may be used. Wrong guesses make the next ones wait."""
    limits = [(KEY_BY_ADDRESS, caller), *([(KEY_BY_ACCOUNT, account)] if account else [])]
    for policy, who in limits:
        await check_attempts(identity, policy, who)
    key = await identity.store.key(town, key_id(typed, field))
    try:
        check_usable(key, account, identity.clock.machine(), field)
    except Refused:
        for policy, who in limits:
            await attempt(identity, policy, who)
        raise
    if key is None:
        raise not_found("cette clé")
    return key


async def take_key(
    identity: Identity, town: str, key_hash: str, account: str, now: datetime
) -> Link:
    """Use a key once; the account that has used it gets the same link again.

    Comes before the account is saved: a crash in between leaves a key that only this account
    can use, and it does so by trying again.
    """
    for _ in range(3):
        key = await identity.store.key(town, key_hash)
        check_usable(key, account, now, _FIELD)
        if key is None:
            break
        if key.used_by == account or await identity.store.use_key(key, account, now):
            return Link(
                family=key.family, guardian=key.guardian, how="key", since=key.used_at or now
            )
    raise contended()


async def _new_issue(
    identity: Identity,
    scope: AgentScope,
    issue_id: str,
    families: Sequence[str],
    command: Command,
) -> Document:
    wanted = sorted(set(families))
    found = await identity.store.families(scope.town, wanted)
    missing = sorted(set(wanted) - {family["_id"] for family in found})
    if missing:
        raise Refused(
            "family-unknown", "Des familles demandées n'existent pas dans cette commune.",
            status=404, field="/families", families=missing,
        )  # fmt: skip
    now = identity.clock.machine()
    return {
        "_id": issue_id,
        "town": scope.town,
        "by": scope.account,
        "issued_at": now,
        "expires_at": now + VALID_FOR,
        "key": identity.signing.current,
        "guardians": [
            {"family": family["_id"], "guardian": guardian["id"]}
            for family in found
            for guardian in family["guardians"]
        ],
        "made_by": identity.repeats.mark(command),
    }


def _issued(identity: Identity, issue: Document) -> list[IssuedKey]:
    return [
        IssuedKey(
            one["family"],
            one["guardian"],
            _text(identity, issue, one["family"], one["guardian"]),
            issue["expires_at"],
        )
        for one in issue["guardians"]
    ]


async def _carry_out(identity: Identity, issue: Document, issued: Sequence[IssuedKey]) -> None:
    keys = [
        FamilyKey(
            id=key_id(one.key, _FIELD), town=issue["town"], family=one.family,
            guardian=one.guardian, issued_at=issue["issued_at"], expires_at=one.expires_at,
        )
        for one in issued
    ]  # fmt: skip
    await identity.store.create_keys(keys, issue["_id"])
    families = sorted({one.family for one in issued})
    await identity.store.replace_keys(issue["town"], families, issue["_id"], issue["issued_at"])


def _text(identity: Identity, issue: Document, family: str, guardian: str) -> str:
    chance = identity.signing.seal(issue["key"], "family-key", issue["_id"], family, guardian)
    if chance is None:
        raise Refused(
            "keys-not-repeatable",
            "Ces clés ont été émises avec une clé de signature retirée depuis : émettez-en"
            " d'autres.",
        )
    return key_from(chance)
