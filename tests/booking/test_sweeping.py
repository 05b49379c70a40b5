"""What booking's jobs find: one request that nothing can be done to keeps no other waiting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.booking.commands import paying
from services.booking.commands.paying import free_unpaid
from tests.booking.checked import findings
from tests.booking.helpers import states
from tests.samples import activity, ask, family, places, say_town, town_file
from tests.world import START, World


async def test_a_place_that_cannot_be_freed_does_not_keep_the_others(
    running: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    care = activity(
        "garderie", decision="automatic", billing="pay_at_booking", places=places(2)
    )  # fmt: skip
    await say_town(running, town_file(activities=[care]), version=2)
    home = await family(running)
    ids = [
        (await ask(running, home, home.asks("2026-09-17", activity="garderie", child=child))).json[
            "id"
        ]
        for child in (0, 1)
    ]
    free = paying._free

    async def broken(booking: Any, request: str, *rest: Any) -> None:
        if request == ids[0]:
            raise RuntimeError("it cannot be freed")
        await free(booking, request, *rest)

    async def after_the_job() -> list[list[str]]:
        await free_unpaid(running.state("booking"))
        return [await states(running, home, one) for one in ids]

    monkeypatch.setattr(paying, "_free", broken)
    running.move_to(START + timedelta(hours=3))
    assert await after_the_job() == [["to_pay"], ["refused"]]
    monkeypatch.undo()
    assert await after_the_job() == [["refused"], ["refused"]]
    assert await findings(running) == []
