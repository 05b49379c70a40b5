"""FranceConnect beside the account: saying which account is one's own, the code of its second
factor, a new one, unlinking, logging out there too (ID10)."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from typing import Any

from services.identity.commands.accounts import wanted_key
from services.identity.commands.base import Identity, attempt, change_account, mailed_token
from services.identity.commands.codes import check_code, wrong_code
from services.identity.commands.family_keys import take_key
from services.identity.commands.federation import PROVIDER, returned_by_ticket
from services.identity.commands.provider_links import (
    open_federated_session,
    recognised_links,
    take,
)
from services.identity.commands.sessions import (
    Tokens,
    check_active,
    check_credentials,
    need_holder,
    opened_by,
)
from services.identity.domain import federation
from services.identity.domain.accounts import (
    Account,
    Changed,
    Link,
    Membership,
    Person,
    PostalAddress,
    Telephones,
)
from services.identity.domain.attempts import SIGN_UP_BY_EMAIL
from services.identity.domain.federation import (
    Returned,
    open_account,
    quotient_outcome,
    refusal,
    ticket_unknown,
)
from services.identity.domain.names import email_key
from services.identity.domain.quotient import QuotientOutcome
from services.identity.openid import OpenIdError
from services.identity.store.accounts import account_of
from services.identity.store.federation import PROVIDER_SESSIONS
from shared.auth import Bearer
from shared.errors import Refused
from shared.ids import derived_id
from shared.logs import get_logger
from shared.sealing import SealBroken
from shared.store import DuplicateKey
from shared.web.routes import Command

_log = get_logger()


@dataclass(frozen=True, slots=True)
class NewFederated:
    """What FranceConnect does not say of who opens an account with it."""

    email: str | None
    postal_address: PostalAddress | None
    telephones: Telephones | None
    family_key: str | None


@dataclass(frozen=True, slots=True)
class Entered:
    """An account, with tokens once it works; without them, its activation mail has left."""

    account: str
    tokens: Tokens | None
    quotient: QuotientOutcome | None = None


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """Where to end the provider's session too, and the state that comes back from there."""

    url: str | None
    state: str | None


async def link_by_credentials(
    identity: Identity,
    town: str,
    ticket: str,
    login_name: str,
    password: str,
    caller: str,
    device: str,
    command: Command,
    code: str | None = None,
) -> Entered:
    """The ticket's person is the holder of the account whose credentials these are: all that a
    login asks for, as from now on the person logs in without them.

    A repetition is known by its login session before the code is checked, which works once.
    """
    authorization, returned = await returned_by_ticket(identity, town, ticket, command)
    account = await check_credentials(identity, login_name, password, caller)
    check_active(account)
    strong = False
    if await opened_by(identity, command) is None:
        strong = await check_code(identity, account, code)
    quotient = await take(identity, account.id, town, returned, command)
    tokens = await open_federated_session(
        identity, account.id, town, device, returned, command, strong=strong
    )
    await identity.store.use_return(authorization.id, command.id)
    return Entered(account.id, tokens, quotient)


async def enter_with_code(
    identity: Identity, town: str, ticket: str, code: str, device: str, command: Command
) -> Entered:
    """The ticket's person is known, and its account has a second factor: log in with its code.

    A repetition is known by its login session before the code is checked, which works once.
    """
    authorization, returned = await returned_by_ticket(
        identity, town, ticket, command, "second-factor"
    )
    if authorization.ended is None or authorization.ended.guarded is None:
        raise ticket_unknown()
    account = await need_holder(identity, authorization.ended.guarded)
    check_active(account)
    strong = True
    if await opened_by(identity, command) is None:
        strong = await check_code(identity, account, code, wrong=wrong_code)
    quotient = await take(identity, account.id, town, returned, command)
    tokens = await open_federated_session(
        identity, account.id, town, device, returned, command, strong=strong
    )
    await identity.store.use_return(authorization.id, command.id)
    return Entered(account.id, tokens, quotient)


async def create_federated(
    identity: Identity,
    town: str,
    ticket: str,
    asked: NewFederated,
    caller: str,
    device: str,
    command: Command,
) -> Entered:
    """An account of the ticket's person, without a password of its own.

    It works at once when the address is the one FranceConnect gave; another address is confirmed
    by a mail first, like any sign-up's. Families: by the town's key, or because the town knows the
    guardian's civil identity.
    """
    authorization, returned = await returned_by_ticket(identity, town, ticket, command)
    account_id = derived_id("account", command.id)
    document = await identity.store.account(account_id)
    if document is None:
        await _create(identity, town, account_id, returned, asked, caller, command)
        document = await identity.store.account(account_id)
    if document is None:
        raise ticket_unknown()
    identity.repeats.check(document["made_by"], command)
    account = account_of(document)
    tokens = None
    if account.state == "active":
        tokens = await open_federated_session(identity, account_id, town, device, returned, command)
    await identity.store.use_return(authorization.id, command.id)
    return Entered(account_id, tokens, quotient_outcome(returned, account, town))


