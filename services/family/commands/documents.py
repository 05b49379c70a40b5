"""Supporting documents: sent, decided, taken back, removed, grown old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from services.family.commands.uploads import own_files
from services.family.domain.documents import (
    About,
    Changed,
    Decision,
    SupportingDocument,
    Version,
    Wish,
    aged,
    decided,
    removed,
    sent,
    withdrawn,
)
from services.family.domain.uploads import KeptFile
from services.family.queries.documents import may_act_on, may_read, sees, type_of
from services.family.queries.households import family_of, of_bearer
from services.family.schemas.documents import DocumentIn
from services.family.state import State
from services.family.store.documents import AGE, DECIDE, REMOVE, SEND, WITHDRAW, document_in
from shared.auth import AgentScope, FamilyScope, Scope
from shared.contracts.town_file import DocumentType
from shared.errors import Refused, forbidden, not_found
from shared.failpoints import Step
from shared.store import Document
from shared.web.routes import Command

_WHAT = "ce document"
#: The longest that a town may warn ahead (``DocumentType.warn_days``).
_HORIZON = timedelta(days=121)
T = TypeVar("T")


async def send(
    state: State, scope: Scope, wish: DocumentIn, command: Command
) -> SupportingDocument:
    """Keep what a family sends of a type; the same command again changes nothing.

    Raises ``Refused``: ``document-not-asked``, ``file-unknown``, ``idempotency-key-reused``.
    """
    about = About(family=wish.family, child=wish.child, guardian=wish.guardian)
    kind = await kind_for(state, scope, wish.type, about)
    known = await state.documents.standing(scope.town, about, kind.id, command.id)
    if known is not None:
        earlier = document_in(known).version(command.id)
        if earlier is not None:
            if earlier.body_hash != command.body_hash:
                raise Refused(
                    "idempotency-key-reused", "Cette clé a déjà servi à un autre document.",
                    status=422,
                )  # fmt: skip
            return document_in(known)
    files = await own_files(state, scope, wish.files, "/files")
    return await keep(state, scope, kind, about, files, command)


async def keep(
    state: State,
    scope: Scope,
    kind: DocumentType,
    about: About,
    files: tuple[KeptFile, ...],
    command: Command,
) -> SupportingDocument:
    """Keep these files as a new version of a document."""
    zone = ZoneInfo((await state.towns.get(scope.town)).file.time_zone)
    while True:
        before = await state.documents.standing(scope.town, about, kind.id, command.id)
        known = document_in(before) if before else None
        if known is not None:
            if known.version(command.id):
                return known
            about = known.about
        version = Version(
            id=command.id, body_hash=command.body_hash, account=scope.account,
            channel="desk" if isinstance(scope, AgentScope) else "online",
            sent_at=state.clock.town(), files=files, state="pending",
        )  # fmt: skip
        changed = sent(known, scope.town, about, kind, version, zone)
        if await state.documents.save(SEND, before, changed):
            return changed[0]


async def decide(state: State, scope: AgentScope, document: str, wish: Wish) -> Decision:
    """An agent's answer to a version; the same again changes nothing."""
    town = await state.towns.get(scope.town)
    zone = ZoneInfo(town.file.time_zone)

    def answer(known: SupportingDocument) -> tuple[Decision, Changed | None]:
        kind = type_of(town, known.type)
        if not may_read(scope, kind):
            return "not-found", None
        return decided(known, kind, wish, scope.account, state.clock.town(), zone)

    result = await _change(state, scope, DECIDE, document, answer)
    return "not-found" if result is None else result[0]


async def take_back(state: State, scope: Scope, document: str) -> SupportingDocument:
    """Take back what waits for an answer; its files go. Again, it changes nothing."""
    before = await _reachable(state, scope, document)
    files = [f.id for one in before.versions if one.state == "pending" for f in one.files]
    now = state.clock.town()
    await _change(state, scope, WITHDRAW, document, lambda known: (None, withdrawn(known, now)))
    await state.uploads.remove_unnamed(files)
    return await _reachable(state, scope, document)


async def remove(state: State, scope: AgentScope, document: str) -> None:
    """Remove a document's files for good. Again, it changes nothing."""
    before = await _reachable(state, scope, document)
    files = [file.id for one in before.versions for file in one.files]
    await _change(state, scope, REMOVE, document, lambda known: (None, removed(known)))
    await state.uploads.remove_unnamed(files)


async def age(state: State) -> None:
    """The job: what has expired, and what is near its end. Two replicas at once do no harm."""
    for town in await state.towns.all():
        zone = ZoneInfo(town.file.time_zone)
        today = state.clock.town().astimezone(zone).date()
        for before in await state.documents.ageing(town.file.town, today, today + _HORIZON):
            changed = aged(document_in(before), type_of(town, before["type"]), today)
            if changed is not None:
                await state.documents.save(AGE, before, changed)


async def _change(
    state: State,
    scope: Scope,
    at: Step,
    document: str,
    rule: Callable[[SupportingDocument], tuple[T, Changed | None]],
) -> tuple[T] | None:
    """Apply a rule to a document as it is now; None when the scope reaches none of that id."""
    while True:
        before: Document | None = await state.documents.one(scope, document)
        if before is None:
            return None
        result, changed = rule(document_in(before))
        if changed is None or await state.documents.save(at, before, changed):
            return (result,)


async def _reachable(state: State, scope: Scope, document: str) -> SupportingDocument:
    before = await state.documents.one(scope, document)
    town = await state.towns.get(scope.town)
    if before is None:
        raise not_found(_WHAT)
    known = document_in(before)
    if not may_read(scope, type_of(town, known.type)):
        raise not_found(_WHAT)
    if isinstance(scope, FamilyScope):
        mine = [one for one, _ in await of_bearer(state, scope) if sees(scope, one, known.about)]
        if not mine:
            raise not_found(_WHAT)
        if not any(may_act_on(scope, one, known.about) for one in mine):
            raise forbidden("Vous n'avez pas ce droit pour cet enfant.")
    return known


async def kind_for(state: State, scope: Scope, asked: str, about: About) -> DocumentType:
    """The type asked for, when it is about such a one and the bearer may act for them.

    Raises ``Refused``: ``document-not-asked``, 403, 404.
    """
    town = await state.towns.get(scope.town)
    kind = town.file.document_type(asked)
    if kind is None:
        raise Refused(
            "document-not-asked", "La commune ne demande pas ce document.", status=422,
            field="/type",
        )  # fmt: skip
    family, _ = await family_of(state, scope, about.family)
    given = "child" if about.child else "guardian" if about.guardian else "family"
    if given != kind.about or (about.child and about.guardian):
        raise Refused(
            "document-not-asked",
            f"Le document « {kind.name} » est demandé pour {_ABOUT[kind.about]}.",
            status=422,
            field="/type",
        )
    members = {one.id for one in family.children} | {one.id for one in family.guardians}
    if {about.child, about.guardian} - {None} - members:
        raise not_found("cette personne")
    if isinstance(scope, FamilyScope) and not may_act_on(scope, family, about):
        raise forbidden("Vous n'avez pas ce droit pour cet enfant.")
    if not may_read(scope, kind):
        raise forbidden()
    return kind


_ABOUT = {"family": "la famille", "child": "un enfant", "guardian": "un responsable"}
