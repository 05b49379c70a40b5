"""A town whose file is heard late has its windows all the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.notify.domain.windows import EVER
from shared.contracts.identity import TownChanged
from tests.samples import town_file
from tests.world import START, StartWorld, eventually


async def test_windows_begin_when_the_file_was_saved_not_when_it_is_heard(
    start: StartWorld,
) -> None:
    async with start() as running:
        running.move_to(START + timedelta(hours=4))
        await running.say(TownChanged(version=1, file=town_file()), "towns/veyras", time=START)

        async def heard() -> datetime | None:
            known = await running.store("notify").get("cut_offs", "veyras")
            return known["timeline"][0]["since"] if known else None

        assert await eventually(heard) == EVER

        async def runs() -> list[datetime]:
            return [run["window"] for run in await running.store("notify").find("runs", {})]

        assert await eventually(runs) == [datetime(2026, 9, 14, 11, tzinfo=UTC)]
