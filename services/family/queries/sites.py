"""Where children are: their schools, and the sites of the activities that they are accepted for,
by what booking says of their requests (``store.feed``)."""

from __future__ import annotations

from collections.abc import Collection
from zoneinfo import ZoneInfo

from services.family.domain.household import Child, Family
from services.family.domain.sites import sites_of
from services.family.state import State
from shared.auth import AgentScope, Scope
from shared.errors import not_found


async def attended(state: State, town: str, children: Collection[Child]) -> set[str]:
    """The sites where these children are, today or on a day to come: schools by id, and what
    activities name as their site."""
    if not children:
        return set()
    file = (await state.towns.get(town)).file
    today = state.clock.town().astimezone(ZoneInfo(file.time_zone)).date()
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
