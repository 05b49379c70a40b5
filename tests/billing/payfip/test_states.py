"""What an answer of PayFiP makes of a payment, whatever the order of answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.payfip import Detail, Fault, NoAnswer
from services.billing.domain.payments import MOVES, Part, Payment, found, next_ask

OPENED = datetime(2026, 10, 1, 8, tzinfo=UTC)
PAYMENT = Payment(
    id="p", town="veyras", office="VEY", family="f", payer="g", account="a", means="payfip",
    cents=410, parts=(Part(invoice="i", cents=410),), state="redirected", created_at=OPENED,
    since=OPENED, body_hash="", numcli="090909", refdet="REF123", idop="op", opened_at=OPENED,
)  # fmt: skip


def detail(letter: str, **changes: object) -> Detail:
    plain = Detail("op", "090909", "REF123", 410, letter, OPENED, None)
    return replace(plain, **changes)  # type: ignore[arg-type]


def after(minutes: float) -> datetime:
    return OPENED + timedelta(minutes=minutes)


def test_it_is_asked_again_as_the_design_says() -> None:
    asked, now = [], OPENED
    while (due := next_ask(OPENED, now)) is not None:
        asked.append((due - OPENED).total_seconds() / 60)
        now = due
    assert asked[:10] == [1, 2, 5, 10, 15, 20, 30, 60, 120, 180]
    assert asked[asked.index(180) :][:22] == [60.0 * hour for hour in range(3, 25)]
    assert asked[-6:] == [1440.0 * day for day in range(2, 8)]


@pytest.mark.parametrize(
    ("minutes", "said", "state", "ends"),
    [
        (5, Fault("functional", "P5"), "pending", False),
        (121, Fault("functional", "P5"), "expired", False),
        (5, Fault("functional", "P1"), "redirected", False),
        (31, Fault("functional", "P1"), "expired", True),
        (5, Fault("functional", "T2"), "redirected", False),
        (5, Fault("dysfunction", "999"), "redirected", False),
        (5, NoAnswer("unreachable"), "redirected", False),
        (5, NoAnswer("malformed"), "redirected", False),
        (8 * 1440, NoAnswer("unreachable"), "expired", True),
        (8 * 1440, Fault("dysfunction", "999"), "expired", True),
        (5, detail("P"), "paid", True),
        (5, detail("V"), "paid", True),
        (5, detail("R"), "refused", False),
        (5, detail("Z"), "refused", False),
        (5, detail("A"), "abandoned", False),
        (5, detail("W"), "undetermined", False),
        (5, detail("p"), "undetermined", False),
        (5, detail("P", montant=411), "undetermined", False),
        (5, detail("P", montant=None), "undetermined", False),
        (5, detail("V", refdet="REF124"), "undetermined", False),
        (5, detail("P", numcli=""), "undetermined", False),
    ],
)  # fmt: skip
def test_each_answer(
    minutes: float, said: Detail | Fault | NoAnswer, state: str, ends: bool
) -> None:
    finding = found(PAYMENT, said, after(minutes))
    assert finding.state == state
    assert (finding.next_ask is None) == ends


def test_after_a_technical_error_half_an_hour_passes() -> None:
    finding = found(PAYMENT, Fault("dysfunction", "999"), after(3))
    assert finding.next_ask == after(33)
    assert found(PAYMENT, NoAnswer("unreachable"), after(3)).next_ask == after(5)


_ANSWERS = st.one_of(
    st.sampled_from([NoAnswer("unreachable"), NoAnswer("malformed")]),
    st.builds(Fault, st.sampled_from(["functional", "dysfunction", "unavailable", "protocol"]),
              st.sampled_from(["P1", "P5", "T2", "999", ""])),
    st.builds(
        detail, st.sampled_from("PVRZAWX"), montant=st.sampled_from([410, 410, 410, 100, None])
    ),
)  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 3000), _ANSWERS), max_size=12))
def test_no_answers_in_any_order_leave_the_table_or_undo_a_payment(
    answers: list[tuple[int, Detail | Fault | NoAnswer]],
) -> None:
    payment, minutes = PAYMENT, 0
    for passed, said in answers:
        minutes += passed
        if payment.state == "paid":
            break
        finding = found(payment, said, after(minutes))
        assert finding.state == payment.state or finding.state in MOVES[payment.state]
        good = isinstance(said, Detail) and said.result in "PV" and said.montant == 410
        assert (finding.state == "paid") == good
        if finding.state == "undetermined":
            assert finding.problem is not None
        payment = replace(
            payment, state=finding.state, next_ask=finding.next_ask, problem=finding.problem,
            since=after(minutes) if finding.state != payment.state else payment.since,
        )  # fmt: skip


def test_without_a_page_nothing_can_be_paid() -> None:
    unopened = replace(PAYMENT, state="created", idop=None, opened_at=None)
    assert found(unopened, None, after(10)).state == "created"
    late = found(unopened, None, after(31))
    assert (late.state, late.next_ask) == ("expired", None)


def test_everything_may_become_a_payment_and_agents_alone_undo_one() -> None:
    assert MOVES["paid"] == {"reversed"}
    assert [state for state, following in MOVES.items() if not following] == ["reversed"]
    assert all("paid" in following for state, following in MOVES.items()
               if state not in ("paid", "created", "reversed"))  # fmt: skip
