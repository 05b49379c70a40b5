"""At which sites children are, who reads their health sheets there, and news for their families."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

import pytest

from services.family.domain.household import Child
from services.family.domain.sites import sites_of
from services.family.service import build
from shared.contracts.booking import RequestChanged
from shared.contracts.requests import RequestPart
from tests.family.dossiers import CERTIFIED
from tests.family.files import BASE
from tests.family.homes import Home, home_in
from tests.family.test_field_files import PLAN, agent, call, change, decide, uploaded
from tests.family.test_news import titles, write
from tests.samples import activity, say_town, town_file
from tests.world import START, StartWorld, eventually

PINES, PORT = "Centre des Pins", "Centre du Port"
GROUP: dict[str, Any] = {
    "id": "mercredis", "name": "Mercredis", "activities": ["voile"], "first": "2026-09-01",
    "last": "2027-07-02", "decision": "agent", "source": "test",
    "windows": [{"opens": "2026-06-01T08:00", "closes": "2026-09-30T23:59"}],
}  # fmt: skip
FILE = town_file(
    activities=[activity("centre", site=PINES), activity("voile", site=PORT)], enrolments=[GROUP]
)


@pytest.fixture
async def home(start_world: StartWorld) -> AsyncIterator[Home]:
    async with start_world({"family": build}) as running:
        await say_town(running, FILE)
        yield await home_in(running)


async def booked(home: Home, day: date, state: Any = "accepted", about: str = "centre") -> None:
    """Booking says a request about Zoé."""
    kind: Any = "enrolment" if about == "mercredis" else "booking"
    card = RequestChanged(
        request=f"r-{about}", kinds=(kind,), number=None, family=home.family, account=None,
        channel="online", requested_at=START, history=(),
        parts=(RequestPart(child=home.zoe, about=(about,), first=day, last=day,
                           states={state: 1}),),
    )  # fmt: skip
    said = await home.running.say(card, f"requests/{card.request}")

    async def heard() -> bool:
        known = await home.running.store("family").get("feed", card.request)
        return known is not None and known["heard"] == said.sequence

    await eventually(heard, what="the request is known")


async def reads(home: Home, *sites: str, child: str = "") -> int:
    """What a director bound to these sites is answered when they read a health sheet."""
    token = home.running.token(account="d" * 32, roles=("centre_director",), sites=sites)
    path = f"/families/{home.family}/children/{child or home.zoe}/health-sheet"
    return (await call(home, "GET", path, token)).status


async def test_a_director_reads_the_health_of_the_children_at_the_own_sites(home: Home) -> None:
    assert await reads(home, "tilleuls") == 200, "the school is the site"
    assert await reads(home, PINES) == 404
    assert await reads(home) == 404
    await booked(home, START.date(), "waiting")
    assert await reads(home, PINES) == 404, "asked is not accepted"
    await booked(home, START.date())
    assert await reads(home, PINES) == 200
    assert await reads(home, PORT) == 404
    assert await reads(home, PINES, child=home.tom) == 404
    home.running.move_to(datetime(2026, 9, 15, 6, tzinfo=START.tzinfo))
    assert await reads(home, PINES) == 404, "the day is over"
    await booked(home, START.date(), about="mercredis")
    assert await reads(home, PORT) == 200, "enrolled for the year"
    path = f"/families/{home.family}/sensitive-reads"
    shown = (await call(home, "GET", path, home.token())).json["items"]
    assert [one["roles"] for one in shown] == [["centre_director"]] * 3, "the family sees who did"


async def listed(home: Home, *sites: str) -> dict[str, tuple[list[str], bool, bool]]:
    """The children that a director of these sites is told of: where, allergies, care plan."""
    token = home.running.token(account="d" * 32, roles=("centre_director",), sites=sites)
    answer = await call(home, "GET", "/attending-children", token)
    assert answer.status == 200, answer.json
    return {
        one["first_name"]: (one["sites"], one["allergies"], one["care_plan"])
        for one in answer.json["items"]
    }


async def test_a_director_is_told_who_is_at_the_own_sites(home: Home) -> None:
    assert await listed(home) == {}
    assert await listed(home, PINES, PORT) == {}
    await booked(home, START.date(), "waiting")
    assert await listed(home, PINES) == {}, "asked is not accepted"
    await booked(home, START.date())
    assert await listed(home, PINES) == {"Zoé": ([PINES], False, False)}
    assert await listed(home, PORT) == {}
    every = await listed(home, PINES, "tilleuls")
    assert set(every) == {"Zoé", "Tom"}, "the school of both"
    assert len(every["Zoé"][0]) == 2
    for name, child in (("Zoé", home.zoe), ("Tom", home.tom)):
        assert (await reads(home, PINES, child=child) == 200) is (name == "Zoé")
    home.running.move_to(datetime(2026, 9, 15, 6, tzinfo=START.tzinfo))
    assert await listed(home, PINES) == {}, "the day is over"
    await booked(home, START.date(), about="mercredis")
    assert await listed(home, PORT) == {"Zoé": ([PORT], False, False)}, "enrolled for the year"


async def test_who_is_seen_to_have_an_allergy_is_recorded(home: Home) -> None:
    async def shown() -> list[str]:
        path = f"/families/{home.family}/sensitive-reads"
        return [one["what"] for one in (await call(home, "GET", path, home.token())).json["items"]]

    assert set(await listed(home, "tilleuls")) == {"Zoé", "Tom"}
    assert await shown() == [], "there was nothing to see"
    told = await change(home, allergies="Arachides", health_certificate=CERTIFIED)
    await decide(home, told)
    assert (await listed(home, "tilleuls"))["Zoé"][1:] == (True, False)
    assert await shown() == ["health_signs"]
    for role in ("childcare_office", "administrator", "animator"):
        answer = await call(home, "GET", "/attending-children", agent(home, role))
        assert answer.status == 403, role


async def test_a_director_opens_the_care_plan_and_nothing_else_of_the_dossier(home: Home) -> None:
    plan = {**PLAN, "document": await uploaded(home)}
    await decide(home, await change(home, care_plan=plan, health_certificate=CERTIFIED))
    token = home.running.token(roles=("centre_director",), sites=("tilleuls",))
    elsewhere = home.running.token(roles=("centre_director",), sites=(PORT,))
    path = f"/families/{home.family}/files/{plan['document']}"
    assert (await call(home, "GET", path, token)).status == 200
    assert (await call(home, "GET", path, elsewhere)).status == 404
    for closed in ("dossier", "sensitive-reads", f"guardians/{home.holder}/bank-details"):
        answer = await call(home, "GET", f"/families/{home.family}/{closed}", token)
        assert answer.status == 403, closed


async def test_news_of_a_site_reach_the_families_whose_children_are_there(home: Home) -> None:
    await write(home, title="pins", sites=[PINES])
    await write(home, title="port", sites=[PORT], schools=["tilleuls"])
    await write(home, title="ailleurs", sites=[PORT])
    assert await titles(home, home.token()) == ["port"]
    await booked(home, START.date())
    assert await titles(home, home.token()) == ["port", "pins"]
    wrong = await home.running.call(
        "POST", f"{BASE}/news", token=agent(home),
        json={"title": "x", "text": "x", "sites": ["Lune"]},
    )  # fmt: skip
    assert (wrong.status, wrong.json["field"]) == (422, "/sites/0")


def test_a_group_that_is_over_is_no_site() -> None:
    child = Child(
        id="c", first_name="Zoé", last_name="Roux", birth_date=date(2019, 1, 1), school=None,
        level=None,
    )  # fmt: skip
    assert sites_of(FILE, [child], {"mercredis"}, date(2027, 7, 2)) == {PORT}
    assert sites_of(FILE, [child], {"mercredis"}, date(2027, 7, 3)) == set()
