"""Family keys: issued by the town, typed by a guardian, revoked (ID6)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from services.identity.domain.accounts import Account, Changed, Link, Person
from services.identity.domain.attempts import KEY_BY_ACCOUNT, KEY_BY_ADDRESS
from services.identity.domain.family_keys import (
    FamilyKey,
    Name,
    Use,
    Withdrawn,
    check_revocable,
    check_usable,
    guardian_for,
    key_from,
    key_id,
)
from services.identity.queries import town_file
from shared.auth import AgentScope, FamilyScope
from shared.errors import Refused, not_found
from shared.ids import derived_id
from shared.store import Document
from shared.web.routes import Command

_FIELD = "/key"
_PAGE = 200
_TRIES = 5


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key as printed, and for whom; this text is kept nowhere."""

    family: str
    guardians: tuple[str, ...]
    key: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Issued:
    """What one act of issuing gave; ``issue`` is its id."""

    issue: str
    keys: tuple[IssuedKey, ...]


@dataclass(frozen=True, slots=True)
class PrintedKey:
    """A key and one guardian for whom it is."""

    family: str
    reference: str
    guardian: str
    first_name: str
    last_name: str
    key: str


async def issue_keys(
    identity: Identity, scope: AgentScope, families: Sequence[str], command: Command
) -> Issued:
    """Keys for the guardians of these families, as the town's file says (``use``): one for each
    guardian, or one for the household. Earlier ones still open are revoked.

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
    issued = keys_of(identity, issue)
    identity.repeats.check(issue["made_by"], command)
    await _carry_out(identity, issue, issued)
    return Issued(issue_id, issued)


async def issue_all(identity: Identity, town: str, series: str) -> AsyncIterator[PrintedKey]:
    """The keys of a whole town, by family; the same ``series`` gives the same keys."""
    await need_town(identity, town)
    scope = AgentScope(town, "operator", frozenset({"administrator"}))
    after = ""
    while page := await identity.store.family_page(town, after, _PAGE):
        for family in page:
            command = Command(derived_id("key-series", town, series, family["_id"]), series)
            names = names_of(family)
            issued = await issue_keys(identity, scope, [family["_id"]], command)
            for one in issued.keys:
                for guardian in one.guardians:
                    name = names.get(guardian, Name("", ""))
                    yield PrintedKey(
                        family["_id"], family["reference"], guardian, *name, one.key
                    )  # fmt: skip
        after = page[-1]["_id"]


def names_of(family: Mapping[str, Any]) -> dict[str, Name]:
    """How the guardians of a family's copy are called."""
    return {
        one["id"]: Name(one["first_name"], one["last_name"]) for one in family["guardians"]
    }  # fmt: skip


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
        withdrawn = account.withdrawn(scope.town)
        key = await check_key(identity, scope.town, typed, account.id, withdrawn, caller, _FIELD)
        link = await take_key(
            identity, scope.town, key.id, account.id, account.person, withdrawn, now
        )
        return accounts.link_family(account, scope.town, link, now), {
            "family": link.family,
            "guardian": link.guardian,
            "since": link.since,
        }

    return await change_account(identity, scope.account, command, decide)


async def check_key(
    identity: Identity,
    town: str,
    typed: str,
    account: str | None,
    withdrawn: Withdrawn,
    caller: str,
    field: str,
) -> FamilyKey:
    """The key that was typed, when it may be used. Wrong guesses make the next ones wait."""
    limits = [(KEY_BY_ADDRESS, caller), *([(KEY_BY_ACCOUNT, account)] if account else [])]
    for policy, who in limits:
        await check_attempts(identity, policy, who)
    key = await identity.store.key(town, key_id(typed, field))
    try:
        check_usable(key, account, withdrawn, identity.clock.machine(), field)
    except Refused:
        for policy, who in limits:
            await attempt(identity, policy, who)
        raise
    if key is None:
        raise not_found("cette clé")
    return key


async def take_key(
    identity: Identity,
    town: str,
    key_hash: str,
    account: str,
    person: Person,
    withdrawn: Withdrawn,
    now: datetime,
) -> Link:
    """Use a key once; the account that has used it gets the same link again, unless that was
    ``withdrawn`` since.

    Comes before the account is saved: a crash in between leaves a use that is this account's
    alone, and it has it by trying again.
    """
    for _ in range(_TRIES):
        key = await identity.store.key(town, key_hash)
        check_usable(key, account, withdrawn, now, _FIELD)
        if key is None:
            break
        use = key.use_of(account)
        if use is None:
            holder = Name(person.first_name, person.last_name)
            (family,) = await identity.store.families(town, [key.family]) or ({"guardians": ()},)
            guardian = guardian_for(key, holder, names_of(family), _FIELD)
            use = Use(account=account, guardian=guardian, at=now)
            if not await identity.store.use_key(key, use):
                continue
        return Link(family=key.family, guardian=use.guardian, how="key", since=use.at)
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
    _, file = await town_file(identity, scope.town)
    now = identity.clock.machine()
    return {
        "_id": issue_id,
        "town": scope.town,
        "by": scope.account,
        "issued_at": now,
        "expires_at": now + timedelta(days=file.family_keys.valid_days),
        "key": identity.signing.current,
        "letters": [
            {"family": family["_id"], "guardians": guardians}
            for family in found
            for guardians in _addressees(family, file.family_keys.use)
        ],
        "made_by": identity.repeats.mark(command),
    }


def _addressees(family: Document, use: str) -> list[list[str]]:
    """For whom each key of a family is."""
    guardians = [guardian["id"] for guardian in family["guardians"]]
    if use == "per_adult":
        return [guardians] if guardians else []
    return [[guardian] for guardian in guardians]


def keys_of(identity: Identity, issue: Document) -> tuple[IssuedKey, ...]:
    """The keys of an act of issuing. Refused once its signing key is withdrawn."""
    return tuple(
        IssuedKey(
            one["family"], tuple(one["guardians"]), _text(identity, issue, one),
            issue["expires_at"],
        )
        for one in issue["letters"]
    )  # fmt: skip


async def _carry_out(identity: Identity, issue: Document, issued: Sequence[IssuedKey]) -> None:
    keys = [
        FamilyKey(
            id=key_id(one.key, _FIELD), town=issue["town"], family=one.family,
            guardians=one.guardians, left=len(one.guardians), issued_at=issue["issued_at"],
            expires_at=one.expires_at,
        )
        for one in issued
    ]  # fmt: skip
    await identity.store.create_keys(keys, issue["_id"])
    families = sorted({one.family for one in issued})
    await identity.store.replace_keys(issue["town"], families, issue["_id"], issue["issued_at"])


def _text(identity: Identity, issue: Document, letter: Document) -> str:
    chance = identity.signing.seal(
        issue["key"], "family-key", issue["_id"], letter["family"], *letter["guardians"]
    )
    if chance is None:
        raise Refused(
            "keys-not-repeatable",
            "Ces clés ont été émises avec une clé de signature retirée depuis : émettez-en"
            " d'autres.",
        )
    return key_from(chance)
