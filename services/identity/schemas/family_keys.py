"""Family keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from services.identity.schemas.fields import Id
from shared.web.routes import Input, Output, Page, PageQuery


class KeysWanted(Input):
    """Families whose guardians get keys, as the town's file says."""

    families: Annotated[list[Id], Field(min_length=1, max_length=500)]


class KeyIssued(Output):
    """A key for the letter to these guardians; it is shown here and in the letter only."""

    family: str
    guardians: list[str]
    key: str
    expires_at: datetime


class KeysIssued(Output):
    """The keys of the families asked for; their letters are printed by ``issue``."""

    issue: str
    keys: list[KeyIssued]


class KeysAsked(PageQuery):
    """Which keys to list: the town's, or those of one family."""

    family: Id | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 100


class LettersAsked(Input):
    """Which letters of an issue to print: those of these families, or all."""

    families: Annotated[list[Id], Field(max_length=500, default_factory=list)]


class KeyUse(Output):
    """An account became this guardian by the key."""

    account: str
    guardian: str
    at: datetime


class KeyCard(Output):
    """A key without its text, for these guardians; ``id`` revokes it."""

    id: str
    family: str
    guardians: list[str]
    state: Literal["open", "used", "revoked", "expired"]
    issued_at: datetime
    expires_at: datetime
    uses: list[KeyUse]


class KeyPage(Page[KeyCard]):
    """Keys by id."""
