"""A protected address is hidden from the other guardian everywhere; a guardian limited by a court
order sees what the town has set; rights are set by agents, with their reason."""

from __future__ import annotations

from typing import Any

import pytest

from services.family.api import ROUTES
from services.family.commands.importing import import_families
from services.family.domain.household import Family
from services.family.domain.showing import Eyes
from services.family.domain.work import Actor
from services.family.store.families import FAMILIES, family_in
from shared.contracts.dossier import FIELDS
from tests.family.dossiers import (
    BASE,
    CHILD_ID,
    CO_HOLDER_ID,
    CONTACT_ID,
    FAMILY,
    FILE,
    HIDDEN_ID,
    HOLDER_ID,
    Dossier,
    fields_of,
    put,
)
from tests.family.test_spreadsheet import CHILD, CO_HOLDER

#: What marks the protected guardian's coordinates, accepted and waiting.
MARKED: dict[str, Any] = {
    "phone": "0611111111", "second_phone": "0622222222", "work_phone": "0633333333",
    "email": "marque@example.org", "workplace": "marque-usine",
    "address": {"street": "marque-rue", "postcode": "07999", "city": "marque-ville"},
}  # fmt: skip
MARKS = ("0611111111", "0622222222", "0633333333", "marque", "07999")
MEASURES = f"/families/{FAMILY}/guardians/{CO_HOLDER_ID}/measures"


@pytest.fixture
async def protected(dossier: Dossier, monkeypatch: pytest.MonkeyPatch) -> Dossier:
    """The co-holder's address is protected; a change of each coordinate waits."""

    async def nothing(*_: Any) -> None:
        return None

    monkeypatch.setattr(dossier.world.store("family"), "published", nothing)
    await dossier.sent("office", *(put(CO_HOLDER_ID, n, v) for n, v in MARKED.items()))
    body = {"protected": True, "reason": "Ordonnance de protection"}
    assert (await dossier.call("office", "PUT", MEASURES, body)).status == 204
    await dossier.sent(
        "co_holder",
        put(CO_HOLDER_ID, "workplace", "marque-bureau"),
        put(CO_HOLDER_ID, "address", {**MARKED["address"], "street": "marque-place"}),
        put(CO_HOLDER_ID, "phone", "0611111111"),
    )
    return dossier


async def test_no_answer_shows_it_to_the_other_guardian(protected: Dossier) -> None:
    asked = 0
    for route in ROUTES:
        if route.method != "GET":
            continue
        names = {"{family}": FAMILY, "{child}": CHILD_ID, "{guardian}": CO_HOLDER_ID}
        path = route.path
        for name, value in names.items():
            path = path.replace(name, value)
        answer = await protected.call("holder", "GET", path)
        asked += answer.status == 200
        assert not [mark for mark in MARKS if mark in str(answer.json)], route.path
    assert asked >= 4
    stale = await protected.change("holder", put(CHILD_ID, "diet", "without_meat", base=9))
    assert stale.status == 409
    assert not [mark for mark in MARKS if mark in str(stale.json)]
    foreign = await protected.change("holder", put(CO_HOLDER_ID, "phone", "0600000000", base=0))
    assert (foreign.status, foreign.json["code"]) == (403, "forbidden")
    seen = await protected.read("holder")
    assert fields_of(seen, CO_HOLDER_ID).keys() >= {"first_name", "last_name"}
    assert not {*MARKED} & {*fields_of(seen, CO_HOLDER_ID)}
    glance = (await protected.call("holder", "GET", "/household")).json["households"][0]
    other = next(one for one in glance["guardians"] if one["id"] == CO_HOLDER_ID)
    assert (other["phone"], other["email"], other["address"]) == (None, None, None)
    assert other["protected"] is False, "not even that it is protected"


async def test_the_guardian_and_agents_go_on_seeing_it(protected: Dossier) -> None:
    whole = {**MARKED, "address": {**MARKED["address"], "citycode": None}}
    for who in ("co_holder", "office", "reader"):
        fields = fields_of(await protected.read(who), CO_HOLDER_ID)
        assert {name: fields[name]["value"] for name in MARKED} == whole, who
        assert fields["workplace"]["waiting"]["value"] == "marque-bureau"
    (measure,) = (await protected.read("office"))["measures"]
    assert (measure["protected"], measure["reason"]) == (True, "Ordonnance de protection")
    for who in ("holder", "co_holder"):
        assert (await protected.read(who))["measures"] == []


