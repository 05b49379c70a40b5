"""A family enrols a child in a group of services, and takes back what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from services.booking.attached import check_attached
from services.booking.commands.answering import about, said_at_once
from services.booking.commands.patterns import book_pattern
from services.booking.domain.acts import Origin
from services.booking.domain.enrolled import Standing, why_not_now
from services.booking.domain.enrolment import (
    Enrolment,
    Sent,
    WeeklyChoice,
    enrolment_id,
    sent_again,
    withdrawn,
)
from services.booking.domain.planning import days_of_period
from services.booking.domain.rules.choices import wrong_units
from services.booking.enrolment_schemas import (
    MAX_PATTERN_DATES,
    EnrolmentIn,
    EnrolmentWithdrawalIn,
    WeeklyIn,
)
from services.booking.state import (
    Booking,
    choice_of,
    origin,
    participant_for,
    set_aside,
    wrong_input,
)
from services.booking.store.enrolments import SEND_AGAIN, WITHDRAW_ENROLMENT
from shared.auth import FamilyScope, Scope
from shared.contracts.booking import EnrolmentWithdrawn, Override, Reason
from shared.contracts.family import FamilyChanged, Participant
from shared.contracts.town_file import EnrolmentGroup
from shared.copies import Town
from shared.days import days_between
from shared.errors import Refused, not_found
from shared.web.routes import Command


async def enrol(booking: Booking, scope: Scope, wish: EnrolmentIn, command: Command) -> Enrolment:
    """Keep what a family sends for a child and a group; the same command again changes nothing.

    Raises ``Refused``: ``outside-window``, ``enrolment-over``, ``not-eligible``,
    ``already-asked``, ``already-enrolled``, ``documents-missing``, ``document-unknown``,
    ``document-not-valid``, ``regulations-not-accepted``, ``pattern-not-offered`` and those of
    what is booked.
    """
    town = await booking.towns.get(scope.town)
    card = await booking.family_of(scope, wish.family)
    child = participant_for(scope, card, wish.child, "decide")
    by = origin(scope, card, wish.family, wish.on_behalf)
    while True:
        known = await _known(booking, scope, child, wish.group)
        earlier = known.sent_by(command.id) if known else None
        if known is not None and earlier is not None:
            if earlier.body_hash != command.body_hash:
                raise Refused(
                    "idempotency-key-reused",
                    "Cette clé a déjà servi à une autre inscription.",
                    status=422,
                )
            return await book_pattern(booking, known)
        saved = await _send(booking, scope, town, card, child, by, wish, command, known)
        if saved is not None:
            return await book_pattern(booking, saved)


async def _known(
    booking: Booking, scope: Scope, child: Participant, group: str
) -> Enrolment | None:
    """What was sent for the child and the group: by another id of the child, as long as it is in
    force."""
    own = enrolment_id(scope.town, child.id, group)
    sent = [one for one in await booking.enrolments.of_child(scope, child) if one.group == group]
    active = (one for one in sent if one.state in ("requested", "accepted"))
    return next(active, None) or next((one for one in sent if one.id == own), None)


async def _send(
    booking: Booking,
    scope: Scope,
    town: Town,
    card: FamilyChanged,
    child: Participant,
    by: Origin,
    wish: EnrolmentIn,
    command: Command,
    known: Enrolment | None,
) -> Enrolment | None:
    """The enrolment as it is kept; None when another was there before."""
    group = town.file.enrolment(wish.group)
    if group is None:
        raise _wrong_field("group", "groupe inconnu.")
    sent = _sent(booking, scope, town, group, child, by, wish, command)
    for asked, ids in wish.documents.items():
        await check_attached(
            booking, town, card, [child], ids, field=f"/documents/{asked}", asked=asked
        )  # fmt: skip
    family = await booking.record_of(card, {child.id})
    now = booking.clock.town()
    number = await booking.store.number(
        scope.town, now.astimezone(ZoneInfo(town.file.time_zone)).year
    )
    after = sent_again(
        known, (scope.town, family, child.id, group.id), sent, number,
        automatic=group.decision == "automatic", now=now, machine_now=booking.clock.machine(),
    )  # fmt: skip
    if isinstance(after, Reason):
        raise Refused(after.code, after.text)
    events = said_at_once(booking, town, group, child, after)
    if known is not None:
        return await booking.enrolments.save(SEND_AGAIN, known, after, *events)
    return after if await booking.enrolments.create(after, *events) else None


def _sent(
    booking: Booking,
    scope: Scope,
    town: Town,
    group: EnrolmentGroup,
    child: Participant,
    by: Origin,
    wish: EnrolmentIn,
    command: Command,
) -> Sent:
    """What is sent, checked against the group."""
    aside = set_aside(scope, wish.override)
    book, now = booking.rulebooks.of(town).book, booking.clock.town()
    if why_not := why_not_now(book, group, child, now, aside):
        raise Refused(why_not.code, why_not.text)
    if wish.pattern not in group.patterns:
        raise Refused(
            "pattern-not-offered", "Cette inscription ne se fait pas ainsi.", status=422,
            field="/pattern",
        )  # fmt: skip
    weekly = _weekly(booking, scope, town, group, child, wish.weekly)
    _check_documents(group, wish.documents, aside)
    _check_regulations(group, wish.regulations)
    return Sent(
        account=by.account,
        guardian=by.guardian,
        channel=by.channel,
        pattern=wish.pattern,
        weekly=weekly,
        regulations=wish.regulations,
        documents=wish.documents,
        comment=wish.comment,
        overridden=aside,
        override=wish.override.reason if wish.override else None,
        version=town.version,
        command=command.id,
        body_hash=command.body_hash,
    )


def _weekly(
    booking: Booking,
    scope: Scope,
    town: Town,
    group: EnrolmentGroup,
    child: Participant,
    wanted: Sequence[WeeklyIn],
) -> tuple[WeeklyChoice, ...]:
    """What a weekly pattern books, each activity and choice checked as when it is booked."""
    standing = Standing(online=isinstance(scope, FamilyScope))
    chosen = []
    for position, one in enumerate(wanted):
        activity = town.file.activity(one.activity) if one.activity in group.activities else None
        if activity is None:
            raise wrong_input("weekly", "activity", position, "activité inconnue.")
        offer = booking.offer(town, activity)
        answers = [offer.why_not_for(child, day) for day in (group.first, group.last)]
        if None not in answers and (not_for := answers[0]) is not None:
            raise Refused(not_for.code, not_for.text)
        if why_not := standing.why_not(activity, child, group.first):
            raise Refused(why_not.code, why_not.text)
        choice = choice_of(activity, "weekly", position, one, one.quantity)
        weekdays = tuple(sorted(weekday.number for weekday in one.weekdays))
        for day in _one_of_each(group.first, weekdays):
            if wrong := wrong_units(activity, day, set(choice.units)):
                raise Refused(wrong.code, wrong.text, status=422, field=f"/weekly/{position}/units")
        chosen.append(
            WeeklyChoice(
                activity=activity.id, weekdays=weekdays, units=choice.units, starts=choice.starts,
                ends=choice.ends, quantity=choice.quantity,
            )
        )  # fmt: skip
    dates = sum(len(days_of_period(group.first, group.last, one.weekdays)) for one in chosen)
    if dates > MAX_PATTERN_DATES:
        raise Refused(
            "too-many-dates", f"Au plus {MAX_PATTERN_DATES} dates par inscription.", status=422,
            field="/weekly",
        )  # fmt: skip
    return tuple(chosen)


def _one_of_each(first: date, weekdays: Sequence[int]) -> list[date]:
    """A day of each weekday, for the rules that ask for a day."""
    week = days_between(first, first + timedelta(days=6))
    return [day for day in week if day.isoweekday() in weekdays]


def _check_documents(
    group: EnrolmentGroup, given: Mapping[str, tuple[str, ...]], aside: Sequence[Override]
) -> None:
    asked = {document.id for document in group.documents}
    if unknown := [slug for slug in given if slug not in asked]:
        raise _wrong_field(f"documents/{unknown[0]}", "ce document n'est pas demandé.")
    missing = [
        document for document in group.documents if document.required and document.id not in given
    ]
    if missing and "documents" not in aside:
        names = ", ".join(document.name for document in missing)
        raise Refused(
            "documents-missing", f"Documents obligatoires à fournir : {names}.", status=422,
            field="/documents", missing=[document.id for document in missing],
        )  # fmt: skip


def _check_regulations(group: EnrolmentGroup, accepted: str | None) -> None:
    version = group.regulations.version if group.regulations else None
    if accepted == version:
        return
    if version is None:
        raise _wrong_field("regulations", "aucun règlement n'est à accepter.")
    raise Refused(
        "regulations-not-accepted",
        f"Lisez et acceptez le règlement en vigueur (version {version}).",
        status=422,
        field="/regulations",
        version=version,
    )


def _wrong_field(field: str, sentence: str) -> Refused:
    return Refused("invalid-input", f"/{field} : {sentence}", status=422, field=f"/{field}")


async def take_back(
    booking: Booking, scope: Scope, _id: str, wish: EnrolmentWithdrawalIn
) -> Enrolment:
    """Withdraw what waits for an answer. Again, it changes nothing.

    Raises ``Refused``: ``already-decided``.
    """
    while True:
        known = await booking.enrolments.one_of(scope, _id)
        if known is None:
            raise not_found("cette inscription")
        card = await booking.family_of(scope, known.family)
        participant_for(scope, card, known.child, "decide")
        by = origin(scope, card, known.family, wish.on_behalf)
        now = booking.clock.town()
        after = withdrawn(known, by, now)
        if isinstance(after, Reason):
            raise Refused(after.code, after.text)
        if after is None:
            return known
        event = EnrolmentWithdrawn(
            **about(known), withdrawn_by=by.account, **by.said, withdrawn_at=now
        )
        saved = await booking.enrolments.save(WITHDRAW_ENROLMENT, known, after, event)
        if saved is not None:
            return saved
