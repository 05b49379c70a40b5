"""What only reads in booking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from services.booking.attached import check_wish
from services.booking.domain.places import Session, Shape, taking
from services.booking.domain.planning import (
    Foreseen,
    Offer,
    fit_all,
    fitting,
    foreseen,
    plan,
    week_slots,
)
from services.booking.domain.request import PAY_WITHIN, Line, Receipt, Request, tied
from services.booking.domain.rules.choices import wrong_units
from services.booking.schemas import (
    Recap,
    RecapLine,
    RequestIn,
    RequestQuery,
)
from services.booking.state import Booking, asks_of, names_of, participants_seen
from shared.auth import AgentScope, FamilyScope, Scope
from shared.contracts.booking import Reason
from shared.contracts.family import Participant
from shared.errors import MissingCopy, not_found
from shared.traits import traits_of


async def recap(booking: Booking, scope: Scope, wish: RequestIn) -> Recap:
    """What validating these wishes would do now. Nothing is stored."""
    town = await booking.towns.get(scope.town)
    card = await booking.family_of(scope, wish.family)
    allowance = await booking.allowance(town, card)
    standing = await booking.standing(scope, town, card)
    asks = asks_of(booking, scope, town, card, wish.asked, wish.override, allowance, standing)
    planned, not_retained = plan(asks)
    offers = {ask.offer.activity.id: ask.offer for ask in asks}
    children = {ask.child.id: ask.child for ask in asks}
    shapes = booking.shapes(town)
    slots = {(line.activity, line.date) for line in planned} | week_slots(planned, offers)
    sessions = await booking.places.peek(scope.town, slots, shapes, names_of(card.participants))
    waiting = await booking.waiting(scope, town, card, planned)
    kept, unfit = fitting(planned, offers, sessions, waiting)
    kept, beyond = fit_all(kept, asks, sessions)
    unfit += beyond
    kept = [replace(line, id=f"{n:x}") for n, line in enumerate(kept, start=1)]
    trial = _Trial(shapes, sessions)
    each = {line.id: trial.of(line, children[line.child], offers[line.activity]) for line in kept}
    why_not, _ = tied(kept, {line: reason for line, (_, reason) in each.items()})
    lines = [
        _recap_line(
            line, children[line.child], offers[line.activity],
            "refused" if why_not[line.id] else each[line.id][0], why_not[line.id],
        )
        for line in kept
    ]  # fmt: skip
    await check_wish(booking, scope, town, card, wish)
    changes, unchanged = await booking.changes_of(scope, town, card, wish, allowance)
    ends, unended = await booking.ends_of(scope, town, card, wish, allowance)
    others = {(line.activity, line.date) for line in changes} - sessions.keys()
    if others:
        sessions |= await booking.places.peek(
            scope.town, others, shapes, names_of(card.participants)
        )
    kinds = {one.id: booking.offer(town, one) for one in town.file.activities}
    lines += [
        _recap_change(line, *trial.of(line, card.participant(line.child), kinds[line.activity]))
        for line in changes
    ]
    lines += [_recap_end(line) for line in ends]
    return Recap(
        version=town.version, lines=lines, not_retained=not_retained + unfit + unchanged + unended
    )


@dataclass(frozen=True, slots=True)
class _Trial:
    """What would become of lines, one after the other, in the sessions as they are."""

    shapes: Mapping[str, Shape]
    sessions: Mapping[tuple[str, date], Session]
    left: dict[tuple[str, date], dict[str, int]] = field(default_factory=dict)

    def of(
        self, line: Line, child: Participant | None, offer: Offer
    ) -> tuple[Foreseen, Reason | None]:
        """What validating would make of it; its places are taken from now on."""
        slot, shape = (line.activity, line.date), self.shapes[line.activity]
        held = self.sessions[slot].holders.get(line.child, {})
        together = (held.keys() - line.gone) | set(line.units)
        if line.of and (wrong := wrong_units(offer.activity, line.date, together)):
            return "refused", wrong
        members = shape.members(traits_of(child, line.date)) if child else ()
        fresh = dict.fromkeys(line.fresh, "")
        before = self.sessions[slot].groups.get(line.child, frozenset())
        down = taking(shape.on(line.date), held, fresh, set(members), before).down
        left = self.left.setdefault(slot, dict(self.sessions[slot].left))
        return foreseen(line, offer.mode, down, left)


def _recap_change(line: Line, would: Foreseen, reason: Reason | None) -> RecapLine:
    return RecapLine(
        **line.booked, **_foreseen(line), would=would, reason=reason, book_until=None,
        warning=None,
    )  # fmt: skip


def _recap_end(line: Line) -> RecapLine:
    return RecapLine(
        **line.booked, **_foreseen(line),
        would="requested" if line.by_agent else "accepted", reason=None, book_until=None,
        warning=None,
    )  # fmt: skip


def _foreseen(line: Line) -> dict[str, Any]:
    """What a line will come to that is not settled yet."""
    return comes_to(line, replace(line, state="requested").said)


def comes_to(line: Line, said: Receipt) -> dict[str, Any]:
    """What a line comes to, as it was said: its cost, what has to be proved, what is given
    back."""
    return {
        "kind": line.kind, "of": line.of, "was": line.was,
        "effect": said.effect, "surcharge": said.surcharge,
        "proof_until": line.proof_until, "proofs": said.proofs, "give_back": said.give_back,
        "give_back_asked": line.give_back_asked,
    }  # fmt: skip


def _recap_line(
    line: Line, child: Participant, offer: Offer, would: Foreseen, reason: Reason | None
) -> RecapLine:
    answer = offer.answer("book", child, line.date, line.choice)
    pays_first = would == "accepted" and offer.mode.of(line).pays_first(line)
    return RecapLine(
        **line.booked, **_foreseen(line), would=would, reason=reason,
        pay_minutes=PAY_WITHIN // timedelta(minutes=1) if pays_first else None,
        book_until=answer.cutoff,
        warning=answer.warning or (answer.explanation if answer.to_prove else None),
    )  # fmt: skip


async def request(booking: Booking, scope: Scope, request_id: str) -> Request:
    """One request, with only the lines the bearer may see."""
    scope, activities = await booking.at_sites(scope)
    found = await booking.store.request_of(scope, request_id)
    seen = await _seen(booking, scope, [found], activities) if found else []
    if not seen:
        raise not_found("cette demande")
    return seen[0]


@dataclass(frozen=True, slots=True)
class Page:
    """Requests, newest first; ``next`` is the id after which the following page begins."""

    items: list[Request]
    next: str | None


async def requests(booking: Booking, scope: Scope, wanted: RequestQuery) -> Page:
    """A page of requests with only the lines the bearer may see.

    Raises ``Refused``: ``cursor-unknown``.
    """
    scope, activities = await booking.at_sites(scope)
    child = None if wanted.child is None else await booking.ids_of(scope.town, wanted.child)
    found = await booking.store.requests_of(
        scope, state=wanted.state, child=child, proof=wanted.proof, after=wanted.after,
        limit=wanted.limit,
    )  # fmt: skip
    following = found[-1].id if len(found) == wanted.limit else None
    seen = await _seen(booking, scope, found, activities)
    if child is not None:
        seen = [one for one in seen if any(line.child in child for line in one.lines)]
    return Page(seen, following)


async def families_of(booking: Booking, scope: AgentScope, requests: Set[str]) -> Set[str]:
    """Which families these requests of the town are of."""
    return await booking.store.families_of(scope.town, requests)


async def _seen(
    booking: Booking, scope: Scope, found: Sequence[Request], activities: Set[str] | None
) -> list[Request]:
    """Leave out what concerns children whose bookings the bearer may not see, or activities
    other than the agent's."""
    if not isinstance(scope, FamilyScope):
        return [one if activities is None else one.only_at(activities) for one in found]
    parts = [await _seen_part(booking, scope, one) for one in found]
    return [one for one in parts if one.lines or one.not_retained]


async def _seen_part(booking: Booking, scope: FamilyScope, one: Request) -> Request:
    try:
        card = await booking.store.family(scope.town, one.family)
    except MissingCopy:
        raise not_found("cette famille") from None
    seen = {_id for child in participants_seen(scope, card) for _id in child.ids}
    return one.only(seen)
