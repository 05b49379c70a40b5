"""One account in several towns and families."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.identity.schemas.accounts import LinkedFamily
from shared.web.routes import Input, Output


class MyTown(Output):
    """A town of the bearer's account, and what the account is there."""

    town: str
    name: str
    joined_at: datetime
    families: list[LinkedFamily]
    roles: list[str]
    current: bool


class MyTowns(Output):
    """Every town of the bearer's account."""

    towns: list[MyTown]


class TownSwitch(Input):
    """The town to go to; an adult who is not of it yet joins it."""

    town: Annotated[str, Field(min_length=1, max_length=64)]


class NoticeText(Output):
    """The town's notice in force."""

    version: str
    title: str
    text: str


class NoticeShown(Output):
    """``notice`` is null where the town has none; ``read_at`` is null until the bearer has said
    « J'ai compris » to this version."""

    notice: NoticeText | None
    read_at: datetime | None


class NoticeRead(Input):
    """« J'ai compris »."""

    version: Annotated[str, Field(min_length=1, max_length=20)]


class LinkedAccount(Output):
    """An account that is a guardian of the family. ``activated``: its holder has a password."""

    account: str
    guardian: str
    first_name: str
    last_name: str
    login_name: str
    email: str | None
    activated: bool
    since: datetime


class LinkedAccounts(Output):
    """The accounts of a family."""

    accounts: list[LinkedAccount]
