"""Health and bank data: kept sealed, read by those who need them, each reading shown."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from services.family.commands.resealing import reseal
from services.family.domain.household import family_id
from services.family.store.families import FAMILIES
from shared.ids import new_id
from shared.sealing import SealBroken, new_field_keys
from shared.store import connect
from tests.family.dossiers import (
    CERTIFIED,
    CHILD_ID,
    CO_HOLDER_ID,
    FAMILY,
    FILE,
    HIDDEN_ID,
    HOLDER_ID,
    Dossier,
    fields_of,
    load,
    put,
)
from tests.family.files import pdf, send

IBAN = "FR7630006000011234567890189"
ALLERGY = "marque-arachide"
CERTIFICATE = put(CHILD_ID, "health_certificate", CERTIFIED)
HEALTH = f"/families/{FAMILY}/children/{CHILD_ID}/health-sheet"
BANK = f"/families/{FAMILY}/guardians/{HOLDER_ID}/bank-details"
OTHER_FAMILY = family_id("veyras", "14")
READS = f"/families/{FAMILY}/sensitive-reads"


async def with_health(dossier: Dossier) -> None:
    """The child has an allergy and two vaccinations that the town has accepted."""
    given = [{"vaccine": "dtp", "on": "2019-04-01"}, {"vaccine": "bcg", "on": "2019-04-02"}]
    allergy, vaccines, _ = await dossier.sent(
        "holder", put(CHILD_ID, "allergies", ALLERGY), put(CHILD_ID, "vaccinations", given),
        CERTIFICATE,
    )  # fmt: skip
    await dossier.decide("office", (allergy, None), (vaccines, None))


async def with_bank(dossier: Dossier) -> None:
    """The holder has given an IBAN that the town has accepted."""
    (iban,) = await dossier.sent("holder", put(HOLDER_ID, "iban", IBAN))
    await dossier.decide("billing", (iban, None))


async def raw(dossier: Dossier) -> str:
    """Every document of the service's database but the keys that development keeps."""
    world = dossier.world
    client = connect(world.mongodb_url)
    try:
        database = client.get_database(f"{world.namespace}_family")
        names = [name for name in await database.list_collection_names() if name != "field_keys"]
        assert FAMILIES in names
        found = [await database[name].find().to_list(None) for name in names]
    finally:
        await client.close()
    return str(found)


async def test_a_health_sheet_is_certified_when_it_is_told(dossier: Dossier) -> None:
    without = await dossier.change("holder", put(CHILD_ID, "allergies", ALLERGY))
    assert (without.status, without.json["code"]) == (422, "certificate-missing")
    outdated = put(CHILD_ID, "health_certificate", {"certified": True, "version": "0"})
    assert (await dossier.change("holder", put(CHILD_ID, "allergies", "x"), outdated)).status == 422
    unticked = put(CHILD_ID, "health_certificate", {"certified": False, "version": "1"})
    assert (await dossier.change("holder", put(CHILD_ID, "allergies", "x"), unticked)).status == 422
    await with_health(dossier)
    sheet = (await dossier.call("co_holder", "GET", HEALTH)).json
    fields = {one["name"]: one["value"] for one in sheet["sheet"]["fields"]}
    assert fields["allergies"] == ALLERGY
    assert (sheet["certified"], sheet["certified_until"]) == (True, "2027-08-31")
    vaccines = {one["vaccine"]: one for one in sheet["vaccinations"]}
    assert vaccines["dtp"]["given"] == ["2019-04-01"]
    assert (vaccines["mmr"]["compulsory"], vaccines["mmr"]["given"]) == (True, [])
    assert vaccines["bcg"]["compulsory"] is False
    dossier.world.move_to(dossier.world.clock.town().replace(year=2027))
    assert (await dossier.call("holder", "GET", HEALTH)).json["certified"] is False


