"""A family whose every word is marked, its life from an account to a digest, and where the marks
are found."""

from __future__ import annotations

import asyncio
import importlib
import re
from datetime import UTC, datetime
from typing import Any

from deploy.demo.story import Portal
from deploy.local.mailbox import Mailbox
from services.family.commands.importing import import_families
from services.family.domain.household import family_id
from services.identity.commands.towns import load_town
from services.registry import BUILDS
from shared.contracts.town_file import TownFile
from shared.erasure import LegalHold, blanked
from shared.store import Document, connect
from shared.town_files import read_town_file
from tests.samples import arrived
from tests.world import World, eventually

MARK = "zqxmark"
EMAIL = f"{MARK}1@famille.example"
PASSWORD = "quatre chevaux verts"
TOWN = "veyras"
FAMILY = family_id(TOWN, "F-1")
_SHEET = "\n".join([
    "dossier;personne;rôle;nom;prénom;naissance;école;niveau;facturé;téléphone;"
    "courriel;adresse;code postal;ville;lien",
    f"F-1;1;titulaire;{MARK}nom;{MARK}prenom;;;;oui;0639980001;{EMAIL};1 rue {MARK};"
    f"07000;{MARK}ville;",
    f"F-1;2;co-titulaire;{MARK}autre;{MARK}second;;;;;0639980002;"
    f"{MARK}2@famille.example;2 rue {MARK};07000;{MARK}bourg;",
    f"F-1;3;enfant;{MARK}enfant;{MARK}petit;2018-03-04;ecole-des-chataigniers;CE2;;;;;;;",
    f"F-1;4;urgence;{MARK}tante;{MARK}marie;;;;;0639980003;;;;;{MARK}lien",
])  # fmt: skip


def marked_town() -> TownFile:
    """Veyras, which asks for documents, letters and enrolments too, and counts what is booked."""
    with open(f"deploy/demo/towns/{TOWN}.yaml", "rb") as stream:  # noqa: PTH123
        file = read_town_file(stream.read()).model_dump(mode="json")
    canteen, garderie = file["activities"][:2]
    counted = {"counter": "weeks", "to": 30}
    book = [rule | {"times": counted} for rule in garderie["deadlines"]["book"]]
    garderie["deadlines"]["book"] = book
    kept = {canteen["id"], garderie["id"]}
    return TownFile.model_validate(file | {
        "activities": [canteen, garderie],
        "tariffs": [one for one in file["tariffs"] if one["activity"] in kept],
        "counters": [{"id": "weeks", "name": "Semaines", "counts": "weeks_booked", "per": "child",
                      "window": "school_year"}],
        "documents": [
            {"id": "certificat", "name": "Certificat médical", "health": True},
            {"id": "domicile", "name": "Justificatif de domicile", "about": "family"},
        ],
        "letters": [
            {"id": "other", "label": "Autre demande"},
            {"id": "autre", "label": "Une précision", "document": "domicile",
             "fields": [{"id": "detail", "label": "Précision", "kind": "text"}]},
        ],
        "enrolments": [{
            "id": "garderie-2026", "name": "Garderie", "activities": ["garderie"],
            "first": "2026-09-01", "last": "2027-07-02", "compulsory": False,
            "windows": [{"opens": "2026-06-01T08:00", "closes": "2026-09-30T23:59"}],
            "patterns": ["weekly"], "decision": "agent", "source": "test",
        }],
    })  # fmt: skip


def held(service: str) -> tuple[LegalHold, ...]:
    """What a service keeps by law."""
    module = importlib.import_module(f"services.{service}.erasure")
    holds: tuple[LegalHold, ...] = module.HELD
    return holds


async def marked(running: World, *, but_for_holds: bool = True) -> set[str]:
    """``database.collection`` of every document in which the mark is found, or which holds what is
    sealed or a piece of a file: in a scenario where nobody else has any, that is the family's too.
    """
    client = connect(running.mongodb_url)
    found = set()
    try:
        for name in await client.list_database_names():
            if not name.startswith(f"{running.namespace}_"):
                continue
            service = name.removeprefix(f"{running.namespace}_")
            holds = held(service) if but_for_holds and service in BUILDS else ()
            for collection in await client[name].list_collection_names():
                async for document in client[name][collection].find({}):
                    kept = _without(document, collection, holds)
                    if MARK in _as_text(kept) or _has_sealed(kept) or collection == "files.chunks":
                        found.add(f"{service}.{collection}")
    finally:
        await client.close()
    return found


