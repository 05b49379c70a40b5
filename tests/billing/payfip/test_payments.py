"""Paying an invoice on PayFiP: whatever happens on the way, the payment is found once."""

from __future__ import annotations

import asyncio
import io

import pytest

from deploy.simulators.payfip_rules import Behaviour, Failure
from services.billing.commands.online import ask
from services.billing.domain.payments import found
from shared.ids import new_id
from shared.store import EPOCH, connect
from tests.billing.conftest import Office
from tests.billing.payfip.conftest import OFFICE, Till, till_with
from tests.world import eventually

PRICE = 410


async def test_a_paid_invoice_is_settled_when_the_browser_comes_back(till: Till) -> None:
    made = await till.pay()
    assert made.status == 201
    assert (made.json["cents"], made.json["state"]) == (PRICE, "redirected")
    idop = made.json["page"].partition("idop=")[2]
    assert made.json["page"] == f"{till.server.origin}/tpa/paiementws.web?idop={idop}"
    sent = till.server.operations[idop].fields
    assert (sent["montant"], sent["numcli"], sent["saisie"]) == ("410", "090909", "T")
    assert (sent["mel"], sent["exer"], sent["objet"]) == (
        "anne@famille.example", "2026", "Regie enfance",
    )  # fmt: skip
    till.server.open(idop)
    await till.lost(idop, "carte")
    back = await till.call("GET", f"/payfip/returns?idop={idop}")
    assert back.json == {"payment": made.json["payment"], "state": "paid"}
    assert await till.money() == (PRICE, PRICE, 0)
    after = await till.call("GET", f"/payments/{made.json['payment']}", token=till.anne)
    assert (after.json["state"], after.json["page"]) == ("paid", None)
    again = await till.pay()
    assert (again.status, again.json["code"]) == (409, "nothing-to-pay")


async def test_the_browser_goes_on_to_the_front_end_and_nowhere_else(till: Till) -> None:
    payment, idop = await till.opened()
    state = till.office.world.state("billing")
    object.__setattr__(state, "payment_page", "https://portail.example/{town}/paiement")
    await till.lost(idop, "abandon")
    url = till.office.world.origin + "/api/billing/v1/veyras/payfip/returns"
    evil = {"idop": idop, "url": "https://evil.example", "next": "//evil.example"}
    http = till.office.world.http
    for how in ({"params": evil}, {"params": {"idOp": idop}}):
        async with http.get(url, **how, allow_redirects=False) as got:  # type: ignore[arg-type]
            assert got.status == 303
            assert got.headers["Location"] == (
                f"https://portail.example/veyras/paiement?payment={payment}"
            )
    async with http.post(url, data={"idop": idop}, allow_redirects=False) as got:
        assert got.status == 303
    async with http.get(url, params={"idop": "unknown"}, allow_redirects=False) as got:
        assert got.status == 404
    assert await till.seen(payment) == "abandoned"


async def test_back_before_the_result_is_known_one_waits_and_does_not_pay_twice(
    till: Till,
) -> None:
    payment, idop = await till.opened()

    async def shown() -> tuple[str, bool, bool]:
        till.later(seconds=3)
        one = (await till.call("GET", f"/payments/{payment}", token=till.anne)).json
        listed = (await till.call("GET", "/payments", token=till.anne)).json["items"][0]
        assert listed["awaited"] == one["awaited"]
        return one["state"], one["awaited"], one["page"] is not None

    assert await shown() == ("pending", False, True)
    await till.call("GET", f"/payfip/returns?idop={idop}")
    assert await shown() == ("pending", True, False)
    till.later(minutes=30)
    assert await shown() == ("pending", False, False)
    await till.lost(idop, "carte")
    assert await shown() == ("paid", False, False)


@pytest.mark.parametrize("name", ["idop", "idOp"])
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_closed_window_and_a_notification_in_any_form(
    till: Till, method: str, name: str
) -> None:
    payment, idop = await till.opened()
    till.server.act(idop, "prelevement", Behaviour(times=3, name=name, method=method))  # type: ignore[arg-type]
    await till.is_in(payment, "paid")
    await till.server.quiet()
    assert [status for *_, status in till.server.notified] == [204] * 3
    assert await till.money() == (PRICE, PRICE, 0)


