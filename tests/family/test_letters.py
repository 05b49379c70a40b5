"""Letters to the town over HTTP: written, answered, read, settled; their attachments put to use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from services.family.api.letters import ROUTES
from services.family.commands.uploads import sweep
from services.family.service import build
from shared.contracts.family import LetterAnswered, LetterSent
from shared.contracts.town_file import TownFile
from shared.events import Event
from shared.ids import new_id
from tests.family.files import BASE, pdf, send
from tests.family.homes import Home, home_in
from tests.family.test_files import SOON
from tests.samples import say_town, town_file
from tests.world import Answer, StartWorld, eventually

LETTERS: list[dict[str, Any]] = [
    {"id": "absence", "label": "Justifier une absence", "attachment": "required",
     "absence_proof": True, "document": "certificat", "sensitive": True,
     "fields": [
         {"id": "enfant", "label": "Enfant", "kind": "child"},
         {"id": "jour", "label": "Jour", "kind": "date"},
         {"id": "motif", "label": "Motif", "kind": "choice", "choices": ["Maladie", "Autre"]},
         {"id": "sport", "label": "Dispense de sport", "kind": "yes_no", "required": False},
     ]},
    {"id": "facture", "label": "Une question sur ma facture", "role": "billing_office",
     "attachment": "none"},
    {"id": "autre", "label": "Autre demande",
     "fields": [{"id": "enfant", "label": "Enfant", "kind": "child", "required": False}]},
]  # fmt: skip


def writing_town() -> TownFile:
    types = [{"id": "certificat", "name": "Certificat médical", "health": True}]
    return town_file(letters=LETTERS, documents=types)


@pytest.fixture
async def home(start_world: StartWorld) -> AsyncIterator[Home]:
    async with start_world({"family": build}) as running:
        await say_town(running, writing_town())
        yield await home_in(running)


def office(home: Home, role: str = "childcare_office") -> str:
    return home.running.token(account="b" * 32, roles=(role,))


async def call(
    home: Home, method: str, path: str, token: str, body: Any = None, key: str | None = None
) -> Answer:
    return await home.running.call(method, BASE + path, token=token, json=body, key=key)


async def write(
    home: Home, *, token: str | None = None, key: str | None = None, **changes: Any
) -> Answer:
    body = {"family": home.family, "category": "autre", "text": "Bonjour, une question."} | changes
    return await call(home, "POST", "/letters", token or home.token(), body, key)


async def attached(home: Home, token: str | None = None) -> str:
    sent = await send(home.running, token or home.token(), pdf(), "certificat.pdf")
    return str(sent.json["file"])


def absence(home: Home, file: str, **changes: Any) -> dict[str, Any]:
    fields = {"enfant": home.zoe, "jour": "2026-09-14", "motif": "Maladie"}
    return {"category": "absence", "fields": fields | changes, "files": [file]}


async def said(home: Home, contract: type[Event]) -> list[Any]:
    store = home.running.store("family")

    async def through() -> bool:
        return await store.count("letters", {"pending.0.id": {"$exists": True}}) == 0

    await eventually(through, what="the outbox is empty")
    return [
        contract.model_validate(one.data)
        for one in await home.running.queued("notify")
        if one.type == contract.type
    ]


async def listed(home: Home, token: str, query: str = "") -> list[dict[str, Any]]:
    answer = await call(home, "GET", f"/letters{query}", token)
    assert answer.status == 200, answer.json
    items: list[dict[str, Any]] = answer.json["items"]
    return items


async def test_a_thread_from_the_first_word_to_the_last(home: Home) -> None:
    sent = await write(home, fields={"enfant": home.zoe})
    assert (sent.status, sent.json["state"], sent.json["subject"]) == (201, "new", "Autre demande")
    assert sent.json["child"] == home.zoe
    path = f"/letters/{sent.json['letter']}"
    (line,) = await listed(home, office(home), "?unread=true")
    assert (line["letter"], line["unread"]) == (sent.json["letter"], True)
    await call(home, "POST", f"{path}/reading", office(home), {})
    assert await listed(home, office(home), "?unread=true") == []
    taken = await call(home, "POST", f"{path}/state", office(home), {"state": "in_progress"})
    assert taken.json["state"] == "in_progress"
    answer = await call(home, "POST", f"{path}/messages", office(home), {"text": "Voici."})
    assert (answer.status, answer.json["state"]) == (201, "answered")
    (mine,) = await listed(home, home.token())
    assert (mine["unread"], mine["messages"], mine["state"]) == (True, 2, "answered")
    read = await call(home, "POST", f"{path}/reading", home.token(), {})
    assert read.json["unread"] is False
    assert [one["agent"] for one in read.json["thread"]] == [None, None]
    again = await call(home, "POST", f"{path}/messages", home.token(), {"text": "Merci."})
    assert (again.json["state"], again.json["unread"]) == ("in_progress", False)
    (line,) = await listed(home, office(home))
    assert line["unread"] is True
    closed = await call(home, "POST", f"{path}/state", office(home), {"state": "closed"})
    assert closed.json["state"] == "closed"
    late = await call(home, "POST", f"{path}/messages", home.token(), {"text": "Encore."})
    assert (late.status, late.json["code"]) == (409, "letter-closed")
    (begun,) = await said(home, LetterSent)
    assert (begun.subject, begun.child, begun.account) == ("Autre demande", home.zoe, home.account)
    (told,) = await said(home, LetterAnswered)
    assert told.account == home.account
    for event in (begun, told):
        assert "question" not in event.model_dump_json()
        assert "Voici" not in event.model_dump_json()


async def test_a_form_is_checked_field_by_field(home: Home) -> None:
    file = await attached(home)
    good = absence(home, file)
    for changes, code, field in (
        ({"fields": good["fields"] | {"jour": "demain"}}, "invalid-input", "/fields/jour"),
        ({"fields": good["fields"] | {"motif": "Sieste"}}, "invalid-input", "/fields/motif"),
        ({"fields": good["fields"] | {"enfant": new_id()}}, "invalid-input", "/fields/enfant"),
        ({"fields": good["fields"] | {"sport": "oui"}}, "invalid-input", "/fields/sport"),
        ({"fields": good["fields"] | {"motif": ""}}, "invalid-input", "/fields/motif"),
        ({"fields": good["fields"] | {"age": "3"}}, "invalid-input", "/fields/age"),
        ({"fields": {}}, "invalid-input", "/fields/enfant"),
        ({"files": []}, "attachment-missing", "/files"),
        ({"files": [new_id()]}, "file-unknown", "/files/0"),
        ({"category": "piscine"}, "category-unknown", "/category"),
        ({"category": "facture", "fields": {}}, "attachment-not-asked", "/files"),
    ):
        answer = await write(home, **(good | changes))
        assert (answer.status, answer.json["code"], answer.json["field"]) == (422, code, field)
    assert await home.running.store("family").count("letters", {}) == 0
    sent = await write(home, **absence(home, file, sport=True))
    assert sent.status == 201, sent.json
    assert sent.json["fields"]["sport"] is True
    (event,) = await said(home, LetterSent)
    assert event.subject is None, "its name would say something of health"


async def test_a_hidden_child_cannot_be_written_about(home: Home) -> None:
    answer = await write(home, token=home.other_token(), fields={"enfant": home.tom})
    assert answer.json["field"] == "/fields/enfant"


async def test_a_letter_is_its_writers_unless_shared_about_a_child_both_see(home: Home) -> None:
    private = (await write(home, fields={"enfant": home.zoe})).json["letter"]
    about_tom = (await write(home, fields={"enfant": home.tom}, shared=True)).json["letter"]
    about_none = (await write(home, shared=True)).json
    shared = (await write(home, fields={"enfant": home.zoe}, shared=True)).json["letter"]
    assert about_none["shared"] is False, "about no child, it is shared with nobody"
    seen = [one["letter"] for one in await listed(home, home.other_token())]
    assert seen == [shared]
    for letter in (private, about_tom, about_none["letter"]):
        path = f"/letters/{letter}"
        assert (await call(home, "GET", path, home.other_token())).status == 404
        message = {"text": "Moi aussi."}
        answer = await call(home, "POST", f"{path}/messages", home.other_token(), message)
        assert answer.status == 404
    assert len(await listed(home, home.token())) == 4


async def test_agents_answer_the_categories_of_their_role(home: Home) -> None:
    bill = (await write(home, category="facture")).json["letter"]
    other = (await write(home)).json["letter"]
    assert [one["letter"] for one in await listed(home, office(home, "billing_office"))] == [bill]
    assert [one["letter"] for one in await listed(home, office(home))] == [other]
    everything = await listed(home, office(home, "administrator"))
    assert {one["letter"] for one in everything} == {bill, other}
    path = f"/letters/{bill}"
    for body, where in (({"text": "Non."}, "/messages"), ({"state": "closed"}, "/state")):
        assert (await call(home, "POST", path + where, office(home), body)).status == 404
    assert (await listed(home, office(home, "administrator"), f"?family={new_id()}")) == []


async def test_letters_are_listed_newest_first_page_by_page(home: Home) -> None:
    sent = [(await write(home, text=f"Question {n}")).json["letter"] for n in range(5)]
    await call(home, "POST", f"/letters/{sent[1]}/messages", home.token(), {"text": "Alors ?"})
    seen: list[str] = []
    after = ""
    while True:
        page = (await call(home, "GET", f"/letters?limit=2{after}", home.token())).json
        seen += [one["letter"] for one in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert sorted(seen) == sorted(sent)
    assert len(seen) == 5


async def test_a_parent_of_two_households_sees_the_letters_of_one(home: Home) -> None:
    second = await home_in(home.running, "13")
    both = home.running.token(
        account=home.account, families={home.family: home.holder, second.family: second.holder}
    )
    first = (await write(home, token=both)).json["letter"]
    other = (await write(home, token=both, family=second.family)).json["letter"]
    for query, letters in (
        (f"?family={home.family}", {first}),
        (f"?family={second.family}", {other}),
        ("", {first, other}),
    ):
        assert {one["letter"] for one in await listed(home, both, query)} == letters
    stranger = await call(home, "GET", f"/letters?family={second.family}", home.token())
    assert stranger.status == 404, "the holder's own token knows one family only"


async def test_sent_twice_at_once_it_is_one_letter_and_one_message(home: Home) -> None:
    key = new_id()
    first = await asyncio.gather(*(write(home, key=key) for _ in range(4)))
    assert len({answer.json["letter"] for answer in first}) == 1
    reused = await write(home, key=key, text="Autre chose.")
    assert (reused.status, reused.json["code"]) == (422, "idempotency-key-reused")
    path = f"/letters/{first[0].json['letter']}/messages"
    answers = await asyncio.gather(
        *(call(home, "POST", path, home.token(), {"text": "Alors ?"}, key) for _ in range(4)),
        *(call(home, "POST", path, office(home), {"text": f"Réponse {n}"}) for n in range(4)),
    )
    assert {answer.status for answer in answers} == {201}
    letter = (await call(home, "GET", f"/letters/{first[0].json['letter']}", home.token())).json
    assert letter["messages"] == 6, "nothing written at once is lost, nothing is there twice"
    assert len(await said(home, LetterSent)) == 1
    assert len(await said(home, LetterAnswered)) == 4


async def test_an_attachment_becomes_a_document_without_being_sent_again(home: Home) -> None:
    file = await attached(home)
    letter = (await write(home, **absence(home, file))).json["letter"]
    path = f"/letters/{letter}/documents"
    body = {"file": file, "type": "certificat", "child": home.zoe}
    assert (await call(home, "POST", path, home.token(), body)).status == 403
    admin = office(home, "administrator")
    assert (await call(home, "POST", path, admin, body)).status == 403, "it is about health"
    kept = await call(home, "POST", path, office(home), body)
    assert (kept.status, kept.json["state"]) == (201, "pending"), kept.json
    assert kept.json["versions"][0]["files"][0]["file"] == file
    wrong = await call(home, "POST", path, office(home), body | {"file": new_id()})
    assert wrong.status == 404
    await sweep(home.running.state("family"), SOON)
    for where in (f"/letters/{letter}", f"/documents/{kept.json['document']}"):
        opened = await call(home, "GET", f"{where}/files/{file}", home.token())
        assert opened.status == 200, "named, it stays"
        other = await call(home, "GET", f"{where}/files/{file}", home.other_token())
        assert other.status == (404 if "letters" in where else 200)
    await call(home, "POST", f"/documents/{kept.json['document']}/withdrawal", home.token(), {})
    opened = await call(home, "GET", f"/letters/{letter}/files/{file}", home.token())
    assert opened.status == 200, "the letter still names it"


async def test_no_route_answers_the_wrong_bearer(home: Home) -> None:
    file = await attached(home)
    letter = (await write(home, **absence(home, file))).json["letter"]
    running = home.running
    wrong = {
        "no token": None,
        "another town": running.token("andancette", families={home.family: home.holder}),
        "another town's agent": running.token("andancette", roles=("administrator",)),
        "no family": running.token(),
        "another family": running.token(families={"f" * 32: home.holder}),
        "another role": running.token(roles=("canteen_staff",)),
    }
    bodies: dict[str, Any] = {
        "/letters": {"family": home.family, "category": "autre", "text": "x"},
        "/letters/{letter}/messages": {"text": "x"},
        "/letters/{letter}/state": {"state": "closed"},
        "/letters/{letter}/documents": {"file": file, "type": "certificat", "child": home.zoe},
    }
    for route in ROUTES:
        path = BASE + route.path.replace("{letter}", letter).replace("{file}", file)
        body = bodies.get(route.path, {}) if route.method == "POST" else None
        for who, token in wrong.items():
            answer = await running.call(route.method, path, token=token, json=body)
            if route.path == "/letter-categories" and who in (
                "no family", "another family", "another role",
            ):  # fmt: skip
                assert answer.status == 200, "any account of the town may look"
            elif route.path == "/letters" and route.method == "GET" and who == "another family":
                assert answer.json["items"] == []
            else:
                assert answer.status in (401, 403, 404), (route.path, who, answer.json)


def test_a_town_that_declares_none_has_the_usual_categories() -> None:
    labels = [one.label for one in town_file().letter_categories()]
    assert labels == [
        "Envoyer un RIB", "Justifier une absence", "Modifier le dossier médical d'un enfant",
        "Demander le prélèvement automatique", "Autre demande",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        {"fields": [{"id": "a", "label": "A", "kind": "choice"}]},
        {"fields": [{"id": "a", "label": "A", "kind": "text", "choices": ["x"]}]},
        {"attachment": "none", "absence_proof": True},
        {"document": "inconnu"},
        {"fields": [{"id": "a", "label": "A", "kind": "text"}] * 2},
    ],
)
def test_a_category_that_contradicts_itself_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        town_file(letters=[{"id": "autre", "label": "Autre"} | bad])


async def test_a_letter_is_found_among_the_requests_of_those_who_may_read_it(home: Home) -> None:
    private = (await write(home, fields={"enfant": home.zoe})).json["letter"]
    shared = (await write(home, fields={"enfant": home.zoe}, shared=True)).json["letter"]
    path = f"/letters/{private}/messages"
    await call(home, "POST", path, office(home), {"text": "Voici la réponse."})

    async def feed(token: str) -> dict[str, Any]:
        answer = await call(home, "GET", "/feed", token)
        return {one["request"]: one for one in answer.json["items"]}

    async def answered() -> bool:
        found = await feed(home.token())
        return found.keys() == {private, shared} and found[private]["state"] == "answered"

    await eventually(answered, what="both letters are in the feed")
    assert (await feed(home.token()))[private]["kinds"] == ["letter"]
    assert set(await feed(home.other_token())) == {shared}
    entry = await call(home, "GET", f"/feed/{private}", home.token())
    assert "Voici" not in str(entry.json)


async def test_a_letter_of_a_category_that_the_town_has_no_more_is_not_lost(home: Home) -> None:
    letter = (await write(home)).json["letter"]
    fewer = town_file(letters=LETTERS[:2], documents=[
        {"id": "certificat", "name": "Certificat médical", "health": True}
    ])  # fmt: skip
    await say_town(home.running, fewer, 2)
    admin = office(home, "administrator")
    assert [one["letter"] for one in await listed(home, admin)] == [letter]
    assert [one["letter"] for one in await listed(home, admin, "?category=autre")] == [letter]
    assert await listed(home, admin, "?category=facture") == []
    assert await listed(home, office(home)) == []
