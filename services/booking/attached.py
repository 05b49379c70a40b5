"""Supporting documents that a family names: whether they may serve, and where they stand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from services.booking.domain.documents import unusable
from services.booking.schemas import ProofIn, RequestIn
from services.booking.state import Booking
from shared.auth import FamilyScope, Scope
from shared.contracts.family import DocumentState, FamilyChanged, Participant
from shared.copies import Town
from shared.errors import Refused

#: Where supporting documents stand, by id.
States = Mapping[str, DocumentState]


async def check_attached(
    booking: Booking,
    town: Town,
    card: FamilyChanged,
    children: Iterable[Participant],
    ids: Sequence[str],
    *,
    field: str,
    asked: str | None = None,
) -> None:
    """Make sure that family keeps these documents for the family or one of these people, of the
    type ``asked`` where one is, and that they count; ``field`` is where they are named.

    Raises ``Refused``: ``document-unknown``, ``document-not-valid``.
    """
    if not ids:
        return
    zone = ZoneInfo(town.file.time_zone)
    today = booking.clock.town().astimezone(zone).date()
    known = await booking.documents.of(town.file.town, ids)
    about = {_id for child in children for _id in child.ids}
    for position, _id in enumerate(ids):
        fault = unusable(known.get(_id), (card.family, *card.parts), about, today, asked)
        if fault is not None:
            raise Refused(fault.code, fault.text, status=422, field=f"{field}/{position}")


def check_shown(scope: Scope, proof: ProofIn, place: str) -> None:
    """A family sends what it proves by; an agent may have seen it on paper."""
    if isinstance(scope, FamilyScope) and not proof.documents:
        field = f"{place}/documents"
        sentence = f"{field} : joignez le justificatif."
        raise Refused("invalid-input", sentence, status=422, field=field)


async def check_wish(
    booking: Booking, scope: Scope, town: Town, card: FamilyChanged, wish: RequestIn
) -> None:
    """``check_attached`` for a basket and the proofs in it. Raises ``Refused``."""
    named = {one.child for one in wish.asked} | {one.child for one in wish.changes}
    named |= {one.child for one in wish.ends}
    children = [child for child in card.participants if child.ids & named]
    named_at: dict[str, Sequence[str]] = {"/attachments": wish.attachments}
    for position, end in enumerate(wish.ends):
        if end.proof is not None:
            check_shown(scope, end.proof, f"/ends/{position}/proof")
            named_at[f"/ends/{position}/proof/documents"] = end.proof.documents
    for field, ids in named_at.items():
        await check_attached(booking, town, card, children, ids, field=field)


async def states_of(booking: Booking, scope: Scope, ids: Collection[str]) -> States:
    """Where these documents stand now."""
    known = await booking.documents.of(scope.town, ids) if ids else {}
    return {_id: document.state for _id, document in known.items()}
