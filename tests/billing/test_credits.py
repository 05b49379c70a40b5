"""Credit, refunds and transfers over HTTP."""

from __future__ import annotations

from typing import Any

from services.billing.commands import accounts
from services.billing.domain.accounts import Holder
from services.billing.domain.movements import Receive, Refund
from shared.ids import new_id
from shared.store import Document
from tests.billing.conftest import BASE, Office
from tests.world import Answer, eventually


async def known(office: Office) -> None:
    await office.town()
    await office.family()

    async def heard() -> bool:
        return (await office.get("/accounts/f1")).status == 200

    await eventually(heard, what="the family is known")


async def post(office: Office, path: str, body: Any = None, key: str | None = None) -> Answer:
    token = office.world.token(account="agent-1", roles=("billing_office",))
    return await office.world.call("POST", BASE + path, token=token, json=body, key=key)


async def credit(office: Office) -> Document:
    return dict((await office.get("/accounts/f1")).json)


async def test_credit_given_by_an_agent_is_refunded_and_handed_over(office: Office) -> None:
    await known(office)
    key = new_id()
    given = {"cents": 500, "reason": "Sortie annulée par la commune."}
    for _ in range(2):
        answer = await post(office, "/accounts/f1/credits", given, key)
        assert (answer.status, answer.json["credit_cents"]) == (201, 500)
    other = await post(office, "/accounts/f1/credits", given | {"cents": 1}, key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")

    refused = await post(office, "/accounts/f1/refunds", {"cents": 501})
    assert (refused.status, refused.json["code"]) == (409, "credit-too-small")
    assert (await post(office, "/accounts/f1/refunds", {"cents": 200})).status == 201
    assert (await credit(office))["credit_cents"] == 300
    (transfer,) = (await office.get("/transfers")).json["items"]
    assert (transfer["family"], transfer["cents"]) == ("f1", 200)

    path = f"/accounts/f1/transfers/{transfer['transfer']}/sent"
    for _ in range(2):
        assert (await post(office, path)).json["to_transfer_cents"] == 0
    assert (await office.get("/transfers")).json["items"] == []
    assert (await post(office, "/accounts/f1/transfers/unknown/sent")).status == 404
    assert await office.checked() == set()


async def test_a_refund_gives_back_the_money_of_the_payment_it_names(office: Office) -> None:
    await known(office)
    holder = Holder("veyras", "VEY", "f1")
    for payment, payer in (("p1", "f1-anne"), ("p2", "f1-paul")):
        await accounts.move(office.billing(), holder, Receive(payment, 300, (), payer))
    assert (await credit(office))["credit_of"] == [
        {"payment": "p1", "payer": "f1-anne", "cents": 300},
        {"payment": "p2", "payer": "f1-paul", "cents": 300},
    ]
    token = office.world.token(families={"f1": "f1-anne"})
    seen = await office.world.call("GET", f"{BASE}/accounts/f1", token=token)
    assert seen.json["credit_of"] == [], "who else paid is said to agents alone"
    key = new_id()
    refunded = await post(office, "/accounts/f1/refunds", {"cents": 200, "payment": "p2"}, key)
    assert refunded.status == 201
    other = await post(office, "/accounts/f1/refunds", {"cents": 200, "payment": "p1"}, key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")
    for cents, payment in ((101, "p2"), (1, "unknown")):
        body = {"cents": cents, "payment": payment}
        refused = await post(office, "/accounts/f1/refunds", body)
        assert (refused.status, refused.json["code"]) == (409, "credit-too-small")
    (transfer,) = (await office.get("/transfers")).json["items"]
    assert transfer["payments"] == ["p2"]
    assert transfer["payers"] == [{"guardian": "f1-paul", "name": "paul D'Éon", "cents": 200}]
    assert await office.checked() == set()


async def test_refunds_to_be_made_come_page_by_page(office: Office) -> None:
    await known(office)
    families = {f"f{number}" for number in range(5)}
    for family in sorted(families):
        await office.family(family)
        holder = Holder("veyras", "VEY", family)
        await accounts.move(office.billing(), holder, Receive(f"p-{family}", 300))
        await accounts.move(office.billing(), holder, Refund(f"t-{family}", 300))
    seen, after = list[str](), ""
    while True:
        page = (await office.get(f"/transfers?limit=2{after}")).json
        seen += [one["family"] for one in page["items"]]
        if page["next"] is None:
            break
        assert len(page["items"]) == 2
        after = f"&after={page['next']}"
    assert (sorted(seen), len(set(seen))) == (sorted(families), 5)


async def test_the_account_is_shown_to_who_is_invoiced_alone(office: Office) -> None:
    await known(office)

    async def status(guardian: str) -> int:
        token = office.world.token(families={"f1": guardian})
        return (await office.world.call("GET", f"{BASE}/accounts/f1", token=token)).status

    assert [await status(one) for one in ("f1-anne", "f1-paul", "nobody")] == [200, 404, 404]
