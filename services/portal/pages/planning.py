"""The planning: what is booked, what may be, until when; by week, five days, month and list."""

from __future__ import annotations

from calendar import Calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from aiohttp import web

from services.portal.pages.people import Participant, people_of
from services.portal.pages.times import is_slotted
from services.portal.web import Page, Visit
from services.portal.wishes import Wish, read_wishes

VIEWS = {"semaine": "7 jours", "cinq-jours": "5 jours", "mois": "Mois", "liste": "Liste"}
#: Statuses in which a day may be asked for, and in which it may be given back.
BOOKABLE = frozenset({"free", "refused", "withdrawn", "cancelled"})
_FRIDAY = 5
#: The days of which a planning is asked, with the whole of their weeks and months.
_FIRST_DAY, _LAST_DAY = date(2000, 2, 1), date(2100, 11, 30)
_OPEN = BOOKABLE | {"not_enrolled"}
ENDABLE = frozenset({"accepted", "to_pay", "cancel_refused", "absence_refused"})
_TONES = {
    "accepted": "good", "requested": "waiting", "to_pay": "waiting", "cancel_requested": "waiting",
    "absence_requested": "waiting", "refused": "bad", "cancel_refused": "good",
    "absence_refused": "good",
}  # fmt: skip


@dataclass(frozen=True)
class Slot:
    """One unit of one activity on one day for one participant, as a cell shows it."""

    participant: Participant
    activity: str
    unit: Mapping[str, Any]
    day: date
    entry: Mapping[str, Any]
    #: It stands for all the slots of its activity, of which a start and an end choose one.
    of_slots: bool = False

    @property
    def tone(self) -> str:
        """The colour beside the words."""
        return _TONES.get(self.entry["status"], "quiet")

    @property
    def taken(self) -> bool:
        """Whether there is more to say than that one is enrolled."""
        return self.entry["status"] not in ("free", "not_enrolled")

    @property
    def for_all(self) -> bool:
        """Whether it stands for all the slots of its activity, none of them booked."""
        return self.of_slots and self.entry["status"] in _OPEN

    @property
    def by_times(self) -> bool:
        """Whether it is booked with a start and an end."""
        return self.of_slots or self.unit["kind"] in ("time_range", "ranges")

    @property
    def changeable(self) -> bool:
        """Whether what is booked may be changed."""
        change = self.entry["change"]
        return self.entry["status"] in ENDABLE and change is not None and bool(change["allowed"])

    @property
    def wish(self) -> Wish | None:
        """What ticking it would ask for."""
        status = self.entry["status"]
        if status in BOOKABLE and self.entry["book"]["allowed"] and not self.by_times:
            kind: Literal["book", "cancel"] = "book"
        elif status in ENDABLE and self.entry["cancel"]["allowed"]:
            kind = "cancel"
        else:
            return None
        return self.asking(kind)

    def asking(self, kind: Literal["book", "cancel"]) -> Wish:
        """This unit to be booked, or cancelled: together with what is asked of its day, that may
        come to a change of all that was booked with it."""
        booked = self.entry["units"] if kind == "cancel" and self.changeable else ()
        return Wish(
            kind, self.participant.id, self.entry["activity"], (self.entry["unit"],), self.day,
            booked=() if self.by_times else tuple(booked),
        )  # fmt: skip

    @property
    def opens_times(self) -> bool:
        """Whether a page lets one choose the times."""
        bookable = self.entry["status"] in BOOKABLE and self.entry["book"]["allowed"]
        return self.by_times and (bool(bookable) or self.changeable)

    @property
    def timed(self) -> Wish:
        """What the page that chooses the times is asked for; the basket holds it with them."""
        units = () if self.of_slots else (self.entry["unit"],)
        kind: Literal["book", "change"] = "change" if self.changeable else "book"
        booked = tuple(self.entry["units"]) if self.changeable else ()
        return Wish(
            kind, self.participant.id, self.entry["activity"], units, self.day, booked=booked
        )

    def in_basket(self, wishes: Sequence[Wish]) -> Wish | None:
        """The times that were chosen for it."""
        return next((one for one in wishes if one.starts and one.slot == self.timed.slot), None)

    @property
    def why(self) -> str:
        """Until when, or why not any more, in the server's words."""
        about = "cancel" if self.entry["status"] in ENDABLE else "book"
        return str(self.entry[about]["explanation"])

    @property
    def sign(self) -> str | None:
        """The padlock (too late to cancel) or the no-entry sign (too late to book)."""
        if self.entry["cancel_locked"]:
            return "lock"
        return "noentry" if self.entry["booking_locked"] else None


