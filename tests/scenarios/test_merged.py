"""Two records of one family become one, and two again: what either had booked, sent, written and
owes is seen, bookable and billed as one family's meanwhile, and goes back with whom it came."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from services.billing.service import build as build_billing
from services.booking.service import build as build_booking
from services.family.commands.importing import import_families
from services.family.domain.household import family_id, member_id
from services.family.service import build as build_family
from shared.ids import new_id
from tests.family.files import pdf, send
from tests.family.test_spreadsheet import CHILD, HEADER, HOLDER
from tests.samples import activity, say_town, town_file
from tests.world import Answer, StartWorld, World, eventually

KEPT, GONE = family_id("veyras", "12"), family_id("veyras", "13")
#: Anne and Zoé are in both records, Noé in the second alone.
ANNE, ZOE = member_id(KEPT, "1"), member_id(KEPT, "3")
SAME_ANNE, SAME_ZOE, NOE = (member_id(GONE, number) for number in "135")
_ZOE = CHILD.replace(";voir;", ";;")
_NOE = _ZOE.replace(";3;", ";5;").replace("Zoé", "Noé")
SHEET = HEADER + HOLDER + _ZOE + (HOLDER + _ZOE + _NOE).replace("12;", "13;")
TWICE = {"id": "often", "name": "Semaines", "counts": "days_booked", "per": "child",
         "window": "month"}  # fmt: skip
_EVE = {"anchor": "day", "days_before": 1, "time": "18:00"}
_RULE = {"id": "eve", "valid_from": "2020-01-01", "source": "test", "cutoff": _EVE}
_CARE = activity(
    "garderie", decision="automatic",
    deadlines={"book": [{**_RULE, "times": {"counter": "often", "to": 2}}], "cancel": [_RULE]},
)  # fmt: skip
TARIFF = {"id": "t", "valid_from": "2026-01-01", "source": "test", "activity": "garderie",
          "unit": "unit", "price_cents": 200}  # fmt: skip
THURSDAY, FRIDAY, MONDAY = "2026-09-17", "2026-09-18", "2026-09-21"
OVER = datetime(2026, 9, 30, 22, 1, 5, tzinfo=UTC)


@dataclass
class Town:
    """The parent and the desk. ``families``: what the parent's token names at the moment."""

    world: World
    families: dict[str, str] = field(default_factory=lambda: {KEPT: ANNE, GONE: SAME_ANNE})
    account: str = field(default_factory=new_id)

    @property
    def parent(self) -> str:
        return self.world.token(account=self.account, families=self.families)

    @property
    def desk(self) -> str:
        return self.world.token(roles=("childcare_office", "billing_office"))

    async def get(self, path: str, token: str | None = None) -> Any:
        service, _, rest = path.partition("/")
        answer = await self.world.call(
            "GET", f"/api/{service}/v1/veyras/{rest}", token=token or self.parent
        )
        assert answer.status == 200, (path, answer.json)
        return answer.json

    async def post(
        self, path: str, body: Any = None, token: str | None = None, tag: str | None = None
    ) -> Answer:
        service, _, rest = path.partition("/")
        return await self.world.call(
            "POST", f"/api/{service}/v1/veyras/{rest}", token=token or self.parent, json=body,
            headers={"If-Match": tag} if tag else None,
        )  # fmt: skip

    async def book(self, family: str, child: str, day: str) -> str:
        """``accepted``, or why not."""
        asked = {"child": child, "activity": "garderie", "units": ["unit"], "day": day}
        answer = await self.post("booking/requests", {"family": family, "asked": [asked]})
        if answer.status != 201:
            return str(answer.json["not_retained"][0]["reason"]["code"])
        line = answer.json["lines"][0]
        return str(line["reason"]["code"] if line["reason"] else line["state"])

    async def booked(self, family: str, child: str) -> set[str]:
        """The days on which the planning shows a booking."""
        path = f"booking/planning?family={family}&child={child}&first={THURSDAY}&last={MONDAY}"
        found = (await self.get(path))["entries"]
        return {one["date"] for one in found if one["status"] == "accepted"}

    async def heard(self, wanted: bool) -> None:
        """Until booking and billing know (not) of the merge."""

        async def known() -> bool:
            for service in ("booking", "billing"):
                card = await self.world.store(service).get("copy_families", GONE)
                home = await self.world.store(service).get("copy_families", KEPT)
                if card is None or home is None:
                    return False
                if bool(card["merged_into"]) != wanted or bool(home["parts"]) != wanted:
                    return False
            return True

        await eventually(known, what="the merge is known")

    async def merge(self) -> str:
        path = f"/api/family/v1/veyras/families/{KEPT}"
        tag = (await self.world.call("GET", path, token=self.desk)).headers["ETag"]
        same = [{"member": SAME_ANNE, "into": ANNE}, {"member": SAME_ZOE, "into": ZOE}]
        done = await self.post(
            f"family/families/{KEPT}/merges", {"source": GONE, "same": same}, self.desk, tag
        )
        assert done.status == 201, done.json
        await self.heard(wanted=True)
        self.families = {KEPT: ANNE, GONE: ANNE}
        return str(done.json["move"])

    async def undo(self, move: str) -> None:
        done = await self.post(f"family/moves/{move}/undo", token=self.desk)
        assert done.status == 201, done.json
        await self.heard(wanted=False)
        self.families = {KEPT: ANNE, GONE: SAME_ANNE}

    async def invoices(self, count: int) -> dict[str, int]:
        """By family, the cents of September's invoices, once there are so many."""
        self.world.move_to(OVER)

        async def there() -> Any:
            found = (await self.get("billing/invoices"))["items"]
            return found if len(found) >= count else None

        found = await eventually(there, what="the month is invoiced")
        assert len(found) == count
        return {one["family"]: one["total_cents"] for one in found}

    async def charged(self, count: int) -> None:
        """Until billing has so many charges."""

        async def there() -> bool:
            return await self.world.store("billing").count("charges", {}) == count

        await eventually(there, what="the charges are kept")


