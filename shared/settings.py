"""Settings shared by every service: environment variables, or files of the same name.

A secret is given by a file named like the variable in lower case, in ``PREAU_SECRETS_DIR``
(``/run/secrets`` by default); the environment wins where both exist.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.clock import Clock, MachineClock, MovedClock

_SECRETS = Path(os.environ.get("PREAU_SECRETS_DIR", "/run/secrets"))


def from_environment_or_files() -> SettingsConfigDict:
    """Where every settings class reads its values."""
    return SettingsConfigDict(secrets_dir=_SECRETS if _SECRETS.is_dir() else None, extra="ignore")


class HttpSettings(BaseSettings):
    """What every process that answers HTTP needs to know."""

    model_config = from_environment_or_files()

    env: Annotated[
        Literal["development", "production"],
        Field(alias="PREAU_ENV", description="`production` refuses every development aid"),
    ] = "development"
    bind: Annotated[str, Field(alias="PREAU_BIND", description="Address to listen on")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Field(alias="PREAU_PORT", description="Port to listen on")] = 8080
    public_url: Annotated[
        str, Field(alias="PREAU_PUBLIC_URL", description="Origin written in links")
    ] = "http://localhost:8080"
    behind_gateway: Annotated[
        bool,
        Field(
            alias="PREAU_BEHIND_GATEWAY",
            description="Callers' addresses are the last of `X-Forwarded-For`: only where nothing"
            " but the gateway reaches the port",
        ),
    ] = False
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(alias="PREAU_LOG_LEVEL")
    ] = "INFO"
    clock_file: Annotated[
        Path | None,
        Field(
            alias="PREAU_CLOCK_FILE",
            description="File with the town clock's offset in seconds (development)",
        ),
    ] = None

    @model_validator(mode="after")
    def _no_moved_clock_in_production(self) -> HttpSettings:
        if self.env == "production" and self.clock_file:
            raise ValueError("PREAU_CLOCK_FILE is refused in production")
        return self

    def clock(self) -> Clock:
        """The clocks these settings ask for."""
        return MovedClock(self.clock_file) if self.clock_file else MachineClock()


class CommonSettings(HttpSettings):
    """What every service needs to know."""

    mongodb_url: Annotated[
        SecretStr, Field(alias="MONGODB_URL", description="MongoDB replica set, version 6 to 8")
    ]
    amqp_url: Annotated[
        SecretStr | None,
        Field(alias="AMQP_URL", description="RabbitMQ; without it, the local bus (development)"),
    ] = None
    namespace: Annotated[
        str,
        Field(
            alias="PREAU_NAMESPACE",
            pattern=r"^[a-z][a-z0-9-]{0,30}$",
            description="Prefix of databases, queues and exchanges",
        ),
    ] = "preau"
    fail_file: Annotated[
        Path | None,
        Field(
            alias="PREAU_FAIL_FILE",
            description="File with the fail point at which to die, read at SIGUSR1 (development)",
        ),
    ] = None
    retry_delays: Annotated[
        tuple[float, float, float],
        Field(
            alias="PREAU_RETRY_DELAYS",
            description="Seconds before an event that failed is tried again, early, later and last,"
            " as a JSON list",
        ),
    ] = (10, 60, 600)

    lease_seconds: Annotated[
        float,
        Field(
            alias="PREAU_LEASE_SECONDS",
            gt=0,
            description="How long what a dead replica had reserved stays reserved",
        ),
    ] = 30

    audit_days: Annotated[
        int,
        Field(
            alias="PREAU_AUDIT_DAYS",
            ge=183,
            le=1096,
            description="How long the audit is kept: six months to a year by the CNIL's advice"
            " (délibération 2021-122), three years at most with a reason",
        ),
    ] = 365

    @model_validator(mode="after")
    def _no_aids_in_production(self) -> CommonSettings:
        if self.env == "production":
            if self.amqp_url is None:
                raise ValueError("AMQP_URL is compulsory in production: the local bus is refused")
            if self.fail_file:
                raise ValueError("PREAU_FAIL_FILE is refused in production")
        return self
