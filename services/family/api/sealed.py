"""Routes of what is kept sealed, and of who read it."""

from __future__ import annotations

from services.family.api.households import HEALTH, READERS
from services.family.queries import sealed
from services.family.queries.sites import children_at
from services.family.schemas.dossiers import AttendingList, BankOut, HealthOut, ReadsPage
from services.family.state import State
from shared.auth import FAMILY, agents, either
from shared.contracts.dossier import REACH
from shared.web.routes import Call, NoBody, NoQuery, PageQuery, Route

#: Whom sites bind: an agent of the whole town searches families.
_DIRECTOR = agents("centre_director")
_BANK = agents(*(REACH["bank"].roles or ()))


async def health_sheet(state: State, call: Call[NoBody, NoQuery]) -> HealthOut:
    """A child's health sheet."""
    path = call.path
    return await sealed.health(state, call.scope, call.known_bearer, path["family"], path["child"])


async def attending(state: State, call: Call[NoBody, NoQuery]) -> AttendingList:
    """The children at the bearer's sites."""
    items = await children_at(state, call.agent_scope, call.known_bearer)
    return AttendingList(items=tuple(items))


async def bank_details(state: State, call: Call[NoBody, NoQuery]) -> BankOut:
    """A guardian's bank details."""
    path = call.path
    return await sealed.bank(state, call.scope, call.known_bearer, path["family"], path["guardian"])


async def reads(state: State, call: Call[NoBody, PageQuery]) -> ReadsPage:
    """Who read them."""
    items, following = await sealed.reads(
        state, call.scope, call.path["family"], call.query.after, call.query.limit
    )
    return ReadsPage(items=tuple(items), next=following)


ROUTES = [
    Route(
        "GET", "/families/{family}/children/{child}/health-sheet", health_sheet,
        "A child's health sheet, with what waits; each reading is recorded",
        access=either(FAMILY, HEALTH), answer=HealthOut,
    ),
    Route(
        "GET", "/attending-children", attending,
        "The children at the agent's own sites, and who has allergies or a care plan; recorded",
        access=_DIRECTOR, answer=AttendingList,
    ),
    Route(
        "GET", "/families/{family}/guardians/{guardian}/bank-details", bank_details,
        "A guardian's bank details, the IBAN masked; each reading is recorded",
        access=either(FAMILY, _BANK), answer=BankOut,
    ),
    Route(
        "GET", "/families/{family}/sensitive-reads", reads,
        "Who read the family's health sheets and bank details",
        access=either(FAMILY, READERS), answer=ReadsPage, query=PageQuery,
    ),
]  # fmt: skip
