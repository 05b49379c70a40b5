"""What commands, queries and reactions of booking work with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from services.booking.domain.acts import Origin
from services.booking.domain.allowances import Allowance
from services.booking.domain.ending import (
    NOTHING_BOOKED,
    Booked,
    Ending,
    plan_change,
    plan_ends,
    whole,
)
from services.booking.domain.enrolled import Enrolled, Standing, compulsory
from services.booking.domain.given import Given
from services.booking.domain.justifying import WRONG_PROOF
from services.booking.domain.places import Shape
from services.booking.domain.planning import Ask, Offer, days_of_period, dropped
from services.booking.domain.request import Choice, Line
from services.booking.domain.rules.answers import Rulebook
from services.booking.domain.rules.choices import unit_of_times, wrong_times
from services.booking.schemas import (
    Asked,
    ChoiceIn,
    EndIn,
    OnBehalfIn,
    OverrideIn,
    ProofIn,
    RequestIn,
)
from services.booking.store import Allowances, BookingStore, Documents, Enrolments, Places
from services.booking.store.requests import LEFT_BEHIND
from shared.auth import AgentScope, FamilyScope, Scope
from shared.clock import Clock
from shared.contracts.booking import NotRetained, Override, Reason
from shared.contracts.family import ChildRights, FamilyChanged, Participant, ParticipantKind
from shared.contracts.town_file import Activity, Weekday
from shared.copies import KeyCopy, Town, TownCopy
from shared.days import Days
from shared.errors import MissingCopy, Refused, forbidden, not_found
from shared.holidays import FrenchHolidays
from shared.pdf import Press
from shared.web.routes import Command


@dataclass(frozen=True, slots=True)
class Ready:
    """A town's rules and place counters, made ready once for each file heard of."""

    heard: int
    book: Rulebook
    shapes: Mapping[str, Shape]


class Rulebooks:
    """The rules of each town, by their last version."""

    def __init__(self) -> None:
        self._holidays = FrenchHolidays()
        self._ready: dict[str, Ready] = {}

    def of(self, town: Town) -> Ready:
        """The rules of this version."""
        ready = self._ready.get(town.file.town)
        if ready is None or ready.heard != town.heard:
            ready = Ready(
                town.heard,
                Rulebook.of(town.file, Days(town.file, self._holidays)),
                {one.id: Shape(one, town.heard) for one in town.file.activities},
            )
            self._ready[town.file.town] = ready
        return ready


