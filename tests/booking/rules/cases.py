"""Published rules of real towns, and the cases by which each is tested.

``towns/published.json`` holds the facts; ``towns/<slug>.yaml`` is a town's file, written in full;
``towns/<slug>.cases.yaml`` says for every published rule by which cases it is tested, which part
of Préau it belongs to, or why it cannot be expressed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from services.billing.domain.prices.facts import Facts
from services.booking.domain.rules.answers import Rulebook
from services.booking.trial_schemas import FactsIn
from shared.contracts.town_file import Action
from shared.town_files import read_town_file, read_yaml
from tests.booking.rules.helpers import rulebook

FOLDER = Path(__file__).parent / "towns"
Traits = dict[str, bool | int | str]


class Strict(BaseModel):
    """What is not declared is refused."""

    model_config = ConfigDict(extra="forbid")


class Question(Strict):
    """A question to the rules; ``now`` on the town's clock."""

    activity: str
    action: Action
    date: dt.date
    now: dt.datetime
    facts: FactsIn = FactsIn()


class Ask(Strict):
    """``expect``: a part of what ``preau rules explain`` prints. Instants are written on the
    town's clock; of a sentence, some words."""

    ask: Question
    expect: Annotated[dict[str, Any], Field(min_length=1)]


class UnitSets(Strict):
    """Sets of units on one day."""

    activity: str
    date: dt.date
    allowed: list[list[str]]
    refused: list[list[str]]


class Units(Strict):
    """What may be booked together, and what may not."""

    units: UnitSets


class ChosenTimes(Strict):
    """Pairs of a start and an end."""

    activity: str
    allowed: list[tuple[dt.time, dt.time]]
    refused: list[tuple[dt.time, dt.time]]


class Times(Strict):
    """Between which times a child may come."""

    times: ChosenTimes


class BookedDays(Strict):
    """Days booked in the week of ``date``."""

    activity: str
    date: dt.date
    allowed: list[list[dt.date]]
    refused: list[list[dt.date]]


class Week(Strict):
    """What a week may come to."""

    week: BookedDays


class Counted(Strict):
    """The places of a counter, and whom it counts."""

    activity: str
    counter: str
    date: dt.date
    capacity: int
    counts: list[Traits] = []
    ignores: list[Traits] = []


class Places(Strict):
    """How many places there are, for whom."""

    places: Counted


class Children(Strict):
    """Children by what is known of them."""

    activity: str
    date: dt.date
    yes: list[Traits]
    no: list[Traits]


class Eligible(Strict):
    """For whom an activity is."""

    eligible: Children


class FieldValue(Strict):
    """A field of an activity, by its dotted path (items of lists by their id)."""

    activity: str
    field: str
    value: Any


class Stated(Strict):
    """The file states what no function answers yet."""

    stated: FieldValue


class Change(Strict):
    """Other values of some fields of an activity; ``says``: words of the refusal."""

    activity: str
    change: Annotated[dict[str, Any], Field(min_length=1)]
    says: str


class Refused(Strict):
    """A rule that no town may set: its file would not be loaded."""

    refused: Change


class Purchase(Strict):
    """What a child of a family comes to: ``facts`` whole, or one line for each of ``dates``, of
    which ``line`` says more; ``family`` are facts of the family, ``child`` what is known of the
    child."""

    facts: Facts | None = None
    activity: str = ""
    units: list[str] = []
    date: dt.date | None = None
    dates: list[dt.date] = []
    quotient: Decimal | None = None
    family: Traits = {}
    child: dict[str, Any] = {}
    line: dict[str, Any] = {}

    def whole(self) -> Facts:
        """As the prices take it."""
        if self.facts is not None:
            return self.facts
        known = [] if self.quotient is None else [self.quotient]
        quotients = [{"value": value, "since": "2000-01-01"} for value in known]
        lines = [
            {"child": "child", "activity": self.activity, "units": self.units, "day": day,
             **self.line}
            for day in self.dates or filter(None, [self.date])
        ]  # fmt: skip
        return Facts.model_validate(
            {
                "family": {"quotients": quotients, "facts": self.family},
                "children": [{"id": "child", **self.child}],
                "lines": lines,
            }
        )


class Price(Strict):
    """``expect``: a part of what ``preau price explain`` prints."""

    price: Purchase
    expect: Annotated[dict[str, Any], Field(min_length=1)]


class ChangedFile(Strict):
    """A town's file with other parts (``file``), or other values of some fields of the items of its
    lists (``change``, by list and id); ``says``: each error, with its place."""

    file: dict[str, Any] = {}
    change: dict[str, dict[str, dict[str, Any]]] = {}
    says: Annotated[list[str], Field(min_length=1)]


class RefusedPrices(Strict):
    """Prices that no town may set."""

    refused_prices: ChangedFile


def _kind(case: Any) -> str | None:
    """Which kind a case is: the first of its keys that names one."""
    kinds = ("ask", "units", "times", "week", "places", "eligible", "stated", "refused", "price",
             "refused_prices")  # fmt: skip
    return next((kind for kind in kinds if isinstance(case, dict) and kind in case), None)


Case = Annotated[
    Annotated[Ask, Tag("ask")]
    | Annotated[Units, Tag("units")]
    | Annotated[Times, Tag("times")]
    | Annotated[Week, Tag("week")]
    | Annotated[Places, Tag("places")]
    | Annotated[Eligible, Tag("eligible")]
    | Annotated[Stated, Tag("stated")]
    | Annotated[Refused, Tag("refused")]
    | Annotated[Price, Tag("price")]
    | Annotated[RefusedPrices, Tag("refused_prices")],
    Discriminator(_kind),
]


class Elsewhere(Strict):
    """A rule that another part of Préau is about."""

    elsewhere: Annotated[str, Field(min_length=3)]


class NotExpressed(Strict):
    """A rule that cannot be expressed, and why."""

    not_expressed: Annotated[str, Field(min_length=10)]


Cases = Annotated[list[Case], Field(min_length=1)]


class TownCases(Strict):
    """What becomes of each published rule of a town, by its number (from 1)."""

    town: str
    rules: dict[int, Cases | Elsewhere | NotExpressed]


class PublishedRule(Strict):
    """A rule as a town published it."""

    category: str
    shape: str
    fact: str


class PublishedTown(Strict):
    """The rules of a town, in order."""

    town: str
    source_url: str
    rules: list[PublishedRule]


@lru_cache(maxsize=1)
def published() -> Mapping[str, PublishedTown]:
    """The published towns by name."""
    found = orjson.loads((FOLDER / "published.json").read_bytes())
    return {one["town"]: PublishedTown.model_validate(one) for one in found}


def slugs() -> list[str]:
    """The towns that have a file, or cases."""
    return sorted({path.name.partition(".")[0] for path in FOLDER.glob("*.yaml")})


@lru_cache(maxsize=100)
def cases_of(slug: str) -> TownCases:
    """The cases of a town."""
    return TownCases.model_validate(read_yaml((FOLDER / f"{slug}.cases.yaml").read_bytes()))


@lru_cache(maxsize=100)
def book_of(slug: str) -> Rulebook:
    """The rules of a town, from its file."""
    return rulebook(read_town_file((FOLDER / f"{slug}.yaml").read_bytes()))
