"""An adult of the household takes part (BO1): from the enrolment to the digest and the invoice, and
nobody else's affair."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest

from deploy.local.mailbox import Mailbox
from services.billing.service import build as build_billing
from services.booking.service import build as build_booking
from services.notify.service import build as build_notify
from shared.contracts.family import ChildRights, FamilyChanged, Guardian, Quotient
from shared.contracts.identity import AccountChanged, AccountFamily
from shared.ids import new_id
from tests.booking.checked import findings
from tests.samples import (
    API,
    Household,
    activity,
    arrived,
    decide,
    say_household,
    say_town,
    town_file,
)
from tests.world import Answer, StartWorld, World, eventually

BUILDS = {"booking": build_booking, "notify": build_notify, "billing": build_billing}
DAY, NEXT = "2026-09-17", "2026-09-21"
SWIMMING = activity("natation", eligible={"children": False, "adults": True})
SENIORS = activity(
    "marche", eligible={"children": False, "adults": True, "which_adults": {"from_age": 60}}
)
WORKSHOP = activity(
    "atelier", eligible={"from_age": 3, "to_age": 11, "adults": True}, decision="automatic",
    places=[
        {"id": "small", "units": ["unit"], "capacity": 1, "group": {"to_age": 11}, "source": "t"},
        {"id": "grown", "units": ["unit"], "capacity": 1, "group": {"from_age": 18}, "source": "t"},
    ],
)  # fmt: skip
GROUP = {
    "id": "natation-2026", "name": "Natation", "activities": ["natation"], "first": "2026-09-01",
    "last": "2027-06-30", "decision": "automatic", "source": "test",
    "windows": [{"opens": "2026-06-01T08:00", "closes": "2026-09-30T23:59"}],
}  # fmt: skip
TOWN = town_file(
    activities=[activity("cantine"), SWIMMING, SENIORS, WORKSHOP],
    enrolments=[GROUP],
    audiences=[
        {"id": "adults", "name": "Adultes", "all": [{"fact": "participant", "is": ["adult"]}]},
    ],
    tariffs=[
        {"id": "adultes", "activity": "natation", "unit": "unit", "valid_from": "2026-01-01",
         "source": "test", "for": {"audiences": ["adults"]},
         "brackets": [{"to": 900, "cents": 450}, {"over": 900, "cents": 700}]},
        *(
            {"id": name, "activity": name, "unit": "unit", "valid_from": "2026-01-01",
             "source": "test", "price_cents": 300}
            for name in ("cantine", "natation", "marche", "atelier")
        ),
    ],
)  # fmt: skip


@dataclass
class Couple(Household):
    """Anne, who is invoiced, and Bruno, who has every right over the children; ``changes`` of
    Bruno's card."""

    bruno: str = field(default_factory=new_id)
    bruno_account: str = field(default_factory=new_id)
    changes: dict[str, Any] = field(default_factory=dict)

    def card(self, others: tuple[Guardian, ...] = ()) -> FamilyChanged:
        rights = tuple(ChildRights(child=c, see=True, decide=True, pay=True) for c in self.children)
        bruno = Guardian(
            **{"id": self.bruno, "first_name": "Bruno", "last_name": "Roux", "invoiced": False,
               "rights": rights} | self.changes
        )  # fmt: skip
        quotient = Quotient(value_cents=85_000, effect=date(2026, 1, 1), source="test")
        return super().card((bruno, *others)).model_copy(update={"quotients": (quotient,)})

    def other(self) -> AccountChanged:
        link = AccountFamily(family=self.id, guardian=self.bruno)
        return AccountChanged(
            account=self.bruno_account, town=self.town, email="bruno@famille.example",
            first_name="Bruno", last_name="Roux", active=True, families=(link,),
        )  # fmt: skip

    def as_bruno(self, world: World) -> str:
        return world.token(self.town, account=self.bruno_account, families={self.id: self.bruno})


@pytest.fixture
async def running(start_world: StartWorld, mailbox: Mailbox) -> AsyncIterator[World]:
    async with start_world(BUILDS, smtp_url=mailbox.url) as it:
        await say_town(it, TOWN)
        yield it
        assert await findings(it) == []


