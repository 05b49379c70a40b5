"""What a family has ticked, as text in an address, and as the API's body.

The basket is kept nowhere: each thing ticked is one ``l`` of the address, so that the next week,
the page before and a bookmark all have it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

#: More than a page's address may hold: who wants more books over a period.
MOST = 80
_KINDS = ("book", "cancel")


@dataclass(frozen=True, order=True)
class Wish:
    """One unit of one activity for one participant: on a day, or on weekdays over a period."""

    kind: Literal["book", "cancel"]
    participant: str
    activity: str
    units: tuple[str, ...]
    first: date
    last: date | None = None
    weekdays: tuple[str, ...] = ()
    starts: str = ""
    ends: str = ""

    @property
    def slot(self) -> tuple[str, str, tuple[str, ...], date]:
        """Whose, of what, on which day: one start and one end are chosen for it."""
        return self.participant, self.activity, self.units, self.first

    def at(self, starts: str, ends: str) -> Wish:
        """The same, from a start to an end."""
        return replace(self, starts=starts, ends=ends)

    def text(self) -> str:
        """As it stands in an address."""
        last = self.last.isoformat() if self.last else ""
        return "~".join((
            self.kind, self.participant, self.activity, ",".join(self.units),
            self.first.isoformat(), last, ",".join(self.weekdays), self.starts, self.ends,
        )).rstrip("~")  # fmt: skip


def read_wish(text: str) -> Wish | None:
    """A wish, or nothing where the text is none of ours; the API judges what it says."""
    parts = text.split("~")
    parts += [""] * (9 - len(parts))
    kind, participant, activity, units, first, last, weekdays, starts, ends = parts[:9]
    if kind not in _KINDS or not (participant and activity) or len(parts) > 9:
        return None
    try:
        return Wish(
            kind, participant, activity, tuple(filter(None, units.split(","))),  # type: ignore[arg-type]
            date.fromisoformat(first), date.fromisoformat(last) if last else None,
            tuple(filter(None, weekdays.split(","))), starts, ends,
        )  # fmt: skip
    except ValueError:
        return None


def read_wishes(texts: Iterable[str]) -> list[Wish]:
    """Each wish once, in the order of days."""
    found = {wish for text in texts if (wish := read_wish(text)) is not None}
    return sorted(found, key=lambda one: (one.first, one.participant, one.activity, one.units))


def body_of(family: str, wishes: Sequence[Wish], comment: str = "") -> dict[str, Any]:
    """The API's recap and request: units of one day ticked one by one are one wish."""
    body: dict[str, Any] = {
        "family": family,
        "asked": [_asked(one) for one in _joined(wishes, "book")],
        "ends": [_ended(one) for one in _joined(wishes, "cancel")],
    }
    return body | ({"comment": comment} if comment else {})


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
