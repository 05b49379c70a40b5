"""Towns."""

from __future__ import annotations

from typing import Literal

from shared.contracts.town_file import Contact, TownFile
from shared.web.routes import Input, Output


class TownCard(Output):
    """What anybody may know of a town."""

    town: str
    name: str
    contact: Contact
    family_key: Literal["required", "optional", "hidden"]
    family_key_called: str
    time_zone: str


class TownFileInput(Input, TownFile):
    """A whole town file."""


class TownFileVersion(Output):
    """The version that the file has; the same content again keeps its version."""

    version: int


class TownFileSaved(Output):
    """The town file in force."""

    version: int
    file: TownFile
