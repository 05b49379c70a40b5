"""Family links."""

from __future__ import annotations

from datetime import datetime

from services.identity.schemas.fields import Key
from shared.web.routes import Input, Output


class KeyTyped(Input):
    """A family key, as typed from the town's letter."""

    key: Key


class FamilyLink(Output):
    """A family link. The rights are in the next access token: refresh it."""

    family: str
    guardian: str
    since: datetime
    reference: str | None = None
    refresh_token_now: bool = False


class FamilyLinks(Output):
    """ "Mes abonnements": the bearer's links in this town."""

    links: list[FamilyLink]
