"""Activities: what children and adults may be booked into, and by which rules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.contracts.family import Level
from shared.contracts.town_file.absences import Absences
from shared.contracts.town_file.parts import Part, Slug, Text, one_at_a_time, unique
from shared.contracts.town_file.places import PlaceCounter, check_units
from shared.contracts.town_file.rules import ACTIONS, Deadlines
from shared.contracts.town_file.units import BilledTime, Relations, Unit, Week


class Adults(Part):
    """Which adults of a household an activity is for: of an age in whole years on the day, of one
    of ``audiences``. What is left out restricts nothing."""

    from_age: Annotated[int | None, Field(ge=0, le=120)] = None
    to_age: Annotated[int | None, Field(ge=0, le=120)] = None
    audiences: tuple[Slug, ...] = ()


class Eligible(Part):
    """For whom an activity is (row BO1): ``children`` of one of ``schools``, of ``levels``, of an
    age in whole years on the day, of one of ``audiences``; ``adults`` of the household as
    ``which_adults`` says. What is left out restricts nothing."""

    children: bool = True
    schools: tuple[Slug, ...] = ()
    levels: tuple[Level, ...] = ()
    from_age: Annotated[int | None, Field(ge=0, le=120)] = None
    to_age: Annotated[int | None, Field(ge=0, le=120)] = None
    audiences: tuple[Slug, ...] = ()
    adults: bool = False
    which_adults: Adults = Adults()

    @model_validator(mode="after")
    def _for_somebody(self) -> Eligible:
        if not (self.children or self.adults):
            raise ValueError(
                "une activité est pour les enfants, pour les adultes ou pour les deux."
            )
        if not self.adults and self.which_adults != Adults():
            raise ValueError("`which_adults` sans `adults: true` ne désigne personne.")
        given = (self.schools, self.levels, self.from_age, self.to_age, self.audiences)
        if not self.children and any(one not in ((), None) for one in given):
            raise ValueError(
                "dites dans `which_adults` lesquels : les autres champs parlent des enfants."
            )
        return self


class Activity(Part):
    """Something that a child or adult may be booked into, at one site, on the days of one calendar.

    ``service``: nobody may be kept from ``school_meals`` (shape C8). ``desk_only`` is the sentence
    that says where to go, for what is not booked on line.
    ``hold_minutes``: within how many minutes what is paid at booking has to be paid (shape D17).
    ``horizons``: over what families may book at once (shape S5). ``booking: none``: attended
    without booking (shape S7). ``decision``: who answers bookings; ``cancellations``: whether an
    agent decides each of them, and if it gives credit, refund or nothing (row BO10).
    """

    id: Slug
    name: Text
    site: Text
    service: Literal["school_meals", "wraparound_care", "wednesday", "holidays", "study", "other"]
    calendar: Slug
    eligible: Eligible = Eligible()
    units: Annotated[tuple[Unit, ...], Field(min_length=1, max_length=40)]
    relations: Relations = Relations()
    week: Week = Week()
    places: Annotated[tuple[PlaceCounter, ...], Field(min_length=1, max_length=40)]
    booking: Literal["required", "none"] = "required"
    desk_only: Text | None = None
    decision: Literal["agent", "automatic"]
    cancellations: Literal["by_rule", "by_agent"] = "by_rule"
    hold_while_waiting: bool = True
    hold_minutes: Annotated[int, Field(ge=5, le=10_080)] = 20
    billing: Literal["pay_in_arrears", "pay_at_booking"]
    billed_time: BilledTime | None = None
    horizons: tuple[Literal["day", "week", "fortnight", "month", "period", "year"], ...] = ()
    horizon_days: Annotated[int, Field(ge=1, le=400)] = 365
    deadlines: Deadlines
    absences: Absences = Absences()

    @model_validator(mode="after")
    def _consistent(self) -> Activity:
        units = [unit.id for unit in self.units]
        unique("units", units)
        unique("places", (counter.id for counter in self.places))
        check_units(self.places, units)
        self.relations.check(units)
        for action in ACTIONS:
            rules = self.deadlines.of(action)
            unique(f"deadlines.{action}", (rule.id for rule in rules))
            one_at_a_time(f"deadlines.{action}", rules, lambda rule: rule.for_.key)
        unique("absences.rules", (rule.id for rule in self.absences.rules))
        if self.deadlines.pay and (self.billing, self.decision) != ("pay_at_booking", "automatic"):
            raise ValueError(
                "`deadlines.pay`, le délai pour payer ce qui vient d'être réservé, va avec "
                "`billing: pay_at_booking` et `decision: automatic`."
            )
        return self

    def unit(self, unit_id: str) -> Unit | None:
        """The unit of that id, or None."""
        return next((unit for unit in self.units if unit.id == unit_id), None)
