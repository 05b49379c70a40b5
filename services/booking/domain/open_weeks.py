"""What is open to somebody in a week: made once for all of whom rules know the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Generic, TypeVar

from services.booking.domain.planning import Offer
from services.booking.domain.rules.moments import Moment
from shared.contracts.family import Participant
from shared.contracts.town_file import Activity
from shared.days import days_between
from shared.traits import age_on, traits_of

SeenT = TypeVar("SeenT")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Slot(Generic[SeenT]):
    """One unit of an activity on a day with service, and what is ``seen`` of it."""

    activity: Activity
    unit: str
    day: date
    seen: SeenT


@dataclass(frozen=True, slots=True)
class Weeks(Generic[SeenT]):
    """What is open to whom, of the ``offers`` of all the town's activities to one family at one
    instant. ``look`` sees something of an offer to somebody, for one unit on a day; ``what`` names
    that."""

    offers: Sequence[Offer]
    what: str
    look: Callable[[Offer, Participant, str, date], SeenT]

    def open_to(self, child: Participant, first: date, last: date) -> list[Slot[SeenT]]:
        """The slots between two days, day by day, in the order of the offers."""
        return [
            slot
            for monday in _mondays(first, last)
            for slot in self._week(child, monday)
            if first <= slot.day <= last
        ]

    def at(self, child: Participant, activity: str, unit: str, day: date) -> Slot[SeenT] | None:
        """A slot whether or not it is open to them; None when the file knows no such unit."""
        for offer in self.offers:
            if offer.activity.id == activity and unit in {one.id for one in offer.activity.units}:
                return self._slot(child, offer, unit, day, offer.now)
        return None

    def _week(self, child: Participant, first: date) -> Sequence[Slot[SeenT]]:
        """All of a week; kept, unless what the family has used counts in it."""
        if not self.offers:
            return []
        offer, born, last = self.offers[0], child.birth_date, first + 6 * _DAY
        if offer.allowance.used:
            return self._days(child, first, last, offer.now)
        # Of what is known of somebody, the days of a week change the age alone.
        older = born if born and age_on(born, first) != age_on(born, last) else None
        kind = offer.rules.kind_of(traits_of(child, first))
        return offer.rules.weeks.answer(
            (self.what, first, child.withheld, older, kind),
            offer.now,
            lambda moment: self._days(child, first, last, moment),
        )

    def _days(
        self, child: Participant, first: date, last: date, at: datetime | Moment
    ) -> list[Slot[SeenT]]:
        of_age: dict[int | None, list[Offer]] = {}
        slots = []
        for day in days_between(first, last):
            age = age_on(child.birth_date, day) if child.birth_date else None
            if age not in of_age:
                of_age[age] = [offer for offer in self.offers if offer.eligible(child, day)]
            for offer in of_age[age]:
                if offer.open_on(day, child.school):
                    slots += [
                        self._slot(child, offer, unit.id, day, at) for unit in offer.activity.units
                    ]
        return slots

    def _slot(
        self, child: Participant, offer: Offer, unit: str, day: date, at: datetime | Moment
    ) -> Slot[SeenT]:
        seen = offer.kept(
            child, unit, day, self.what, at, lambda alike: self.look(alike, child, unit, day)
        )
        return Slot(offer.activity, unit, day, seen)


def _mondays(first: date, last: date) -> Iterator[date]:
    """Those of the weeks that the days between two lie in."""
    monday = first - (first.isoweekday() - 1) * _DAY
    while monday <= last:
        yield monday
        monday += 7 * _DAY
