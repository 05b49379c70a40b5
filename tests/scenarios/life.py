"""What a marked family does besides booking: its dossier, documents, letters, enrolment, basket,
access; and what an agent does about it. Every word that anybody types is marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy.demo.story import Portal
from deploy.local.mailbox import Mailbox
from services.family.commands.importing import import_families
from services.family.domain.household import family_id, member_id
from tests.family.dossiers import fields_of
from tests.family.files import pdf, send
from tests.samples import arrived
from tests.scenarios.marked import EMAIL, FAMILY, MARK, PASSWORD, TOWN, activation_token
from tests.world import World, eventually

CERTIFIED = {"certified": True, "version": "1"}
IBAN = "FR7630006000011234567890189"
_CHILD, _HOLDER = member_id(FAMILY, "3"), member_id(FAMILY, "1")
#: A second record of the same holder with another child, which becomes part of the first.
SECOND = family_id(TOWN, "F-2")
_SECOND_SHEET = "\n".join([
    "dossier;personne;rôle;nom;prénom;naissance;école;niveau;facturé;courriel",
    f"F-2;1;titulaire;{MARK}nom;{MARK}prenom;;;;oui;{EMAIL}",
    f"F-2;3;enfant;{MARK}cadette;{MARK}menue;2020-05-06;ecole-des-chataigniers;CP;;",
])  # fmt: skip
_REGISTERED = {
    "guardian": {
        "first_name": f"{MARK}ines", "last_name": f"{MARK}tiers", "birth_date": "1990-01-02",
        "phone": "06 39 98 00 07", "email": f"{MARK}3@famille.example",
        "address": {"street": f"3 rue {MARK}", "postcode": "07000", "city": f"{MARK}ville"},
    },
    "children": [{
        "first_name": f"{MARK}lou", "last_name": f"{MARK}tiers", "birth_date": "2019-02-01",
        "school": "ecole-des-chataigniers", "allergies": f"{MARK} : lait",
        "health_certificate": CERTIFIED,
    }],
    "contacts": [{"kind": "emergency", "values": {
        "first_name": f"{MARK}mia", "last_name": f"{MARK}roy", "phone": "06 39 98 00 08",
    }}],
}  # fmt: skip


@dataclass
class Office:
    """The hands that act: the guardian, the town's agents, a second adult."""

    running: World
    mailbox: Mailbox
    administrator: Portal
    family: Portal
    certificate: str = ""

    def agent(self, *roles: str) -> Portal:
        """Another agent of the town."""
        return Portal(self.running.http, self.running.origin, self.running.token(TOWN, roles=roles))

    async def file(self, name: str) -> str:
        """A file that the guardian has sent; its id."""
        token = self.family.token
        base = f"/api/family/v1/{TOWN}"
        sent = await send(self.running, token, pdf(), f"{MARK}-{name}.pdf", base=base)
        assert sent.status == 201, sent.json
        return str(sent.json["file"])

    async def everything(self) -> str:
        """All of it; the id of the second family, built on line."""
        await self.dossier()
        await self.documents()
        await self.letters()
        await self.merged()
        await self.enrolment_and_basket()
        await self.access()
        return await self.registered()

    async def dossier(self) -> None:
        """Fields, health and bank data, a contact: accepted, refused, waiting, read, limited."""

        def put(member: str, field: str, value: Any) -> dict[str, Any]:
            return {"act": "set", "member": member, "field": field, "value": value, "base": 0}

        sent = await self.family.call(
            "POST", f"family/families/{FAMILY}/changes",
            {"changes": [
                put(_CHILD, "allergies", f"{MARK} : arachide"),
                put(_CHILD, "health_certificate", CERTIFIED),
                put(_HOLDER, "iban", IBAN),
                put(_HOLDER, "workplace", f"{MARK} et fils"),
                {"act": "add", "kind": "authorised_collector", "values": {
                    "first_name": f"{MARK}papi", "last_name": f"{MARK}nom",
                    "phone": "06 39 98 00 04", "relation": f"{MARK} grand-père", "adult": True}},
                put(_HOLDER, "birth_name", f"{MARK}naissance"),
            ]},
        )  # fmt: skip
        waiting = {one["field"]: one["change"] for one in sent["changes"]}
        await self._decide("childcare_office", waiting["allergies"])
        await self._decide("billing_office", waiting["iban"])
        await self._decide("childcare_office", waiting["workplace"], f"{MARK} : illisible")
        await self._decide("childcare_office", waiting[None])
        child = f"family/families/{FAMILY}/children/{_CHILD}"
        await self.agent("childcare_office").call("GET", f"{child}/health-sheet")
        dossier = await self.family.call("GET", f"family/families/{FAMILY}/dossier")
        seen = {name: one["revision"] for name, one in fields_of(dossier, _CHILD).items()}
        again = put(_CHILD, "allergies", f"{MARK} : et noisette") | {"base": seen["allergies"]}
        certified = put(_CHILD, "health_certificate", CERTIFIED)
        certified |= {"base": seen["health_certificate"]}
        await self.family.call(
            "POST", f"family/families/{FAMILY}/changes", {"changes": [again, certified]}
        )
        measure = {"protected": True, "reason": f"{MARK} : ordonnance"}
        other = member_id(FAMILY, "2")
        path = f"family/families/{FAMILY}/guardians/{other}/measures"
        await self.agent("childcare_office").call("PUT", path, measure)

    async def _decide(self, role: str, change: str, reason: str | None = None) -> None:
        outcome = "refused" if reason else "accepted"
        decision = {"change": change, "outcome": outcome, "reason": reason}
        done = await self.agent(role).call(
            "POST", "family/change-decisions", {"decisions": [decision]}
        )
        assert done["decided"][0]["state"] == outcome, done

    async def documents(self) -> None:
        """A medical certificate, refused with a reason, sent again."""
        about = {"family": FAMILY, "type": "certificat", "child": _CHILD}
        for _ in range(2):
            made = await self.family.call(
                "POST", "family/documents", about | {"files": [await self.file("certificat")]}
            )
            self.certificate = made["document"]
            version = made["versions"][-1]
            if version["state"] == "pending" and len(made["versions"]) == 1:
                refused = {"document": made["document"], "version": version["version"],
                           "accept": False, "reason": f"{MARK} : page coupée"}  # fmt: skip
                await self.agent("childcare_office").call(
                    "POST", "family/document-decisions", {"decisions": [refused]}
                )
        await self.file("oubliee")  # sent, and named by nothing

    async def letters(self) -> None:
        """A letter with a form and a file, answered, kept as a document."""
        file = await self.file("piece")
        letter = await self.family.call(
            "POST", "family/letters",
            {"family": FAMILY, "category": "autre", "text": f"{MARK} : voici",
             "fields": {"detail": f"{MARK} : précision"}, "files": [file]},
        )  # fmt: skip
        path = f"family/letters/{letter['letter']}"
        office = self.agent("childcare_office")
        await office.call("POST", f"{path}/messages", {"text": f"Bonjour {MARK}"})
        await office.call("POST", f"{path}/documents", {"file": file, "type": "domicile"})
        await self.family.call("POST", f"{path}/messages", {"text": f"{MARK} : merci"})

        async def in_the_feed() -> Any:
            found = (await self.family.call("GET", "family/feed"))["items"]
            return [one for one in found if "letter" in one["kinds"]] or None

        (card, *_) = await eventually(in_the_feed, what="the letter is in the feed")
        read = {"until": card["changed_at"]}
        await self.family.call("PUT", f"family/feed/{card['request']}/read", read)

    async def merged(self) -> None:
        """A second record becomes part of the family's."""
        state = self.running.state("family")
        report = await import_families(state, TOWN, _SECOND_SHEET.encode())
        assert report.stored, report.problems
        base = f"/api/family/v1/{TOWN}/families/{FAMILY}"
        token = self.agent("childcare_office").token
        seen = await self.running.call("GET", base, token=token)
        same = {"member": member_id(SECOND, "1"), "into": _HOLDER}
        done = await self.running.call(
            "POST", f"{base}/merges", token=token, json={"source": SECOND, "same": [same]},
            headers={"If-Match": seen.headers["ETag"]},
        )  # fmt: skip
        assert done.status == 201, done.json

    async def enrolment_and_basket(self) -> None:
        """An enrolment with a comment, refused; a request with a file, counted; a quote."""
        enrolled = await self.family.call(
            "POST", "booking/enrolments",
            {"family": FAMILY, "child": _CHILD, "group": "garderie-2026", "pattern": "weekly",
             "weekly": [{"activity": "garderie", "weekdays": ["thursday"],
                         "units": ["evening"]}],
             "comment": f"{MARK} : tous les jeudis"},
        )  # fmt: skip
        refused = {"enrolment": enrolled["id"], "outcome": "refused", "reason": f"{MARK} : complet"}
        await self.administrator.call(
            "POST", "booking/enrolment-decisions", {"decisions": [refused]}
        )
        asked = {"child": _CHILD, "activity": "garderie", "units": ["evening"]}
        body = {
            "family": FAMILY, "asked": [{**asked, "day": "2026-09-22"}],
            "comment": f"{MARK} : exceptionnel", "attachments": [self.certificate],
        }  # fmt: skip

        async def booked() -> Any:
            try:
                return await self.family.call("POST", "booking/requests", body)
            except RuntimeError:
                return None

        await eventually(booked, what="booking knows the document")
        line = {"child": _CHILD, "activity": "canteen", "date": "2026-09-22", "units": ["meal"]}
        await self.family.call("POST", "billing/quotes", {"family": FAMILY, "lines": [line]})

    async def access(self) -> None:
        """A new address that is not confirmed, a forgotten password, a second factor begun, a
        login name that is another."""
        change = {"new_email": f"{MARK}4@famille.example", "password": PASSWORD}
        await self.family.call("POST", "identity/email-changes", change)
        await arrived(self.mailbox, lambda one: f"{MARK}4@famille.example" in one.to)
        forgotten = {"login_or_email": f"{MARK}.login"}
        stranger = Portal(self.running.http, self.running.origin)
        await stranger.call("POST", "identity/password-resets", forgotten)
        await self.family.call("POST", "identity/second-factor", {"password": PASSWORD})
        body = {"draft": _REGISTERED, "version": 0}
        await self.family.call("PUT", "family/registration", body)

    async def registered(self) -> str:
        """Another adult signs up and builds a dossier on line, which the town accepts."""
        adult = Portal(self.running.http, self.running.origin)
        email = f"{MARK}3@famille.example"
        await adult.call(
            "POST", "identity/accounts",
            {"identity": {"first_name": f"{MARK}ines", "last_name": f"{MARK}tiers"},
             "address": {"street": f"3 rue {MARK}", "postcode": "07000", "city": f"{MARK}ville"},
             "contact": {"email": email},
             "credentials": {"login_name": f"{MARK}.tiers", "password": PASSWORD}},
        )  # fmt: skip
        token = await activation_token(self.mailbox, email)
        await adult.call("POST", "identity/activations", {"token": token})
        await adult.log_in(f"{MARK}.tiers", PASSWORD)
        kept = await adult.call("PUT", "family/registration", {"draft": _REGISTERED, "version": 0})
        await adult.call("PUT", "family/registration/sent")
        decided = await self.administrator.call(
            "PUT", f"family/registrations/{kept['registration']}/decision",
            {"outcome": "accepted"},
        )  # fmt: skip
        family = str(decided["family"])

        async def linked() -> bool:
            await adult.log_in(f"{MARK}.tiers", PASSWORD)
            me = await adult.call("GET", "identity/me")
            return [one["family"] for one in me["families"]] == [family]

        await eventually(linked, what="the new dossier is linked")
        return family