@pytest.fixture
async def town(start_world: StartWorld) -> AsyncIterator[Town]:
    builds = {"family": build_family, "booking": build_booking, "billing": build_billing}
    kinds = [{"id": "assurance", "name": "Assurance"},
             {"id": "domicile", "name": "Domicile", "about": "family"}]  # fmt: skip
    letters = [{"id": "autre", "label": "Autre demande"}]
    file = town_file(
        activities=[_CARE], counters=[TWICE], tariffs=[TARIFF], documents=kinds, letters=letters
    )
    async with start_world(builds) as world:
        await say_town(world, file)
        report = await import_families(world.state("family"), "veyras", SHEET.encode())
        assert report.stored, report.problems
        found = Town(world)
        for service in ("booking", "billing"):
            for record in (KEPT, GONE):
                store = world.store(service)
                await eventually(lambda s=store, r=record: s.get("copy_families", r))
        yield found


async def test_merged_records_are_one_familys_bookings_and_bill(town: Town) -> None:
    assert await town.book(GONE, SAME_ZOE, THURSDAY) == "accepted"
    assert await town.book(GONE, NOE, THURSDAY) == "accepted"
    await town.merge()
    assert await town.book(KEPT, ZOE, THURSDAY) == "already-booked", "the same child, twice"
    assert await town.booked(KEPT, ZOE) == {THURSDAY}
    assert await town.book(KEPT, ZOE, FRIDAY) == "accepted"
    assert await town.book(KEPT, ZOE, MONDAY) == "too-often", "what either record used counts"
    for child in (ZOE, SAME_ZOE):
        listed = (await town.get(f"booking/requests?child={child}"))["items"]
        assert {line["date"] for one in listed for line in one["lines"]} == {THURSDAY, FRIDAY}
    ends = [{"kind": "cancel", "child": ZOE, "first": THURSDAY}]
    ended = await town.post("booking/requests", {"family": KEPT, "ends": ends})
    assert ended.status == 201, ended.json
    assert await town.book(KEPT, ZOE, MONDAY) == "accepted"
    await town.charged(4)
    told = str(await town.get("billing/personal-data"))
    assert all(name in told for name in ("pas encore facturées", "Zoé", "Noé"))
    assert await town.invoices(1) == {KEPT: 600}
    (invoice,) = (await town.get(f"billing/invoices?family={GONE}"))["items"]
    lines = (await town.get(f"billing/invoices/{invoice['invoice']}"))["lines"]
    assert {(one["child"], one["count"]) for one in lines} == {(ZOE, 2), (NOE, 1)}


