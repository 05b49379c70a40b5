"""Town files: read strictly, refused with the place of each error, loaded whole or not at all."""

from __future__ import annotations

import asyncio
import base64
from datetime import time
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from services.identity.commands.towns import load_town
from services.identity.store.towns import TOWNS
from shared.contracts.town_file import DayCutoff, WeekCutoff
from shared.town_files import BadTownFile, FileError, json_schema, read_town_file
from tests.identity.portal import TOWN_FILES, Portal
from tests.world import Answer

DEMO = Path(TOWN_FILES)
VEYRAS = (DEMO / "veyras.yaml").read_text(encoding="utf-8")


def _errors(text: str) -> tuple[FileError, ...]:
    with pytest.raises(BadTownFile) as refused:
        read_town_file(text.encode())
    return refused.value.errors


def _line(text: str, part: str) -> int:
    """The line of the last place where ``part`` is written."""
    return text.count("\n", 0, text.rindex(part)) + 1


@pytest.mark.parametrize("town", ["veyras", "andancette"])
def test_the_demo_towns_are_valid(town: str) -> None:
    file = read_town_file((DEMO / f"{town}.yaml").read_bytes())
    assert file.town == town
    rules = [*file.tariffs, *(c for a in file.activities for c in a.places)]
    assert all(rule.source == "inventé pour la démonstration" for rule in rules)


def test_the_deadlines_are_those_the_towns_published() -> None:
    veyras = read_town_file((DEMO / "veyras.yaml").read_bytes())
    canteen, garderie = veyras.activities[:2]
    assert [rule.cutoff for rule in (*canteen.deadlines.book, *canteen.deadlines.cancel)] == [
        WeekCutoff(anchor="week", weeks_before=1, weekday="tuesday", time=time(23, 59))
    ] * 2
    assert [rule.cutoff for rule in (*garderie.deadlines.book, *garderie.deadlines.cancel)] == [
        DayCutoff(anchor="day", days_before=1, time=time(18))
    ] * 2
    canteen = read_town_file((DEMO / "andancette.yaml").read_bytes()).activities[0]
    assert canteen.deadlines.book[0].cutoff == WeekCutoff(
        anchor="week", weeks_before=1, weekday="friday", time=time(12)
    )
    assert canteen.deadlines.cancel[0].cutoff == DayCutoff(
        anchor="day", days_before=1, time=time(12)
    )


@pytest.mark.parametrize(
    ("old", "new", "path", "sentence"),
    [
        ("time_zone: Europe/Paris", "time_zone: Europe/Veyras", "time_zone",
         "fuseau horaire inconnu"),
        ("code: VEY", "code: VEY\n  colour: red", "collection_office.colour", "champ inconnu"),
        ("weekday: tuesday", "weekday: mardi",
         "activities[0].deadlines.book[0].cutoff.weekday", "attendu : 'monday'"),
        ("time: 18:00", "time: 1800",
         "activities[1].deadlines.book[0].cutoff.time", "une heure est attendue"),
        ("anchor: day", "anchor: eve", "activities[1].deadlines.book[0].cutoff",
         "'anchor' : valeur non admise"),
        ("valid_from: 2026-09-01", "valid_from: 1er septembre",
         "activities[0].deadlines.book[0].valid_from", "une date est attendue"),
        ("capacity: 120", "capacity: 12000", "activities[0].places[0].capacity", "au plus 2000"),
        ("capacity: 120", "capacity: 12.5", "activities[0].places[0].capacity", "nombre entier"),
        ("price_cents: 410", 'price_cents: "410"', "tariffs[0].price_cents", "nombre entier"),
        ("schools: [ecole-des-chataigniers]", "schools: [ecole-du-lac]",
         "activities[0].eligible", "« ecole-du-lac » n'est déclaré nulle part"),
        ("eligible: {schools: [ecole-des-chataigniers]}", "eligible: {levels: [ce2]}",
         "activities[0].eligible.levels[0]", "attendu : 'TPS'"),
        ("service: school_meals", "service: cantine", "activities[0].service", "'school_meals'"),
        ("family_key: optional", "audiences:\n  - {id: p, name: P, all: [{fact: level, is: [ps]}]}",
         "audiences[0].all[0]", "« ps » n'est pas un niveau (TPS, PS, MS"),
        ("family_key: optional", "audiences:\n  - {id: p, name: P, all: [{fact: school, is: [x]}]}",
         "audiences[0]", "« x » n'est déclaré nulle part"),
        ("unit: morning", "unit: matin", "tariffs[1]", "pas d'unité « matin »"),
        ("id: morning-2026", "id: meal-2026", "tariffs", "« meal-2026 » apparaît deux fois"),
        ("units: [evening]", "units: [morning]", "activities[1]", "aucun compteur de places"),
        ("town: veyras", "town: all", "town", "réservé"),
        ("town: veyras", "town: veyras\ntown: autre", "town", "écrit deux fois"),
        ("family_key: optional", "family_key: no", "family_key", "attendu : 'required'"),
    ],
)  # fmt: skip
def test_an_error_is_told_with_its_place(old: str, new: str, path: str, sentence: str) -> None:
    text = VEYRAS.replace(old, new, 1)
    (error,) = _errors(text)
    assert error.path == path
    assert sentence in error.sentence
    if "aucun compteur" not in sentence:
        assert error.line == _line(text, new.rpartition("\n")[2])


