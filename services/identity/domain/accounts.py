"""Accounts: an adult's or an agent's, and each thing that may happen to one.

Every function takes the account as it is and gives ``Changed``: the account after, and the
events that say so. Tokens sent by mail are known here by their hash only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from services.identity.domain.family_keys import Withdrawn
from services.identity.domain.names import email_key
from services.identity.domain.second_factor import PendingFactor, SecondFactor
from shared.contracts.identity import (
    AccountActivated,
    AccountChanged,
    AccountClosing,
    AccountFamily,
    ActivationRequested,
    AgentInvited,
    EmailChanged,
    EmailChangeRequested,
    FamilyLinked,
    FamilyUnlinked,
    LoginMeanChanged,
    PasswordResetRequested,
    PersonErased,
    QuotientReceived,
)
from shared.errors import Refused
from shared.roles import Role

ACTIVATION_FOR = timedelta(hours=48)
PASSWORD_RESET_FOR = timedelta(hours=2)
INVITATION_FOR = timedelta(days=7)
EMAIL_CHANGE_FOR = timedelta(hours=24)
#: An account never activated is forgotten this long after sign-up.
UNACTIVATED_KEPT = timedelta(days=9)
_TOKENS_KEPT = 3

Purpose = Literal["activation", "password", "email", "undo-closing"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Person(_Part):
    """Who the holder says to be."""

    first_name: str
    last_name: str


class PostalAddress(_Part):
    """Where the holder lives."""

    street: str
    complement: str | None
    postcode: str
    city: str
    country: str


class Telephones(_Part):
    """How to call the holder."""

    mobile: str | None
    landline: str | None


class Link(_Part):
    """The holder is this guardian of this family, by what proof and since when; ``move``: it
    follows from another link (``domain.following``)."""

    family: str
    guardian: str
    how: Literal["key", "agent", "franceconnect", "move"]
    since: datetime


class WithdrawnLink(_Part):
    """The town withdrew the link to that guardian of that family: what proved it before then proves
    nothing now."""

    family: str
    guardian: str
    at: datetime


class NoticeRead(_Part):
    """The holder said « J'ai compris » to that version of the town's notice."""

    version: str
    read_at: datetime


class InitialSecret(_Part):
    """What the town printed for a holder who has no password yet, by its hash."""

    hash: str
    expires_at: datetime
    issue: str


class Closing(_Part):
    """The holder has closed the account, which is erased at ``due_at``."""

    asked_at: datetime
    due_at: datetime


class Membership(_Part):
    """What the account is in one town. ``sites`` bind the roles that are bound to sites;
    ``until`` is the last day of the roles, as ISO writes it."""

    town: str
    joined_at: datetime
    families: tuple[Link, ...] = ()
    roles: tuple[Role, ...] = ()
    notice: NoticeRead | None = None
    sites: tuple[str, ...] = ()
    until: str | None = None
    suspended: bool = False
    withdrawn_links: tuple[WithdrawnLink, ...] = ()


class OneTimeToken(_Part):
    """A token sent by mail, by its hash. ``request`` is what asked for it."""

    purpose: Purpose
    hash: str
    expires_at: datetime
    town: str
    request: str | None = None
    email: str | None = None


class FederatedIdentity(_Part):
    """Whom an OpenID provider says the holder to be; ``key`` is unique among all accounts.

    ``client_id`` is the registration under which it was said: a provider may name one person
    differently to each.
    """

    provider: str
    client_id: str
    key: str
    linked_at: datetime


class Consent(_Part):
    """What the holder agreed to, when, and by which version of the town's text."""

    purpose: Literal["quotient"]
    text_version: str
    given_at: datetime


class WantedKey(_Part):
    """The family key given at sign-up, used at activation."""

    town: str
    key: str


class Account(_Part):
    """One adult or agent. ``epoch`` rises when credentials change: older login sessions end,
    except ``survivor``. ``tablet_pin`` opens shared tablets, by its hash. An account made on paper
    has no address until its holder gives one, and no password before the first login."""

    id: str
    kind: Literal["adult", "agent"]
    state: Literal["pending", "active", "erased"]
    login_name: str
    login: str
    email: str | None
    email_key: str | None
    person: Person
    postal_address: PostalAddress | None
    telephones: Telephones | None
    password: str | None
    initial_secret: InitialSecret | None = None
    memberships: tuple[Membership, ...]
    tokens: tuple[OneTimeToken, ...] = ()
    used_tokens: tuple[str, ...] = ()
    wanted_key: WantedKey | None = None
    federated: tuple[FederatedIdentity, ...] = ()
    consents: tuple[Consent, ...] = ()
    epoch: int = 1
    survivor: str | None = None
    closing: Closing | None = None
    created_at: datetime
    second_factor: SecondFactor | None = None
    pending_factor: PendingFactor | None = None
    tablet_pin: str | None = None

    @property
    def known(self) -> tuple[str, ...]:
        """What others know of the holder: no password of theirs holds it."""
        names = (self.login_name, self.email, self.person.first_name, self.person.last_name)
        return tuple(name for name in names if name)

    def membership(self, town: str) -> Membership | None:
        """What the account is in that town, or None."""
        return next((m for m in self.memberships if m.town == town), None)

    def withdrawn(self, town: str) -> Withdrawn:
        """When the town last withdrew which links."""
        membership = self.membership(town)
        return {
            (one.family, one.guardian): one.at
            for one in (membership.withdrawn_links if membership else ())
        }

    def token(self, purpose: Purpose, token_hash: str, now: datetime) -> OneTimeToken | None:
        """The live token of that hash, or None."""
        for token in self.tokens:
            if token.purpose == purpose and token.hash == token_hash and now < token.expires_at:
                return token
        return None


