"""A month drafted: read, corrected, replayed, then issued as it was read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from services.billing.commands import pricing
from services.billing.domain.charges import Charge
from services.billing.domain.drafts import Draft
from services.billing.domain.invoicing import Priced
from shared.contracts.town_file import CollectionOffice
from shared.ids import new_id
from shared.store import Document
from tests.billing.conftest import BASE, Office
from tests.billing.data import accepted
from tests.world import Answer, eventually

DRAFTING = CollectionOffice(code="VEY", label="Régie enfance", month_end="draft")
DAY = date(2026, 9, 3)


async def post(office: Office, path: str, body: Any, key: str | None = None) -> Answer:
    token = office.world.token(account="agent-1", roles=("billing_office",))
    return await office.world.call("POST", BASE + path, token=token, json=body, key=key)


async def drafts(office: Office) -> list[Document]:
    got = await office.get("/invoice-drafts?month=2026-09")
    items: list[Document] = got.json["items"]
    return sorted(items, key=lambda one: one["family"])


async def drafted(office: Office) -> list[Document]:
    """Two families: a meal for both of f1's children, one for f2."""
    await office.town(collection_office=DRAFTING)
    for family in ("f1", "f2"):
        await office.family(family)
        lines = [(f"{family}-zoe", "zoe", DAY)]
        if family == "f1":
            lines.append(("f1-tom", "tom", DAY))
        await office.say(accepted(lines, family=family, request=family), f"requests/{family}")
    await office.month_over()

    async def there() -> list[Document] | None:
        found = await drafts(office)
        return found if len(found) == 2 else None

    found: list[Document] = await eventually(there, what="the month is drafted")
    return found


async def test_a_draft_is_corrected_line_by_line_and_issued_as_it_was_read(
    office: Office,
) -> None:
    first, second = await drafted(office)
    assert (first["total_cents"], second["total_cents"]) == (820, 410)
    assert await office.documents("invoices") == []
    tom, zoe = first["lines"]
    wish = {"line": zoe["line"], "cents": 200, "reason": "Goûter seulement."}
    path, key = f"/invoice-drafts/{first['draft']}/corrections", new_id()
    for _ in range(2):
        answer = await post(office, path, wish, key)
        assert (answer.status, answer.json["total_cents"]) == (200, 610)
    dropped = {"line": tom["line"], "cents": 0, "reason": "Malade ce jour-là."}
    assert (await post(office, path, dropped)).json["total_cents"] == 200
    unknown = await post(office, path, wish | {"line": "0" * 32})
    assert (unknown.status, unknown.json["code"]) == (409, "line-changed")

    replayed = await post(office, "/invoice-drafts", {"month": "2026-09"})
    assert (replayed.status, replayed.json["drafts"]) == (201, 2)
    assert [one["total_cents"] for one in await drafts(office)] == [200, 410]

    run = await office.run()
    assert (run.json["invoices"], run.json["total_cents"]) == (2, 610)
    invoices = await office.invoices(2)
    mine = next(one for one in invoices if one["family"] == "f1")
    reasons = {line["child"]: line["reason"] for line in mine["lines"]}
    assert reasons["tom"].endswith("Malade ce jour-là.")
    assert sum(one["cents"] for one in mine["billed"][0]["entries"]) == 200
    assert await drafts(office) == []
    assert await office.checked() == set()


async def test_a_draft_is_nothing_to_read_or_correct_until_its_month_is_drafted(
    office: Office,
) -> None:
    """Of a drafting that was cut short: the month may still be issued without it."""
    await office.town(collection_office=DRAFTING)
    left = Draft(
        id="d" * 32, town="veyras", family="f1", month="2026-09", lines={}, corrections={},
        left_aside={},
    )  # fmt: skip
    await office.world.state("billing").drafts.keep(left)
    assert await drafts(office) == []
    wish = {"line": "0" * 32, "cents": 200, "reason": "Goûter seulement."}
    answer = await post(office, f"/invoice-drafts/{left.id}/corrections", wish)
    assert (answer.status, answer.json["code"]) == (404, "not-found")
    await office.world.state("billing").drafts.begin("veyras", "2026-09")
    assert [one["draft"] for one in await drafts(office)] == [left.id]


async def test_a_drafting_that_died_says_how_far_it_came_and_is_carried_on(
    office: Office,
) -> None:
    await drafted(office)
    await office.say(accepted([("more", "zoe", date(2026, 9, 4))], request="r9"), "requests/r9")
    await office.settled()
    billing = office.world.state("billing")
    await billing.drafts.ask("veyras", "2026-09", billing.clock.machine())
    got = await office.get("/invoice-drafts?month=2026-09")
    assert (got.json["so_far"], len(got.json["items"])) == (0, 2)
    long_ago = billing.clock.machine() - timedelta(minutes=2)
    await billing.drafts.advance("veyras", "2026-09", 1, long_ago)

    async def made() -> bool:
        got = await office.get("/invoice-drafts?month=2026-09")
        return bool(got.json["so_far"] is None)

    await eventually(made, what="the drafts are made")
    assert sorted(one["total_cents"] for one in await drafts(office)) == [410, 1230]


async def test_a_family_whose_bill_cannot_be_reckoned_keeps_no_other_from_being_drafted(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    reckon = pricing.priced

    def failing(charges: Sequence[Charge], *rest: Any) -> Priced:
        if charges[0].family == "f1":
            raise ArithmeticError
        return reckon(charges, *rest)

    monkeypatch.setattr(pricing, "priced", failing)
    first, second = await drafted(office)
    assert first["left_aside"] == {"reckoning-failed": 2}
    assert second["total_cents"] == 410


async def test_what_changed_since_it_was_read_is_not_issued(office: Office) -> None:
    await drafted(office)
    await office.say(accepted([("more", "zoe", date(2026, 9, 4))], request="r9"), "requests/r9")
    await office.settled()
    run = await office.run()
    assert (run.json["invoices"], run.json["left_aside"]) == (1, 3)
    assert {one["code"] for one in run.json["lines"]} == {"changed-since-draft"}
    await post(office, "/invoice-drafts", {"month": "2026-09"})
    again = await office.run()
    assert (again.json["invoices"], again.json["total_cents"]) == (1, 1230)
