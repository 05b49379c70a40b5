"""A town's administrator brings families in and takes them away as spreadsheets; it is written
down."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from openpyxl import load_workbook

from services.family.commands.importing import import_families
from services.family.domain.writing import MEDIA_TYPES, Format
from services.family.service import build, state_of
from shared.ids import new_id
from tests.family.test_families import BASE, FILE, OTHER
from tests.family.test_sheets import workbook
from tests.family.test_spreadsheet import HEADER
from tests.samples import say_town, town_file
from tests.world import Answer, StartWorld, World


@pytest.fixture
async def running(start_world: StartWorld) -> AsyncIterator[World]:
    async with start_world({"family": build}) as it:
        await say_town(it, town_file())
        text = FILE.replace("D'Éon;Anne-Laure", "=1+1;Anne-Laure").encode()
        await import_families(state_of(it.of("family").parts), "veyras", text)
        yield it


async def taken(running: World, form: str) -> tuple[bytes, str]:
    token = running.token(account="a" * 32, roles=("administrator",))
    async with running.http.get(
        f"{running.origin}{BASE}/families-export?form={form}",
        headers={"Authorization": f"Bearer {token}"},
    ) as got:
        assert got.status == 200
        return await got.read(), got.headers["Content-Disposition"]


async def test_the_families_are_taken_away_as_csv_and_as_xlsx(running: World) -> None:
    content, named = await taken(running, "csv")
    assert 'filename="familles-veyras.csv"' in named
    lines = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
    assert [one["rôle"] for one in lines] == [
        "titulaire", "co-titulaire", "enfant", "enfant", "urgence",
    ]  # fmt: skip
    assert lines[0]["nom"] == "'=1+1", "no spreadsheet runs a family's name"
    content, _ = await taken(running, "xlsx")
    (header, first, *_) = load_workbook(io.BytesIO(content)).worksheets[0].iter_rows()
    cell = first[[one.value for one in header].index("nom")]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


async def test_who_took_them_away_is_in_the_audit(running: World) -> None:
    await taken(running, "csv")
    (entry,) = await running.store("family").find("audit", {"route": "/families-export"})
    assert (entry["account"], entry["town"]) == ("a" * 32, "veyras")


@pytest.mark.parametrize("role", ["childcare_office", "billing_office", "read_only"])
async def test_nobody_but_an_administrator_does(running: World, role: str) -> None:
    answer = await running.call(
        "GET", f"{BASE}/families-export", token=running.token(roles=(role,))
    )
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


async def sent(
    running: World, content: bytes, *, key: str | None = None, dry_run: bool = False,
    role: str = "administrator", form: Format = "csv",
) -> tuple[int, Any]:  # fmt: skip
    """POST a file, as a front end does."""
    async with running.http.post(
        f"{running.origin}{BASE}/imports?dry_run={str(dry_run).lower()}",
        data=content,
        headers={
            "Authorization": f"Bearer {running.token(account='a' * 32, roles=(role,))}",
            "Idempotency-Key": key or new_id(),
            "Content-Type": MEDIA_TYPES[form],
            "Content-Disposition": f'attachment; filename="familles.{form}"',
        },
    ) as got:
        return got.status, await got.json(content_type=None)


async def test_a_file_is_tried_then_imported_once(running: World) -> None:
    other = OTHER.replace("Deon;Zoé", "Deon;Jules").encode()
    status, would = await sent(running, other, dry_run=True)
    assert (status, would["created"], would["stored"]) == (200, 1, False)
    key = new_id()
    status, done = await sent(running, other, key=key)
    assert (status, done["created"], done["stored"]) == (200, 1, True)
    assert (await sent(running, other, key=key))[1] == done, "the same command, the same answer"
    assert (await sent(running, other))[1]["unchanged"] == 1
    status, refused = await sent(running, FILE.encode(), key=key)
    assert (status, refused["code"]) == (422, "idempotency-key-reused")


async def test_how_far_an_import_is_and_what_it_did_is_seen_by_who_closed_the_page(
    running: World,
) -> None:
    other = OTHER.replace("Deon;Zoé", "Deon;Jules").encode()
    await sent(running, other, dry_run=True)
    _, done = await sent(running, other)

    async def seen(path: str = "", town: str = "veyras") -> Answer:
        token = running.token(town, roles=("administrator",))
        return await running.call("GET", f"{BASE}/imports{path}", token=token)

    (listed,) = (await seen()).json["items"]
    assert (listed["state"], listed["stored"], listed["done"]) == ("finished", True, 0)
    assert (await seen(f"/{listed['id']}")).json["report"] == done
    assert (await seen("/unknown")).status == 404
    # Another one is under way; then nobody goes on with it.
    imports, now = state_of(running.of("family").parts).imports, running.clock.machine()
    known = await running.store("family").get("imports", listed["id"])
    assert known is not None
    await imports.keep(known | {"_id": "under-way", "report": None, "families": None})
    assert (await seen("/under-way")).json["families"] is None
    await imports.advance("under-way", 16, 200, now)
    told = (await seen("/under-way")).json
    assert (told["state"], told["done"], told["families"]) == ("running", 16, 200)
    await imports.advance("under-way", 32, 200, now - timedelta(minutes=3))
    assert (await seen("/under-way")).json["state"] == "interrupted"


async def test_an_import_says_how_many_families_are_done(running: World) -> None:
    lines = OTHER.removeprefix(HEADER)
    many = HEADER + "".join(lines.replace("13;", f"{number};") for number in range(100, 120))
    heard = []

    async def said(done: int, families: int) -> None:
        heard.append((done, families))

    state = state_of(running.of("family").parts)
    report = await import_families(state, "veyras", many.encode(), said=said)
    assert (report.created, report.stored) == (20, True)
    assert heard == [(0, 20), (16, 20)]
    again = await import_families(state, "veyras", many.encode(), said=said)
    assert (again.unchanged, len(heard)) == (20, 2), "there is nothing left to do"


async def test_every_problem_is_told_by_its_line_and_nothing_is_stored(running: World) -> None:
    wrong = (FILE + OTHER.removeprefix(HEADER).replace("CE1", "XX")).encode()
    status, report = await sent(running, wrong)
    assert (status, report["stored"]) == (200, False)
    assert [(one["line"], one["column"]) for one in report["problems"]] == [(9, "niveau")]
    assert await running.store("family").count("families", {}) == 1


async def test_a_workbook_is_tried_with_every_problem_by_its_line_then_imported(
    running: World,
) -> None:
    def book(text: str) -> bytes:
        return workbook([line.split(";") for line in text.splitlines()])

    lines = OTHER.replace("Deon;Zoé", "Deon;Jules").splitlines()
    child = next(number for number, line in enumerate(lines) if ";enfant;" in line)
    broken = list(lines)
    broken[child] = broken[child].replace("CE1", "XX").replace("01/02/2019", "31/02/2019")
    broken[1] = broken[1].replace("titulaire", "patron")
    broken.append(broken[child].replace(";3;", ";9;").replace("tilleuls", "ormes"))
    for dry_run in (True, False):
        status, report = await sent(
            running, book("\n".join(broken)), dry_run=dry_run, form="xlsx"
        )  # fmt: skip
        assert (status, report["stored"], report["created"]) == (200, False, 0)
        found = {(one["line"], one["column"]) for one in report["problems"]}
        last = len(broken)
        assert found >= {
            (2, "rôle"), (child + 1, "niveau"), (child + 1, "naissance"), (last, "niveau"),
            (last, "naissance"), (last, "école"),
        }, report["problems"]  # fmt: skip
        assert await running.store("family").count("families", {}) == 1
    good = book("\n".join(lines))
    _, would = await sent(running, good, dry_run=True, form="xlsx")
    assert (would["created"], would["problems"], would["stored"]) == (1, [], False)
    _, done = await sent(running, good, form="xlsx")
    assert (done["created"], done["stored"]) == (1, True)
    assert await running.store("family").count("families", {}) == 2


async def test_a_new_record_that_looks_like_another_is_told(running: World) -> None:
    _, report = await sent(running, OTHER.replace("Duprénom", "D'Éon").encode(), dry_run=True)
    (alike,) = report["duplicates"]
    assert (alike["reference"], alike["other"]) == ("13", "12")
    assert "un enfant a le même nom et la même date de naissance" in alike["reasons"]


async def test_only_an_administrator_imports(running: World) -> None:
    status, refused = await sent(running, FILE.encode(), role="childcare_office")
    assert (status, refused["code"]) == (403, "forbidden")
