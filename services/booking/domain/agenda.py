"""What a child's agenda shows of a day: the booking in force, what is to end it, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.booking.domain.request import Excerpt, Line
from shared.contracts.booking import Answered

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


@dataclass(frozen=True, slots=True)
class Entry:
    """One line with the id of its request, and the line that ends it or was to end it."""

    request: str
    line: Line
    end: Line | None = None

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


def agendas(requests: Sequence[Excerpt], names: Mapping[str, str]) -> dict[str, dict[Place, Entry]]:
    """The agenda of each child: ``names`` has every id of theirs, and that of today."""
    lines: dict[str, list[Excerpt]] = {child: [] for child in names.values()}
    for request in requests:
        by_child: dict[str, list[Line]] = {}
        for line in request.lines:
            by_child.setdefault(names[line.child], []).append(line)
        for child, own in by_child.items():
            lines[child].append(Excerpt(request.request, tuple(own)))
    return {child: agenda(found) for child, found in lines.items()}


def agenda(requests: Iterable[Excerpt]) -> dict[Place, Entry]:
    """The entry in force for each place of one child, else the latest that was; ``requests`` are
    about that child alone, oldest first."""
    ends: dict[str, Line] = {}
    latest: dict[Place, Entry] = {}
    for request in requests:
        for line in request.lines:
            if line.state == "asked":
                continue
            if line.of is not None and not line.books:
                ends[line.of] = line
                continue
            for unit in line.units:
                known = latest.get((line.activity, unit, line.date))
                if line.active or known is None or not known.line.active:
                    latest[line.activity, unit, line.date] = Entry(request.request, line)
    return {
        place: Entry(one.request, one.line, ends.get(f"{one.request}-{one.line.id}"))
        for place, one in latest.items()
    }