async def couple(running: World, **changes: Any) -> Couple:
    home = Couple(changes=changes)
    await running.say(home.other(), f"accounts/{home.bruno_account}", town=home.town)
    contact = f"{home.town}/{home.bruno_account}"
    await eventually(lambda: running.store("notify").get("contacts", contact))
    await say_household(running, home)
    return home


def wish(home: Household, *asked: tuple[str, str, str]) -> dict[str, Any]:
    """A basket of (participant, activity, day)."""
    return {
        "family": home.id,
        "asked": [
            {"child": who, "activity": activity, "units": ["unit"], "day": day}
            for who, activity, day in asked
        ],
    }


async def post(world: World, path: str, token: str, body: dict[str, Any]) -> Answer:
    return await world.call("POST", f"{API}/veyras/{path}", token=token, json=body)


async def refused(world: World, token: str, body: dict[str, Any]) -> tuple[int, str]:
    """The status and the code, or the reason why its one date is not retained."""
    answer = await post(world, "requests", token, body)
    dropped = answer.json.get("not_retained")
    return answer.status, dropped[0]["reason"]["code"] if dropped else answer.json["code"]


async def enrol(world: World, home: Couple) -> Answer:
    body = {"family": home.id, "child": home.guardian, "group": "natation-2026"}
    return await post(world, "enrolments", home.token(world), body)


async def test_from_the_enrolment_to_the_digest_and_the_invoice(
    running: World, mailbox: Mailbox
) -> None:
    home = await couple(running)
    anne, bruno, lea = home.token(running), home.as_bruno(running), home.children[0]
    swims = wish(home, (home.guardian, "natation", DAY))
    assert await refused(running, anne, swims) == (409, "not-enrolled")
    assert (await enrol(running, home)).json["state"] == "accepted"
    mail = await arrived(mailbox, lambda mail: "inscri" in mail.subject)
    assert mail.to == (home.email,)
    assert "Anne" in mail.text

    about = f"family={home.id}&child={home.guardian}&first={DAY}&last={DAY}"
    planned = await running.call("GET", f"{API}/veyras/planning?{about}", token=anne)
    assert {one["activity"] for one in planned.json["entries"]} == {"natation", "atelier"}
    asked = wish(
        home, (home.guardian, "natation", DAY), (home.guardian, "natation", NEXT),
        (lea, "cantine", DAY),
    )  # fmt: skip
    recap = await post(running, "recaps", anne, asked)
    assert [one["would"] for one in recap.json["lines"]] == ["requested"] * 3
    quote = await running.call(
        "POST", "/api/billing/v1/veyras/quotes", token=anne,
        json={"family": home.id, "lines": [
            {"child": one["child"], "activity": one["activity"], "units": one["units"],
             "date": one["day"]}
            for one in asked["asked"]
        ]},
    )  # fmt: skip
    prices = {(one["activity"], one["cents"]) for one in quote.json["lines"]}
    assert prices == {("natation", 450), ("cantine", 300)}

    request = (await post(running, "requests", anne, asked)).json
    receipt = await arrived(mailbox, lambda mail: request["number"] in mail.subject)
    assert receipt.to == (home.email,)
    assert "Anne – Natation" in receipt.text
    assert "Léa – Cantine" in receipt.text
    seen = await running.call("GET", f"{API}/veyras/requests/{request['id']}", token=bruno)
    assert [one["child"] for one in seen.json["lines"]] == [lea], "Anne's course is Anne's affair"
    mine = await running.call("GET", f"{API}/veyras/requests?child={home.guardian}", token=anne)
    assert [one["id"] for one in mine.json["items"]] == [request["id"]]

    await decide(running, [(request["id"], str(n), None) for n in (1, 2, 3)])
    ends = {"kind": "cancel", "child": home.guardian, "activity": "natation", "first": NEXT}
    ended = await post(running, "requests", anne, {"family": home.id, "ends": [ends]})
    assert [one["state"] for one in ended.json["lines"]] == ["accepted"]
    held = await running.call("GET", f"{API}/veyras/personal-data", token=anne)
    assert "Anne, natation" in str(held.json)

    running.move_to(datetime(2026, 9, 14, 11, 1, 1, tzinfo=UTC))

    def digest_of(address: str) -> Any:
        return arrived(mailbox, lambda m: m.to == (address,) and "réponses à vos" in m.subject)

    told = await digest_of(home.email)
    assert "Natation" in told.text
    assert "Cantine" in told.text
    other = await digest_of("bruno@famille.example")
    assert "Cantine" in other.text
    assert "Natation" not in other.text

    running.move_to(datetime(2026, 9, 30, 22, 1, 5, tzinfo=UTC))

    async def invoices(token: str) -> list[dict[str, Any]]:
        path = "/api/billing/v1/veyras/invoices"
        return list((await running.call("GET", path, token=token)).json["items"])

    (invoice,) = await eventually(lambda: invoices(anne), what="the month is invoiced")
    path = f"/api/billing/v1/veyras/invoices/{invoice['invoice']}"
    invoice = (await running.call("GET", path, token=anne)).json
    lines = {one["child_name"]: (one["activity"], one["total_cents"]) for one in invoice["lines"]}
    assert lines == {"Anne": ("natation", 450), "Léa": ("cantine", 300)}
    assert await invoices(bruno) == []


