"""A weekly pattern becomes bookings, by the same machinery as any request."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from services.booking.commands.asking import ask
from services.booking.domain.acts import Origin
from services.booking.domain.enrolment import Enrolment, booked
from services.booking.enrolment_schemas import MAX_PATTERN_DATES
from services.booking.schemas import Asked, Period, RequestIn
from services.booking.state import Booking
from services.booking.store.enrolments import BOOK_PATTERN
from shared.auth import AgentScope, FamilyRight, FamilyScope, Scope
from shared.contracts.booking import Reason
from shared.contracts.town_file import Weekday
from shared.errors import Refused, StoreUnavailable
from shared.logs import get_logger
from shared.web.routes import Command

_log = get_logger()


async def book_pattern(booking: Booking, known: Enrolment) -> Enrolment:
    """Book what a weekly pattern comes to, as one request whose id follows from the enrolment:
    whoever does it, and however often, it is asked for once."""
    if known.unfinished is None:
        return known
    request, unbooked = await _ask_for_pattern(booking, known) if known.to_book else (None, None)
    saved = await booking.enrolments.save(BOOK_PATTERN, known, booked(known, request, unbooked))
    if saved is not None:
        return saved
    again = await booking.enrolments.one(known.id)
    if again is None:
        raise RuntimeError("a stored enrolment vanished")
    return await book_pattern(booking, again)


async def _ask_for_pattern(booking: Booking, known: Enrolment) -> tuple[str | None, Reason | None]:
    """The id of the request, or why no day of the pattern can be booked."""
    town = await booking.towns.get(known.town)
    group = town.file.enrolment(known.group)
    if group is None:
        return None, Reason(code="not-offered", text="Cette inscription n'est plus proposée.")
    today = booking.clock.town().astimezone(ZoneInfo(town.file.time_zone)).date()
    first = max(group.first, today)
    if first > group.last:
        return None, Reason(code="day-over", text="Les jours demandés sont passés.")
    wish = RequestIn(
        family=known.family,
        asked=tuple(
            Asked(
                child=known.child, activity=one.activity, units=one.units, starts=one.starts,
                ends=one.ends, quantity=one.quantity,
                period=Period(
                    first=first, last=group.last,
                    weekdays=[weekday for weekday in Weekday if weekday.number in one.weekdays],
                ),
            )
            for one in known.sent.weekly
        ),
    )  # fmt: skip
    command = Command(known.request_id, f"enrolment {known.id}")
    try:
        asked = await ask(
            booking, _asker(known), wish, command, MAX_PATTERN_DATES,
            Origin(known.sent.account, known.sent.channel, known.sent.guardian),
        )  # fmt: skip
    except Refused as refused:
        if refused.status >= 500:
            raise
        return None, Reason(code=refused.code, text=refused.detail)
    return asked.id, None


def _asker(known: Enrolment) -> Scope:
    """Who asks for the days: who enrolled the child, with the rights of today."""
    sent = known.sent
    if sent.channel != "online" or sent.guardian is None:
        return AgentScope(known.town, sent.account, frozenset())
    return FamilyScope(known.town, sent.account, (FamilyRight(known.family, sent.guardian),))


async def book_left_behind(booking: Booking) -> None:
    """Book what a crash left unbooked: the sweeper behind every acceptance."""
    for _id in await booking.enrolments.unfinished(booking.clock.machine() - booking.left_behind):
        known = await booking.enrolments.one(_id)
        if known is None:
            continue
        try:
            await book_pattern(booking, known)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one must not keep the others waiting
            _log.error("enrolment-not-booked", id=_id, exc_info=error)
