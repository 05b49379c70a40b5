"""Request and response models of a trial of rules; ``preau rules`` reads the same facts."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from services.booking.domain.rules.facts import Absent, Facts
from services.booking.schemas import MAX_PERIOD_DAYS, Day
from shared.contracts.family import ParticipantKind
from shared.contracts.town_file import Action
from shared.town_files import SentFile
from shared.traits import Known, age_on
from shared.web.routes import Input, Output


class AbsenceIn(Input):
    """An absence; ``booked`` are the days of it that the child had booked (all when left out).
    Instants without a zone are on the town's clock."""

    first: Day
    last: Day | None = None
    reason: str | None = None
    told: datetime | None = None
    proof: str | None = None
    proof_at: datetime | None = None
    at_school: bool = False
    sibling: bool = False
    booked: Annotated[list[Day], Field(max_length=MAX_PERIOD_DAYS)] | None = None

    @model_validator(mode="after")
    def _bounded(self) -> AbsenceIn:
        if self.last and not 0 <= (self.last - self.first).days < MAX_PERIOD_DAYS:
            raise ValueError(f"donnez au plus {MAX_PERIOD_DAYS} jours, dans l'ordre.")
        return self

    def absent(self, zone: ZoneInfo) -> Absent:
        """As the rules take it."""
        return Absent(
            first=self.first,
            last=self.last,
            reason=self.reason,
            told=aware(self.told, zone) if self.told else None,
            proof=self.proof,
            proof_at=aware(self.proof_at, zone) if self.proof_at else None,
            at_school=self.at_school,
            sibling=self.sibling,
        )


class FactsIn(Input):
    """What is known of who takes part and of the family; every field may be left out."""

    units: tuple[str, ...] = ()
    participant: ParticipantKind | None = None
    school: str | None = None
    level: str | None = None
    age: int | None = None
    birth_date: date | None = None
    family: dict[str, bool | int | str] = Field(default_factory=dict)
    counts: dict[str, int] = Field(default_factory=dict)
    procedures: tuple[str, ...] = ()
    price_cents: int | None = None
    starts: time | None = None
    absence: AbsenceIn | None = None

    def facts(self, day: date, zone: ZoneInfo) -> Facts:
        """As the rules take them, for one day."""
        traits: dict[str, Known] = dict(self.family)
        age = age_on(self.birth_date, day) if self.birth_date else self.age
        known = {
            "participant": self.participant, "school": self.school, "level": self.level,
            "age": age,
        }  # fmt: skip
        traits |= {name: value for name, value in known.items() if value is not None}
        return Facts(
            units=self.units,
            traits=traits,
            counts=self.counts,
            procedures=frozenset(self.procedures),
            price_cents=self.price_cents,
            starts=self.starts,
            absent=self.absence.absent(zone) if self.absence else None,
        )


def aware(instant: datetime, zone: ZoneInfo) -> datetime:
    """An instant; without a zone it was on the town's clock."""
    return instant if instant.tzinfo else instant.replace(tzinfo=zone)


class RuleTrialIn(Input):
    """A town file that is not published, and one question to it. ``now`` is the town's clock when
    it is left out."""

    file: SentFile
    activity: Annotated[str, Field(min_length=1, max_length=64)]
    action: Action
    date: Day
    now: datetime | None = None
    facts: FactsIn = FactsIn()


class RuleTrialOut(Output):
    """What the rules answer, as ``preau rules explain`` prints it: ``explanation`` is what the
    family would read; ``rule`` decided, ``source`` is where the town wrote it; ``cutoff`` is the
    last minute, in the town's ``zone``. ``days`` is what an absence comes to, day by day."""

    allowed: bool
    outcome: str
    decision: Literal["automatic", "agent"]
    code: str
    cutoff: datetime | None
    opens: datetime | None
    rule: str | None
    source: str | None
    explanation: str
    surcharge: dict[str, Any] | None
    to_prove: dict[str, Any] | None
    warning: str | None
    zone: str
    proof_until: datetime | None = None
    given_back: str | None = None
    days: tuple[dict[str, Any], ...] = ()
