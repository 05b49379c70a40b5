"""Real towns' published rules: each town's file gives the answers that its text gives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import singledispatch
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from services.billing.domain.prices.book import PriceBook
from services.billing.trying import explained as priced
from services.billing.trying import unknown_names
from services.booking.domain.rules.answers import Rulebook
from services.booking.domain.rules.choices import unit_of_times, wrong_units, wrong_week
from services.booking.domain.rules.facts import eligible, in_group
from services.booking.trying import explained
from shared.contracts.town_file import Activity, TownFile, Unit
from shared.town_files import BadTownFile, read_town_file
from tests.booking.rules import coverage
from tests.booking.rules.cases import (
    FOLDER,
    Ask,
    Case,
    Eligible,
    Elsewhere,
    Places,
    Price,
    Refused,
    RefusedPrices,
    Stated,
    Times,
    TownCases,
    Units,
    Week,
    book_of,
    cases_of,
    published,
    slugs,
)

#: What may be left to other parts of Préau though its category is one of booking's own.
_LATER = {
    "capacity_waitlist_priority": {"waiting list", "allocation"},
    "opening_calendar": {"waiting list", "allocation"},
}
_WORDS = ("explanation", "warning", "source")


def _every_case() -> Iterator[Any]:
    """Every case of every town; a town whose files cannot be read fails by another test."""
    for slug in slugs():
        try:
            book_of(slug)
            rules = cases_of(slug).rules
        except (BadTownFile, ValidationError, OSError):
            continue
        for number, cases in sorted(rules.items()):
            for position, case in enumerate(cases if isinstance(cases, list) else (), 1):
                yield pytest.param(slug, case, id=f"{slug}-{number}-{position}")


@pytest.mark.parametrize(("slug", "case"), list(_every_case()))
def test_case(slug: str, case: Case) -> None:
    check(case, book_of(slug))


@singledispatch
def check(case: Any, book: Rulebook) -> None:
    """Whether a town's rules give the answer that a case asks for."""
    raise TypeError(f"no such case: {case!r} of {book.file.name}")


@check.register
def _ask(case: Ask, book: Rulebook) -> None:
    asked = case.ask
    now = asked.now.replace(tzinfo=book.zone)
    activity = _activity(book, asked.activity)
    assert set(asked.facts.units) <= {unit.id for unit in activity.units}
    answer = explained(book, activity, asked.action, asked.date, now, asked.facts)
    found = _picked(answer, case.expect)
    wanted = {name: _wanted(name, value, found[name]) for name, value in case.expect.items()}
    assert found == wanted, answer["explanation"]


@check.register
def _units(case: Units, book: Rulebook) -> None:
    given = case.units
    activity = _activity(book, given.activity)
    known = {unit.id for unit in activity.units}
    assert {unit for chosen in (*given.allowed, *given.refused) for unit in chosen} <= known
    for chosen in given.allowed:
        assert wrong_units(activity, given.date, set(chosen)) is None, chosen
    for chosen in given.refused:
        assert wrong_units(activity, given.date, set(chosen)) is not None, chosen


@check.register
def _times(case: Times, book: Rulebook) -> None:
    given = case.times
    activity = _activity(book, given.activity)
    for starts, ends in given.allowed:
        assert isinstance(unit_of_times(activity, starts, ends), Unit), (starts, ends)
    for starts, ends in given.refused:
        assert not isinstance(unit_of_times(activity, starts, ends), Unit), (starts, ends)


@check.register
def _week(case: Week, book: Rulebook) -> None:
    given = case.week
    activity = _activity(book, given.activity)
    for days in given.allowed:
        assert wrong_week(activity, given.date, days, book.days, None) is None, days
    for days in given.refused:
        assert wrong_week(activity, given.date, days, book.days, None) is not None, days


@check.register
def _places(case: Places, book: Rulebook) -> None:
    given = case.places
    counters = {one.id: one for one in _activity(book, given.activity).places}
    counter = counters[given.counter]
    assert counter.places_on(given.date) == given.capacity
    for child in given.counts:
        assert in_group(counter.group, child), child
    for child in given.ignores:
        assert not in_group(counter.group, child), child


@check.register
def _eligible(case: Eligible, book: Rulebook) -> None:
    given = case.eligible
    wanted = _activity(book, given.activity).eligible
    for child in given.yes:
        assert eligible(wanted, child, book.audiences), child
    for child in given.no:
        assert not eligible(wanted, child, book.audiences), child


@check.register
def _stated(case: Stated, book: Rulebook) -> None:
    given = case.stated
    assert _field(_activity(book, given.activity), given.field) == given.value


@check.register
def _refused(case: Refused, book: Rulebook) -> None:
    given = case.refused
    assert _activity(book, given.activity)
    file = book.file.model_dump(mode="json", exclude_unset=True)
    changed = [
        one | given.change if one["id"] == given.activity else one for one in file["activities"]
    ]
    TownFile.model_validate(file)
    with pytest.raises(ValidationError, match=re.escape(given.says)):
        TownFile.model_validate(file | {"activities": changed})


