"""Signing up, activating, and what leaves by mail on request (ID1, ID4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.identity.commands.base import (
    Identity,
    account_in,
    attempt,
    change_account,
    change_by_token,
    login_taken,
    mailed_token,
    need_town,
    token_hash,
)
from services.identity.commands.family_keys import check_key, take_key
from services.identity.domain import accounts
from services.identity.domain.accounts import (
    UNACTIVATED_KEPT,
    Account,
    Changed,
    Link,
    Membership,
    Person,
    PostalAddress,
    Telephones,
    WantedKey,
)
from services.identity.domain.attempts import MAIL_BY_ACCOUNT, SIGN_UP_BY_EMAIL
from services.identity.domain.names import check_login_name, email_key, login_key
from services.identity.store.accounts import account_of
from shared.errors import Refused
from shared.ids import derived_id
from shared.store import Document, DuplicateKey
from shared.web.routes import Command

_MAIL_BATCH = 100


@dataclass(frozen=True, slots=True)
class SignUp:
    """The four parts of an account, and the key of the town's letter."""

    person: Person
    postal_address: PostalAddress
    email: str
    telephones: Telephones
    login_name: str
    password: str
    family_key: str | None

    @property
    def known(self) -> tuple[str, ...]:
        """What others know of the holder, and may not be the password."""
        return (
            self.login_name, self.email, self.person.first_name, self.person.last_name
        )  # fmt: skip


async def sign_up(
    identity: Identity, town: str, asked: SignUp, caller: str, command: Command
) -> dict[str, Any]:
    """Create a pending account; its activation leaves by mail. ``caller`` is a network address.

    Two accounts may share an e-mail, so nothing here depends on whether one is known.
    """
    account_id = derived_id("account", command.id)
    if known := await identity.store.account(account_id):
        return _signed_up(identity, known, command)
    wanted = await wanted_key(identity, town, asked.family_key, caller)
    check_login_name(asked.login_name, "/credentials/login_name")
    await identity.strength.check(asked.password, asked.known, "/credentials/password")
    if await identity.store.account_by_login(login_key(asked.login_name)):
        # The same command, repeated at once, may have made it a moment ago.
        if known := await identity.store.account(account_id):
            return _signed_up(identity, known, command)
        raise login_taken("/credentials/login_name")
    await attempt(identity, SIGN_UP_BY_EMAIL, email_key(asked.email))
    now = identity.clock.machine()
    new = Account(
        id=account_id, kind="adult", state="pending",
        login_name=asked.login_name, login=login_key(asked.login_name),
        email=asked.email, email_key=email_key(asked.email),
        person=asked.person, postal_address=asked.postal_address, telephones=asked.telephones,
        password=await identity.hashing.hash(asked.password),
        memberships=(Membership(town=town, joined_at=now),), wanted_key=wanted, created_at=now,
    )  # fmt: skip
    created = accounts.sign_up(new, town, mailed_token(account_id), now)
    try:
        if await identity.store.create_account(
            created.account, identity.repeats.mark(command), *created.events
        ):
            return _answer(created.account)
    except DuplicateKey as error:
        if await identity.store.account(account_id) is None:
            raise login_taken("/credentials/login_name") from error
    known = await identity.store.account(account_id)
    if known is None:
        raise login_taken("/credentials/login_name")
    return _signed_up(identity, known, command)


async def activate(identity: Identity, token: str, command: Command) -> dict[str, Any]:
    """The account works from now on; the family key given at sign-up is used.

    A key that can no longer be used does not hold the activation up: the answer says why.
    """
    account_id = account_in(token)
    now = identity.clock.machine()

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        accounts.activate(account, token_hash(token), None, now)  # refused before a key is used
        link, why = await _use_wanted_key(identity, account, now)
        changed = accounts.activate(account, token_hash(token), link, now)
        families = [
            {"family": one.family, "guardian": one.guardian}
            for membership in changed.account.memberships
            for one in membership.families
        ]
        return changed, {
            "account": account.id,
            "login_name": account.login_name,
            "families": families,
            "family_key": why,
        }

    return await change_by_token(identity, account_id, command, decide)


