"""A family record: guardians, children, contacts, and what waits to be decided about them.

A member's fields are rows of ``shared.contracts.dossier``: those that rules go by are attributes
here, the others are kept under ``more``, as JSON, or sealed. Who reads what: ``domain.showing``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from services.family.domain.parts import Address, Author, Certificate, Consent, Quotient, Scheme
from shared.contracts import family as contract
from shared.contracts.dossier import Owner
from shared.ids import derived_id

GuardianRole = Literal["holder", "co_holder"]
ContactKind = Literal["emergency", "authorised_collector"]
#: Where a member came from: the town's spreadsheet, which may take them away again, or elsewhere.
Origin = Literal["import", "online", "desk"]
ChangeAct = Literal["set", "add", "remove"]
ChangeState = Literal["waiting", "accepted", "refused", "withdrawn", "replaced"]

LEVELS: tuple[contract.Level, ...] = get_args(contract.Level)
#: The member that stands for the family itself.
HOUSEHOLD = "household"
#: INSEE's code of the country.
FRANCE = "99100"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Member(_Part):
    """What all have in common."""

    id: str
    first_name: str
    last_name: str
    origin: Origin = "import"
    more: dict[str, Any] = {}


class Guardian(Member):
    """An adult of the household, and what they may do about each child.

    ``invoiced``: invoices are addressed to them. ``protected``: their address, telephones, e-mail
    and workplace are hidden from the other guardian. ``limited``: by a court order, to the fields
    that the town has set. ``also`` as of a child.
    """

    role: GuardianRole
    phone: str | None
    email: str | None
    address: Address | None
    benefit_scheme: Scheme | None = None
    invoiced: bool
    rights: tuple[contract.ChildRights, ...]
    protected: bool = False
    limited: bool = False
    also: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Every id by which they are or were known."""
        return frozenset((self.id, *self.also))

    def may(self, child: str, right: Literal["see", "decide", "pay"]) -> bool:
        """Whether this guardian has a right over that child."""
        return any(one.child == child and getattr(one, right) for one in self.rights)

    def sees(self, child: str) -> bool:
        """Whether this guardian has the right to see that child."""
        return self.may(child, "see")

    def card(self) -> contract.Guardian:
        """What the other services are told of them."""
        address = self.address and contract.PostalAddress(
            **self.address.model_dump(exclude={"citycode"})
        )
        return contract.Guardian(
            id=self.id, first_name=self.first_name, last_name=self.last_name,
            invoiced=self.invoiced, rights=self.rights, email=self.email, address=address,
            protected=self.protected, benefit_scheme=self.benefit_scheme,
            civil_identity=self._civil_identity(), birth_date=self.more.get("birth_date"),
            also=self.also,
        )  # fmt: skip

    def _civil_identity(self) -> contract.CivilIdentity | None:
        """Who they are to the civil registry, where the dossier holds all of it; None also of who
        was born in France at a place that is not told."""
        held = {name: self.more.get(name) for name in contract.CivilIdentity.model_fields}
        held["first_names"] = tuple((held["first_names"] or "").split())
        place = held.pop("birth_place")
        if not all(held.values()) or (held["birth_country"] == FRANCE and place is None):
            return None
        return contract.CivilIdentity.model_validate({**held, "birth_place": place})


class Child(Member):
    """A child of the household. ``school`` is an id of the town file; ``also``, ids by which the
    same child was known in records that were merged."""

    birth_date: date
    school: str | None
    level: str | None
    school_class: str | None = None
    permissions: dict[str, Consent] = {}
    health_certificate: Certificate | None = None
    also: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Every id by which the child is or was known."""
        return frozenset((self.id, *self.also))


class Contact(Member):
    """Somebody to call, or who may fetch a child."""

    kind: ContactKind
    phone: str | None
    relation: str | None
    adult: bool | None = None
    birth_date: date | None = None


class Change(_Part):
    """One change of one member that a family has asked for.

    ``field`` and ``value`` (JSON, or sealed) of what is ``set``; of whom to ``add``, ``kind`` is
    their owner or contact kind and ``value`` their fields. A value is kept only while it waits. The
    ``reason`` of a refusal is sealed where the value was.
    """

    id: str
    request: str
    act: ChangeAct
    member: str
    field: str = ""
    kind: str | None = None
    value: Any = None
    by: Author
    at: datetime
    state: ChangeState = "waiting"
    reason: str | dict[str, Any] | None = None
    decided_by: Author | None = None
    decided_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether nobody has decided it yet."""
        return self.state == "waiting"


