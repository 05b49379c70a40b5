"""Going to FranceConnect and coming back (ID10).

No secret of the trip is kept: state, nonce, PKCE verifier, the browser's binding and the ticket
derive from the signing key and the authorization's id, so that a repetition gives the same ones
and a copy of the database opens nothing.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.identity.commands.base import Identity
from services.identity.commands.franceconnect_offer import Offer, offer_of
from services.identity.commands.provider_links import (
    open_federated_session,
    recognised_account,
    take,
)
from services.identity.commands.sessions import (
    Tokens,
    check_active,
    opened_by,
)
from services.identity.domain.federation import (
    RETURN_WITHIN,
    Authorization,
    Ended,
    Returned,
    check_returnable,
    code_of_error,
    not_begun_here,
    refusal,
    returned_person,
    ticket_unknown,
)
from services.identity.domain.quotient import QuotientOutcome
from services.identity.domain.sessions import not_recognised
from services.identity.openid import Asked, OpenIdError
from services.identity.store.accounts import account_of
from services.identity.store.federation import RETURNS, authorization_of
from services.identity.store.sessions import session_of
from shared.auth import Bearer
from shared.ids import derived_id
from shared.logs import get_logger
from shared.store import Document
from shared.web.routes import Command

PROVIDER = "franceconnect"
#: To say which account is one's own, or to give the code of the one that was found: a ticket for
#: one is none for the other.
Ticket = Literal["ticket", "second-factor"]
_log = get_logger()
_QUOTIENT_SCOPES = " cnaf_quotient_familial cnaf_enfants"
#: A repetition waits this long for the request that spends the code.
_PATIENCE_STEPS, _PATIENCE_PAUSE = 200, 0.1


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser, and the secret that it keeps until it is back."""

    url: str
    binding: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CameBack:
    """What the browser brought: ``code`` or ``error`` from the redirect URI, and its secret."""

    state: str
    binding: str
    code: str | None
    error: str | None
    issuer: str | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """``tokens`` of a login; ``linked`` to the account that was logged in; or a ``ticket``, with
    which the person says which account is theirs, or gives the code of a ``guarded`` one."""

    tokens: Tokens | None = None
    linked: bool = False
    guarded: bool = False
    ticket: str | None = None
    ticket_expires_at: datetime | None = None
    returned: Returned | None = None
    quotient: QuotientOutcome | None = None


async def begin(
    identity: Identity,
    town: str,
    redirect_uri: str | None,
    consent_version: str | None,
    bearer: Bearer | None,
    command: Command,
) -> Begun:
    """Start a login, or with a ``bearer`` the linking of its account. A consent to ask for the
    quotient familial is kept, dated, before the browser leaves."""
    offer = await offer_of(identity, town)
    authorization_id = derived_id("authorization", command.id)
    document = await identity.store.authorization(authorization_id)
    if document is None:
        now = identity.clock.machine()
        consent = offer.consent(consent_version, now)
        new = Authorization(
            id=authorization_id, town=town, provider=PROVIDER,
            purpose="link" if bearer else "login",
            account=bearer.account if bearer else None,
            login_session=bearer.login_session if bearer else None,
            redirect_uri=offer.redirect_uri(redirect_uri),
            scope=offer.provider.registration.scope + (_QUOTIENT_SCOPES if consent else ""),
            key=identity.signing.current, consent=consent, expires_at=now + RETURN_WITHIN,
        )  # fmt: skip
        mark = identity.repeats.mark(command)
        if await identity.store.begin_authorization(new, mark):
            return await _begun(identity, offer, new)
        document = await identity.store.authorization(authorization_id)
    if document is None:
        raise not_begun_here()
    identity.repeats.check(document["made_by"], command)
    return await _begun(identity, offer, authorization_of(document))


