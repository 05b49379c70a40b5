"""The rule engine: explained answers per second, on the worked examples of real towns."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from typing import Any

from services.booking.domain.rules.answers import Rulebook, offered
from services.booking.domain.rules.facts import Facts
from shared.days import Days
from shared.holidays import FrenchHolidays
from tests.bench.measure import Row, Servers, at_least, row
from tests.booking.rules.cases import book_of
from tests.booking.rules.helpers import PARIS
from tests.booking.rules.test_examples import ROWS

ROUNDS = 5
MINUTES = 200


async def measure(_: Servers) -> list[Row]:
    """The examples, each asked at many instants by a rulebook that was never asked before; then
    the same questions again."""
    first, again = [], []
    for _round in range(ROUNDS):
        questions = _questions()
        first.append(_answers_per_second(questions))
        again.append(_answers_per_second(questions))
    return [
        at_least("rule engine, explained answers on the examples", first, "1/s", 20_000),
        row("  the same questions again", again, "1/s"),
    ]


def _questions() -> list[tuple[Any, ...]]:
    """Each example as it is told, and at as many other instants around it."""
    books: dict[str, Rulebook] = {}
    found = []
    for one in ROWS:
        if one.town not in books:
            file = book_of(one.town).file
            books[one.town] = Rulebook.of(file, Days(file, FrenchHolidays()))
        book = books[one.town]
        about = book.file.activity(one.activity)
        told = datetime.fromisoformat(one.now).replace(tzinfo=PARIS)
        facts = Facts(units=one.units)
        for number in range(MINUTES):
            now = told + timedelta(minutes=17 * (number - MINUTES // 2))
            found.append((book, about, one.action, date.fromisoformat(one.day), now, facts))
    return found


def _answers_per_second(questions: list[tuple[Any, ...]]) -> float:
    started = time.process_time()
    for question in questions:
        assert offered(*question).explanation
    return len(questions) / (time.process_time() - started)
