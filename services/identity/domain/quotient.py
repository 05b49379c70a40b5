"""The quotient familial as a fund says it, and whom it is said about."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.identity.domain.accounts import Account, Changed, Consent
from shared.contracts.identity import AccountFamily, QuotientReceived


class Quotient(BaseModel):
    """What is kept of a fund's answer; the fields are those of ``QuotientReceived``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fund: Literal["CNAF", "MSA"]
    value: int
    month: str
    children: tuple[str, ...]
    fetched_at: datetime


#: What came of asking, as the person is told. ``no-family``: there is no household to keep it by.
QuotientOutcome = Literal["received", "not-known", "later", "refused", "no-family"]

SENTENCES: dict[QuotientOutcome, str] = {
    "received": "Votre quotient familial a été transmis à votre commune.",
    "not-known": "La CAF et la MSA ne vous connaissent pas : joignez une attestation à votre"
    " dossier.",
    "later": "La CAF et la MSA ne répondent pas pour l'instant. Réessayez plus tard, ou joignez une"
    " attestation à votre dossier.",
    "refused": "Votre quotient familial n'a pas pu être demandé : joignez une attestation à votre"
    " dossier.",
    "no-family": "Rattachez d'abord votre famille (Mes abonnements), puis redemandez votre quotient"
    " familial.",
}


def receive(
    account: Account, town: str, quotient: Quotient | None, consent: Consent | None
) -> Changed:
    """Say the quotient of the holder's household, and remember the consent to it.

    Nothing is said without a consent, nor of who has no family in the town.
    """
    membership = account.membership(town)
    families = tuple(
        AccountFamily(family=link.family, guardian=link.guardian)
        for link in (membership.families if membership else ())
    )
    if quotient is None or consent is None or not families:
        return Changed(account, ())
    said = QuotientReceived(
        account=account.id, town=town, families=families, how="franceconnect",
        consent_version=consent.text_version, consented_at=consent.given_at,
        **quotient.model_dump(),
    )  # fmt: skip
    after = account.model_copy(update={"consents": (*account.consents, consent)})
    return Changed(after, (said,))


def receive_for(agent: Account, town: str, about: AccountFamily, quotient: Quotient) -> Changed:
    """Say the quotient that an agent asked for, about a guardian's household."""
    said = QuotientReceived(
        account=agent.id, town=town, families=(about,), how="identity",
        consent_version=None, consented_at=None, **quotient.model_dump(),
    )  # fmt: skip
    return Changed(agent, (said,))
