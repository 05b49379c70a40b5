"""Identity's own variables."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from shared.settings import from_environment_or_files


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