class Measure(_Part):
    """What an agent set about a guardian – rights over children, a protected address, limits by a
    court order – with the reason, which agents alone read."""

    guardian: str
    rights: tuple[contract.ChildRights, ...]
    protected: bool
    limited: bool
    reason: str
    by: Author
    at: datetime


class Family(_Part):
    """A family record. ``reference`` is the town's own number for it, ``former`` those of the
    records merged into it; ``merged_into`` and ``became``: see the card.

    ``revisions`` counts what has happened to each field (``<member>/<field>``), waiting changes
    included: who changes a field says which count they saw.
    """

    id: str
    town: str
    reference: str
    guardians: tuple[Guardian, ...]
    children: tuple[Child, ...]
    contacts: tuple[Contact, ...]
    quotients: tuple[Quotient, ...] = ()
    facts: dict[str, bool | int | str] = {}
    more: dict[str, Any] = {}
    changes: tuple[Change, ...] = ()
    revisions: dict[str, int] = {}
    measures: tuple[Measure, ...] = ()
    former: tuple[str, ...] = ()
    merged_into: str | None = None
    became: tuple[contract.Became, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Its own id and those of the records merged into it."""
        return frozenset((self.id, *self.parts))

    @property
    def parts(self) -> tuple[str, ...]:
        """The ids of the records merged into it, those merged into another of them after it."""
        return tuple(family_id(self.town, one) for one in self.former)

    def guardian(self, guardian: str | None) -> Guardian | None:
        """The guardian of that id, or None."""
        return next((one for one in self.guardians if one.id == guardian), None)

    def members(self) -> Iterator[tuple[Owner, Member]]:
        """Every member, with the owner that its fields are listed under."""
        yield from (("guardian", one) for one in self.guardians)
        yield from (("child", one) for one in self.children)
        yield from (("contact", one) for one in self.contacts)

    def known_as(self) -> dict[str, tuple[str, ...]]:
        """By guardian or child, the other ids by which they were known."""
        return {
            **{one.id: one.also for one in self.guardians},
            **{one.id: one.also for one in self.children},
        }

    def waiting(self) -> tuple[Change, ...]:
        """The changes that nobody has decided yet."""
        return tuple(change for change in self.changes if change.waits)

    def card(self) -> contract.FamilyChanged:
        """What the other services are told: nothing of health, nothing of a bank."""
        return contract.FamilyChanged(
            family=self.id,
            reference=self.reference,
            guardians=tuple(one.card() for one in self.guardians),
            children=tuple(
                contract.Child(
                    id=one.id, first_name=one.first_name, last_name=one.last_name,
                    birth_date=one.birth_date, school=one.school, level=one.level,
                    school_class=one.school_class, also=one.also,
                )
                for one in self.children
            ),
            quotients=tuple(
                contract.Quotient(
                    value_cents=int(one.value * 100), effect=one.effect, until=one.until,
                    source=one.source,
                )
                for one in self.quotients
            ),
            facts=self.facts,
            merged_into=self.merged_into,
            became=self.became,
            parts=self.parts,
        )  # fmt: skip


def family_id(town: str, reference: str) -> str:
    """The id of a town's family record."""
    return derived_id("family", town, reference)


def member_id(family: str, person: str) -> str:
    """The id of a member, from the number the town gives within the family."""
    return derived_id("member", family, person)


def words(text: str) -> list[str]:
    """The words of a text, lower-case and without accents: ``D'Éon-Roux`` is d, eon, roux."""
    return re.findall(r"[a-z0-9]+", plain(text))


def plain(text: str) -> str:
    """Lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