async def come_back(
    identity: Identity, town: str, back: CameBack, device: str, command: Command
) -> Arrived:
    """End what ``begin`` began, in the browser that began it.

    The code is spent by one command only; a repetition of it waits for, and gives, the same
    answer. Whatever goes wrong at the provider, this authorization has ended: one begins another.
    """
    offer = await offer_of(identity, town)
    document = await _begun_here(identity, town, back)
    if back.issuer not in (None, offer.provider.registration.issuer):
        raise not_begun_here()  # an answer of another provider (RFC 9207)
    authorization = authorization_of(document)
    check_returnable(authorization, command.id, identity.clock.machine())
    mark = identity.repeats.mark(command)
    if await identity.store.claim_authorization(authorization.id, mark):
        await _redeem(identity, offer, authorization, back)
    return await _arrive(identity, authorization.id, device, command)


async def returned_by_ticket(
    identity: Identity, town: str, ticket: str, command: Command, what: Ticket = "ticket"
) -> tuple[Authorization, Returned]:
    """Who came back with that ticket, and under which authorization.

    Refused when unknown, meant for something else, too old, or used by another command.
    """
    authorization_id = ticket.partition(".")[0]
    document = await identity.store.authorization(authorization_id)
    if document is None or document["town"] != town:
        raise ticket_unknown()
    authorization = authorization_of(document)
    expected = _derived(identity, authorization, what)
    if not hmac.compare_digest(expected.encode(), ticket.encode()):
        raise ticket_unknown()
    kept = await identity.store.returned(authorization_id)
    if kept is None or identity.clock.machine() >= kept["expires_at"]:
        raise ticket_unknown()
    if kept["used_by"] not in (None, command.id):
        raise ticket_unknown()
    return authorization, _unsealed(identity, kept)


async def _begun(identity: Identity, offer: Offer, authorization: Authorization) -> Begun:
    try:
        url = await offer.provider.authorization_url(_asked(identity, authorization))
    except OpenIdError as error:
        _log.warning("franceconnect-failed", kind=error.kind, reason=error.what)
        raise refusal("franceconnect-unavailable") from error
    binding = _derived(identity, authorization, "binding")
    return Begun(url, binding, authorization.expires_at)


async def _begun_here(identity: Identity, town: str, back: CameBack) -> Document:
    document = await identity.store.authorization(back.state.partition(".")[0])
    if document is None or document["town"] != town:
        raise not_begun_here()
    authorization = authorization_of(document)
    for what, given in (("state", back.state), ("binding", back.binding)):
        expected = _derived(identity, authorization, what)
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise not_begun_here()
    return document


async def _redeem(
    identity: Identity, offer: Offer, authorization: Authorization, back: CameBack
) -> None:
    """Spend the code and keep who came back, or how it ended."""
    code = code_of_error(back.error) if back.error else None
    if code is None:
        try:
            who = await offer.provider.redeem(back.code or "", _asked(identity, authorization))
        except OpenIdError as error:
            _log.warning("franceconnect-failed", kind=error.kind, reason=error.what)
            away = error.kind == "away"
            code = "franceconnect-unavailable" if away else "franceconnect-refused"
    if code is not None:
        await identity.store.end_authorization(authorization.id, Ended(refused=code))
        return
    outcome, quotient = await offer.quotient(authorization.consent, who.access_token)
    registration = offer.provider.registration
    returned = Returned(
        provider=registration.name, client_id=registration.client_id, issuer=registration.issuer,
        subject=who.subject, id_token=who.id_token, quotient_outcome=outcome, quotient=quotient,
        consent=authorization.consent, **returned_person(who.claims),
    )  # fmt: skip
    sealed = identity.sealer.seal(
        returned.model_dump(mode="json"), RETURNS, authorization.id, "sealed"
    )
    await identity.store.keep_return(
        authorization.id, authorization.town, sealed, identity.clock.machine()
    )


async def _arrive(
    identity: Identity, authorization_id: str, device: str, command: Command
) -> Arrived:
    """The answer, from what the command that claimed the authorization has kept."""
    for _ in range(_PATIENCE_STEPS):
        document = await identity.store.authorization(authorization_id)
        if document is None:
            raise not_begun_here()
        authorization = authorization_of(document)
        check_returnable(authorization, command.id, identity.clock.machine())
        identity.repeats.check(document["claim"], command)
        if authorization.ended is not None:
            return await _answer(identity, authorization, authorization.ended, command)
        kept = await identity.store.returned(authorization_id)
        if kept is not None:
            returned = _unsealed(identity, kept)
            ended = await _ended(identity, authorization, returned, device, command)
            await identity.store.end_authorization(authorization_id, ended)
            if ended.account is not None:
                await identity.store.use_return(authorization_id, command.id)
            return await _answer(identity, authorization, ended, command)
        await asyncio.sleep(_PATIENCE_PAUSE)
    raise refusal("franceconnect-refused")


