"""Request and response models of address completion."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.family.domain.addresses import Suggestion
from shared.web.routes import Input, Output


class AddressQuery(Input):
    """``q``: what has been typed so far."""

    q: Annotated[str, Field(max_length=200)]
    limit: Annotated[int, Field(ge=1, le=15)] = 5


class AddressesOut(Output):
    """Addresses of the Base Adresse Nationale. ``away``: it cannot be asked now, let the family
    write the address freely."""

    addresses: tuple[Suggestion, ...]
    away: bool
