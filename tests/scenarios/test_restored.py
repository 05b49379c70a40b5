"""A service's database is restored from an older dump: the others believe it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.demo.generator import generate
from services.family.commands.importing import import_families
from services.identity.commands.agents import create_active_account
from services.identity.commands.towns import load_town
from services.identity.domain.accounts import Person
from services.identity.store.accounts import ACCOUNTS
from services.identity.store.towns import TOWNS
from services.notify.store.digests import timeline_of
from services.registry import BUILDS
from shared.failpoints import step
from shared.store import Document
from tests.operators import preau
from tests.samples import activity, places, town_file
from tests.world import StartWorld, World, eventually

ALTER = step("tests.restored.alter")


@pytest.fixture
async def running(start_world: StartWorld) -> AsyncIterator[World]:
    async with start_world(BUILDS, smtp_url="smtp://127.0.0.1:9") as it:
        yield it


async def dumped(running: World, service: str, *collections: str) -> dict[str, list[Document]]:
    """What ``mongodump`` would keep, once everything has been said."""
    store = running.store(service)

    async def all_said() -> bool:
        return not any([await store.pending(name, 1) for name in collections])

    await eventually(all_said, what=f"{service} has said everything")
    return {name: await store.find(name, {}) for name in collections}


async def restore(running: World, service: str, dump: dict[str, list[Document]]) -> None:
    """What ``mongorestore --drop`` does."""
    for name, documents in dump.items():
        collection = running.store(service)._database[name]
        await collection.delete_many({})
        await collection.insert_many(documents)


def rules(hour: int, capacity: int) -> Any:
    """A town file that shows in booking (places) and in notify (the hour of its digest)."""
    return town_file(
        digest={"at": [f"{hour}:00"]}, activities=[activity("cantine", places=places(capacity))]
    )


async def known(running: World) -> tuple[int, int, str] | None:
    """What notify and booking go by: the digest's hour, the capacity, and the adult's address."""
    town = await running.state("booking").towns.find("veyras")
    cut_offs = await running.store("notify").get("cut_offs", "veyras")
    contact = await running.store("notify").first("contacts", {"town": "veyras"})
    if not (town and cut_offs and contact):
        return None
    (cut_off,) = timeline_of(cut_offs)[-1].at
    return cut_off.hour, town.file.activities[0].places[0].capacity, contact["email"]


async def test_an_identity_restored_from_a_dump_is_believed_again(running: World) -> None:
    identity = running.state("identity")

    async def goes_by(*expected: object) -> None:
        async def so() -> bool:
            return await known(running) == expected

        await eventually(so, what=f"the others go by {expected}")

    await load_town(identity, rules(12, 10))
    account = await create_active_account(
        identity, "veyras", "camille.martin", "avant@example.org",
        Person(first_name="Camille", last_name="Martin"), "quatre chevaux verts",
    )  # fmt: skip
    await goes_by(12, 10, "avant@example.org")
    dump = await dumped(running, "identity", TOWNS, ACCOUNTS)

    await load_town(identity, rules(13, 13))
    await load_town(identity, rules(14, 14))
    await running.store("identity").change(
        ALTER, ACCOUNTS, account, {}, {"$set": {"email": "depuis@example.org"}}
    )
    for _ in range(3):
        assert (await preau("republish", "identity")).exit_code == 0
    await goes_by(14, 14, "depuis@example.org")

    for hour in (15, 16):  # the same dump, twice
        await restore(running, "identity", dump)
        await load_town(identity, rules(hour - 4, 1))
        assert await load_town(identity, rules(hour, hour)) == 3, "as the one that was lost"
        said = await preau("republish", "identity", "--restored")
        assert said == (0, "3 documents said again\n")
        await goes_by(hour, hour, "avant@example.org")
        await load_town(identity, rules(hour + 4, 7))
        await goes_by(hour + 4, 7, "avant@example.org")


async def test_families_imported_again_after_a_restoration_are_believed(running: World) -> None:
    await load_town(running.state("identity"), town_file())
    family = running.state("family")
    await eventually(lambda: family.towns.find("veyras"))
    before, after = (generate(seed, "veyras", "tilleuls", 10).encode() for seed in (1, 2))
    assert (await import_families(family, "veyras", before)).created == 10
    dump = await dumped(running, "family", "families")
    for content in (after, before, after):
        await import_families(family, "veyras", content)

    async def children(service: str, collection: str) -> dict[str, list[str]]:
        found = await running.store(service).find(collection, {})
        return {
            one["family"]: [child["first_name"] for child in one["children"]] for one in found
        }  # fmt: skip

    async def others_agree() -> bool:
        records = await children("family", "families")
        copies = [await children(name, "copy_families") for name in ("booking", "notify")]
        return all(copy == records for copy in copies)

    await eventually(others_agree)
    await restore(running, "family", dump)
    said = await preau("republish", "family", "--restored", "--town", "veyras")
    assert said.exit_code == 0
    await eventually(others_agree, what="the families of the dump are believed")
    await import_families(family, "veyras", after)
    await eventually(others_agree, what="and what becomes of them")