@pytest.mark.parametrize(
    ("line", "path", "where"),
    [("        name: Repas\n", "activities[0].units[0].name", "- id: meal\n"),
     ("    entry_mode: T\n", "collection_office.payfip.entry_mode", "client_number:")],
)  # fmt: skip
def test_a_missing_field_is_told_where_it_should_be(line: str, path: str, where: str) -> None:
    text = VEYRAS.replace(line, "", 1)
    (error,) = _errors(text)
    assert (error.path, error.sentence) == (path, "champ obligatoire.")
    assert error.line == _line(text, where)


def test_every_error_is_told_at_once() -> None:
    text = VEYRAS
    for old, new in (
        ("time: 18:00", "time: soon"),
        ("capacity: 40", "capacity: forty"),
        ("price_cents: 410", "price: 410"),
        ("code: VEY", "code: veyras!"),
    ):
        text = text.replace(old, new, 1)
    errors = _errors(text)
    assert {error.path for error in errors} == {
        "activities[1].deadlines.book[0].cutoff.time",
        "activities[1].places[0].capacity",
        "tariffs[0].price",
        "collection_office.code",
    }
    assert str(errors[0]).startswith("ligne ")


def test_two_rules_for_the_same_days_are_refused() -> None:
    text = VEYRAS + (
        "  - {id: meal-bis, activity: canteen, unit: meal, price_cents: 430,"
        " valid_from: 2027-01-01, source: invented}\n"
    )
    (error,) = _errors(text)
    assert error.path == "tariffs"
    assert "deux règles valent à partir du 2027-01-01" in error.sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "liste de `champ: valeur`"),
        ("- a\n- b", "liste de `champ: valeur`"),
        ("town: [", "pas du YAML"),
        ("town: \x07", "pas du YAML"),
        ("a: &x 1\nb: *x", "les ancres"),
        ("a: &a [x]\nb: &b [*a, *a]", "les ancres"),
        ("a: !!python/object/apply:os.system [ls]", "les étiquettes"),
        ("a: 1\n---\nb: 2", "plus d'un document"),
        ("a: " + "[" * 40 + "]" * 40, "emboîtés"),
        ("a: " + "[" * 100_000, "emboîtés"),
        ("? [a, b]\n: 1", "le nom d'un champ est un mot"),
        ("a: " + "x" * 600_000, "dépasse"),
    ],
)
def test_what_yaml_allows_and_nobody_means_is_refused(text: str, sentence: str) -> None:
    errors = _errors(text)
    assert any(sentence in error.sentence for error in errors)


