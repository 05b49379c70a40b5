"""Invitations by the town (ID2): sent, sent again, revoked, accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.identity.commands.base import (
    Identity,
    account_in,
    change_account,
    contended,
    login_taken,
    mailed_token,
    need_guardians,
    token_hash,
)
from services.identity.commands.sessions import Tokens, open_session, opened_by
from services.identity.domain import accounts, admitting
from services.identity.domain.accounts import (
    Account,
    Changed,
    Membership,
    Person,
    PostalAddress,
    Telephones,
)
from services.identity.domain.admitting import INVITATION_FOR, Invitation
from services.identity.domain.family_keys import Withdrawn
from services.identity.domain.names import check_login_name, email_key, login_key
from services.identity.store.invitations import invitation_of
from shared.auth import AgentScope, FamilyScope
from shared.errors import not_found
from shared.ids import derived_id
from shared.store import DuplicateKey
from shared.web.routes import Command

_TRIES = 10
Invited = Literal["invited", "has-account"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A guardian to invite, and where to write to them."""

    family: str
    guardian: str
    email: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What an invited guardian gives; the names are the town's where they give none."""

    token: str
    login_name: str
    password: str
    person: Person | None
    postal_address: PostalAddress | None
    telephones: Telephones


async def invite(
    identity: Identity, scope: AgentScope, wanted: Sequence[Wanted], command: Command
) -> list[tuple[str, Invited]]:
    """Invite each guardian, again if need be: an earlier link then opens nothing. By guardian, the
    invitation's id and what became of it; one who has an account of this family is not invited.

    Resumable: each invitation remembers the command. Refused (404): ``family-unknown``.
    """
    named = {(one.family, one.guardian) for one in wanted}
    names = await need_guardians(identity, scope.town, named, "/invited")
    return [
        await _invite(identity, scope, one, names[one.family, one.guardian], command)
        for one in wanted
    ]


async def _invite(
    identity: Identity, scope: AgentScope, wanted: Wanted, person: Person, command: Command
) -> tuple[str, Invited]:
    _id = derived_id("invitation", scope.town, wanted.family, wanted.guardian)
    for _ in range(_TRIES):
        before = await identity.store.invitation(_id)
        if before and identity.repeats.answer_in(before, command) is not None:
            return _id, "invited"
        if await identity.store.account_of_guardian(scope.town, wanted.family, wanted.guardian):
            return _id, "has-account"
        now = identity.clock.machine()
        token = mailed_token(_id)
        fresh = Invitation(
            id=_id, town=scope.town, family=wanted.family, guardian=wanted.guardian,
            first_name=person.first_name, last_name=person.last_name, email=wanted.email,
            token=token.hash, round=before["round"] + 1 if before else 1, sent_by=scope.account,
            sent_at=now, expires_at=now + INVITATION_FOR,
        )  # fmt: skip
        entry = identity.repeats.entry(command, {}, now)
        said = admitting.said(fresh, token)
        if before is None:
            done = await identity.store.create_invitation(fresh, entry, said)
        else:
            done = await identity.store.invite_again(before, fresh, entry, said)
        if done:
            return _id, "invited"
    raise contended()


async def revoke(identity: Identity, scope: AgentScope, invitation_id: str) -> None:
    """Make an invitation's link worthless. Revoking it again changes nothing."""
    for _ in range(_TRIES):
        document = await identity.store.invitation(invitation_id)
        if document is None or document["town"] != scope.town:
            raise not_found("cette invitation")
        now = identity.clock.machine()
        admitting.check_revocable(invitation_of(document), now)
        if document["revoked_at"] or await identity.store.revoke_invitation(document, now):
            return
    raise contended()


async def shown(identity: Identity, town: str, token: str) -> Invitation:
    """The invitation that a link opens, for the page that accepts it."""
    document = await identity.store.invitation(account_in(token))
    found = invitation_of(document) if document and document["town"] == town else None
    return admitting.check_invitation(found, token_hash(token), None, {}, identity.clock.machine())


async def accept(
    identity: Identity, town: str, given: Acceptance, device: str, command: Command
) -> Tokens:
    """An account with a login name and password of its holder's own, linked and logged in.

    The invitation is taken first, for the account that derives from it: a crash, or a login name
    that was taken meanwhile, leaves a link that goes on opening this account and no other.
    """
    if (opened := await opened_by(identity, command)) is not None:
        return opened
    document = await identity.store.invitation(account_in(given.token))
    if document is None or document["town"] != town:
        raise accounts.token_refused()
    account_id = derived_id("account", "invitation", document["_id"], str(document["round"]))
    made = await identity.store.account(account_id)
    if made is None:
        await _make(identity, account_id, invitation_of(document), given, command)
        made = await identity.store.account(account_id)
    if made is None or made["made_by"]["id"] != command.id:
        raise accounts.token_refused()
    identity.repeats.check(made["made_by"], command)
    return await open_session(identity, account_id, town, device, command)


async def link(identity: Identity, scope: FamilyScope, token: str, command: Command) -> None:
    """Whoever has an account already accepts with it: the family is linked to it."""

    async def decide(account: Account) -> tuple[Changed, dict[str, str]]:
        invitation = await _take(
            identity, token, scope.town, account.id, account.withdrawn(scope.town)
        )
        now = identity.clock.machine()
        made = admitting.link_of(invitation.family, invitation.guardian, now)
        return accounts.link_family(account, scope.town, made, now), {}

    await change_account(identity, scope.account, command, decide)


async def _make(
    identity: Identity,
    account_id: str,
    invitation: Invitation,
    given: Acceptance,
    command: Command,
) -> None:
    now = identity.clock.machine()
    admitting.check_invitation(invitation, token_hash(given.token), account_id, {}, now)
    check_login_name(given.login_name, "/login_name")
    login = login_key(given.login_name)
    person = given.person or Person(
        first_name=invitation.first_name, last_name=invitation.last_name
    )
    known = (given.login_name, invitation.email, person.first_name, person.last_name)
    await identity.strength.check(given.password, known, "/password")
    if namesake := await identity.store.account_by_login(login):
        # The same command, repeated at once, may have made it a moment ago.
        if namesake["_id"] == account_id:
            return
        raise login_taken("/login_name")
    kept = await identity.hashing.hash(given.password)
    taken = await _take(identity, given.token, invitation.town, account_id, {})
    link = admitting.link_of(taken.family, taken.guardian, now)
    membership = Membership(town=taken.town, joined_at=now, families=(link,))
    new = Account(
        id=account_id, kind="adult", state="active", login_name=given.login_name, login=login,
        email=taken.email, email_key=email_key(taken.email), person=person,
        postal_address=given.postal_address, telephones=given.telephones, password=kept,
        memberships=(membership,), created_at=now,
    )  # fmt: skip
    made = admitting.admit(new, taken.town)
    try:
        await identity.store.create_account(
            made.account, identity.repeats.mark(command), *made.events
        )
    except DuplicateKey as error:
        if await identity.store.account(account_id) is None:
            raise login_taken("/login_name") from error


async def _take(
    identity: Identity, token: str, town: str, account_id: str, withdrawn: Withdrawn
) -> Invitation:
    """Use an invitation once; the account that has used it may go on."""
    for _ in range(_TRIES):
        document = await identity.store.invitation(account_in(token))
        found = invitation_of(document) if document and document["town"] == town else None
        now = identity.clock.machine()
        invitation = admitting.check_invitation(
            found, token_hash(token), account_id, withdrawn, now
        )
        if invitation.used_by == account_id or (
            document and await identity.store.use_invitation(document, account_id, now)
        ):
            return invitation
    raise contended()
