"""Billing's own variables."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from shared.settings import from_environment_or_files


class BillingSettings(BaseSettings):
    """What billing alone needs to know."""

    model_config = from_environment_or_files()

    payfip_url: Annotated[
        str,
        Field(
            alias="PREAU_PAYFIP_URL",
            pattern=r"^https?://[^/\s]+$",
            description="Origin of PayFiP; a town that names its client number there is paid by it",
        ),
    ] = "https://www.payfip.gouv.fr"
    payfip_seconds: Annotated[
        float,
        Field(alias="PREAU_PAYFIP_SECONDS", gt=0, le=60, description="How long PayFiP may take"),
    ] = 15
    payment_page: Annotated[
        str | None,
        Field(
            alias="PREAU_PAYMENT_PAGE",
            pattern=r"^https?://[^\s?#]+$",
            description="The front end's page to which browsers return after a payment, with"
            " `{town}` for the town; it is given `?payment=`. Without it they are answered in JSON",
        ),
    ] = None
