"""What has to be proved, and what an act comes to with the proof and without."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.booking.domain.ending import Booked, Ending, plan_change, plan_ends
from services.booking.domain.judging import overdue, prove_by
from services.booking.domain.justifying import (
    WRONG_PROOF,
    may_still_come,
    proved,
    unproved,
    waits_for_proof,
)
from services.booking.domain.planning import Ask, Offer, plan
from services.booking.domain.proving import NOT_PROVED
from services.booking.domain.request import Choice, Line
from services.booking.domain.rules.absences import settle
from services.booking.domain.rules.answers import Rulebook
from services.booking.domain.rules.facts import Absent, Facts
from tests.booking.rules.helpers import PARIS, ask, rule, town
from tests.booking.rules.test_deadlines import CHILD

THURSDAY = date(2026, 9, 17)
EIGHT = datetime(2026, 9, 17, 8, tzinfo=PARIS)
LATER = EIGHT + timedelta(days=3)
EVE = {"anchor": "day", "days_before": 1, "time": "18:00"}
MORNING = {"anchor": "day", "days_before": 0, "time": "09:00"}
PROOF = {"kinds": ["work-contract", "summons"], "days": 2, "from": "notice"}
TWO_EUROS = {"kind": "amount", "cents": 200}
UNITS = [{"id": "unit", "name": "Repas"}, {"id": "study", "name": "Étude"}]


def late(surcharge: Any = None, proof: Any = PROOF) -> list[dict[str, Any]]:
    """Until the eve; on the very morning free with a proof."""
    step = {"until": MORNING, "outcome": "free_with_proof", "proof": proof}
    return [rule(EVE, after=[step | ({"surcharge": surcharge} if surcharge else {})])]


def offer(now: datetime = EIGHT, absences: Any = None, **deadlines: Any) -> Offer:
    """The canteen, with these deadlines besides a lax one for booking."""
    book = town(
        [],
        activity={
            "units": UNITS,
            "places": [{"id": "p", "units": ["unit", "study"], "capacity": 9, "source": "test"}],
            "absences": absences or {},
            "deadlines": {"book": [rule({"anchor": "always"})]} | deadlines,
        },
    )
    return Offer(book, book.file.activities[0], now)


def booking(known: Offer) -> Line:
    """The line of a booking, accepted."""
    lines, refused = plan([Ask(CHILD, known, Choice(("unit",)), [THURSDAY])])
    assert not refused
    return replace(lines[0], state="accepted", decided_at=EIGHT, held=True)


def ended(known: Offer, kind: Any, reason: str | None = None) -> Line:
    """The line that ends that booking."""
    booked = Booked("r-1", Line("1", CHILD.id, "cantine", THURSDAY, ("unit",)), known)
    ending = Ending(kind, CHILD, THURSDAY, THURSDAY, reason=reason)
    lines, refused = plan_ends(ending, [booked], known.now)
    assert not refused
    return replace(lines[0], state="accepted", decided_at=EIGHT)


def test_a_late_booking_is_free_once_proved_and_else_costs_more() -> None:
    line = booking(offer(book=late(TWO_EUROS)))
    assert (line.effect, line.surcharge) == ("to_prove", None)
    assert line.proof_until == datetime(2026, 9, 19, 21, 59, tzinfo=UTC)
    assert waits_for_proof(line)
    good = proved(line, "summons", LATER)
    assert isinstance(good, Line)
    assert (good.state, good.effect, good.surcharge, good.proof) == ("accepted", None, None, None)
    bad = unproved(line, LATER)
    assert bad.surcharge is not None
    assert (bad.state, bad.effect, bad.surcharge.cents) == ("accepted", None, 200)
    assert (bad.decided_at, bad.decided_by) == (LATER, "rule")
    assert not waits_for_proof(good)
    assert unproved(good, LATER) is good


def test_a_late_booking_without_a_surcharge_is_refused_and_gives_its_place_back() -> None:
    line = unproved(booking(offer(book=late())), LATER)
    assert (line.state, line.reason, line.gives_back) == ("refused", NOT_PROVED, True)
    assert line.receipted.effect == "to_prove"


@pytest.mark.parametrize(
    ("surcharge", "effect", "settled_by", "cents"),
    [(None, "billed", "rule-0", None), (TWO_EUROS, "cancelled", None, 200)],
)
def test_a_late_cancellation_frees_its_place_and_is_due_without_proof(
    surcharge: Any, effect: str, settled_by: str | None, cents: int | None
) -> None:
    line = ended(offer(cancel=late(surcharge)), "cancel")
    assert (line.frees, line.effect, line.surcharge) == (True, "to_prove", None)
    good = proved(line, "work-contract", LATER)
    assert isinstance(good, Line)
    assert (good.effect, good.surcharge, good.frees) == ("cancelled", None, True)
    bad = unproved(line, LATER)
    assert (bad.state, bad.effect, bad.settled_by) == ("accepted", effect, settled_by)
    assert (bad.surcharge.cents if bad.surcharge else None) == cents


def test_a_late_change_stays_and_costs_more_without_proof() -> None:
    known = offer(change=late(TWO_EUROS))
    booked = Booked("r-1", Line("1", CHILD.id, "cantine", THURSDAY, ("unit",)), known)
    line = plan_change(CHILD, booked, Choice(("study",)))
    assert isinstance(line, Line)
    assert (line.effect, line.surcharge) == ("to_prove", None)
    bad = unproved(replace(line, state="accepted"), LATER)
    assert bad.surcharge is not None
    assert (bad.state, bad.surcharge.cents) == ("accepted", 200)


def test_a_proof_of_another_kind_proves_nothing() -> None:
    assert proved(booking(offer(book=late())), "drawing", LATER) == WRONG_PROOF


ABSENCES: dict[str, Any] = {
    "reasons": [{"id": "illness", "name": "Maladie"}],
    "rules": [
        {"id": "certificate", "valid_from": "2000-01-01", "source": "test",
         "proof": {"kinds": ["certificate"], "days": 2}, "effect": {"kind": "free"}},
        {"id": "statement", "valid_from": "2000-01-01", "source": "test",
         "proof": {"kinds": ["statement"], "days": 9},
         "effect": {"kind": "keep_percent", "percent": 50}},
        {"id": "collect", "valid_from": "2000-01-01", "source": "test",
         "effect": {"kind": "collect"}},
    ],
}  # fmt: skip


def test_an_absence_comes_to_what_the_rule_of_its_proof_says_and_else_to_the_rules_after() -> None:
    line = ended(offer(absences=ABSENCES), "absence")
    assert (line.effect, line.settled_by, line.frees) == ("to_prove", "certificate", False)
    assert line.proof is not None
    assert {kind: (came.effect, came.settled_by) for kind, came in line.proof.kinds.items()} == {
        "certificate": ("free", "certificate"),
        "statement": ("keep_percent", "statement"),
    }
    bad = unproved(line, LATER)
    assert (bad.effect, bad.settled_by) == ("collect", "collect")


def test_an_absence_that_no_rule_helps_is_due_without_its_proof() -> None:
    only = {**ABSENCES, "rules": ABSENCES["rules"][:1]}
    bad = unproved(ended(offer(absences=only), "absence"), LATER)
    assert (bad.state, bad.effect, bad.settled_by) == ("accepted", "billed", "certificate")


def test_the_answer_says_by_what_and_until_when_and_what_it_is_without() -> None:
    book = town(late(TWO_EUROS), late())
    booked = ask(book, "book", THURSDAY, EIGHT)
    assert booked.to_prove is not None
    assert (booked.allowed, booked.outcome, booked.surcharge) == (True, "free_with_proof", None)
    assert booked.to_prove.kinds == ("work-contract", "summons")
    assert (booked.to_prove.otherwise, booked.to_prove.surcharge.cents) == ("surcharge", 200)  # type: ignore[union-attr]
    cancelled = ask(book, "cancel", THURSDAY, EIGHT)
    assert cancelled.explanation == (
        "Délai dépassé depuis le mercredi 16 septembre 2026 à 18 h : annulation encore possible,"
        " sans frais sur justificatif reçu jusqu'au samedi 19 septembre 2026 à 23 h 59 ; sans lui,"
        " la journée reste due."
    )
    assert ask(book, "book", THURSDAY, EIGHT - timedelta(days=1)).outcome == "accept"
    assert not ask(book, "book", THURSDAY, EIGHT + timedelta(hours=1, minutes=1)).allowed


def test_the_answer_is_not_another_s() -> None:
    """Counted from the act, the last day for the proof is each act's own."""
    book: Rulebook = town(late(proof={"kinds": ["summons"], "hours": 1, "from": "notice"}))
    for minutes in (0, 20, 59):
        at = EIGHT + timedelta(minutes=minutes)
        answer = ask(book, "book", THURSDAY, at)
        assert answer.to_prove is not None
        assert answer.to_prove.until == at + timedelta(hours=1)