async def test_values_are_nowhere_in_the_dossier_and_its_queue(dossier: Dossier) -> None:
    await with_health(dossier)
    await with_bank(dossier)
    await dossier.sent("holder", put(CHILD_ID, "allergies", f"{ALLERGY}-bis"), CERTIFICATE)
    for who in ("holder", "co_holder", "office", "billing", "reader"):
        assert ALLERGY not in str(await dossier.read(who)), who
        assert "0189" not in str(await dossier.read(who)), who
    queue = await dossier.call("office", "GET", "/changes")
    assert "Allergies" in str(queue.json)
    assert ALLERGY not in str(queue.json)
    field = await dossier.field("holder", CHILD_ID, "allergies")
    assert (field["sealed"], field["filled"], field["value"]) == (True, True, None)
    waiting = (await dossier.call("office", "GET", HEALTH)).json["sheet"]["fields"]
    (allergies,) = [one for one in waiting if one["name"] == "allergies"]
    assert allergies["waiting"]["value"] == f"{ALLERGY}-bis"


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        ("holder", HEALTH, 200), ("co_holder", HEALTH, 200), ("office", HEALTH, 200),
        ("billing", HEALTH, 403), ("reader", HEALTH, 403),
        ("co_holder", HEALTH.replace(CHILD_ID, HIDDEN_ID), 404),
        ("holder", BANK, 200), ("co_holder", BANK, 403), ("billing", BANK, 200),
        ("office", BANK, 403), ("reader", BANK, 403),
        ("holder", BANK.replace(HOLDER_ID, CO_HOLDER_ID), 403),
        ("billing", BANK.replace(HOLDER_ID, CHILD_ID), 404),
    ],
)  # fmt: skip
async def test_only_those_who_need_them_read_them(
    dossier: Dossier, who: str, path: str, status: int
) -> None:
    assert (await dossier.call(who, "GET", path)).status == status


async def test_an_iban_is_checked_shown_masked_and_its_bank_named(dossier: Dossier) -> None:
    wrong = await dossier.change("holder", put(HOLDER_ID, "iban", IBAN[:-1] + "0"))
    assert (wrong.status, wrong.json["code"]) == (422, "invalid-input")
    assert "IBAN" in wrong.json["detail"]
    await with_bank(dossier)
    for who in ("holder", "billing"):
        details = (await dossier.call(who, "GET", BANK)).json
        fields = {one["name"]: one["value"] for one in details["sheet"]["fields"]}
        assert fields["iban"] == "FR76 •••• 0189"
        assert details["bank"], "named by its code"
        assert IBAN not in str(details)
    other = await dossier.decide("office", ((await dossier.sent(
        "holder", put(HOLDER_ID, "account_holder", "A. D'Éon")))[0], None))  # fmt: skip
    assert other.status == 403, "who may not read a field does not decide it"


async def test_each_reading_is_shown_to_the_family(dossier: Dossier) -> None:
    await with_health(dossier)
    await dossier.call("office", "GET", HEALTH)
    await dossier.call("office", "GET", HEALTH.replace(CHILD_ID, HIDDEN_ID))
    await dossier.call("holder", "GET", HEALTH)
    await dossier.call("billing", "GET", HEALTH)
    await dossier.call("billing", "GET", BANK)
    await dossier.call("co_holder", "GET", BANK.replace(HOLDER_ID, CO_HOLDER_ID))
    seen = (await dossier.call("holder", "GET", READS)).json["items"]
    assert [(one["what"], one["child"], one["roles"]) for one in seen] == [
        ("bank_details", None, ["billing_office"]),
        ("health_sheet", CHILD_ID, []),
        ("health_sheet", HIDDEN_ID, ["childcare_office"]),
        ("health_sheet", CHILD_ID, ["childcare_office"]),
    ], "a refused reading read nothing; what another guardian reads of their own is their own"
    theirs = (await dossier.call("co_holder", "GET", READS)).json["items"]
    assert HIDDEN_ID not in [one["child"] for one in theirs]