async def test_events_name_it_only_to_services_that_know_it_is_protected(
    protected: Dossier,
) -> None:
    (document,) = await protected.world.store("family").find(FAMILIES, {"_id": FAMILY})
    cards = [one for one in document["pending"] if "family-changed" in one["type"]]
    others = [one for one in document["pending"] if "family-changed" not in one["type"]]
    assert others
    assert not [mark for mark in MARKS if mark in str(others)]
    last = cards[-1]["data"]
    theirs = next(one for one in last["guardians"] if one["id"] == CO_HOLDER_ID)
    assert theirs["protected"] is True
    rest = {**last, "guardians": [one for one in last["guardians"] if one is not theirs]}
    assert not [mark for mark in MARKS if mark in str(rest)]


async def test_a_limited_guardian_sees_what_the_town_has_set(dossier: Dossier) -> None:
    await dossier.sent("office", put(HOLDER_ID, "workplace", "marque-usine"),
                       put(CHILD_ID, "diet", "without_meat"))  # fmt: skip
    body = {"limited": True, "reason": "Jugement du 2 mai"}
    assert (await dossier.call("office", "PUT", MEASURES, body)).status == 204
    seen = await dossier.read("co_holder")
    assert [one["member"] for one in seen["members"]] == ["household", CO_HOLDER_ID, CHILD_ID]
    assert {*fields_of(seen, CHILD_ID)} == {
        "first_name", "last_name", "birth_date", "school", "level"
    }  # fmt: skip
    assert fields_of(seen, "household") == {}
    assert "marque" not in str(seen)
    health = await dossier.call(
        "co_holder", "GET", f"/families/{FAMILY}/children/{CHILD_ID}/health-sheet"
    )
    assert health.status == 403
    for change in (
        put(CHILD_ID, "school_class", "CE1 A", base=0), put("household", "insurance", None, base=0),
        {"act": "remove", "member": CONTACT_ID},
        {"act": "add", "kind": "emergency", "values": {}},
    ):  # fmt: skip
        assert (await dossier.change("co_holder", change)).status == 403, change
    own = await dossier.change("co_holder", put(CO_HOLDER_ID, "phone", "0102030405"))
    assert own.status == 201
    values = {"first_name": "Lou", "last_name": "Roux", "birth_date": "2022-03-01"}
    (change,) = await dossier.sent("holder", {"act": "add", "kind": "child", "values": values})
    assert (await dossier.read("co_holder"))["additions"] == []
    await dossier.decide("office", (change, None))
    names = [one["first_name"] for one in await children(dossier, "co_holder")]
    assert names == ["Zoé"], "no rights over a child that joins later"


async def children(dossier: Dossier, who: str) -> list[dict[str, Any]]:
    answer = await dossier.call(who, "GET", "/household")
    found: list[dict[str, Any]] = answer.json["households"][0]["children"]
    return found


async def test_rights_are_set_by_agents_for_each_child(dossier: Dossier) -> None:
    rights = [{"child": HIDDEN_ID, "see": True, "decide": False, "pay": True}]
    body = {"rights": rights, "reason": "Accord des parents"}
    for who, status in (("holder", 403), ("reader", 403), ("billing", 403), ("office", 204)):
        assert (await dossier.call(who, "PUT", MEASURES, body)).status == status, who
    assert [one["id"] for one in await children(dossier, "co_holder")] == [HIDDEN_ID]
    change = put(HIDDEN_ID, "diet", "without_meat", base=0)
    assert (await dossier.change("co_holder", change)).status == 403
    (document,) = await dossier.world.store("family").find(FAMILIES, {})
    card = family_in(document).card()
    assert [r.model_dump() for r in card.guardians[1].rights] == rights
    wrong = {"rights": [{**rights[0], "child": "x"}], "reason": "x"}
    assert (await dossier.call("office", "PUT", MEASURES, wrong)).status == 422
    nobody = MEASURES.replace(CO_HOLDER_ID, "x")
    assert (await dossier.call("office", "PUT", nobody, body)).status == 404
    (measure,) = (await dossier.read("office"))["measures"]
    assert (measure["rights"], measure["reason"]) == (rights, "Accord des parents")