async def slots_of(
    visit: Visit, activities: Mapping[str, Any], shown: Sequence[Participant], first: date,
    last: date,
) -> list[Slot]:  # fmt: skip
    """Everything between two days, of the participants shown (of one family), in the order of
    days."""
    family = shown[0].family
    found = await visit.get("booking/family-planning", family=family, first=first, last=last)
    entries = {planning["child"]: planning["entries"] for planning in found["participants"]}
    slots = []
    for participant in shown:
        for entry in entries.get(participant.id, ()):
            activity = activities.get(entry["activity"])
            units = activity["units"] if activity else ()
            unit = next((one for one in units if one["id"] == entry["unit"]), None)
            if activity is None or unit is None:
                continue
            day = date.fromisoformat(entry["date"])
            slots.append(Slot(participant, activity["name"], unit, day, entry))
    return sorted(slots, key=lambda one: (one.day, one.participant.mark, one.activity))


def in_slots(slots: Sequence[Slot], activities: Mapping[str, Any]) -> list[Slot]:
    """Where a start and an end choose one of an activity's slots, the one that is booked alone, or
    one that stands for all."""
    slotted = {name for name, activity in activities.items() if is_slotted(activity)}
    alike: dict[tuple[str, str, date, str], list[Slot]] = {}
    for slot in slots:
        activity = slot.entry["activity"]
        unit = "" if activity in slotted else slot.entry["unit"]
        alike.setdefault((slot.participant.id, activity, slot.day, unit), []).append(slot)
    return [one[0] if len(one) == 1 else _one_of(one) for one in alike.values()]


def _one_of(day: Sequence[Slot]) -> Slot:
    booked = next((one for one in day if one.entry["status"] not in _OPEN), None)
    possible = next((one for one in day if one.entry["book"]["allowed"]), day[0])
    return replace(booked or possible, of_slots=True)


