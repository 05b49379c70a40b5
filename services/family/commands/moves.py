"""Use cases that move members between family records (``domain.moves``), resumable at each step.

A move is kept first, then both records are held still, in the order of their ids; what they
become is decided and kept; each record is written with its card, which lets go of it; the move is
closed. Whoever finds it unfinished carries it on: the same command again, another process, a job.
"""

from __future__ import annotations

from services.family.domain.household import Family, family_id
from services.family.domain.moves import Move, MoveKind, Pair, Seen, Wish, check_undo, decide
from services.family.state import State
from services.family.store import family_in
from shared.auth import AgentScope
from shared.errors import Refused, not_found
from shared.store import Document
from shared.web.conditional import Expected, changed_meanwhile
from shared.web.routes import Command


async def merge(
    state: State, scope: AgentScope, target: str, source: str, wish: Wish, *,
    command: Command, expected: Expected,
) -> Move:  # fmt: skip
    """Two records become one: ``source`` is part of ``target`` from now on."""
    if source == target:
        raise Refused(
            "same-record", "Un dossier ne se regroupe pas avec lui-même.", status=422,
            field="/source",
        )  # fmt: skip
    return await _move(state, scope, "merge", (source, target), wish, command, target, expected)


async def split(
    state: State, scope: AgentScope, source: str, wish: Wish, *, command: Command,
    expected: Expected,
) -> Move:  # fmt: skip
    """Some guardians leave for a record of their own, with rights over the same children."""
    target = family_id(scope.town, wish.reference or "")
    if await state.moves.get(command.id) is None and (
        await state.moves.record(scope.town, target) is not None
    ):
        raise Refused(
            "reference-taken", "Ce numéro de dossier est déjà pris.", field="/reference"
        )  # fmt: skip
    return await _move(state, scope, "split", (source, target), wish, command, source, expected)


async def transfer(
    state: State, scope: AgentScope, source: str, target: str, wish: Wish, *,
    command: Command, expected: Expected,
) -> Move:  # fmt: skip
    """Children go to another record, with all that is known of them by their ids."""
    if source == target:
        raise Refused(
            "same-record", "Ces enfants sont déjà dans ce dossier.", status=422, field="/target"
        )  # fmt: skip
    return await _move(state, scope, "transfer", (source, target), wish, command, source, expected)


async def undo(state: State, scope: AgentScope, merge_id: str, command: Command) -> Move:
    """A merge is undone; what has happened since stays as it is."""
    known = await state.moves.get(command.id)
    merged = await state.moves.one(scope, merge_id)
    if merged is None:
        raise not_found("ce regroupement")
    if known is None:
        check_undo(merged, state.clock.town())
    return await _move(
        state, scope, "undo", (merged.source, merged.target), Wish(), command, "", Expected(),
        undoes=merge_id,
    )  # fmt: skip


async def _move(
    state: State,
    scope: AgentScope,
    kind: MoveKind,
    records: tuple[str, str],
    wish: Wish,
    command: Command,
    guarded: str,
    expected: Expected,
    undoes: str | None = None,
) -> Move:
    source, target = records
    known = await state.moves.get(command.id)
    if known is not None and known.given_up:
        await _leave(state, known)
        known = None
    if known is None:
        fresh = Move(
            id=command.id, town=scope.town, kind=kind, source=source, target=target, wish=wish,
            agent=scope.account, at=state.clock.town(), body_hash=command.body_hash,
            undoes=undoes, seen=await _seen(state, scope, guarded, expected),
        )  # fmt: skip
        await state.moves.begin(fresh, state.clock.machine())
        known = await state.moves.get(command.id) or fresh
    if known.body_hash != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à une autre demande.", status=422
        )
    return await finish(state, known)


async def _seen(state: State, scope: AgentScope, family: str, expected: Expected) -> Seen | None:
    """What the agent looked at, if it still is so."""
    if expected.versions is None:
        return None
    document = await state.moves.record(scope.town, family)
    if document is None or document.get("merged_into"):
        raise not_found("ce dossier")
    expected.check(document["v"])
    return Seen(family=family, version=document["v"])


async def finish(state: State, move: Move) -> Move:
    """Carry a move on, from wherever it stands, to its end. Raises ``Refused``: nothing is done."""
    if move.done:
        return move
    if move.given_up:
        await _leave(state, move)
        raise _busy()
    if move.after is None:
        move = await _decided(state, move)
    if move.after is not None:
        for family in (move.after.target, move.after.source):
            if family is not None:
                await state.moves.settle(move, family)
    if move.undoes is not None:
        await state.moves.undone(move.undoes, move.id)
    await state.moves.close(move)
    return move.model_copy(update={"done": True})


async def finish_left_behind(state: State) -> None:
    """The job that carries on what a crash has left."""
    for _id in await state.moves.unfinished(state.clock.machine()):
        move = await state.moves.get(_id)
        if move is not None:
            try:
                await finish(state, move)
            except Refused:
                continue


async def _decided(state: State, move: Move) -> Move:
    try:
        held = await _hold_both(state, move)
        before = Pair(source=held[move.source], target=held.get(move.target))
        merged = await state.moves.get(move.undoes) if move.undoes else None
        after = decide(move, before, state, merged)
    except Refused:
        # Unless somebody else who carries it on has decided it: then what they hold stays held.
        if await state.moves.give_up(move):
            await _leave(state, move)
        raise
    await state.moves.decide(move, before, after)
    kept = await state.moves.get(move.id)
    if kept is None or kept.given_up:
        await _leave(state, move)
        raise _busy()
    return kept


async def _leave(state: State, move: Move) -> None:
    """Let go of what a move that was given up held, then forget it: cut short in between, it is
    found again and left again."""
    for family in (move.source, move.target):
        await state.moves.let_go(move, family)
    await state.moves.forget(move)


async def _hold_both(state: State, move: Move) -> dict[str, Family]:
    held = {}
    for family in sorted((move.source, move.target)):
        document = await _hold(state, move, family)
        if document is not None:
            held[family] = family_in(document)
    return held


async def _hold(state: State, move: Move, family: str) -> Document | None:
    """The record, held still; None for the one that a split is to make."""
    for _ in range(5):
        document = await state.moves.record(move.town, family)
        if document is None:
            if move.kind == "split" and family == move.target:
                return None
            raise not_found("ce dossier")
        if "erased_at" in document:
            raise not_found("ce dossier")
        if document.get("moving") == move.id:
            return document
        merged = document.get("merged_into") is not None
        if merged and not (move.kind == "undo" and family == move.source):
            raise Refused("merged-already", "Ce dossier a été regroupé avec un autre.")
        if document.get("moving") is not None:
            break
        if move.seen and move.seen.family == family and move.seen.version != document["v"]:
            raise changed_meanwhile()
        if await state.moves.hold(move, document):
            return {**document, "moving": move.id}
    raise _busy()


def _busy() -> Refused:
    return Refused(
        "record-busy", "Ce dossier est en cours de modification. Recommencez.", retry_after=2
    )
