"""A family asks for bookings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from services.booking.attached import check_wish
from services.booking.commands.settling import again, finish, finished
from services.booking.domain.acts import Origin
from services.booking.domain.planning import Ask, fit_all, fitting, plan, week_slots
from services.booking.domain.request import Line, Request
from services.booking.schemas import Asked, RequestIn
from services.booking.state import MAX_LINES, Booking, asks_of, names_of, origin
from shared.auth import Scope
from shared.contracts.booking import NotRetained, Period
from shared.contracts.family import FamilyChanged
from shared.copies import Town
from shared.errors import Refused
from shared.web.routes import Command


async def ask(
    booking: Booking,
    scope: Scope,
    wish: RequestIn,
    command: Command,
    most: int = MAX_LINES,
    asked_by: Origin | None = None,
) -> Request:
    """Store a family's request of at most so many lines and settle it; the same command again
    gives the same request. ``asked_by`` where that was said before.

    Raises ``Refused``: ``nothing-bookable`` when no date can become a line, with every reason.
    """
    try:
        known = await _create(booking, scope, wish, command, most, asked_by)
    except Refused:
        # A repetition may find its own bookings in the way, or its deadline past.
        earlier = await booking.store.request(command.id)
        if earlier is None:
            raise
        known = earlier
    if known.body_hash != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à une autre demande.", status=422
        )
    return await finished(booking, known.id) if known.unfinished else known


async def _create(
    booking: Booking,
    scope: Scope,
    wish: RequestIn,
    command: Command,
    most: int,
    asked_by: Origin | None,
) -> Request:
    town = await booking.towns.get(scope.town)
    card = await booking.family_of(scope, wish.family)
    by = asked_by or origin(scope, card, wish.family, wish.on_behalf)
    allowance = await booking.allowance(town, card)
    standing = await booking.standing(scope, town, card)
    asks = asks_of(booking, scope, town, card, wish.asked, wish.override, allowance, standing, most)
    planned, not_retained = plan(asks)
    lines, unfit = await _fitting(booking, scope, town, card, asks, planned)
    changes, unchanged = await booking.changes_of(scope, town, card, wish, allowance)
    ends, unended = await booking.ends_of(scope, town, card, wish, allowance)
    lines += [*changes, *ends]
    not_retained += [*unfit, *unchanged, *unended]
    await check_wish(booking, scope, town, card, wish)
    if not lines:
        raise Refused(
            "nothing-bookable",
            not_retained[0].reason.text if not_retained else "Aucune date ne convient.",
            not_retained=[entry.model_dump(mode="json") for entry in not_retained],
        )
    now = booking.clock.town()
    request = Request(
        id=command.id,
        town=scope.town,
        family=await booking.record_of(card, {line.child for line in lines}),
        account=by.account,
        channel=by.channel,
        guardian=by.guardian,
        number=await booking.store.number(
            scope.town, now.astimezone(ZoneInfo(town.file.time_zone)).year
        ),
        requested_at=now,
        body_hash=command.body_hash,
        periods=tuple(_period(one) for one in wish.asked if one.period),
        lines=tuple(replace(line, id=f"{n:x}") for n, line in enumerate(lines, start=1)),
        not_retained=tuple(not_retained),
        comment=wish.comment,
        attachments=tuple(dict.fromkeys((*wish.attachments, *_proofs(wish)))),
        version=town.version,
        override=wish.override.reason if wish.override else None,
        unfinished=booking.clock.machine(),
        v=1,
    )
    if await booking.store.create(request):
        return await finish(booking, request, town=town)
    return await again(booking, command.id)


def _proofs(wish: RequestIn) -> list[str]:
    """The documents that come as proofs: kept with the request, whatever they prove."""
    return [_id for end in wish.ends if end.proof for _id in end.proof.documents]


async def _fitting(
    booking: Booking,
    scope: Scope,
    town: Town,
    card: FamilyChanged,
    asks: Sequence[Ask],
    planned: Sequence[Line],
) -> tuple[list[Line], list[NotRetained]]:
    """Make sure the sessions exist; drop what does not go with what the child has booked."""
    if not planned:
        return [], []
    offers = {ask.offer.activity.id: ask.offer for ask in asks}
    slots = {(line.activity, line.date) for line in planned}
    names, shapes = names_of(card.participants), booking.shapes(town)
    sessions = await booking.places.prepare(town.file.town, slots, shapes, names)
    if others := week_slots(planned, offers) - slots:
        sessions |= await booking.places.peek(town.file.town, others, shapes, names)
    waiting = await booking.waiting(scope, town, card, planned)
    lines, unfit = fitting(planned, offers, sessions, waiting)
    lines, beyond = fit_all(lines, asks, sessions)
    return lines, unfit + beyond


def _period(asked: Asked) -> Period:
    if asked.period is None:
        raise ValueError("no period was asked")
    return Period(
        first=asked.period.first,
        last=asked.period.last,
        weekdays=tuple(sorted(weekday.number for weekday in asked.period.weekdays)),
    )
