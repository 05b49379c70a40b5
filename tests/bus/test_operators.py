"""What an operator does: looks at held events, tries or drops them, has copies rebuilt."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
import pytest

from deploy.demo.generator import generate
from services.family.commands.importing import import_families
from services.identity.commands.agents import create_active_account
from services.identity.commands.towns import load_town
from services.identity.domain.accounts import Person
from services.registry import BUILDS
from shared.bus.consumer import HELD
from shared.contracts.booking import BookingRequested
from shared.contracts.family import FamilyChanged
from shared.events import Envelope
from shared.ids import new_id
from shared.store import Document
from tests.operators import preau
from tests.samples import town_file
from tests.world import START, StartWorld, World, eventually

COPIES = {
    "booking": ("copy_keys", "copy_towns", "copy_families"),
    "notify": ("copy_keys", "copy_families", "contacts", "progress"),
}


@pytest.fixture
async def running(start_world: StartWorld) -> AsyncIterator[World]:
    async with start_world(BUILDS, smtp_url="smtp://127.0.0.1:9") as it:
        yield it


async def _copies(running: World) -> dict[str, list[Document]]:
    """Every copy as it stands, without how recent it is (nor how far the town's clock went)."""
    return {
        f"{service}.{name}": [
            {key: value for key, value in copy.items() if key not in {"heard", "v", "instant"}}
            for copy in await running.store(service).find(name, {}, sort=[("_id", 1)])
        ]
        for service, names in COPIES.items()
        for name in names
    }


async def test_emptied_copies_are_rebuilt(running: World) -> None:
    identity = running.state("identity")
    for town in ("veyras", "andancette"):
        await load_town(identity, town_file(town=town, name=town.capitalize()))
    person = Person(first_name="Camille", last_name="Martin")
    account = await create_active_account(
        identity, "veyras", "camille.martin", "camille@example.org", person, "quatre chevaux verts"
    )
    family = running.state("family")
    await eventually(lambda: family.towns.find("veyras"))
    text = generate(7, "veyras", "tilleuls", 40)
    assert (await import_families(family, "veyras", text.encode())).stored

    async def complete() -> dict[str, list[Document]] | None:
        copies = await _copies(running)
        counts = {name: len(found) for name, found in copies.items()}
        full = {
            "booking.copy_keys": 1, "booking.copy_towns": 2, "booking.copy_families": 40,
            "notify.copy_keys": 1, "notify.copy_families": 40, "notify.contacts": 1,
            "notify.progress": 2,
        }  # fmt: skip
        return copies if counts == full else None

    before = await eventually(complete, what="every copy is there")
    assert before["notify.contacts"][0]["account"] == account

    for service, names in COPIES.items():
        for name in names:
            await running.store(service)._database[name].delete_many({})
    for service, documents in (("identity", 4), ("family", 40), ("booking", 2)):
        said = await preau("republish", service)
        assert said.output == f"{documents} documents said again\n"
    assert await eventually(complete, what="every copy is back") == before


async def test_one_town_is_rebuilt_and_newer_copies_stay(running: World) -> None:
    identity = running.state("identity")
    for town in ("veyras", "andancette"):
        await load_town(identity, town_file(town=town, name=town.capitalize()))

    async def heard() -> dict[str, int]:
        copies = await running.store("booking").find("copy_towns", {})
        return {copy["_id"]: copy["heard"] for copy in copies}

    async def both() -> bool:
        return len(await heard()) == 2

    await eventually(both)
    said = await preau("republish", "identity", "--town", "veyras")
    assert said.output == "1 documents said again\n"

    async def only_veyras() -> bool:
        return await heard() == {"veyras": 2, "andancette": 1}

    await eventually(only_veyras)
    assert (await preau("republish", "nothing")).exit_code != 0


async def _unhandled(running: World) -> Envelope:
    """A request of a family that notify has never heard of, given up."""
    event = BookingRequested(
        request=new_id(), number="2026-000001", family=new_id(), account=new_id(),
        channel="online", requested_at=START, periods=(), lines=(), not_retained=(),
    )  # fmt: skip
    said = await running.say(event, f"requests/{event.request}")
    store = running.store("notify")
    await eventually(lambda: store.get(HELD, said.id))
    # It is tried once more right after it is held: its last word must not come after ours.
    notify = running.of("notify")
    await notify.consumer.drain(within=10)
    await store._database[HELD].update_one({"_id": said.id}, {"$set": {"state": "parked"}})
    return said


async def test_a_parked_event_is_listed_shown_tried_again_and_dropped(running: World) -> None:
    said = await _unhandled(running)
    nothing = await preau("parked", "list", "--service", "booking")
    assert nothing.output == ""
    listed = await preau("parked", "list", "--service", "notify", "--town", "veyras")
    assert listed.output.startswith(f"{said.id}\t")
    assert said.type in listed.output

    shown = orjson.loads((await preau("parked", "show", "--service", "notify", said.id)).output)
    assert shown["body"]["data"]["number"] == "2026-000001"
    assert shown["state"] == "parked"

    retried = await preau("parked", "retry", "--service", "notify", said.id)
    assert retried.exit_code == 0
    store = running.store("notify")

    async def waits_again() -> bool:
        held = await store.get(HELD, said.id)
        return held is not None and held["state"] == "waiting"

    await eventually(waits_again, what="tried by the running service, still lacking its copy")
    waiting = await preau("parked", "list", "--service", "notify", "--all")
    assert "\twaiting\t" in waiting.output

    refused = await preau("parked", "drop", "--service", "notify", said.id)
    assert refused.exit_code == 1, "what still waits is not given up by mistake"
    await store._database[HELD].update_one({"_id": said.id}, {"$set": {"state": "parked"}})
    dropped = await preau("parked", "drop", "--service", "notify", "--all")
    assert dropped.exit_code == 0
    assert await store.get(HELD, said.id) is None
    gone = await preau("parked", "show", "--service", "notify", said.id)
    assert gone.exit_code == 1


async def test_what_cannot_be_read_is_parked_again_when_tried_again(running: World) -> None:
    family = FamilyChanged(family=new_id(), reference="1", guardians=(), children=())
    said = await running.say(family, f"families/{family.family}")
    store = running.store("booking")
    unreadable = {"state": "parked", "body": b"{", "reason": "x", "since": said.time}
    await store._database[HELD].insert_one(
        {"_id": "021fb596db81e6d02bf3d2586ee3981f", **unreadable}
    )
    await preau("parked", "retry", "--service", "booking", "--all")

    async def parked_again() -> bool:
        held = await store.find(HELD, {})
        return [(one["state"], one["reason"]) for one in held] == [
            ("parked", "not a CloudEvent: JSONDecodeError")
        ]

    await eventually(parked_again)