async def test_what_cannot_be_recorded_is_not_read(
    dossier: Dossier, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_health(dossier)
    state = dossier.world.state("family")

    async def away(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(type(state.audit), "sensitive_read", away)
    answer = await dossier.call("office", "GET", HEALTH)
    assert answer.status == 500
    assert ALLERGY not in str(answer.json)


async def test_a_leaked_database_without_the_keys_shows_no_health_sheet_and_no_iban(
    dossier: Dossier, capfd: pytest.CaptureFixture[str]
) -> None:
    key = new_id()
    for _ in range(2):  # a repetition is kept too
        await dossier.change("holder", put(HOLDER_ID, "iban", IBAN, base=0), key=key)
    await dossier.sent("holder", put(CHILD_ID, "allergies", ALLERGY), CERTIFICATE)
    child = {"first_name": "Lou", "last_name": "Roux", "birth_date": "2022-03-01",
             "allergies": ALLERGY, "health_certificate": CERTIFIED}  # fmt: skip
    (added,) = await dossier.sent("holder", {"act": "add", "kind": "child", "values": child})
    waiting = await raw(dossier)
    queue = await dossier.call("office", "GET", "/changes")
    await dossier.decide(
        "billing",
        *((c["change"], None) for f in queue.json["items"] for c in f["changes"]
          if c["label"] == "IBAN"),
    )  # fmt: skip
    await dossier.decide("office", (added, None))
    for text in (waiting, await raw(dossier)):
        assert IBAN not in text
        assert ALLERGY not in text
        assert "Zoé" in text, "what is not sealed is there to be found"
    logs = "".join(capfd.readouterr())
    for mark in (IBAN, ALLERGY, "Zoé", "D'Éon", "a@example.org", "06 39 98"):
        assert mark not in logs


async def test_keys_are_replaced_and_the_old_one_is_taken_away(dossier: Dossier) -> None:
    await with_health(dossier)
    await dossier.sent("holder", put(CHILD_ID, "allergies", f"{ALLERGY}-bis"), CERTIFICATE)
    sent = await send(dossier.world, dossier.tokens["holder"], pdf())
    assert sent.status == 201, sent.json
    await load(dossier.world, FILE.replace("12;", "14;"))
    tag = (await dossier.call("office", "GET", f"/families/{OTHER_FAMILY}")).headers["ETag"]
    merged = await dossier.call(
        "office", "POST", f"/families/{OTHER_FAMILY}/merges", {"source": FAMILY},
        headers={"If-Match": tag},
    )  # fmt: skip
    undo = f"/moves/{merged.json['move']}/undo"
    assert (await dossier.call("office", "POST", undo)).status == 201
    state = dossier.world.state("family")
    fields = await dossier.world.store("family").get("field_keys", "current")
    assert fields is not None
    old, new = orjson.loads(fields["keys"]), orjson.loads(new_field_keys())
    state.sealer.load(orjson.dumps({**new, **old}).decode())
    (before,) = await dossier.world.store("family").find(FAMILIES, {"_id": FAMILY})
    done = await reseal(state)
    assert (done.seen, done.changed, done.files, done.left) == (4, 3, 1, 0)
    again = await reseal(state)
    assert (again.changed, again.files, again.left) == (0, 0, 0)
    (after,) = await dossier.world.store("family").find(FAMILIES, {"_id": FAMILY})
    assert after["seq"] == before["seq"], "nobody need be told"
    state.sealer.load(orjson.dumps(new).decode())
    file = await dossier.call("holder", "GET", f"/files/{sent.json['file']}")
    assert (file.status, file.body[:5]) == (200, b"%PDF-"), "the old key opens nothing any more"
    assert await dossier.world.store("family").count("files.files", {}) == 1
    sheet = (await dossier.call("holder", "GET", HEALTH)).json["sheet"]["fields"]
    (allergies,) = [one for one in sheet if one["name"] == "allergies"]
    assert (allergies["value"], allergies["waiting"]["value"]) == (ALLERGY, f"{ALLERGY}-bis")
    for one in await dossier.world.store("family").find("moves", {}):
        for pair in (one["before"], one["after"]):
            sealed = next(
                child["more"]["allergies"]
                for family in pair.values() for child in family["children"]
                if child["id"] == CHILD_ID and child["more"]
            )  # fmt: skip
            assert state.open(CHILD_ID, "allergies", sealed) == ALLERGY
    state.sealer.load(new_field_keys())
    with pytest.raises(SealBroken):
        state.open(CHILD_ID, "allergies", after["children"][0]["more"]["allergies"])


async def test_a_new_child_s_health_sheet_is_in_the_dossier_once_accepted(
    dossier: Dossier,
) -> None:
    values = {"first_name": "Lou", "last_name": "Roux", "birth_date": "2025-03-01",
              "allergies": ALLERGY}  # fmt: skip
    add = {"act": "add", "kind": "child", "values": values}
    missing = await dossier.change("holder", add)
    assert (missing.status, missing.json["code"]) == (422, "certificate-missing")
    certified = {**add, "values": {**values, "health_certificate": CERTIFIED}}
    (change,) = await dossier.sent("holder", certified)
    seen = await dossier.read("co_holder")
    assert ALLERGY not in str(seen)
    await dossier.decide("office", (change, None))
    lou = (await dossier.read("holder"))["decided"][0]["member"]
    assert fields_of(await dossier.read("holder"), lou)["allergies"]["filled"] is True
    path = HEALTH.replace(CHILD_ID, lou)
    sheet = (await dossier.call("office", "GET", path)).json
    assert {one["vaccine"] for one in sheet["vaccinations"]} >= {"meningococcus-acwy"}
    assert "meningococcus-c" not in {one["vaccine"] for one in sheet["vaccinations"]}
