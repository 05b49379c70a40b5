"""A family that is erased is found nowhere: neither in its list of requests, nor in what was moved
into its record, nor in the records that are part of it."""

from __future__ import annotations

from services.family.commands.erasing import _erase_record
from services.family.erasure import ERASED
from shared.erasure import erase
from tests.family.test_moves import A, B, Desk, desk, running
from tests.world import eventually

__all__ = ["desk", "running"]


async def test_nothing_is_left_of_a_merged_family(desk: Desk) -> None:
    assert (await desk.merge()).status == 201
    state, store = desk.world.state("family"), desk.world.store("family")
    assert await state.moves.merged_into("veyras", A) == [B]
    for family in (B, A):
        gone = await _erase_record(state, "veyras", family)
        await erase(store, ERASED, gone)

    async def quiet() -> bool:
        return await store.count("families", {"pending.0.id": {"$exists": True}}) == 0

    await eventually(quiet, what="all is said")
    left = str(await store.find("families", {})) + str(await store.find("moves", {}))
    for name in ("Anne-Laure", "Éon", "Deon", "Zoé", "Faure", "0639980001"):
        assert name not in left
