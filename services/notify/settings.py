"""Notify's own variables."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from shared.settings import from_environment_or_files


class Settings(BaseSettings):
    """The mail server and how to use it."""

    model_config = from_environment_or_files()

    smtp_url: Annotated[
        SecretStr,
        Field(
            alias="SMTP_URL",
            description="Mail server: `smtp://`, `smtp+starttls://` or `smtps://`, "
            "with user and password if it wants them",
        ),
    ]
    mail_from: Annotated[
        str, Field(alias="PREAU_MAIL_FROM", description="Envelope and visible sender address")
    ] = "ne-pas-repondre@preau.example"
    connections: Annotated[
        int,
        Field(alias="PREAU_SMTP_CONNECTIONS", ge=1, le=50, description="To the mail server"),
    ] = 4
