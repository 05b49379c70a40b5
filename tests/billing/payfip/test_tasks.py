"""What waits for an agent: there once, with what to do, until somebody says what was done."""

from __future__ import annotations

from typing import Any

from services.billing.commands import payments
from shared.contracts.family import ErasureAsked
from shared.ids import new_id
from tests.billing.payfip.conftest import Till
from tests.billing.payfip.test_desk import desk, enter, undo
from tests.world import Answer, eventually

PRICE = 410
__all__ = ["desk"]


async def tasks(till: Till, query: str = "", role: str = "collection_officer") -> list[Any]:
    token = till.office.world.token(roles=(role,))
    answer = await till.call("GET", f"/tasks{query}", token=token)
    assert answer.status == 200, answer.json
    return list(answer.json["items"])


async def waits(till: Till, count: int = 1) -> list[Any]:
    async def there() -> tuple[list[Any]] | None:
        found = await tasks(till)
        return (found,) if len(found) == count else None

    (found,) = await eventually(there, what=f"{count} tasks")
    return list(found)


async def complete(
    till: Till, task: str, note: str, who: str = "officer", key: str | None = None
) -> Answer:
    token = till.office.world.token(account=who, roles=("billing_office",))
    path = f"/tasks/{task}/completions"
    return await till.call("POST", path, token=token, json={"note": note}, key=key)


async def undetermined(till: Till) -> tuple[str, str]:
    """A payment of which PayFiP says another amount: its id, and PayFiP's operation."""
    payment, idop = await till.opened()
    operation = till.server.operations[idop]
    operation.fields = {**operation.fields, "montant": "100"}
    await till.lost(idop, "carte")
    assert await till.seen(payment) == "undetermined"
    return payment, idop


async def test_an_undetermined_payment_waits_for_an_agent_who_says_what_was_done(
    till: Till,
) -> None:
    payment, _ = await undetermined(till)
    (task,) = await waits(till)
    assert (task["kind"], task["payment"], task["family"], task["cents"]) == (
        "payment-undetermined", payment, "f1", PRICE,
    )  # fmt: skip
    assert "espace PayFiP" in task["text"]
    assert (task["state"], task["done"]) == ("open", None)
    key = new_id()
    done, again = [await complete(till, task["task"], "Vu avec PayFiP.", key=key) for _ in range(2)]
    assert (done.status, done.json) == (201, again.json)
    assert (done.json["done"]["by"], done.json["done"]["note"]) == ("officer", "Vu avec PayFiP.")
    other = await complete(till, task["task"], "Vu aussi.", who="colleague")
    assert (other.status, other.json["code"]) == (409, "task-done")
    assert await tasks(till) == []
    assert [one["task"] for one in await tasks(till, "?state=done&family=f1")] == [task["task"]]
    unknown = await complete(till, "0" * 32, "Vu.")
    assert unknown.status == 404
    audit = till.office.world.store("billing")
    acts = await audit.find("audit", {"route": {"$regex": "completions"}})
    assert [one["families"] for one in acts if one["families"]] == [["f1"], ["f1"]]


async def test_a_payment_that_turns_out_right_leaves_nothing_to_do(till: Till) -> None:
    payment, idop = await undetermined(till)
    await waits(till)
    operation = till.server.operations[idop]
    operation.fields = {**operation.fields, "montant": str(PRICE)}
    assert await till.seen(payment) == "paid"
    await waits(till, 0)
    (closed,) = await tasks(till, "?state=done")
    assert closed["done"]["by"] is None
    assert await till.money() == (PRICE, PRICE, 0)


async def test_what_follows_from_a_payment_is_told_again_when_it_changed_meanwhile(
    till: Till,
) -> None:
    """A process that is late opens no task that another has closed."""
    payment, idop = await undetermined(till)
    late = await till.stored(payment)
    await waits(till)
    operation = till.server.operations[idop]
    operation.fields = {**operation.fields, "montant": str(PRICE)}
    assert await till.seen(payment) == "paid"
    await payments.tell(till.office.world.state("billing"), late)
    assert await tasks(till) == []
    assert await till.money() == (PRICE, PRICE, 0)


async def test_a_refund_of_money_that_never_came_is_asked_back(desk: Till) -> None:
    """A4, A9: the transfer was made already; the family owes it, and an agent is told."""
    made = (await enter(desk, cents=PRICE + 500)).json
    officer = desk.office.world.token(roles=("billing_office",))
    refunded = await desk.call(
        "POST", "/accounts/f1/refunds", token=officer, json={"cents": 500}
    )  # fmt: skip
    assert refunded.json["to_transfer_cents"] == 500
    (transfer,) = (await desk.call("GET", "/transfers", token=officer)).json["items"]
    await desk.office.town(version=9, collection_office={"code": "AUT", "label": "Autre régie"})

    async def renamed() -> bool:
        means = await desk.call("GET", "/payment-means", token=officer)
        return bool(means.json["office"] == "AUT")

    await eventually(renamed, what="the office has another code")
    path = f"/accounts/f1/transfers/{transfer['transfer']}/sent"
    sent = await desk.call("POST", path, token=officer)
    assert (sent.status, sent.json["office"], sent.json["to_transfer_cents"]) == (200, "VEY", 0)
    assert (await undo(desk, made["payment"])).status == 201
    (task,) = await waits(desk)
    assert (task["kind"], task["cents"], task["payment"]) == ("owed-back", 500, made["payment"])
    assert await desk.money() == (0, 0, -500)


async def test_a_refund_that_was_not_handed_over_is_taken_off_the_list(desk: Till) -> None:
    made = (await enter(desk, cents=PRICE + 500)).json
    officer = desk.office.world.token(roles=("billing_office",))
    await desk.call("POST", "/accounts/f1/refunds", token=officer, json={"cents": 500})
    assert (await undo(desk, made["payment"])).status == 201
    assert (await desk.call("GET", "/transfers", token=officer)).json["items"] == []
    assert await tasks(desk) == []
    assert await desk.money() == (0, 0, 0)


async def holds(till: Till, erasure: str) -> set[tuple[str, str | None]]:
    """What billing answers to whether the family may be erased."""
    await till.office.say(
        ErasureAsked(erasure=erasure, family="f1", settled=()), f"erasures/{erasure}"
    )
    store = till.office.world.store("billing")

    async def answered() -> Any:
        return await store.get("erasures", erasure)

    await eventually(answered, what="billing has answered")
    events = await till.office.world.queued("family")
    (said,) = (one.data["holds"] for one in events if one.data.get("erasure") == erasure)
    return {(one["code"], one["money"]) for one in said}


async def test_money_that_is_not_settled_holds_an_erasure_back(desk: Till) -> None:
    payment, idop = await desk.opened()
    assert await holds(desk, "e1") == {("unpaid", "invoice"), ("unpaid", "payment")}
    await desk.lost(idop, "carte")
    assert await desk.seen(payment) == "paid"
    assert await holds(desk, "e2") == set()
    officer = desk.office.world.token(roles=("billing_office",))
    gift = {"cents": 300, "reason": "Geste."}
    await desk.call("POST", "/accounts/f1/credits", token=officer, json=gift)
    await desk.call("POST", "/accounts/f1/refunds", token=officer, json={"cents": 100})
    assert await holds(desk, "e3") == {("unpaid", "credit"), ("unpaid", "transfer")}
