"""An agent accepts what was not paid in time, while billing is still on its way to say so."""

from __future__ import annotations

from datetime import date

import pytest

from services.billing.checking import check
from services.billing.commands.accounts import move
from services.billing.commands.correcting import correct_changed
from services.billing.commands.issuing import complete_all
from services.billing.commands.paid_at_booking import expire_unpaid
from services.billing.domain.accounts import Holder
from services.billing.domain.movements import Receive
from tests.billing.ledger import DAYS, ledger

#: After how many fail points, and at which, the process dies.
_DIES = {False: (2, "billing.invoice.number.after"), True: (4, "billing.account.open.after")}


@pytest.mark.parametrize("owed", [False, True], ids=["numbered only", "owed"])
@pytest.mark.parametrize("units", [("repas",), ("repas", "viande")], ids=["", "and changed"])
async def test_what_an_agent_gives_unpaid_is_due_once_however_late_the_jobs_are(
    mongodb_url: str, monkeypatch: pytest.MonkeyPatch, owed: bool, units: tuple[str, ...]
) -> None:
    """The process dies after the invoice has its number; the jobs have no turn until booking has
    freed the place by itself, and an agent has accepted the booking all the same."""
    async with ledger(mongodb_url, monkeypatch) as town:
        await town.begin()
        holder = Holder(town.town, "VEY", town.family)
        passed, point = _DIES[owed]
        town.fuse.lives = [passed]
        await town.book("sortie", DAYS[:1], ("repas",))
        assert town.fuse.seen == {point}
        await town.give_up()
        if owed:
            await complete_all(town.billing)
        request = town.requests[0]
        await town.accept(request, request.lines[0])
        if units != request.lines[0].units:
            await town.end(request, request.lines[0], units)
        for job in (complete_all, correct_changed, expire_unpaid, correct_changed):
            town.later(minutes=45)
            await job(town.billing)
        account = await town.billing.accounts.get(holder)
        assert sum(one.owed for one in account.debts.values()) == town.standing_cents > 0
        assert [one async for one in check(town.parts, None)] == []


async def test_what_was_changed_then_refused_and_given_again_is_due_once(
    mongodb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change is on the invoice of what it changes, and stays there whatever becomes of it."""
    async with ledger(mongodb_url, monkeypatch) as town:
        await town.begin()
        holder = Holder(town.town, "VEY", town.family)
        await town.book("sortie", DAYS[:1], ("repas", "viande"))
        (invoice,) = (await town.billing.accounts.get(holder)).debts
        await move(town.billing, holder, Receive("p1", 465, (invoice,)))
        await town.hear_billing(place_left=True)
        booked = town.requests[0]
        await town.end(booked, booked.lines[0], ("repas",))
        changed = town.requests[1]
        for decide in (town.refuse, town.accept):
            await decide(changed, changed.lines[0])
            town.later(minutes=1)
            await correct_changed(town.billing)
        account = await town.billing.accounts.get(holder)
        assert sum(one.owed for one in account.debts.values()) == town.standing_cents == 410
        assert account.credit_cents == 55
        assert [one async for one in check(town.parts, None)] == []


@pytest.mark.parametrize("days", [DAYS[:1], DAYS[:2]], ids=["", "but what an agent gives"])
async def test_what_was_refused_as_unpaid_is_not_booked_by_what_is_credited_for_it(
    mongodb_url: str, monkeypatch: pytest.MonkeyPatch, days: list[date]
) -> None:
    """The process dies after the invoice has its number, and booking frees the places by itself;
    of two an agent gives the first all the same, and the family pays it."""
    async with ledger(mongodb_url, monkeypatch) as town:
        await town.begin()
        holder = Holder(town.town, "VEY", town.family)
        town.fuse.lives = [2]
        await town.book("sortie", days, ("repas",))
        assert town.fuse.seen == {"billing.invoice.number.after"}
        await town.give_up()
        given, *refused = town.requests[0].lines
        if refused:
            await town.accept(town.requests[0], given)
        for job in (complete_all, correct_changed):
            town.later(minutes=1)
            await job(town.billing)
        if refused:
            account = await town.billing.accounts.get(holder)
            (due,) = [key for key, one in account.debts.items() if one.state == "open"]
            paid = Receive("p1", account.debts[due].unpaid, (due,))
            await move(town.billing, holder, paid)
        await town.hear_billing(place_left=True)
        assert {line.state for line in refused or [given]} == {"refused"}
        account = await town.billing.accounts.get(holder)
        assert account.settled == town.standing_cents == (410 if refused else 0)
        assert [one for one in account.debts.values() if one.state == "open"] == []
        assert next(iter(account.debts.values())).state == "void"
        assert [one async for one in check(town.parts, None)] == []
