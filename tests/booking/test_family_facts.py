"""What the town keeps of a family decides what its children may book: in the planning, the recap
and the request, as soon as it is known."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.family import FamilyChanged
from shared.contracts.town_file import TownFile
from tests.booking.helpers import planning, recap, try_ask
from tests.samples import Household, activity, say_household, say_town, town_file
from tests.world import World, eventually

DAY = "2026-09-18"
#: Residents book from ten days before, everybody from two days before.
OPENS = [
    {"id": "residents", "valid_from": "2020-01-01", "source": "test",
     "for": {"audiences": ["residents"]},
     "cutoff": {"anchor": "day", "days_before": 1, "time": "18:00"},
     "opens": {"anchor": "day", "days_before": 10, "time": "08:00"}},
    {"id": "others", "valid_from": "2020-01-01", "source": "test",
     "cutoff": {"anchor": "day", "days_before": 1, "time": "18:00"},
     "opens": {"anchor": "day", "days_before": 2, "time": "08:00"}},
]  # fmt: skip


def town() -> TownFile:
    residents = {"id": "residents", "name": "Habitants",
                 "any": [{"fact": "resident", "is": [True]},
                         {"fact": "works-in-town", "is": [True]}]}  # fmt: skip
    return town_file(
        audiences=[residents],
        activities=[
            activity("garderie", decision="automatic", deadlines={"book": OPENS, "cancel": OPENS}),
            activity("club", decision="automatic",
                     eligible={"schools": ["tilleuls"], "audiences": ["residents"]}),
        ],
    )  # fmt: skip


class Known(Household):
    """A household of which the town knows something."""

    facts: dict[str, Any]

    def card(self, others: Any = ()) -> FamilyChanged:
        return super().card(others).model_copy(update={"facts": self.facts})


def household(**facts: Any) -> Known:
    made = Known()
    made.facts = {name.replace("_", "-"): value for name, value in facts.items()}
    return made


@pytest.mark.parametrize(
    ("facts", "lets"),
    [({"resident": True}, True), ({"works_in_town": True}, True), ({"resident": False}, False),
     ({"zone": "north"}, False), ({}, False)],
)  # fmt: skip
async def test_rules_for_some_families_are_for_those(
    running: World, facts: dict[str, Any], lets: bool
) -> None:
    await say_town(running, town(), 2)
    family = await say_household(running, household(**facts))
    for name in ("garderie", "club"):
        body = family.asks(DAY, activity=name)
        seen = await recap(running, family, body)
        assert seen.status == 200, seen.json
        assert bool(seen.json["lines"]) == lets, (name, seen.json)
        asked = await try_ask(running, family, body)
        assert asked.status == (201 if lets else 409), (name, asked.json)
    entries = await planning(running, family, DAY, DAY, child=1)
    assert entries["garderie", DAY]["book"]["allowed"] == lets
    assert (("club", DAY) in entries and entries["club", DAY]["book"]["allowed"]) == lets


async def test_a_fact_that_the_town_learns_counts_from_then_on(running: World) -> None:
    await say_town(running, town(), 2)
    family = await say_household(running, household())
    assert (await try_ask(running, family, family.asks(DAY, activity="club"))).status == 409
    family.facts = {"resident": True}
    await running.say(family.card(), f"families/{family.id}")

    async def known() -> bool:
        card = await running.store("booking").get("copy_families", family.id)
        return card is not None and bool(card["facts"])

    await eventually(known)
    assert (await try_ask(running, family, family.asks(DAY, activity="club"))).status == 201
