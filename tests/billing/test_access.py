"""Who may see which invoice, and who may see nothing."""

from __future__ import annotations

from datetime import date

import pytest

from services.billing.api import ROUTES
from tests.billing.conftest import BASE, Office
from tests.billing.data import accepted
from tests.billing.debits import IBAN
from tests.world import Answer

DAY = date(2026, 9, 3)
BODIES: dict[str, dict[str, object]] = {
    "/invoice-drafts": {"month": "2026-09"},
    "/invoice-drafts/{draft}/corrections": {"line": "0" * 32, "cents": 1, "reason": "Geste."},
    "/accounts/{family}/credits": {"cents": 100, "reason": "Un geste."},
    "/accounts/{family}/refunds": {"cents": 100},
    "/online-invoice/recaps": {"family": "f1", "online": True},
    "/online-invoice/choices": {"family": "f1", "online": True, "counts_from": "2026-10"},
    "/tasks/{task}/completions": {"note": "Vu."},
    "/direct-debit/recaps": {"family": "f1", "direct_debit": True},
    "/direct-debit/requests": {
        "family": "f1",
        "iban": IBAN,
        "holder": "Anne",
        "agreed": True,
        "agreed_on": "2026-09-14",
        "counts_from": "2026-09",
        "guardian": "f1-anne",
    },
    "/direct-debit/revocations": {"family": "f1"},
    "/office/direct-debits/{family}/acceptances": {"request": "0" * 32},
    "/office/direct-debits/{family}/refusals": {"request": "0" * 32, "reason": "Pas le payeur."},
    "/office/direct-debits/{family}/ends": {"reason": "Dossier clos."},
    "/office/collections": {"on": "2026-10-15"},
    "/office/debits/{debit}/returns": {"code": "AM04"},
    "/payments": {"invoices": ["0" * 32], "email": "anne@famille.example"},
    "/invoice-runs": {"month": "2026-09"},
    "/price-trials": {"file": "town: x", "facts": {}},
    "/quotes": {
        "family": "f1",
        "lines": [
            {"child": "zoe", "activity": "cantine", "date": "2026-10-08", "units": ["repas"]}
        ],
    },
}
QUERIES = dict.fromkeys(
    ("/online-invoice", "/direct-debit", "/direct-debit/bank-details", "/direct-debit/mandate.pdf"),
    "?family=f1",
)
LISTINGS = (("GET", "/invoices"), ("GET", "/payments"))


@pytest.fixture
async def invoiced(office: Office) -> Office:
    """Three families with an invoice each; Tom is on f1's only."""
    await office.town()
    for family in ("f1", "f2", "f3"):
        await office.family(family)
        lines = [(f"{family}-zoe", "zoe", DAY)]
        if family == "f1":
            lines.append(("f1-tom", "tom", DAY))
        await office.say(accepted(lines, family=family), f"requests/{family}")
    await office.month_over()
    await office.invoices(3)
    return office


async def seen(office: Office, **families: str) -> list[str]:
    """Whose invoices a guardian of these families is shown."""
    token = office.world.token(families=families)
    page = await office.world.call("GET", f"{BASE}/invoices", token=token)
    for invoice in page.json["items"]:
        path = f"{BASE}/invoices/{invoice['invoice']}"
        whole = await office.world.call("GET", path, token=token)
        assert whole.json["number"] == invoice["number"]
        assert sum(line["total_cents"] for line in whole.json["lines"]) == invoice["total_cents"]
    return sorted(invoice["family"] for invoice in page.json["items"])


async def test_a_guardian_sees_invoices_sent_to_them_or_all_of_children_they_pay_for(
    invoiced: Office,
) -> None:
    assert await seen(invoiced, f1="f1-anne") == ["f1"]
    assert await seen(invoiced, f1="f1-paul") == [], "Tom is on it, whom Paul does not pay for"
    assert await seen(invoiced, f2="f2-paul") == ["f2"]
    assert await seen(invoiced, f2="f2-luc") == []
    assert await seen(invoiced, f1="f1-anne", f2="f2-paul", f3="f3-luc") == ["f1", "f2"]
    assert await seen(invoiced, f1="nobody") == []
    assert await seen(invoiced, f9="f1-anne") == []