@dataclass(frozen=True)
class Booking:
    """The collaborators, built once by ``service.build``."""

    store: BookingStore
    places: Places
    allowances: Allowances
    enrolments: Enrolments
    documents: Documents
    clock: Clock
    towns: TownCopy
    keys: KeyCopy
    press: Press
    left_behind: timedelta = LEFT_BEHIND
    rulebooks: Rulebooks = field(default_factory=Rulebooks)

    def offer(
        self,
        town: Town,
        activity: Activity,
        allowance: Allowance | None = None,
        standing: Standing | None = None,
    ) -> Offer:
        """The activity as of now, for a family that has used so much of its allowance, asks this
        way and is enrolled there."""
        book = self.rulebooks.of(town).book
        return Offer(
            book, activity, self.clock.town(), allowance or Allowance(), standing or Standing()
        )

    def offers(self, town: Town, allowance: Allowance, standing: Standing) -> list[Offer]:
        """Every activity of the town, as of one instant."""
        book, now = self.rulebooks.of(town).book, self.clock.town()
        return [Offer(book, one, now, allowance, standing) for one in town.file.activities]

    async def standing(self, scope: Scope, town: Town, card: FamilyChanged) -> Standing:
        """Who asks, and where the family's children are enrolled; nothing is read where the town
        enrols nobody."""
        online = isinstance(scope, FamilyScope)
        book = self.rulebooks.of(town).book
        groups = compulsory(book)
        if not groups:
            return Standing(online)
        states = await self.enrolments.states(scope, card.participants)
        return Standing(online, Enrolled(book, self.clock.town(), groups, states))

    async def allowance(self, town: Town, card: FamilyChanged) -> Allowance:
        """What a family has used; nothing is read where the town counts nothing."""
        if not town.file.counters:
            return Allowance()
        records = (card.family, *card.parts)
        return await self.allowances.of(town.file.town, records, names_of(card.participants))

    async def record_of(self, card: FamilyChanged, children: Set[str]) -> str:
        """Under which record what is done for these people is kept (``shared.households``)."""
        return (await self.store.households.whole(card)).record_of(children)

    async def ids_of(self, town: str, child: str) -> Set[str]:
        """Every id of a child or adult in the town."""
        cards = await self.store.households.of_participant(town, child)
        found = (one for card in cards if (one := card.participant(child)) is not None)
        return {child}.union(*(one.ids for one in found))

    async def at_sites(self, scope: Scope) -> tuple[Scope, Set[str] | None]:
        """The scope over requests for the activities at the agent's sites, and those activities;
        a scope that is not bound to sites stays as it is, over all of them (None)."""
        if not isinstance(scope, AgentScope) or scope.sites is None:
            return scope, None
        town = await self.towns.get(scope.town)
        own = {one.id for one in town.file.activities if one.site in scope.sites}
        return scope.at({"lines.activity": {"$in": sorted(own)}}), own

    def shapes(self, town: Town) -> Mapping[str, Shape]:
        """How the town's activities count their places."""
        return self.rulebooks.of(town).shapes

    async def waiting(
        self, scope: Scope, town: Town, card: FamilyChanged, lines: Sequence[Line]
    ) -> set[tuple[str, str, str, date]]:
        """What waits for an answer without holding a place: (child, activity, unit, date)."""
        holding = {one.id for one in town.file.activities if one.hold_while_waiting}
        days: dict[str, list[date]] = {}
        for line in lines:
            if line.activity not in holding:
                days.setdefault(line.child, []).append(line.date)
        return {
            (child.id, line.activity, unit, line.date)
            for child in card.participants
            if (wanted := days.get(child.id))
            for request in await self.store.lines_about(scope, [child], min(wanted), max(wanted))
            for line in request.lines
            if line.state == "requested" and not line.held
            for unit in line.units
        }

    async def ends_of(
        self,
        scope: Scope,
        town: Town,
        card: FamilyChanged,
        wish: RequestIn,
        allowance: Allowance,
    ) -> tuple[list[Line], list[NotRetained]]:
        """The lines that end what is booked, and what cannot be ended; each booking once.

        Raises ``Refused``: ``nothing-booked`` when nothing stands at those dates; ``wrong-proof``;
        ``too-many-dates``.
        """
        lines: list[Line] = []
        not_retained: list[NotRetained] = []
        seen: set[str] = set()
        of_part: list[tuple[Ending, str | None]] = []
        aside = set_aside(scope, wish.override)
        by = origin(scope, card, wish.family, wish.on_behalf)
        for position, one in enumerate(wish.ends):
            child = participant_for(scope, card, one.child, "decide")
            given = given_of(by, one.proof, self.clock.town()) if one.proof else None
            ending = _ending(town, child, position, one, given, aside)
            booked = await self.booked(scope, town, ending, one.activity, one.units, allowance)
            fresh = [found for found in booked if found.ref not in seen]
            seen |= {found.ref for found in fresh}
            if not fresh:
                raise Refused(
                    NOTHING_BOOKED.code, NOTHING_BOOKED.text, status=422, field=f"/ends/{position}"
                )
            ends, unended = plan_ends(ending, fresh, self.clock.town())
            if one.units and one.kind == "cancel":
                of_part.append((ending, one.activity))
            if given and any(line.proof and given.kind not in line.proof.kinds for line in ends):
                field = f"/ends/{position}/proof/kind"
                raise Refused(WRONG_PROOF.code, WRONG_PROOF.text, status=422, field=field)
            lines += ends
            not_retained += unended
            if len(lines) + len(not_retained) > MAX_LINES:
                raise _too_many(MAX_LINES, "/ends")
        for ending, activity in of_part:
            that_day = await self.booked(scope, town, ending, activity, (), allowance)
            lines, alone = whole(lines, that_day)
            not_retained += alone
        return lines, not_retained

    async def changes_of(
        self,
        scope: Scope,
        town: Town,
        card: FamilyChanged,
        wish: RequestIn,
        allowance: Allowance,
    ) -> tuple[list[Line], list[NotRetained]]:
        """The lines that change what is booked, and what cannot be changed.

        Raises ``Refused``: ``nothing-booked``.
        """
        lines: list[Line] = []
        not_retained: list[NotRetained] = []
        aside = set_aside(scope, wish.override)
        for position, one in enumerate(wish.changes):
            child = participant_for(scope, card, one.child, "decide")
            activity = town.file.activity(one.activity)
            if activity is None:
                raise wrong_input("changes", "activity", position, "activité inconnue.")
            choice = choice_of(activity, "changes", position, one)
            that_day = Ending("cancel", child, one.day, one.day)
            found = await self.booked(
                scope, town, that_day, one.activity, one.from_units, allowance
            )
            if len(found) != 1:
                raise Refused(
                    NOTHING_BOOKED.code, NOTHING_BOOKED.text, status=422,
                    field=f"/changes/{position}",
                )  # fmt: skip
            planned = plan_change(child, found[0], choice, aside)
            if isinstance(planned, Line):
                lines.append(planned)
            else:
                not_retained.append(dropped(found[0].line, planned))
        return lines, not_retained

    async def booked(
        self,
        scope: Scope,
        town: Town,
        ending: Ending,
        activity: str | None,
        units: Sequence[str],
        allowance: Allowance,
    ) -> list[Booked]:
        """The child's bookings that stand between two days, of one activity and with some of
        these units where given."""
        offers = {one.id: self.offer(town, one, allowance) for one in town.file.activities}
        requests = await self.store.lines_about(scope, [ending.child], ending.first, ending.last)
        return [
            Booked(f"{request.request}-{line.id}", line, offers.get(line.activity))
            for request in requests
            for line in request.lines
            if ending.covers(line.date)
            and line.books
            and line.state == "accepted"
            and line.active
            and line.absent is None
            and activity in (None, line.activity)
            and (not units or set(units) & set(line.units))
        ]

    async def family_of(self, scope: Scope, family: str) -> FamilyChanged:
        """The family's card, if the scope reaches it; the same refusal when it does not exist."""
        if isinstance(scope, FamilyScope):
            scope.guardian_of(family)
        try:
            return await self.store.family(scope.town, family)
        except MissingCopy:
            raise not_found("cette famille") from None


