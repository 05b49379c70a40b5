"""What a child's agenda shows of a day: the booking in force, what is to end it, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Literal, NamedTuple

from services.booking.domain.request import BOOKS, STANDS, State
from shared.contracts.booking import Answered, LineKind

#: An activity, a unit and a day of one child.
Place = tuple[str, str, date]
Status = Literal[
    "not_enrolled", "free", "requested", "to_pay", "accepted", "refused", "withdrawn",
    "cancel_requested", "absence_requested", "cancel_refused", "absence_refused", "cancelled",
    "absent",
]  # fmt: skip

#: The guides' words below an activity's name.
WORDS: dict[Status, str] = {
    "not_enrolled": "Non inscrit",
    "free": "Inscrit",
    "requested": "Réservation demandée",
    "to_pay": "Réservation à payer",
    "accepted": "Réservation acceptée",
    "refused": "Réservation refusée",
    "withdrawn": "Demande retirée",
    "cancel_requested": "Annulation demandée",
    "absence_requested": "Absence demandée",
    "cancel_refused": "Annulation refusée",
    "absence_refused": "Absence refusée",
    "cancelled": "Réservation annulée",
    "absent": "Absence acceptée",
}


class Row(NamedTuple):
    """What an agenda shows of a line of a request: as ``Line`` has it."""

    request: str
    id: str
    child: str
    activity: str
    date: date
    units: tuple[str, ...]
    state: State
    kind: LineKind = "book"
    of: str | None = None
    ended: str | None = None
    answer: Answered | None = None
    starts: time | None = None

    @property
    def active(self) -> bool:
        """Whether the family counts on it."""
        return self.state in STANDS and self.ended is None


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking, and the line that ends it or was to end it."""

    line: Row
    end: Row | None = None

    @property
    def status(self) -> Status:
        """Where it stands."""
        end = self.end
        if end is not None and end.state != "withdrawn" and self.line.state == "accepted":
            absence = end.kind == "absence"
            if end.state == "requested":
                return "absence_requested" if absence else "cancel_requested"
            if end.state == "refused":
                return "absence_refused" if absence else "cancel_refused"
            return "absent" if absence else "cancelled"
        return "free" if self.line.state == "asked" else self.line.state

    @property
    def answer(self) -> Answered | None:
        """The town's own answer, where an agent gave one to what was asked last."""
        end = self.end
        last = self.line if end is None or end.state == "withdrawn" else end
        return last.answer if last.state in ("accepted", "refused") else None


def _in_force(known: Row | None, later: Row) -> Row:
    """Of two about the same, the one that the family counts on; else the later."""
    return later if known is None or later.active or not known.active else known


def agendas(rows: Iterable[Row], names: Mapping[str, str]) -> dict[str, dict[Place, Entry]]:
    """The agenda of each child: the entry in force for each place, else the latest that was; of
    what was changed, what it is now. ``rows`` come oldest first; ``names`` has every id of the
    children, and that of today."""
    ends: dict[str, Row] = {}
    latest: dict[str, dict[Place, Row]] = {child: {} for child in names.values()}
    rows = list(rows)
    changed = {row.of for row in rows if row.kind == "change" and row.state == "accepted"}
    for row in rows:
        if row.state == "asked" or (changed and f"{row.request}-{row.id}" in changed):
            continue
        if row.of is not None and row.kind not in BOOKS:
            ends[row.of] = _in_force(ends.get(row.of), row)
            continue
        own = latest[names[row.child]]
        for unit in row.units:
            place = (row.activity, unit, row.date)
            own[place] = _in_force(own.get(place), row)
    return {
        child: {
            place: Entry(row, ends.get(f"{row.request}-{row.id}") if ends else None)
            for place, row in own.items()
        }
        for child, own in latest.items()
    }