Said = (
    AccountActivated
    | AccountChanged
    | AccountClosing
    | ActivationRequested
    | AgentInvited
    | EmailChanged
    | EmailChangeRequested
    | FamilyLinked
    | FamilyUnlinked
    | LoginMeanChanged
    | PasswordResetRequested
    | PersonErased
    | QuotientReceived
)


class Changed(NamedTuple):
    """What a decision gives."""

    account: Account
    events: tuple[Said, ...]


class Mailed(NamedTuple):
    """A token that leaves by mail: its text, and the hash kept of it."""

    text: str
    hash: str


def changed_states(account: Account, towns: Iterable[str] | None = None) -> tuple[Said, ...]:
    """The account as each town may know it; nothing is said of one that never was activated."""
    if account.state == "pending":
        return ()
    return tuple(
        AccountChanged(
            account=account.id,
            town=membership.town,
            email=account.email or "",
            first_name=account.person.first_name,
            last_name=account.person.last_name,
            active=account.state == "active",
            families=tuple(
                AccountFamily(family=link.family, guardian=link.guardian)
                for link in membership.families
            ),
        )
        for membership in account.memberships
        if towns is None or membership.town in towns
    )


def sign_up(account: Account, town: str, token: Mailed, now: datetime) -> Changed:
    """A new account, pending; its activation leaves by mail."""
    return ask_activation(account, town, token, now, request=None)


def ask_activation(
    account: Account, town: str, token: Mailed, now: datetime, request: str | None
) -> Changed:
    """One more activation link; the earlier ones still work until they run out."""
    after = with_token(account, OneTimeToken(
        purpose="activation", hash=token.hash, expires_at=now + ACTIVATION_FOR, town=town,
        request=request,
    ))  # fmt: skip
    said = ActivationRequested(
        account=account.id, town=town, email=address_of(account),
        first_name=account.person.first_name, token=token.text,
    )  # fmt: skip
    return Changed(after, (said,))


def activate(account: Account, token_hash: str, link: Link | None, now: datetime) -> Changed:
    """The account works from now on, linked to a family when a key was given at sign-up."""
    if token_hash in account.used_tokens:
        raise Refused("already-activated", "Ce compte est déjà activé : connectez-vous.")
    token = account.token("activation", token_hash, now)
    if token is None or account.state != "pending":
        raise token_refused()
    town = account.wanted_key.town if account.wanted_key else token.town
    after = account.model_copy(update={
        "state": "active", "tokens": (), "wanted_key": None,
        "used_tokens": (*account.used_tokens, token_hash),
    })  # fmt: skip
    events: tuple[Said, ...] = (AccountActivated(account=account.id, town=token.town),)
    if link is not None:
        after = linked(after, town, link, now)
        events = (*events, link_fact(after, town, link))
    return Changed(after, (*events, *changed_states(after)))


def join(account: Account, town: str, now: datetime) -> Changed:
    """The same credentials open another town's portal (ID7); agents are of the towns they serve."""
    if account.membership(town) is not None:
        return Changed(account, ())
    if account.kind == "agent":
        raise Refused(
            "not-of-this-town", "Ce compte d'agent n'est pas de cette commune.", status=403
        )
    after = with_membership(account, Membership(town=town, joined_at=now))
    return Changed(after, changed_states(after, {town}))


def link_family(account: Account, town: str, link: Link, now: datetime) -> Changed:
    """The account is this guardian from now on. The same link again changes nothing."""
    membership = account.membership(town)
    if membership and any(
        (one.family, one.guardian) == (link.family, link.guardian) for one in membership.families
    ):
        return Changed(account, ())
    after = linked(account, town, link, now)
    return Changed(after, (link_fact(after, town, link), *changed_states(after, {town})))


def unlink_family(account: Account, town: str, family: str) -> Changed:
    """The account is no guardian of this family any more. Without a link nothing changes."""
    membership = account.membership(town)
    gone = [link for link in membership.families if link.family == family] if membership else []
    if membership is None or not gone:
        return Changed(account, ())
    kept = tuple(link for link in membership.families if link.family != family)
    after = with_membership(account, membership.model_copy(update={"families": kept}))
    facts = tuple(
        FamilyUnlinked(account=account.id, town=town, family=family, guardian=link.guardian)
        for link in gone
    )
    return Changed(after, (*facts, *changed_states(after, {town})))


