"""Routes of households: a guardian's own, an agent's search."""

from __future__ import annotations

from services.family.commands import founding
from services.family.domain.household import Child, Family, Guardian
from services.family.queries import households
from services.family.schemas.households import (
    AlikeOut,
    Asked,
    DuplicatesOut,
    FamiliesOut,
    FamilyLine,
    FamilyOut,
    HouseholdOut,
    HouseholdsOut,
    NamesOf,
    NamesOut,
    Search,
)
from services.family.schemas.registrations import FamilyIn
from services.family.state import State
from shared.auth import FAMILY, agents, either
from shared.contracts.dossier import REACH
from shared.web.routes import Call, NoBody, NoQuery, Route, Versioned

#: Agents who read dossiers, each as far as their role does.
READERS = agents("administrator", "billing_office", "childcare_office", "read_only")
#: Agents who read lists that name families, those of money too.
NAMERS = agents(*READERS.roles, "collection_officer")
#: Agents who read health sheets; a centre's director, of the children at its sites.
HEALTH = agents(*(REACH["health"].roles or ()))


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


async def names_of_families(state: State, call: Call[NoBody, Asked]) -> NamesOut:
    """What a list of requests, of payments … calls these families and their people."""
    found = await households.named(state, call.agent_scope, call.query.family)
    for family in found:
        call.act.concerns(family=family.id)
    return NamesOut(
        items=tuple(
            NamesOf.model_validate(
                {
                    "family": one.id, "reference": one.reference,
                    "guardians": [_named(guardian) for guardian in one.guardians],
                    "children": [_named(child) for child in one.children],
                }
            )
            for one in found
        )
    )  # fmt: skip


async def make_family(state: State, call: Call[FamilyIn, NoQuery]) -> FamilyOut:
    """A record made at the desk."""
    body = call.body
    made = await founding.found(
        state, call.agent_scope, body.reference, body.dossier, body.apart_from, call.known_command
    )
    call.act.concerns(family=made.id)
    seen, _ = await households.family_of(state, call.scope, made.id)
    return FamilyOut.of(seen)


async def one_family(state: State, call: Call[NoBody, NoQuery]) -> Versioned:
    """One family, by its id."""
    family, version = await households.family_of(state, call.scope, call.path["family"])
    return Versioned(FamilyOut.of(family), version)


async def find_duplicates(state: State, call: Call[NoBody, NoQuery]) -> DuplicatesOut:
    """Records that look like this one."""
    family, _ = await households.family_of(state, call.agent_scope, call.path["family"])
    found = await households.alike(state, call.agent_scope, family)
    return DuplicatesOut(
        duplicates=tuple(
            AlikeOut(
                family=_line(other), points=how.points,
                reasons=tuple(reason.words for reason in how.reasons),
            )
            for other, how in found
        )
    )  # fmt: skip


def _named(member: Guardian | Child) -> dict[str, str]:
    return {"id": member.id, "first_name": member.first_name, "last_name": member.last_name}


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
        "GET", "/families", search_families,
        "Search by reference, name, telephone, e-mail, birth date",
        access=READERS, answer=FamiliesOut, query=Search,
    ),
    Route(
        "GET", "/family-names", names_of_families,
        "What these families and their people are called, for lists",
        access=NAMERS, answer=NamesOut, query=Asked,
    ),
    Route(
        "POST", "/families", make_family,
        "Make a family's record at the desk; those that look like it are proposed first",
        access=agents("administrator", "childcare_office"), answer=FamilyOut, body=FamilyIn,
        status=201, idempotent=True, max_body=256 * 1024,
        refusals=("possible-duplicates", "reference-taken", "incomplete", "field-unknown",
                  "child-known", "collector-too-young", "file-unknown",
                  "idempotency-key-reused"),
    ),
    Route(
        "GET", "/families/{family}", one_family, "A family, as its reader may see it",
        access=either(FAMILY, READERS), answer=FamilyOut, versioned=True,
    ),
    Route(
        "GET", "/families/{family}/duplicates", find_duplicates,
        "Other records that may be the same family's, and why",
        access=READERS, answer=DuplicatesOut,
    ),
]  # fmt: skip
