"""Supporting documents over HTTP: asked, sent, decided, replaced, expired; who sees which."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from services.family.api.documents import ROUTES
from services.family.commands.documents import age
from services.family.service import build
from services.family.store.documents import states_of
from shared.contracts.family import (
    DocumentChanged,
    DocumentDecided,
    DocumentExpired,
    DocumentExpiring,
)
from shared.contracts.town_file import TownFile, Validity
from shared.events import Event
from shared.ids import new_id
from tests.family.files import BASE, image, pdf, send
from tests.family.homes import Home, home_in
from tests.samples import say_town, town_file
from tests.world import Answer, StartWorld, eventually

TYPES: list[dict[str, Any]] = [
    {"id": "assurance", "name": "Attestation d'assurance", "required": True,
     "activities": ["cantine"], "validity": {"school_year": True}},
    {"id": "pai", "name": "Projet d'accueil individualisé", "health": True},
    {"id": "domicile", "name": "Justificatif de domicile", "about": "family",
     "validity": {"months": 3}},
    {"id": "identite", "name": "Pièce d'identité", "about": "guardian",
     "decision": "automatic", "validity": {"until": "2026-12-31"}},
]  # fmt: skip


def asking_town() -> TownFile:
    group = {
        "id": "repas-2026", "name": "Cantine", "activities": ["cantine"],
        "first": "2026-09-01", "last": "2027-07-02",
        "windows": [{"opens": "2026-06-01T08:00", "closes": "2026-09-30T23:59"}],
        "documents": [{"id": "assurance", "name": "Assurance"},
                      {"id": "photo", "name": "Photo", "required": False}],
        "decision": "agent", "source": "test",
    }  # fmt: skip
    return town_file(documents=TYPES, enrolments=[group])


@pytest.fixture
async def home(start_world: StartWorld) -> AsyncIterator[Home]:
    async with start_world({"family": build}) as running:
        await say_town(running, asking_town())
        yield await home_in(running)


def office(home: Home) -> str:
    return home.running.token(account="b" * 32, roles=("childcare_office",))


async def submit(
    home: Home, kind: str = "assurance", *, token: str | None = None, key: str | None = None,
    files: list[str] | None = None, **about: Any,
) -> Answer:  # fmt: skip
    token = token or home.token()
    if files is None:
        files = [(await send(home.running, token, pdf())).json["file"]]
    if not about and kind in ("assurance", "pai", "photo"):
        about = {"child": home.zoe}
    body = {"family": home.family, "type": kind, "files": files, **about}
    return await home.running.call("POST", f"{BASE}/documents", token=token, json=body, key=key)


async def read(home: Home, path: str, token: str | None = None) -> Answer:
    return await home.running.call("GET", BASE + path, token=token or home.token())


async def decide(home: Home, *wishes: dict[str, Any], token: str | None = None) -> list[str]:
    answer = await home.running.call(
        "POST", f"{BASE}/document-decisions", token=token or office(home),
        json={"decisions": list(wishes)},
    )  # fmt: skip
    assert answer.status == 200, answer.json
    return [one["result"] for one in answer.json["results"]]


def wish(document: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    asked = {"document": document["document"], "version": document["versions"][-1]["version"]}
    return {**asked, "accept": reason is None, **({"reason": reason} if reason else {}), **more}


async def said(home: Home, contract: type[Event]) -> list[Any]:
    """The events of a type said so far, waiting for those that are not yet on the bus."""
    store = home.running.store("family")

    async def through() -> bool:
        return await store.count("documents", {"pending.0.id": {"$exists": True}}) == 0

    await eventually(through, what="the outbox is empty")
    service = "booking" if contract is DocumentChanged else "notify"
    return [
        contract.model_validate(one.data)
        for one in await home.running.queued(service)
        if one.type == contract.type
    ]


async def test_what_is_asked_is_listed_with_its_star_and_what_for(home: Home) -> None:
    sent = (await submit(home)).json
    listed = (await read(home, f"/documents?family={home.family}")).json
    asked = {one["type"]: one for one in listed["asked"]}
    assert list(asked) == ["assurance", "pai", "domicile", "identite", "photo"]
    assert asked["assurance"]["starred"] is True
    assert asked["assurance"]["activities"] == ["Cantine"]
    assert asked["assurance"]["enrolments"] == ["Cantine"]
    assert asked["assurance"]["documents"] == [sent["document"]]
    assert asked["photo"]["starred"] is False
    assert [one["state"] for one in listed["items"]] == ["pending"]
    assert listed["items"][0]["versions"][0]["files"][0]["name"] == "certificat.pdf"


async def test_what_goes_with_a_request_is_a_document_of_its_own_each_time(home: Home) -> None:
    """A certificate for one absence is neither a newer version of another's nor what the town asks
    for; nobody has to accept it by itself, and only who deals with health reads it."""
    first, second = [(await submit(home, "request-proof", child=home.zoe)).json for _ in range(2)]
    mine = (await submit(home, "adult-request-proof", guardian=home.holder)).json
    assert len({one["document"] for one in (first, second, mine)}) == 3
    assert {one["title"] for one in (first, mine)} == {"Justificatif d'une demande"}
    listed = (await read(home, f"/documents?family={home.family}")).json
    assert not {"request-proof", "adult-request-proof"} & {one["type"] for one in listed["asked"]}
    assert [len(one["versions"]) for one in listed["items"]] == [1, 1, 1]
    assert (await read(home, "/waiting-documents", office(home))).json["items"] == []
    assert (await read(home, f"/documents/{first['document']}", office(home))).status == 200
    others = home.running.token(account="c" * 32, roles=("administrator",))
    assert (await read(home, f"/documents/{first['document']}", others)).status == 404
    feed = (await read(home, f"/feed?family={home.family}")).json
    assert feed["items"] == [], "it has the card of its request, and none of its own"


def test_no_town_declares_what_goes_with_a_request() -> None:
    with pytest.raises(ValidationError, match="request-proof"):
        town_file(documents=[{"id": "request-proof", "name": "Justificatif"}])


async def test_sent_refused_sent_again_accepted_it_serves_everything(home: Home) -> None:
    first = (await submit(home)).json
    waiting = await read(home, "/waiting-documents", office(home))
    assert [one["document"] for one in waiting.json["items"]] == [first["document"]]
    assert await decide(home, wish(first, "Illisible.")) == ["refused"]
    assert (await read(home, "/waiting-documents", office(home))).json["items"] == []
    refused = (await read(home, f"/documents/{first['document']}")).json
    assert (refused["state"], refused["versions"][0]["reason"]) == ("refused", "Illisible.")
    assert refused["versions"][0]["agent"] is None, "families do not learn which agent"
    again = (await submit(home)).json
    assert again["document"] == first["document"], "one document for every use"
    assert await decide(home, wish(again)) == ["accepted"]
    accepted = (await read(home, f"/documents/{first['document']}")).json
    assert (accepted["state"], accepted["valid_until"]) == ("accepted", "2027-08-31")
    decisions = await said(home, DocumentDecided)
    assert [(one.accepted, one.reason) for one in decisions] == [
        (False, "Illisible."),
        (True, None),
    ]
    assert [one.title for one in decisions] == ["Attestation d'assurance"] * 2
    states = await said(home, DocumentChanged)
    assert [one.state for one in states] == ["pending", "refused", "pending", "accepted"]
    assert states[-1].valid_until == date(2027, 8, 31)
    stored = await home.running.store("family").get("documents", first["document"])
    assert stored is not None
    assert states_of(stored)[0] == states[-1], "said again, it is the same"


async def test_what_was_accepted_counts_until_its_replacement_is(home: Home) -> None:
    first = (await submit(home)).json
    await decide(home, wish(first))
    second = (await submit(home)).json
    assert (second["state"], [one["state"] for one in second["versions"]]) == (
        "accepted", ["accepted", "pending"],
    )  # fmt: skip
    await decide(home, wish(second, "Illisible."))
    assert (await read(home, f"/documents/{first['document']}")).json["state"] == "accepted"
    third = (await submit(home)).json
    await decide(home, wish(third, valid_until="2026-10-01"))
    after = (await read(home, f"/documents/{first['document']}")).json
    assert [one["state"] for one in after["versions"]] == ["replaced", "refused", "accepted"]
    assert after["valid_until"] == "2026-10-01", "the agent read it on the document"


async def test_sent_anew_before_anybody_looked_the_first_file_goes(home: Home) -> None:
    first = (await submit(home)).json
    second = (await submit(home)).json
    assert [one["state"] for one in second["versions"]] == ["replaced", "pending"]
    assert second["versions"][0]["files"] == []
    assert await decide(home, wish(first)) == ["already-decided"]
    assert await decide(home, wish(second)) == ["accepted"]
    assert await decide(home, wish(second)) == ["accepted"], "again, the same"
    assert await decide(home, wish(second, "Non.")) == ["already-decided"]


async def test_the_same_command_twice_at_once_sends_once(home: Home) -> None:
    files = [(await send(home.running, home.token(), pdf())).json["file"]]
    key = new_id()
    answers = await asyncio.gather(*(submit(home, files=files, key=key) for _ in range(4)))
    assert {answer.status for answer in answers} == {201}
    assert all(len(answer.json["versions"]) == 1 for answer in answers)
    assert len(await said(home, DocumentChanged)) == 1
    other = await submit(home, key=key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")


async def test_many_are_decided_at_once_and_two_agents_never_both(home: Home) -> None:
    sent = [
        (await submit(home)).json, (await submit(home, child=home.tom)).json,
        (await submit(home, "domicile")).json,
    ]  # fmt: skip
    other = home.running.token(account="c" * 32, roles=("administrator",))
    results = await asyncio.gather(
        decide(home, *(wish(one) for one in sent)),
        decide(home, *(wish(one, "Illisible.") for one in sent), token=other),
    )
    for pair in zip(*results, strict=True):
        assert sorted(pair) in (["accepted", "already-decided"], ["already-decided", "refused"])
    assert await decide(home, {"document": new_id(), "version": new_id(), "accept": True}) == [
        "not-found"
    ]
    assert len(await said(home, DocumentDecided)) == 3


async def test_taken_back_its_file_is_gone(home: Home) -> None:
    sent = (await submit(home)).json
    path = f"/documents/{sent['document']}/files/{sent['versions'][0]['files'][0]['file']}"
    assert (await read(home, path)).status == 200
    for _ in range(2):
        back = await home.running.call(
            "POST", f"{BASE}/documents/{sent['document']}/withdrawal", token=home.token(), json={}
        )
        assert (back.status, back.json["state"]) == (200, "withdrawn")
    assert (await read(home, path)).status == 404
    store = home.running.store("family")
    assert await store.count("files.chunks", {}) == 0
    assert await decide(home, wish(sent)) == ["already-decided"]


async def test_removed_by_the_town_nothing_is_left_but_that_it_was(home: Home) -> None:
    sent = (await submit(home)).json
    await decide(home, wish(sent))
    path = f"{BASE}/documents/{sent['document']}"
    assert (await home.running.call("DELETE", path, token=home.token())).status == 403
    for _ in range(2):
        assert (await home.running.call("DELETE", path, token=office(home))).status == 204
    assert (await read(home, f"/documents/{sent['document']}")).status == 404
    assert await home.running.store("family").count("files.files", {}) == 0
    assert (await said(home, DocumentChanged))[-1].state == "removed"
    assert (await submit(home)).json["state"] == "pending", "it may be sent again"


async def test_each_sees_and_opens_what_concerns_them(home: Home) -> None:
    zoe = (await submit(home)).json
    tom = (await submit(home, child=home.tom)).json
    domicile = (await submit(home, "domicile")).json
    mine = (await submit(home, "identite", guardian=home.holder)).json
    assert (mine["state"], mine["valid_until"]) == ("accepted", "2026-12-31"), "by the town's rule"
    listed = await read(home, f"/documents?family={home.family}", home.other_token())
    assert {one["document"] for one in listed.json["items"]} == {
        zoe["document"], domicile["document"],
    }  # fmt: skip

    async def opened(document: dict[str, Any], token: str) -> int:
        file = document["versions"][-1]["files"][0]["file"]
        return (await read(home, f"/documents/{document['document']}/files/{file}", token)).status

    assert await opened(zoe, home.other_token()) == 200
    assert await opened(tom, home.other_token()) == 404
    assert await opened(domicile, home.other_token()) == 404, "it shows the other's address"
    assert await opened(domicile, home.token()) == 200
    assert await opened(mine, home.other_token()) == 404
    for document in (zoe, tom, domicile, mine):
        assert await opened(document, office(home)) == 200
    file = zoe["versions"][0]["files"][0]["file"]
    crossed = f"/documents/{tom['document']}/files/{file}"
    assert (await read(home, crossed)).status == 404, "a file of another document"


async def test_health_is_for_those_who_deal_with_it(home: Home) -> None:
    pai = (await submit(home, "pai")).json
    path = f"/documents/{pai['document']}"
    clerk = home.running.token(roles=("billing_office",))
    admin = home.running.token(roles=("administrator",))
    for token in (clerk, admin):
        assert (await read(home, path, token)).status == 404
        listed = (await read(home, f"/documents?family={home.family}", token)).json
        assert "pai" not in [one["type"] for one in listed["asked"]]
        assert listed["items"] == []
    assert await decide(home, wish(pai), token=admin) == ["not-found"]
    assert (await read(home, "/waiting-documents", admin)).json["items"] == []
    assert await decide(home, wish(pai, "Il manque la signature.")) == ["refused"]
    (event,) = await said(home, DocumentDecided)
    assert (event.title, event.reason) == (None, None)
    file = pai["versions"][0]["files"][0]["file"]
    assert (await read(home, f"{path}/files/{file}", office(home))).status == 200
    assert (await read(home, f"{path}/files/{file}")).status == 200
    entries = await home.running.store("family").find("audit", {"what": "health_document"})
    assert [one["account"] for one in entries] == ["b" * 32, home.account]
    assert {(*one["families"], *one["children"]) for one in entries} == {(home.family, home.zoe)}


@pytest.mark.parametrize(
    ("kind", "about", "status"),
    [
        ("assurance", {"child": "tom"}, 403),
        ("assurance", {"guardian": "holder"}, 422),
        ("assurance", {"child": "d" * 32}, 404),
        ("identite", {"guardian": "holder"}, 403),
        ("identite", {"child": "zoe"}, 422),
        ("rib", {"child": "zoe"}, 422),
    ],
)
async def test_nobody_sends_for_whom_they_may_not(
    home: Home, kind: str, about: dict[str, str], status: int
) -> None:
    ids = {name: getattr(home, who, who) for name, who in about.items()}
    answer = await submit(home, kind, token=home.other_token(), **ids)
    expected = 404 if about == {"child": "tom"} else status
    assert answer.status == expected, answer.json
    assert await home.running.store("family").count("documents", {}) == 0


async def test_only_ones_own_fresh_files_are_taken(home: Home) -> None:
    theirs = (await send(home.running, home.other_token(), pdf())).json["file"]
    for files in ([theirs], [new_id()]):
        answer = await submit(home, files=files)
        assert (answer.status, answer.json["code"]) == (422, "file-unknown")
        assert answer.json["field"] == "/files/0"


async def test_a_document_is_told_once_to_be_near_its_end_then_expires(home: Home) -> None:
    sent = (await submit(home, "domicile")).json
    await decide(home, wish(sent))
    state = home.running.state("family")
    for day, expiring, expired in (
        (datetime(2026, 11, 13, 12, tzinfo=UTC), 0, 0),
        (datetime(2026, 11, 15, 12, tzinfo=UTC), 1, 0),
        (datetime(2026, 12, 14, 12, tzinfo=UTC), 1, 0),
        (datetime(2026, 12, 14, 23, 30, tzinfo=UTC), 1, 1),
        (datetime(2026, 12, 20, 12, tzinfo=UTC), 1, 1),
    ):
        home.running.move_to(day)
        await asyncio.gather(age(state), age(state))
        assert len(await said(home, DocumentExpiring)) == expiring, day
        assert len(await said(home, DocumentExpired)) == expired, day
    assert (await said(home, DocumentChanged))[-1].state == "expired"
    assert (await read(home, f"/documents/{sent['document']}")).json["state"] == "expired"


async def test_several_files_make_one_document(home: Home) -> None:
    token = home.token()
    files = [
        (await send(home.running, token, content)).json["file"]
        for content in (image(), image("PNG"))
    ]
    sent = (await submit(home, files=files)).json
    assert [one["media_type"] for one in sent["versions"][0]["files"]] == [
        "image/jpeg",
        "image/png",
    ]


async def test_no_route_answers_the_wrong_bearer(home: Home) -> None:
    sent = (await submit(home)).json
    file = sent["versions"][0]["files"][0]["file"]
    running = home.running
    wrong = {
        "no token": None,
        "another town": running.token("andancette", families={home.family: home.holder}),
        "another town's agent": running.token("andancette", roles=("administrator",)),
        "no family": running.token(),
        "another family": running.token(families={"f" * 32: home.holder}),
        "another role": running.token(roles=("canteen_staff",)),
    }
    for route in ROUTES:
        path = BASE + route.path.replace("{document}", sent["document"]).replace("{file}", file)
        if route.path == "/documents" and route.method == "GET":
            path += f"?family={home.family}"
        body = {
            "/documents": {"family": home.family, "type": "assurance", "child": home.zoe,
                           "files": [file]},
            "/document-decisions": {"decisions": [wish(sent)]},
        }.get(route.path, {})  # fmt: skip
        for who, token in wrong.items():
            answer = await running.call(
                route.method, path, token=token, json=body if route.method == "POST" else None
            )
            assert answer.status in (401, 403, 404), (route.path, who, answer.json)


@pytest.mark.parametrize(
    ("validity", "sent_on", "last"),
    [
        ({"months": 1}, date(2027, 1, 31), date(2027, 2, 28)),
        ({"months": 3}, date(2026, 9, 14), date(2026, 12, 14)),
        ({"months": 12}, date(2028, 2, 29), date(2029, 2, 28)),
        ({"school_year": True}, date(2026, 8, 31), date(2026, 8, 31)),
        ({"school_year": True}, date(2026, 9, 1), date(2027, 8, 31)),
        ({"until": "2026-12-31"}, date(2026, 9, 1), date(2026, 12, 31)),
    ],
)
def test_until_when_a_document_counts(validity: dict[str, Any], sent_on: date, last: date) -> None:
    assert Validity.model_validate(validity).last_day(sent_on) == last


@pytest.mark.parametrize("bad", [{}, {"months": 1, "school_year": True}, {"months": 0}])
def test_a_validity_says_one_thing(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Validity.model_validate(bad)


async def test_a_document_is_found_among_the_requests(home: Home) -> None:
    sent = (await submit(home)).json
    await decide(home, wish(sent, "Illisible."))

    async def refused() -> bool:
        answer = await read(home, "/feed")
        return [(one["request"], one["state"]) for one in answer.json["items"]] == [
            (sent["document"], "refused")
        ]

    await eventually(refused, what="the refusal is in the feed")


async def test_what_waits_of_a_type_that_the_town_has_no_more_is_not_lost(home: Home) -> None:
    sent = (await submit(home, "domicile")).json
    fewer = town_file(documents=[one for one in TYPES if one["id"] != "domicile"])
    await say_town(home.running, fewer, 2)
    for path in ("/waiting-documents", "/waiting-documents?type=domicile"):
        items = (await read(home, path, office(home))).json["items"]
        assert [one["document"] for one in items] == [sent["document"]]
        admin = home.running.token(roles=("administrator",))
        assert (await read(home, path, admin)).json["items"] == []
    assert (await read(home, "/waiting-documents?type=pai", office(home))).json["items"] == []


async def test_many_decisions_name_their_families_in_the_audit(home: Home) -> None:
    sent = (await submit(home)).json
    wish = {"document": sent["document"], "version": sent["versions"][-1]["version"],
            "accept": True}  # fmt: skip
    await decide(home, wish)
    (entry,) = await home.running.store("family").find(
        "audit", {"route": "/document-decisions"}
    )  # fmt: skip
    assert (entry["families"], entry["children"]) == ([home.family], [home.zoe])
