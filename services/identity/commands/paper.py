"""A login name and a first secret on paper (ID3): made, printed again, used once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.identity.commands.base import (
    Identity,
    attempt,
    change_account,
    check_attempts,
    contended,
    login_taken,
    mailed_token,
    need_guardians,
)
from services.identity.commands.sessions import Tokens, open_session, opened_by
from services.identity.domain import accounts, admitting
from services.identity.domain.accounts import Account, Changed, InitialSecret, Membership, Person
from services.identity.domain.admitting import INITIAL_SECRET_FOR, initial_secret_hash
from services.identity.domain.attempts import LOGIN_BY_ACCOUNT, LOGIN_BY_ADDRESS, MAIL_BY_ACCOUNT
from services.identity.domain.family_keys import key_from
from services.identity.domain.names import check_login_name, login_key
from services.identity.store.accounts import account_of
from shared.auth import AgentScope
from shared.errors import Refused
from shared.ids import derived_id
from shared.store import Document, DuplicateKey
from shared.web.routes import Command

_NAMESAKES = 50


@dataclass(frozen=True, slots=True)
class PaperAccess:
    """What a letter says; ``login_name`` and ``secret`` are None for a guardian who has a password
    already. The secret's text is kept nowhere."""

    family: str
    guardian: str
    person: Person
    outcome: Literal["created", "renewed", "has-account"]
    login_name: str | None = None
    secret: str | None = None
    expires_at: datetime | None = None


async def issue(
    identity: Identity, scope: AgentScope, wanted: Sequence[tuple[str, str]], command: Command
) -> list[PaperAccess]:
    """An account with a first secret for each (family, guardian) that has none; another secret for
    an account that never was used.

    Names and secrets derive from the signing key and the command: a resend makes the same ones and
    finishes what a crash left.
    """
    names = await need_guardians(identity, scope.town, set(wanted), "/guardians")
    issue_id = derived_id("paper-issue", command.id)
    document = await identity.store.paper_issue(issue_id)
    if document is None:
        now = identity.clock.machine()
        fresh: Document = {
            "_id": issue_id, "town": scope.town, "by": scope.account, "issued_at": now,
            "expires_at": now + INITIAL_SECRET_FOR, "key": identity.signing.current,
            "made_by": identity.repeats.mark(command),
        }  # fmt: skip
        await identity.store.create_paper_issue(fresh)
        document = await identity.store.paper_issue(issue_id) or fresh
    identity.repeats.check(document["made_by"], command)
    return [
        await _issue_one(identity, document, family, guardian, names[family, guardian])
        for family, guardian in dict.fromkeys(wanted)
    ]


async def first_login(
    identity: Identity,
    town: str,
    login_name: str,
    secret: str,
    password: str,
    new_login_name: str | None,
    email: str | None,
    caller: str,
    device: str,
    command: Command,
) -> Tokens:
    """The first secret gives way to the holder's own password, once; the holder is logged in.

    An address given here is confirmed by mail, as any other. Guesses count as those of a password.
    """
    if (opened := await opened_by(identity, command)) is not None:
        return opened
    login = login_key(login_name)
    document = await identity.store.account_by_login(login)
    if document is None and new_login_name is not None:  # renamed by the same command, cut short
        document = await identity.store.account_by_login(login_key(new_login_name))
    if document is None or identity.repeats.answer_in(document, command) is None:
        account = await _check_secret(identity, document, login, secret, caller)
        await _set_first_password(identity, account, password, new_login_name, command)
        document = await identity.store.account(account.id)
    account = account_of(document or {})
    if email is not None and account.email is None:
        await _ask_email(identity, account.id, town, email)
    return await open_session(identity, account.id, town, device, command)


