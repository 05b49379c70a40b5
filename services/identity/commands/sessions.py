"""Logging in, tokens, logging out (ID4)."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from services.identity.commands.codes import check_code, wrong_credentials
from services.identity.commands.following import records_about
from services.identity.domain import accounts, admitting, agents, tablets
from services.identity.domain.accounts import Account, Changed
from services.identity.domain.attempts import LOGIN_BY_ACCOUNT, LOGIN_BY_ADDRESS
from services.identity.domain.following import follow, guardians_of
from services.identity.domain.names import login_key
from services.identity.domain.sessions import (
    LoginSession,
    Pair,
    expiry,
    not_recognised,
    on_refresh,
)
from services.identity.domain.tablets import Tablet
from services.identity.store.accounts import account_of
from services.identity.store.sessions import session_of
from services.identity.store.tablets import tablet_of
from shared.auth import ACCESS_TOKEN_SECONDS, Bearer, FamilyRight
from shared.errors import Refused, not_found
from shared.ids import derived_id
from shared.store import Document
from shared.web.routes import Command

_ACCESS_FOR = timedelta(seconds=ACCESS_TOKEN_SECONDS)
_TRIES = 5
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Tokens:
    """An access token, until when it serves, and the refresh token that gives the next."""

    access_token: str
    expires_at: datetime
    refresh_token: str
    withheld_roles: tuple[str, ...] = ()


async def log_in(
    identity: Identity,
    town: str,
    login_name: str,
    password: str,
    caller: str,
    device: str,
    command: Command,
    code: str | None = None,
) -> Tokens:
    """Open a login session in ``town``. ``caller`` is a network address; ``code`` is that of the
    second factor, for an account that has one.

    The same work is done, and the same answer given, whether the account does not exist, the
    password is wrong or the code is.
    """
    await need_town(identity, town)
    if (opened := await opened_by(identity, command)) is not None:
        return opened
    account = await check_credentials(identity, login_name, password, caller)
    check_active(account)
    strong = await check_code(identity, account, code)
    await join_town(identity, account.id, town)
    return await open_session(
        identity, account.id, town, device, command, epoch=account.epoch, strong=strong
    )  # fmt: skip


async def opened_by(identity: Identity, command: Command) -> Tokens | None:
    """The tokens of the login session that this command opened already, or None."""
    known = await identity.store.session(_session_id(command))
    return _opened(identity, known, command) if known else None


async def open_session(
    identity: Identity,
    account_id: str,
    town: str,
    device: str,
    command: Command,
    *,
    epoch: int | None = None,
    authenticated_at: datetime | None = None,
    strong: bool = False,
    tablet: Tablet | None = None,
) -> Tokens:
    """Open a login session; ``epoch`` is the account's when its secret was checked. ``strong``:
    so was a second factor. ``tablet``: on that shared one."""
    session_id = _session_id(command)
    now = identity.clock.machine()
    holder = await need_holder(identity, account_id)
    since = authenticated_at or now
    session = LoginSession(
        id=session_id, town=town, account=account_id,
        epoch=holder.epoch if epoch is None else epoch, key=identity.signing.current,
        created_at=now, authenticated_at=since, device=device,
        expires_at=tablets.expiry(since, now) if tablet else expiry(since, now),
        generation=0, strong=strong, tablet=tablet.id if tablet else None, pairs=(),
    )  # fmt: skip
    first = await _pair(identity, holder, session, 0, now)
    session = session.model_copy(update={"pairs": (first,)})
    if await identity.store.open_session(session, identity.repeats.mark(command)):
        return _tokens(identity, session, session.pairs[0])
    known = await identity.store.session(session_id)
    if known is None:
        raise not_recognised()
    return _opened(identity, known, command)


async def check_credentials(
    identity: Identity, login_name: str, password: str, caller: str
) -> Account:
    """The account whose login name and password these are. Refused (401, or 429 to wait)."""
    login = login_key(login_name)
    await check_attempts(identity, LOGIN_BY_ADDRESS, caller)
    await attempt(identity, LOGIN_BY_ACCOUNT, login)
    document = await identity.store.account_by_login(login)
    kept = document["password"] if document else None
    right = await identity.hashing.matches(kept, password)
    if document is None or not right:
        if document and admitting.opens_first(account_of(document), password):
            await identity.store.forgive(LOGIN_BY_ACCOUNT, login)
            raise Refused(
                "first-login-needed",
                "C'est votre première connexion : choisissez d'abord votre mot de passe.",
                status=403,
            )
        await attempt(identity, LOGIN_BY_ADDRESS, caller)
        raise wrong_credentials()
    await identity.store.forgive(LOGIN_BY_ACCOUNT, login)
    return account_of(document)


async def refresh(identity: Identity, town: str, refresh_token: str) -> Tokens:
    """The next pair of tokens, with the rights of now; see ``domain.sessions.on_refresh``."""
    session_id, generation, seal = _parse(refresh_token)
    for _ in range(_TRIES):
        document = await identity.store.session(session_id)
        if document is None or document["town"] != town:
            raise not_recognised()
        session = session_of(document)
        _check_seal(identity, session, generation, seal)
        now = identity.clock.machine()
        holder = await need_holder(identity, session.account)
        if not session.alive(holder.epoch, holder.survivor, now):
            raise not_recognised()
        given = on_refresh(session, generation, now)
        if isinstance(given, Pair):
            return _tokens(identity, session, given)
        if given == "end":
            await identity.store.end_session(session.id, "reuse")
            raise not_recognised()
        pair = await _pair(identity, holder, session, generation + 1, now)
        until = (tablets.expiry if session.tablet else expiry)(session.authenticated_at, now)
        if await identity.store.rotate_session(session, pair, until):
            return _tokens(identity, session, pair)
    raise contended()


async def end_by_token(identity: Identity, town: str, refresh_token: str) -> None:
    """End the login session of a refresh token, whichever it was given. Refused (401)."""
    session_id, generation, seal = _parse(refresh_token)
    document = await identity.store.session(session_id)
    if document is None or document["town"] != town:
        raise not_recognised()
    _check_seal(identity, session_of(document), generation, seal)
    await identity.store.end_session(session_id, "logout")


async def log_out(identity: Identity, bearer: Bearer) -> None:
    """End the bearer's login session; its access token runs out within five minutes."""
    await identity.store.end_session(bearer.login_session, "logout")