def _as_text(document: Document) -> str:
    """A document with the messages that it may hold as bytes, in small letters."""
    held_back = document.get("body")
    text = bytes(held_back).decode(errors="replace") if isinstance(held_back, bytes) else ""
    return (str(document) + text).lower()


def _has_sealed(value: Any) -> bool:
    if isinstance(value, dict):
        return set(value) == {"key", "box"} or any(_has_sealed(one) for one in value.values())
    return isinstance(value, list) and any(_has_sealed(one) for one in value)


def _without(document: Document, collection: str, holds: tuple[LegalHold, ...]) -> Document:
    fields = [path for one in holds if one.collection == collection for path in one.fields]
    return {**document, **blanked(document, fields)}


async def _joined(running: World, mailbox: Mailbox, administrator: Portal) -> Portal:
    """A guardian who has signed up with the key of the letter; everything typed is marked."""
    keys = await administrator.call("POST", "identity/family-keys", {"families": [FAMILY]})
    household = await administrator.call("GET", f"family/families/{FAMILY}")
    holder = next(one for one in household["guardians"] if one["role"] == "holder")
    found = keys["keys"]
    key = next(one["key"] for one in found if holder["id"] in one["guardians"])
    family = Portal(running.http, running.origin)
    account = {
        "identity": {"first_name": f"{MARK}prenom", "last_name": f"{MARK}nom"},
        "address": {"street": f"1 rue {MARK}", "complement": f"{MARK} bis", "postcode": "07000",
                    "city": f"{MARK}ville", "country": f"{MARK}pays"},
        "contact": {"email": EMAIL, "mobile": "06 39 98 00 01"},
        "credentials": {"login_name": f"{MARK}.login", "password": PASSWORD},
    }  # fmt: skip
    await family.call("POST", "identity/accounts", account)
    token = await activation_token(mailbox, EMAIL)
    await family.call("POST", "identity/activations", {"token": token})
    await family.log_in(f"{MARK}.login", PASSWORD)
    await family.call("POST", "identity/family-links", {"key": key})
    await family.log_in(f"{MARK}.login", PASSWORD)
    return family


async def activation_token(mailbox: Mailbox, email: str) -> str:
    """What the link of the mail to a new account holds."""
    mail = await arrived(mailbox, lambda one: email in one.to)
    token = re.search(r"token=(\S+)", mail.text or "")
    assert token
    return token[1]


async def lived(running: World, mailbox: Mailbox, administrator: Portal) -> Portal:
    """From an account to a digest, as the guardian who is given back; the other is invited and
    never answers."""
    await load_town(running.state("identity"), await asyncio.to_thread(marked_town))
    family_state = running.state("family")
    await eventually(lambda: family_state.towns.find(TOWN))
    report = await import_families(family_state, TOWN, _SHEET.encode())
    assert report.stored, report.problems

    async def known_to_identity() -> bool:
        return bool(await running.state("identity").store.families(TOWN, [FAMILY]))

    await eventually(known_to_identity)
    family = await _joined(running, mailbox, administrator)
    (household,) = (await family.call("GET", "family/household"))["households"]
    other = next(one for one in household["guardians"] if one["id"] != household["me"])
    invited = {"family": FAMILY, "guardian": other["id"], "email": f"{MARK}2@famille.example"}
    await administrator.call("POST", "identity/invitations", {"invited": [invited]})
    await arrived(mailbox, lambda one: "choisissez votre mot de passe" in one.subject)
    child = household["children"][0]["id"]
    asked: dict[str, Any] = {"child": child, "activity": "canteen", "units": ["meal"]}
    days = ("2026-09-21", "2026-09-24", "2026-09-28")
    body = {
        "family": FAMILY, "asked": [{**asked, "day": day} for day in days],
        "comment": f"{MARK} : il ne mange pas de poisson",
    }  # fmt: skip

    async def booked() -> Any:
        try:
            return await family.call("POST", "booking/requests", body)
        except RuntimeError:
            return None

    request = await eventually(booked, what="booking knows the family")
    letter = {"family": FAMILY, "category": "other", "text": f"{MARK} : une question"}
    await family.call("POST", "family/letters", letter)
    decisions = [
        {"request": request["id"], "line": line["line"],
         "outcome": "refused" if position == 2 else "accepted",
         "reason": f"{MARK} : sortie" if position == 2 else None}
        for position, line in enumerate(request["lines"])
    ]  # fmt: skip
    await administrator.call("POST", "booking/decisions", {"decisions": decisions})
    running.move_to(datetime(2026, 9, 14, 11, 1, 1, tzinfo=UTC))
    await arrived(mailbox, lambda mail: "réponses à vos demandes" in mail.subject)
    return family
