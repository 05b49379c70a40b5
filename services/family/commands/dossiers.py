"""Changes of a dossier: sent by a guardian or an agent, decided, taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.family.commands.uploads import own_named
from services.family.domain.changes import Item, submit
from services.family.domain.deciding import Decision, decide, withdraw
from services.family.domain.fields import rules_of
from services.family.domain.household import Change, Family
from services.family.domain.kinds import Setting
from services.family.domain.measures import Wanted, measure
from services.family.domain.named_files import named_files, told_files
from services.family.domain.parts import Author
from services.family.domain.work import Actor, Work
from services.family.state import State, actor_in
from services.family.store.families import family_in
from shared.auth import AgentScope, Scope
from shared.errors import Refused, not_found
from shared.sealing import SealBroken
from shared.store import Document
from shared.web.routes import Command

_TRIES = 20
_WHAT = "ce dossier"
_AT_ONCE = 8
Act = Callable[[Work], Mapping[str, Any]]


async def change(
    state: State,
    scope: Scope,
    family: str,
    items: Sequence[Item],
    command: Command,
    on_behalf_of: str | None = None,
) -> Mapping[str, Any]:
    """Send changes of one family; what became of each, in order. Once, however often sent.

    Raises ``Refused``, as ``domain.changes.submit`` does.
    """

    def act(work: Work) -> Mapping[str, Any]:
        submit(work, command.id, items)
        return {"request": command.id, "changes": [_said(change) for change in work.made]}

    return await on_dossier(
        state, scope, family, act, command, on_behalf_of=on_behalf_of, told=items
    )


async def take_back(state: State, scope: Scope, family: str, change_id: str) -> None:
    """Withdraw a change that nobody has decided. Raises ``Refused``."""

    def act(work: Work) -> Mapping[str, Any]:
        withdraw(work, change_id)
        return {}

    await on_dossier(state, scope, family, act)


async def set_measure(
    state: State, scope: AgentScope, family: str, guardian: str, wanted: Wanted
) -> None:
    """Set what an agent decided about a guardian. Raises ``Refused``."""

    def act(work: Work) -> Mapping[str, Any]:
        measure(work, guardian, wanted)
        return {}

    await on_dossier(state, scope, family, act)


async def families_of(
    state: State, scope: AgentScope, decisions: Sequence[Decision]
) -> dict[str, str]:
    """The family of each change. Raises ``Refused`` (404) when there is no such change."""
    found = await state.families.of_change(scope, [one.change for one in decisions])
    if any(one.change not in found for one in decisions):
        raise not_found("une de ces modifications")
    return {one.change: found[one.change] for one in decisions}


async def decide_all(
    state: State,
    scope: AgentScope,
    decisions: Sequence[Decision],
    families: Mapping[str, str],
    command: Command,
) -> dict[str, str]:
    """Decide changes of these families: the state of each afterwards.

    Each family is one write; interrupted, the same command goes on where it was. Raises
    ``Refused`` as ``domain.deciding.decide`` does.
    """
    by_family: dict[str, list[Decision]] = {}
    for decision in decisions:
        by_family.setdefault(families[decision.change], []).append(decision)
    outcomes: dict[str, str] = {}

    def some(wanted: Sequence[Decision]) -> Act:
        return lambda work: decide(work, wanted)

    async def one(family: str) -> None:
        done = await on_dossier(state, scope, family, some(by_family[family]), command)
        outcomes.update(done)

    waiting = list(by_family)
    for start in range(0, len(waiting), _AT_ONCE):
        await asyncio.gather(*(one(family) for family in waiting[start : start + _AT_ONCE]))
    return outcomes


async def on_dossier(
    state: State,
    scope: Scope,
    family: str,
    act: Act,
    command: Command | None = None,
    *,
    on_behalf_of: str | None = None,
    told: Sequence[Item] = (),
) -> Mapping[str, Any]:
    """Load, act, save, as often as somebody else was quicker; the answer of ``act``, the first one
    when a command is repeated. The files that ``told`` names are the bearer's own, or named there
    already; those that no field names any more go."""
    for _ in range(_TRIES):
        document = await state.families.document(scope, family)
        if document is None:
            raise not_found(_WHAT)
        held = family_in(document)
        actor = actor_in(scope, held)
        if actor is None:
            raise not_found(_WHAT)
        if command and (earlier := answered(state, document, command)) is not None:
            return earlier
        if on_behalf_of and held.guardian(on_behalf_of) is None:
            raise not_found("ce responsable")
        work = await _work(state, scope, held, actor, on_behalf_of)
        answer = act(work)
        await _check_files(state, scope, held, told)
        after = work.finished()
        if after == held:
            return answer
        done = entry(state, family, command, answer) if command else None
        said = work.events(held, command.id if command else "")
        if await state.families.save(document, after, *said, done=done):
            kept = {one.id for one in named_files(after, state.vault.opened)}
            await state.uploads.remove_unnamed(sorted(set(document.get("files", ())) - kept))
            return answer
    raise Refused("record-busy", "Ce dossier est en cours de modification. Recommencez.")


async def _check_files(state: State, scope: Scope, held: Family, told: Sequence[Item]) -> None:
    new = list(told_files(held, told))
    if new:
        known = named_files(held, state.vault.opened)
        unknown = [(place, one.id) for place, one in new if one not in known]
        await own_named(state, scope, unknown)


async def _work(
    state: State, scope: Scope, held: Family, actor: Actor, on_behalf_of: str | None
) -> Work:
    file = (await state.towns.get(scope.town)).file
    guardian = actor.guardian.id if actor.guardian else on_behalf_of
    by = Author(account=scope.account, guardian=guardian, agent=actor.agent)
    return Work(
        family=held, rules=rules_of(file.dossier), actor=actor, seal=state.seal, open=state.open,
        setting=Setting(file, state.clock.town(), by),
    )  # fmt: skip


def _said(change: Change) -> dict[str, Any]:
    return {"change": change.id, "act": change.act, "member": change.member,
            "field": change.field or None, "state": change.state}  # fmt: skip


# -- repetitions ----------------------------------------------------------------------------------


def entry(state: State, family: str, command: Command, answer: Mapping[str, Any]) -> Document:
    """What a dossier keeps of a command: bodies tell of health, so their hash is sealed."""
    body = state.seal(family, command.id, command.body_hash)
    return {"id": command.id, "body": body, "answer": dict(answer)}


def answered(state: State, document: Document, command: Command) -> Mapping[str, Any] | None:
    """The answer given to this command already. Raises ``Refused``: ``idempotency-key-reused``."""
    for entry in document.get("done", ()):
        if entry["id"] == command.id:
            if _body(state, document["_id"], entry) != command.body_hash:
                raise Refused(
                    "idempotency-key-reused",
                    "Cette clé a déjà servi à une autre demande.",
                    status=422,
                )
            answer: Mapping[str, Any] = entry["answer"]
            return answer
    return None


def _body(state: State, family: str, entry: Document) -> Any:
    try:
        return state.open(family, entry["id"], entry["body"])
    except SealBroken:  # its key was taken away since
        return None