async def test_a_notification_proves_nothing(till: Till) -> None:
    payment, idop = await till.opened()
    for given in (idop, "unknown", ""):
        hint = await till.call("GET", f"/payfip/notifications?idop={given}&resultrans=P")
        assert hint.status == 204
    await till.is_in(payment, "pending")
    assert await till.money() == (0, 0, 0)


async def test_a_closed_window_without_a_notification_is_found_by_asking(till: Till) -> None:
    payment, idop = await till.opened()
    await till.lost(idop, "carte")
    assert (await till.stored(payment)).state == "redirected"
    till.later(minutes=1.1)
    await till.is_in(payment, "paid")
    assert await till.money() == (PRICE, PRICE, 0)


async def test_who_never_pays_expires_and_a_payment_of_the_last_minute_counts(till: Till) -> None:
    payment, idop = await till.opened()
    till.later(minutes=10)
    await till.is_in(payment, "pending")
    till.later(minutes=115)
    await till.is_in(payment, "expired")
    await till.lost(idop, "carte")
    till.later(hours=1)
    await till.is_in(payment, "paid")
    assert await till.money() == (PRICE, PRICE, 0)


async def test_an_abandoned_page_may_be_paid_still(till: Till) -> None:
    payment, idop = await till.opened()
    await till.lost(idop, "abandon")
    assert await till.seen(payment) == "abandoned"
    await till.lost(idop, "carte")
    assert await till.seen(payment) == "paid"
    assert await till.money() == (PRICE, PRICE, 0)


async def test_refusals_are_final_once_the_page_is_dead(till: Till) -> None:
    payment, idop = await till.opened()
    await till.lost(idop, "carte-refusee")
    assert await till.seen(payment) == "refused"
    assert (await till.stored(payment)).next_ask is not None
    till.later(minutes=40)

    async def final() -> bool:
        return (await till.stored(payment)).next_ask is None

    await eventually(final, what="nothing more is asked")
    assert await till.money() == (0, 0, 0)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [({"montant": "100"}, "amount"), ({"refdet": "OTHER123"}, "reference"),
     ({"numcli": "123456"}, "client-number"), ({"resultrans": "W"}, "unknown-letter"),
     ({"montant": None}, "amount")],
)  # fmt: skip
async def test_what_does_not_match_is_never_paid_and_is_shown_to_agents(
    till: Till, changed: dict[str, str | None], problem: str, logged: io.BytesIO
) -> None:
    payment, idop = await till.opened()
    till.server.behaviours[""] = Behaviour(times=0, changed=changed)
    till.server.act(idop, "carte")
    assert await till.seen(payment) == "undetermined"
    assert await till.money() == (0, 0, 0)
    assert b"payment-undetermined" in logged.getvalue()
    officer = till.office.world.token(roles=("collection_officer",))
    listed = await till.call("GET", "/office/payments?state=undetermined", token=officer)
    (shown,) = listed.json["items"]
    assert (shown["payment"], shown["problem"], shown["operation"]) == (payment, problem, idop)
    till.server.behaviours.clear()
    checked = await till.call("POST", f"/office/payments/{payment}/checks", token=officer)
    assert checked.json["state"] == "paid"
    assert await till.money() == (PRICE, PRICE, 0)


async def test_whoever_asks_at_the_same_instant_there_is_one_payment(till: Till) -> None:
    payment, idop = await till.opened()
    officer = till.office.world.token(roles=("billing_office",))
    till.server.act(idop, "carte")
    till.later(minutes=1.1)
    ways = [
        lambda: till.call("GET", f"/payfip/notifications?idOp={idop}"),
        lambda: till.call("GET", f"/payfip/returns?idop={idop}"),
        lambda: till.call("GET", f"/payments/{payment}", token=till.anne),
        lambda: till.call("POST", f"/office/payments/{payment}/checks", token=officer),
    ]
    answers = await asyncio.gather(*(ways[at % len(ways)]() for at in range(100)))
    assert {answer.status for answer in answers} == {200, 204}
    await till.is_in(payment, "paid")
    assert await till.money() == (PRICE, PRICE, 0)
    assert list((await till.account()).sources) == [payment]


