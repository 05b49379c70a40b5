"""What a digest says of its outcomes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.digest import Outcome, compose, told_now
from services.notify.domain.shown import decided, shown_effect
from services.notify.domain.windows import Window
from services.notify.rendering import Renderer
from tests.samples import town_file

WINDOW = Window(datetime(2026, 9, 13, 16, 1, tzinfo=UTC), datetime(2026, 9, 14, 11, 1, tzinfo=UTC))
TEN = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
LAST_WEEK = TEN - timedelta(days=7)


def outcome(line: str, **changes: Any) -> Outcome:
    values: dict[str, Any] = {
        "id": f"e-{line}-{changes.get('decided_at', TEN):%d%H%M}", "family": "f", "account": "a",
        "request": "r", "number": "2026-000001", "requested_at": LAST_WEEK, "line": line,
        "child": "lea", "activity": "cantine", "date": date(2026, 9, 20), "units": ("unit",),
        "starts": None, "ends": None, "kind": "book", "effect": None, "answer": None,
        "accepted": True, "reason": None, "decided_at": TEN, "agent": None, "replaces_at": None,
        "told": False,
    }  # fmt: skip
    return Outcome(**values | changes)


def test_decided_twice_within_a_window_only_the_last_is_in_force() -> None:
    later = TEN + timedelta(minutes=30)
    content = compose(
        [
            outcome("1", accepted=False, reason="Complet", decided_at=later, replaces_at=TEN),
            outcome("1"),
        ],
        WINDOW,
        {},
    )
    (entry,) = content.children["lea"]
    assert (entry.outcome.accepted, entry.replaces, entry.modifies) == (False, TEN, None)
    assert (content.accepted, content.refused) == (0, 1)


def test_decided_again_in_a_later_window_it_modifies() -> None:
    (entry,) = compose([outcome("1", replaces_at=LAST_WEEK)], WINDOW, {}).children["lea"]
    assert (entry.replaces, entry.modifies) == (None, LAST_WEEK)


def test_late_outcomes_are_apart_and_counted() -> None:
    content = compose([outcome("1"), outcome("2", decided_at=LAST_WEEK)], WINDOW, {})
    assert [entry.outcome.line for entry in content.children["lea"]] == ["1"]
    assert [entry.outcome.line for entry in content.late] == ["2"]
    assert content.accepted == 2


def test_a_late_outcome_that_was_replaced_and_told_since_is_not_counted() -> None:
    late = outcome("1", decided_at=LAST_WEEK)
    since = LAST_WEEK + timedelta(hours=1)
    content = compose([late, outcome("2")], WINDOW, {("r", "1"): since, ("r", "2"): TEN})
    (entry,) = content.late
    assert entry.replaced_since == since
    assert content.accepted == 1
    (entry,) = content.children["lea"]
    assert entry.replaced_since is None


def test_refusals_come_first_from_eleven_lines_on() -> None:
    ten = [outcome(str(n), accepted=n > 0) for n in range(10)]
    assert compose(ten, WINDOW, {}).refused_first == []
    eleven = [*ten, outcome("10", child="noe")]
    first = compose(eleven, WINDOW, {}).refused_first
    assert [entry.outcome.line for entry in first] == ["0"]


@given(
    st.lists(
        st.builds(
            outcome, st.sampled_from("12345"), child=st.sampled_from(["lea", "noe"]),
            accepted=st.booleans(), family=st.sampled_from("fg"),
            decided_at=st.integers(-10_000, 180).map(lambda m: TEN + timedelta(minutes=m)),
        ),
        unique_by=lambda one: one.id,
    ),
    st.randoms(),
)  # fmt: skip
def test_each_line_is_said_once_as_last_decided_in_any_order(
    outcomes: list[Outcome], random: Any
) -> None:
    content = compose(outcomes, WINDOW, {})
    said = [e.outcome for entries in content.children.values() for e in entries]
    said += [entry.outcome for entry in content.late]
    last = {one.line: one for one in sorted(outcomes, key=lambda one: (one.decided_at, one.id))}
    assert sorted(said, key=lambda one: one.line) == [last[line] for line in sorted(last)]
    assert content.accepted + content.refused == len(said)
    shuffled = list(outcomes)
    random.shuffle(shuffled)
    assert compose(shuffled, WINDOW, {}) == content


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"answer": "Accepté (dernière place)"}, "ACCEPTÉE (Accepté (dernière place)) – "),
        (
            {"answer": "Dossier incomplet", "accepted": False, "reason": "Dossier incomplet"},
            "REFUSÉE (Dossier incomplet) – ",
        ),
        (
            {"answer": "Dossier incomplet", "accepted": False, "reason": "Il manque l'assurance."},
            "Motif : Il manque l'assurance.",
        ),
        ({"effect": "to_prove"}, ", à justifier"),
        ({"kind": "cancel", "effect": "to_prove"}, ", non facturée sur justificatif"),
        (
            {"kind": "cancel", "effect": shown_effect("cancelled", "credit")},
            "donne lieu à un avoir",
        ),
        ({"kind": "cancel", "effect": shown_effect("cancelled", "refund")}, ", remboursée"),
        ({"kind": "cancel", "effect": shown_effect("billed", "nothing")}, ", facturée"),
        ({"kind": "cancel", "effect": shown_effect("cancelled", None)}, ", non facturée"),
    ],
)
def test_a_line_says_the_town_s_own_answer_and_what_it_comes_to(
    changes: dict[str, Any], said: str
) -> None:
    """As a digest and a mail at once write it; a label that is the reason is said once."""
    town = town_file()
    entry = decided(town, {"lea": "Léa"}, told_now(outcome("1", **changes)))
    mail = Renderer("https://veyras.example", "portail@veyras.example").render(
        "outcome", town, {"number": "2026-000001", "entries": [entry]}
    )
    assert said in mail.text
    assert ("Motif" in mail.text) == ("reason" in changes and "Motif" in said)
