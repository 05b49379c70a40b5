"""Identity's own variables."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from joserfc.jwk import import_key
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from shared.settings import from_environment_or_files

Algorithm = Literal["ES256", "RS256", "HS256"]
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class Registration(BaseModel):
    """How the town is registered with an OpenID provider, in OpenID's own words.

    ``name`` is the provider's name in routes (``franceconnect``). ``private_jwk`` signs the
    assertions of ``private_key_jwt``. ``timeout_seconds`` is for one request to the provider.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["franceconnect"]
    towns: Annotated[tuple[str, ...], Field(min_length=1)]
    issuer: str
    client_id: str
    client_secret: SecretStr | None = None
    private_jwk: dict[str, Any] | None = Field(default=None, repr=False)
    token_endpoint_auth_method: Literal["client_secret_post", "private_key_jwt"] = (
        "client_secret_post"  # noqa: S105 - the name of a method
    )
    id_token_signed_response_alg: Algorithm = "ES256"  # noqa: S105 - an algorithm
    userinfo_signed_response_alg: Algorithm | None = "ES256"
    acr_values: str = "eidas1"
    scope: str = "openid identite_pivot email"
    redirect_uris: Annotated[tuple[str, ...], Field(min_length=1)]
    post_logout_redirect_uri: str
    timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 10

    @field_validator("issuer")
    @classmethod
    def _https(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        if parts.scheme != "https" and parts.hostname not in _LOCAL:
            raise ValueError("an issuer is reached by https")
        return issuer.rstrip("/")

    @model_validator(mode="after")
    def _has_its_secrets(self) -> Registration:
        shared = self.token_endpoint_auth_method == "client_secret_post"  # noqa: S105 - a method
        used = {self.id_token_signed_response_alg, self.userinfo_signed_response_alg}
        if (shared or "HS256" in used) and self.client_secret is None:
            raise ValueError("client_secret is missing")
        if not shared and not (self.private_jwk and import_key(self.private_jwk).is_private):
            raise ValueError("private_jwk is missing or not private")
        return self


class IdentitySettings(BaseSettings):
    """What identity alone needs to know; secrets come from files as for ``CommonSettings``."""

    model_config = from_environment_or_files()

    signing_keys: Annotated[
        SecretStr | None,
        Field(
            alias="PREAU_SIGNING_KEYS",
            description="Private JSON Web Key Set of Ed25519 keys (`preau keys new`); the first"
            " signs. Compulsory in production; in development one is made and kept",
        ),
    ] = None
    identity_providers: Annotated[
        tuple[Registration, ...],
        Field(
            alias="PREAU_IDENTITY_PROVIDERS",
            description="Registrations with OpenID providers, as a JSON list: see"
            " `docs/operations.md`. Without one for a town, it has no FranceConnect",
        ),
    ] = ()
    api_particulier_url: Annotated[
        str | None,
        Field(
            alias="PREAU_API_PARTICULIER_URL",
            description="Origin of API Particulier; without it no quotient familial is fetched",
        ),
    ] = None
    api_particulier_tokens: Annotated[
        dict[str, SecretStr],
        Field(
            alias="PREAU_API_PARTICULIER_TOKENS",
            description="Each town's token of API Particulier, as JSON, for what agents ask by"
            " identity",
        ),
    ] = {}

    @model_validator(mode="after")
    def _one_registration_each(self) -> IdentitySettings:
        served = [(one.name, town) for one in self.identity_providers for town in one.towns]
        if len(served) != len(set(served)):
            raise ValueError("a town has two registrations with one provider")
        return self
