"""Request and response models of dossiers built on line."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from services.family.schemas.dossiers import FieldName
from services.family.schemas.households import FamilyOut
from services.family.schemas.uploads import Id
from shared.web.routes import Input, Output, Page

State = Literal["draft", "sent", "accepted", "refused"]
Values = Annotated[dict[FieldName, Any], Field(max_length=60)]


class ContactIn(Input):
    """Somebody to call, or who may fetch the children."""

    kind: Literal["emergency", "authorised_collector"]
    values: Values = Field(default={})


class DraftIn(Input):
    """The form as far as it is filled, step by step: fields by name, as the town's rules have
    them. Nothing is checked before it is sent."""

    guardian: Values = Field(default={})
    second_guardian: Values | None = None
    children: Annotated[tuple[Values, ...], Field(max_length=20)] = ()
    contacts: Annotated[tuple[ContactIn, ...], Field(max_length=30)] = ()
    household: Values = Field(default={})


class FamilyIn(Input):
    """A family that an agent makes a record of; ``reference``: the town's own number, else one is
    given. ``apart_from``: records that look alike and are another family's."""

    dossier: DraftIn
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./_-]{0,39}$")] | None = None
    apart_from: Annotated[tuple[Id, ...], Field(max_length=50)] = ()


class DraftKept(Input):
    """The form to keep, and the ``version`` that was seen (0 before the first)."""

    draft: DraftIn
    version: Annotated[int, Field(ge=0)]


class RegistrationOut(Output):
    """The bearer's own form. ``missing``: the places still to be filled before it can be sent."""

    registration: str
    state: State
    version: int
    draft: DraftIn
    missing: tuple[str, ...]
    reason: str | None


class LikenessOut(Output):
    """A dossier that may be the same family, and why."""

    family: str
    reference: str
    points: int
    reasons: tuple[str, ...]


class RegistrationLine(Output):
    """A registration that waits for an answer."""

    registration: str
    sent_at: datetime
    holder: str
    children: int


class RegistrationsPage(Page[RegistrationLine]):
    """The longest waiting first."""


class RegistrationCompared(Output):
    """A registration, the dossier that it would become, and the dossiers it is like."""

    registration: str
    account: str
    state: State
    sent_at: datetime
    dossier: FamilyOut
    candidates: tuple[LikenessOut, ...]


class RegistrationDecisionIn(Input):
    """The town's answer; a refusal has a reason."""

    outcome: Literal["accepted", "refused"]
    reason: Annotated[str, Field(min_length=1, max_length=500)] | None = None


class RegistrationDecisionOut(Output):
    """What became of it; accepted, the new ``family``."""

    registration: str
    state: State
    family: str | None
