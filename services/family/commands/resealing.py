"""What an older key sealed is sealed again by the current one, so that the older can be taken
away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.family.commands.registering import FORM
from services.family.domain.fields import is_sealed
from services.family.domain.household import Change, Family, Member
from services.family.domain.moves import Move, Pair
from services.family.domain.work import reason_of
from services.family.state import State
from services.family.store.families import family_in
from shared.errors import Refused
from shared.store import Document

_READ = 200
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many dossiers, forms and moves were looked at, and how many had something to seal again;
    how many ``files`` were sealed again.

    ``left``: files that an older key still seals. Nothing names them: they are swept in a day.
    """

    seen: int
    changed: int
    files: int
    left: int


async def reseal(state: State) -> Resealed:
    """Seal every field and file again whose key is not the current one. Interrupted, it is run
    again."""
    seen, changed, after = 0, 0, ""
    while documents := await state.families.some_after(after, _READ):
        for document in documents:
            seen += 1
            changed += await _reseal(state, document)
        after = documents[-1]["_id"]
    after = ""
    while forms := await state.registrations.some_after(after, _READ):
        for form in forms:
            seen += 1
            changed += await _reseal_form(state, form)
        after = forms[-1]["_id"]
    after = ""
    while moves := await state.moves.some_after(after, _READ):
        for move in moves:
            seen += 1
            changed += await _reseal_move(state, move)
        after = moves[-1].id
    files, left, after = 0, 0, ""
    while stored := await state.uploads.sealed_by_others(after, _READ):
        for one in stored:
            done = await state.uploads.reseal(one)
            files, left = files + done, left + (not done)
        after = stored[-1]
    return Resealed(seen, changed, files, left)


async def _reseal(state: State, document: Document) -> bool:
    for _ in range(_TRIES):
        held = family_in(document)
        family = _family(state, held)
        done = [_command(state, held.id, one) for one in document.get("done", ())]
        if family == held and done == document.get("done", []):
            return False
        if await state.families.reseal(document, family, done):
            return True
        document = (await state.families.of_ids([held.id]))[held.id]
    raise Refused("record-busy", f"Le dossier {document['_id']} change sans cesse.")


async def _reseal_form(state: State, document: Document) -> bool:
    """A form changed meanwhile was sealed by the current key."""
    draft = _again(state, document["_id"], FORM, document["draft"])
    return draft != document["draft"] and await state.registrations.reseal(document, draft)


async def _reseal_move(state: State, move: Move) -> bool:
    """What an undo would bring back; once decided it is never written otherwise."""
    if move.before is None or move.after is None:
        return False
    before, after = _pair(state, move.before), _pair(state, move.after)
    if (before, after) == (move.before, move.after):
        return False
    await state.moves.reseal(move, before, after)
    return True


def _pair(state: State, pair: Pair) -> Pair:
    target = None if pair.target is None else _family(state, pair.target)
    return Pair(source=_family(state, pair.source), target=target)


def _family(state: State, family: Family) -> Family:
    return family.model_copy(
        update={
            "guardians": tuple(_member(state, one) for one in family.guardians),
            "children": tuple(_member(state, one) for one in family.children),
            "changes": tuple(_change(state, one) for one in family.changes),
        }
    )


def _member(state: State, member: Member) -> Member:
    more = {name: _again(state, member.id, name, value) for name, value in member.more.items()}
    return member.model_copy(update={"more": more})


def _change(state: State, change: Change) -> Change:
    if change.act == "add" and change.value:
        value: Any = {
            name: _again(state, change.member, name, one) for name, one in change.value.items()
        }
    else:
        value = _again(state, change.member, change.field, change.value)
    reason = _again(state, change.member, reason_of(change.field), change.reason)
    return change.model_copy(update={"value": value, "reason": reason})


def _command(state: State, family: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "body": _again(state, family, entry["id"], entry["body"])}


def _again(state: State, member: str, field: str, value: Any) -> Any:
    """A sealed value under the current key; anything else as it is."""
    if not is_sealed(value) or value["key"] == state.sealer.current:
        return value
    return state.seal(member, field, state.open(member, field, value))
