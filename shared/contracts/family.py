"""What family says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.requests import RequestCard
from shared.events import Event


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class ChildRights(_Part):
    """What one guardian may do about one ``child`` (or about themselves): three separate rights."""

    child: str
    see: bool
    decide: bool
    pay: bool


class PostalAddress(_Part):
    """Where a letter to a guardian goes."""

    street: str
    postcode: str
    city: str


class CivilIdentity(_Part):
    """Who somebody is to the civil registry; ``birth_place`` and ``birth_country`` are INSEE codes
    (99100: France), the place None for who was born abroad."""

    birth_name: str
    first_names: tuple[str, ...]
    sex: Literal["F", "M"]
    birth_date: date
    birth_place: str | None
    birth_country: str


class Guardian(_Part):
    """An adult of the household; ``invoiced`` marks the one to whom invoices are addressed.

    ``email`` and ``address`` are what the dossier holds. Of a ``protected`` guardian nothing but
    the name may be shown to anybody but that guardian and agents.
    ``civil_identity`` only where the town holds all of it, ``birth_date`` where it holds that.
    ``also``: ids by which the same person was known in records that were merged.
    """

    id: str
    first_name: str
    last_name: str
    invoiced: bool
    rights: tuple[ChildRights, ...]
    email: str | None = None
    address: PostalAddress | None = None
    protected: bool = False
    benefit_scheme: Literal["caf", "msa", "other"] | None = None
    civil_identity: CivilIdentity | None = None
    birth_date: date | None = None
    also: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Every id by which they are or were known."""
        return frozenset((self.id, *self.also))

    @property
    def reach(self) -> tuple[ChildRights, ...]:
        """Their rights over the children and over themselves: what an adult takes part in is that
        adult's own affair, to see, to decide and to pay."""
        return (*self.rights, ChildRights(child=self.id, see=True, decide=True, pay=True))


#: School levels that a child may have, in the order of the classes.
Level = Literal[
    "TPS", "PS", "MS", "GS", "CP", "CE1", "CE2", "CM1", "CM2", "ULIS", "6E", "5E", "4E", "3E",
]  # fmt: skip


class Child(_Part):
    """A child of the household, with what booking and billing need and nothing of health.

    ``also``: ids by which the same child was known in records that were merged.
    """

    id: str
    first_name: str
    last_name: str
    birth_date: date
    school: str | None
    level: str | None
    school_class: str | None = None

    also: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Every id by which the child is or was known."""
        return frozenset((self.id, *self.also))


#: What is known of a child or family, by name.
Known = bool | int | str
ParticipantKind = Literal["child", "adult"]


@dataclass(frozen=True, slots=True)
class Participant:
    """Who takes part in activities: a child, or an adult of the household as themselves.

    What is not known is None: an adult has no ``school`` and no ``level``, and mostly no
    ``birth_date``. ``facts`` are the family's. ``withheld``: a protected adult whose bookings
    would be read by whoever else gets the family's invoices.
    """

    id: str
    first_name: str
    last_name: str
    kind: ParticipantKind = "child"
    birth_date: date | None = None
    school: str | None = None
    level: str | None = None
    also: tuple[str, ...] = ()
    facts: Mapping[str, Known] = field(default_factory=dict)
    withheld: bool = False

    @property
    def ids(self) -> frozenset[str]:
        """Every id by which they are or were known."""
        return frozenset((self.id, *self.also))


class Quotient(_Part):
    """A quotient familial that the town has accepted: from ``effect`` (the first of a month) until
    the next one's, or ``until`` (included)."""

    value_cents: int
    effect: date
    until: date | None = None
    source: str


class Became(_Part):
    """A member of a record that was merged, who is known as ``into`` in the other."""

    member: str
    into: str


