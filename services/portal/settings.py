"""The portal's variables: those of any process that answers HTTP, and its own."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

import orjson
from cryptography.fernet import Fernet
from pydantic import Field, model_validator

from shared.sealing import FieldKeySettings
from shared.settings import HttpSettings


class Settings(HttpSettings, FieldKeySettings):
    """Where the API is, and what seals the cookies (``PREAU_FIELD_KEYS``, its own)."""

    gateway_url: Annotated[
        str,
        Field(
            alias="PREAU_GATEWAY_URL",
            description="Where the portal calls the API: the gateway, without `/api`",
        ),
    ] = "http://127.0.0.1:8080"
    languages: Annotated[
        Path | None,
        Field(
            alias="PREAU_PORTAL_LANGUAGES",
            description="Folder of catalogues (`en.po`): the pages' languages besides French",
        ),
    ] = None

    @model_validator(mode="after")
    def _keys_in_production(self) -> Settings:
        if self.env == "production" and self.field_keys is None:
            raise ValueError("PREAU_FIELD_KEYS is compulsory in production")
        return self

    @property
    def cookie_keys(self) -> list[str]:
        """Keys of Fernet, the first seals; in development without keys, one for this start."""
        if self.field_keys is None:
            return [Fernet.generate_key().decode()]
        keys: dict[str, str] = orjson.loads(self.field_keys.get_secret_value())
        return [base64.urlsafe_b64encode(base64.b64decode(key)).decode() for key in keys.values()]