async def _ended(
    identity: Identity,
    authorization: Authorization,
    returned: Returned,
    device: str,
    command: Command,
) -> Ended:
    """Find whose account it is, and do what the trip was for."""
    town = authorization.town
    known = await identity.store.account_by_identity(returned.identity_key)
    if authorization.purpose == "link":
        await _check_still_logged_in(identity, authorization)
        account_id = authorization.account
        if known is not None and known["_id"] != account_id:
            return Ended(refused="franceconnect-linked-elsewhere")
    else:
        if known is not None:
            check_active(account_of(known))
        account_id = known["_id"] if known else await recognised_account(identity, town, returned)
    if account_id is None:
        return Ended()
    if authorization.purpose == "login" and await _is_guarded(identity, account_id):
        return Ended(guarded=account_id)
    writes = known is None or returned.quotient is not None
    quotient = await take(identity, account_id, town, returned, command if writes else None)
    if authorization.purpose == "login":
        await open_federated_session(identity, account_id, town, device, returned, command)
    return Ended(account=account_id, quotient=quotient)


async def _answer(
    identity: Identity, authorization: Authorization, ended: Ended, command: Command
) -> Arrived:
    if ended.refused is not None:
        raise refusal(ended.refused)
    if ended.account is not None:
        tokens = await opened_by(identity, command)
        return Arrived(tokens=tokens, linked=tokens is None, quotient=ended.quotient)
    kept = await identity.store.returned(authorization.id)
    if kept is None:
        raise ticket_unknown()
    guarded = ended.guarded is not None
    return Arrived(
        ticket=_derived(identity, authorization, "second-factor" if guarded else "ticket"),
        ticket_expires_at=kept["expires_at"],
        returned=_unsealed(identity, kept),
        guarded=guarded,
    )


async def _is_guarded(identity: Identity, account_id: str) -> bool:
    """Whether its holder has set up a second factor: FranceConnect stands for the password, which
    alone does not open it either."""
    document = await identity.store.account(account_id)
    return document is not None and account_of(document).second_factor is not None


async def _check_still_logged_in(identity: Identity, authorization: Authorization) -> None:
    """What was begun logged in ends logged in: somebody else may sit there meanwhile."""
    session = await identity.store.session(authorization.login_session or "")
    account = await identity.store.account(authorization.account or "")
    if session is None or account is None:
        raise not_recognised()
    holder = account_of(account)
    if not session_of(session).alive(holder.epoch, holder.survivor, identity.clock.machine()):
        raise not_recognised()


def _asked(identity: Identity, authorization: Authorization) -> Asked:
    return Asked(
        redirect_uri=authorization.redirect_uri,
        state=_derived(identity, authorization, "state"),
        nonce=_secret(identity, authorization, "nonce"),
        verifier=_secret(identity, authorization, "verifier"),
        scope=authorization.scope,
    )


def _derived(identity: Identity, authorization: Authorization, what: str) -> str:
    """A secret that names its authorization."""
    return f"{authorization.id}.{_secret(identity, authorization, what)}"


def _secret(identity: Identity, authorization: Authorization, what: str) -> str:
    seal = identity.signing.seal(authorization.key, f"federation-{what}", authorization.id)
    if seal is None:
        raise not_begun_here()
    return _written(seal)


def _written(seal: bytes) -> str:
    return base64.urlsafe_b64encode(seal).rstrip(b"=").decode()


def _unsealed(identity: Identity, kept: Document) -> Returned:
    return Returned.model_validate(
        identity.sealer.open(kept["sealed"], RETURNS, kept["_id"], "sealed")
    )