@check.register
def _price(case: Price, book: Rulebook) -> None:
    prices = PriceBook.of(book.file, book.days)
    facts = case.price.whole()
    assert unknown_names(prices, facts) == []
    found = priced(prices, facts)
    assert _price_picked(found, case.expect) == case.expect, found


def _price_picked(found: Any, wanted: Any) -> Any:
    """Of prices, what is expected of them; of a reason some words are enough."""
    if isinstance(wanted, Mapping):
        return {name: _price_picked(found[name], one) for name, one in wanted.items()}
    if isinstance(wanted, list):
        assert len(found) == len(wanted), found
        return [_price_picked(*pair) for pair in zip(found, wanted, strict=True)]
    if isinstance(wanted, str) and isinstance(found, str) and wanted in found:
        return wanted
    return found


@check.register
def _refused_prices(case: RefusedPrices, book: Rulebook) -> None:
    given = case.refused_prices
    file = book.file.model_dump(mode="json", exclude_unset=True) | given.file
    for name, items in given.change.items():
        file[name] = [one | items.get(one["id"], {}) for one in file[name]]
    with pytest.raises(BadTownFile) as refused:
        read_town_file(orjson.dumps(file))
    assert [f"{one.path}: {one.sentence}" for one in refused.value.errors] == given.says


def _activity(book: Rulebook, name: str) -> Activity:
    activity = book.file.activity(name)
    assert activity is not None, f"no activity {name!r}"
    return activity


def _picked(answer: Any, expect: Any) -> Any:
    """Of an answer, what is expected of it, written as in a file."""
    if isinstance(answer, Mapping) and isinstance(expect, Mapping):
        return {name: _picked(answer[name], value) for name, value in expect.items()}
    if isinstance(answer, list | tuple) and isinstance(expect, list):
        assert len(answer) == len(expect), answer
        return [_picked(one, wanted) for one, wanted in zip(answer, expect, strict=True)]
    if isinstance(answer, datetime):
        seconds = "seconds" if answer.second else "minutes"
        return answer.replace(tzinfo=None).isoformat(timespec=seconds)
    return answer.isoformat() if isinstance(answer, date) else answer


def _wanted(name: str, wanted: Any, found: Any) -> Any:
    """Of a sentence some words are enough."""
    words = name in _WORDS and isinstance(wanted, str) and isinstance(found, str)
    return found if words and wanted in found else wanted


def _field(part: Any, path: str) -> Any:
    """The field at a dotted path, as written in a file."""
    found = part.model_dump(mode="json")
    for name in path.split("."):
        found = (
            next(one for one in found if one["id"] == name)
            if isinstance(found, list)
            else found[name]
        )
    return found


@pytest.mark.parametrize("slug", slugs())
def test_every_published_rule_of_a_town_is_answered_for(slug: str) -> None:
    book, cases = book_of(slug), cases_of(slug)
    assert book.file.town == slug
    rules = published()[cases.town].rules
    assert sorted(cases.rules) == list(range(1, len(rules) + 1))
    for number, rule in enumerate(rules, 1):
        became = cases.rules[number]
        if isinstance(became, Elsewhere) and rule.category in coverage.IN_SCOPE:
            assert became.elsewhere in _LATER.get(rule.category, ()), number


def test_every_published_town_is_there_once() -> None:
    assert sorted(cases_of(slug).town for slug in slugs()) == sorted(published())


def test_nearly_every_rule_of_booking_is_expressed_and_tested() -> None:
    expressed, wanted = coverage.share(coverage.lines())
    assert expressed >= 0.95 * wanted


def test_what_is_elsewhere_counts_as_missing_and_it_is_still_nearly_every_rule() -> None:
    """Deadline, late, absence, slot and capacity rules, over all that were published."""
    expressed, published_rules = coverage.strict_share(coverage.lines())
    assert published_rules == sum(
        rule.category in coverage.STRICT for town in published().values() for rule in town.rules
    )
    assert expressed >= 0.95 * published_rules


def test_the_document_says_what_is_tested() -> None:
    """``python -m tests.booking.rules.coverage`` writes it again."""
    assert coverage.DOCUMENT.read_text() == coverage.document()


QUESTION = {"activity": "canteen", "action": "book", "date": "2026-09-17",
            "now": "2026-09-14T10:00"}  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [
        {"ask": QUESTION, "expect": {"allowed": True}, "expects": {}},
        {"ask": QUESTION | {"unit": "meal"}, "expect": {"allowed": True}},
        {"ask": QUESTION | {"facts": {"years": 4}}, "expect": {"allowed": True}},
        {"ask": QUESTION, "expect": {}},
        {"asked": QUESTION, "expect": {"allowed": True}},
        {"stated": {"activity": "canteen", "field": "hold_minutes", "value": 1}, "expect": {}},
    ],
)
def test_a_case_with_an_unknown_field_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TownCases.model_validate({"town": "Veyras (07)", "rules": {1: [case]}})


def test_a_town_has_a_file_and_cases_and_nothing_else() -> None:
    there = {path.name for path in FOLDER.iterdir()}
    files = {name for slug in slugs() for name in (f"{slug}.yaml", f"{slug}.cases.yaml")}
    assert there == files | {"published.json"}