def test_a_file_in_another_encoding_is_refused() -> None:
    with pytest.raises(BadTownFile, match="UTF-8"):
        read_town_file(VEYRAS.encode("latin-1"))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(BadTownFile):
        read_town_file(text.encode("utf-8", "surrogatepass"))


@given(st.data())
def test_a_damaged_file_is_read_or_refused_with_a_place(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(VEYRAS) - 1))
    length = data.draw(st.integers(1, 30))
    written = data.draw(st.text(max_size=10))
    damaged = VEYRAS[:at] + written + VEYRAS[at + length :]
    errors: tuple[FileError, ...] = ()
    try:
        read_town_file(damaged.encode(errors="replace"))
    except BadTownFile as refused:
        errors = refused.errors
    assert all(error.line >= 1 and error.column >= 1 for error in errors)


async def test_a_town_is_said_when_its_file_changes_and_only_then(portal: Portal) -> None:
    file = read_town_file(VEYRAS.encode())
    assert await load_town(portal.identity, file) == 1
    changed = VEYRAS.replace("capacity: 120", "capacity: 110")
    assert await load_town(portal.identity, read_town_file(changed.encode())) == 2
    assert await load_town(portal.identity, read_town_file(changed.encode())) == 2
    said = [
        one for one in await portal.mailed("town-changed", 3) if one["file"]["town"] == "veyras"
    ]
    assert [one["version"] for one in said] == [1, 2]
    assert said[1]["file"]["activities"][0]["places"][0]["capacity"] == 110


async def test_a_file_put_with_an_error_changes_nothing(portal: Portal) -> None:
    token = portal.world.token(roles=("administrator",))
    read = await portal.call("GET", "/town-file", token=token)
    file, seen = read.json["file"], {"If-Match": read.headers["ETag"]}
    file["activities"][0]["capacity"] = 3
    answer = await portal.call("PUT", "/town-file", file, token=token, headers=seen)
    assert (answer.status, answer.json["field"]) == (422, "/activities/0/capacity")
    elsewhere = await portal.call(
        "PUT", "/town-file", (await _file_of(portal, "andancette")), token=token, headers=seen
    )
    assert (elsewhere.status, elsewhere.json["code"]) == (422, "wrong-town")
    store = portal.world.store("identity")
    assert [doc["version"] for doc in await store.find(TOWNS, {})] == [1, 1]


async def test_a_change_is_of_the_version_that_its_author_has_seen(portal: Portal) -> None:
    token = portal.world.token(account="e" * 32, roles=("administrator",))
    read = await portal.call("GET", "/town-file", token=token)
    file, seen = read.json["file"], {"If-Match": read.headers["ETag"]}
    blind = await portal.call("PUT", "/town-file", file | {"family_key": "hidden"}, token=token)
    assert (blind.status, blind.json["code"]) == (428, "precondition-required")
    mine, theirs = await asyncio.gather(
        *(
            portal.call("PUT", "/town-file", file | {"family_key": key}, token=token, headers=seen)
            for key in ("hidden", "required")
        )
    )
    assert {mine.status, theirs.status} == {200, 412}
    now = await portal.call("GET", "/town-file", token=token)
    won = "hidden" if mine.status == 200 else "required"
    assert (now.json["version"], now.json["file"]["family_key"]) == (2, won)