async def test_two_payments_of_one_invoice_settle_it_once_and_leave_credit(till: Till) -> None:
    (first, one), (second, other) = await asyncio.gather(till.opened(), till.opened())
    assert first != second
    till.server.act(one, "carte")
    till.server.act(other, "carte")
    await asyncio.gather(till.is_in(first, "paid"), till.is_in(second, "paid"))

    async def both() -> bool:
        return (await till.money()) == (2 * PRICE, PRICE, PRICE)

    await eventually(both, what="both on the account")


async def test_the_same_command_opens_one_page(till: Till) -> None:
    key = new_id()
    answers = await asyncio.gather(*(till.pay(key=key) for _ in range(5)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["page"] for answer in answers}) == 1
    other = await till.pay(key=key, email="autre@famille.example")
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")


async def test_when_payfip_is_away_nothing_is_charged_and_the_same_key_tries_again(
    till: Till,
) -> None:
    key = new_id()
    failures: tuple[Failure, ...] = ("bad-gateway", "dysfunction", "malformed", "slow")
    for failure in failures:
        till.server.next_failures = [failure]
        refused = await till.pay(key=key)
        assert (refused.status, refused.json["code"]) == (503, "payment-not-opened")
        till.server.next_failures = []
    made = await till.pay(key=key)
    assert made.status == 201
    idop = made.json["page"].partition("idop=")[2]
    till.server.open(idop)
    await till.lost(idop, "carte")
    till.server.next_failures = ["bad-gateway"]
    assert await till.seen(made.json["payment"]) == "redirected"
    assert await till.seen(made.json["payment"]) == "paid"


async def test_the_same_command_opens_no_page_for_what_is_to_be_paid_no_longer(till: Till) -> None:
    """PayFiP is away, and its parent pays from another window before pressing the button again."""
    key, late = new_id(), new_id()
    till.server.next_failures = ["bad-gateway", "bad-gateway"]
    assert {(await till.pay(key=one)).status for one in (key, late)} == {503}
    officer = till.office.world.token(roles=("collection_officer",))
    part = {"family": "f1", "means": "cash", "cents": 100, "invoices": [till.invoices[0]["_id"]]}
    await till.office.town(version=2, collection_office={**OFFICE, "means": [{"means": "cash"}]})

    async def at_the_desk() -> bool:
        made = await till.call("POST", "/office/payments", token=officer, json=part)
        return made.status == 201

    await eventually(at_the_desk, what="a part is paid in cash")
    changed = await till.pay(key=key)
    assert (changed.status, changed.json["code"]) == (409, "amount-changed")
    _, idop = await till.opened()
    await till.lost(idop, "carte")
    refused = await till.pay(key=late)
    assert (refused.status, refused.json["code"]) == (409, "nothing-to-pay")
    assert len(till.server.operations) == 1
    assert await till.money() == (PRICE, PRICE, 0)


async def test_a_page_that_was_not_opened_for_half_an_hour_is_asked_for_anew(till: Till) -> None:
    key = new_id()
    till.server.next_failures = ["bad-gateway"]
    assert (await till.pay(key=key)).status == 503
    till.later(minutes=31)
    over = await till.pay(key=key)
    assert (over.status, over.json["code"]) == (409, "payment-over")
    assert (await till.pay()).status == 201


async def test_what_payfip_refuses_of_the_regie_is_not_tried_again_and_an_agent_is_told(
    till: Till,
) -> None:
    till.server.clients = {}
    for _ in range(2):
        refused = await till.pay()
        assert (refused.status, refused.json["code"]) == (409, "online-payment-refused")
        assert "Retry-After" not in refused.headers
        assert "réessayez" not in refused.json["detail"]
    officer = till.office.world.token(roles=("collection_officer",))
    (task,) = (await till.call("GET", "/tasks", token=officer)).json["items"]
    assert (task["kind"], task["family"]) == ("online-payment-refused", "f1")
    assert "(T2)" in task["text"]
    state = till.office.world.state("billing")
    object.__setattr__(state, "public_url", "https://" + "a" * 300 + ".example")
    assert (await till.pay()).json["code"] == "online-payment-refused"
    tasks = (await till.call("GET", "/tasks", token=officer)).json["items"]
    assert "(urlnotif)" in tasks[0]["text"]


