"""Which dates can be booked for somebody, and what an act of a family comes to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Literal, TypeVar

from services.booking.domain.allowances import Allowance, Claim, claim_of, each_once
from services.booking.domain.enrolled import WITHHELD, Standing
from services.booking.domain.places import Session
from services.booking.domain.proving import NOT_PROVED, Came, Proving
from services.booking.domain.request import ASKED, FULL, TAKEN, Choice, Line, Mode
from services.booking.domain.rules import wording
from services.booking.domain.rules.answers import Rulebook, offered
from services.booking.domain.rules.choices import wrong_units, wrong_week
from services.booking.domain.rules.facts import Facts, why_not_for
from services.booking.domain.rules.moments import Moment
from services.booking.domain.rules.readings import Answer
from services.booking.domain.rules.surcharges import Due
from shared.contracts.booking import NotRetained, Override, Reason, Surcharged
from shared.contracts.family import Participant
from shared.contracts.town_file import Action, Activity, Week
from shared.days import days_between
from shared.traits import traits_of

KeptT = TypeVar("KeptT")
_Key = tuple[str, str, tuple[str, ...], date]


@dataclass(frozen=True, slots=True)
class Offer:
    """One activity as it stands at ``now`` (aware), by one version of the town's rules;
    ``allowance`` is what the family has used of what the town counts, ``standing`` how it asks and
    where it is enrolled. ``moment`` is ``now`` within an answer that is being made to be kept."""

    rules: Rulebook
    activity: Activity
    now: datetime
    allowance: Allowance = field(default_factory=Allowance)
    standing: Standing = Standing()
    moment: Moment | None = None

    @property
    def mode(self) -> Mode:
        """How the activity decides."""
        automatic = self.activity.decision == "automatic"
        at_booking = self.activity.billing == "pay_at_booking"
        return Mode(
            automatic=automatic, holds=self.activity.hold_while_waiting,
            pays=timedelta(minutes=self.activity.hold_minutes) if at_booking else None,
        )  # fmt: skip

    def open_on(self, day: date, school: str | None = None) -> bool:
        """Whether there is service that day, for the children of ``school``."""
        return self.rules.days.closed(self.activity.calendar, day, school) is None

    def eligible(self, child: Participant, day: date) -> bool:
        """Whether the activity is for such a participant."""
        return self.why_not_for(child, day) is None

    def why_not_for(self, child: Participant, day: date) -> Reason | None:
        """Why the activity is not for such a participant, or None."""
        return why_not_for(self.activity.eligible, traits_of(child, day), self.rules.audiences)

    def answer(self, action: Action, child: Participant, day: date, choice: Choice) -> Answer:
        """What the town's rules say of an action."""
        facts = Facts(
            units=choice.units,
            traits=traits_of(child, day),
            starts=choice.starts,
            counts=self.counts(child, day),
        )
        return offered(self.rules, self.activity, action, day, self.moment or self.now, facts)

    def giving_up(self, child: Participant, day: date, choice: Choice) -> Answer:
        """What the rules say of cancelling what is booked: nobody owes what the town closed
        since."""
        closed = self.rules.days.closed(self.activity.calendar, day, child.school)
        over = day < (self.moment or Moment(self.now)).day(self.rules.zone)
        if closed is None or over:
            return self.answer("cancel", child, day, choice)
        text = wording.free(closed.text)
        return Answer(True, "accept", None, None, None, closed.code, text)

    def counts(self, child: Participant, day: date) -> dict[str, int]:
        """What the town counts of the child and the family, as far as they have used it."""
        counters, days = self.rules.file.counters, self.rules.days
        if not counters:
            return {}
        return self.allowance.counts(counters, child.id, day, days, self.activity.calendar)

    def kept(
        self,
        child: Participant,
        unit: str,
        day: date,
        what: str,
        at: datetime | Moment,
        make: Callable[[Offer], KeptT],
    ) -> KeptT:
        """``what`` is made of this offer for one unit on a day, made once for all of whom rules
        know the same, and kept as long as it holds; where they are enrolled and how they ask is
        another matter."""
        kind = self.rules.kind_of(traits_of(child, day))
        key = (what, self.activity.id, unit, day, child.withheld, kind,
               *self.counts(child, day).items())  # fmt: skip
        return self.rules.kept.answer(
            key, at, lambda moment: make(replace(self, moment=moment, standing=Standing()))
        )

    def claims(self, answer: Answer, child: str, day: date, line: str) -> tuple[Claim, ...]:
        """What a line has to claim for the answer that it got."""
        if not answer.times:
            return ()
        counters = {one.id: one for one in self.rules.file.counters}
        days, calendar = self.rules.days, self.activity.calendar
        return each_once(
            claim_of(times, counters[times.counter], child, day, days, calendar, line)
            for times in answer.times
        )

    def may_book(
        self, child: Participant, day: date, choice: Choice, aside: Collection[Override] = ()
    ) -> tuple[Reason | None, Answer]:
        """Why the child or adult cannot be booked that day, with what is set ``aside``, or None;
        places are another matter; and the rules' answer."""
        answer = self.answer("book", child, day, choice)
        if child.withheld:
            return WITHHELD, answer
        not_for = None if "eligibility" in aside else self.why_not_for(child, day)
        if not_for is not None:
            return not_for, answer
        if enrolment_decides(answer):
            why_not = self.standing.why_not(self.activity, child, day, aside)
            if why_not is not None:
                return why_not, answer
        return refusal(answer, aside), answer


