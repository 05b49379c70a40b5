"""A dossier built on line: kept step by step, sent, compared, accepted or refused."""

from __future__ import annotations

from typing import Any

from services.family.commands.uploads import own_named
from services.family.domain.fields import rules_of
from services.family.domain.household import Family
from services.family.domain.kinds import Setting
from services.family.domain.named_files import drafted_files
from services.family.domain.parts import Author
from services.family.domain.registration import Draft, built, empty
from services.family.domain.work import Actor, Work
from services.family.schemas.registrations import DraftIn
from services.family.state import State
from shared.auth import AgentScope, FamilyScope
from shared.contracts.family import RegistrationDecided, RegistrationSent
from shared.errors import Refused, not_found
from shared.ids import derived_id
from shared.store import Document

#: Under which name a form is sealed.
FORM = "draft"
EMPTY = DraftIn()


def registration_id(town: str, account: str) -> str:
    """An adult has one registration in a town."""
    return derived_id("registration", town, account)


async def mine(state: State, scope: FamilyScope) -> tuple[Document | None, DraftIn]:
    """The bearer's own registration and form."""
    found = await state.registrations.get(scope.town, registration_id(scope.town, scope.account))
    return found, draft_in(state, found) if found else EMPTY


async def keep(state: State, scope: FamilyScope, draft: DraftIn, base: int) -> None:
    """Keep the form as far as it is filled. ``base`` is the version seen (0: none); the same form
    again, on top of itself, changes nothing.

    Raises ``Refused``: ``already-sent``; ``changed-meanwhile`` (another tab).
    """
    registration = registration_id(scope.town, scope.account)
    before, held = await mine(state, scope)
    if before is not None and before["state"] in ("sent", "accepted"):
        raise Refused("already-sent", "Ce dossier est déjà envoyé.")
    if base != (before["v"] if before else 0):
        if before is not None and base == before["v"] - 1 and held == draft:
            return
        raise _changed()
    sealed = state.seal(registration, FORM, draft.model_dump(mode="json"))
    named = drafted_files(draft.household, draft.children)
    await own_named(state, scope, named)
    files = sorted({file for _, file in named})
    if not await state.registrations.keep_draft(
        scope.town, scope.account, registration, sealed, files, before
    ):
        raise _changed()
    gone = set(before.get("files", ()) if before else ()) - set(files)
    await state.uploads.remove_unnamed(sorted(gone))


async def send(state: State, scope: FamilyScope) -> None:
    """Send the form to the town; twice is once.

    Raises ``Refused``: ``not-found``, ``incomplete``, or what is wrong with the form.
    """
    before, draft = await mine(state, scope)
    if before is None:
        raise not_found("ce formulaire")
    if before["state"] in ("sent", "accepted"):
        return
    await _built(state, before, draft)
    now = state.clock.town()
    event = RegistrationSent(registration=before["_id"], account=scope.account, sent_at=now)
    if not await state.registrations.send(before, now, event):
        raise _changed()


async def foreseen(state: State, document: Document) -> Family:
    """The dossier that a registration would become. Raises ``Refused`` when it is not admitted."""
    return await _built(state, document, draft_in(state, document))


async def decide(
    state: State, scope: AgentScope, registration: str, *, accept: bool, reason: str | None
) -> Document:
    """The town's answer, given once; the registration after it. Accepted, the dossier is made.

    Raises ``Refused``: ``not-found``, ``not-sent``, ``reason-missing``, ``already-decided``.
    """
    document = await state.registrations.get(scope.town, registration)
    if document is None or document["state"] == "draft":
        raise not_found("cette demande")
    wanted = "accepted" if accept else "refused"
    if document["state"] != "sent":
        if document["state"] == wanted:
            return await finish(state, document)
        raise Refused("already-decided", "Cette demande a déjà reçu une réponse.")
    if not accept and not reason:
        raise Refused("reason-missing", "Un refus a un motif.", status=422, field="/reason")
    family = await _built(state, document, draft_in(state, document)) if accept else None
    now = state.clock.town()
    event = RegistrationDecided(
        registration=registration, account=document["account"], accepted=accept, reason=reason,
        family=family and family.id, guardian=family and family.guardians[0].id, decided_at=now,
        decided_by=scope.account,
    )  # fmt: skip
    fields: Document = {"state": wanted, "reason": reason, "decided_at": now,
                        "decided_by": scope.account}  # fmt: skip
    if accept:
        fields |= {"unfinished": True, "family": event.family}
    if not await state.registrations.decide(document, fields, event):
        raise Refused("already-decided", "Cette demande vient de changer. Relisez-la.")
    return await finish(state, {**document, **fields})


async def finish(state: State, document: Document) -> Document:
    """Make the dossier of an accepted registration, if it is not there yet."""
    if document.get("unfinished"):
        family = await _built(state, document, draft_in(state, document))
        await state.families.insert(family)
        await state.registrations.finish(document["_id"])
    return document


async def finish_all(state: State) -> None:
    """Make the dossiers that an interrupted process left to be made."""
    for document in await state.registrations.unfinished():
        await finish(state, document)


def draft_in(state: State, document: Document) -> DraftIn:
    """The form that a document holds; an empty one when it is forgotten."""
    if "draft" not in document:
        return EMPTY
    return DraftIn.model_validate(state.open(document["_id"], FORM, document["draft"]))


async def _built(state: State, document: Document, draft: DraftIn) -> Family:
    file = (await state.towns.get(document["town"])).file
    by = Author(account=document["account"])
    work = Work(
        family=empty(document["town"], document["_id"]), rules=rules_of(file.dossier),
        setting=Setting(file, state.clock.town(), by), actor=Actor(founding=True),
        seal=state.seal, open=state.open,
    )  # fmt: skip
    return built(work, document["_id"], form(draft))


def form(draft: DraftIn) -> Draft:
    """The form, for the rules: what is null is not filled."""

    def given(values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value is not None}

    return Draft(
        guardian=given(draft.guardian),
        second_guardian=draft.second_guardian and given(draft.second_guardian),
        children=[given(one) for one in draft.children],
        contacts=[(one.kind, given(one.values)) for one in draft.contacts],
        household=given(draft.household),
    )


def _changed() -> Refused:
    return Refused(
        "changed-meanwhile",
        "Ce formulaire a changé dans une autre fenêtre. Rechargez-le.",
        status=412,
    )