#: More lines than a family can mean; keeps one request within the limits of a document.
MAX_LINES = 400


def names_of(children: Iterable[Participant]) -> dict[str, str]:
    """By every id of these people, the one they have today."""
    return {_id: child.id for child in children for _id in child.ids}


def participant_for(scope: Scope, card: FamilyChanged, wanted: str, right: str) -> Participant:
    """The child or adult, if the bearer has this right (``see`` or ``decide``) over them."""
    found = card.participant(wanted)
    if found is None:
        raise not_found("cet enfant ou cet adulte")
    if isinstance(scope, FamilyScope):
        rights = _rights(scope, card)
        if not any(one.child == found.id and getattr(one, right) for one in rights):
            raise forbidden(_NO_RIGHT[found.kind])
    return found


_NO_RIGHT: dict[ParticipantKind, str] = {
    "child": "Vous n'avez pas ce droit pour cet enfant.",
    "adult": "Chaque adulte du foyer réserve pour lui-même.",
}


def participants_seen(scope: Scope, card: FamilyChanged) -> list[Participant]:
    """The children and adults whose bookings the bearer may see."""
    if not isinstance(scope, FamilyScope):
        return list(card.participants)
    seen = {one.child for one in _rights(scope, card) if one.see}
    return [one for one in card.participants if one.id in seen]


def _rights(scope: FamilyScope, card: FamilyChanged) -> tuple[ChildRights, ...]:
    """The bearer's rights in a family, also by a token of a record that has become part of it."""
    records = {card.family, *card.parts}
    mine = {right.guardian for right in scope.families if right.family in records}
    return next((one.reach for one in card.guardians if mine & one.ids), ())


def origin(scope: Scope, card: FamilyChanged, family: str, on_behalf: OnBehalfIn | None) -> Origin:
    """Where an act for a family comes from, which was asked for by this id.

    Raises ``Refused``: only an agent acts for a family, and for one of its guardians.
    """
    if isinstance(scope, FamilyScope):
        if on_behalf is not None:
            raise forbidden("Seul un agent agit pour une famille.")
        known = [one.guardian for one in scope.families if one.family in (family, card.family)]
        return Origin(scope.account, "online", known[0] if known else None)
    wanted = on_behalf or OnBehalfIn()
    if wanted.guardian is not None and all(one.id != wanted.guardian for one in card.guardians):
        field = "/on_behalf/guardian"
        sentence = f"{field} : ce responsable n'est pas de la famille."
        raise Refused("invalid-input", sentence, status=422, field=field)
    return Origin(scope.account, wanted.channel, wanted.guardian)


