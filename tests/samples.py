"""Towns and families for tests, said as identity and family would say them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from deploy.local.mailbox import Mail, Mailbox
from shared.contracts.family import Child, ChildRights, FamilyChanged, Guardian
from shared.contracts.identity import AccountChanged, AccountFamily, TownChanged
from shared.contracts.town_file import TownFile
from shared.ids import new_id
from tests.world import Answer, World, eventually

API = "/api/booking/v1"


def activity(name: str, **changes: Any) -> dict[str, Any]:
    """An activity of one unit (``unit``) with a lax deadline: any day until its eve at 18:00."""
    cutoff = {"anchor": "day", "days_before": 1, "time": "18:00"}
    rule = {"id": "eve", "valid_from": "2020-01-01", "source": "test", "cutoff": cutoff}
    return {
        "id": name,
        "name": name.capitalize(),
        "site": "École des Tilleuls",
        "service": "other",
        "calendar": "school-days",
        "eligible": {"schools": ["tilleuls"]},
        "units": [{"id": "unit", "name": "Repas"}],
        "places": [{"id": "places", "units": ["unit"], "capacity": 50, "source": "test"}],
        "decision": "agent",
        "billing": "pay_in_arrears",
        "deadlines": {"book": [rule], "cancel": [rule]},
    } | changes


def places(capacity: int) -> list[dict[str, Any]]:
    """One counter over the sample activity's unit."""
    return [{"id": "places", "units": ["unit"], "capacity": capacity, "source": "test"}]


def town_file(**changes: Any) -> TownFile:
    """Veyras with a canteen decided by agents and an after-school care that decides by itself."""
    return TownFile.model_validate(
        {
            "town": "veyras",
            "name": "Veyras",
            "time_zone": "Europe/Paris",
            "contact": {
                "service": "Service enfance", "telephone": "04 75 00 00 00",
                "email": "enfance@veyras.example", "hours": "Du lundi au vendredi, 8 h 30 – 12 h",
            },
            "schools": [{"id": "tilleuls", "name": "École des Tilleuls"}],
            "calendars": [
                {"id": "school-days", "weekdays": ["monday", "tuesday", "thursday", "friday"],
                 "school_zone": "A"}
            ],
            "activities": [
                activity("cantine"), activity("garderie", decision="automatic"),
            ],
            "collection_office": {"code": "VEY", "label": "Régie enfance"},
        }
        | changes
    )  # fmt: skip


@dataclass
class Household:
    """A family with children, and its one linked adult."""

    town: str = "veyras"
    id: str = field(default_factory=new_id)
    account: str = field(default_factory=new_id)
    guardian: str = field(default_factory=new_id)
    children: tuple[str, ...] = field(default_factory=lambda: (new_id(), new_id()))
    email: str = ""
    first_names: tuple[str, ...] = ("Léa", "Noé", "Zoé")

    def __post_init__(self) -> None:
        self.email = self.email or f"{self.account}@famille.example"

    def card(self, others: tuple[Guardian, ...] = ()) -> FamilyChanged:
        """What family would say."""
        rights = tuple(ChildRights(child=c, see=True, decide=True, pay=True) for c in self.children)
        holder = Guardian(
            id=self.guardian, first_name="Anne", last_name="Martin", invoiced=True, rights=rights
        )
        return FamilyChanged(
            family=self.id,
            reference=self.id[:8],
            guardians=(holder, *others),
            children=tuple(
                Child(
                    id=child, first_name=name, last_name="Martin", birth_date=date(2018, 3, 4),
                    school="tilleuls", level="CE2",
                )
                for child, name in zip(self.children, self.first_names, strict=False)
            ),
        )  # fmt: skip

    def adult(self, **changes: Any) -> AccountChanged:
        """What identity would say of the linked adult."""
        link = AccountFamily(family=self.id, guardian=self.guardian)
        return AccountChanged(
            **{"account": self.account, "town": self.town, "email": self.email,
               "first_name": "Anne", "last_name": "Martin", "active": True, "families": (link,)}
            | changes
        )  # fmt: skip

    def token(self, world: World) -> str:
        """An access token of the linked adult."""
        return world.token(self.town, account=self.account, families={self.id: self.guardian})

    def asks(self, day: str, *, child: int = 0, activity: str = "cantine") -> dict[str, Any]:
        """The body of a request for one day."""
        return self.asks_all([{"day": day}], child=child, activity=activity)

    def asks_all(
        self, when: list[dict[str, Any]], *, child: int = 0, activity: str = "cantine"
    ) -> dict[str, Any]:
        """The body of a request for several days or periods."""
        common = {"child": self.children[child], "activity": activity, "units": ["unit"]}
        return {"family": self.id, "asked": [{**common, **one} for one in when]}


async def say_town(world: World, file: TownFile, version: int = 1) -> None:
    """Publish a town's file; return once every service that runs goes by it."""
    await world.say(TownChanged(version=version, file=file), f"towns/{file.town}", town=file.town)

    async def heard() -> bool:
        for running in world.runner.running:
            town = await running.service.state.towns.find(file.town)
            if town is None or town.version != version:
                return False
            if running.service.name == "notify":
                cut_offs = await running.parts.store.get("cut_offs", file.town)
                if cut_offs is None or cut_offs["heard"] != town.heard:
                    return False
        return True

    await eventually(heard, what="the town file is known everywhere")


async def say_household(world: World, household: Household) -> Household:
    """Publish a family and its adult; return once every service that runs has heard of both."""
    await world.say(household.card(), f"families/{household.id}", town=household.town)
    await world.say(household.adult(), f"accounts/{household.account}", town=household.town)
    copies = {"booking": "copy_families", "notify": "copy_families", "billing": "copy_families"}

    async def heard() -> bool:
        for running in world.runner.running:
            store, name = running.parts.store, running.service.name
            if name in copies and await store.get(copies[name], household.id) is None:
                return False
            contact = f"{household.town}/{household.account}"
            if name == "notify" and await store.get("contacts", contact) is None:
                return False
        return True

    await eventually(heard, what="the household is known everywhere")
    return household


async def family(world: World, **values: Any) -> Household:
    """A new household that every service that runs knows."""
    return await say_household(world, Household(**values))


async def ask(
    world: World, household: Household, body: Mapping[str, Any], key: str | None = None
) -> Answer:
    """POST a request as the family; it must succeed."""
    answer = await world.call(
        "POST", f"{API}/{household.town}/requests", token=household.token(world), json=dict(body),
        key=key,
    )  # fmt: skip
    assert answer.status == 201, answer.json
    return answer


async def decide(
    world: World, decisions: list[tuple[str, str, str | None]], *, town: str = "veyras",
    key: str | None = None, token: str | None = None,
) -> Answer:  # fmt: skip
    """POST decisions as an agent: (request, line, reason), where a reason means refused."""
    body = {
        "decisions": [
            {"request": request, "line": line, "outcome": "refused" if reason else "accepted",
             "reason": reason}
            for request, line, reason in decisions
        ]
    }  # fmt: skip
    token = token or world.token(town, roles=("childcare_office",))
    answer = await world.call("POST", f"{API}/{town}/decisions", token=token, json=body, key=key)
    assert answer.status == 200, answer.json
    return answer


async def arrived(mailbox: Mailbox, wanted: Callable[[Mail], bool], *, within: float = 20) -> Mail:
    """The first mail that is as wanted."""
    await mailbox.wait_for(lambda mails: any(wanted(mail) for mail in mails), within)
    return next(mail for mail in mailbox.messages if wanted(mail))
