"""Quotes: the price shown is the price paid, for half an hour."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from services.billing.store.quotes import QUOTES
from shared.ids import new_id
from tests.billing.conftest import BASE, Office
from tests.billing.data import TARIFFS, accepted, file_with
from tests.billing.prices import tariff
from tests.world import START, Answer, eventually

DAY = "2026-09-17"


def basket(*lines: dict[str, Any], family: str = "f1") -> dict[str, Any]:
    plain = {"child": "zoe", "activity": "cantine", "date": DAY, "units": ["repas"]}
    return {"family": family, "lines": [plain | one for one in lines or ({},)]}


async def opened(office: Office, **changes: Any) -> str:
    """The town and its family are known; the token of Anne, who is invoiced."""
    await office.town(**changes)
    await office.family()
    await office.settled()
    return office.world.token(families={"f1": "f1-anne"})


async def ask(office: Office, token: str | None, body: Any, key: str | None = None) -> Answer:
    return await office.world.call("POST", f"{BASE}/quotes", token=token, json=body, key=key)


async def see(office: Office, token: str | None, quote: str) -> Answer:
    return await office.world.call("GET", f"{BASE}/quotes/{quote}", token=token)


async def test_a_basket_is_priced_line_by_line_and_kept(office: Office) -> None:
    token = await opened(office)
    late = {"rule": "the-eve", "kind": "amount", "cents": 100}
    body = basket({}, {"units": ["repas", "viande"], "surcharge": late}, {"units": ["dessert"]})
    made = await ask(office, token, body)
    assert made.status == 201
    assert (made.json["total_cents"], made.json["state"]) == (410 + 410 + 100 + 55, "valid")
    assert [(one["line"], one["rule"], one["cents"]) for one in made.json["lines"]] == [
        (0, "repas-1", 410), (1, "repas-1", 510), (1, "viande", 55),
    ]  # fmt: skip
    assert made.json["lines"][1]["steps"][-1]["reason"] == "Supplément de 1,00\u00a0€"
    assert made.json["without_price"] == [
        {"line": 2, "units": ["dessert"], "code": "activity-removed"}
    ]
    assert made.json["valid_until"].startswith("2026-09-14T08:30:0")
    again = await see(office, token, made.json["quote"])
    assert (again.status, again.json) == (200, made.json)


async def test_the_same_command_gives_the_same_quote(office: Office) -> None:
    token, key = await opened(office), new_id()
    first = await ask(office, token, basket(), key)
    await office.town(version=2, tariffs=[tariff(price_cents=999)])
    await office.settled()
    again = await ask(office, token, basket(), key)
    assert (again.status, again.json) == (201, first.json)
    assert len(await office.documents(QUOTES)) == 1
    other = await ask(office, token, basket({"date": "2026-09-18"}), key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")


async def test_a_quote_changes_with_the_prices_and_expires(office: Office) -> None:
    token = await opened(office)
    quote = (await ask(office, token, basket())).json["quote"]

    async def is_now(state: str) -> bool:
        return bool((await see(office, token, quote)).json["state"] == state)

    assert await is_now("valid")
    await office.town(version=2, tariffs=[tariff(price_cents=999)])
    await eventually(lambda: is_now("changed"), what="the new price is known")
    await office.town(version=3, tariffs=TARIFFS)
    await eventually(lambda: is_now("valid"), what="the old price is back")
    office.world.move_to(START + timedelta(minutes=29))
    assert await is_now("valid")
    office.world.move_to(START + timedelta(minutes=31))
    await eventually(lambda: is_now("expired"), what="half an hour is over")


async def test_what_is_booked_already_counts_for_what_falls_due_once(office: Office) -> None:
    token = await opened(office, tariffs=[tariff(price_cents=6000, per="month")])
    assert (await ask(office, token, basket())).json["total_cents"] == 6000
    await office.say(accepted([("l1", "zoe", date(2026, 9, 3))]), "requests/r1")
    await office.settled()
    assert (await ask(office, token, basket())).json["total_cents"] == 0


async def test_only_those_who_decide_or_pay_see_what_a_child_costs(office: Office) -> None:
    anne = await opened(office)
    luc = office.world.token(families={"f1": "nobody"})
    stranger = office.world.token(families={"f9": "f1-anne"})
    quote = (await ask(office, anne, basket())).json["quote"]
    assert (await ask(office, luc, basket())).status == 404
    assert (await see(office, luc, quote)).status == 404
    assert (await ask(office, stranger, basket())).status == 403
    assert (await see(office, stranger, quote)).status == 404
    assert (await ask(office, anne, basket({"child": "nobody"}))).status == 404
    agent = office.world.token(roles=("billing_office",))
    assert (await ask(office, agent, basket())).status == 201
    assert (await ask(office, agent, basket(family="f9"))).status == 404
    assert (await see(office, agent, quote)).json["total_cents"] == 410


async def test_a_file_that_is_not_published_prices_a_basket(office: Office) -> None:
    await office.town()
    await office.settled()
    facts = {
        "children": [{"id": "zoe"}],
        "lines": [{"child": "zoe", "activity": "cantine", "units": ["repas"], "day": DAY}],
    }
    file = file_with(tariffs=[tariff(price_cents=777)]).model_dump_json(exclude_unset=True)

    async def tried(file: str, facts: dict[str, Any]) -> Answer:
        body, token = {"file": file, "facts": facts}, office.world.token(roles=("administrator",))
        return await office.world.call("POST", f"{BASE}/price-trials", token=token, json=body)

    found = await tried(file, facts)
    assert found.status == 200, found.json
    assert (found.json["total_cents"], found.json["lines"][0]["rule"]) == (777, "repas")
    other = await tried(file, {**facts, "children": [{"id": "tom"}]})
    assert (other.status, other.json["field"]) == (422, "/facts/lines/0/child")
    wrong = await tried(file.replace('"price_cents":777', '"price_cents":"cher"'), facts)
    assert (wrong.json["code"], wrong.json["errors"][0]["line"]) == ("town-file-wrong", 1)
    assert await office.documents(QUOTES) == []
