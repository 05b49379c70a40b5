"""Family's own variables."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from shared.settings import from_environment_or_files


class FamilySettings(BaseSettings):
    """What family alone needs to know."""

    model_config = from_environment_or_files()

    addresses_url: Annotated[
        str | None,
        Field(
            alias="PREAU_ADDRESSES_URL",
            pattern=r"^https?://[^\s]+$",
            description="Base Adresse Nationale, to complete addresses"
            " (`https://data.geopf.fr/geocodage`); without it they are typed freely",
        ),
    ] = None
    clamd_url: Annotated[
        str | None,
        Field(
            alias="PREAU_CLAMD_URL",
            pattern=r"^tcp://[^/\s]+$",
            description="Virus scanner of files received (`tcp://clamd:3310`); while it does not"
            " answer, none is received. Without it, files are cleaned and not scanned",
        ),
    ] = None
