"""Routes of households: a guardian's own, an agent's search."""

from __future__ import annotations

from services.family.domain.household import Family
from services.family.queries import households
from services.family.schemas.households import (
    FamiliesOut,
    FamilyLine,
    FamilyOut,
    HouseholdOut,
    HouseholdsOut,
    Search,
)
from services.family.state import State
from shared.auth import FAMILY, agents, either
from shared.web.routes import Call, NoBody, NoQuery, Route

#: Agents who read dossiers, each as far as their role does.
READERS = agents("administrator", "billing_office", "childcare_office", "read_only")


async def my_household(state: State, call: Call[NoBody, NoQuery]) -> HouseholdsOut:
    """The bearer's own households."""
    found = await households.of_bearer(state, call.family_scope)
    return HouseholdsOut(
        households=tuple(
            HouseholdOut(**FamilyOut.of(family).model_dump(), me=me) for family, me in found
        )
    )


async def search_families(state: State, call: Call[NoBody, Search]) -> FamiliesOut:
    """An agent's search."""
    found = await households.search(state, call.agent_scope, call.query.search)
    return FamiliesOut(families=tuple(_line(family) for family in found))


async def one_family(state: State, call: Call[NoBody, NoQuery]) -> FamilyOut:
    """One family, by its id."""
    seen, _ = await households.family_of(state, call.scope, call.path["family"])
    return FamilyOut.of(seen)


def _line(family: Family) -> FamilyLine:
    holder = next(one for one in family.guardians if one.role == "holder")
    return FamilyLine(
        family=family.id,
        reference=family.reference,
        holder=f"{holder.last_name} {holder.first_name}",
        children=tuple(f"{child.last_name} {child.first_name}" for child in family.children),
    )


ROUTES = [
    Route(
        "GET", "/household", my_household, "The bearer's households: adults, children, contacts",
        access=FAMILY, answer=HouseholdsOut,
    ),
    Route(
        "GET", "/families", search_families, "Search the town's families by reference or name",
        access=READERS, answer=FamiliesOut, query=Search,
    ),
    Route(
        "GET", "/families/{family}", one_family, "A family, as its reader may see it",
        access=either(FAMILY, READERS), answer=FamilyOut,
    ),
]  # fmt: skip
