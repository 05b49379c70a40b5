"""Joining and leaving the online invoice: in two steps, from an invoice that is named."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from shared.ids import new_id
from tests.billing.conftest import BASE, Office
from tests.billing.data import accepted
from tests.world import Answer, eventually

SEPTEMBER = date(2026, 9, 3)


async def call(
    office: Office, path: str, body: dict[str, Any] | None = None, *, who: str = "anne",
    key: str | None = None,
) -> Answer:  # fmt: skip
    token = office.world.token(account=who, families={"f1": f"f1-{who}"})
    method = "GET" if body is None else "POST"
    return await office.world.call(method, BASE + path, token=token, json=body, key=key)


async def step_two(office: Office, online: bool, key: str | None = None) -> Answer:
    recap = await call(office, "/online-invoice/recaps", {"family": "f1", "online": online})
    assert recap.status == 200, recap.json
    body = {name: recap.json[name] for name in ("family", "online", "counts_from")}
    return await call(office, "/online-invoice/choices", body, key=key)


async def test_a_family_joins_and_leaves_and_invoices_follow(office: Office) -> None:
    await office.town(collection_office={"code": "VEY", "label": "Régie",
                                         "online_invoices": "on_request"})  # fmt: skip
    await office.family()
    await office.settled()
    first = (await call(office, "/online-invoice?family=f1")).json
    assert (first["online"], first["chosen_at"], first["next_month"]) == (False, None, "2026-08")
    await office.say(accepted([("z", "zoe", SEPTEMBER)]), "requests/r1")
    office.world.move_to(datetime(2026, 9, 20, 8, tzinfo=UTC))
    recap = await call(office, "/online-invoice/recaps", {"family": "f1", "online": True})
    assert "facture" in recap.json["text"]
    assert (await call(office, "/online-invoice?family=f1")).json == first, "nothing changed yet"
    key = new_id()
    joined = await step_two(office, True, key)
    assert (joined.status, joined.json["online"]) == (201, True)
    await office.month_over()
    (invoice,) = await office.invoices(1)

    async def heard() -> str | None:
        found = [one for one in office.heard if one.invoice == invoice["_id"]]
        return found[0].delivery if found else None

    assert await eventually(heard, what="the invoice is said") == "online"
    after = (await call(office, "/online-invoice?family=f1")).json
    assert after["next_month"] == "2026-10", "September is issued"
    left = await step_two(office, False)
    assert (left.json["online"], left.json["counts_from"]) == (False, "2026-10")


async def test_what_the_recap_showed_must_still_hold(office: Office) -> None:
    await office.town()
    await office.family()
    await office.settled()
    body = {"family": "f1", "online": False, "counts_from": "2026-07"}
    stale = await call(office, "/online-invoice/choices", body)
    assert (stale.status, stale.json["code"]) == (409, "month-changed")
    assert (await call(office, "/online-invoice?family=f1")).json["online"] is True
    key = new_id()
    assert (await step_two(office, False, key)).json["online"] is False
    assert (await step_two(office, True)).json["online"] is True
    assert (await step_two(office, False, key)).json["online"] is True, "that was done already"
    other = await step_two(office, True, key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")


async def test_only_who_is_invoiced_chooses_or_an_agent(office: Office) -> None:
    await office.town()
    await office.family()
    await office.settled()
    assert (await call(office, "/online-invoice?family=f1", who="paul")).status == 403
    assert (await call(office, "/online-invoice?family=f2")).status == 403
    agent = await office.get("/online-invoice?family=f1")
    assert (agent.status, agent.json["online"]) == (200, True)
    assert (await office.get("/online-invoice?family=f9")).status == 404
