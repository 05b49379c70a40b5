"""Towns."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.town_file import Contact, School, TownFile
from shared.web.routes import Input, Output


class TownCard(Output):
    """What anybody may know of a town."""

    town: str
    name: str
    contact: Contact
    family_key: Literal["required", "optional", "hidden"]
    family_key_called: str
    time_zone: str
    schools: tuple[School, ...]
    accent: str | None
    welcome: str | None
    privacy: str | None
    logo: Annotated[str | None, Field(description="Which picture `/town-logo` is; null: none")]
    payfip_mode: Annotated[
        Literal["T", "X", "W"] | None,
        Field(
            description="T: no payment on line is real; X: activation; W: production; null: none"
        ),
    ]


class TownFileInput(Input, TownFile):
    """A whole town file."""


class TownFileVersion(Output):
    """The version that the file has; the same content again keeps its version."""

    version: int


class TownFileKept(Output):
    """A version of the town's file: when it was saved, and by which account (null: by a command at
    the server)."""

    version: int
    saved_at: datetime
    saved_by: str | None


class TownFileSaved(TownFileKept):
    """A version of the town's file, with what it says."""

    file: TownFile


class TownFilesQuery(Input):
    """``after``: the ``next`` of the page before."""

    after: Annotated[int, Field(ge=1)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class TownFilePage(Output):
    """Versions of the town's file, the newest first: the first of all is in force."""

    items: tuple[TownFileKept, ...]
    next: int | None
