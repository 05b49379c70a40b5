"""What a family has ticked, as text in an address, and as the API's body.

The basket is kept nowhere: each thing ticked is one ``l`` of the address, so that the next week,
the page before and a bookmark all have it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

#: More than a page's address may hold: who wants more books over a period.
MOST = 80
_WEEKDAYS = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
_KINDS = ("book", "change", "cancel")


@dataclass(frozen=True, order=True)
class Wish:
    """One unit of one activity for one participant: on a day, or on weekdays over a period.
    ``booked`` is all that was booked with what is changed or cancelled, where it may be changed."""

    kind: Literal["book", "change", "cancel"]
    participant: str
    activity: str
    units: tuple[str, ...]
    first: date
    last: date | None = None
    weekdays: tuple[str, ...] = ()
    starts: str = ""
    ends: str = ""
    booked: tuple[str, ...] = ()

    @property
    def slot(self) -> tuple[str, str, tuple[str, ...], date]:
        """Whose, of what, on which day: one start and one end are chosen for it."""
        return self.participant, self.activity, self.units, self.first

    def excludes(self, other: Wish) -> bool:
        """Whether the two cannot both be wanted, once times are chosen for this one: of one day,
        the same units, or any of an activity's slots."""
        same = (self.participant, self.activity, self.first) == (
            other.participant, other.activity, other.first,
        )  # fmt: skip
        units = not self.units or not other.units or bool({*self.units} & {*other.units})
        return same and other.last is None and units

    def covers(self, line: Mapping[str, Any]) -> bool:
        """Whether a line of a recap comes of it."""
        day = date.fromisoformat(line["date"])
        days = self.first <= day <= (self.last or self.first)
        weekday = not self.weekdays or _WEEKDAYS[day.weekday()] in self.weekdays
        units = {*self.units, *self.booked}
        alike = not units or bool(units & {*line["units"], *line.get("was", ())})
        whose = (self.participant, self.activity) == (line["child"], line["activity"])
        return whose and days and weekday and alike

    def replaces(self, participant: str, activity: str, day: date) -> bool:
        """Whether it books something of that day, which may come in the place of what is ended."""
        booked = self.kind == "book" and self.last is None and not self.starts
        return booked and (self.participant, self.activity, self.first) == (
            participant, activity, day,
        )  # fmt: skip

    def at(self, starts: str, ends: str) -> Wish:
        """The same, from a start to an end."""
        return replace(self, starts=starts, ends=ends)

    def text(self) -> str:
        """As it stands in an address."""
        last = self.last.isoformat() if self.last else ""
        return "~".join((
            self.kind, self.participant, self.activity, ",".join(self.units),
            self.first.isoformat(), last, ",".join(self.weekdays), self.starts, self.ends,
            ",".join(self.booked),
        )).rstrip("~")  # fmt: skip


def read_wish(text: str) -> Wish | None:
    """A wish, or nothing where the text is none of ours; the API judges what it says."""
    parts = text.split("~")
    parts += [""] * (10 - len(parts))
    kind, participant, activity, units, first, last, weekdays, starts, ends, booked = parts[:10]
    if kind not in _KINDS or not (participant and activity) or len(parts) > 10:
        return None
    try:
        return Wish(
            kind, participant, activity, _names(units),  # type: ignore[arg-type]
            date.fromisoformat(first), date.fromisoformat(last) if last else None,
            _names(weekdays), starts, ends, _names(booked),
        )  # fmt: skip
    except ValueError:
        return None


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def read_wishes(texts: Iterable[str]) -> list[Wish]:
    """Each wish once, in the order of days."""
    found = {wish for text in texts if (wish := read_wish(text)) is not None}
    return sorted(found, key=lambda one: (one.first, one.participant, one.activity, one.units))


def body_of(family: str, wishes: Sequence[Wish], comment: str = "") -> dict[str, Any]:
    """The API's recap and request: units of one day ticked one by one are one wish, and what is
    ended and booked of one day is a change."""
    changes, others = _changed(wishes)
    body: dict[str, Any] = {
        "family": family,
        "asked": [_asked(one) for one in _joined(others, "book")],
        "changes": [_change(one) for one in changes],
        "ends": [_ended(one) for one in _joined(others, "cancel")],
    }
    return body | ({"comment": comment} if comment else {})


def _changed(wishes: Sequence[Wish]) -> tuple[list[Wish], list[Wish]]:
    """The changes, and what is none: of a booking of which something stays, or which something
    else replaces that day, nothing is given back before the new choice is granted."""
    changes = [one for one in wishes if one.kind == "change"]
    others = [one for one in wishes if one.kind != "change"]
    gone: dict[tuple[str, str, date], dict[tuple[str, ...], list[Wish]]] = {}
    for one in others:
        if one.kind == "cancel" and one.booked:
            bookings = gone.setdefault((one.participant, one.activity, one.first), {})
            bookings.setdefault(one.booked, []).append(one)
    for (participant, activity, day), bookings in gone.items():
        fresh = [one for one in others if one.replaces(participant, activity, day)]
        for booked, ended in bookings.items():
            units = [unit for unit in booked if all(unit not in one.units for one in ended)]
            units += [unit for one in fresh for unit in one.units]
            if units:
                changes.append(
                    Wish("change", participant, activity, tuple(units), day, booked=booked)
                )
                others = [one for one in others if one not in ended and one not in fresh]
                fresh = []
    return changes, others


def _joined(wishes: Sequence[Wish], kind: str) -> list[Wish]:
    joined: dict[tuple[Any, ...], Wish] = {}
    for one in wishes:
        if one.kind != kind:
            continue
        key = (one.participant, one.activity, one.first, one.last, one.weekdays, one.starts)
        if (other := joined.get(key)) is not None:
            units = tuple(dict.fromkeys((*other.units, *one.units)))
            joined[key] = replace(other, units=units)
        else:
            joined[key] = one
    return list(joined.values())


def _asked(wish: Wish) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "child": wish.participant, "activity": wish.activity, "units": list(wish.units),
    }  # fmt: skip
    if wish.last is not None:
        asked["period"] = {
            "first": wish.first.isoformat(), "last": wish.last.isoformat(),
            "weekdays": list(wish.weekdays),
        }  # fmt: skip
    else:
        asked["day"] = wish.first.isoformat()
    if wish.starts:
        asked |= {"starts": wish.starts, "ends": wish.ends}
    return asked


def _change(wish: Wish) -> dict[str, Any]:
    return _asked(wish) | {"from_units": list(wish.booked)}


def _ended(wish: Wish) -> dict[str, Any]:
    ended: dict[str, Any] = {
        "child": wish.participant, "activity": wish.activity, "units": list(wish.units),
        "kind": "cancel", "first": wish.first.isoformat(),
    }  # fmt: skip
    if wish.last is not None:
        ended["last"] = wish.last.isoformat()
    if wish.weekdays:
        ended["weekdays"] = list(wish.weekdays)
    return ended
