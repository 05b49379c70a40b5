"""Family keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from services.identity.schemas.fields import Id
from shared.web.routes import Input, Output, Page, PageQuery


class KeysWanted(Input):
    """Families whose guardians get a key each."""

    families: Annotated[list[Id], Field(min_length=1, max_length=500)]


class KeyIssued(Output):
    """A key for the letter to that guardian; it is shown here and nowhere else."""

    family: str
    guardian: str
    key: str
    expires_at: datetime


class KeysIssued(Output):
    """One key for each guardian of the families asked for."""

    keys: list[KeyIssued]


class KeysAsked(PageQuery):
    """Which keys to list: the town's, or those of one family."""

    family: Id | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 100


class KeyCard(Output):
    """A key without its text; ``id`` revokes it."""

    id: str
    family: str
    guardian: str
    state: Literal["open", "used", "revoked", "expired"]
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None


class KeyPage(Page[KeyCard]):
    """Keys by id."""
