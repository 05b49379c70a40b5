"""Several replicas, steps repeated and interleaved: each outcome in exactly one digest."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from deploy.local.mailbox import Mailbox
from services.notify.commands import digests as runs
from services.notify.service import build
from services.notify.store.mails import new_mail
from shared.ids import derived_id, new_id
from shared.store import Document
from tests.notify.helpers import (
    EVENING_CUT,
    NOON_CUT,
    at,
    decision,
    digests,
    ended,
    notify_of,
    reach,
    say_decision,
)
from tests.samples import family, say_town, town_file
from tests.world import StartWorld, World


async def exactly_once(world: World) -> None:
    """Every outcome in one digest, every digest in one mail per adult, nothing left open."""
    store = world.store("notify")
    held = [_id for one in await store.find("digests", {}) for _id in one["outcomes"]]
    stored = {one["_id"] for one in await store.find("outcomes", {})}
    assert sorted(held) == sorted(stored)
    covers = [cover for mail in await store.find("mails", {"covers": {"$exists": True}})
              for cover in mail["covers"]]  # fmt: skip
    assert len(covers) == len(set(covers))
    assert {cover.partition("|")[0] for cover in covers} == {
        one["_id"] for one in await store.find("digests", {})
    }
    assert await store.count("outcomes", {"open": True}) == 0
    assert await store.count("digests", {"open": True}) == 0


async def test_two_replicas_send_each_outcome_once(start: StartWorld, mailbox: Mailbox) -> None:
    async with start() as one, start():
        await say_town(one, town_file())
        homes = [await family(one) for _ in range(12)]
        for minute in range(3):
            for home in homes:
                day = f"2026-09-{24 + minute}"
                await say_decision(one, decision(home, at(10, minute), days=(day,)))
        await reach(one, NOON_CUT)
        found = await digests(mailbox, len(homes))
        await ended(one, NOON_CUT)
        assert sorted(mail.to[0] for mail in found) == sorted(home.email for home in homes)
        assert all("3 acceptées, 0 refusée." in (mail.text or "") for mail in found)
        for home in homes:
            await say_decision(one, decision(home, at(15), days=("2026-09-29",)))
        await reach(one, EVENING_CUT)
        await digests(mailbox, 2 * len(homes))
        await ended(one, EVENING_CUT)
        assert len(mailbox.messages) == 2 * len(homes)
        await exactly_once(one)


def outcome(family_id: str, account: str, number: int) -> Document:
    return {
        "_id": f"event-{number}-1", "town": "veyras", "family": family_id, "account": account,
        "request": f"request-{number}", "number": "2026-000001", "requested_at": at(9),
        "line": "1", "child": "nobody", "activity": "cantine", "date": "2026-09-24",
        "units": ["unit"], "kind": "book", "accepted": True, "decided_at": at(10), "open": True,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
async def test_steps_of_many_runs_in_any_order(running: World, mailbox: Mailbox, seed: int) -> None:
    """Several replicas freeze and address the same and later windows while outcomes arrive."""
    random = Random(seed)
    notify = notify_of(running)
    replicas = [notify, build(running.runner.running[0].parts).state]
    homes = [await family(running) for _ in range(3)]
    arriving = [
        outcome(home.id, home.account, number)
        for number, home in enumerate(random.choices(homes, k=30))
    ]
    labels = [f"veyras/run-{number}" for number in range(3)]

    async def arrive() -> None:
        for document in arriving:
            await notify.digests.store_outcomes([dict(document)])
            if random.random() < 0.3:
                await notify.digests.store_outcomes([dict(document)])

    async def replica(which: Any) -> None:
        for _ in range(12):
            run = random.choice(labels)
            seen = await which.digests.open_outcomes("veyras", NOON_CUT)
            if random.random() < 0.7:
                await which.digests.freeze("veyras", run, seen)
            if random.random() < 0.7:
                await runs._address(which, "veyras", run)

    await asyncio.gather(arrive(), *(replica(one) for one in replicas * 2))
    for run in ("veyras/run-8", "veyras/run-9"):
        seen = await notify.digests.open_outcomes("veyras", NOON_CUT)
        await notify.digests.freeze("veyras", run, seen)
        await runs._address(notify, "veyras", run)
    await exactly_once(running)


async def test_a_digest_goes_once_to_each_adult_whatever_mails_cover_it(running: World) -> None:
    mails = notify_of(running).mails
    account = new_id()
    now = datetime(2026, 9, 14, tzinfo=UTC)

    def mail(*names: str) -> Document:
        covers = [f"{name}|{account}" for name in names]
        return new_mail(
            derived_id("digest-mail", *covers), "elsewhere", "digest", now, account=account,
            run="run", covers=covers,
        )  # fmt: skip

    await asyncio.gather(
        mails.address([mail("one")]), mails.address([mail("one", "two")]),
        mails.address([mail("two", "three")]), mails.address([mail("one", "two", "three")]),
    )  # fmt: skip
    await mails.address([mail("one", "two", "three")])
    stored = await running.store("notify").find("mails", {"town": "elsewhere"})
    covers = [cover.partition("|")[0] for one in stored for cover in one["covers"]]
    assert sorted(covers) == ["one", "three", "two"]
