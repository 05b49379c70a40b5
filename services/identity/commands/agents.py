"""Agents, and accounts made without a mail (operators, the demo, tests)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.identity.commands.base import Identity, change_account, mailed_token, need_town
from services.identity.domain import accounts
from services.identity.domain.accounts import (
    INVITATION_FOR,
    Account,
    Changed,
    Membership,
    OneTimeToken,
    Person,
)
from services.identity.domain.agents import without_second_factor
from services.identity.domain.names import check_login_name, email_key, login_key
from shared.errors import Refused, not_found
from shared.ids import derived_id
from shared.roles import Role
from shared.store import DuplicateKey


async def create_agent(
    identity: Identity,
    town: str,
    login_name: str,
    email: str,
    person: Person,
    roles: Iterable[Role],
    password: str | None,
) -> tuple[str, str | None]:
    """An agent of ``town`` with these roles; its account, and the token that sets its password.

    The same login name again adds the roles to the account there is, whose password stays. With
    a ``password`` there is no token.
    """
    account_id, created = await _create(
        identity, town, "agent", login_name, email, person, password
    )
    granted = tuple(roles)

    async def grant(account: Account) -> tuple[Changed, dict[str, Any]]:
        return accounts.grant_roles(account, town, granted, identity.clock.machine()), {}

    await change_account(identity, account_id, None, grant)
    if not created or password is not None:
        return account_id, None
    return account_id, await _invite(identity, account_id, town)


async def reset_second_factor(identity: Identity, login_name: str) -> str:
    """An operator lets an account set up another second factor; the account's id."""
    document = await identity.store.account_by_login(login_key(login_name))
    if document is None:
        raise not_found("ce compte")

    async def reset(account: Account) -> tuple[Changed, dict[str, Any]]:
        return without_second_factor(account), {}

    await change_account(identity, document["_id"], None, reset)
    return str(document["_id"])


async def create_active_account(
    identity: Identity, town: str, login_name: str, email: str, person: Person, password: str
) -> str:
    """An adult's account that works at once, without a mail; the account of that login name when
    there is one."""
    account_id, _ = await _create(identity, town, "adult", login_name, email, person, password)
    return account_id


async def _create(
    identity: Identity,
    town: str,
    kind: Any,
    login_name: str,
    email: str,
    person: Person,
    password: str | None,
) -> tuple[str, bool]:
    await need_town(identity, town)
    login = login_key(login_name)
    if known := await identity.store.account_by_login(login):
        if known["state"] != "active":
            raise Refused("account-not-active", "Ce compte attend encore son activation.")
        return str(known["_id"]), False
    check_login_name(login_name, "/login_name")
    if password is not None:
        others_know = (login_name, email, person.first_name, person.last_name)
        await identity.strength.check(password, others_know, "/password")
    now = identity.clock.machine()
    account = Account(
        id=derived_id("account", "operator", login), kind=kind, state="active",
        login_name=login_name, login=login, email=email, email_key=email_key(email),
        person=person, postal_address=None, telephones=None,
        password=await identity.hashing.hash(password) if password is not None else None,
        memberships=(Membership(town=town, joined_at=now),), created_at=now,
    )  # fmt: skip
    try:
        created = await identity.store.create_account(
            account, {}, *accounts.changed_states(account)
        )
    except DuplicateKey:
        created = False
    found = await identity.store.account_by_login(login)
    return str(found["_id"] if found else account.id), created


async def _invite(identity: Identity, account_id: str, town: str) -> str:
    token = mailed_token(account_id)

    async def invite(account: Account) -> tuple[Changed, dict[str, Any]]:
        one = OneTimeToken(
            purpose="password", hash=token.hash, town=town,
            expires_at=identity.clock.machine() + INVITATION_FOR,
        )  # fmt: skip
        return Changed(account.model_copy(update={"tokens": (*account.tokens, one)}), ()), {}

    await change_account(identity, account_id, None, invite)
    return token.text
