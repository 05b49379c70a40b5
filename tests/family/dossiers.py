"""A family with every kind of member, and how its dossier is asked, changed and decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.family.commands.importing import import_families
from services.family.domain.household import family_id, member_id
from services.family.service import state_of
from tests.family.test_spreadsheet import CHILD, CO_HOLDER, CONTACT, HEADER, HOLDER
from tests.world import Answer, World

BASE = "/api/family/v1/veyras"
FAMILY = family_id("veyras", "12")
#: The family's members by the number that the spreadsheet gives them.
HOLDER_ID, CO_HOLDER_ID, CHILD_ID, CONTACT_ID = (member_id(FAMILY, n) for n in "1234")
HIDDEN_ID = member_id(FAMILY, "5")
HIDDEN = CHILD.replace(";3;", ";5;").replace("Zoé", "Tom").replace(";voir;", ";aucun;")
FILE = HEADER + HOLDER + CO_HOLDER + CHILD.replace(";voir;", ";;") + HIDDEN + CONTACT

PERMISSION = {
    "id": "image-web", "label": "Site de la commune", "version": "2026",
    "text": "J'autorise la commune à publier des photos de mon enfant.",
}  # fmt: skip
RULES: dict[str, Any] = {
    "fields": [
        {"field": "guardian.phone", "validation": "automatic"},
        {"field": "guardian.email", "rule": "required"},
        {"field": "guardian.tax_shares", "rule": "hidden"},
        {"field": "child.level", "rule": "shown"},
    ],
    "facts": [
        {"id": "resident", "label": "Habite la commune"},
        {"id": "zone", "label": "Secteur", "values": ["north", "south"]},
    ],
    "permissions": [PERMISSION],
    "collector_age": 16,
}
CERTIFIED = {"certified": True, "version": "1"}


@dataclass
class Dossier:
    """The family of ``FILE``, seen and changed by one bearer after the other."""

    world: World
    family: str = FAMILY
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        token = self.world.token
        self.tokens = {
            "holder": token(families={self.family: HOLDER_ID}),
            "co_holder": token(families={self.family: CO_HOLDER_ID}),
            "office": token(roles=("childcare_office",)),
            "billing": token(roles=("billing_office",)),
            "reader": token(roles=("read_only",)),
        }

    async def call(self, who: str, method: str, path: str, json: Any = None, **more: Any) -> Answer:
        """One request below the town."""
        return await self.world.call(
            method, f"{BASE}{path}", token=self.tokens[who], json=json, **more
        )

    async def read(self, who: str) -> dict[str, Any]:
        """The dossier as somebody sees it."""
        answer = await self.call(who, "GET", f"/families/{self.family}/dossier")
        assert answer.status == 200, answer.json
        return dict(answer.json)

    async def field(self, who: str, member: str, name: str) -> dict[str, Any]:
        """One field as somebody sees it."""
        found = fields_of(await self.read(who), member)
        return dict(found[name])

    async def change(
        self, who: str, *changes: dict[str, Any], key: str | None = None, **more: Any
    ) -> Answer:
        """Send changes; the ``base`` of one that names none is what there is now."""
        dossier = await self.read(who)
        sent = []
        for one in changes:
            if one.get("act", "set") == "set" and "base" not in one:
                seen = fields_of(dossier, one["member"]).get(one["field"], {})
                one = {**one, "base": seen.get("revision", 0)}
            sent.append({"act": "set", **one})
        body = {"changes": sent, **more}
        return await self.call(who, "POST", f"/families/{self.family}/changes", body, key=key)

    async def sent(self, who: str, *changes: dict[str, Any], **more: Any) -> list[str]:
        """Send changes that are taken in; their ids."""
        answer = await self.change(who, *changes, **more)
        assert answer.status == 201, answer.json
        return [one["change"] for one in answer.json["changes"]]

    async def decide(
        self, who: str, *decisions: tuple[str, str | None], key: str | None = None
    ) -> Answer:
        """Accept changes, or refuse those that come with a reason."""
        body = {
            "decisions": [
                {"change": change, "outcome": "refused" if reason else "accepted",
                 "reason": reason}
                for change, reason in decisions
            ]
        }  # fmt: skip
        return await self.call(who, "POST", "/change-decisions", body, key=key)


def fields_of(dossier: dict[str, Any], member: str) -> dict[str, dict[str, Any]]:
    """A member's fields by name."""
    found = next(one for one in dossier["members"] if one["member"] == member)
    return {one["name"]: one for one in found["fields"]}


def put(member: str, name: str, value: Any, **more: Any) -> dict[str, Any]:
    """A field to change."""
    return {"member": member, "field": name, "value": value, **more}


async def load(world: World, text: str = FILE) -> None:
    """Import families."""
    report = await import_families(state_of(world.of("family").parts), "veyras", text.encode())
    assert report.stored, report.problems
