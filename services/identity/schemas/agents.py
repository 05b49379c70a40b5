"""Agents, and the second factor."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from services.identity.schemas.fields import Code, Email, LoginName, Name, Password
from shared.roles import Role
from shared.web.routes import Input, Output, Page

_Roles = Annotated[list[Role], Field(max_length=20)]
_Sites = Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(max_length=100)]


class Appointment(Input):
    """What an agent is, whole: roles, the sites to which some of them are bound (as activities
    name them, or a school's id), the last day, and whether access is suspended."""

    roles: _Roles
    sites: _Sites = Field(default_factory=list)
    until: date | None = None
    suspended: bool = False


class AgentInvitation(Input):
    """A new agent, who chooses a password by mail."""

    login_name: LoginName
    email: Email
    first_name: Name
    last_name: Name
    roles: Annotated[_Roles, Field(min_length=1)]
    sites: _Sites = Field(default_factory=list)
    until: date | None = None


class AgentMade(Output):
    """The agent's account."""

    account: str


class AgentCard(Output):
    """An agent. ``invited``: no password yet; ``ended``: the last day is over."""

    account: str
    login_name: str
    first_name: str
    last_name: str
    email: str | None
    roles: list[str]
    sites: list[str]
    until: date | None
    state: Literal["invited", "active", "suspended", "ended"]
    second_factor: bool


class AgentPage(Page[AgentCard]):
    """Agents by id."""


class SecondFactorWanted(Input):
    """The password, and a code of the second factor there is, if any."""

    password: Password
    code: Code | None = None


class NewRecoveryCodesWanted(Input):
    """The password, and a code of the application or one of the recovery codes."""

    password: Password
    code: Code


class SecondFactorBegun(Output):
    """The secret in base 32, to type or to read as a square code from ``uri``; shown once."""

    secret: str
    uri: str


class SecondFactorProved(Input):
    """A code made with the new secret."""

    code: Annotated[str, Field(pattern=r"^[0-9 ]{6,12}$")]


class RecoveryCodes(Output):
    """Each stands in for a code, once; to print and keep."""

    recovery_codes: list[str]