async def revoke(identity: Identity, bearer: Bearer, session_id: str) -> None:
    """End one of the bearer's login sessions; again, it changes nothing. Refused (404)."""
    document = await identity.store.session(session_id)
    if document is None or document["account"] != bearer.account:
        raise not_found("cette connexion")
    await identity.store.end_session(session_id, "revoked")


async def revoke_others(identity: Identity, bearer: Bearer) -> None:
    """End every login session of the account but the bearer's."""
    for session in await identity.store.sessions_of(bearer.account):
        if session.id != bearer.login_session:
            await identity.store.end_session(session.id, "revoked")


async def join_town(identity: Identity, account_id: str, town: str) -> None:
    """The account is of this town from now on."""

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        return accounts.join(account, town, identity.clock.machine()), {}

    await change_account(identity, account_id, None, decide)


async def need_holder(identity: Identity, account_id: str) -> Account:
    """The account of a login session. Refused (401) when it is gone."""
    document = await identity.store.account(account_id)
    if document is None:
        raise not_recognised()
    return account_of(document)


def _opened(identity: Identity, known: Document, command: Command) -> Tokens:
    identity.repeats.check(known["made_by"], command)
    session = session_of(known)
    first = session.pair(0)
    if first is None:
        raise not_recognised()
    return _tokens(identity, session, first)