async def _issue_one(
    identity: Identity, issue: Document, family: str, guardian: str, person: Person
) -> PaperAccess:
    text = key_from(_chance(identity, issue, "initial-secret", family, guardian))
    kept = initial_secret_hash(text)
    if kept is None:
        raise RuntimeError("a secret that is none")
    secret = InitialSecret(hash=kept, expires_at=issue["expires_at"], issue=issue["_id"])
    account_id = derived_id("account", "paper", issue["_id"], family, guardian)
    known = await identity.store.account_of_guardian(issue["town"], family, guardian)
    if known is None:
        known = await _create(identity, issue, account_id, family, guardian, person, secret)
    account = account_of(known)
    if account.password is not None or account.initial_secret is None:
        return PaperAccess(family, guardian, person, "has-account")
    if account.initial_secret.issue != issue["_id"]:

        async def renew(current: Account) -> tuple[Changed, dict[str, Any]]:
            if current.password is not None:
                return Changed(current, ()), {}
            return admitting.new_initial_secret(current, secret), {}

        await change_account(identity, account.id, None, renew)
    return PaperAccess(
        family, guardian, person, "created" if account.id == account_id else "renewed",
        account.login_name, text, secret.expires_at,
    )  # fmt: skip


async def _create(
    identity: Identity,
    issue: Document,
    account_id: str,
    family: str,
    guardian: str,
    person: Person,
    secret: InitialSecret,
) -> Document:
    town, now = issue["town"], issue["issued_at"]
    link = admitting.link_of(family, guardian, now)
    membership = Membership(town=town, joined_at=now, families=(link,))
    for namesake in range(_NAMESAKES):
        chance = _chance(identity, issue, "login-name", family, guardian, str(namesake))
        name = admitting.paper_login_name(person.first_name, person.last_name, chance)
        new = Account(
            id=account_id, kind="adult", state="active", login_name=name, login=login_key(name),
            email=None, email_key=None, person=person, postal_address=None, telephones=None,
            password=None, initial_secret=secret, memberships=(membership,), created_at=now,
        )  # fmt: skip
        made = admitting.admit(new, town)
        try:
            await identity.store.create_account(made.account, {}, *made.events)
        except DuplicateKey:
            continue
        if (document := await identity.store.account(account_id)) is not None:
            return document
    raise contended()


def _chance(identity: Identity, issue: Document, *parts: str) -> bytes:
    chance = identity.signing.seal(issue["key"], issue["_id"], *parts)
    if chance is None:
        raise Refused(
            "keys-not-repeatable",
            "Ces courriers ont été émis avec une clé de signature retirée depuis : émettez-en"
            " d'autres.",
        )
    return chance


async def _check_secret(
    identity: Identity, document: Document | None, login: str, secret: str, caller: str
) -> Account:
    await check_attempts(identity, LOGIN_BY_ADDRESS, caller)
    await attempt(identity, LOGIN_BY_ACCOUNT, login)
    account = account_of(document) if document else None
    if account is None or not admitting.opens_first(account, secret):
        await attempt(identity, LOGIN_BY_ADDRESS, caller)
        raise Refused("wrong-credentials", "Identifiant ou code secret incorrect.", status=401)
    admitting.check_initial_secret(account, identity.clock.machine())
    await identity.store.forgive(LOGIN_BY_ACCOUNT, login)
    return account


async def _set_first_password(
    identity: Identity,
    account: Account,
    password: str,
    new_login_name: str | None,
    command: Command,
) -> None:
    if new_login_name is not None:
        check_login_name(new_login_name, "/new_login_name")
    known = (*account.known, *([new_login_name] if new_login_name else ()))
    await identity.strength.check(password, known, "/password")
    kept = await identity.hashing.hash(password)

    async def decide(current: Account) -> tuple[Changed, dict[str, Any]]:
        if current.initial_secret != account.initial_secret:
            raise Refused("wrong-credentials", "Identifiant ou code secret incorrect.", status=401)
        return admitting.first_login(current, new_login_name, kept), {}

    try:
        await change_account(identity, account.id, command, decide)
    except DuplicateKey as error:
        raise login_taken("/new_login_name") from error


async def _ask_email(identity: Identity, account_id: str, town: str, email: str) -> None:
    await attempt(identity, MAIL_BY_ACCOUNT, account_id)
    token = mailed_token(account_id)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        now = identity.clock.machine()
        return accounts.ask_email(account, town, email, token, now), {}

    await change_account(identity, account_id, None, decide)
