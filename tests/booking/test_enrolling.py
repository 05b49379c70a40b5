"""A child is enrolled in a group of services before it is booked: sent, decided, in force."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts.booking import (
    EnrolmentAccepted,
    EnrolmentRefused,
    EnrolmentRequested,
    EnrolmentWithdrawn,
)
from shared.contracts.family import ChildRights, Guardian
from shared.ids import new_id
from tests.booking.enrolments import (
    accept,
    answer_all,
    enrolled,
    enrolling,
    enrolling_town,
    enrolment,
    group,
    groups_of,
    say_documents,
    send,
)
from tests.booking.helpers import planning, recap, said, try_ask
from tests.samples import API, Household, activity, ask, family, say_town
from tests.world import World, eventually

DAY = "2026-09-17"


async def why_not(world: World, home: Household, day: str = DAY, **changes: Any) -> Any:
    """The reason for which a day cannot be booked, None when it can."""
    told = (await recap(world, home, home.asks(day, **changes))).json
    return told["not_retained"][0]["reason"] if told["not_retained"] else None


async def test_booking_is_refused_before_and_possible_after(running: World) -> None:
    await say_town(running, enrolling_town(), version=2)
    home = await family(running)
    refused = await try_ask(running, home, home.asks(DAY))
    assert (refused.status, refused.json["code"]) == (409, "nothing-bookable")
    reason = refused.json["not_retained"][0]["reason"]
    assert reason["code"] == "not-enrolled"
    assert reason["text"] == (
        "Inscription nécessaire avant de réserver : « Cantine, année 2026-2027 ». "
        "Inscriptions ouvertes jusqu'au mercredi 30 septembre 2026 à 23 h 59."
    )
    assert await why_not(running, home, activity="garderie") is None, "no group covers it"
    sent = await send(running, home)
    assert (sent.status, sent.json["state"]) == (201, "requested")
    assert (await why_not(running, home))["text"].endswith("attend sa réponse.")
    await accept(running, sent.json["id"])
    booked = await ask(running, home, home.asks(DAY))
    assert booked.json["lines"][0]["state"] == "accepted"
    assert (await why_not(running, home, child=1))["code"] == "not-enrolled", "the other child"
    (accepted,) = await said(running, EnrolmentAccepted)
    assert (accepted.child, accepted.group) == (home.children[0], "cantine-2026")
    assert accepted.book_from == accepted.decided_at, "at once"


async def test_days_beyond_the_group_and_closed_days_say_so(running: World) -> None:
    await say_town(running, enrolling_town(group(first=DAY, last="2026-09-24")), version=2)
    home = await family(running)
    await accept(running, await enrolled(running, home))
    assert await why_not(running, home, DAY) is None
    assert await why_not(running, home, "2026-09-24") is None
    for day in ("2026-09-15", "2026-09-25"):
        reason = await why_not(running, home, day)
        assert reason["code"] == "not-enrolled"
        assert "ne va que du jeudi 17 septembre 2026 au jeudi 24 septembre 2026" in reason["text"]
    assert (await why_not(running, home, "2026-09-19"))["code"] == "no-service"
    days = await planning(running, home, "2026-09-14", "2026-09-18")
    shown = {day: (one["status"], one["words"], one["book"]["allowed"], one["booking_locked"])
             for (activity, day), one in days.items() if activity == "cantine"}  # fmt: skip
    out = ("not_enrolled", "Non inscrit", False, True)
    enrolled_day = ("free", "Inscrit", True, False)
    assert shown == {
        "2026-09-14": out, "2026-09-15": out, DAY: enrolled_day, "2026-09-18": enrolled_day,
    }  # fmt: skip


async def test_the_planning_offers_only_what_the_child_is_enrolled_in(running: World) -> None:
    await say_town(running, enrolling_town(), version=2)
    home = await family(running)

    async def seen() -> tuple[set[str], list[str]]:
        about = f"family={home.id}&child={home.children[0]}&first={DAY}&last={DAY}"
        found = await running.call(
            "GET", f"{API}/veyras/planning?{about}", token=home.token(running)
        )
        return {one["activity"] for one in found.json["entries"]}, [
            one["group"] for one in found.json["to_enrol"]
        ]

    assert await seen() == ({"garderie"}, ["cantine-2026"])
    enrolled_id = await enrolled(running, home)
    await accept(running, enrolled_id)
    assert await seen() == ({"cantine", "garderie"}, [])
    await ask(running, home, home.asks(DAY))
    await answer_all(running, [(enrolled_id, "Dossier incomplet.")])
    assert await seen() == ({"cantine", "garderie"}, ["cantine-2026"]), "what is booked stays"


async def test_two_guardians_enrol_at_once(running: World) -> None:
    await say_town(running, enrolling_town(), version=2)
    for _ in range(5):
        home = await family(running)
        luc = running.token(families={home.id: home.guardian})
        answers = await asyncio.gather(send(running, home), send(running, home, token=luc))
        assert sorted(answer.status for answer in answers) == [201, 409]
        late = next(answer for answer in answers if answer.status == 409)
        assert late.json["code"] == "already-asked"
        assert await running.store("booking").count("enrolments", {"family": home.id}) == 1
    assert len(await said(running, EnrolmentRequested)) == 5


async def test_the_same_command_again_changes_nothing(running: World) -> None:
    await say_town(running, enrolling_town(), version=2)
    home, key = await family(running), new_id()
    first, *others = await asyncio.gather(*(send(running, home, key=key) for _ in range(4)))
    assert {one.status for one in (first, *others)} == {201}
    assert all(one.json == first.json for one in others)
    await accept(running, first.json["id"])
    again = await send(running, home, key=key)
    assert (again.status, again.json) == (201, first.json), "as it was told the first time"
    other = await send(running, home, enrolling(home, comment="Allergie ?"), key=key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")
    assert len(await said(running, EnrolmentRequested)) == 1


WINDOWS = [
    {"opens": "2026-06-01T08:00", "closes": "2026-06-30T23:59"},
    {"opens": "2026-09-01T08:00", "closes": "2026-09-15T12:00"},
]


@pytest.mark.parametrize(
    ("now", "state", "words"),
    [
        (datetime(2026, 5, 1, tzinfo=UTC), "next",
         "du lundi 1er juin 2026 à 8 h au mardi 30 juin 2026 à 23 h 59"),
        (datetime(2026, 6, 1, 5, 59, 59, tzinfo=UTC), "next", "du lundi 1er juin 2026 à 8 h"),
        (datetime(2026, 6, 1, 6, 0, tzinfo=UTC), "open", "jusqu'au mardi 30 juin 2026 à 23 h 59"),
        (datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC), "open", "jusqu'au mardi 30 juin 2026"),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), "next",
         "du mardi 1er septembre 2026 à 8 h au mardi 15 septembre 2026 à 12 h"),
        (datetime(2026, 9, 15, 10, 1, tzinfo=UTC), "over",
         "closes depuis le mardi 15 septembre 2026 à 12 h"),
    ],
)  # fmt: skip
async def test_outside_its_window_the_group_stays_with_the_dates_of_the_next(
    running: World, now: datetime, state: str, words: str
) -> None:
    await say_town(running, enrolling_town(group(windows=WINDOWS)), version=2)
    home = await family(running)
    running.move_to(now)
    shown = (await groups_of(running, home))["cantine-2026"]
    assert (shown["window"]["state"], shown["allowed"]) == (state, state == "open")
    answer = await send(running, home)
    if state == "open":
        assert answer.status == 201
        assert shown["why_not"] is None
        return
    assert (answer.status, answer.json["code"]) == (409, "outside-window")
    assert words in answer.json["detail"]
    assert shown["why_not"]["text"] == answer.json["detail"]


async def test_a_window_may_be_for_some_families_first(running: World) -> None:
    early = {"opens": "2026-06-01T08:00", "closes": "2026-09-30T23:59", "audiences": ["grands"]}
    later = {"opens": "2026-09-21T08:00", "closes": "2026-09-30T23:59"}
    ages = {"id": "grands", "name": "Grands", "all": [{"fact": "level", "is": ["CM2"]}]}
    file = enrolling_town(group(windows=[early, later]), audiences=[ages])
    await say_town(running, file, version=2)
    home = await family(running)
    shown = (await groups_of(running, home))["cantine-2026"]
    assert (shown["window"]["state"], shown["window"]["opens"]) == (
        "next", "2026-09-21T08:00:00+02:00",
    )  # fmt: skip
    card = home.card()
    older = card.model_copy(
        update={"children": tuple(c.model_copy(update={"level": "CM2"}) for c in card.children)}
    )
    await running.say(older, f"families/{home.id}")

    async def open_now() -> bool:
        return bool((await groups_of(running, home))["cantine-2026"]["allowed"])

    await eventually(open_now)


async def test_another_family_s_child_and_lesser_rights(running: World) -> None:
    await say_town(running, enrolling_town(), version=2)
    home, other = await family(running), await family(running)
    for body in (enrolling(other), enrolling(other) | {"family": home.id}):
        answer = await send(running, home, body)
        assert answer.status in (403, 404)
    luc = Guardian(
        id=new_id(), first_name="Luc", last_name="Petit", invoiced=False,
        rights=(ChildRights(child=home.children[0], see=True, decide=False, pay=False),),
    )  # fmt: skip
    await running.say(home.card((luc,)), f"families/{home.id}")

    async def known() -> bool:
        card = await running.store("booking").get("copy_families", home.id)
        return card is not None and len(card["guardians"]) == 2

    await eventually(known)
    theirs = running.token(families={home.id: luc.id})
    assert (await send(running, home, token=theirs)).status == 403
    seen, hidden = [await enrolled(running, home, enrolling(home, child)) for child in (0, 1)]
    listed = await running.call("GET", f"{API}/veyras/enrolment-requests", token=theirs)
    assert [one["id"] for one in listed.json["items"]] == [seen]
    strangers = other.token(running)
    for token, _id in ((theirs, hidden), (strangers, seen), (strangers, "0" * 32)):
        found = await running.call("GET", f"{API}/veyras/enrolments/{_id}", token=token)
        assert found.status == 404
        gone = await running.call(
            "POST", f"{API}/veyras/enrolments/{_id}/withdrawals", token=token, json={}
        )
        assert gone.status in (403, 404)
    assert (await enrolment(running, home, seen))["state"] == "requested"


async def test_an_agent_decides_many_at_once(running: World) -> None:
    await say_town(running, enrolling_town(), version=2)
    homes = [await family(running) for _ in range(12)]
    ids = [await enrolled(running, home) for home in homes]
    agent = running.token(roles=("childcare_office",))
    waiting = f"{API}/veyras/enrolment-requests?state=requested&limit=5"
    page = (await running.call("GET", waiting, token=agent)).json
    rest = (await running.call("GET", f"{waiting}&after={page['next']}", token=agent)).json
    assert [one["id"] for one in page["items"] + rest["items"]] == ids[::-1][:10]
    decisions = [(one, "Justificatif illisible." if n < 2 else None) for n, one in enumerate(ids)]
    key, wanted = new_id(), [*decisions, ("0" * 32, None)]
    results = await asyncio.gather(
        *(answer_all(running, wanted, key=key, agent=agent) for _ in range(3))
    )
    first = results[0].json
    assert all(one.json == first for one in results)
    assert [one["result"] for one in first["results"]] == (
        ["refused"] * 2 + ["accepted"] * 10 + ["not-found"]
    )
    again = await answer_all(running, decisions[:3])
    assert {one["result"] for one in again.json["results"]} == {"already-decided"}
    accepted = await said(running, EnrolmentAccepted)
    refused = await said(running, EnrolmentRefused)
    assert (len(accepted), len(refused)) == (10, 2)
    assert {one.decided_at for one in (*accepted, *refused)} == {
        datetime.fromisoformat(first["decided_at"])
    }
    assert refused[0].reason.text == "Justificatif illisible."
    found = await enrolment(running, homes[0], ids[0])
    assert (found["state"], found["reason"]["text"]) == ("refused", "Justificatif illisible.")
    assert [(act["what"], act["by"]) for act in found["history"]] == [
        ("requested", "family"), ("refused", "agent"),
    ]  # fmt: skip
    assert found["history"][1]["account"] is None, "families do not learn who"
    bare = await running.call(
        "POST", f"{API}/veyras/enrolment-decisions", token=agent,
        json={"decisions": [{"enrolment": ids[0], "outcome": "refused"}]},
    )  # fmt: skip
    assert bare.status == 422, "a refusal says why"


async def test_withdrawn_or_refused_it_may_be_sent_again(running: World) -> None:
    await say_town(running, enrolling_town(), version=2)
    home, late = await family(running), new_id()
    agent = running.token(roles=("childcare_office",))
    first = await enrolled(running, home)
    gone = f"{API}/veyras/enrolments/{first}/withdrawals"
    for _ in range(2):
        answer = await running.call("POST", gone, token=home.token(running), json={})
        assert (answer.status, answer.json["state"]) == (200, "withdrawn")
    assert len(await said(running, EnrolmentWithdrawn)) == 1
    nothing = await answer_all(running, [(first, None)], key=late, agent=agent)
    assert nothing.json["results"][0]["result"] == "already-decided"
    sent = (await send(running, home)).json
    assert (sent["id"], sent["state"]) == (first, "requested")
    again = await answer_all(running, [(first, None)], key=late, agent=agent)
    assert again.json == nothing.json
    assert (await enrolment(running, home, first))["state"] == "requested"
    await answer_all(running, [(first, "Hors secteur.")])
    third = (await send(running, home)).json
    assert third["number"] != sent["number"]
    await accept(running, first)
    decided = await running.call("POST", gone, token=home.token(running), json={})
    assert (decided.status, decided.json["code"]) == (409, "already-decided")
    twice = await send(running, home)
    assert (twice.status, twice.json["code"]) == (409, "already-enrolled")
    history = (await enrolment(running, home, first))["history"]
    assert [act["what"] for act in history] == [
        "requested", "withdrawn", "requested", "refused", "requested", "accepted",
    ]  # fmt: skip


async def test_taken_back_while_an_agent_accepts_only_one_counts(running: World) -> None:
    await say_town(running, enrolling_town(), version=2)
    for _ in range(5):
        home = await family(running)
        _id = await enrolled(running, home)
        gone = f"{API}/veyras/enrolments/{_id}/withdrawals"
        back, decision = await asyncio.gather(
            running.call("POST", gone, token=home.token(running), json={}),
            answer_all(running, [(_id, None)]),
        )
        state = (await enrolment(running, home, _id))["state"]
        result = decision.json["results"][0]["result"]
        assert (back.status, result, state) in {
            (200, "already-decided", "withdrawn"), (409, "accepted", "accepted"),
        }  # fmt: skip
    told = len(await said(running, EnrolmentAccepted)) + len(
        await said(running, EnrolmentWithdrawn)
    )
    assert told == 5


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"family": "f" * 32}, None),  # sent for another record of the child's
        ({"family": "f" * 32, "child": None}, "document-unknown"),
        ({"child": "d" * 32}, "document-unknown"),
        ({"document_type": "photo"}, "document-unknown"),
        ({"state": "refused"}, "document-not-valid"),
        ({"state": "expired"}, "document-not-valid"),
        ({"state": "withdrawn"}, "document-not-valid"),
        ({"state": "accepted", "valid_until": "2026-09-13"}, "document-not-valid"),
        ({"state": "accepted", "valid_until": "2026-09-14"}, None),
        ({"child": None, "guardian": "e" * 32}, None),
    ],
)
async def test_an_enrolment_takes_the_documents_that_count_for_the_child(
    running: World, changes: dict[str, Any], code: str | None
) -> None:
    await say_town(running, enrolling_town(group(**PAPERS)), version=2)
    home = await family(running)
    unknown = await send(running, home, enrolling(home, **GIVEN))
    assert (unknown.status, unknown.json["code"]) == (422, "document-unknown")
    assert unknown.json["field"].startswith("/documents/")
    await say_documents(running, home, **changes)
    answer = await send(running, home, enrolling(home, **GIVEN))
    assert answer.json.get("code") == code


PAPERS: dict[str, Any] = {
    "documents": [
        {"id": "assurance", "name": "Attestation d'assurance"},
        {"id": "vaccins", "name": "Carnet de vaccination"},
        {"id": "photo", "name": "Photo", "required": False},
    ],
    "downloads": [{"name": "Fiche sanitaire", "url": "https://veyras.example/fiche.pdf"}],
    "regulations": {"version": "2026-1", "text": "Article 1. …"},
}
GIVEN: dict[str, Any] = {
    "documents": {"assurance": ["a" * 32], "vaccins": ["b" * 32, "c" * 32]},
    "regulations": "2026-1",
}


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({}, None, None),
        ({"documents": {"assurance": ["a" * 32]}}, "documents-missing", "/documents"),
        ({"documents": GIVEN["documents"] | {"rib": ["a" * 32]}}, "invalid-input",
         "/documents/rib"),
        ({"documents": GIVEN["documents"] | {"photo": []}}, "invalid-input", "/documents/photo"),
        ({"regulations": None}, "regulations-not-accepted", "/regulations"),
        ({"regulations": "2025-1"}, "regulations-not-accepted", "/regulations"),
        ({"pattern": "weekly", "weekly": [
            {"activity": "cantine", "weekdays": ["monday"], "units": ["unit"]}]},
         "pattern-not-offered", "/pattern"),
        ({"pattern": "weekly"}, "invalid-input", ""),
        ({"group": "piscine"}, "invalid-input", "/group"),
        ({"price_cents": 0}, "invalid-input", "/price_cents"),
    ],
)  # fmt: skip
async def test_papers_and_regulations_are_asked_for(
    running: World, changes: dict[str, Any], code: str | None, field: str | None
) -> None:
    await say_town(running, enrolling_town(group(**PAPERS)), version=2)
    home = await family(running)
    await say_documents(running, home)
    answer = await send(running, home, enrolling(home, **(GIVEN | changes)))
    if code is not None:
        assert (answer.status, answer.json["code"]) == (422, code), answer.json
        assert (answer.json.get("field") or "") == field
        assert await running.store("booking").count("enrolments", {}) == 0
        return
    kept = await enrolment(running, home, answer.json["id"])
    assert kept["documents"] == {name: list(ids) for name, ids in GIVEN["documents"].items()}
    assert kept["document_states"] == dict.fromkeys((name * 32 for name in "abc"), "pending")
    assert kept["regulations"]["version"] == "2026-1"
    assert kept["regulations"]["accepted_at"] == kept["requested_at"]
    (event,) = await said(running, EnrolmentRequested)
    assert {one.asked: one.files for one in event.documents}["vaccins"] == ("b" * 32, "c" * 32)
    shown = (await groups_of(running, home))["cantine-2026"]
    assert [(one["name"], one["required"]) for one in shown["documents"]][2] == ("Photo", False)
    assert shown["downloads"][0]["url"].endswith("fiche.pdf")
    assert shown["enrolment"]["id"] == kept["id"]
    assert (shown["allowed"], shown["why_not"]["code"]) == (False, "already-asked")


async def test_a_group_may_decide_by_itself(running: World) -> None:
    await say_town(running, enrolling_town(group(decision="automatic")), version=2)
    home = await family(running)
    sent = (await send(running, home)).json
    assert sent["state"] == "accepted"
    assert [(act["what"], act["by"]) for act in sent["history"]] == [
        ("requested", "family"), ("accepted", "rule"),
    ]  # fmt: skip
    (receipt,), (accepted,) = (
        await said(running, EnrolmentRequested), await said(running, EnrolmentAccepted),
    )  # fmt: skip
    assert (receipt.state, accepted.receipted, accepted.decided_by) == ("accepted", True, "rule")
    assert (await ask(running, home, home.asks(DAY))).json["lines"][0]["state"] == "accepted"


async def test_a_group_that_is_not_compulsory_stops_no_booking(running: World) -> None:
    await say_town(running, enrolling_town(group(compulsory=False)), version=2)
    home = await family(running)
    assert await why_not(running, home) is None
    assert (await groups_of(running, home))["cantine-2026"]["allowed"]


async def test_groups_that_are_over_or_for_others_are_not_shown(running: World) -> None:
    past = group(id="passe", name="Passé", first="2025-09-01", last="2026-07-03",
                 windows=[{"opens": "2025-06-01T08:00", "closes": "2026-07-01T08:00"}])  # fmt: skip
    others = group(id="autre", name="Autre école", activities=["etude"])
    ormes = {"id": "ormes", "name": "École des Ormes"}
    file = enrolling_town(
        group(), past, others,
        schools=[{"id": "tilleuls", "name": "École des Tilleuls"}, ormes],
        activities=[
            activity("cantine", decision="automatic"),
            activity("etude", eligible={"schools": ["ormes"]}),
        ],
    )  # fmt: skip
    await say_town(running, file, version=2)
    home = await family(running)
    assert set(await groups_of(running, home)) == {"cantine-2026"}
    for name, code in (("passe", "enrolment-over"), ("autre", "not-eligible")):
        answer = await send(running, home, enrolling(home, group=name))
        assert (answer.status, answer.json["code"]) == (409, code)


async def test_an_agent_enrols_for_a_family_beyond_the_rules_with_a_reason(
    running: World,
) -> None:
    closed = [{"opens": "2026-06-01T08:00", "closes": "2026-06-30T23:59"}]
    await say_town(running, enrolling_town(group(windows=closed, **PAPERS)), version=2)
    home = await family(running)
    body = enrolling(home, regulations="2026-1")
    agent = running.token(roles=("childcare_office",))
    assert (await send(running, home, body, token=agent)).json["code"] == "outside-window"
    override = {"rules": ["deadline", "documents"], "reason": "Emménagement en septembre"}
    for token in (home.token(running), running.token(roles=("centre_director",))):
        refused = await send(running, home, body | {"override": override}, token=token)
        assert (refused.status, refused.json["code"]) == (403, "forbidden")
    sent = await send(running, home, body | {"override": override}, token=agent)
    assert (sent.status, sent.json["channel"]) == (201, "desk"), sent.json
    assert (sent.json["overridden"], sent.json["override"]) == (
        ["deadline", "documents"], "Emménagement en septembre",
    )  # fmt: skip
    (event,) = await said(running, EnrolmentRequested)
    assert (event.channel, event.overridden) == ("desk", ("deadline", "documents"))
    assert "Emménagement" not in event.model_dump_json()


async def test_without_enrolment_an_agent_may_book_with_a_reason(running: World) -> None:
    await say_town(running, enrolling_town(), version=2)
    home = await family(running)
    agent = running.token(roles=("childcare_office",))
    body = home.asks(DAY)
    assert (await try_ask(running, home, body, token=agent)).json["code"] == "nothing-bookable"
    override = {"rules": ["enrolment"], "reason": "Dépannage"}
    done = await try_ask(running, home, body | {"override": override}, token=agent)
    assert done.json["lines"][0]["overridden"] == ["enrolment"]