async def test_an_unopened_payment_expires_by_itself(till: Till) -> None:
    till.server.next_failures = ["bad-gateway"]
    assert (await till.pay()).status == 503
    officer = till.office.world.token(roles=("billing_office",))
    (left,) = (await till.call("GET", "/office/payments", token=officer)).json["items"]
    assert left["state"] == "created"
    till.later(minutes=61)
    await till.is_in(left["payment"], "expired")


async def test_a_bad_email_is_told_to_who_typed_it(till: Till) -> None:
    answer = await till.pay(email="anne@famille")
    assert (answer.status, answer.json["code"]) == (422, "email-refused")
    assert answer.json["field"] == "/email"


async def test_only_who_pays_for_every_child_pays_the_invoice(till: Till) -> None:
    world = till.office.world
    for who, status in (("f1-paul", 201), ("f1-luc", 404), ("f9-anne", 404)):
        token = world.token(families={"f1": who})
        assert (await till.pay(token=token)).status == status, who
    mine = (await till.pay()).json["payment"]
    paul = world.token(families={"f1": "f1-paul"})
    assert (await till.call("GET", f"/payments/{mine}", token=paul)).status == 404
    assert len((await till.call("GET", "/payments", token=paul)).json["items"]) == 1
    assert len((await till.call("GET", "/payments", token=till.anne)).json["items"]) == 2


async def test_a_payment_is_of_one_family_and_of_what_is_to_be_paid(
    payfip: object, office: Office
) -> None:
    till = await till_with(office, payfip, ["f1", "f2"])  # type: ignore[arg-type]
    first, second = (one["_id"] for one in till.invoices)
    both = await till.pay(first, second)
    assert (both.status, both.json["code"]) == (409, "families-differ")
    assert (await till.pay("0" * 32)).status == 404
    assert (await till.pay(first, first)).status == 422
    await office.town(version=2, collection_office={**OFFICE, "payfip": None})

    async def unavailable() -> bool:
        answer = await till.pay(first)
        return answer.status == 409 and answer.json["code"] == "online-payment-unavailable"

    await eventually(unavailable, what="no online payment")


async def test_what_a_dead_process_left_untold_is_told(till: Till) -> None:
    payment, idop = await till.opened()
    await till.lost(idop, "carte")
    known = await till.stored(payment)
    billing = till.office.billing()
    now = billing.clock.town()
    finding = found(known, await billing.payfip.detail(idop), now)
    assert await billing.payments.found(known, finding, now)
    assert not await billing.payments.found(known, finding, now), "one write wins"

    async def told() -> bool:
        return not (await till.stored(payment)).untold

    await eventually(told, what="told")
    assert await till.money() == (PRICE, PRICE, 0)
    await billing.payfip._outgoing.close()


async def test_what_is_asked_each_second_reads_an_index(till: Till) -> None:
    await till.opened()
    client = connect(till.office.world.mongodb_url)
    payments = client[f"{till.office.world.namespace}_billing"]["payments"]
    now = till.office.world.clock.town()
    for query, sort, index in (
        ({"next_ask": {"$gt": EPOCH, "$lte": now}}, [("next_ask", 1)], "to-ask"),
        ({"idop": "x", "town": "veyras"}, None, "idop"),
        ({"untold": True}, None, "untold"),
    ):
        plan = await payments.find(query, sort=sort).explain()
        assert f"'indexName': '{index}'" in str(plan["queryPlanner"]["winningPlan"]), query
    await client.close()


async def test_while_a_page_may_be_paid_nobody_knows_and_afterwards_it_is_unpaid(
    till: Till,
) -> None:
    invoice = till.invoices[0]["_id"]
    billing = till.office.world.state("billing")
    assert await ask(billing, invoice) == "unpaid"
    payment, idop = await till.opened()
    assert await ask(billing, invoice) == "unknown"
    till.server.next_failures = ["bad-gateway"]
    assert await ask(billing, invoice) == "unknown"
    till.later(minutes=31)
    assert await ask(billing, invoice) == "unpaid"
    await till.lost(idop, "carte")
    assert await ask(billing, invoice) == "paid"
    assert await till.seen(payment) == "paid"