async def test_a_merge_undone_gives_back_what_was_booked_meanwhile(town: Town) -> None:
    assert await town.book(GONE, SAME_ZOE, THURSDAY) == "accepted"
    move = await town.merge()
    assert await town.book(KEPT, NOE, THURSDAY) == "accepted"
    assert await town.book(KEPT, ZOE, FRIDAY) == "accepted"
    await town.charged(3)
    await town.undo(move)
    town.families = {GONE: SAME_ANNE}
    assert await town.booked(GONE, SAME_ZOE) == {THURSDAY}
    assert await town.booked(GONE, NOE) == {THURSDAY}
    mine = (await town.get("booking/requests"))["items"]
    assert {line["child"] for one in mine for line in one["lines"]} == {SAME_ZOE, NOE}
    assert await town.book(GONE, NOE, FRIDAY) == "accepted"
    assert await town.book(GONE, NOE, MONDAY) == "too-often", "what was used meanwhile counts"
    await town.charged(4)
    town.families = {KEPT: ANNE, GONE: SAME_ANNE}
    assert await town.invoices(2) == {KEPT: 200, GONE: 600}


async def test_documents_and_letters_follow_their_people(town: Town) -> None:
    async def sends(family: str, kind: str, **about: str) -> Answer:
        file = (await send(town.world, town.parent, pdf())).json["file"]
        body = {"family": family, "type": kind, "files": [file], **about}
        sent = await town.post("family/documents", body)
        assert sent.status == 201, sent.json
        return sent

    async def writes(family: str, text: str) -> str:
        body = {"family": family, "category": "autre", "text": text}
        return str((await town.post("family/letters", body)).json["letter"])

    first = (await sends(GONE, "assurance", child=SAME_ZOE)).json
    home = (await sends(GONE, "domicile")).json
    before = await writes(GONE, "Avant")
    move = await town.merge()
    town.families = {KEPT: ANNE, GONE: ANNE}

    async def shown(family: str) -> set[str]:
        found = await town.get(f"family/documents?family={family}")
        return {one["document"] for one in found["items"]}

    assert await shown(KEPT) == {first["document"], home["document"]}
    (version,) = first["versions"]
    path = f"family/documents/{first['document']}/files/{version['files'][0]['file']}"
    got = await town.world.call(
        "GET", f"/api/family/v1/veyras/{path.partition('/')[2]}", token=town.parent
    )
    assert (got.status, got.body[:4]) == (200, b"%PDF")
    letters = (await town.get("family/letters"))["items"]
    assert [one["letter"] for one in letters] == [before]
    for family in (KEPT, GONE):
        desk = (await town.get(f"family/letters?family={family}", town.desk))["items"]
        assert [one["letter"] for one in desk] == [before]
    answered = await town.post(f"family/letters/{before}/messages", {"text": "Oui."}, town.desk)
    assert answered.status == 201
    second = (await sends(KEPT, "assurance", child=NOE)).json

    await town.undo(move)
    town.families = {KEPT: ANNE}
    assert await shown(KEPT) == set()
    assert (await town.get("family/letters"))["items"] == []
    town.families = {GONE: SAME_ANNE}
    assert await shown(GONE) == {first["document"], home["document"], second["document"]}
    again = (await sends(GONE, "assurance", child=NOE)).json
    assert again["document"] == second["document"], "one document of a type for a child"
    assert [one["letter"] for one in (await town.get("family/letters"))["items"]] == [before]
