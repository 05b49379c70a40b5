"""Agents as a town's administrators keep them: invited, appointed, suspended, reset (ID9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from services.identity.commands.base import (
    Identity,
    change_account,
    contended,
    mailed_token,
)
from services.identity.domain import agents
from services.identity.domain.accounts import Account, Changed, Person
from services.identity.domain.agents import Post
from services.identity.domain.names import check_login_name, email_key, login_key
from services.identity.queries import town_file
from services.identity.store.accounts import account_of
from shared.auth import AgentScope
from shared.contracts.town_file import TownFile
from shared.errors import Refused, not_found
from shared.ids import derived_id, new_id
from shared.store import Document, DuplicateKey
from shared.web.routes import Command


@dataclass(frozen=True, slots=True)
class NewAgent:
    """Who is invited."""

    login_name: str
    email: str
    person: Person


async def invite_agent(
    identity: Identity, scope: AgentScope, who: NewAgent, post: Post, command: Command
) -> str:
    """An account for an agent, who chooses a password by mail; its id."""
    account_id = derived_id("account", command.id)
    if known := await identity.store.account(account_id):
        identity.repeats.check(known["made_by"], command)
        return account_id
    _, file = await town_file(identity, scope.town)
    agents.check_post(post, file.sites(), today(identity, file))
    check_login_name(who.login_name, "/login_name")
    now = identity.clock.machine()
    new = Account(
        id=account_id, kind="agent", state="active", login_name=who.login_name,
        login=login_key(who.login_name), email=who.email, email_key=email_key(who.email),
        person=who.person, postal_address=None, telephones=None, password=None, memberships=(),
        created_at=now,
    )  # fmt: skip
    appointed = agents.appointed(new, scope.town, post, now)
    invited = agents.invited(appointed.account, scope.town, mailed_token(account_id), now)
    mark = identity.repeats.mark(command)
    try:
        created = await identity.store.create_account(
            invited.account, mark, *appointed.events, *invited.events
        )
    except DuplicateKey as error:
        raise _taken() from error
    if not created and (known := await identity.store.account(account_id)):
        identity.repeats.check(known["made_by"], command)
    return account_id


async def invite_again(
    identity: Identity, scope: AgentScope, account_id: str, command: Command
) -> None:
    """Another mail to an agent who has not chosen a password; the earlier links still work."""
    token = mailed_token(account_id)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        _need_agent(account, scope.town)
        return agents.invited(account, scope.town, token, identity.clock.machine()), {}

    await change_account(identity, account_id, command, decide)


async def appoint(
    identity: Identity, scope: AgentScope, account_id: str, post: Post, command: Command
) -> None:
    """The agent's roles, sites, last day and suspension, whole. No role: an agent no longer.

    Holds within five minutes, the life of an access token.
    """
    _, file = await town_file(identity, scope.town)
    agents.check_post(post, file.sites(), today(identity, file))

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        _need_agent(account, scope.town)
        changed = agents.appointed(account, scope.town, post, identity.clock.machine())
        await _keep_one_administrator(identity, file, account, changed.account)
        return changed, {}

    async with _administrators_alone(identity, scope.town):
        await change_account(identity, account_id, command, decide)


async def reset_second_factor(identity: Identity, scope: AgentScope, account_id: str) -> None:
    """An agent who has lost the application and the recovery codes sets up another one.

    By another administrator: whoever has stolen a session does not undo its holder's factor.
    """
    if account_id == scope.account:
        raise Refused(
            "own-second-factor",
            "Un autre administrateur doit réinitialiser votre second facteur.",
            status=403,
        )

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        _need_agent(account, scope.town)
        agents.check_own_agent(account, scope.town)
        return agents.without_second_factor(account), {}

    await change_account(identity, account_id, None, decide)


def today(identity: Identity, file: TownFile) -> date:
    """The day it is in the town, by the machine's clock: rights do not go by a moved one."""
    return identity.clock.machine().astimezone(ZoneInfo(file.time_zone)).date()


async def _keep_one_administrator(
    identity: Identity, file: TownFile, before: Account, after: Account
) -> None:
    day = today(identity, file)
    if not agents.administers(before, file.town, day) or agents.administers(after, file.town, day):
        return
    found: list[Document] = await identity.store.administrators(file.town)
    others = [account_of(one) for one in found if one["_id"] != before.id]
    agents.check_not_last(others, file.town, day)


@asynccontextmanager
async def _administrators_alone(identity: Identity, town: str) -> AsyncIterator[None]:
    """One change of a town's agents at a time: two administrators who remove each other at once
    would each see the other one stay."""
    owner = new_id()
    if not await identity.store.take_turn(town, owner):
        raise contended()
    try:
        yield
    finally:
        await identity.store.end_turn(town, owner)


def _need_agent(account: Account, town: str) -> None:
    if not agents.is_agent(account, town):
        raise not_found("cet agent")


def _taken() -> Refused:
    return Refused(
        "login-name-taken", "Cet identifiant est déjà pris. Choisissez-en un autre.",
        field="/login_name",
    )  # fmt: skip
