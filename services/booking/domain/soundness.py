"""What has to be true of sessions and requests, whatever was done, in whatever order.

A request on which a process is at work (``unfinished``) may be between two of its steps: what it
takes and gives back is judged once it is through.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.booking.domain.places import DayShape, Shape, hold_value
from services.booking.domain.request import Line, Mode, Request
from services.booking.domain.rules.choices import excluded_units

#: A crash's leftovers are taken over within seconds.
FINISHED_WITHIN = timedelta(minutes=1)

#: What a booking knows of the line that ends it.
_MARKS = ("ending", "ended", "absent")

Holders = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that must not be, with ids and numbers about it."""

    kind: str
    about: tuple[tuple[str, str | int], ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """A session as it is stored: ``shape`` is what it says that it counts by."""

    id: str
    town: str
    activity: str
    date: date
    shape: DayShape
    left: Mapping[str, int]
    extra: Mapping[str, int]
    over: Mapping[str, int]
    members: Mapping[str, Sequence[str]]
    holders: Holders
    freed: Collection[str]

    @property
    def holds(self) -> Iterator[tuple[str, str, str]]:
        """Every place held: child, unit, hold."""
        for child, held in self.holders.items():
            for unit, hold in held.items():
                yield child, unit, hold

    @property
    def requests(self) -> set[str]:
        """The requests that hold a place."""
        return {hold.partition("-")[0] for _, _, hold in self.holds}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a town's file says: ``shape_of`` and ``mode_of`` an activity, None where it is gone."""

    version: int
    today: date
    shape_of: Callable[[str], Shape | None]
    mode_of: Callable[[str], Mode | None]


def _fault(kind: str, **about: str | int) -> Fault:
    return Fault(kind, tuple(about.items()))


# -- sessions --------------------------------------------------------------------------------


def faults_of_session(
    session: Counted, requests: Mapping[str, Request], rules: Rules
) -> Iterator[Fault]:
    """What is wrong in a session; ``requests`` are those that hold a place in it."""
    yield from _of_counters(session, rules)
    yield from _of_children(session, rules)
    for child, unit, value in session.holds:
        hold = value.partition("*")[0]
        if hold in session.freed:
            yield _fault("hold-given-back", child=child, unit=unit, hold=value)
        if kind := _wrong_hold(session, child, unit, value, requests, rules):
            yield _fault(kind, child=child, unit=unit, hold=value)


def _of_counters(session: Counted, rules: Rules) -> Iterator[Fault]:
    """Never more places than exist, but for those declared, and those that the town has taken
    away from children who had them."""
    counted = session.shape.left(session.holders, session.members)
    for counter, number in counted.items():
        free = number + session.extra.get(counter, 0)
        if session.left.get(counter) != free:
            stored = session.left.get(counter, "none")
            yield _fault("left-differs", counter=counter, left=stored, counted=free)
        if free + session.over.get(counter, 0) < 0:
            yield _fault("overbooked", counter=counter, by=-free)
    shape = rules.shape_of(session.activity)
    if (
        shape is not None
        and session.shape.version == rules.version
        and session.shape.counters != shape.on(session.date).counters
    ):
        yield _fault("counters-differ", version=rules.version)


def _of_children(session: Counted, rules: Rules) -> Iterator[Fault]:
    """Whether what each child holds may be held together; of days that are over, an earlier file
    may have said otherwise."""
    shape = rules.shape_of(session.activity)
    if shape is None or session.date < rules.today:
        return
    for child, held in session.holders.items():
        if excluded_units(shape.activity, session.date, held.keys()):
            yield _fault("units-excluded", child=child, units=" ".join(sorted(held)))


def _wrong_hold(
    session: Counted,
    child: str,
    unit: str,
    value: str,
    requests: Mapping[str, Request],
    rules: Rules,
) -> str | None:
    """Why a hold must not be, or None."""
    request_id, _, rest = value.partition("*")[0].partition("-")
    request = requests.get(request_id)
    line_id = rest.rpartition("-")[0]
    line = next((one for one in request.lines if one.id == line_id), None) if request else None
    if request is None or line is None:
        return "hold-without-line"
    place = (request.town, line.child, line.activity, line.date)
    if place != (session.town, child, session.activity, session.date) or unit not in line.units:
        return "hold-of-another-line"
    if request.unfinished or _ending_unfinished(line, requests):
        return None
    if value != hold_value(line.hold_id(request_id), line.quantity) or not has_place(line):
        return "hold-not-due"
    mode = rules.mode_of(line.activity)
    if mode and line.state == "requested" and not mode.of(line).needs_place_at_once:
        return "hold-while-waiting"
    return None


# -- requests --------------------------------------------------------------------------------


def faults_of_request(
    request: Request,
    sessions: Mapping[tuple[str, date], Holders],
    others: Mapping[str, Request],
    machine_now: datetime,
) -> Iterator[Fault]:
    """What is wrong with a request: ``sessions`` (by activity and date) say what its children
    hold, ``others`` are the requests that its lines name."""
    if request.unfinished:
        if machine_now - request.unfinished > FINISHED_WITHIN:
            yield _fault("unfinished", since=request.unfinished.isoformat())
        return
    for line in request.lines:
        if line.state == "asked" or line.trying:
            yield _fault("not-settled", line=line.id)
        if has_place(line) and not _ending_unfinished(line, others):
            yield from _not_held(request, line, sessions.get((line.activity, line.date), {}))
        yield from _of_marks(request, line, others)
        if line.of is not None:
            yield from _of_end(request, line, others)


def has_place(line: Line) -> bool:
    """Whether a line has a place, once nobody is at work on its request."""
    if not line.books:
        return False
    waits = line.state in ("requested", "to_pay")
    return line.held if waits else line.state == "accepted" and line.active


def _not_held(request: Request, line: Line, holders: Holders) -> Iterator[Fault]:
    """The units that a line has a right to and does not hold."""
    value = hold_value(line.hold_id(request.id), line.quantity)
    held = holders.get(line.child, {})
    wanted = line.fresh if line.state in ("requested", "to_pay") else line.units
    for unit in wanted:
        if held.get(unit) != value:
            yield _fault(
                "place-not-held", line=line.id, child=line.child, unit=unit,
                held_by=held.get(unit, "nobody"),
            )  # fmt: skip


def _of_marks(request: Request, line: Line, others: Mapping[str, Request]) -> Iterator[Fault]:
    """Whether what a booking says of its end is what the line that ends it says."""
    for mark in _MARKS:
        by: str | None = getattr(line, mark)
        if by is None:
            continue
        end = _line_named(by, others)
        if end is None or end.of != f"{request.id}-{line.id}" or not _fits_mark(end, mark):
            if mark == "ending" and _ending_unfinished(line, others):
                continue
            yield _fault("mark-without-end", line=line.id, mark=mark, by=by)


def _fits_mark(end: Line, mark: str) -> bool:
    """A change that was carried out is a booking of its own: an agent may refuse it later."""
    if mark == "ending":
        return end.state == "requested"
    undone = end.books and end.state == "refused" and end.closed
    return (end.state == "accepted" or undone) and _ends(end) == (mark == "ended")


def _ends(end: Line) -> bool:
    """Whether the booking that a line is about is over once it is accepted."""
    return end.frees or end.books


def _of_end(request: Request, line: Line, others: Mapping[str, Request]) -> Iterator[Fault]:
    """Whether the booking that a line is about knows what became of it."""
    if line.of is None:
        return
    booked = _line_named(line.of, others)
    by = f"{request.id}-{line.id}"
    if booked is None:
        yield _fault("end-of-nothing", line=line.id, of=line.of)
        return
    known = any(getattr(booked, mark) == by and _fits_mark(line, mark) for mark in _MARKS)
    if line.state in ("requested", "accepted") and not known:
        yield _fault("end-without-mark", line=line.id, of=line.of)


def _line_named(ref: str, requests: Mapping[str, Request]) -> Line | None:
    """The line of that id (``request-line``)."""
    request_id, _, line_id = ref.rpartition("-")
    request = requests.get(request_id)
    if request is None:
        return None
    return next((one for one in request.lines if one.id == line_id), None)


def _ending_unfinished(line: Line, requests: Mapping[str, Request]) -> bool:
    """Whether a process is at work on the end of this booking."""
    if line.ending is None:
        return False
    ending = requests.get(line.ending.rpartition("-")[0])
    return ending is not None and ending.unfinished is not None
