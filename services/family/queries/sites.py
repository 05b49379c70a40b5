"""Where children are: their schools, and the sites of the activities that they are accepted for,
by what booking says of their requests (``store.feed``)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from zoneinfo import ZoneInfo

from services.family.domain.health import good
from services.family.domain.household import Child, Family
from services.family.domain.sites import about_at, sites_of
from services.family.queries.dossiers import Sheet, sheet_of
from services.family.schemas.dossiers import AttendingOut
from services.family.state import State
from shared.auth import AgentScope, Bearer, Scope
from shared.contracts.town_file import TownFile
from shared.errors import not_found


async def attended(state: State, town: str, children: Collection[Child]) -> set[str]:
    """The sites where these children are, today or on a day to come: schools by id, and what
    activities name as their site."""
    if not children:
        return set()
    file = (await state.towns.get(town)).file
    today = _today(state, file)
    ids = {_id for child in children for _id in child.ids}
    about = await state.feed.accepted(town, ids, today)
    return sites_of(file, children, about, today)


def over(scope: Scope, family: str) -> Scope:
    """The scope over one family: what an agent bound to sites sees of it, ``check_site`` says."""
    if isinstance(scope, AgentScope) and scope.sites is not None:
        return scope.at({"_id": family})
    return scope


async def check_site(state: State, scope: Scope, family: Family, child: str) -> None:
    """Refuse (404) a child who is at none of the sites that an agent is bound to."""
    if not isinstance(scope, AgentScope) or scope.sites is None:
        return
    found = [one for one in family.children if one.id == child]
    if not scope.sites & await attended(state, scope.town, found):
        raise not_found("cette personne")


async def children_at(state: State, scope: AgentScope, bearer: Bearer) -> list[AttendingOut]:
    """The children at the sites that an agent is bound to, by name. That there is something of
    health to read is health data itself: it is recorded as read. Raises ``StoreUnavailable``."""
    sites = scope.sites or frozenset()
    file = (await state.towns.get(scope.town)).file
    today = _today(state, file)
    families, accepted = await state.feed.accepted_for(
        scope.town, about_at(file, sites, today), today
    )
    found: list[AttendingOut] = []
    for held in await state.families.at_sites(scope, sites, families):
        sheet = await sheet_of(state, scope, held)
        for child in sheet.family.children:
            about = {one for _id in child.ids for one in accepted.get(_id, ())}
            if where := sites & sites_of(file, [child], about, today):
                found.append(_attending(sheet, child, where, today))
    if signed := sorted({one.family for one in found if one.allergies or one.care_plan}):
        await state.audit.sensitive_reads(bearer, "health_signs", signed)
    return sorted(found, key=lambda one: (one.last_name, one.first_name, one.child))


def _attending(sheet: Sheet, child: Child, where: Collection[str], today: date) -> AttendingOut:
    fields = sheet.member("child", child.id, frozenset({"health"})).fields
    told = {one.name for one in fields if one.filled}
    schools = {one.id: one.name for one in sheet.file.schools}
    return AttendingOut(
        family=sheet.family.id, child=child.id, first_name=child.first_name,
        last_name=child.last_name, birth_date=child.birth_date,
        sites=tuple(sorted({schools.get(one, one) for one in where})),
        allergies="allergies" in told, care_plan="care_plan" in told,
        certified=good(child.health_certificate, today),
    )  # fmt: skip


def _today(state: State, file: TownFile) -> date:
    return state.clock.town().astimezone(ZoneInfo(file.time_zone)).date()