def monday_of(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(days=day.weekday())


def asked_day(visit: Visit, name: str = "jour") -> date:
    """The day of the address, or the town's today: the last one, for a button that says a day
    comes after the field that does. No further away than anything is booked."""
    try:
        day = date.fromisoformat(visit.request.query.getall(name, [""])[-1])
    except ValueError:
        return visit.today
    return min(max(day, _FIRST_DAY), _LAST_DAY)


def basket_of(visit: Visit) -> list[str]:
    """What was ticked, as the form or the address holds it, without what is just taken out."""
    texts = visit.form.all("l") or visit.request.query.getall("l", [])
    out = {one for said in visit.request.query.getall("retirer", []) for one in said.split()}
    return [one for one in texts if one not in out]


async def show_planning(visit: Visit, on: date | None = None) -> web.Response:
    """The planning around the day of the address, or around this one, with the basket in it."""
    people = await people_of(visit)
    if not people.participants:
        return visit.show("planning-empty.html")
    asked = visit.request.query
    view = asked.getall("vue", [""])[-1]
    view = view if view in VIEWS else "semaine"
    wanted = [one for one in people.participants if one.id in asked.getall("enfant", [])]
    shown = wanted or list(people.participants)
    offered = {id_: one for id_, one in people.activities.items() if one["booking"] == "required"}
    chosen = [one for one in offered if one in asked.getall("activite", [])]
    activities = {one: offered[one] for one in chosen} or dict(people.activities)
    wishes = read_wishes(basket_of(visit))
    common = {
        "people": people, "shown": shown, "wanted": [one.id for one in wanted],
        "offered": offered, "chosen": chosen, "view": view, "views": VIEWS, "wishes": wishes,
        "texts": [one.text() for one in wishes],
    }  # fmt: skip
    day = on or asked_day(visit)
    if view in ("mois", "liste"):
        return await _month(visit, activities, shown, day, common)
    given = on is not None or "jour" in asked
    return await _week(visit, activities, shown, day, common, given=given)


async def _week(
    visit: Visit,
    activities: Mapping[str, Any],
    shown: list[Participant],
    day: date,
    common: dict[str, Any],
    *,
    given: bool,
) -> web.Response:
    """The week of a day; where none was ``given`` and this one is over, the next."""
    length = 5 if common["view"] == "cinq-jours" else 7
    first = monday_of(day)
    slots = await slots_of(visit, activities, shown, first, first + timedelta(days=length - 1))
    if not given and is_over(visit.today, slots):
        day = first = first + timedelta(days=7)
        slots = await slots_of(visit, activities, shown, first, first + timedelta(days=length - 1))
    slots = in_slots(slots, activities)
    days = [first + timedelta(days=one) for one in range(length)]
    offers = [
        wish for one in slots if (wish := one.in_basket(common["wishes"]) or one.wish) is not None
    ]
    here = {one.text() for one in offers}
    return visit.show(
        "planning-week.html", days=[(one, [s for s in slots if s.day == one]) for one in days],
        day=day, ticked=set(common["texts"]), offers=offers,
        elsewhere=[one for one in common["wishes"] if one.text() not in here],
        before=first - timedelta(days=7), after=first + timedelta(days=7), **common,
    )  # fmt: skip


def is_over(today: date, slots: Sequence[Slot]) -> bool:
    """Whether it is the end of a week of which no day is left that could be booked."""
    left = [one for one in slots if one.day >= today and one.entry["status"] in BOOKABLE]
    return today.isoweekday() > _FRIDAY and not any(one.entry["book"]["allowed"] for one in left)


async def _month(
    visit: Visit,
    activities: Mapping[str, Any],
    shown: list[Participant],
    day: date,
    common: dict[str, Any],
) -> web.Response:
    weeks = Calendar().monthdatescalendar(day.year, day.month)
    first = day.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    slots = await slots_of(visit, activities, shown, first, after - timedelta(days=1))
    taken = [one for one in slots if one.taken]
    enrolled = enrolled_in(slots, visit.today)
    statuses = {one.entry["status"] for one in (*taken, *enrolled)}
    template = "planning-month.html" if common["view"] == "mois" else "planning-list.html"
    return visit.show(
        template, weeks=weeks, first=first, day=day, before=before, after=after, taken=taken,
        by_day=_by_day(taken), enrolled=_by_day(enrolled), statuses=statuses,
        offers=[], elsewhere=common["wishes"], **common,
    )  # fmt: skip


def enrolled_in(slots: Sequence[Slot], today: date) -> list[Slot]:
    """One slot for each activity of somebody on a day to come on which one is enrolled and has
    booked nothing of it."""
    days: dict[tuple[date, str, str], list[Slot]] = {}
    for one in slots:
        if one.day >= today:
            days.setdefault((one.day, one.participant.id, one.activity), []).append(one)
    return [
        next(one for one in same if one.entry["status"] == "free")
        for same in days.values()
        if not any(one.taken for one in same) and any(one.entry["status"] == "free" for one in same)
    ]


def _by_day(slots: Sequence[Slot]) -> dict[date, list[Slot]]:
    by_day: dict[date, list[Slot]] = {}
    for slot in slots:
        by_day.setdefault(slot.day, []).append(slot)
    return by_day


PAGES = (Page("/reservations", show_planning),)
