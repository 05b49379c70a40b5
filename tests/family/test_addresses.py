"""Addresses are completed by the Base Adresse Nationale, and typed freely when it is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import aiohttp.web
import pytest

from deploy.simulators import ban
from deploy.simulators.ban import Ban
from services.family import addresses
from services.family.addresses import AddressBook
from services.family.domain.addresses import question, suggestions
from services.family.service import build
from shared.clock import MachineClock
from tests.samples import say_town, town_file
from tests.world import StartWorld, World

BASE = "/api/family/v1/veyras"


@pytest.fixture
async def service() -> AsyncIterator[Ban]:
    async with Ban() as started:
        yield started


@pytest.fixture
async def running(
    start_world: StartWorld, service: Ban, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setenv("PREAU_ADDRESSES_URL", service.url)
    async with start_world({"family": build}) as it:
        await say_town(it, town_file())
        yield it


async def complete(running: World, q: str, **more: Any) -> dict[str, Any]:
    query = "&".join(f"{name}={value}" for name, value in {"q": q, **more}.items())
    answer = await running.call("GET", f"{BASE}/addresses?{query}", token=running.token())
    assert answer.status == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


async def test_what_is_typed_is_completed_with_the_codes_of_the_town(
    running: World, service: Ban
) -> None:
    found = await complete(running, "12 rue des till", limit=1)
    (one,) = found["addresses"]
    assert (one["label"], one["citycode"], one["kind"]) == (
        "12 Rue des Tilleuls 07000 Veyras", "07340", "housenumber",
    )  # fmt: skip
    assert one["ban_id"]
    assert 44 < one["latitude"] < 45
    assert 4 < one["longitude"] < 5
    assert await complete(running, "12  rue des till", limit=1) == found
    assert service.asked == 1, "the same question is asked once"


@pytest.mark.parametrize("typed", ["", "ru", "  a ", "'rue des", "%3F%3F%3F"])
async def test_what_the_service_would_refuse_is_not_asked(
    running: World, service: Ban, typed: str
) -> None:
    assert await complete(running, typed) == {"addresses": [], "away": False}
    assert service.asked == 0


async def test_a_broken_service_is_away_at_once_and_left_alone_for_a_while(
    running: World, service: Ban
) -> None:
    service.fails = 500
    assert await complete(running, "rue des tilleuls") == {"addresses": [], "away": True}
    service.fails = None
    assert (await complete(running, "rue du rhone"))["away"]
    assert service.asked == 1


async def test_only_those_who_may_write_an_address_complete_one(running: World) -> None:
    path = f"{BASE}/addresses?q=rue+des+tilleuls"
    for token, status in (
        (None, 401),
        (running.token("andancette"), 403),
        (running.token(), 200),
        (running.token(roles=("childcare_office",)), 200),
    ):
        assert (await running.call("GET", path, token=token)).status == status


async def test_without_a_service_addresses_are_typed_freely() -> None:
    book = AddressBook(None, MachineClock())
    assert (await book.complete("rue des tilleuls", 5)).away


async def test_the_rate_is_bounded_and_known_answers_cost_nothing(
    service: Ban, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "_BURST", 3.0)
    monkeypatch.setattr(addresses, "_PER_SECOND", 0.0)
    book = AddressBook(service.url, MachineClock())
    try:
        answers = [await book.complete(f"{n} rue des tilleuls", 5) for n in range(1, 6)]
        assert [one.away for one in answers] == [False] * 3 + [True] * 2
        assert not (await book.complete("1 rue des tilleuls", 5)).away
    finally:
        await book.close()


@pytest.mark.parametrize("answer", ["{}", '{"features": [{}]}', "<html>", "[]"])
async def test_an_answer_that_is_no_geocodejson_is_none(
    service: Ban, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    async def odd(*_: Any) -> Any:
        return aiohttp.web.Response(text=answer, content_type="application/json")

    monkeypatch.setattr(Ban, "_search", odd)
    async with Ban() as strange:
        book = AddressBook(strange.url, MachineClock())
        try:
            assert (await book.complete("rue des tilleuls", 5)).away
        finally:
            await book.close()


async def test_a_service_that_does_not_answer_costs_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "_LEFT_ALONE", timedelta(0))
    book = AddressBook("http://127.0.0.1:9", MachineClock())
    try:
        assert (await book.complete("rue des tilleuls", 5)).away
    finally:
        await book.close()


def test_questions_are_cut_to_what_the_service_takes() -> None:
    assert question("12   rue") == "12 rue"
    assert question("é" * 300) == "é" * 200
    assert question("ab") is None
    with pytest.raises(ValueError, match="features"):
        suggestions({"type": "FeatureCollection"})


@pytest.mark.parametrize(
    ("query", "said"),
    [("", "required"), ("q=ab", "between 3 and 200"), ("q=%3Fabc", "start with"),
     (f"q={'a' * 201}", "between 3 and 200"), ("q=abc&limit=0", "limit"),
     ("q=abc&limit=x", "limit")],
)  # fmt: skip
async def test_the_simulator_refuses_as_the_real_one(service: Ban, query: str, said: str) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{service.url}/search?{query}") as got:
        assert got.status == 400
        assert said in (await got.json())["detail"][0]


async def test_the_simulator_takes_fifty_a_second(
    service: Ban, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ban, "PER_SECOND", 2)
    async with aiohttp.ClientSession() as http:
        found = []
        for _ in range(3):
            async with http.get(f"{service.url}/search?q=rue") as got:
                found.append(got.status)
    assert found == [200, 200, 429]
