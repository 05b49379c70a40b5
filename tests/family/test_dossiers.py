"""Dossiers over HTTP: what counts at once, what waits, who decides, what is never lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.family.store.families import FAMILIES
from shared.events import event_types
from shared.ids import new_id
from tests.family.dossiers import (
    CERTIFIED,
    CHILD_ID,
    CO_HOLDER_ID,
    CONTACT_ID,
    FAMILY,
    FILE,
    HIDDEN_ID,
    HOLDER_ID,
    PERMISSION,
    Dossier,
    fields_of,
    load,
    put,
)

ADDRESS = {"street": "2 place du Marché", "postcode": "07000", "city": "Privas"}


async def said(dossier: Dossier, name: str) -> list[dict[str, Any]]:
    """The data of the events of that name which the family still has to publish or has said."""
    (document,) = await dossier.world.store("family").find(FAMILIES, {"_id": FAMILY})
    wanted = next(one for one in event_types() if f".{name}." in one)
    return [one["data"] for one in document["pending"] if one["type"] == wanted]


@pytest.fixture
def unpublished(dossier: Dossier, monkeypatch: pytest.MonkeyPatch) -> Dossier:
    """The dossier with its events kept where they are written."""

    async def nothing(*_: Any) -> None:
        return None

    store = dossier.world.store("family")
    monkeypatch.setattr(store, "published", nothing)
    return dossier


async def test_what_the_town_checks_waits_beside_what_counts(dossier: Dossier) -> None:
    (change,) = await dossier.sent("holder", put(HOLDER_ID, "address", ADDRESS))
    for who in ("holder", "co_holder", "office"):
        field = await dossier.field(who, HOLDER_ID, "address")
        assert field["value"]["city"] == "Veyras"
        assert field["waiting"]["value"] == {**ADDRESS, "citycode": None}
        assert field["waiting"]["by"]["guardian"] == HOLDER_ID
        assert field["waiting"]["change"] == change
    glance = await dossier.call("holder", "GET", "/household")
    assert glance.json["households"][0]["waiting"] == 1

    queue = await dossier.call("office", "GET", "/changes")
    assert [(f["reference"], [c["label"] for c in f["changes"]]) for f in queue.json["items"]] == [
        ("12", ["Adresse postale"])
    ]
    decided = await dossier.decide("office", (change, None))
    assert decided.json == {"decided": [{"change": change, "state": "accepted"}]}
    field = await dossier.field("holder", HOLDER_ID, "address")
    assert (field["value"], field["waiting"]) == ({**ADDRESS, "citycode": None}, None)
    assert (await dossier.call("office", "GET", "/changes")).json["items"] == []


async def test_a_blank_dossier_holds_the_fields_that_families_fill(dossier: Dossier) -> None:
    running = dossier.world
    path = "/api/family/v1/veyras/dossier-fields"
    for token, status in (
        (None, 401),
        (running.token("andancette"), 403),
        (running.token(), 200),
        (running.token(roles=("childcare_office",)), 200),
    ):
        answer = await running.call("GET", path, token=token)
        assert answer.status == status
    owners = {
        one["owner"]: {field["name"]: field for field in one["fields"]}
        for one in answer.json["owners"]
    }
    assert owners["child"]["birth_date"]["rule"] == "required"
    assert owners["child"]["health_certificate"]["statement"]["version"] == CERTIFIED["version"]
    assert owners["child"]["allergies"]["health"]
    assert owners["child"]["diet"]["choices"]
    assert {*owners["contact"]} >= {"first_name", "last_name", "phone"}
    statements = [one["statement"] for one in owners["child"].values() if one["statement"]]
    assert PERMISSION["version"] in [one["version"] for one in statements]


async def test_what_the_town_trusts_counts_at_once(dossier: Dossier) -> None:
    answer = await dossier.change("holder", put(HOLDER_ID, "phone", "06 39 98 11 11"))
    assert answer.json["changes"][0]["state"] == "accepted"
    field = await dossier.field("office", HOLDER_ID, "phone")
    assert (field["value"], field["waiting"], field["automatic"]) == ("06 39 98 11 11", None, True)


async def test_fields_are_decided_one_by_one_with_a_reason(unpublished: Dossier) -> None:
    dossier = unpublished
    name, address = await dossier.sent(
        "holder", put(HOLDER_ID, "birth_name", "Petit"), put(HOLDER_ID, "address", ADDRESS)
    )
    without = await dossier.call(
        "office", "POST", "/change-decisions",
        {"decisions": [{"change": address, "outcome": "refused"}]},
    )  # fmt: skip
    assert (without.status, without.json["code"]) == (422, "reason-missing")
    await dossier.decide("office", (address, "Justificatif de plus de trois mois"))
    seen = await dossier.read("holder")
    (refused,) = seen["decided"]
    assert (refused["state"], refused["reason"]) == (
        "refused",
        "Justificatif de plus de trois mois",
    )
    assert refused["value"] is None, "a value is forgotten once it is decided"
    assert fields_of(seen, HOLDER_ID)["address"]["value"]["city"] == "Veyras"
    await dossier.decide("office", (name, None))
    assert (await dossier.field("holder", HOLDER_ID, "birth_name"))["value"] == "Petit"

    (sent,) = await said(dossier, "dossier-change-requested")
    assert [(i["label"], i["state"]) for i in sent["items"]] == [
        ("Nom de naissance", "waiting"), ("Adresse postale", "waiting")
    ]  # fmt: skip
    first, second = await said(dossier, "dossier-change-decided")
    assert (first["left"], second["left"]) == (1, 0)
    assert first["items"][0]["reason"] == "Justificatif de plus de trois mois"
    assert {first["guardian"], second["guardian"]} == {HOLDER_ID}
    assert "Petit" not in str([sent, first, second]), "events carry no value"


async def test_a_later_change_of_the_family_takes_the_place_of_its_earlier_one(
    dossier: Dossier,
) -> None:
    (first,) = await dossier.sent("holder", put(CHILD_ID, "school_class", "CE1 A"))
    (second,) = await dossier.sent("co_holder", put(CHILD_ID, "school_class", "CE1 B"))
    field = await dossier.field("holder", CHILD_ID, "school_class")
    assert field["waiting"]["value"] == "CE1 B"
    late = await dossier.decide("office", (first, None))
    assert late.json["decided"][0]["state"] == "replaced"
    await dossier.decide("office", (second, None))
    assert (await dossier.field("holder", CHILD_ID, "school_class"))["value"] == "CE1 B"


async def test_nothing_is_overwritten_that_its_author_has_not_seen(dossier: Dossier) -> None:
    seen = (await dossier.field("co_holder", CHILD_ID, "school_class"))["revision"]
    await dossier.sent("holder", put(CHILD_ID, "school_class", "CE1 A"))
    blind = put(CHILD_ID, "school_class", "CE1 B", base=seen)
    other = put(CHILD_ID, "diet", "without_meat")
    stale = await dossier.change("co_holder", other, blind)
    assert (stale.status, stale.json["code"]) == (409, "field-changed")
    assert stale.json["field"] == "/changes/1"
    (now,) = stale.json["current"]
    assert (now["waiting"], now["waits"], now["revision"]) == ("CE1 A", True, seen + 1)
    assert (await dossier.field("holder", CHILD_ID, "diet"))["waiting"] is None, "all or nothing"
    agent = await dossier.change("office", blind)
    assert agent.status == 409, "agents overwrite nothing blindly either"


async def test_two_guardians_at_once_on_one_field_leave_one_and_tell_the_other(
    dossier: Dossier,
) -> None:
    answers = await asyncio.gather(
        *(
            dossier.change(who, put(CHILD_ID, "school_class", who, base=0))
            for who in ("holder", "co_holder") * 4
        )
    )
    assert sorted(answer.status for answer in answers) == [201, *[409] * 7]
    others = await asyncio.gather(
        dossier.change("holder", put(HOLDER_ID, "workplace", "Mairie", base=0)),
        dossier.change("co_holder", put(CO_HOLDER_ID, "workplace", "Gare", base=0)),
    )
    assert [answer.status for answer in others] == [201, 201]


async def test_the_same_command_has_one_effect_and_one_answer(dossier: Dossier) -> None:
    key = new_id()
    change = put(CHILD_ID, "school_class", "CE1 A", base=0)
    first = await dossier.change("holder", change, key=key)
    again = await dossier.change("holder", change, key=key)
    assert (again.status, again.json) == (first.status, first.json)
    other = await dossier.change("holder", {**change, "value": "CE1 B"}, key=key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")
    decision = (first.json["changes"][0]["change"], None)
    key = new_id()
    done = [await dossier.decide("office", decision, key=key) for _ in range(2)]
    assert done[0].json == done[1].json


async def test_a_change_is_taken_back_while_nobody_has_decided_it(dossier: Dossier) -> None:
    (mine,) = await dossier.sent("holder", put(HOLDER_ID, "address", ADDRESS))
    path = f"/families/{FAMILY}/changes/{mine}"
    assert (await dossier.call("co_holder", "DELETE", path)).status == 404
    for _ in range(2):
        assert (await dossier.call("holder", "DELETE", path)).status == 204
    assert (await dossier.field("holder", HOLDER_ID, "address"))["waiting"] is None
    assert (await dossier.decide("office", (mine, None))).json["decided"][0]["state"] == "withdrawn"
    (other,) = await dossier.sent("holder", put(HOLDER_ID, "address", ADDRESS))
    await dossier.decide("office", (other, None))
    gone = await dossier.call("holder", "DELETE", f"/families/{FAMILY}/changes/{other}")
    assert (gone.status, gone.json["code"]) == (409, "already-decided")


@pytest.mark.parametrize(
    ("who", "change", "status", "code"),
    [
        ("holder", put(CO_HOLDER_ID, "phone", "0102030405", base=0), 403, "forbidden"),
        ("co_holder", put(HIDDEN_ID, "diet", "without_meat", base=0), 404, "not-found"),
        ("holder", put("x" * 32, "phone", "0102030405", base=0), 404, "not-found"),
        ("holder", put(CHILD_ID, "level", "CE2", base=0), 403, "field-not-editable"),
        ("holder", put(HOLDER_ID, "tax_shares", "2.5", base=0), 422, "field-unknown"),
        ("holder", put(HOLDER_ID, "email", None), 422, "invalid-input"),
        ("holder", put(HOLDER_ID, "email", "pas une adresse"), 422, "invalid-input"),
        ("holder", put(HOLDER_ID, "birth_date", "2026-12-01"), 422, "invalid-input"),
        ("holder", put(CHILD_ID, "diet", "halal"), 422, "invalid-input"),
        ("holder", put(CHILD_ID, "school", "ailleurs"), 422, "invalid-input"),
        ("holder", put("household", "facts:unknown", True, base=0), 422, "field-unknown"),
        ("holder", put("household", "facts:zone", "east"), 422, "invalid-input"),
        ("holder", put("household", "quotients", {"value": "500", "effect": "2026-09-02"}), 422,
         "invalid-input"),
        ("reader", put(HOLDER_ID, "phone", "0102030405", base=0), 403, "forbidden"),
        ("billing", put(CHILD_ID, "allergies", "Arachide", base=0), 403, "field-not-editable"),
    ],
)  # fmt: skip
async def test_what_may_not_be_written_is_refused_with_its_place(
    dossier: Dossier, who: str, change: dict[str, Any], status: int, code: str
) -> None:
    answer = await dossier.change(who, change)
    assert (answer.status, answer.json["code"]) == (status, code), answer.json
    if status == 422:
        assert answer.json["field"].startswith("/changes/0")


async def test_complements_reach_the_dossier(dossier: Dossier) -> None:
    quotient = {"value": "812.50", "effect": "2026-09-01"}
    ids = await dossier.sent(
        "co_holder",
        put("household", "quotients", quotient),
        put("household", "facts:resident", True),
        put("household", "facts:zone", "north"),
        put("household", "insurance", {"company": "Assur", "policy": "A-12"}),
        put(CHILD_ID, "permissions:image-web", {"given": True, "version": PERMISSION["version"]}),
    )
    await dossier.decide("office", *((one, None) for one in ids))
    seen = await dossier.read("holder")
    household, child = fields_of(seen, "household"), fields_of(seen, CHILD_ID)
    assert [q["value"] for q in household["quotients"]["value"]] == ["812.50"]
    assert (household["facts:resident"]["value"], household["facts:zone"]["value"]) == (
        True, "north",
    )  # fmt: skip
    consent = child["permissions:image-web"]
    assert consent["label"] == "Site de la commune"
    assert consent["statement"]["text"] == PERMISSION["text"]
    assert (consent["value"]["given"], consent["value"]["version"]) == (True, "2026")
    assert {*consent["value"]} == {"given", "version", "by", "at"}, "it is dated and signed"
    later = {"value": "700", "effect": "2026-10-01"}
    (change,) = await dossier.sent("holder", put("household", "quotients", later))
    await dossier.decide("office", (change, None))
    known = (await dossier.field("holder", "household", "quotients"))["value"]
    assert [q["effect"] for q in known] == ["2026-09-01", "2026-10-01"], "the earlier one stays"
    reread = put(CHILD_ID, "permissions:image-web", {"given": False, "version": "2020"})
    assert (await dossier.change("holder", reread)).status == 422, "of a text that is no longer so"


async def test_a_child_is_added_and_every_guardian_has_rights_over_it(dossier: Dossier) -> None:
    values = {"first_name": "Lou", "last_name": "Roux", "birth_date": "2022-03-01",
              "school": "tilleuls", "diet": "without_gluten"}  # fmt: skip
    add = {"act": "add", "kind": "child", "values": values}
    missing = {**add, "values": {"first_name": "Lou", "last_name": "Roux"}}
    answer = await dossier.change("co_holder", missing)
    assert (answer.status, answer.json["field"]) == (422, "/changes/0/values/birth_date")
    (change,) = await dossier.sent("co_holder", add)
    seen = await dossier.read("holder")
    assert [one["value"]["first_name"] for one in seen["additions"]] == ["Lou"]
    await dossier.decide("office", (change, None))
    glance = (await dossier.call("co_holder", "GET", "/household")).json["households"][0]
    (lou,) = [one for one in glance["children"] if one["first_name"] == "Lou"]
    assert (lou["school"], lou["birth_date"]) == ("tilleuls", "2022-03-01")
    assert all(
        {"child": lou["id"], "see": True, "decide": True, "pay": True} in one["rights"]
        for one in glance["guardians"]
    )
    assert (await dossier.field("holder", lou["id"], "diet"))["value"] == "without_gluten"
    twice = await dossier.change("holder", add)
    assert (twice.status, twice.json["code"]) == (409, "child-known")
    await load(dossier.world, FILE.replace("Zoé", "Zoë"))
    after = (await dossier.call("co_holder", "GET", "/household")).json["households"][0]
    assert [c["first_name"] for c in after["children"]] == ["Zoë", "Lou"], "an import keeps it"
    assert (await dossier.field("holder", lou["id"], "diet"))["value"] == "without_gluten"


async def test_a_second_guardian_joins_where_there_is_one(dossier: Dossier) -> None:
    values = {"first_name": "Jo", "last_name": "Roux", "email": "jo@example.org"}
    new = {"act": "add", "kind": "guardian", "values": values}
    third = await dossier.change("holder", new)
    assert (third.status, third.json["code"]) == (409, "guardian-known")
    own = await dossier.change("co_holder", {"act": "remove", "member": CO_HOLDER_ID})
    assert own.status == 403
    (_,) = await dossier.sent("office", {"act": "remove", "member": CO_HOLDER_ID})
    assert (await dossier.call("co_holder", "GET", f"/families/{FAMILY}/dossier")).status == 404
    (change,) = await dossier.sent("holder", new)
    await dossier.decide("office", (change, None))
    glance = (await dossier.call("holder", "GET", "/household")).json["households"][0]
    assert [(g["role"], g["first_name"]) for g in glance["guardians"]] == [
        ("holder", "Anne-Laure"), ("co_holder", "Jo")
    ]  # fmt: skip
    assert [g["invoiced"] for g in glance["guardians"]] == [True, False], "somebody is invoiced"
    refused = await dossier.change("office", {"act": "remove", "member": HOLDER_ID})
    assert (refused.status, refused.json["code"]) == (409, "holder-needed")


async def test_somebody_who_fetches_a_child_is_old_enough(dossier: Dossier) -> None:
    values = {"first_name": "Tim", "last_name": "Roux", "phone": "06 39 98 00 09"}
    add = {"act": "add", "kind": "authorised_collector", "values": values}
    for more, taken in (
        ({}, False),
        ({"birth_date": "2011-01-01"}, False),
        ({"birth_date": "2010-01-01"}, True),
        ({"adult": True}, True),
        ({"adult": False}, False),
    ):
        answer = await dossier.change("holder", {**add, "values": {**values, **more}})
        assert (answer.status == 201) == taken, (more, answer.json)


async def test_leaving_contacts_take_what_waited_about_them_along(dossier: Dossier) -> None:
    (phone,) = await dossier.sent("holder", put(CONTACT_ID, "phone", "06 39 98 22 22"))
    (leaving,) = await dossier.sent("co_holder", {"act": "remove", "member": CONTACT_ID})
    seen = await dossier.read("holder")
    contact = next(one for one in seen["members"] if one["member"] == CONTACT_ID)
    assert contact["leaving"] == leaving
    again = await dossier.change("holder", {"act": "remove", "member": CONTACT_ID})
    assert (again.status, again.json["code"]) == (409, "already-asked")
    await dossier.decide("office", (leaving, None))
    assert (await dossier.decide("office", (phone, None))).json["decided"][0]["state"] == "replaced"
    glance = (await dossier.call("holder", "GET", "/household")).json["households"][0]
    assert glance["contacts"] == []


async def test_agents_edit_at_once_also_for_a_guardian(unpublished: Dossier) -> None:
    dossier = unpublished
    (_,) = await dossier.sent("office", put(CHILD_ID, "level", "CE2"), on_behalf_of=CO_HOLDER_ID)
    assert (await dossier.field("holder", CHILD_ID, "level"))["value"] == "CE2"
    (sent,) = await said(dossier, "dossier-change-requested")
    assert (sent["channel"], sent["guardian"]) == ("desk", CO_HOLDER_ID)
    own = await dossier.change("holder", put(HOLDER_ID, "phone", "0102030405"),
                               on_behalf_of=CO_HOLDER_ID)  # fmt: skip
    assert own.status == 403
    nobody = await dossier.change("office", put(CHILD_ID, "level", "CM1"), on_behalf_of="x")
    assert nobody.status == 404


async def test_the_card_says_what_rules_and_bills_need_and_nothing_of_health(
    unpublished: Dossier,
) -> None:
    dossier = unpublished
    await dossier.sent(
        "office",
        put("household", "quotients", {"value": "812.50", "effect": "2026-09-01"}),
        put("household", "facts:resident", True),
        put(CHILD_ID, "school_class", "CE1 A"),
        put(CHILD_ID, "allergies", "Arachide"),
        put(HOLDER_ID, "benefit_scheme", "caf"),
    )
    card = (await said(dossier, "family-changed"))[-1]
    assert card["quotients"] == [
        {"value_cents": 81250, "effect": "2026-09-01", "until": None, "source": "family"}
    ]
    assert card["facts"] == {"resident": True}
    assert card["children"][0]["school_class"] == "CE1 A"
    holder = card["guardians"][0]
    assert (holder["address"]["city"], holder["email"], holder["benefit_scheme"]) == (
        "Veyras", "a@example.org", "caf",
    )  # fmt: skip
    assert "Arachide" not in str(card)


async def test_many_families_are_decided_at_once(dossier: Dossier) -> None:
    (mine,) = await dossier.sent("holder", put(CHILD_ID, "school_class", "CE1 A"))
    unknown = await dossier.decide("office", (mine, None), (new_id(), None))
    assert unknown.status == 404
    assert (await dossier.field("holder", CHILD_ID, "school_class"))["waiting"], "nothing decided"
    elsewhere = dossier.world.token("andancette", roles=("childcare_office",))
    body = {"decisions": [{"change": mine, "outcome": "accepted"}]}
    foreign = await dossier.world.call(
        "POST", "/api/family/v1/andancette/change-decisions", token=elsewhere, json=body
    )
    assert foreign.status == 404


async def test_who_a_guardian_is_to_the_registry_is_said_once_it_is_whole(
    unpublished: Dossier,
) -> None:
    """By all six fields identity recognises who comes back from FranceConnect."""
    whole = {
        "birth_name": "D'Éon", "first_names": "Anne-Laure Marie", "sex": "F",
        "birth_date": "1985-04-12", "birth_country": "99100", "birth_place": "07186",
    }  # fmt: skip
    *first, last = whole.items()
    for name, value in first:
        await unpublished.sent("billing", put(HOLDER_ID, name, value))
    cards = await said(unpublished, "family-changed")
    assert {card["guardians"][0]["civil_identity"] for card in cards} == {None}
    await unpublished.sent("billing", put(HOLDER_ID, *last))
    told = (await said(unpublished, "family-changed"))[-1]["guardians"][0]["civil_identity"]
    assert told == {**whole, "first_names": ["Anne-Laure", "Marie"]}
    for name, wrong in (("sex", "X"), ("birth_place", "7107"), ("birth_country", "100")):
        refused = await unpublished.change("billing", put(HOLDER_ID, name, wrong))
        assert (refused.status, refused.json["code"]) == (422, "invalid-input")


async def test_why_something_about_health_was_refused_is_not_said_outside(
    unpublished: Dossier,
) -> None:
    (change, _) = await unpublished.sent(
        "holder", put(CHILD_ID, "allergies", "noix"),
        put(CHILD_ID, "health_certificate", CERTIFIED),
    )  # fmt: skip
    await unpublished.decide("office", (change, "marque-oedème"))
    (refused,) = [
        item
        for event in await said(unpublished, "dossier-change-decided")
        for item in event["items"]
    ]
    assert (refused["state"], refused["reason"]) == ("refused", None)
    kept = await unpublished.world.store("family").find("families", {})
    assert "oedème" not in str(kept), "nor kept in clear"
    assert "oedème" not in str(await unpublished.read("holder"))
    path = f"/families/{unpublished.family}/children/{CHILD_ID}/health-sheet"
    (decided,) = [
        one
        for one in (await unpublished.call("holder", "GET", path)).json["decided"]
        if one["state"] == "refused"
    ]
    assert decided["reason"] == "marque-oedème", "the family is told where health is read"