async def test_nobody_is_booked_where_they_do_not_belong(running: World) -> None:
    home, others = await couple(running), await couple(running)
    anne, bruno = home.token(running), home.as_bruno(running)

    async def why(token: str, who: str, activity: str) -> tuple[int, str]:
        return await refused(running, token, wish(home, (who, activity, DAY)))

    assert await why(anne, home.guardian, "cantine") == (409, "children-only")
    assert await why(anne, home.children[0], "natation") == (409, "adults-only")
    assert await why(anne, home.guardian, "marche") == (409, "birth-date-needed")
    assert await why(anne, others.guardian, "atelier") == (404, "not-found")
    assert await why(anne, home.bruno, "atelier") == (403, "forbidden")
    assert await why(bruno, home.guardian, "atelier") == (403, "forbidden")
    for path in ("planning", "enrolments"):
        about = f"family={home.id}&child={home.guardian}&first={DAY}&last={DAY}"
        where = f"{API}/veyras/{path}?{about if path == 'planning' else about.split('&first')[0]}"
        assert (await running.call("GET", where, token=bruno)).status == 403
    agent = running.token(roles=("childcare_office",))
    answer = await post(running, "requests", agent, wish(home, (home.bruno, "atelier", DAY)))
    assert [one["state"] for one in answer.json["lines"]] == ["accepted"], "at the desk"
    quote = {"child": home.guardian, "activity": "atelier", "units": ["unit"], "date": DAY}
    path = "/api/billing/v1/veyras/quotes"
    body = {"family": home.id, "lines": [quote]}
    assert (await running.call("POST", path, token=bruno, json=body)).status == 404


async def test_a_birth_date_opens_what_an_age_decides(running: World) -> None:
    home = await couple(running, birth_date=date(1960, 1, 1))
    walk = wish(home, (home.bruno, "marche", DAY))
    answer = await post(running, "requests", home.as_bruno(running), walk)
    assert [one["state"] for one in answer.json["lines"]] == ["requested"]


async def test_adults_are_counted_where_they_may_have_to_be(running: World) -> None:
    home, others = await couple(running), await couple(running)
    anne, lea = home.token(running), home.children[0]

    async def asks(token: str, body: dict[str, Any]) -> list[str]:
        answer = await post(running, "requests", token, body)
        return [one["state"] for one in answer.json["lines"]]

    both = wish(home, (home.guardian, "atelier", DAY), (lea, "atelier", DAY))
    assert await asks(anne, both) == ["accepted", "accepted"], "each in a group of their own"
    late = wish(others, (others.guardian, "atelier", DAY))
    assert await asks(others.token(running), late) == ["refused"]


async def test_where_a_protected_adult_swims_is_on_nobody_else_s_invoice(running: World) -> None:
    home = await couple(running, protected=True)
    bruno = home.as_bruno(running)
    assert await refused(running, bruno, wish(home, (home.bruno, "atelier", DAY))) == (
        409, "withheld",
    )  # fmt: skip
    body = {"family": home.id, "child": home.bruno, "group": "natation-2026"}
    answer = await post(running, "enrolments", bruno, body)
    assert (answer.status, answer.json["code"]) == (409, "withheld")
