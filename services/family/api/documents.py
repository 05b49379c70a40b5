"""Routes of supporting documents."""

from __future__ import annotations

from services.family.api.uploads import KEPT
from services.family.commands import documents as commands
from services.family.domain.documents import SupportingDocument, Wish
from services.family.queries import documents as queries
from services.family.queries.documents import Seen
from services.family.schemas.documents import (
    AskedOut,
    DocumentDecisionOut,
    DocumentDecisionsIn,
    DocumentDecisionsOut,
    DocumentIn,
    DocumentOut,
    DocumentPage,
    DocumentsOut,
    FamilyQuery,
    VersionOut,
    WaitingQuery,
    WithdrawalIn,
)
from services.family.schemas.uploads import FileOut
from services.family.state import State
from shared.auth import FAMILY, AgentScope, Scope, agents, either
from shared.contracts.town_file import DocumentType, TownFile
from shared.web.routes import Call, Empty, File, NoBody, NoQuery, Route

_READERS = agents("administrator", "billing_office", "childcare_office", "read_only")
_OFFICE = agents("administrator", "childcare_office")


async def family_documents(state: State, call: Call[NoBody, FamilyQuery]) -> DocumentsOut:
    """What is asked of a family, and what it has."""
    _, found = await queries.of_family(state, call.scope, call.query.family)
    town = (await state.towns.get(call.town)).file
    return DocumentsOut(
        asked=tuple(
            _asked(town, kind, found)
            for kind in town.document_types().values()
            if queries.may_read(call.scope, kind)
        ),
        items=tuple(_shown(one, call.scope) for one in found),
    )


async def one_document(state: State, call: Call[NoBody, NoQuery]) -> DocumentOut:
    """One document."""
    return await _one(state, call.scope, call.path["document"])


async def document_file(state: State, call: Call[NoBody, NoQuery]) -> File:
    """One of its files."""
    return await queries.file_of(
        state, call.scope, call.known_bearer, call.path["document"], call.path["file"]
    )


async def send_document(state: State, call: Call[DocumentIn, NoQuery]) -> DocumentOut:
    """A new document, or another in its place."""
    sent = await commands.send(state, call.scope, call.body, call.known_command)
    return await _one(state, call.scope, sent.id)


async def withdraw_document(state: State, call: Call[WithdrawalIn, NoQuery]) -> DocumentOut:
    """What waits for an answer, taken back."""
    taken = await commands.take_back(state, call.scope, call.path["document"])
    return await _one(state, call.scope, taken.id)


async def remove_document(state: State, call: Call[NoBody, NoQuery]) -> Empty:
    """A document's files, removed."""
    await commands.remove(state, call.agent_scope, call.path["document"])
    return Empty()


async def waiting_documents(state: State, call: Call[NoBody, WaitingQuery]) -> DocumentPage:
    """What waits for an agent."""
    wanted = call.query
    found = await queries.waiting(state, call.agent_scope, wanted.type, wanted.after, wanted.limit)
    return DocumentPage(
        items=tuple(_shown(one, call.scope) for one in found),
        next=found[-1].document.id if len(found) == wanted.limit else None,
    )


async def decide_documents(
    state: State, call: Call[DocumentDecisionsIn, NoQuery]
) -> DocumentDecisionsOut:
    """Many at once, each by itself: one that fails keeps no other back."""
    scope = call.agent_scope
    documents = [one.document for one in call.body.decisions]
    for about in await queries.abouts(state, scope, documents):
        call.act.concerns(family=about.family, child=about.child)
    results = [
        DocumentDecisionOut(
            document=one.document,
            result=await commands.decide(
                state, scope, one.document, Wish(**one.model_dump(exclude={"document"}))
            ),
        )
        for one in call.body.decisions
    ]
    return DocumentDecisionsOut(results=tuple(results))


async def shown_document(state: State, document: SupportingDocument, scope: Scope) -> DocumentOut:
    """A document that the bearer has just kept."""
    kind = queries.type_of(await state.towns.get(scope.town), document.type)
    return _shown(Seen(document, kind), scope)


async def _one(state: State, scope: Scope, document: str) -> DocumentOut:
    return _shown(await queries.one_of(state, scope, document), scope)


def _asked(town: TownFile, kind: DocumentType, found: list[Seen]) -> AskedOut:
    groups = [
        (group.title, asked.required)
        for group in town.enrolments
        for asked in group.documents
        if asked.id == kind.id
    ]
    return AskedOut(
        type=kind.id, title=kind.name, explanation=kind.explanation, about=kind.about,
        starred=kind.required or any(required for _, required in groups),
        activities=tuple(one.name for one in town.activities if one.id in kind.activities),
        enrolments=tuple(title for title, _ in groups),
        documents=tuple(one.document.id for one in found if one.kind.id == kind.id),
    )  # fmt: skip


def _shown(seen: Seen, scope: Scope) -> DocumentOut:
    document = seen.document
    return DocumentOut(
        document=document.id,
        **document.about.model_dump(),
        type=document.type,
        title=seen.kind.name,
        state=document.state,
        valid_until=document.standing.valid_until,
        versions=tuple(
            VersionOut(
                version=one.id,
                **one.model_dump(
                    include={
                        "state", "sent_at", "channel", "decided_at", "reason", "valid_until",
                    }
                ),
                agent=one.agent if isinstance(scope, AgentScope) else None,
                files=tuple(
                    FileOut.of(file) for file in queries.files_opened(scope, document, one)
                ),
            )
            for one in document.versions
        ),
    )  # fmt: skip


_SENT = ("document-not-asked", "file-unknown", "idempotency-key-reused", "forbidden")

ROUTES = [
    Route(
        "GET", "/documents", family_documents, "What the town asks of a family, and what it has",
        access=either(FAMILY, _READERS), answer=DocumentsOut, query=FamilyQuery,
    ),
    Route(
        "POST", "/documents", send_document, "Send a supporting document, or replace it",
        access=either(FAMILY, _OFFICE), answer=DocumentOut, body=DocumentIn, status=201,
        idempotent=True, refusals=_SENT,
    ),
    Route(
        "GET", "/documents/{document}", one_document, "A supporting document and its history",
        access=either(FAMILY, _READERS), answer=DocumentOut,
    ),
    Route(
        "GET", "/documents/{document}/files/{file}", document_file, "A file of a document",
        access=either(FAMILY, _READERS), answer=KEPT,
    ),
    Route(
        "POST", "/documents/{document}/withdrawal", withdraw_document,
        "Take back what waits for an answer; its files are removed",
        access=either(FAMILY, _OFFICE), answer=DocumentOut, body=WithdrawalIn, idempotent=True,
    ),
    Route(
        "DELETE", "/documents/{document}", remove_document,
        "Remove a document with its files, for good",
        access=_OFFICE, answer=Empty, status=204,
    ),
    Route(
        "GET", "/waiting-documents", waiting_documents, "Documents that wait for an agent",
        access=_OFFICE, answer=DocumentPage, query=WaitingQuery,
    ),
    Route(
        "POST", "/document-decisions", decide_documents, "Accept or refuse documents, many at once",
        access=_OFFICE, answer=DocumentDecisionsOut, body=DocumentDecisionsIn, idempotent=True,
    ),
]  # fmt: skip
