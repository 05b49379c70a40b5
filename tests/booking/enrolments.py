"""What tests about enrolment share: a town with a group, and the acts of families and agents."""

from __future__ import annotations

from typing import Any

from shared.contracts.family import DocumentChanged
from shared.contracts.town_file import TownFile
from tests.samples import API, Household, activity, town_file
from tests.world import Answer, World, eventually

WINDOW = {"opens": "2026-06-01T08:00", "closes": "2026-09-30T23:59"}


def group(**changes: Any) -> dict[str, Any]:
    """The canteen's group of the school year, open since June."""
    return {
        "id": "cantine-2026",
        "name": "Cantine",
        "period": "année 2026-2027",
        "activities": ["cantine"],
        "first": "2026-09-01",
        "last": "2027-07-02",
        "windows": [WINDOW],
        "decision": "agent",
        "source": "test",
    } | changes


def enrolling_town(*groups: dict[str, Any], **changes: Any) -> TownFile:
    """A town whose canteen and after-school care decide by themselves, with these groups."""
    care = [activity(name, decision="automatic") for name in ("cantine", "garderie")]
    return town_file(**{"activities": care, "enrolments": list(groups) or [group()]} | changes)


def enrolling(home: Household, child: int = 0, **changes: Any) -> dict[str, Any]:
    """The body that enrols a child in the canteen."""
    about = {"family": home.id, "child": home.children[child], "group": "cantine-2026"}
    return about | changes


def weekly(*weekdays: str, **changes: Any) -> dict[str, Any]:
    """The canteen on these days of every week."""
    one = {"activity": "cantine", "weekdays": list(weekdays), "units": ["unit"]} | changes
    return {"pattern": "weekly", "weekly": [one]}


async def send(
    world: World, home: Household, body: dict[str, Any] | None = None, *, key: str | None = None,
    token: str | None = None,
) -> Answer:  # fmt: skip
    """POST an enrolment, whatever comes of it."""
    return await world.call(
        "POST", f"{API}/{home.town}/enrolments", token=token or home.token(world),
        json=body or enrolling(home), key=key,
    )  # fmt: skip


async def enrolled(world: World, home: Household, body: dict[str, Any] | None = None) -> str:
    """The id of an enrolment that was sent."""
    answer = await send(world, home, body)
    assert answer.status == 201, answer.json
    return str(answer.json["id"])


async def answer_all(
    world: World, decisions: list[tuple[str, str | None]], *, key: str | None = None,
    agent: str | None = None, town: str = "veyras",
) -> Answer:  # fmt: skip
    """POST decisions as an agent: (enrolment, reason), where a reason means refused."""
    body = [
        {"enrolment": one, "outcome": "refused" if reason else "accepted", "reason": reason}
        for one, reason in decisions
    ]
    token = agent or world.token(town, roles=("childcare_office",))
    return await world.call(
        "POST", f"{API}/{town}/enrolment-decisions", token=token, json={"decisions": body}, key=key
    )


async def accept(world: World, *enrolments: str) -> None:
    """An agent accepts them."""
    answer = await answer_all(world, [(one, None) for one in enrolments])
    assert [one["result"] for one in answer.json["results"]] == ["accepted"] * len(enrolments)


async def groups_of(world: World, home: Household, child: int = 0) -> dict[str, dict[str, Any]]:
    """The groups as they stand for a child, by id."""
    about = f"family={home.id}&child={home.children[child]}"
    answer = await world.call(
        "GET", f"{API}/{home.town}/enrolments?{about}", token=home.token(world)
    )
    assert answer.status == 200, answer.json
    return {one["id"]: one for one in answer.json["items"]}


async def enrolment(world: World, home: Household, _id: str) -> dict[str, Any]:
    """An enrolment as the family sees it now."""
    answer = await world.call("GET", f"{API}/{home.town}/enrolments/{_id}", token=home.token(world))
    assert answer.status == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


async def say_documents(world: World, home: Household, **changes: Any) -> None:
    """Family keeps ``a`` (assurance) and ``b`` and ``c`` (vaccins), of the first child."""
    for name, kind in (("a", "assurance"), ("b", "vaccins"), ("c", "vaccins")):
        fields = {
            "document": name * 32, "family": home.id, "child": home.children[0],
            "document_type": kind, "state": "pending",
        }  # fmt: skip
        event = DocumentChanged.model_validate(fields | changes)
        await world.say(event, f"documents/{event.document}")
    documents = world.state("booking").documents

    async def heard() -> bool:
        known = await documents.of("veyras", [name * 32 for name in "abc"])
        return len(known) == 3 and all(
            getattr(one, field) == value
            for one in known.values()
            for field, value in changes.items()
            if field != "valid_until"
        )

    await eventually(heard, what="documents heard of")
