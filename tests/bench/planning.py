"""The planning of one month for two children and three activities, in a town with few bookings
and in one with a hundred times as many."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from services.booking.domain.places import Shape
from services.booking.store.session_documents import counted_by, session_id
from shared.contracts.town_file import Activity, TownFile
from shared.failpoints import step
from shared.ids import new_id
from shared.store import Document
from tests.bench.alone import AT_ONCE, Alone, school_days, service_alone
from tests.bench.measure import Row, Servers, at_most, own_cpu_seconds, row
from tests.samples import Household, activity, places, town_file
from tests.world import START

ROUNDS = 5
PLANNINGS = 200
FAMILIES = 10
SIZES = (10_000, 1_000_000)
SCHOOLS = ("tilleuls", "ormes", "platanes", "acacias", "cedres", "frenes", "saules", "bouleaux")
MONTH = "first=2026-11-01&last=2026-11-30"
_FILL = step("bench.planning.fill")


async def measure(servers: Servers) -> list[Row]:
    """CPU of both sizes, their ratio, and what no planning goes without."""
    costs = [await _cost(servers, size) for size in SIZES]
    few, many = ([one.whole for one in rounds] for rounds in costs)
    return [
        at_most("planning of a month, 2 children, 3 activities, 10,000 bookings", few, "ms", 4),
        at_most("  the same with 1,000,000 bookings", many, "ms", 4),
        row("    of which booking", [one.booking for one in costs[1]], "ms"),
        row("    floor: three bare reads, an empty answer", [one.floor for one in costs[1]], "ms"),
        at_most("  1,000,000 / 10,000 bookings",
                [b / a for a, b in zip(few, many, strict=True)], "ratio", 1.2),
    ]  # fmt: skip


@dataclass(frozen=True)
class _Cost:
    """Milliseconds of CPU per planning: of booking, with the database's, and what three reads of
    one document and an answer that says nothing come to."""

    booking: float
    whole: float
    floor: float


async def _cost(servers: Servers, bookings: int) -> list[_Cost]:
    """Round by round."""
    async with service_alone(servers, "booking") as alone:
        file, families = _town(), [Household() for _ in range(FAMILIES)]
        await alone.introduce(file, families)
        await _fill(alone, file, families, bookings)
        return [await _round(alone, families) for _ in range(ROUNDS + 1)][1:]


async def _round(alone: Alone, families: list[Household]) -> _Cost:
    planned = await alone.spent(_plan(alone, families))
    empty = await alone.spent(_refused(alone, families))
    before = own_cpu_seconds()
    read = await alone.spent(_read(alone, families))
    floor = empty.service + read.database + own_cpu_seconds() - before
    each = 1000 / PLANNINGS
    return _Cost(each * planned.service, each * planned.cpu, each * floor)


async def _refused(alone: Alone, families: list[Household]) -> None:
    """Another family's planning: refused once the bearer is known."""
    for number in range(PLANNINGS):
        mine, other = (families[one % FAMILIES] for one in (number, number + 1))
        path = f"{alone.api}/family-planning?family={other.id}&{MONTH}"
        headers = {"Authorization": f"Bearer {alone.stage.token(mine)}"}
        async with alone.http.get(path, headers=headers) as got:
            assert got.status == 403, await got.text()


async def _read(alone: Alone, families: list[Household]) -> None:
    for number in range(3 * PLANNINGS):
        assert await alone.store.get("copy_families", families[number % FAMILIES].id)


async def _plan(alone: Alone, families: list[Household]) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(family: Household) -> None:
        async with limit:
            path = f"family-planning?family={family.id}&{MONTH}"
            found = (await alone.get(path, family))["participants"]
            found = [one for one in found if one["child"] in family.children]
            assert len(found) == len(family.children)
            for entries in (one["entries"] for one in found):
                assert len({entry["activity"] for entry in entries}) == 3
                assert all(entry["state"] == "accepted" for entry in entries)

    await asyncio.gather(*(one(families[number % FAMILIES]) for number in range(PLANNINGS)))


def _town() -> TownFile:
    """Three activities in each of eight schools."""
    return town_file(
        schools=[{"id": school, "name": school.capitalize()} for school in SCHOOLS],
        activities=[
            activity(f"{name}-{school}", decision="automatic", places=places(2000),
                     eligible={"schools": [school]})
            for school in SCHOOLS for name in ("cantine", "garderie", "etude")
        ],
    )  # fmt: skip


async def _fill(alone: Alone, file: TownFile, families: list[Household], bookings: int) -> None:
    """A school year's bookings: each child goes to three activities of its school every day, asked
    in one request for each."""
    served = school_days(file)
    town = await alone.store.get("copy_towns", "veyras", {"heard": 1})
    assert town is not None
    ours = [(family.id, child) for family in families for child in family.children]
    others = bookings // (3 * len(served)) - len(ours)
    at_school = {school: [(new_id(), new_id()) for _ in range(others // len(SCHOOLS))]
                 for school in SCHOOLS}  # fmt: skip
    at_school["tilleuls"] += ours
    for number, about in enumerate(file.activities):
        children = at_school[SCHOOLS[number // 3]]
        requests = {child: new_id() for _, child in children}
        shape = Shape(about, town["heard"])
        for day in served:
            await alone.store.insert_many(_FILL, "sessions", [_session(shape, day, requests)])
        asked = list(_requests(about, served, children, requests))
        for start in range(0, len(asked), 100):
            await alone.store.insert_many(_FILL, "requests", asked[start : start + 100])


def _session(shape: Shape, day: date, requests: dict[str, str]) -> Document:
    number = f"{day.toordinal():x}"
    holders = {child: {"unit": f"{request}-{number}-1"} for child, request in requests.items()}
    counted = counted_by(shape.on(day), {"holders": holders}, {})
    about = shape.activity.id
    return {
        "_id": session_id("veyras", about, day), "town": "veyras", "activity": about,
        "date": day.isoformat(), **counted, "holders": holders, "freed": [], "v": 1,
    }  # fmt: skip


def _requests(
    about: Activity, served: list[date], children: list[tuple[str, str]], requests: dict[str, str]
) -> Iterator[Document]:
    for family, child in children:
        yield {
            "_id": requests[child], "town": "veyras", "family": family, "account": new_id(),
            "channel": "online", "number": "2026-000001", "requested_at": START,
            "body_hash": "", "periods": [], "not_retained": [], "version": 1, "v": 2, "seq": 0,
            "pending": [],
            "lines": [
                {"id": f"{day.toordinal():x}", "child": child, "activity": about.id,
                 "date": day.isoformat(), "units": ["unit"], "state": "accepted",
                 "decided_at": START, "decided_by": "rule", "cancel_until": START, "hold": 1,
                 "held": True}
                for day in served
            ],
        }  # fmt: skip
