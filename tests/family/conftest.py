"""A running family service with a town whose dossiers have rules of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.family.service import build
from tests.family.dossiers import RULES, Dossier, load
from tests.samples import say_town, town_file
from tests.world import StartWorld


@pytest.fixture
async def dossier(start_world: StartWorld) -> AsyncIterator[Dossier]:
    """The family of ``tests.family.dossiers``, loaded from the town's file."""
    async with start_world({"family": build}) as started:
        await say_town(started, town_file(dossier=RULES))
        await load(started)
        yield Dossier(started)
