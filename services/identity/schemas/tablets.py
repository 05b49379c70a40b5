"""Shared tablets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, SecretStr

from services.identity.schemas.fields import Id, Line, Name, Password
from shared.web.routes import Input, Output, Page

Pin = Annotated[SecretStr, Field(min_length=6, max_length=6)]
TabletSecret = Annotated[SecretStr, Field(min_length=10, max_length=200)]


class TabletWanted(Input):
    """A tablet, by the name that its site gives it; ``site`` as activities name it, or a school's
    id."""

    name: Name
    site: Line


class TabletCard(Output):
    """A registered tablet."""

    tablet: str
    name: str
    site: str
    registered_at: datetime
    revoked_at: datetime | None


class TabletRegistered(TabletCard):
    """``secret`` is for the tablet to keep; it is shown here only."""

    secret: str


class TabletPage(Page[TabletCard]):
    """The town's tablets by id."""


class PinChosen(Input):
    """A PIN of six digits for shared tablets, and the account's password."""

    password: Password
    pin: Pin


class TabletShown(Input):
    """A tablet, by its secret."""

    secret: TabletSecret


class TabletAnimator(Output):
    """Somebody who may unlock the tablet."""

    account: str
    first_name: str
    last_name: str


class TabletAnimators(Output):
    """By name."""

    animators: list[TabletAnimator]


class Unlocking(TabletShown):
    """A tablet, an animator and the animator's PIN."""

    account: Id
    pin: Pin
