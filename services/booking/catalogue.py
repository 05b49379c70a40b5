"""The catalogue: what the town offers, for whom, when, with how many places."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from services.booking.catalogue_schemas import (
    AbsenceReasonOut,
    Activities,
    ActivityOut,
    AdultsOut,
    AnswerOut,
    Answers,
    CatalogueQuery,
    CounterOut,
    DayOut,
    PermittedSets,
    PlacesOut,
    UnitOut,
    WeekOut,
)
from services.booking.domain.catalogue import (
    eligible_words,
    fits_filters,
    group_words,
    sets_by_weekday,
)
from services.booking.domain.enrolled import compulsory
from services.booking.domain.places import Session, Shape
from services.booking.domain.rules.answers import Rulebook
from services.booking.state import Booking
from shared.contracts.town_file import Activity, Adults, Unit
from shared.days import days_between


async def answers(booking: Booking, town_slug: str) -> Answers:
    """What agents may answer instead of a plain yes or no."""
    town = await booking.towns.get(town_slug)
    return Answers(
        version=town.version,
        items=[AnswerOut.model_validate(one.model_dump()) for one in town.file.answers],
    )


async def activities(booking: Booking, town_slug: str, wanted: CatalogueQuery) -> Activities:
    """The town's catalogue, as families see it."""
    town = await booking.towns.get(town_slug)
    book, shapes = booking.rulebooks.of(town).book, booking.shapes(town)
    shown = [one for one in town.file.activities if _is_wanted(one, wanted)]
    open_days: dict[str, list[date]] = {}
    if wanted.first is not None and wanted.last is not None:
        for activity in shown:
            open_days[activity.id] = [
                day
                for day in days_between(wanted.first, wanted.last)
                if book.days.closed(activity.calendar, day) is None
            ]
    slots = [(activity, day) for activity, days in open_days.items() for day in days]
    sessions = await booking.places.peek(town_slug, slots, shapes, {})
    groups = {
        activity: [group.id for group in found] for activity, found in compulsory(book).items()
    }
    return Activities(
        version=town.version,
        items=[
            _activity(book, one, groups.get(one.id, []), _days(book, one, wanted, sessions, shapes))
            for one in shown
        ],
    )


def _is_wanted(activity: Activity, wanted: CatalogueQuery) -> bool:
    return (
        wanted.site in (None, activity.site)
        and wanted.service in (None, activity.service)
        and fits_filters(
            activity.eligible, school=wanted.school, level=wanted.level, age=wanted.age
        )
    )


def _days(
    book: Rulebook,
    activity: Activity,
    wanted: CatalogueQuery,
    sessions: Mapping[tuple[str, date], Session],
    shapes: Mapping[str, Shape],
) -> list[DayOut] | None:
    if wanted.first is None or wanted.last is None:
        return None
    schools = activity.eligible.schools or tuple(school.id for school in book.file.schools)
    return [
        _day(book, activity, day, schools, sessions.get((activity.id, day)), shapes[activity.id])
        for day in days_between(wanted.first, wanted.last)
    ]


def _day(
    book: Rulebook,
    activity: Activity,
    day: date,
    schools: tuple[str, ...],
    session: Session | None,
    shape: Shape,
) -> DayOut:
    closed = book.days.closed(activity.calendar, day)
    return DayOut(
        date=day,
        closed=closed.text if closed else None,
        closed_for=[
            school
            for school in schools
            if not closed and book.days.closed(activity.calendar, day, school)
        ],
        places=[
            PlacesOut(
                counter=counter.id,
                capacity=counter.capacity,
                left=max(0, session.left[counter.id]),
            )
            for counter in shape.on(day).counters
        ]
        if session
        else [],
    )


def _activity(
    book: Rulebook, activity: Activity, groups: list[str], days: list[DayOut] | None
) -> ActivityOut:
    eligible = activity.eligible
    return ActivityOut(
        id=activity.id,
        name=activity.name,
        site=activity.site,
        service=activity.service,
        units=[_unit(unit) for unit in activity.units],
        permitted=[
            PermittedSets(weekdays=weekdays, sets=list(sets))
            for sets, weekdays in sets_by_weekday(activity).items()
        ],
        week=WeekOut(
            least_days=activity.week.least_days,
            most_days=activity.week.most_days,
            whole=activity.week.whole,
        ),
        eligible=eligible_words(book.file, eligible),
        children=eligible.children,
        adults=_adults(eligible.which_adults) if eligible.adults else None,
        schools=list(eligible.schools),
        levels=list(eligible.levels),
        from_age=eligible.from_age,
        to_age=eligible.to_age,
        booking=activity.booking,
        channel="desk" if activity.desk_only else "both",
        desk_only=activity.desk_only,
        enrolments=groups,
        decision=activity.decision,
        billing=activity.billing,
        horizons=list(activity.horizons),
        horizon_days=activity.horizon_days,
        absence_reasons=[
            AbsenceReasonOut(id=one.id, name=one.name) for one in activity.absences.reasons
        ],
        counters=[
            CounterOut(id=one.id, units=one.units, children=group_words(book.file, one.group))
            for one in activity.places
        ],
        days=days,
    )


def _adults(which: Adults) -> AdultsOut:
    return AdultsOut(from_age=which.from_age, to_age=which.to_age)


def _unit(unit: Unit) -> UnitOut:
    return UnitOut(**unit.model_dump(), words=unit.slot())
