"""What a fund says of a household's quotient familial, kept in its dossier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from services.family.commands.dossiers import Act, on_dossier
from services.family.domain.household import Family
from services.family.domain.received_quotients import ReceivedQuotient, households, receive
from services.family.domain.work import Work
from services.family.state import State
from services.family.store.families import family_in
from shared.auth import AgentScope, FamilyRight, FamilyScope, Scope
from shared.contracts.identity import QuotientReceived
from shared.ids import derived_id
from shared.logs import get_logger
from shared.web.routes import Command

_log = get_logger()


async def keep_quotient(state: State, event_id: str, said: QuotientReceived) -> None:
    """Propose the quotient, or accept it, in each dossier that it is about; once per event."""
    await state.towns.need(said.town)
    guardians = {one.family: one.guardian for one in said.families}
    documents = await state.families.of_ids(sorted(guardians))
    held = {
        family: found
        for family, document in documents.items()
        if (found := family_in(document)).guardian(guardians[family])
    }
    about = households(said.children, {family: _births(one) for family, one in held.items()})
    if not about:
        _log.warning("quotient-about-nobody", event_id=event_id, town=said.town)
    received = ReceivedQuotient(
        value=Decimal(said.value),
        effect=date.fromisoformat(f"{said.month}-01"),
        source="msa" if said.fund == "MSA" else "caf",
        certain=len(about) == 1,
    )
    for family in about:
        command = Command(derived_id("quotient", event_id, family), event_id)
        scope = _scope(said, family, guardians[family])
        await on_dossier(state, scope, family, _act(command.id, received), command)


def _act(request: str, received: ReceivedQuotient) -> Act:
    def act(work: Work) -> Mapping[str, Any]:
        receive(work, request, received)
        return {}

    return act


def _scope(said: QuotientReceived, family: str, guardian: str) -> Scope:
    """Who asked for it: the guardian, or an agent of the office that asks."""
    if said.how == "identity":
        return AgentScope(said.town, said.account, frozenset({"billing_office"}))
    return FamilyScope(said.town, said.account, (FamilyRight(family, guardian),))


def _births(family: Family) -> list[date]:
    return [child.birth_date for child in family.children]