async def test_every_field_is_shown_to_those_it_is_for_and_to_nobody_else(
    dossier: Dossier,
) -> None:
    """The table of fields, walked: what each reader is shown of a dossier in which all is set."""
    (document,) = await dossier.world.store("family").find(FAMILIES, {})
    rules = await dossier.world.state("family").rules("veyras")
    family = family_in(document)
    marked = family.model_copy(
        update={
            "guardians": tuple(_marked(one, "guardian") for one in family.guardians),
            "children": tuple(_marked(one, "child") for one in family.children),
        }
    )
    readers = {
        "self": Actor(marked.guardians[1]),
        "other": Actor(marked.guardians[0]),
        "office": Actor(roles=frozenset({"childcare_office"})),
        "reader": Actor(roles=frozenset({"read_only"})),
    }
    shown = {who: Eyes(reader, rules).see(marked) for who, reader in readers.items()}
    for field in FIELDS:
        if field.owner != "guardian" or field.name not in MORE:
            continue
        found = {who: _of_co_holder(one, field.name) for who, one in shown.items()}
        hidden = not rules.keeps(field)
        assert found["self"] == (not hidden), field.path
        assert found["other"] == (field.reach.household and not hidden), field.path
        for who, role in (("office", "childcare_office"), ("reader", "read_only")):
            reads = field.reach.roles is None or role in field.reach.roles
            assert found[who] == (reads and not hidden), (field.path, who)


MORE = {one.name for one in FIELDS if one.owner == "guardian"} - {
    "first_name", "last_name", "phone", "email", "address", "benefit_scheme",
}  # fmt: skip


def _marked(member: Any, owner: str) -> Any:
    names = [field.name for field in FIELDS if field.owner == owner]
    typed = type(member).model_fields
    return member.model_copy(update={"more": {n: f"marque-{n}" for n in names if n not in typed}})


def _of_co_holder(family: Family, name: str) -> bool:
    guardian = family.guardian(CO_HOLDER_ID)
    assert guardian is not None
    return name in guardian.more


async def test_every_route_is_refused_to_the_wrong_town(dossier: Dossier) -> None:
    elsewhere = BASE.replace("veyras", "andancette")
    agent = dossier.world.token("andancette", roles=("childcare_office",))
    answer = await dossier.world.call(
        "PUT", f"{elsewhere}{MEASURES}", token=agent, json={"reason": "x", "protected": True}
    )
    assert answer.status == 404


@pytest.mark.parametrize("limited", [True, False])
async def test_an_import_does_not_undo_what_was_decided_of_rights(
    dossier: Dossier, *, limited: bool
) -> None:
    rights = [{"child": CHILD_ID, "see": True, "decide": False, "pay": False}]
    body = {"rights": rights, "limited": limited, "reason": "Jugement du 2 mai"}
    assert (await dossier.call("office", "PUT", MEASURES, body)).status == 204
    new = CHILD.replace(";3;", ";6;").replace("Zoé", "Lou").replace(";voir;", ";;")
    alone = FILE.replace(CO_HOLDER, "").replace(";aucun;", ";;")
    for text in (FILE, alone, FILE, FILE + new):
        report = await import_families(dossier.world.state("family"), "veyras", text.encode())
        assert report.stored, report.problems
        told = [(one.line, one.column) for one in report.notices]
        assert told == ([(2, "droits co-titulaire")] if CO_HOLDER in text else [])
    stored = await dossier.world.store("family").get(FAMILIES, FAMILY)
    assert stored is not None
    family = family_in(stored)
    guardian = family.guardian(CO_HOLDER_ID)
    assert guardian is not None
    assert guardian.limited == limited
    (lou,) = [child.id for child in family.children if child.first_name == "Lou"]
    held = {one.child: (one.see, one.decide, one.pay) for one in guardian.rights}
    assert held[CHILD_ID] == (True, False, False)
    assert HIDDEN_ID not in held, "the file's “none” gives nothing back either"
    assert held.get(lou) == (None if limited else (True, True, True))
