"""A town of one activity, and questions to its rules."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from services.booking.domain.agenda import Row, agendas
from services.booking.domain.places import Shape
from services.booking.domain.planning import Offer
from services.booking.domain.rules.answers import Rulebook, may
from services.booking.domain.rules.facts import Facts
from services.booking.domain.rules.readings import Answer
from services.booking.planning_queries import entries_of, weeks_of
from services.booking.schemas import PlanningEntry
from shared.contracts.family import Participant
from shared.contracts.town_file import Action, TownFile
from shared.days import Days
from shared.holidays import FrenchHolidays
from tests.samples import activity, town_file

PARIS = ZoneInfo("Europe/Paris")
MONDAY_TEN = datetime(2026, 9, 14, 10, 0, tzinfo=PARIS)
Rule = dict[str, Any]


def rulebook(file: TownFile) -> Rulebook:
    """The rules of a file, with the real holidays."""
    return Rulebook.of(file, Days(file, FrenchHolidays()))


def rule(cutoff: Rule, number: int = 0, **changes: Any) -> Rule:
    """A rule without end of validity."""
    return {"id": f"rule-{number}", "valid_from": "2000-01-01", "source": "test",
            "cutoff": cutoff} | changes  # fmt: skip


def town(book: list[Rule], cancel: list[Rule] = [], **changes: Any) -> Rulebook:  # noqa: B006
    """The rules of a town whose only activity is ``cantine``; ``activity`` changes that."""
    about = {"deadlines": {"book": book, "cancel": cancel}} | changes.pop("activity", {})
    return rulebook(town_file(activities=[activity("cantine", **about)], **changes))


def ask(
    book: Rulebook, action: Action, day: date | str, now: datetime = MONDAY_TEN, **facts: Any
) -> Answer:
    """What the rules say of the canteen."""
    on = date.fromisoformat(day) if isinstance(day, str) else day
    return may(book, book.file.activities[0], action, on, now, Facts(**facts))


def entries(
    offer: Offer, child: Participant, first: date, last: date, *booked: Row
) -> list[PlanningEntry]:
    """The planning's entries, five places left everywhere; each is written as its model is."""
    about = offer.activity
    slots = weeks_of([offer], {about.id: Shape(about, 1)}).open_to(child, first, last)
    left = {(about.id, slot.day): {one.id: 5 for one in about.places} for slot in slots}
    known = agendas(booked, {child.id: child.id})[child.id]
    written = [
        orjson.dumps(one) for one in entries_of(child, slots, known, left, offer.standing, [offer])
    ]
    found = [PlanningEntry.model_validate_json(one) for one in written]
    assert [one.model_dump_json().encode() for one in found] == written
    return found
