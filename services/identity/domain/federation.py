"""Accounts known to an OpenID provider (FranceConnect): linked, recognised, unlinked.

Source of the order in which an unknown person is recognised: FranceConnect's guide to
reconciliation (known subject; a login that is open; the pivot identity, all six fields of it;
else the person's own credentials or the town's key). Never by an address alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from services.identity.domain import accounts
from services.identity.domain.accounts import (
    Account,
    Changed,
    Consent,
    FederatedIdentity,
    Link,
    Mailed,
)
from services.identity.domain.quotient import Quotient, QuotientOutcome, receive
from shared.contracts.family import CivilIdentity
from shared.contracts.identity import AccountActivated, LoginMeanChanged
from shared.errors import Refused, forbidden, not_found

#: FranceConnect's own interaction lasts as long.
RETURN_WITHIN = timedelta(minutes=30)
#: How long who is not linked yet may take to say which account is theirs.
TICKET_FOR = timedelta(minutes=30)
FRANCE = "99100"
_SEXES: Mapping[str, Literal["F", "M"]] = {"female": "F", "male": "M"}

Purpose = Literal["login", "link"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Ended(_Part):
    """How an authorization ended: refused with that code, with that account, with one whose
    second factor is still asked for (``guarded``), or with none: the latter two with a ticket."""

    refused: str | None = None
    account: str | None = None
    guarded: str | None = None
    quotient: QuotientOutcome | None = None


class Authorization(_Part):
    """One trip to the provider and back. Its secrets derive from ``key`` and are not kept."""

    id: str
    town: str
    provider: str
    purpose: Purpose
    account: str | None
    login_session: str | None
    redirect_uri: str
    scope: str
    key: str
    consent: Consent | None
    expires_at: datetime
    claimed_by: str | None = None
    ended: Ended | None = None


class Returned(_Part):
    """Who came back, as long as it takes to know which account is theirs."""

    provider: str
    client_id: str
    issuer: str
    subject: str
    first_name: str
    last_name: str
    email: str | None
    civil_identity: CivilIdentity | None
    id_token: str
    quotient_outcome: QuotientOutcome | None = None
    quotient: Quotient | None = None
    consent: Consent | None = None

    @property
    def identity_key(self) -> str:
        """What is unique: the same subject of another issuer is somebody else."""
        return f"{self.issuer} {self.subject}"

    def identity(self, now: datetime) -> FederatedIdentity:
        """What an account keeps of it."""
        return FederatedIdentity(
            provider=self.provider, client_id=self.client_id, key=self.identity_key, linked_at=now
        )


def returned_person(claims: Mapping[str, Any]) -> dict[str, Any]:
    """First name, last name, address and civil identity of userinfo's claims.

    The civil identity is None unless all six fields are there and whole: a birth date may lack
    its day or month (00), a place is said only of who was born in France.
    """
    names = _first_names(claims)
    birth_name = _text(claims, "family_name")
    return {
        "first_name": names[0] if names else "",
        "last_name": _text(claims, "preferred_username") or birth_name,
        "email": _text(claims, "email") or None,
        "civil_identity": _civil_identity(claims, names, birth_name),
    }


def pivot_text(who: CivilIdentity) -> str:
    """The same for two spellings of one identity: accents, case, hyphens and spaces aside."""
    fields = (
        _plain(who.birth_name), _plain(" ".join(who.first_names)), who.sex,
        who.birth_date.isoformat(), who.birth_country,
        (who.birth_place or "") if who.birth_country == FRANCE else "",
    )  # fmt: skip
    return "\x1f".join(fields)


def link(account: Account, town: str, identity: FederatedIdentity) -> Changed:
    """The provider's person is the holder from now on, who is told. The same again changes
    nothing."""
    if account.kind != "adult":
        raise forbidden("FranceConnect est réservé aux familles.")
    if any(one.key == identity.key for one in account.federated):
        return Changed(account, ())
    if any(
        (one.provider, one.client_id) == (identity.provider, identity.client_id)
        for one in account.federated
    ):
        raise Refused(
            "franceconnect-other-person",
            "Votre compte est déjà lié à une autre identité FranceConnect. Déliez-la d'abord.",
        )
    after = account.model_copy(update={"federated": (*account.federated, identity)})
    return Changed(after, _told(after, town, identity.provider, "linked"))


def _told(
    account: Account, town: str, provider: str, change: Literal["linked", "unlinked"]
) -> tuple[LoginMeanChanged, ...]:
    """What is said of a login mean, lest somebody else have changed it; without an address nobody
    can be told."""
    if account.email is None:
        return ()
    return (LoginMeanChanged.model_validate({
        "account": account.id, "town": town, "email": account.email,
        "first_name": account.person.first_name, "provider": provider, "change": change,
    }),)  # fmt: skip


def open_account(
    account: Account,
    town: str,
    links: Iterable[Link],
    returned: Returned,
    token: Mailed,
    now: datetime,
) -> Changed:
    """A new account of who came back: pending until its mail is answered, or at work at once."""
    if account.state == "pending":
        return accounts.sign_up(account, town, token, now)
    activated = AccountActivated(account=account.id, town=town)
    changed = Changed(account, (activated, *accounts.changed_states(account)))
    for one in links:
        changed = then(changed, accounts.link_family(changed.account, town, one, now))
    return then(changed, receive(changed.account, town, returned.quotient, returned.consent))


def then(before: Changed, after: Changed) -> Changed:
    """Two changes of one account as one."""
    return Changed(after.account, (*before.events, *after.events))


def quotient_outcome(returned: Returned, account: Account, town: str) -> QuotientOutcome | None:
    """What the person is told of their quotient, once it is known which account is theirs."""
    if returned.quotient is None:
        return returned.quotient_outcome
    membership = account.membership(town)
    return "received" if membership and membership.families else "no-family"


def unlink(account: Account, town: str, provider: str) -> Changed:
    """The provider opens this account no longer, and its holder is told. Refused when nothing else
    would open it."""
    kept = tuple(one for one in account.federated if one.provider != provider)
    if len(kept) == len(account.federated):
        raise not_found("ce moyen de connexion")
    if not kept and account.password is None:
        raise Refused(
            "last-login-mean",
            "FranceConnect est votre seul moyen de connexion. Choisissez d'abord un mot de passe"
            " (Mot de passe oublié), puis déliez votre compte.",
        )
    after = account.model_copy(update={"federated": kept})
    return Changed(after, _told(after, town, provider, "unlinked"))


def check_returnable(authorization: Authorization, command_id: str, now: datetime) -> None:
    """Refuse an authorization that another command has used, or that is too old."""
    if authorization.claimed_by not in (None, command_id):
        raise Refused(
            "authorization-used",
            "Cette connexion FranceConnect a déjà servi. Recommencez-la.",
        )
    if authorization.claimed_by is None and now >= authorization.expires_at:
        raise Refused(
            "authorization-expired",
            "Cette connexion FranceConnect a duré trop longtemps. Recommencez-la.",
        )


def not_begun_here() -> Refused:
    """One answer for a state or secret that is not known, or of another browser."""
    return Refused(
        "authorization-unknown",
        "Cette connexion FranceConnect n'a pas commencé dans ce navigateur. Recommencez-la.",
        status=403,
    )


def ticket_unknown() -> Refused:
    """One answer for every ticket that opens nothing."""
    return Refused(
        "ticket-unknown",
        "Votre passage par FranceConnect n'est plus connu. Recommencez-le.",
        field="/ticket",
    )


#: What may come back in place of a code (OpenID Connect Core 3.1.2.6), and what a person is told.
_ENDS: Mapping[str, str] = {
    "access_denied": "franceconnect-cancelled",
    "login_required": "franceconnect-cancelled",
    "consent_required": "franceconnect-cancelled",
    "interaction_required": "franceconnect-cancelled",
    "temporarily_unavailable": "franceconnect-unavailable",
    "server_error": "franceconnect-unavailable",
}
_REFUSALS: Mapping[str, tuple[int, str]] = {
    "franceconnect-cancelled": (
        409,
        "La connexion avec FranceConnect n'est pas allée à son terme. Recommencez-la, ou"
        " connectez-vous avec votre identifiant.",
    ),
    "franceconnect-unavailable": (
        503,
        "FranceConnect ne répond pas. Réessayez dans quelques minutes, ou connectez-vous avec"
        " votre identifiant.",
    ),
    "franceconnect-refused": (
        409,
        "FranceConnect n'a pas confirmé votre connexion. Recommencez-la, ou connectez-vous avec"
        " votre identifiant.",
    ),
    "franceconnect-linked-elsewhere": (
        409,
        "Cette identité FranceConnect est déjà liée à un autre compte. Connectez-vous avec"
        " FranceConnect pour l'ouvrir.",
    ),
}


def code_of_error(error: str) -> str:
    """The refusal that stands for an error which came back."""
    return _ENDS.get(error, "franceconnect-refused")


def refusal(code: str) -> Refused:
    """The refusal of that code."""
    status, sentence = _REFUSALS[code]
    return Refused(code, sentence, status=status, retry_after=60 if status == 503 else None)


def _first_names(claims: Mapping[str, Any]) -> tuple[str, ...]:
    listed = claims.get("given_name_array")
    if isinstance(listed, list) and listed and all(isinstance(one, str) for one in listed):
        return tuple(listed)
    return tuple(_text(claims, "given_name").split())


def _civil_identity(
    claims: Mapping[str, Any], names: tuple[str, ...], birth_name: str
) -> CivilIdentity | None:
    sex = _SEXES.get(_text(claims, "gender"))
    country, place = _text(claims, "birthcountry"), _text(claims, "birthplace")
    try:
        born = date.fromisoformat(_text(claims, "birthdate"))
    except ValueError:
        return None
    if not (names and birth_name and sex and country) or (country == FRANCE and not place):
        return None
    return CivilIdentity(
        birth_name=birth_name, first_names=names, sex=sex, birth_date=born,
        birth_place=place or None, birth_country=country,
    )  # fmt: skip


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value.strip()[:200] if isinstance(value, str) else ""


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c if c.isalnum() else " " for c in decomposed if not unicodedata.combining(c))
    return " ".join(letters.split())
