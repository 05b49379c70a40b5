"""Request and response models of dossiers: every field with its rule, and changes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from services.family.domain.changes import AddMember, Item, RemoveMember, SetField
from services.family.domain.deciding import Decision
from services.family.domain.household import Change, ChangeAct, ChangeState
from services.family.domain.measures import Wanted
from services.family.domain.membership import MemberKind
from services.family.domain.parts import Author
from shared.contracts.dossier import FieldKind, FieldRule, Owner
from shared.contracts.family import ChildRights
from shared.web.routes import Input, Output, Page

Id = Annotated[str, Field(min_length=1, max_length=64)]
FieldName = Annotated[str, Field(pattern=r"^[a-z_]{1,40}(:[a-z][a-z0-9-]{0,40})?$")]


class Choice(Output):
    """A value that may be chosen, and how it is written."""

    value: str
    label: str


class Text(Output):
    """What is agreed to or certified; its ``version`` goes with the answer."""

    text: str
    version: str


class Waiting(Output):
    """A value that waits for the town. ``value`` is null of what is sealed or to be emptied."""

    change: str
    request: str
    value: Any
    by: Author
    at: datetime


class FieldOut(Output):
    """One field of a member: what counts, and beside it what waits.

    ``revision`` goes back as ``base`` of a change. ``editable``: by this reader. ``sealed`` fields
    are answered without their values; ``filled`` says that they have one.
    """

    name: str
    label: str
    kind: FieldKind
    rule: FieldRule
    editable: bool
    automatic: bool
    sealed: bool
    filled: bool
    value: Any
    revision: int
    waiting: Waiting | None
    choices: tuple[Choice, ...] = ()
    statement: Text | None = None


class FieldAsked(Output):
    """A field that a new member may have: as in a dossier, without anybody's values."""

    name: str
    label: str
    kind: FieldKind
    rule: FieldRule
    sealed: bool
    health: bool
    choices: tuple[Choice, ...]
    statement: Text | None


class OwnerFields(Output):
    """What families tell of one kind of member, or of the household."""

    owner: Owner
    fields: tuple[FieldAsked, ...]


class DossierFields(Output):
    """The town's dossier as a blank form: the fields that families fill, in order."""

    owners: tuple[OwnerFields, ...]


class MemberOut(Output):
    """A member and their fields; ``kind`` tells guardians' roles and contacts' kinds."""

    member: str
    owner: Owner
    kind: str | None
    fields: tuple[FieldOut, ...]
    leaving: str | None


class ChangeOut(Output):
    """One change; of a member to add, ``value`` holds the fields that the reader may see."""

    change: str
    request: str
    act: ChangeAct
    member: str
    field: str | None
    label: str | None
    kind: str | None
    value: Any
    by: Author
    at: datetime
    state: ChangeState
    reason: str | None
    decided_at: datetime | None

    @classmethod
    def of(cls, change: Change, label: str | None) -> ChangeOut:
        """The answer for a change."""
        return cls.model_validate(
            {**change.model_dump(), "change": change.id, "field": change.field or None,
             "label": label}
        )  # fmt: skip


class MeasureOut(Output):
    """What an agent set about a guardian, and why."""

    guardian: str
    rights: tuple[ChildRights, ...]
    protected: bool
    limited: bool
    reason: str
    by: Author
    at: datetime


class DossierOut(Output):
    """A dossier as its reader may see it. ``additions``: members who wait to be added;
    ``decided``: the latest answers, without values; ``incomplete``: compulsory fields that are
    empty (``<member>/<field>``); ``measures``: for agents only."""

    family: str
    reference: str
    members: tuple[MemberOut, ...]
    additions: tuple[ChangeOut, ...]
    decided: tuple[ChangeOut, ...]
    incomplete: tuple[str, ...]
    measures: tuple[MeasureOut, ...]


class SetIn(Input):
    """A field to change: ``base`` is the revision seen; a null ``value`` empties it."""

    act: Literal["set"] = "set"
    member: Id
    field: FieldName
    value: Any
    base: Annotated[int, Field(ge=0)]

    def item(self) -> Item:
        """For the rules."""
        return SetField(self.member, self.field, self.value, self.base)


