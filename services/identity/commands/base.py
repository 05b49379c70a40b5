"""What every command here needs: its collaborators, and the loop of load, decide, save."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from services.identity.domain.accounts import Account, Changed, Mailed, Person, token_refused
from services.identity.domain.attempts import Policy, admit
from services.identity.hashing import HashingPool, StrengthPool
from services.identity.outside import Outside
from services.identity.repeats import Repeats
from services.identity.signing import SigningKeys
from services.identity.store import IdentityStore
from services.identity.store.accounts import account_of
from shared.clock import Clock
from shared.errors import Refused, not_found
from shared.pdf import Press
from shared.sealing import Sealer
from shared.web.routes import Command

_TRIES = 20


@dataclass(frozen=True, slots=True)
class Identity:
    """The collaborators of commands and queries."""

    store: IdentityStore
    clock: Clock
    signing: SigningKeys
    hashing: HashingPool
    strength: StrengthPool
    repeats: Repeats
    sealer: Sealer
    outside: Outside
    press: Press
    public_url: str


Decide = Callable[[Account], Awaitable[tuple[Changed, dict[str, Any]]]]


async def need_town(identity: Identity, town: str) -> None:
    """Refuse (404) a town that was never loaded."""
    if not await identity.store.town_exists(town):
        raise not_found("cette commune")


async def change_account(
    identity: Identity, account_id: str, command: Command | None, decide: Decide
) -> dict[str, Any]:
    """Change an account once per command, however often it is sent; the answer given.

    ``decide`` takes the account and gives what changes and the answer. It is asked again when
    the account changed between load and save.
    """
    for _ in range(_TRIES):
        document = await identity.store.account(account_id)
        if document is None:
            raise not_found("ce compte")
        if command and (known := identity.repeats.answer_in(document, command)) is not None:
            return known
        changed, answer = await decide(account_of(document))
        entry = (
            identity.repeats.entry(command, answer, identity.clock.machine()) if command else None
        )
        if await identity.store.save_account(document, changed.account, changed.events, entry):
            return answer
    raise contended()


async def change_by_token(
    identity: Identity, account_id: str, command: Command | None, decide: Decide
) -> dict[str, Any]:
    """The same for whoever holds a mailed token: an account that is not there is a bad token."""
    try:
        return await change_account(identity, account_id, command, decide)
    except Refused as refused:
        if refused.code == "not-found":
            raise token_refused() from refused
        raise


async def need_guardians(
    identity: Identity, town: str, wanted: Collection[tuple[str, str]], field: str
) -> dict[tuple[str, str], Person]:
    """The names of these guardians, by (family, guardian). Refused (404) when one does not exist
    in the town."""
    copies = await identity.store.families(town, sorted({family for family, _ in wanted}))
    names = {
        (copy["_id"], one["id"]): Person(first_name=one["first_name"], last_name=one["last_name"])
        for copy in copies
        for one in copy["guardians"]
    }
    missing = sorted({family for family, guardian in wanted if (family, guardian) not in names})
    if missing:
        raise Refused(
            "family-unknown",
            "Des familles ou des responsables demandés n'existent pas dans cette commune.",
            status=404, field=field, families=missing,
        )  # fmt: skip
    return names


def login_taken(field: str) -> Refused:
    """The login name is somebody's."""
    return Refused(
        "login-name-taken", "Cet identifiant est déjà pris. Choisissez-en un autre.", field=field
    )


def contended() -> Refused:
    """Too many writers at once on one document: nothing was done."""
    return Refused(
        "too-busy", "Trop de modifications en même temps. Réessayez dans un instant.",
        status=503, retry_after=1,
    )  # fmt: skip


async def attempt(identity: Identity, policy: Policy, who: str) -> None:
    """Count one attempt against ``who`` before it is made. Refused (429) while it must wait.

    Counted first, so that guesses sent all at once wait for one another like any others.
    """
    now = identity.clock.machine()
    for _ in range(_TRIES):
        found = await identity.store.attempts(policy, who)
        before, version = found or (None, None)
        after = admit(policy, before, now)
        if await identity.store.count_attempt(policy, who, version, after, now):
            return
    raise contended()


async def check_attempts(identity: Identity, policy: Policy, who: str) -> None:
    """Refuse (429) while ``who`` must wait; counts nothing."""
    found = await identity.store.attempts(policy, who)
    admit(policy, found[0] if found else None, identity.clock.machine())


def mailed_token(account_id: str) -> Mailed:
    """A fresh token for a mail: it names its account, so that it is looked up by id."""
    text = f"{account_id}.{secrets.token_urlsafe(24)}"
    return Mailed(text, token_hash(text))


def token_hash(text: str) -> str:
    """What is kept of a mailed token."""
    return hashlib.sha256(f"mailed-token:{text}".encode()).hexdigest()


def account_in(token: str) -> str:
    """The account a mailed token names. Refused when it is no such token."""
    account_id, dot, chance = token.partition(".")
    if not (dot and chance and account_id):
        raise token_refused()
    return account_id