def read_notice(account: Account, town: str, version: str, now: datetime) -> Changed:
    """The town's notice was read; the same version again changes nothing."""
    membership = account.membership(town)
    if membership is None or (membership.notice and membership.notice.version == version):
        return Changed(account, ())
    read = NoticeRead(version=version, read_at=now)
    return Changed(with_membership(account, membership.model_copy(update={"notice": read})), ())


def ask_password(
    account: Account, town: str, token: Mailed, now: datetime, request: str | None
) -> Changed:
    """Somebody forgot a password or a login name: the mail holds both ways out."""
    after = with_token(account, OneTimeToken(
        purpose="password", hash=token.hash, expires_at=now + PASSWORD_RESET_FOR, town=town,
        request=request,
    ))  # fmt: skip
    said = PasswordResetRequested(
        account=account.id, town=town, email=address_of(account),
        first_name=account.person.first_name, login_name=account.login_name, token=token.text,
    )  # fmt: skip
    return Changed(after, (said,))


def check_password_token(account: Account, token_hash: str, now: datetime) -> None:
    """Refuse a token that sets no password."""
    if account.state != "active" or account.token("password", token_hash, now) is None:
        raise token_refused()


def set_password(account: Account, password: str, survivor: str | None) -> Changed:
    """A new hash; every login session ends but ``survivor``."""
    after = account.model_copy(update={
        "password": password, "epoch": account.epoch + 1, "survivor": survivor,
        "tokens": tuple(token for token in account.tokens if token.purpose != "password"),
    })  # fmt: skip
    return Changed(after, ())


def ask_email(account: Account, town: str, new_email: str, token: Mailed, now: datetime) -> Changed:
    """A new address, used only once confirmed there."""
    after = with_token(account, OneTimeToken(
        purpose="email", hash=token.hash, expires_at=now + EMAIL_CHANGE_FOR, town=town,
        email=new_email,
    ))  # fmt: skip
    said = EmailChangeRequested(
        account=account.id, town=town, new_email=new_email,
        first_name=account.person.first_name, token=token.text,
    )  # fmt: skip
    return Changed(after, (said,))


def confirm_email(account: Account, token_hash: str, now: datetime) -> Changed:
    """The new address holds, in every town. Links sent to the old one are worth nothing now.

    The old one, if any, is told, lest somebody else have changed it; not of another spelling of
    itself.
    """
    token = account.token("email", token_hash, now)
    if token is None or token.email is None:
        raise token_refused()
    after = account.model_copy(
        update={"email": token.email, "email_key": email_key(token.email), "tokens": ()}
    )
    told: tuple[Said, ...] = ()
    if account.email and after.email_key != account.email_key:
        told = (EmailChanged(
            account=account.id, town=token.town, old_email=account.email,
            first_name=account.person.first_name,
        ),)  # fmt: skip
    return Changed(after, (*told, *changed_states(after)))


def grant_roles(account: Account, town: str, roles: Iterable[Role], now: datetime) -> Changed:
    """The account is an agent of that town, with these roles beside those it has."""
    before = account.membership(town) or Membership(town=town, joined_at=now)
    granted = tuple(sorted({*before.roles, *roles}))
    if granted == before.roles:
        return Changed(account, ())
    after = with_membership(account, before.model_copy(update={"roles": granted}))
    return Changed(after, changed_states(after, {town}))


def token_refused() -> Refused:
    """One answer for every mailed token that opens nothing."""
    return Refused(
        "token-unknown",
        "Ce lien n'est pas connu, a déjà servi ou n'est plus valable. Demandez-en un nouveau.",
        field="/token",
    )


def address_of(account: Account) -> str:
    """Where to write; whoever asks has made sure that there is an address."""
    if account.email is None:
        raise ValueError("an account without an address")
    return account.email


def with_token(account: Account, token: OneTimeToken) -> Account:
    """The account with one more token; of each purpose the last few are kept."""
    same = [one for one in account.tokens if one.purpose == token.purpose]
    others = [one for one in account.tokens if one.purpose != token.purpose]
    kept = (*others, *same[-(_TOKENS_KEPT - 1) :], token)
    return account.model_copy(update={"tokens": kept})


def with_membership(account: Account, membership: Membership) -> Account:
    """The account with this membership of its town in place of another."""
    others = tuple(one for one in account.memberships if one.town != membership.town)
    return account.model_copy(update={"memberships": (*others, membership)})


def linked(account: Account, town: str, link: Link, now: datetime) -> Account:
    """The account with one link more."""
    before = account.membership(town) or Membership(town=town, joined_at=now)
    return with_membership(
        account, before.model_copy(update={"families": (*before.families, link)})
    )


def link_fact(account: Account, town: str, link: Link) -> Said:
    """The event that says a link; whom the town knows by civil identity, the town has linked."""
    return FamilyLinked(
        account=account.id, town=town, family=link.family, guardian=link.guardian,
        how="key" if link.how == "key" else "agent",
    )  # fmt: skip