class FamilyChanged(Event, service="family", name="family-changed", kind="state"):
    """A family's card, whole.

    ``merged_into``: the record of which this one is now part; it has who ``became`` somebody
    there, and the others as they are. Its own members are as they last were. ``parts``: the
    records that are part of this one, those merged into another of them after it.
    """

    family: str
    reference: str
    guardians: tuple[Guardian, ...]
    children: tuple[Child, ...]
    quotients: tuple[Quotient, ...] = ()
    facts: dict[str, Known] = Field(default={})

    merged_into: str | None = None
    became: tuple[Became, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def participants(self) -> tuple[Participant, ...]:
        """Who may take part in activities: the children, then the adults."""
        children = (
            Participant(
                id=one.id, first_name=one.first_name, last_name=one.last_name,
                birth_date=one.birth_date, school=one.school, level=one.level, also=one.also,
                facts=self.facts,
            )
            for one in self.children
        )  # fmt: skip
        adults = (
            Participant(
                id=one.id, first_name=one.first_name, last_name=one.last_name, kind="adult",
                birth_date=one.birth_date, also=one.also, facts=self.facts,
                withheld=one.protected and not one.invoiced,
            )
            for one in self.guardians
        )  # fmt: skip
        return (*children, *adults)

    def participant(self, _id: str) -> Participant | None:
        """Who is, or was, known by that id; None when they are not of the family."""
        return next((one for one in self.participants if _id in one.ids), None)


class DossierItem(_Part):
    """One change of a dossier, without its value: what is done to which field of whom.

    ``child``: the member, when it is a child. ``field`` is empty of a member added or removed;
    ``reason`` is of a refusal, but for what is about health or a bank.
    """

    id: str
    act: Literal["set", "add", "remove"]
    member: str
    child: str | None
    field: str
    label: str
    state: Literal["waiting", "accepted", "refused", "withdrawn", "replaced"]
    reason: str | None = None


class DossierChangeRequested(Event, service="family", name="dossier-change-requested", kind="fact"):
    """Changes of a dossier were sent: some count already (``accepted``), others wait.

    ``guardian`` sent them, or had them sent by an agent (``channel`` ``desk``).
    """

    family: str
    request: str
    account: str
    guardian: str | None
    channel: Literal["online", "desk"]
    requested_at: datetime
    items: tuple[DossierItem, ...]


class DossierChangeDecided(Event, service="family", name="dossier-change-decided", kind="fact"):
    """Changes of one sending are no longer waiting; ``left`` of it still are.

    ``guardian`` and ``account`` are those of the sending; ``decided_by`` an account.
    """

    family: str
    request: str
    account: str
    guardian: str | None
    requested_at: datetime
    decided_at: datetime
    decided_by: str
    items: tuple[DossierItem, ...]
    left: int


class ErasureAsked(Event, service="family", name="erasure-asked", kind="fact"):
    """An administrator wants a family erased: whoever holds something against it says so.

    ``settled`` names invoices that the collection office says are paid.
    """

    erasure: str
    family: str
    settled: tuple[str, ...]


class PersonErased(Event, service="family", name="person-erased", kind="fact", public=True):
    """The family and its members are no more, and nothing may be kept of them but what a law
    demands."""

    family: str
    guardians: tuple[str, ...]
    children: tuple[str, ...]


#: ``pending``: an agent has to look at it; ``accepted`` until its last day, then ``expired``;
#: ``withdrawn`` by the family; ``removed`` by the town, with its files.
DocumentState = Literal["pending", "accepted", "refused", "expired", "withdrawn", "removed"]


class _Document(_Part):
    """A supporting document: of one type of the town file, about the family, a child or a
    guardian."""

    document: str
    family: str
    child: str | None = None
    guardian: str | None = None


class DocumentChanged(_Document, Event, service="family", name="document-changed", kind="state"):
    """Where a supporting document stands; it counts until ``valid_until``, that day included.

    Internal: its type may say something of health.
    """

    document_type: str
    state: DocumentState
    valid_until: date | None = None


class _DocumentFact(_Document):
    """``title`` is the type's name; None where that would say something of health."""

    title: str | None


class DocumentSubmitted(
    _DocumentFact, Event, service="family", name="document-submitted", kind="fact"
):
    """A family, or an agent for it, sent a supporting document, or another in its place.

    ``version`` is what was sent, ``state`` what became of it at once.
    """

    version: str
    account: str
    channel: Literal["online", "desk"]
    sent_at: datetime
    state: Literal["pending", "accepted"]


class DocumentDecided(_DocumentFact, Event, service="family", name="document-decided", kind="fact"):
    """An agent's answer; a refusal has its reason, but for what is about health."""

    version: str
    account: str
    decided_at: datetime
    agent: str
    accepted: bool
    reason: str | None = None
    valid_until: date | None = None


class DocumentExpiring(
    _DocumentFact, Event, service="family", name="document-expiring", kind="fact"
):
    """A document counts until ``valid_until`` only, which is near, and nothing replaces it yet."""

    account: str
    valid_until: date


class DocumentExpired(_DocumentFact, Event, service="family", name="document-expired", kind="fact"):
    """A document counts no longer since the day after ``valid_until``."""

    account: str
    valid_until: date


class _Letter(_Part):
    """A letter to the town: written by ``guardian`` with ``account``, about ``child`` where it is
    about one; ``shared`` with the other guardians who may see that child. ``subject`` is its
    category's name; None where that says something sensitive."""

    letter: str
    family: str
    guardian: str | None
    account: str
    child: str | None
    shared: bool
    category: str
    subject: str | None
    message: str
    at: datetime


class LetterSent(_Letter, Event, service="family", name="letter-sent", kind="fact"):
    """A family has written to the town."""


class LetterContinued(_Letter, Event, service="family", name="letter-continued", kind="fact"):
    """The family has written again in the same letter; ``account`` is who began it."""


class LetterAnswered(_Letter, Event, service="family", name="letter-answered", kind="fact"):
    """The town has answered; ``account`` is who began the letter, ``agent`` who answered."""

    agent: str


class LetterClosed(_Letter, Event, service="family", name="letter-closed", kind="fact"):
    """The town holds the letter for settled; ``message`` is its last one."""

    agent: str


class RequestChanged(RequestCard, Event, service="family", name="request-changed", kind="state"):
    """A letter or a supporting document as its family finds it in *Mes demandes*, without a word
    of what it is about: that may be health, and stays where it is kept."""


class RegistrationSent(Event, service="family", name="registration-sent", kind="fact"):
    """An adult without a dossier has built one on line; the town compares it with those it has."""

    registration: str
    account: str
    sent_at: datetime


class RegistrationDecided(Event, service="family", name="registration-decided", kind="fact"):
    """The town's answer: accepted, the account is that ``guardian`` of that new ``family``."""

    registration: str
    account: str
    accepted: bool
    reason: str | None
    family: str | None
    guardian: str | None
    decided_at: datetime
    decided_by: str
