"""What tests of booking share."""

from __future__ import annotations

from typing import Any, TypeVar

from services.booking.schemas import Planning
from shared.events import Event
from tests.samples import API, Household
from tests.world import Answer, World

EventT = TypeVar("EventT", bound=Event)


async def said(world: World, contract: type[EventT]) -> list[EventT]:
    """The events of one type that wait in notify's queue, which nobody empties here."""
    events = await world.queued("notify")
    return [contract.model_validate(e.data) for e in events if e.type == contract.type]


async def try_ask(
    world: World, household: Household, body: dict[str, Any], *, key: str | None = None,
    token: str | None = None,
) -> Answer:  # fmt: skip
    """POST a request, whatever comes of it."""
    return await world.call(
        "POST", f"{API}/{household.town}/requests", token=token or household.token(world),
        json=body, key=key,
    )  # fmt: skip


async def recap(world: World, household: Household, body: dict[str, Any]) -> Answer:
    """POST a recap."""
    return await world.call(
        "POST", f"{API}/{household.town}/recaps", token=household.token(world), json=body
    )


async def seen(world: World, household: Household, request: str) -> dict[str, Any]:
    """A request as the family sees it now."""
    answer = await world.call(
        "GET", f"{API}/{household.town}/requests/{request}", token=household.token(world)
    )
    assert answer.status == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


async def planning(
    world: World, household: Household, first: str, last: str, *, child: int = 0
) -> dict[tuple[str, str], dict[str, Any]]:
    """The planning's entries by activity and date."""
    answer = await world.call(
        "GET",
        f"{API}/{household.town}/planning?family={household.id}"
        f"&child={household.children[child]}&first={first}&last={last}",
        token=household.token(world),
    )
    assert answer.status == 200, answer.json
    assert Planning.model_validate(answer.json).model_dump(mode="json") == answer.json
    return {(entry["activity"], entry["date"]): entry for entry in answer.json["entries"]}


async def session(world: World, day: str, activity: str = "cantine") -> dict[str, Any]:
    """A session as it is stored."""
    found = await world.store("booking").get("sessions", f"veyras/{activity}/{day}")
    assert found is not None
    return found


def holds(document: dict[str, Any]) -> int:
    """How many places of a session are held."""
    return sum(len(units) for units in document["holders"].values())


async def states(world: World, household: Household, request: str) -> list[str]:
    """The states of a request's lines."""
    return [line["state"] for line in (await seen(world, household, request))["lines"]]
