"""Letters to the town: written, continued, answered, read, settled; their attachments used."""

from __future__ import annotations

from collections.abc import Callable

from services.family.commands import documents
from services.family.commands.uploads import own_files
from services.family.domain.documents import About, SupportingDocument
from services.family.domain.letters import (
    Changed,
    Letter,
    LetterState,
    Message,
    answered,
    checked_fields,
    child_of,
    continued,
    moved,
    opened,
    read_by_family,
    read_by_town,
)
from services.family.queries.households import family_of
from services.family.queries.letters import category_of, one_of, sees
from services.family.schemas.letters import LetterDocumentIn, LetterIn, MessageIn
from services.family.state import State
from services.family.store.letters import CONTINUE, MOVE, READ, WRITE, letter_in
from shared.auth import AgentScope, FamilyScope, Scope
from shared.contracts.town_file import LetterCategory
from shared.errors import Refused, not_found
from shared.failpoints import Step
from shared.web.routes import Command


async def write(state: State, scope: FamilyScope, wish: LetterIn, command: Command) -> Letter:
    """Keep a letter; the same command again changes nothing.

    Raises ``Refused``: ``category-unknown``, ``attachment-missing``, ``attachment-not-asked``,
    ``file-unknown``, ``invalid-input``.
    """
    town = await state.towns.get(scope.town)
    known = await state.letters.get(command.id)
    if known is not None:
        return _same(letter_in(known), command)
    category = town.file.letter(wish.category)
    if category is None:
        raise Refused(
            "category-unknown", "Choisissez une thématique de la liste.", status=422,
            field="/category",
        )  # fmt: skip
    family, _ = await family_of(state, scope, wish.family)
    fields = checked_fields(category, wish.fields, frozenset(one.id for one in family.children))
    _check_attachments(category, wish)
    child, guardian = child_of(category, fields), scope.guardian_of(wish.family)
    letter = Letter(
        id=command.id, town=scope.town,
        family=await state.families.record_of(family, guardian),
        guardian=guardian, account=scope.account, child=child,
        shared=wish.shared and child is not None, category=category.id, fields=fields, state="new",
        messages=(await _message(state, scope, wish, command),),
    )  # fmt: skip
    if await state.letters.save(WRITE, None, opened(letter, category)):
        return letter
    stored = await state.letters.get(command.id)
    return _same(letter_in(stored), command) if stored else letter


async def add(state: State, scope: Scope, letter: str, wish: MessageIn, command: Command) -> Letter:
    """Another message: the family's, or the town's answer; the same command again changes nothing.

    Raises ``Refused``: ``letter-closed``, ``letter-too-long``, ``file-unknown``.
    """
    message: Message | None = None

    async def rule(known: Letter, category: LetterCategory) -> Changed | Refused | None:
        nonlocal message
        if known.message(command.id) is not None:
            _same(known, command)
            return None
        message = message or await _message(state, scope, wish, command)
        by_town = isinstance(scope, AgentScope)
        return (answered if by_town else continued)(known, category, message)

    while True:
        known, category, before = await _reachable(state, scope, letter)
        changed = await rule(known, category)
        if isinstance(changed, Refused):
            raise changed
        if changed is None:
            return known
        if await state.letters.save(CONTINUE, before, changed):
            return changed[0]


async def move(state: State, scope: AgentScope, letter: str, to: LetterState) -> Letter:
    """Take a letter up, or settle it. Again, it changes nothing."""
    now = state.clock.town()
    return await _change(
        state, scope, MOVE, letter,
        lambda known, category: moved(known, category, to, scope.account, now),
    )  # fmt: skip


async def mark_read(state: State, scope: Scope, letter: str) -> Letter:
    """The bearer has read what was written. Again, it changes nothing."""
    now = state.clock.town()
    if isinstance(scope, AgentScope):
        return await _change(state, scope, READ, letter, lambda known, _: read_by_town(known))
    return await _change(
        state, scope, READ, letter, lambda known, _: read_by_family(known, scope.account, now)
    )


async def attach_as_document(
    state: State, scope: AgentScope, letter: str, wish: LetterDocumentIn, command: Command
) -> SupportingDocument:
    """An attachment becomes a supporting document, without being sent again.

    Raises ``Refused``: ``document-not-asked``.
    """
    known = await one_of(state, scope, letter)
    file = known.file(wish.file)
    if file is None:
        raise not_found("ce fichier")
    family = await state.families.home(scope, known.family)
    about = About(family=family, child=wish.child, guardian=wish.guardian)
    kind = await documents.kind_for(state, scope, wish.type, about)
    return await documents.keep(state, scope, kind, about, (file,), command)


async def _message(state: State, scope: Scope, wish: MessageIn, command: Command) -> Message:
    return Message(
        id=command.id, body_hash=command.body_hash,
        side="town" if isinstance(scope, AgentScope) else "family", account=scope.account,
        at=state.clock.town(), text=wish.text,
        files=await own_files(state, scope, wish.files, "/files"),
    )  # fmt: skip


async def _change(
    state: State,
    scope: Scope,
    at: Step,
    letter: str,
    rule: Callable[[Letter, LetterCategory], Changed | None],
) -> Letter:
    while True:
        known, category, before = await _reachable(state, scope, letter)
        changed = rule(known, category)
        if changed is None:
            return known
        if await state.letters.save(at, before, changed):
            return changed[0]


async def _reachable(
    state: State, scope: Scope, letter: str
) -> tuple[Letter, LetterCategory, dict[str, object]]:
    before = await state.letters.one(scope, letter)
    if before is None or not await sees(state, scope, letter_in(before)):
        raise not_found("cette demande")
    known = letter_in(before)
    return known, category_of(await state.towns.get(scope.town), known.category), before


def _same(known: Letter, command: Command) -> Letter:
    """The letter that a command made or continued already; refused when it said otherwise."""
    message = known.message(command.id)
    if message is None or message.body_hash != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à un autre message.", status=422
        )
    return known


def _check_attachments(category: LetterCategory, wish: LetterIn) -> None:
    if category.attachment == "required" and not wish.files:
        raise Refused(
            "attachment-missing", "Une pièce jointe est obligatoire pour cette thématique.",
            status=422, field="/files",
        )  # fmt: skip
    if category.attachment == "none" and wish.files:
        raise Refused(
            "attachment-not-asked", "Cette thématique ne prend pas de pièce jointe.", status=422,
            field="/files",
        )  # fmt: skip
