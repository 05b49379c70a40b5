"""The database killed (-9) under load: what was answered lasts, no place is without a request."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deploy.local.mongod import EmbeddedMongo
from services.booking.service import build
from shared.ids import new_id
from shared.store import Document
from tests.samples import API, Household, activity, places, say_household, say_town, town_file
from tests.world import World, eventually, world

FAMILIES = 12
EACH = 8
KILLS = 3


async def test_what_was_answered_lasts_when_the_database_is_killed(
    namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mongod = EmbeddedMongo(tmp_path / "mongodb")
    url = mongod.start()
    try:
        async with world(
            {"booking": build}, mongodb_url=url, namespace=namespace, tmp_path=tmp_path,
            monkeypatch=monkeypatch,
        ) as running:  # fmt: skip
            file = town_file(
                activities=[activity("garderie", decision="automatic", places=places(8))]
            )
            await say_town(running, file)
            families = [await say_household(running, Household()) for _ in range(FAMILIES)]
            answers: list[Document] = []
            asking = asyncio.gather(*(_ask_all(running, one, answers) for one in families))
            for number in range(KILLS):
                wanted = (number + 1) * FAMILIES * EACH // (KILLS + 1)
                await eventually(partial(_enough, answers, wanted))
                mongod.kill()
                await asyncio.to_thread(mongod.start)
            await asyncio.wait_for(asking, 90)
            await eventually(partial(_nothing_unfinished, running))
            await _compare(running, answers)
    finally:
        mongod.stop()


async def _ask_all(running: World, family: Household, answers: list[Document]) -> None:
    for day in ("17", "18", "21", "22", "24", "25", "28", "29")[:EACH]:
        body = family.asks(f"2026-09-{day}", activity="garderie")
        answers.append(await _answered(running, family, body))


async def _answered(running: World, family: Household, body: Any) -> Document:
    """POST until answered, under one key: as a front end retries."""
    key, token = new_id(), family.token(running)
    found: list[Document] = []

    async def answered() -> bool:
        try:
            got = await running.call(
                "POST", f"{API}/veyras/requests", token=token, json=body, key=key
            )
        except aiohttp.ClientError:
            return False
        assert got.status in (201, 503), got.json
        if got.status == 201:
            found.append(got.json)
        return got.status == 201

    await eventually(answered)
    return found[0]


async def _enough(answers: list[Document], wanted: int) -> bool:
    return len(answers) >= wanted


async def _nothing_unfinished(running: World) -> bool:
    unfinished = {"unfinished": {"$exists": True}}
    return not await running.store("booking").count("requests", unfinished)


async def _compare(running: World, answers: list[Document]) -> None:
    store = running.store("booking")
    requests = {one["_id"]: one for one in await store.find("requests", {})}
    assert len(answers) == FAMILIES * EACH
    holds: dict[str, set[str]] = {}
    for answer in answers:
        for line, stored in zip(answer["lines"], requests[answer["id"]]["lines"], strict=True):
            assert line["state"] == stored["state"]
            if line["state"] == "accepted":
                session = f"veyras/garderie/{line['date']}"
                hold = f"{answer['id']}-{stored['id']}-{stored['hold']}"
                holds.setdefault(session, set()).add(hold)
    assert len(requests) == len(answers)
    for session in await store.find("sessions", {}):
        held = {hold for units in session["holders"].values() for hold in units.values()}
        assert held == holds[session["_id"]]
        assert session["left"] == {"places": 8 - len(held)}
        assert len(held) == 8, "twelve families asked for eight places"
