"""The end of an account (ID11): closed by its holder, kept for a while, then erased."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.identity.domain.accounts import (
    Account,
    Changed,
    Closing,
    Mailed,
    OneTimeToken,
    Person,
    Said,
    changed_states,
    token_refused,
)
from shared.contracts.identity import AccountClosing, FamilyUnlinked, PersonErased
from shared.errors import Refused

#: Long enough to notice a mail, short enough to be an answer to who wants to be forgotten.
GRACE = timedelta(days=7)


def close(account: Account, town: str, token: Mailed, now: datetime) -> Changed:
    """The account will be erased; a mail says so and how to undo it. Closing again changes nothing.

    Login goes on meanwhile, so that whoever has no address can undo it too.
    """
    if account.kind == "agent" or any(one.roles for one in account.memberships):
        raise Refused(
            "agent-account", "Le compte d'un agent est fermé par un administrateur.", status=403
        )
    if account.closing is not None:
        return Changed(account, ())
    due = now + GRACE
    undo = OneTimeToken(purpose="undo-closing", hash=token.hash, expires_at=due, town=town)
    after = account.model_copy(
        update={"closing": Closing(asked_at=now, due_at=due), "tokens": (*account.tokens, undo)}
    )
    if account.email is None:
        return Changed(after, ())
    said = AccountClosing(
        account=account.id, town=town, email=account.email,
        first_name=account.person.first_name, due_at=due, token=token.text,
    )  # fmt: skip
    return Changed(after, (said,))


def undo(account: Account) -> Changed:
    """The account goes on as before."""
    kept = tuple(one for one in account.tokens if one.purpose != "undo-closing")
    return Changed(account.model_copy(update={"closing": None, "tokens": kept}), ())


def undo_by_token(account: Account, token_hash: str, now: datetime) -> Changed:
    """The same, by the link of the mail."""
    if account.token("undo-closing", token_hash, now) is None:
        raise token_refused()
    return undo(account)


def is_due(account: Account, now: datetime) -> bool:
    """Whether a closed account is to be erased."""
    return account.closing is not None and now >= account.closing.due_at


def goes_with_family(account: Account, town: str) -> bool:
    """Whether nothing is left of an account once the town has erased the family: it serves no other
    family, no other town, no role."""
    others = [one for one in account.memberships if one.town != town]
    here = account.membership(town)
    return not others and not (here and (here.families or here.roles))


def erase(account: Account) -> Changed:
    """Nothing is left but an id that other records name. Erasing again changes nothing."""
    if account.state == "erased":
        return Changed(account, ())
    memberships = tuple(
        one.model_copy(update={"families": (), "roles": (), "notice": None, "withdrawn_links": ()})
        for one in account.memberships
    )
    after = Account(
        id=account.id, kind=account.kind, state="erased", login_name="",
        login=f"erased/{account.id}", email=None, email_key=None,
        person=Person(first_name="", last_name=""), postal_address=None, telephones=None,
        password=None, memberships=memberships, epoch=account.epoch + 1,
        created_at=account.created_at,
    )  # fmt: skip
    if account.state == "pending":
        return Changed(after, ())
    unlinked = tuple(
        FamilyUnlinked(
            account=account.id, town=one.town, family=link.family, guardian=link.guardian
        )
        for one in account.memberships
        for link in one.families
    )
    gone: tuple[Said, ...] = tuple(
        PersonErased(account=account.id, town=one.town) for one in memberships
    )
    return Changed(after, (*unlinked, *changed_states(after), *gone))
