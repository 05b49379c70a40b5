"""What the town offers with FranceConnect: its registration, its consent's text, its SIRET."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.identity.api_particulier import ApiParticulier
from services.identity.commands.base import Identity
from services.identity.domain.accounts import Consent
from services.identity.domain.quotient import Quotient, QuotientOutcome
from services.identity.openid import OpenIdProvider
from shared.contracts.town_file import FranceConnect, QuotientConsent
from shared.errors import Refused, not_found


@dataclass(frozen=True, slots=True)
class Offer:
    """The town's file and the settings, together. ``particulier`` None: no quotient is asked."""

    provider: OpenIdProvider
    rule: FranceConnect
    particulier: ApiParticulier | None

    @property
    def consent_text(self) -> QuotientConsent | None:
        """What is to be agreed to before the quotient is asked for; None when it is not."""
        return self.rule.quotient_consent if self.particulier else None

    def redirect_uri(self, wanted: str | None) -> str:
        """Where the browser comes back: one that is registered, by default the first."""
        registered = self.provider.registration.redirect_uris
        if wanted is not None and wanted not in registered:
            raise Refused(
                "redirect-uri-unknown", "Cette adresse de retour n'est pas déclarée.",
                status=422, field="/redirect_uri",
            )  # fmt: skip
        return wanted or registered[0]

    def consent(self, version: str | None, now: datetime) -> Consent | None:
        """The consent to ask for the quotient. Refused when it is not to today's text."""
        if version is None:
            return None
        text = self.consent_text
        if text is None:
            raise Refused(
                "quotient-off", "Cette commune ne demande pas le quotient familial en ligne.",
                status=422, field="/quotient_consent",
            )  # fmt: skip
        if version != text.version:
            raise Refused(
                "consent-outdated",
                "Le texte de l'accord a changé. Relisez-le avant d'accepter.",
                field="/quotient_consent",
            )
        return Consent(purpose="quotient", text_version=version, given_at=now)

    async def quotient(
        self, consent: Consent | None, access_token: str
    ) -> tuple[QuotientOutcome | None, Quotient | None]:
        """The quotient of who holds the token, when they consented."""
        if consent is None or self.particulier is None or self.rule.siret is None:
            return None, None
        fetched = await self.particulier.by_franceconnect(access_token, self.rule.siret)
        return fetched.outcome, fetched.quotient


async def offer_of(identity: Identity, town: str) -> Offer:
    """The town's offer. Refused (404) when it, or its registration, has none."""
    document = await identity.store.town(town)
    if document is None:
        raise not_found("cette commune")
    found = offered(identity, town, document["file"].get("franceconnect"))
    if found is None:
        raise Refused(
            "franceconnect-off", "Cette commune ne propose pas FranceConnect.", status=404
        )
    return found


def offered(identity: Identity, town: str, part: object) -> Offer | None:
    """The offer of a town whose file has that part, or None."""
    provider = identity.outside.provider("franceconnect", town)
    if part is None or provider is None:
        return None
    return Offer(provider, FranceConnect.model_validate(part), identity.outside.particulier)
