"""The demo opens on towns with life in them: what each of its people finds."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from deploy.demo.life import (
    ANDANCETTE,
    OWING,
    PASSWORD,
    PAYING,
    SHARED,
    UNLINKED,
    VEYRAS,
    WAITING,
    live,
)
from deploy.demo.seed import AGENT_PASSWORD, Accounts, seed
from deploy.demo.story import Portal
from deploy.local.mailbox import Mailbox
from tests.world import World, eventually

TODAY = date(2026, 9, 14)


@pytest.fixture
async def lived(whole: World, mailbox: Mailbox) -> Accounts:
    """Both towns, and the neighbours' lives up to Monday 14 September."""
    return await live(whole.origin, mailbox, await seed(whole.runner), TODAY)


async def _portal(whole: World, town: str, login_name: str, password: str) -> Portal:
    portal = Portal(whole.http, whole.origin, town=town)
    await portal.log_in(login_name, password)
    return portal


async def test_each_of_them_is_at_another_stage(whole: World, lived: Accounts) -> None:
    assert {one.login_name for one in lived.people} == {
        "agent.andancette", "agent.veyras", "sami.demo", "nora.demo", "alex.demo",
        "jeanne.demo", "malik.demo", "paul.demo", "louise.demo",
    }  # fmt: skip
    unlinked = await _portal(whole, VEYRAS, UNLINKED.login_name, PASSWORD)
    assert (await unlinked.call("GET", "identity/me"))["families"] == []

    office = await _portal(whole, VEYRAS, "agent.veyras", AGENT_PASSWORD)
    family = await _portal(whole, VEYRAS, WAITING.login_name, PASSWORD)
    (request,) = (await family.call("GET", "booking/requests"))["items"]
    assert [line["state"] for line in request["lines"]] == ["requested"] * 4
    desk = {
        "booking/requests": 1, "family/changes": 1, "family/waiting-documents": 3,
        "family/letters": 1, "booking/enrolment-requests": 1, "family/registrations": 1,
    }  # fmt: skip
    for path, waiting in desk.items():
        assert len((await office.call("GET", path))["items"]) == waiting, path

    shared = await _portal(whole, VEYRAS, SHARED.login_name, PASSWORD)
    assert len((await shared.call("GET", "family/household"))["households"]) == 2

    paying = await _portal(whole, ANDANCETTE, PAYING.login_name, PASSWORD)
    invoices = (await paying.call("GET", "billing/invoices"))["items"]
    assert sorted(one["total_cents"] for one in invoices) == [2 * 395, 3 * 395]
    await eventually(lambda: _paid(paying), what="the first invoice is paid")
    household = (await paying.call("GET", "family/household"))["households"][0]
    child = household["children"][0]["id"]
    query = f"family={household['family']}&child={child}&first=2026-09-16&last=2026-09-30"
    planning = (await paying.call("GET", f"booking/planning?{query}"))["entries"]
    left = [one["places_left"] for one in planning if one["activity"] == "wednesday"]
    assert left == [0, 0, 6], "the next Wednesdays are full"

    owing = await _portal(whole, ANDANCETTE, OWING.login_name, PASSWORD)
    (due,) = (await owing.call("GET", "billing/invoices?state=open"))["items"]
    assert (due["unpaid_cents"] > 0, due["pay_until"]) == (True, None), "to be paid within a month"
    home = (await owing.call("GET", "family/household"))["households"][0]
    me = await owing.call("GET", "identity/me")
    names = [(one["first_name"], one["last_name"]) for one in home["guardians"]]
    assert (me["first_name"], me["last_name"]) in names, "one person has one name"
    desk = await _portal(whole, ANDANCETTE, "agent.andancette", AGENT_PASSWORD)
    for path in ("family/changes", "family/letters"):
        assert len((await desk.call("GET", path))["items"]) == 1, path


async def _paid(family: Portal) -> bool:
    invoices: list[dict[str, Any]] = (await family.call("GET", "billing/invoices"))["items"]
    return sorted(one["unpaid_cents"] for one in invoices) == [0, 3 * 395]
