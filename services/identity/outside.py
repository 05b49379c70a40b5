"""What identity reaches outside the town's system: OpenID providers and API Particulier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.identity.api_particulier import ApiParticulier
from services.identity.openid import OpenIdProvider
from services.identity.settings import IdentitySettings
from shared.clock import Clock
from shared.outgoing import Outgoing


@dataclass(frozen=True, slots=True)
class Outside:
    """Providers by name and town; ``tokens`` are each town's own for API Particulier."""

    outgoing: Outgoing
    providers: Mapping[tuple[str, str], OpenIdProvider]
    particulier: ApiParticulier | None
    tokens: Mapping[str, str]

    def provider(self, name: str, town: str) -> OpenIdProvider | None:
        """The town's registration with that provider, or None."""
        return self.providers.get((name, town))

    async def close(self) -> None:
        """Close the connections."""
        await self.outgoing.close()


def outside_of(settings: IdentitySettings, clock: Clock) -> Outside:
    """What the settings name; nothing is reached before it is needed."""
    outgoing = Outgoing()
    providers: dict[tuple[str, str], OpenIdProvider] = {}
    for registration in settings.identity_providers:
        client = OpenIdProvider(registration, outgoing, clock)
        providers |= {(registration.name, town): client for town in registration.towns}
    url = settings.api_particulier_url
    return Outside(
        outgoing=outgoing,
        providers=providers,
        particulier=ApiParticulier(url, outgoing, clock) if url else None,
        tokens={
            town: token.get_secret_value()
            for town, token in settings.api_particulier_tokens.items()
        },
    )
