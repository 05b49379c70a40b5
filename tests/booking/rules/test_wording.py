"""What families read under an answer says what is so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.booking.rules.helpers import Rule, ask, rule, town

EVE = {"anchor": "day", "days_before": 1, "time": "18:00"}
WEEK_BEFORE = {"anchor": "day", "days_before": 7, "time": "12:00"}
OVER = {"anchor": "day", "days_before": 20, "time": "18:00"}
DAY = "2026-09-24"
COUNTERS = [
    {"id": "free", "name": "Annulations", "counts": "cancellations", "per": "child",
     "window": "month"},
]  # fmt: skip


def at_most(number: int, *after: Rule) -> Rule:
    """So many cancellations until a week before, then what comes ``after``."""
    return rule(WEEK_BEFORE, 1, times={"counter": "free", "to": number}, after=list(after))


AGAIN = {"until": EVE, "outcome": "accept", "surcharge": {"kind": "amount", "cents": 100}}


@pytest.mark.parametrize(
    ("number", "words"), [(1, "Au-delà d'une annulation"), (2, "Au-delà de 2 annulations")]
)
def test_what_is_once_too_often_in_time_is_not_said_to_be_late(number: int, words: str) -> None:
    book = town([rule(EVE)], [at_most(number, AGAIN)], counters=COUNTERS)
    answer = ask(book, "cancel", DAY, counts={"free": number})
    assert (answer.allowed, answer.code) == (True, "again")
    assert answer.explanation == (
        f"{words} par mois : annulation encore possible jusqu'au mercredi 23 septembre 2026 à"
        " 18 h, avec un supplément de 1,00\u00a0€."
    )


@pytest.mark.parametrize("after", [[], [{"outcome": "refuse"}]])
def test_once_too_often_in_time_without_more_is_said_as_such(after: list[Rule]) -> None:
    book = town([rule(EVE)], [at_most(2, *after)], counters=COUNTERS)
    answer = ask(book, "cancel", DAY, counts={"free": 2})
    assert (answer.allowed, answer.code) == (False, "too-often")
    assert answer.explanation == "Au-delà de 2 annulations par mois : annulation impossible."


@pytest.mark.parametrize(
    ("cancel", "counts", "words"),
    [
        (
            at_most(2), {"free": 2},
            "Une réservation pour ce jour ne pourra pas être annulée : le nombre d'annulations"
            " admis est atteint.",
        ),
        (
            rule(EVE, opens=WEEK_BEFORE), {},
            "Une réservation pour ce jour ne pourra être annulée qu'à partir du jeudi 17"
            " septembre 2026 à 12 h.",
        ),
        (
            rule(OVER), {},
            "Une réservation pour ce jour ne pourra pas être annulée (close depuis le vendredi 4"
            " septembre 2026 à 18 h).",
        ),
        (
            rule({"anchor": "never"}), {},
            "Une réservation pour ce jour ne pourra pas être annulée.",
        ),
    ],
)  # fmt: skip
def test_who_books_reads_why_it_cannot_be_cancelled(
    cancel: Rule, counts: dict[str, int], words: str
) -> None:
    answer = ask(town([rule(EVE)], [cancel], counters=COUNTERS), "book", DAY, counts=counts)
    assert answer.warning == words


def test_a_change_without_a_rule_of_its_own_is_said_to_be_one() -> None:
    changed = ask(town([rule(EVE)], [rule(WEEK_BEFORE)]), "change", DAY)
    assert changed.explanation == (
        "Vous pouvez modifier la réservation jusqu'au jeudi 17 septembre 2026 à 12 h."
    )
    over = ask(town([rule(EVE)], [rule(OVER)]), "change", DAY)
    assert over.explanation.startswith("Modification close depuis")
    never = ask(town([rule(EVE)]), "change", DAY)
    assert never.explanation == "Modification impossible pour cette date."


def test_until_when_one_may_ask_is_not_until_when_an_agent_answers() -> None:
    late: dict[str, Any] = {"until": EVE, "outcome": "ask_agent"}
    late["surcharge"] = {"kind": "amount", "cents": 100}
    answer = ask(town([rule(OVER, after=[late])]), "book", DAY)
    assert answer.explanation == (
        "Délai dépassé depuis le vendredi 4 septembre 2026 à 18 h : réservation possible sur"
        " demande jusqu'au mercredi 23 septembre 2026 à 18 h, avec un supplément de 1,00\u00a0€ ;"
        " un agent y répondra."
    )


def test_an_opening_that_is_not_published_is_said_to_be_the_opening() -> None:
    dates = {
        "anchor": "dates",
        "dates": [
            {"first": "2026-10-01", "last": "2026-10-31", "on": "2026-09-15", "time": "08:00"}
        ],
    }
    answer = ask(town([rule(EVE, opens=dates)]), "book", DAY)
    assert answer.explanation == (
        "Réservation impossible : date d'ouverture non publiée pour ce jour."
    )