def asks_of(
    booking: Booking,
    scope: Scope,
    town: Town,
    card: FamilyChanged,
    asked: Sequence[Asked],
    override: OverrideIn | None,
    allowance: Allowance,
    standing: Standing,
    most: int = MAX_LINES,
) -> list[Ask]:
    """What was asked, with rights, activities and units checked."""
    aside = set_aside(scope, override)
    asks = []
    offers: dict[str, Offer] = {}
    for position, one in enumerate(asked):
        activity = town.file.activity(one.activity)
        if activity is None:
            raise wrong_input("asked", "activity", position, "activité inconnue.")
        choice = choice_of(activity, "asked", position, one, one.quantity)
        child = participant_for(scope, card, one.child, "decide")
        offer = offers.setdefault(activity.id, booking.offer(town, activity, allowance, standing))
        days = [one.day] if one.day else []
        if one.period:
            numbers = [weekday.number for weekday in one.period.weekdays]
            days = days_of_period(one.period.first, one.period.last, numbers)
        asks.append(Ask(child, offer, choice, days, aside))
    if sum(len(ask.days) for ask in asks) > most:
        raise _too_many(most, "/asked")
    return asks


def _too_many(most: int, field: str) -> Refused:
    return Refused("too-many-dates", f"Au plus {most} dates par demande.", status=422, field=field)


def given_of(by: Origin, proof: ProofIn, now: datetime, command: Command | None = None) -> Given:
    """A proof as it is given, by a command of its own or with the request."""
    return Given(
        kind=proof.kind, documents=proof.documents, given_at=now, account=by.account,
        channel=by.channel, guardian=by.guardian, command=command.id if command else None,
        body_hash=command.body_hash if command else None,
    )  # fmt: skip


def _ending(
    town: Town,
    child: Participant,
    position: int,
    one: EndIn,
    given: Given | None,
    aside: tuple[Override, ...],
) -> Ending:
    """What is to be ended, with its reason checked."""
    activities = [a for a in town.file.activities if one.activity in (None, a.id)]
    reasons = {reason.id for activity in activities for reason in activity.absences.reasons}
    if one.reason is not None and one.reason not in reasons:
        raise wrong_input("ends", "reason", position, "ce motif n'est pas proposé.")
    weekdays = frozenset(weekday.number for weekday in one.weekdays or Weekday)
    last = one.last or one.first
    return Ending(one.kind, child, one.first, last, weekdays, one.reason, given, aside)


#: Who may set a rule aside for a family.
_OVERRIDERS = frozenset({"childcare_office", "administrator"})


def set_aside(scope: Scope, override: OverrideIn | None) -> tuple[Override, ...]:
    """What is set aside. Raises ``Refused`` when the bearer may not."""
    if override is None:
        return ()
    if not isinstance(scope, AgentScope) or not scope.roles & _OVERRIDERS:
        raise forbidden("Vous ne pouvez pas déroger aux règles.")
    return tuple(sorted(set(override.rules)))


def choice_of(
    activity: Activity, where: str, position: int, asked: ChoiceIn, quantity: int = 1
) -> Choice:
    """What was asked of an activity, with its units and times checked."""
    known = {unit.id: unit for unit in activity.units}
    if unknown := [unit for unit in asked.units if unit not in known]:
        sentence = f"cette activité n'a pas l'unité {unknown[0]}."
        raise wrong_input(where, "units", position, sentence)
    units = tuple(asked.units)
    if asked.starts is not None and asked.ends is not None:
        if not units:
            found = unit_of_times(activity, asked.starts, asked.ends)
            if isinstance(found, Reason):
                raise Refused(
                    found.code, found.text, status=422, field=f"/{where}/{position}/starts"
                )
            units = (found.id,)
        for unit in units:
            if wrong := wrong_times(known[unit], asked.starts, asked.ends):
                raise Refused(
                    wrong.code, wrong.text, status=422, field=f"/{where}/{position}/starts"
                )
    most = min(known[unit].most for unit in units)
    if quantity > most:
        raise wrong_input(where, "quantity", position, f"au plus {most}.")
    ranged = any(known[unit].kind in ("time_range", "ranges") for unit in units)
    if ranged and asked.starts is None:
        raise wrong_input(where, "starts", position, "choisissez l'arrivée et le départ.")
    times = (asked.starts, asked.ends) if ranged else (None, None)
    return Choice(units, *times, quantity)


def wrong_input(where: str, field: str, position: int, sentence: str) -> Refused:
    """The refusal of one field of an item."""
    place = f"/{where}/{position}/{field}"
    return Refused("invalid-input", f"{place} : {sentence}", status=422, field=place)
