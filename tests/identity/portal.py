"""What an adult and the town do with identity, in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.identity.commands.agents import create_active_account, create_agent
from services.identity.commands.base import Identity
from services.identity.commands.towns import load_town
from services.identity.domain.accounts import Person
from shared.contracts.family import Child, ChildRights, FamilyChanged, Guardian
from shared.events import Envelope
from shared.town_files import read_town_file
from tests.world import Answer, World, eventually

PASSWORD = "quatre chevaux verts"
TOWN_FILES = "deploy/demo/towns"
_API = "/api/identity/v1"


def sign_up_body(
    login: str = "camille.martin",
    *,
    email: str = "famille@example.org",
    password: str = PASSWORD,
    family_key: str | None = None,
) -> dict[str, Any]:
    """A complete sign-up."""
    body: dict[str, Any] = {
        "identity": {"first_name": "Camille", "last_name": "Martin"},
        "address": {"street": "2 rue de l'École", "postcode": "07000", "city": "Veyras"},
        "contact": {"email": email, "mobile": "06 39 98 00 01"},
        "credentials": {"login_name": login, "password": password},
    }
    return body | ({"family_key": family_key} if family_key else {})


@dataclass
class Portal:
    """A world with identity in it and its towns loaded."""

    world: World
    identity: Identity

    async def load(self, *towns: str) -> None:
        """Load the demo's town files."""
        for town in towns:
            with open(f"{TOWN_FILES}/{town}.yaml", "rb") as stream:  # noqa: ASYNC230, PTH123
                await load_town(self.identity, read_town_file(stream.read()))

    async def call(
        self, method: str, path: str, body: Any = None, *, town: str = "veyras", **how: Any
    ) -> Answer:
        """One request to identity."""
        return await self.world.call(method, f"{_API}/{town}{path}", json=body, **how)

    async def change_town_file(self, token: str, **fields: Any) -> Answer:
        """Put the town's file with other fields; it must succeed."""
        read = await self.call("GET", "/town-file", token=token)
        saved = await self.call(
            "PUT", "/town-file", read.json["file"] | fields, token=token,
            headers={"If-Match": read.headers["ETag"]},
        )  # fmt: skip
        assert saved.status == 200, saved.json
        return saved

    async def said(self, name: str, service: str = "notify") -> list[Envelope]:
        """Events of that name that wait for a service which is not running, in order."""
        return [one for one in await self.world.queued(service) if one.contract.name == name]

    async def mailed(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """The data of that many events of that name, once they are said."""

        async def enough() -> list[Envelope] | None:
            found = await self.said(name)
            return found if len(found) >= count else None

        found = await eventually(enough, what=f"{count} {name}")
        return [envelope.data for envelope in found]

    async def signed_up(self, login: str = "camille.martin", **fields: Any) -> str:
        """A new account; the token of its activation mail."""
        town = fields.pop("town", "veyras")
        made = await self.call("POST", "/accounts", sign_up_body(login, **fields), town=town)
        assert made.status == 201, made.json

        async def token() -> str | None:
            for envelope in await self.said("activation-requested"):
                if envelope.data["account"] == made.json["account"]:
                    return str(envelope.data["token"])
            return None

        return str(await eventually(token, what="activation mail"))

    async def activated(self, login: str = "camille.martin", **fields: Any) -> str:
        """An account that works; its id."""
        token = await self.signed_up(login, **fields)
        town = fields.get("town", "veyras")
        answer = await self.call("POST", "/activations", {"token": token}, town=town)
        assert answer.status == 200, answer.json
        return str(answer.json["account"])

    async def adult(self, login: str = "camille.martin", email: str = "famille@example.org") -> str:
        """An account that works, made without a mail; its id."""
        person = Person(first_name="Camille", last_name="Martin")
        return await create_active_account(self.identity, "veyras", login, email, person, PASSWORD)

    async def agent(self, *roles: Any, login: str = "agent.veyras", town: str = "veyras") -> str:
        """An agent's account; its id."""
        person = Person(first_name="Alix", last_name="Durand")
        account, _ = await create_agent(
            self.identity, town, login, f"{login}@{town}.example", person, roles, PASSWORD
        )
        return account

    async def logged_in(
        self, login: str = "camille.martin", password: str = PASSWORD, town: str = "veyras"
    ) -> dict[str, Any]:
        """A pair of tokens."""
        body = {"login_name": login, "password": password}
        answer = await self.call("POST", "/login-sessions", body, town=town)
        assert answer.status == 201, answer.json
        return dict(answer.json)

    async def family(self, family: str = "f1", *guardians: str, town: str = "veyras") -> None:
        """The family service says a family; identity has heard it."""
        adults = guardians or (f"{family}-g1", f"{family}-g2")
        await self.world.say(family_changed(family, *adults), f"families/{family}", town=town)

        async def heard() -> bool:
            kept = await self.identity.store.families(town, [family])
            return bool(kept) and [g["id"] for g in kept[0]["guardians"]] == list(adults)

        await eventually(heard, what="family heard")

    async def keys_for(self, *families: str, town: str = "veyras") -> dict[str, str]:
        """Issue keys; guardian -> key."""
        token = self.world.token(town, roles=("childcare_office",))
        body = {"families": list(families)}
        answer = await self.call("POST", "/family-keys", body, town=town, token=token)
        assert answer.status == 201, answer.json
        return {
            guardian: one["key"] for one in answer.json["keys"] for guardian in one["guardians"]
        }


def family_changed(family: str, *guardians: str) -> FamilyChanged:
    """A family of these guardians and one child."""
    rights = (ChildRights(child=f"{family}-c1", see=True, decide=True, pay=True),)
    return FamilyChanged.model_validate(
        {
            "family": family,
            "reference": family.upper(),
            "guardians": [
                Guardian(
                    id=guardian, first_name="Camille", last_name="Martin",
                    invoiced=number == 0, rights=rights,
                ).model_dump()
                for number, guardian in enumerate(guardians)
            ],
            "children": [
                Child.model_validate({
                    "id": f"{family}-c1", "first_name": "Sacha", "last_name": "Martin",
                    "birth_date": "2018-05-04", "school": "ecole-des-chataigniers",
                    "level": "CE2",
                }).model_dump()
            ],
        }
    )  # fmt: skip