def enrolment_decides(answer: Answer) -> bool:
    """Whether it is worth saying where the child is not enrolled, or how to ask: the rule has
    nothing against the day, but at most the time."""
    return answer.allowed or answer.code in _OF_DEADLINES


def refusal(answer: Answer, aside: Collection[Override]) -> Reason | None:
    """Why an act is refused by its rule, unless an agent sets that rule ``aside``."""
    if answer.allowed or ("deadline" in aside and answer.code in _OF_DEADLINES):
        return None
    return Reason(code=answer.code, text=answer.explanation)


def asks_agent(answer: Answer, aside: Collection[Override]) -> bool:
    """Whether the rule leaves an act to an agent, whatever the activity does by itself."""
    return not aside and answer.outcome in ("ask_agent", "waiting_list")


#: Refusals that an agent may set aside as a matter of time.
_OF_DEADLINES = (
    "too-late", "too-early", "not-yet-open", "not-published", "never", "no-rule", "too-often",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """A child or adult, what is wanted of an activity, and the days; ``aside`` what an agent
    overrides."""

    child: Participant
    offer: Offer
    choice: Choice
    days: Sequence[date]
    aside: tuple[Override, ...] = ()

    def key(self, day: date) -> _Key:
        """What makes two of its lines the same."""
        return self.child.id, self.offer.activity.id, self.choice.units, day


def days_of_period(first: date, last: date, weekdays: Iterable[int]) -> list[date]:
    """The days whose ISO weekday was chosen."""
    chosen = set(weekdays)
    return [day for day in days_between(first, last) if day.isoweekday() in chosen]


def plan(asks: Sequence[Ask]) -> tuple[list[Line], list[NotRetained]]:
    """The lines an act comes to before places are tried, and the dates that cannot be lines.

    The same child, session and unit asked twice is one line, or one refusal. What they claim of
    what the town counts is not taken yet (see ``counted``).
    """
    lines: dict[_Key, Line] = {}
    not_retained: dict[_Key, NotRetained] = {}
    for ask in asks:
        for day in ask.days:
            planned = _planned(ask, day, "")
            if isinstance(planned, Line):
                lines[_key(planned)] = planned
            else:
                not_retained[ask.key(day)] = planned
    return list(lines.values()), list(not_retained.values())


def counted(planned: Sequence[Line], asks: Sequence[Ask]) -> tuple[list[Line], list[NotRetained]]:
    """Have the lines take what they claim, one after the other: each is answered again after those
    before it, and no line that was dropped for another reason counts."""
    lines: list[Line] = []
    not_retained: list[NotRetained] = []
    asked = {ask.key(day): ask for ask in asks for day in ask.days}
    for number, line in enumerate(planned):
        again = _planned(asked[_key(line)], line.date, f"{number}") if line.claims else line
        if not isinstance(again, Line):
            not_retained.append(again)
            continue
        for claim in again.claims:
            asked[_key(line)].offer.allowance.take(claim)
        lines.append(again)
    return lines, not_retained


def _key(line: Line) -> _Key:
    return line.child, line.activity, line.units, line.date


def _planned(ask: Ask, day: date, name: str) -> Line | NotRetained:
    """The line of one day, whose claim is told from others by ``name``; or why there is none."""
    choice = ask.choice
    line = partial(
        Line, id="", child=ask.child.id, activity=ask.offer.activity.id, date=day,
        units=choice.units, starts=choice.starts, ends=choice.ends, quantity=choice.quantity,
    )  # fmt: skip
    reason, answer = ask.offer.may_book(ask.child, day, choice, ask.aside)
    if reason is not None:
        return dropped(line(), reason)
    cancel = ask.offer.answer("cancel", ask.child, day, choice)
    planned = line(
        claims=ask.offer.claims(answer, ask.child.id, day, name),
        **cancellable(cancel),
        by_agent=asks_agent(answer, ask.aside),
        surcharge=surcharged(answer),
        overridden=ask.aside,
    )
    return to_be_proved(planned, answer)


def cancellable(answer: Answer) -> dict[str, Any]:
    """What a line says of its own cancellation, by the rules' answer to that: until when, from
    when, always; nothing of these for never."""
    if answer.allowed:
        until = answer.lasts
        return {"cancel_until": until and until.astimezone(UTC), "cancel_always": until is None}
    opens = answer.opens if answer.code == "not-yet-open" else None
    return {"cancel_from": opens and opens.astimezone(UTC)}


def surcharged(answer: Answer) -> Surcharged | None:
    """The surcharge of an answer, as events say it."""
    return _said(answer.surcharge)


def _said(owed: Due | None) -> Surcharged | None:
    if owed is None or owed.rule is None:
        return None
    return Surcharged(
        rule=owed.rule, kind=owed.kind, cents=owed.cents, percent=owed.percent, per=owed.per,
        once_for=owed.once_for, also_following=owed.also_following, rounding=owed.rounding,
        total_cents=owed.total_cents if owed.kind == "price" else None,
    )  # fmt: skip


def to_be_proved(line: Line, answer: Answer) -> Line:
    """A line with what its answer asks to be proved, and what it comes to with and without."""
    asked = answer.to_prove
    if asked is None:
        return line
    once = Came(effect="cancelled" if line.kind == "cancel" else None, surcharge=line.surcharge)
    otherwise = {
        "surcharge": once.model_copy(update={"surcharge": _said(asked.surcharge)}),
        "refuse": Came(refused=NOT_PROVED),
        "billed": Came(effect="billed", settled_by=answer.rule),
    }[asked.otherwise]
    return replace(
        line, effect="to_prove",
        proof=Proving(kinds=dict.fromkeys(asked.kinds, once), unproved=otherwise),
        proof_until=asked.until.astimezone(UTC) if asked.until else None,
    )  # fmt: skip


Foreseen = Literal["accepted", "requested", "refused"]


def foreseen(
    line: Line, mode: Mode, down: Mapping[str, int], left: dict[str, int]
) -> tuple[Foreseen, Reason | None]:
    """What validating would make of a line; the places it would take (``down``, by counter) are
    taken out of ``left``."""
    mode = mode.of(line)
    if mode.needs_place_at_once and "places" not in line.overridden:
        if any(left[counter] < number for counter, number in down.items()):
            return "refused", FULL
        for counter, number in down.items():
            left[counter] -= number
    return ("accepted" if mode.automatic else "requested"), None


def fitting(
    planned: Sequence[Line],
    offers: Mapping[str, Offer],
    sessions: Mapping[tuple[str, date], Session],
    waiting: Collection[tuple[str, str, str, date]],
) -> tuple[list[Line], list[NotRetained]]:
    """Drop what does not go with what the child holds already: the same again, what waits for an
    answer without holding a place (``waiting``: child, activity, unit, date), units that do not
    combine."""
    lines: list[Line] = []
    not_retained: list[NotRetained] = []
    held: dict[tuple[str, str, date], set[str]] = {}
    for line in planned:
        slot = (line.child, line.activity, line.date)
        booked = sessions[line.activity, line.date].holders.get(line.child, {})
        have = held.setdefault(slot, set(booked))
        reason: Reason | None = None
        if have & set(line.units):
            reason = TAKEN
        elif any((line.child, line.activity, unit, line.date) in waiting for unit in line.units):
            reason = ASKED
        else:
            reason = wrong_units(offers[line.activity].activity, line.date, have | set(line.units))
        if reason:
            not_retained.append(dropped(line, reason))
        else:
            have |= set(line.units)
            lines.append(line)
    return lines, not_retained


def fit_weeks(
    planned: Sequence[Line],
    offers: Mapping[str, Offer],
    sessions: Mapping[tuple[str, date], Session],
    schools: Mapping[str, str | None],
) -> tuple[list[Line], list[NotRetained]]:
    """Drop what would leave a week with too few or too many days (shapes S1, S2); tie the days of
    a whole week to one another: all are an agent's to decide where one is. ``schools`` are the
    children's; ``sessions`` hold every day of the weeks concerned."""
    lines: list[Line] = []
    not_retained: list[NotRetained] = []
    weeks: dict[tuple[str, str, date], list[Line]] = {}
    for line in planned:
        monday = line.date - timedelta(days=line.date.isoweekday() - 1)
        weeks.setdefault((line.child, line.activity, monday), []).append(line)
    for (child, activity, monday), wanted in weeks.items():
        offer = offers[activity]
        held = {
            day for day in days_of_week(monday)
            if (activity, day) in sessions and sessions[activity, day].holders.get(child)
        }  # fmt: skip
        after = held | {line.date for line in wanted}
        wrong = wrong_week(offer.activity, monday, after, offer.rules.days, schools[child])
        if wrong is not None and not all("week" in line.overridden for line in wanted):
            not_retained += [dropped(line, wrong) for line in wanted]
        elif offer.activity.week.whole:
            tie, by_agent = f"{child}/{activity}/{monday}", any(line.by_agent for line in wanted)
            lines += [replace(line, tie=tie, by_agent=by_agent) for line in wanted]
        else:
            lines += wanted
    return lines, not_retained


def fit_all(
    planned: Sequence[Line],
    asks: Sequence[Ask],
    sessions: Mapping[tuple[str, date], Session],
) -> tuple[list[Line], list[NotRetained]]:
    """Drop what does not make a week, then what is one too many of what the town counts: a week
    that is not to be had counts for nothing."""
    offers = {ask.offer.activity.id: ask.offer for ask in asks}
    schools = {ask.child.id: ask.child.school for ask in asks}
    lines, incomplete = fit_weeks(planned, offers, sessions, schools)
    if not any(line.claims for line in lines):
        return lines, incomplete
    lines, too_many = counted(lines, asks)
    lines, broken = fit_weeks(lines, offers, sessions, schools)
    return lines, incomplete + too_many + broken


def days_of_week(monday: date) -> list[date]:
    """Its seven days."""
    return [monday + timedelta(days=shift) for shift in range(7)]


def week_slots(planned: Sequence[Line], offers: Mapping[str, Offer]) -> set[tuple[str, date]]:
    """The other days of the weeks concerned, of activities that ask something of a week."""
    return {
        (line.activity, day)
        for line in planned
        if offers[line.activity].activity.week != Week()
        for day in days_of_week(line.date - timedelta(days=line.date.isoweekday() - 1))
        if offers[line.activity].open_on(day)
    }


def dropped(line: Line, reason: Reason) -> NotRetained:
    """The line as a date that is not retained."""
    return NotRetained(**line.booked, reason=reason)
