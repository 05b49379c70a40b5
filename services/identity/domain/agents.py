"""Agents of a town: what they may be, and which of it a login session gives them now (ID9)."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.identity.domain.accounts import (
    INVITATION_FOR,
    Account,
    Changed,
    Mailed,
    Membership,
    OneTimeToken,
    changed_states,
    with_membership,
    with_token,
)
from services.identity.domain.second_factor import SecondFactor
from shared.contracts.identity import AgentInvited
from shared.errors import Refused
from shared.roles import BOUND_TO_SITES, CARDS, Role

#: A role that ends ends within this time: a contract is renewed, not for ever.
LONGEST = timedelta(days=400)


class Post(NamedTuple):
    """What an agent is in a town: roles, the sites they are bound to, the last day, on hold."""

    roles: tuple[Role, ...]
    sites: tuple[str, ...]
    until: date | None
    suspended: bool


class Rights(NamedTuple):
    """What a login session gives now; ``withheld`` are roles that want a second factor."""

    roles: tuple[str, ...]
    sites: tuple[str, ...]
    withheld: tuple[str, ...]


def check_post(post: Post, sites: Set[str], today: date) -> None:
    """Refuse roles without what they need, sites that the town's file does not name, and an end
    that is past or far away."""
    if unknown := sorted(set(post.sites) - sites):
        raise Refused(
            "site-unknown", f"Site inconnu dans le fichier de la commune : {', '.join(unknown)}.",
            status=422, field="/sites",
        )  # fmt: skip
    bound = [CARDS[role].french for role in post.roles if role in BOUND_TO_SITES]
    if bound and not post.sites:
        raise Refused(
            "sites-missing", f"Indiquez le ou les sites de l'agent ({', '.join(bound)}).",
            status=422, field="/sites",
        )  # fmt: skip
    ending = [CARDS[role].french for role in post.roles if CARDS[role].ends]
    latest = today + LONGEST
    if ending and (post.until is None or post.until > latest):
        raise Refused(
            "end-date-missing",
            f"Indiquez le dernier jour de l'agent ({', '.join(ending)}), d'ici au"
            f" {latest.isoformat()}.",
            status=422, field="/until",
        )  # fmt: skip


def appointed(account: Account, town: str, post: Post, now: datetime) -> Changed:
    """The account is an agent of the town with that post, in place of the one it had."""
    before = account.membership(town) or Membership(town=town, joined_at=now)
    membership = before.model_copy(update={
        "roles": tuple(sorted(set(post.roles))), "sites": tuple(sorted(set(post.sites))),
        "until": post.until.isoformat() if post.until else None, "suspended": post.suspended,
    })  # fmt: skip
    if membership == account.membership(town):
        return Changed(account, ())
    after = with_membership(account, membership)
    return Changed(after, changed_states(after, {town}))


def invited(account: Account, town: str, token: Mailed, now: datetime) -> Changed:
    """A mail with which the agent chooses a first password. Refused once there is one."""
    if account.password is not None:
        raise Refused("already-joined", "Cet agent a déjà choisi son mot de passe.")
    after = with_token(account, OneTimeToken(
        purpose="password", hash=token.hash, expires_at=now + INVITATION_FOR, town=town,
    ))  # fmt: skip
    said = AgentInvited(
        account=account.id, town=town, email=account.email,
        first_name=account.person.first_name, login_name=account.login_name, token=token.text,
    )  # fmt: skip
    return Changed(after, (said,))


def is_agent(account: Account, town: str) -> bool:
    """Whether the account is, or was, an agent of the town."""
    membership = account.membership(town)
    return membership is not None and (account.kind == "agent" or bool(membership.roles))


def roles_on(membership: Membership | None, today: date) -> tuple[Role, ...]:
    """The roles that a membership gives on a day."""
    if membership is None or membership.suspended:
        return ()
    over = membership.until is not None and date.fromisoformat(membership.until) < today
    return () if over else membership.roles


def end_of_roles(membership: Membership | None, zone: ZoneInfo) -> datetime | None:
    """The instant after which a membership gives no roles; None when they have no end."""
    if membership is None or membership.until is None or not membership.roles:
        return None
    after = date.fromisoformat(membership.until) + timedelta(days=1)
    return datetime.combine(after, time.min, zone).astimezone(UTC)


def is_strong(account: Account, session: str, *, opened_strong: bool) -> bool:
    """Whether a login session was opened with a second factor, or is the one that proved it."""
    factor = account.second_factor
    return opened_strong or (factor is not None and factor.confirmed_in == session)


def rights(account: Account, town: str, today: date, guarded: Set[str], *, strong: bool) -> Rights:
    """What a login session gives on a day; ``guarded`` roles want one that ``is_strong``."""
    membership = account.membership(town)
    roles = roles_on(membership, today)
    withheld = () if strong else tuple(role for role in roles if role in guarded)
    given = tuple(role for role in roles if role not in withheld)
    sites = membership.sites if membership and given else ()
    return Rights(given, sites, withheld)


def administers(account: Account, town: str, today: date) -> bool:
    """Whether the account is an administrator of the town who can log in."""
    roles = roles_on(account.membership(town), today)
    return account.password is not None and "administrator" in roles


def check_not_last(others: Iterable[Account], town: str, today: date) -> None:
    """Refuse to leave a town without an administrator; ``others`` are those who stay."""
    if not any(administers(other, town, today) for other in others):
        raise Refused(
            "last-administrator",
            "C'est le dernier administrateur de la commune : nommez-en d'abord un autre.",
        )


def check_own_agent(account: Account, town: str) -> None:
    """Refuse an agent of another town too: one town does not weaken another."""
    if any(one.roles and one.town != town for one in account.memberships):
        raise Refused(
            "agent-of-several-towns",
            "Cet agent est aussi celui d'une autre commune : adressez-vous à l'exploitant.",
        )


def with_second_factor(account: Account, factor: SecondFactor) -> Changed:
    """The factor proved is the one in use. In place of another it ends every login session but the
    one it was proved in: those opened with the factor that is gone are strong no more."""
    update: dict[str, object] = {"second_factor": factor, "pending_factor": None}
    if account.second_factor is not None:
        update |= {"epoch": account.epoch + 1, "survivor": factor.confirmed_in}
    return Changed(account.model_copy(update=update), ())


def without_second_factor(account: Account) -> Changed:
    """The agent sets up another one; every login session ends."""
    after = account.model_copy(update={
        "second_factor": None, "pending_factor": None, "epoch": account.epoch + 1,
        "survivor": None,
    })  # fmt: skip
    return Changed(after, ())