async def test_every_version_is_kept_with_who_saved_it_and_when(portal: Portal) -> None:
    account = "e" * 32
    token = portal.world.token(account=account, roles=("administrator",))
    first = (await portal.call("GET", "/town-file", token=token)).json
    for key in ("hidden", "required"):
        await portal.change_town_file(token, family_key=key)

    async def listed(query: str = "") -> Answer:
        return await portal.call("GET", f"/town-file/versions{query}", token=token)

    whole = (await listed()).json
    assert [(one["version"], one["saved_by"]) for one in whole["items"]] == [
        (3, account), (2, account), (1, None),
    ]  # fmt: skip
    assert all(one["saved_at"] for one in whole["items"])
    assert whole["next"] is None
    pages = [(await listed("?limit=2")).json]
    pages.append((await listed(f"?limit=2&after={pages[0]['next']}")).json)
    assert [one for page in pages for one in page["items"]] == whole["items"]
    for version, key in ((1, first["file"]["family_key"]), (2, "hidden"), (3, "required")):
        kept = await portal.call("GET", f"/town-file/versions/{version}", token=token)
        assert (kept.status, kept.json["file"]["family_key"]) == (200, key)
        assert kept.json["version"] == version
    for version in ("0", "4", "x", "9" * 30):
        none = await portal.call("GET", f"/town-file/versions/{version}", token=token)
        assert none.status == 404
    office = portal.world.token(roles=("childcare_office",))
    for path in ("/town-file/versions", "/town-file/versions/1"):
        assert (await portal.call("GET", path, token=office)).status == 403
        elsewhere = await portal.call("GET", path, town="andancette", token=token)
        assert elsewhere.status == 403


async def _file_of(portal: Portal, town: str) -> dict[str, object]:
    token = portal.world.token(town, roles=("administrator",))
    answer = await portal.call("GET", "/town-file", town=town, token=token)
    return dict(answer.json["file"])


async def test_anybody_may_see_the_towns_card(portal: Portal) -> None:
    answer = await portal.call("GET", "/town", town="andancette")
    assert answer.json["name"] == "Andancette"
    assert answer.json["family_key"] == "required"
    assert answer.json["time_zone"] == "Europe/Paris"
    assert answer.json["contact"]["email"] == "periscolaire@andancette.example"
    assert answer.json["payfip_mode"] == "T"
    assert "activities" not in answer.json


async def test_the_card_says_how_the_portal_looks(portal: Portal) -> None:
    card = (await portal.call("GET", "/town", town="andancette")).json
    assert (card["accent"], card["welcome"], card["logo"]) == (None, None, None)
    assert (await portal.call("GET", "/town-logo", town="andancette")).status == 404
    written = BytesIO()
    Image.new("RGB", (40, 20), "#1d3f8f").save(written, "PNG", dpi=(300, 300))
    file = await _file_of(portal, "andancette")
    file["portal"] = {
        "accent": "#1d3f8f", "welcome": "Bienvenue.",
        "logo": base64.b64encode(written.getvalue()).decode(),
    }  # fmt: skip
    token = portal.world.token("andancette", roles=("administrator",))
    read = await portal.call("GET", "/town-file", town="andancette", token=token)

    async def put(**portal_says: object) -> Answer:
        body = {**file, "portal": {**dict(file["portal"]), **portal_says}}  # type: ignore[call-overload]
        return await portal.call(
            "PUT", "/town-file", body, town="andancette", token=token,
            headers={"If-Match": read.headers["ETag"]},
        )  # fmt: skip

    pale = await put(accent="#ffee00")
    assert (pale.status, pale.json["field"]) == (422, "/portal/accent")
    vector = await put(logo=base64.b64encode(b"<svg/>").decode())
    assert (vector.status, vector.json["field"]) == (422, "/portal/logo")
    assert (await put()).status == 200
    card = (await portal.call("GET", "/town", town="andancette")).json
    assert (card["accent"], card["welcome"]) == ("#1d3f8f", "Bienvenue.")
    picture = await portal.call("GET", "/town-logo", town="andancette")
    assert picture.headers["Content-Type"] == "image/png"
    assert b"pHYs" in written.getvalue()
    assert b"pHYs" not in picture.body, "the picture and nothing else"
    assert Image.open(BytesIO(picture.body)).size == (40, 20)


def test_the_schema_committed_is_the_one_in_force() -> None:
    """`preau town schema > docs/town-file.schema.json` writes it anew."""
    assert Path("docs/town-file.schema.json").read_text(encoding="utf-8") == json_schema()