async def unlink(identity: Identity, bearer: Bearer, provider: str) -> None:
    """The provider opens the bearer's account no longer. Refused for the last way in."""

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        return federation.unlink(account, bearer.town, provider), {}

    await change_account(identity, bearer.account, None, decide)


async def log_out_everywhere(identity: Identity, bearer: Bearer) -> LoggedOut:
    """End the login session first; then say where the browser ends FranceConnect's.

    Without an address the session here has ended all the same.
    """
    session_id = bearer.login_session
    await identity.store.end_session(session_id, "logout")
    kept = await identity.store.provider_session(session_id)
    provider = identity.outside.provider(PROVIDER, bearer.town)
    if kept is None or provider is None:
        return LoggedOut(None, None)
    state = _logout_state(identity, session_id)
    try:
        hint = identity.sealer.open(kept["id_token"], PROVIDER_SESSIONS, session_id, "id_token")
        return LoggedOut(await provider.logout_url(hint, state), state)
    except (OpenIdError, SealBroken):
        _log.warning("franceconnect-failed", reason="logout")
        return LoggedOut(None, None)


async def confirm_logged_out(identity: Identity, state: str) -> None:
    """The browser is back from the provider's logout. Refused for a state not given here."""
    session_id = state.partition(".")[0]
    expected = _logout_state(identity, session_id)
    if not hmac.compare_digest(expected.encode(), state.encode()):
        raise Refused(
            "state-unknown", "Ce retour de déconnexion n'est pas connu.", status=422,
            field="/state",
        )  # fmt: skip
    await identity.store.forget_provider_session(session_id)


async def _create(
    identity: Identity,
    town: str,
    account_id: str,
    returned: Returned,
    asked: NewFederated,
    caller: str,
    command: Command,
) -> None:
    account, links = await _new_account(identity, town, account_id, returned, asked, caller)
    now = identity.clock.machine()
    opened = open_account(account, town, links, returned, mailed_token(account_id), now)
    mark = identity.repeats.mark(command)
    try:
        await identity.store.create_account(opened.account, mark, *opened.events)
    except DuplicateKey as error:
        # The same command, sent twice at once, may have made it a moment ago.
        if await identity.store.account(account_id) is None:
            raise refusal("franceconnect-linked-elsewhere") from error


async def _new_account(
    identity: Identity,
    town: str,
    account_id: str,
    returned: Returned,
    asked: NewFederated,
    caller: str,
) -> tuple[Account, list[Link]]:
    """The account to open, and its links. The key is used last, once nothing known refuses."""
    now = identity.clock.machine()
    email = asked.email or returned.email
    if email is None:
        raise Refused(
            "email-required", "Donnez une adresse électronique : FranceConnect n'en a pas donné.",
            status=422, field="/email",
        )  # fmt: skip
    unchanged = returned.email is not None and email_key(email) == email_key(returned.email)
    links = await recognised_links(identity, town, returned, now)
    person = Person(first_name=returned.first_name, last_name=returned.last_name)
    wanted = None
    if asked.family_key is not None or not links:
        wanted = await wanted_key(identity, town, asked.family_key, caller)
    await attempt(identity, SIGN_UP_BY_EMAIL, email_key(email))
    known = await identity.store.account_by_identity(returned.identity_key)
    if known is not None and known["_id"] != account_id:
        raise refusal("franceconnect-linked-elsewhere")
    if wanted is not None and unchanged:
        links = [*links, await take_key(identity, town, wanted.key, account_id, person, {}, now)]
        wanted = None
    login_name = f"fc-{account_id[:12]}"
    account = Account(
        id=account_id, kind="adult", state="active" if unchanged else "pending",
        login_name=login_name, login=login_name, email=email, email_key=email_key(email),
        person=person,
        postal_address=asked.postal_address, telephones=asked.telephones, password=None,
        memberships=(Membership(town=town, joined_at=now),), wanted_key=wanted,
        federated=(returned.identity(now),), created_at=now,
    )  # fmt: skip
    return account, links


def _logout_state(identity: Identity, session_id: str) -> str:
    """Names the login session; made with the current key, as one is back within minutes."""
    made = identity.signing.seal(identity.signing.current, "logout-state", session_id) or b""
    return f"{session_id}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"