async def ask_mail(identity: Identity, town: str, what: str, name: str, command: Command) -> None:
    """Note that somebody who types ``name`` (login name or address) wants a mail.

    ``what`` is ``activation`` or ``password``. The same one write whether or not an account is
    concerned, so that neither the answer nor its time tells.
    """
    await need_town(identity, town)
    request: Document = {
        "_id": command.id, "town": town, "what": what, "name": name,
        "made_by": identity.repeats.mark(command),
    }  # fmt: skip
    if not await identity.store.ask_mail(request, identity.clock.machine()):
        known = await identity.store.mail_request(command.id)
        if known is not None:
            identity.repeats.check(known["made_by"], command)


async def handle_mail_requests(identity: Identity) -> None:
    """The job behind ``ask_mail``. An account keeps which request gave a token: once each."""
    for request in await identity.store.open_mail_requests(_MAIL_BATCH):
        for account_id in await _concerned(identity, request["name"]):
            await _send_asked(identity, account_id, request)
        await identity.store.close_mail_request(request["_id"])


async def forget_unactivated(identity: Identity) -> None:
    """Free the login names of accounts whose mail nobody answered."""
    now = identity.clock.machine()
    await identity.store.forget_unactivated(now - UNACTIVATED_KEPT)


async def wanted_key(
    identity: Identity, town: str, typed: str | None, caller: str
) -> WantedKey | None:
    """The key typed at a sign-up, by the town's rule: required, optional or not asked."""
    document = await identity.store.town(town)
    if document is None:
        await need_town(identity, town)
        return None
    rule = document["file"]["family_key"]
    if typed is None:
        if rule == "required":
            raise Refused(
                "family-key-required", "Saisissez la clé reçue par courrier de votre commune.",
                status=422, field="/family_key",
            )  # fmt: skip
        return None
    if rule == "hidden":
        raise Refused(
            "family-key-not-asked", "Cette commune ne demande pas de clé à l'inscription.",
            status=422, field="/family_key",
        )  # fmt: skip
    key = await check_key(identity, town, typed, None, {}, caller, "/family_key")
    return WantedKey(town=town, key=key.id)


async def _use_wanted_key(
    identity: Identity, account: Account, now: datetime
) -> tuple[Link | None, str | None]:
    wanted = account.wanted_key
    if wanted is None:
        return None, None
    try:
        return await take_key(
            identity, wanted.town, wanted.key, account.id, account.person,
            account.withdrawn(wanted.town), now,
        ), "linked"  # fmt: skip
    except Refused as refused:
        return None, refused.code


async def _concerned(identity: Identity, name: str) -> list[str]:
    if "@" in name:
        return await identity.store.accounts_by_email(email_key(name))
    found = await identity.store.account_by_login(login_key(name))
    return [found["_id"]] if found else []


async def _send_asked(identity: Identity, account_id: str, request: Document) -> None:
    try:
        await attempt(identity, MAIL_BY_ACCOUNT, account_id)
    except Refused:
        return
    token = mailed_token(account_id)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        if any(one.request == request["_id"] for one in account.tokens):
            return Changed(account, ()), {}
        now = identity.clock.machine()
        if account.email is None:
            return Changed(account, ()), {}
        if account.state == "pending":
            ask = accounts.ask_activation
        elif request["what"] == "password":
            ask = accounts.ask_password
        else:
            return Changed(account, ()), {}
        return ask(account, request["town"], token, now, request["_id"]), {}

    await change_account(identity, account_id, None, decide)


def _signed_up(identity: Identity, known: Document, command: Command) -> dict[str, Any]:
    identity.repeats.check(known["made_by"], command)
    return _answer(account_of(known))


def _answer(account: Account) -> dict[str, Any]:
    return {"account": account.id, "login_name": account.login_name}