@given(st.integers(-(3 * 24 * 60), 3 * 24 * 60))
def test_a_proof_may_come_until_the_minute_that_was_said_and_not_after(minutes: int) -> None:
    line = booking(offer(book=late()))
    assert line.proof_until is not None
    came = line.proof_until + timedelta(minutes=minutes, seconds=30)
    assert may_still_come(line, came) == (minutes <= 0)


@pytest.mark.parametrize(
    ("closes", "boundary", "until"),
    [("20:00", "through", "20:00"), ("20:00", "before", "19:59"), ("24:00", "through", "23:59")],
)
def test_no_proof_is_taken_once_the_town_takes_none_for_that_day(
    closes: str, boundary: str, until: str
) -> None:
    cutoff = {"anchor": "day", "days_before": 0, "time": closes, "boundary": boundary}
    sending = {"proof": [rule(cutoff, 9)]}
    hour, minute = map(int, until.split(":"))
    last = datetime(2026, 9, 17, hour, minute, tzinfo=PARIS)
    for line in (
        booking(offer(book=late(TWO_EUROS), **sending)),
        ended(offer(cancel=late(), **sending), "cancel"),
        ended(offer(absences=ABSENCES, **sending), "absence"),
    ):
        assert line.proof_until == last
        assert may_still_come(line, last + timedelta(seconds=59))
        assert not may_still_come(line, last + timedelta(minutes=1))