async def _pair(
    identity: Identity, account: Account, session: LoginSession, generation: int, now: datetime
) -> Pair:
    """Rights as they are now: a guardian whom the family no longer lists has lost it, an agent
    whose day has come or who is suspended is one no longer. Refused (403) to an agent who is none.
    """
    town = session.town
    zone, given = await _rights(identity, account, session, now)
    until = agents.end_of_roles(account.membership(town), zone) if given.roles else None
    if session.tablet is not None:
        return Pair(
            generation=generation, issued_at=now, families=(), until=until,
            **(await _on_tablet(identity, session.tablet, given))._asdict(),
        )  # fmt: skip
    records = await records_about(identity, town, account)
    membership = follow(account, town, records).account.membership(town)
    links = membership.families if membership else ()
    return Pair(
        generation=generation,
        issued_at=now,
        until=until,
        families=tuple(
            (link.family, link.guardian)
            for link in links
            if (guardians := guardians_of(link.family, records)) is None
            or link.guardian in guardians
        ),
        **given._asdict(),
    )


async def _on_tablet(identity: Identity, tablet_id: str, given: agents.Rights) -> agents.Rights:
    """What a shared tablet gives of somebody's rights. Refused (401) once it is revoked, (403) to
    who is an animator of its site no longer."""
    document = await identity.store.tablet(tablet_id)
    if document is None or document["revoked_at"] is not None:
        raise not_recognised()
    rights = tablets.limited(given, tablet_of(document))
    if not rights.roles:
        raise _no_agent()
    return rights


def check_active(account: Account) -> None:
    """Refuse (403) an account that nobody has activated."""
    if account.state != "active":
        raise Refused(
            "account-not-active",
            "Activez d'abord votre compte par le lien reçu par courriel.",
            status=403,
        )


async def _rights(
    identity: Identity, account: Account, session: LoginSession, now: datetime
) -> tuple[ZoneInfo, agents.Rights]:
    """What the account may be in the town now, and the town's time zone."""
    membership = account.membership(session.town)
    if membership is None or not (membership.roles or account.kind == "agent"):
        return _UTC, agents.Rights((), (), ())
    named, guarded = await identity.store.agent_settings(session.town)
    zone = ZoneInfo(named)
    strong = session.tablet is not None or agents.is_strong(
        account, session.id, opened_strong=session.strong
    )
    today = now.astimezone(zone).date()
    given = agents.rights(account, session.town, today, guarded, strong=strong)
    if account.kind == "agent" and not given.roles and not given.withheld:
        raise _no_agent()
    return zone, given


def _no_agent() -> Refused:
    return Refused(
        "agent-no-longer",
        "Votre accès d'agent à cette commune est suspendu ou terminé.",
        status=403,
    )


def _session_id(command: Command) -> str:
    return derived_id("login-session", command.id)


def _tokens(identity: Identity, session: LoginSession, pair: Pair) -> Tokens:
    expires_at = pair.issued_at.replace(microsecond=0) + _ACCESS_FOR
    if pair.until is not None:
        expires_at = min(expires_at, pair.until)
    bearer = Bearer(
        account=session.account,
        town=session.town,
        login_session=session.id,
        families=tuple(FamilyRight(family, guardian) for family, guardian in pair.families),
        roles=frozenset(pair.roles),
        expires=int(expires_at.timestamp()),
        sites=frozenset(pair.sites),
        shared=session.tablet is not None,
    )
    seal = _seal(identity, session, pair.generation)
    refresh_token = f"{session.id}.{pair.generation}.{seal}"
    signed = identity.signing.sign(bearer, pair.issued_at)
    return Tokens(signed, expires_at, refresh_token, pair.withheld)


def _seal(identity: Identity, session: LoginSession, generation: int) -> str:
    made = identity.signing.seal(session.key, "refresh", session.id, str(generation))
    if made is None:
        raise not_recognised()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def _check_seal(identity: Identity, session: LoginSession, generation: int, seal: str) -> None:
    if not hmac.compare_digest(_seal(identity, session, generation), seal):
        raise not_recognised()


def _parse(refresh_token: str) -> tuple[str, int, str]:
    session_id, _, rest = refresh_token.partition(".")
    generation, _, seal = rest.partition(".")
    if not (session_id and seal.isascii() and generation.isascii() and generation.isdigit()):
        raise not_recognised()
    if len(generation) > 9:
        raise not_recognised()
    return session_id, int(generation), seal
