"""Erasing a family (ID11): asked, answered by the other services, carried out."""

from __future__ import annotations

from collections.abc import Sequence

from services.family.domain.erasures import Erasure, verdict
from services.family.erasure import ERASED
from services.family.state import State
from services.family.store.families import family_in
from shared.auth import AgentScope
from shared.contracts import billing, booking
from shared.contracts.family import PersonErased
from shared.erasure import Erased, erase
from shared.errors import Refused, not_found
from shared.events import Envelope
from shared.ids import derived_id
from shared.web.routes import Command

_TRIES = 20


async def ask(
    state: State,
    scope: AgentScope,
    family: str,
    reason: str,
    settled: Sequence[str],
    command: Command,
) -> Erasure:
    """Ask the others whether anything holds a family's erasure back; it is erased when nothing
    does. Refused (404) for a family that is not of the town, (409) for one erased already."""
    erasure_id = derived_id("erasure", command.id)
    known = await state.erasures.by_id(erasure_id)
    if known is None:
        record = await state.erasures.record(scope.town, family)
        if record is None:
            raise not_found("ce dossier")
        if "erased_at" in record:
            raise Refused("family-erased", "Ce dossier est déjà effacé.")
    fresh = Erasure(
        id=erasure_id, town=scope.town, family=family, reason=reason, settled=tuple(settled),
        asked_by=scope.account, asked_at=state.clock.machine(), state="checking", answers={},
    )  # fmt: skip
    document = await state.erasures.ask(fresh, command.body_hash)
    if document["body_hash"] != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé d'idempotence a déjà servi pour une autre"
            " demande.", status=422,
        )  # fmt: skip
    return await state.erasures.by_id(erasure_id) or fresh


async def hear_answer(
    state: State,
    envelope: Envelope,
    event: booking.ErasureAnswered | billing.ErasureAnswered,
) -> None:
    """Keep an answer and, with the last one, what comes of it. Updates whose filters exclude what
    is done (second form)."""
    await state.erasures.answer(event.erasure, event.service, event.holds)
    erasure = await state.erasures.by_id(event.erasure)
    if erasure is not None and (after := verdict(erasure)) != erasure.state:
        await state.erasures.settle(erasure.id, erasure.state, after)


async def erase_cleared(state: State) -> None:
    """The job that carries erasures out; each step again does nothing."""
    for erasure in await state.erasures.cleared():
        # The records merged into it first: it is what they are found by.
        parts = await state.moves.merged_into(erasure.town, erasure.family)
        for family in (*parts, erasure.family):
            files = await state.uploads.named_by(family)
            gone = await _erase_record(state, erasure.town, family)
            await erase(state.store, ERASED, gone)
            await state.uploads.remove_unnamed(files)
        await state.erasures.finish(erasure.id)


async def _erase_record(state: State, town: str, family_id: str) -> Erased:
    for _ in range(_TRIES):
        record = await state.erasures.record(town, family_id)
        if record is None or "erased_at" in record:
            return Erased(town, family=family_id)
        family = family_in(record)
        said = PersonErased(
            family=family_id,
            guardians=tuple(one.id for one in family.guardians),
            children=tuple(one.id for one in family.children),
        )
        nobody = family.model_copy(
            update={"guardians": (), "children": (), "contacts": (), "quotients": (), "facts": {}}
        )
        if await state.erasures.blank(record, state.clock.machine(), nobody.card(), said):
            return Erased(town, family=family_id, members=(*said.guardians, *said.children))
    raise Refused("record-busy", "Ce dossier est en cours de modification. Recommencez.")