class AddIn(Input):
    """A member to add, with their fields by name."""

    act: Literal["add"]
    kind: MemberKind
    values: Annotated[dict[FieldName, Any], Field(max_length=60)]

    def item(self) -> Item:
        """For the rules."""
        return AddMember(self.kind, self.values)


class RemoveIn(Input):
    """A member to remove."""

    act: Literal["remove"]
    member: Id

    def item(self) -> Item:
        """For the rules."""
        return RemoveMember(self.member)


class ChangesIn(Input):
    """Changes sent together. ``on_behalf_of``: the guardian for whom an agent writes."""

    changes: Annotated[
        tuple[Annotated[SetIn | AddIn | RemoveIn, Field(discriminator="act")], ...],
        Field(min_length=1, max_length=100),
    ]
    on_behalf_of: Id | None = None


class Sent(Output):
    """What became of one change: it counts already (``accepted``), or waits."""

    change: str
    act: ChangeAct
    member: str
    field: str | None
    state: ChangeState


class ChangesOut(Output):
    """What became of the changes sent, in their order."""

    request: str
    changes: tuple[Sent, ...]


class WaitingFamily(Output):
    """A family with changes that wait, as the agent may see them."""

    family: str
    reference: str
    holder: str
    changes: tuple[ChangeOut, ...]


class WaitingPage(Page[WaitingFamily]):
    """The longest waiting first."""


class DecisionIn(Input):
    """The answer to one change; a refusal has a reason."""

    change: Id
    outcome: Literal["accepted", "refused"]
    reason: Annotated[str, Field(min_length=1, max_length=500)] | None = None

    def decision(self) -> Decision:
        """For the rules."""
        return Decision(self.change, self.outcome == "accepted", self.reason)


class ChangeDecisionsIn(Input):
    """Many answers at once, of any families."""

    decisions: Annotated[tuple[DecisionIn, ...], Field(min_length=1, max_length=200)]


class ChangeDecided(Output):
    """The state of a change after the decision, or the one that it had already."""

    change: str
    state: ChangeState


class ChangeDecisionsOut(Output):
    """In the order asked."""

    decided: tuple[ChangeDecided, ...]


class MeasureIn(Input):
    """What is decided about a guardian; what is left out stays. ``rights`` that are given replace
    all that the guardian has."""

    rights: Annotated[tuple[ChildRights, ...], Field(max_length=30)] | None = None
    protected: bool | None = None
    limited: bool | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)]

    def wanted(self) -> Wanted:
        """For the rules."""
        return Wanted(self.rights, self.protected, self.limited, self.reason)


class Vaccination(Output):
    """A vaccine of the national calendar: compulsory for that birth date, told of, or both."""

    vaccine: str
    label: str
    compulsory: bool
    given: tuple[date, ...]


class SealedOut(Output):
    """What is kept sealed of a member. Each reading is recorded, and shown to the family.
    ``decided``: the latest answers about it, the reasons of refusals among them."""

    family: str
    child: str | None
    sheet: MemberOut
    decided: tuple[ChangeOut, ...]


class HealthOut(SealedOut):
    """A child's health sheet. ``certified``: by a guardian, for this school year."""

    first_name: str
    last_name: str
    certified: bool
    certified_until: date | None
    vaccinations: tuple[Vaccination, ...]


class AttendingOut(Output):
    """A child at a site that an agent is bound to. ``allergies``, ``care_plan``: there is something
    to read on the health sheet; ``certified`` as there. ``sites``: those of the agent's, by
    name."""

    family: str
    child: str
    first_name: str
    last_name: str
    birth_date: date
    sites: tuple[str, ...]
    allergies: bool
    care_plan: bool
    certified: bool


class AttendingList(Output):
    """The children at an agent's sites, by name."""

    items: tuple[AttendingOut, ...]


class BankOut(SealedOut):
    """A guardian's bank details: the IBAN is masked; ``bank`` is its bank's name, when known."""

    bank: str | None


class ReadOut(Output):
    """Somebody read what is kept sealed."""

    at: datetime
    account: str
    roles: tuple[str, ...]
    what: Literal["health_sheet", "health_signs", "health_document", "bank_details"]
    child: str | None


class ReadsPage(Page[ReadOut]):
    """The latest first."""
