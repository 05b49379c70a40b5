"""``preau check`` ties what is booked to what is charged: a difference made by hand is found."""

from __future__ import annotations

import pytest

from services import checks
from services.billing.store import CHARGES
from shared.failpoints import step
from shared.runner import Parts
from tests.billing.test_paid_at_booking import Town, compared, town
from tests.samples import family
from tests.world import eventually

__all__ = ["town"]
DAMAGE = step("tests.billing.difference")


async def test_what_is_booked_and_not_charged_is_found_and_the_other_way_round(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LOOKS", 1)
    home = await family(town.world)
    request = await town.book(home)
    (invoice,) = await town.invoices(home)
    await town.pay(home, invoice)
    await town.becomes(home, request, "accepted")
    billing, booking = town.world.store("billing"), town.world.store("booking")
    (charge,) = await eventually(lambda: billing.find(CHARGES, {}), what="charged")
    assert await compared(town.world) == set()
    await billing.change(DAMAGE, CHARGES, charge["_id"], {}, {"$set": {"accepted": False}})
    assert await compared(town.world) == {"booked-and-not-charged"}
    with monkeypatch.context() as nothing_heard:
        nothing_heard.setattr(checks, "followed", unheard)
        assert await compared(town.world) == set(), "what waits to be handled is no difference"
    await billing.change(DAMAGE, CHARGES, charge["_id"], {}, {"$set": {"accepted": True}})
    for state, kinds in (("refused", {"charged-and-not-booked"}), ("accepted", set())):
        line = {"$set": {"lines.0.state": state}}
        await booking.change(DAMAGE, "requests", request["id"], {}, line)
        assert await compared(town.world) == kinds


async def unheard(_: Parts) -> set[str]:
    return set()
