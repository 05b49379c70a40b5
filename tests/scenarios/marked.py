"""A family whose every word is marked, and its life from an account to a digest."""

from __future__ import annotations

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


def held(service: str) -> tuple[LegalHold, ...]:
    """What a service keeps by law."""
    module = importlib.import_module(f"services.{service}.erasure")
    holds: tuple[LegalHold, ...] = module.HELD
    return holds


async def marked(running: World, *, but_for_holds: bool = True) -> set[str]:
    """``database.collection`` of every document in which the mark is found."""
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
                    if MARK in str(_without(document, collection, holds)).lower():
                        found.add(f"{service}.{collection}")
    finally:
        await client.close()
    return found


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
    mail = await arrived(mailbox, lambda one: EMAIL in one.to)
    token = re.search(r"token=(\S+)", mail.text or "")
    assert token
    await family.call("POST", "identity/activations", {"token": token[1]})
    await family.log_in(f"{MARK}.login", PASSWORD)
    await family.call("POST", "identity/family-links", {"key": key})
    await family.log_in(f"{MARK}.login", PASSWORD)
    return family


async def lived(running: World, mailbox: Mailbox, administrator: Portal) -> Portal:
    """From an account to a digest, as the guardian who is given back; the other is invited and
    never answers."""
    with open(f"deploy/demo/towns/{TOWN}.yaml", "rb") as stream:  # noqa: ASYNC230, PTH123
        await load_town(running.state("identity"), read_town_file(stream.read()))
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