async def test_anothers_invoice_answers_like_one_that_does_not_exist(invoiced: Office) -> None:
    theirs = next(one for one in await invoiced.invoices(3) if one["family"] == "f1")["_id"]
    token = invoiced.world.token(families={"f2": "f2-anne"})

    async def get(path: str) -> Answer:
        return await invoiced.world.call("GET", BASE + path, token=token)

    assert (await get(f"/invoices/{theirs}")).status == 404
    assert (await get(f"/invoices/{theirs}")).json == (await get(f"/invoices/{'0' * 32}")).json
    unknown, others = (
        await get(f"/invoices?after={'0' * 32}"),
        await get(f"/invoices?after={theirs}"),
    )
    assert (unknown.status, unknown.json["code"]) == (422, "cursor-unknown")
    assert unknown.json["field"] == "?/after"
    assert others.json == unknown.json
    assert (await get("/invoices?family=f1")).json["items"] == []


async def test_agents_read_the_towns_invoices_page_by_page(invoiced: Office) -> None:
    first = (await invoiced.get("/invoices?limit=2", role="childcare_office")).json
    assert [one["number"][-1] for one in first["items"]] == ["3", "2"]
    second = (await invoiced.get(f"/invoices?limit=2&after={first['next']}")).json
    assert [one["number"][-1] for one in second["items"]] == ["1"]
    assert second["next"] is None
    assert len((await invoiced.get("/invoices?month=2026-09&family=f2")).json["items"]) == 1
    assert (await invoiced.get("/invoices?month=2026-08")).json["items"] == []


async def test_no_route_answers_the_wrong_bearer(invoiced: Office) -> None:
    invoice = next(one for one in await invoiced.invoices(3) if one["family"] == "f1")["_id"]
    anne = invoiced.world.token(families={"f1": "f1-anne"})
    asked = BODIES["/quotes"]
    made = await invoiced.world.call("POST", f"{BASE}/quotes", token=anne, json=asked)
    quote = made.json["quote"]
    wrong = {
        "no token": None,
        "another town": invoiced.world.token("andancette", families={"f1": "f1-anne"}),
        "another town's agent": invoiced.world.token("andancette", roles=("billing_office",)),
        "no family": invoiced.world.token(),
        "another family": invoiced.world.token(families={"f9": "f1-anne"}),
        "another role": invoiced.world.token(roles=("canteen_staff",)),
    }
    for route in ROUTES:
        if route.access.public or (route.access.account and not route.access.family):
            continue  # for all; any account has its own
        path = BASE + route.path.replace("{invoice}", invoice).replace("{quote}", quote)
        path = path.replace("{family}", "f1").replace("{transfer}", "t" * 32)
        path = path.replace("{draft}", "d" * 32).replace("{task}", "e" * 32)
        path = path.replace("{collection}", "0" * 32).replace("{debit}", "0" * 32)
        path += "?month=2026-09" if route.path == "/invoice-drafts" else ""
        path = path.replace("{payment}", "0" * 32) + QUERIES.get(route.path, "")
        body = BODIES.get(route.path) if route.method == "POST" else None
        for who, token in wrong.items():
            answer = await invoiced.world.call(route.method, path, token=token, json=body)
            if who == "another family" and (route.method, route.path) in LISTINGS:
                assert answer.json["items"] == []
            else:
                assert answer.status in (401, 403, 404), (route.path, who)
                assert answer.headers["Content-Type"].startswith("application/problem+json")


async def test_another_towns_agents_see_nothing_of_this_one(invoiced: Office) -> None:
    token = invoiced.world.token("andancette", roles=("billing_office",))
    for path in ("/invoices", "/charges", "/charges?state=invoiced", "/invoice-runs"):
        answer = await invoiced.world.call("GET", f"/api/billing/v1/andancette{path}", token=token)
        assert next(iter(answer.json.values())) == []
