"""Shared tablets: registered, revoked, unlocked and locked (ID9)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from services.identity.commands.base import (
    Identity,
    attempt,
    change_account,
    check_attempts,
    contended,
    need_town,
)
from services.identity.commands.credentials import check_current, done_already
from services.identity.commands.sessions import Tokens, end_by_token, open_session, opened_by
from services.identity.domain import tablets
from services.identity.domain.accounts import Account, Changed
from services.identity.domain.attempts import PIN_BY_ACCOUNT, PIN_BY_TABLET
from services.identity.domain.tablets import Tablet
from services.identity.queries import town_file
from services.identity.store.accounts import account_of
from services.identity.store.tablets import tablet_of
from shared.auth import AgentScope, Bearer
from shared.errors import Refused, not_found
from shared.ids import derived_id
from shared.web.routes import Command


async def register(
    identity: Identity, scope: AgentScope, name: str, site: str, command: Command
) -> tuple[Tablet, str]:
    """A tablet of a site, and the secret to keep in it, which is kept nowhere else.

    The secret derives from the signing key and the command: a repetition gives the same one.
    """
    _, file = await town_file(identity, scope.town)
    tablets.check_site(site, file.sites())
    tablet_id = derived_id("tablet", command.id)
    made = identity.signing.seal(identity.signing.current, "tablet", tablet_id)
    if made is None:
        raise contended()
    secret = f"{tablet_id}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"
    tablet = Tablet(
        id=tablet_id, town=scope.town, name=name, site=site, secret=_hash(secret),
        registered_by=scope.account, registered_at=identity.clock.machine(),
    )  # fmt: skip
    if not await identity.store.register_tablet(tablet, identity.repeats.mark(command)):
        document = await identity.store.tablet(tablet_id)
        if document is None:
            raise contended()
        identity.repeats.check(document["made_by"], command)
        tablet = tablet_of(document)
    if not hmac.compare_digest(tablet.secret, _hash(secret)):
        raise Refused(
            "keys-not-repeatable",
            "Cette tablette a été enregistrée avec une clé de signature retirée depuis :"
            " enregistrez-la de nouveau.",
        )
    return tablet, secret


async def revoke(identity: Identity, scope: AgentScope, tablet_id: str) -> None:
    """A tablet opens nothing any more; what it has open ends at its next token. Refused (404)."""
    document = await identity.store.tablet(tablet_id)
    if document is None or document["town"] != scope.town:
        raise not_found("cette tablette")
    await identity.store.revoke_tablet(scope, tablet_id, identity.clock.machine())


async def set_pin(
    identity: Identity, bearer: Bearer, password: str, pin: str, caller: str, command: Command
) -> None:
    """The bearer's own PIN, in place of the one before. Asks for the password."""
    if await done_already(identity, bearer, command) is not None:
        return
    tablets.check_pin(pin)
    await check_current(identity, bearer, password, caller)
    today = await _today(identity, bearer.town)
    kept = await identity.hashing.hash(pin)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        return tablets.with_pin(account, bearer.town, kept, today), {}

    await change_account(identity, bearer.account, command, decide)


async def animators(identity: Identity, town: str, secret: str) -> list[Account]:
    """Who may unlock that tablet today: animators of its site who have a PIN, by name."""
    tablet = await _need_tablet(identity, town, secret)
    today = await _today(identity, town)
    found = [account_of(one) for one in await identity.store.animators(town, tablet.site)]
    able = [one for one in found if one.tablet_pin and tablets.may_unlock(one, tablet, today)]
    return sorted(able, key=lambda one: (one.person.last_name, one.person.first_name, one.id))


async def unlock(
    identity: Identity, town: str, secret: str, account_id: str, pin: str, device: str,
    command: Command,
) -> Tokens:  # fmt: skip
    """A short login session of an animator on a tablet.

    Refused (401): a tablet that is not known or revoked; a wrong PIN, in the same way whoever is
    named. Guesses wait, by animator and by tablet.
    """
    if (opened := await opened_by(identity, command)) is not None:
        return opened
    tablet = await _need_tablet(identity, town, secret)
    await check_attempts(identity, PIN_BY_TABLET, tablet.id)
    await attempt(identity, PIN_BY_ACCOUNT, account_id)
    document = await identity.store.account(account_id)
    account = account_of(document) if document else None
    right = await identity.hashing.matches(account.tablet_pin if account else None, pin)
    today = await _today(identity, town)
    if account is None or not right or not tablets.may_unlock(account, tablet, today):
        await attempt(identity, PIN_BY_TABLET, tablet.id)
        raise Refused("wrong-pin", "Ce code n'ouvre pas cette tablette.", status=401)
    await identity.store.forgive(PIN_BY_ACCOUNT, account_id)
    return await open_session(
        identity, account.id, town, device, command, epoch=account.epoch, tablet=tablet
    )


async def lock(identity: Identity, town: str, refresh_token: str) -> None:
    """End the session that a tablet has open; again, it changes nothing."""
    await end_by_token(identity, town, refresh_token)


async def _need_tablet(identity: Identity, town: str, secret: str) -> Tablet:
    await need_town(identity, town)
    document = await identity.store.tablet(secret.partition(".")[0])
    tablet = tablet_of(document) if document and document["town"] == town else None
    known = tablet is not None and hmac.compare_digest(tablet.secret, _hash(secret))
    if tablet is None or not known or tablet.revoked_at is not None:
        raise Refused(
            "tablet-unknown",
            "Cette tablette n'est pas (ou plus) enregistrée : adressez-vous à votre commune.",
            status=401,
        )
    return tablet


async def _today(identity: Identity, town: str) -> date:
    zone, _ = await identity.store.agent_settings(town)
    return identity.clock.machine().astimezone(ZoneInfo(zone)).date()


def _hash(secret: str) -> str:
    return hashlib.sha256(f"tablet:{secret}".encode()).hexdigest()
