"""Routes of letters to the town."""

from __future__ import annotations

from typing import Any

from services.family.api.documents import shown_document
from services.family.api.uploads import KEPT
from services.family.commands import letters as commands
from services.family.domain.letters import Letter
from services.family.queries import letters as queries
from services.family.schemas.documents import DocumentOut
from services.family.schemas.letters import (
    CategoriesOut,
    LetterDocumentIn,
    LetterIn,
    LetterLine,
    LetterOut,
    LetterPage,
    LettersQuery,
    LetterStateIn,
    MessageIn,
    MessageOut,
    ReadingIn,
)
from services.family.schemas.uploads import FileOut
from services.family.state import State
from shared.auth import ACCOUNT, FAMILY, AgentScope, Scope, agents, either
from shared.copies import Town
from shared.web.routes import Call, File, NoBody, NoQuery, Route

_OFFICE = agents("administrator", "childcare_office", "billing_office")


async def letter_categories(state: State, call: Call[NoBody, NoQuery]) -> CategoriesOut:
    """What one may write about."""
    return CategoriesOut(items=tuple(await queries.categories(state, call.town)))


async def list_letters(state: State, call: Call[NoBody, LettersQuery]) -> LetterPage:
    """A guardian's letters, or the town's."""
    scope, wanted = call.scope, call.query
    only = queries.Filter(wanted.state, wanted.category, wanted.family, wanted.unread)
    if isinstance(scope, AgentScope):
        found = await queries.of_town(state, scope, only, wanted.after, wanted.limit)
    else:
        found = await queries.own(state, scope, only, wanted.after, wanted.limit)
    town = await state.towns.get(call.town)
    return LetterPage(
        items=tuple(LetterLine(**_line(town, one, scope)) for one in found),
        next=found[-1].id if len(found) == wanted.limit else None,
    )


async def write_letter(state: State, call: Call[LetterIn, NoQuery]) -> LetterOut:
    """A letter."""
    written = await commands.write(state, call.family_scope, call.body, call.known_command)
    return await _shown(state, written, call.scope)


async def one_letter(state: State, call: Call[NoBody, NoQuery]) -> LetterOut:
    """A letter with its thread."""
    found = await queries.one_of(state, call.scope, call.path["letter"])
    return await _shown(state, found, call.scope)


async def add_message(state: State, call: Call[MessageIn, NoQuery]) -> LetterOut:
    """The family goes on, or the town answers."""
    after = await commands.add(
        state, call.scope, call.path["letter"], call.body, call.known_command
    )
    return await _shown(state, after, call.scope)


async def read_letter(state: State, call: Call[ReadingIn, NoQuery]) -> LetterOut:
    """What was written has been read."""
    after = await commands.mark_read(state, call.scope, call.path["letter"])
    return await _shown(state, after, call.scope)


async def move_letter(state: State, call: Call[LetterStateIn, NoQuery]) -> LetterOut:
    """Taken up, or settled."""
    after = await commands.move(state, call.agent_scope, call.path["letter"], call.body.state)
    return await _shown(state, after, call.scope)


async def letter_file(state: State, call: Call[NoBody, NoQuery]) -> File:
    """An attachment."""
    return await queries.file_of(state, call.scope, call.path["letter"], call.path["file"])


async def letter_document(state: State, call: Call[LetterDocumentIn, NoQuery]) -> DocumentOut:
    """An attachment kept as a supporting document."""
    kept = await commands.attach_as_document(
        state, call.agent_scope, call.path["letter"], call.body, call.known_command
    )
    return await shown_document(state, kept, call.scope)


async def _shown(state: State, letter: Letter, scope: Scope) -> LetterOut:
    by_agent = isinstance(scope, AgentScope)
    return LetterOut(
        **_line(await state.towns.get(scope.town), letter, scope),
        guardian=letter.guardian,
        shared=letter.shared,
        fields=dict(letter.fields),
        thread=tuple(
            MessageOut(
                message=one.id, side=one.side, at=one.at, text=one.text,
                files=tuple(FileOut.of(file) for file in one.files),
                agent=one.account if by_agent and one.side == "town" else None,
            )
            for one in letter.messages
        ),
    )  # fmt: skip


def _line(town: Town, letter: Letter, scope: Scope) -> dict[str, Any]:
    by_agent = isinstance(scope, AgentScope)
    return {
        "letter": letter.id, "family": letter.family, "child": letter.child,
        "category": letter.category,
        "subject": queries.category_of(town, letter.category).label, "state": letter.state,
        "sent_at": letter.messages[0].at, "last_at": letter.last.at,
        "unread": letter.unread if by_agent else letter.unread_by(scope.account),
        "messages": len(letter.messages),
    }  # fmt: skip


_READERS = either(FAMILY, _OFFICE)
_REPEATED = ("idempotency-key-reused", "file-unknown")

ROUTES = [
    Route(
        "GET", "/letter-categories", letter_categories,
        "What families may write about, with the form of each",
        access=either(ACCOUNT, _OFFICE), answer=CategoriesOut,
    ),
    Route(
        "GET", "/letters", list_letters, "A guardian's letters, or those an agent deals with",
        access=_READERS, answer=LetterPage, query=LettersQuery,
    ),
    Route(
        "POST", "/letters", write_letter, "Write to the town",
        access=FAMILY, answer=LetterOut, body=LetterIn, status=201, idempotent=True,
        refusals=("category-unknown", "attachment-missing", "attachment-not-asked", *_REPEATED),
    ),
    Route(
        "GET", "/letters/{letter}", one_letter, "A letter with its thread",
        access=_READERS, answer=LetterOut,
    ),
    Route(
        "POST", "/letters/{letter}/messages", add_message,
        "Go on writing, or answer for the town",
        access=_READERS, answer=LetterOut, body=MessageIn, status=201, idempotent=True,
        refusals=("letter-closed", "letter-too-long", *_REPEATED),
    ),
    Route(
        "POST", "/letters/{letter}/reading", read_letter, "Mark what was written as read",
        access=_READERS, answer=LetterOut, body=ReadingIn, idempotent=True,
    ),
    Route(
        "POST", "/letters/{letter}/state", move_letter, "Take a letter up, or settle it",
        access=_OFFICE, answer=LetterOut, body=LetterStateIn, idempotent=True,
    ),
    Route(
        "GET", "/letters/{letter}/files/{file}", letter_file, "An attachment of a letter",
        access=_READERS, answer=KEPT,
    ),
    Route(
        "POST", "/letters/{letter}/documents", letter_document,
        "Keep an attachment as a supporting document, without sending it again",
        access=agents("administrator", "childcare_office"), answer=DocumentOut,
        body=LetterDocumentIn, status=201, idempotent=True, refusals=("document-not-asked",),
    ),
]  # fmt: skip