def test_what_is_asked_for_sooner_is_due_sooner() -> None:
    sending = [rule({"anchor": "day", "days_before": 0, "time": "20:00"}, 9)]
    within = {"kinds": ["summons"], "hours": 1, "from": "notice"}
    line = booking(offer(book=late(TWO_EUROS, within), proof=sending))
    assert line.proof_until == EIGHT + timedelta(hours=1)
    steps = [{"until": {"anchor": "always"}, "outcome": "accept"}]
    lax = [rule({"anchor": "day", "days_before": 0, "time": "09:00"}, 9, after=steps)]
    usual = booking(offer(book=late(TWO_EUROS)))
    assert booking(offer(book=late(TWO_EUROS), proof=lax)).proof_until == usual.proof_until


LIMITS = st.one_of(
    st.fixed_dictionaries({"hours": st.integers(1, 100)}),
    st.fixed_dictionaries({"days": st.integers(0, 5)}),
    st.just({"end_of_month": True}),
)


@given(
    LIMITS, st.sampled_from(["notice", "first_day", "last_day"]), st.integers(0, 4 * 3600),
    st.integers(-90, 90), st.integers(0, 59),
    st.none() | st.times().map(lambda at: f"{at:%H:%M}"), st.sampled_from(["before", "through"]),
)  # fmt: skip
def test_rule_line_and_sweeper_agree_to_the_second(
    within: dict[str, Any],
    since: str,
    told_after: int,
    around: int,
    micro: int,
    closes: str | None,
    boundary: str,
) -> None:
    """The rules that answer, the line that keeps what they said, and who settles what is overdue,
    within a minute and a half of the limit, whenever the absence was told."""
    told = EIGHT + timedelta(seconds=told_after, microseconds=micro)
    proof = {"kinds": ["summons"], "from": since, **within}
    rules = [{"id": "ill", "valid_from": "2020-01-01", "source": "test", "proof": proof,
              "effect": {"kind": "free"}}]  # fmt: skip
    at = {"anchor": "day", "days_before": 0, "time": closes, "boundary": boundary}
    sending = [rule(at, 9)] if closes else []
    known = offer(told, absences={"rules": rules}, cancel=[rule(EVE)], proof=sending)
    line = ended(known, "absence")
    assume(line.effect == "to_prove")
    assert line.proof_until is not None
    came = line.proof_until + timedelta(seconds=around, microseconds=micro)

    def comes_to(now: datetime, **proved: Any) -> str:
        absent = Absent(first=THURSDAY, last=THURSDAY, told=told, **proved)
        facts = Facts(units=("unit",), absent=absent)
        return settle(known.rules, known.activity, THURSDAY, now, facts, [THURSDAY]).settled

    in_time = may_still_come(line, came)
    by_rule = comes_to(came, proof="summons", proof_at=came)
    assert by_rule == ("free" if in_time else "billed")
    assert comes_to(came) == ("to_prove" if in_time else "billed")
    assert (overdue([line], came).lines != (line,)) == (not in_time)
    swept = prove_by([line])
    assert swept is not None
    assert (came < swept) == in_time
