"""Dossiers built on line, as their author and agents see them."""

from __future__ import annotations

from services.family.commands import registering
from services.family.domain.registration import empty, missing
from services.family.domain.showing import Eyes
from services.family.domain.work import Actor
from services.family.queries.households import alike
from services.family.schemas.households import FamilyOut
from services.family.schemas.registrations import (
    LikenessOut,
    RegistrationCompared,
    RegistrationDecisionOut,
    RegistrationLine,
    RegistrationOut,
)
from services.family.state import State
from shared.auth import AgentScope, FamilyScope
from shared.errors import not_found


async def mine(state: State, scope: FamilyScope) -> RegistrationOut:
    """The bearer's own form; an empty one before the first step."""
    document, draft = await registering.mine(state, scope)
    rules = await state.rules(scope.town)
    return RegistrationOut(
        registration=registering.registration_id(scope.town, scope.account),
        state=document["state"] if document else "draft",
        version=document["v"] if document else 0,
        draft=draft,
        missing=tuple(missing(registering.form(draft), rules)),
        reason=document.get("reason") if document else None,
    )


async def waiting(
    state: State, scope: AgentScope, after: str | None, limit: int
) -> list[RegistrationLine]:
    """Those that wait for an answer. Raises ``Refused``: ``cursor-unknown``."""
    found = []
    for document in await state.registrations.sent(scope, after, limit):
        draft = registering.draft_in(state, document)
        first = draft.guardian
        found.append(
            RegistrationLine(
                registration=document["_id"], sent_at=document["sent_at"],
                holder=f"{first.get('last_name')} {first.get('first_name')}",
                children=len(draft.children),
            )
        )  # fmt: skip
    return found


async def compared(state: State, scope: AgentScope, registration: str) -> RegistrationCompared:
    """One beside the dossiers that it is like. Raises ``Refused`` (404)."""
    document = await state.registrations.get(scope.town, registration)
    if document is None or document["state"] != "sent":
        raise not_found("cette demande")
    family = await registering.foreseen(state, document)
    found = await alike(state, scope, family)
    eyes = Eyes(Actor(roles=scope.roles), await state.rules(scope.town))
    return RegistrationCompared(
        registration=registration, account=document["account"], state=document["state"],
        sent_at=document["sent_at"], dossier=FamilyOut.of(eyes.see(family)),
        candidates=tuple(
            LikenessOut(
                family=other.id, reference=other.reference, points=how.points,
                reasons=tuple(reason.words for reason in how.reasons),
            )
            for other, how in found
        ),
    )  # fmt: skip


async def decided(
    state: State, scope: AgentScope, registration: str, *, accept: bool, reason: str | None
) -> RegistrationDecisionOut:
    """What became of one that an agent decides."""
    document = await registering.decide(state, scope, registration, accept=accept, reason=reason)
    family = empty(scope.town, registration).id
    accepted = document["state"] == "accepted"
    return RegistrationDecisionOut(
        registration=registration, state=document["state"], family=family if accepted else None
    )
