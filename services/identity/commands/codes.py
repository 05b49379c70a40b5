"""Codes of the second factor, asked for at each login, and its sealed secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.identity.commands.base import Identity, attempt, change_account
from services.identity.domain import second_factor
from services.identity.domain.accounts import Account, Changed
from services.identity.domain.attempts import CODE_BY_ACCOUNT
from services.identity.store.accounts import ACCOUNTS, account_of
from shared.errors import Refused
from shared.store import Document

_FIELD = "second_factor.secret"


async def check_code(
    identity: Identity,
    account: Account,
    code: str | None,
    *,
    wrong: Callable[[], Refused] | None = None,
) -> bool:
    """Whether the account has a second factor; refused (401) when its code is not given or wrong.

    A wrong code is answered like a wrong password, unless the code alone was asked for
    (``wrong``). Each code works once.
    """
    if account.second_factor is None:
        return False
    if code is None:
        raise Refused(
            "second-factor-required", "Saisissez le code de votre application.", status=401
        )
    await attempt(identity, CODE_BY_ACCOUNT, account.id)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        used = with_code(identity, account, code, wrong or wrong_credentials)
        return Changed(used, ()), {}

    await change_account(identity, account.id, None, decide)
    await identity.store.forgive(CODE_BY_ACCOUNT, account.id)
    return True


def with_code(
    identity: Identity, account: Account, code: str, wrong: Callable[[], Refused]
) -> Account:
    """The account with the code used; its secret sealed with the current key. Refused as ``wrong``
    says."""
    factor = account.second_factor
    if factor is None:
        return account
    secret = open_secret(identity, account.id, factor.secret)
    now = identity.clock.machine()
    step = second_factor.matching_step(secret, code, now, after=factor.last_step)
    changes: Document = {"secret": resealed(identity, account.id, factor.secret)}
    if step is not None:
        changes["last_step"] = step
    else:
        number = second_factor.matching_recovery(secret, code, factor)
        if number is None:
            raise wrong()
        changes["recovery_used"] = (*factor.recovery_used, number)
    return account.model_copy(update={"second_factor": factor.model_copy(update=changes)})


def wrong_credentials() -> Refused:
    """One answer, whichever of login name, password and code is wrong."""
    return Refused("wrong-credentials", "Identifiant, mot de passe ou code incorrect.", status=401)


def wrong_code() -> Refused:
    """To who is known already."""
    return Refused(
        "wrong-code", "Ce code n'est pas le bon. Vérifiez l'heure de votre téléphone.",
        status=422, field="/code",
    )  # fmt: skip


def open_secret(identity: Identity, account_id: str, sealed: Document) -> str:
    """The secret of an account. Raises ``SealBroken`` when its key is gone."""
    return str(identity.sealer.open(sealed, ACCOUNTS, account_id, _FIELD))


def resealed(identity: Identity, account_id: str, sealed: Document) -> Document:
    """The same secret, under the current key."""
    if sealed["key"] == identity.sealer.current:
        return sealed
    return seal_secret(identity, account_id, open_secret(identity, account_id, sealed))


def seal_secret(identity: Identity, account_id: str, secret: str) -> Document:
    """The secret as it is kept: it opens in this account only."""
    return identity.sealer.seal(secret, ACCOUNTS, account_id, _FIELD)


async def reseal_all(identity: Identity) -> int:
    """Seal every secret with the current key; how many were not (``preau agent reseal``)."""
    changed = 0
    for found in await identity.store.sealed_with_others(identity.sealer.current):

        async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
            return Changed(_resealed_in(identity, account), ()), {}

        await change_account(identity, account_of(found).id, None, decide)
        changed += 1
    return changed


def _resealed_in(identity: Identity, account: Account) -> Account:
    changes = {
        name: factor.model_copy(update={"secret": resealed(identity, account.id, factor.secret)})
        for name in ("second_factor", "pending_factor")
        if (factor := getattr(account, name)) is not None
    }
    return account.model_copy(update=changes)
