"""The rules of direct debit: days of banks, sequence types, what comes back, the file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from sepaxml.validation import try_valid_xml

from services.billing.domain.debits import mandates
from services.billing.domain.debits.collections import (
    Collected,
    Collection,
    Debit,
    aside_of,
    debit_id,
    sequence_of,
)
from services.billing.domain.debits.days import bank_day_from, check_day, is_bank_day
from services.billing.domain.debits.mandates import Bank, DirectDebit, Done, Mandate, Sealed, Wish
from services.billing.domain.debits.returns import RETURNS, Effect
from services.billing.pain import Entry, debits_in, written
from shared.banking import BadBankDetail, iban_of
from shared.contracts.town_file import DirectDebit as Collecting
from shared.errors import Refused
from tests.billing.debits import COLLECTING, IBAN, ICS, OTHER_IBAN

NOW = datetime(2026, 9, 14, 10, tzinfo=UTC)
ON = date(2026, 10, 15)
BANK = Bank(sealed=Sealed(key="k", box="00"), shown="FR76 •••• 0189")
MANDATE = Mandate(
    reference="VEY-2026-0123456789ABCDEF", creditor=ICS, creditor_title="Régie", guardian="anne",
    bank=BANK, kind="recurrent", signed_on=date(2026, 9, 10), counts_from="2026-09",
    accepted_at=NOW, accepted_by="agent", changed_at=NOW, since=NOW,
)  # fmt: skip
VERSIONS = ("pain.008.001.02", "pain.008.001.08")


def held(**changes: Any) -> DirectDebit:
    mandate = MANDATE.model_copy(update=changes)
    return DirectDebit(id="d", town="veyras", office="VEY", family="f1", mandate=mandate)


def the_mandate(done: Done) -> Mandate:
    assert done.debit.mandate is not None
    return done.debit.mandate


# -- days ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "day",
    ["2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-12-25", "2028-12-26",
     "2026-10-17", "2026-10-18"],
)  # fmt: skip
def test_banks_settle_nothing_on_their_holidays_and_week_ends(day: str) -> None:
    assert not is_bank_day(date.fromisoformat(day))


def test_the_14th_of_july_is_a_day_for_banks() -> None:
    assert is_bank_day(date(2026, 7, 14))


@given(st.dates(date(2024, 1, 1), date(2040, 1, 1)), st.integers(2, 60))
def test_a_day_that_is_proposed_is_accepted(today: date, notice: int) -> None:
    soon = today + timedelta(days=notice)
    check_day(bank_day_from(soon), today, notice)
    with pytest.raises(Refused):
        check_day(soon - timedelta(days=1), today, notice)


def test_a_day_too_far_is_refused() -> None:
    with pytest.raises(Refused, match="day-too-far"):
        check_day(date(2027, 10, 15), date(2026, 10, 1), 14)


# -- mandates ------------------------------------------------------------------------------


def test_the_first_collection_is_said_to_be_the_first_until_one_was_taken() -> None:
    assert sequence_of(MANDATE, 0) == "FRST"
    assert sequence_of(MANDATE, 1) == "RCUR"
    after = the_mandate(mandates.used(held(amended=True), MANDATE.reference, ON, NOW))
    assert (sequence_of(after, 0), after.amended, after.used_on) == ("RCUR", False, ON)
    back = mandates.came_back(
        held(first_on=ON, used_on=ON), MANDATE.reference, "counts", "sans provision", most=2,
        first=True, amended=True, now=NOW,
    )  # fmt: skip
    assert (sequence_of(the_mandate(back), 0), the_mandate(back).amended) == ("FRST", True)


def test_bank_details_that_come_after_the_file_are_told_with_the_next() -> None:
    later = NOW + timedelta(minutes=1)
    between = held(changed_at=later, amended=False)
    after = the_mandate(mandates.used(between, MANDATE.reference, ON, NOW))
    assert (after.first_on, after.amended) == (ON, True)
    told = the_mandate(mandates.used(between, MANDATE.reference, ON, later))
    assert not told.amended


def test_another_request_while_the_only_collection_is_in_a_file_is_another_mandate() -> None:
    wish = Wish(
        id="w2", guardian="anne", account="anne", bank=BANK, kind="one_off", agreed_on=ON,
        counts_from="2026-10", asked_at=NOW, since=NOW,
    )  # fmt: skip
    before = held(kind="one_off", finishing=True, used_on=ON).model_copy(update={"wish": wish})
    office = Collecting.model_validate(COLLECTING)
    done = mandates.accept(before, "w2", office, by="agent", now=NOW, today=ON, signed_on=None)
    after = the_mandate(done)
    assert (after.reference != MANDATE.reference, after.finishing) == (True, False)
    assert [one.ended_for for one in done.debit.past] == ["replaced"]


@pytest.mark.parametrize("changes", [{"kind": "one_off"}, {"last": True, "first_on": ON}])
def test_the_only_collection_and_the_last_are_taken_once_and_end_the_mandate(
    changes: dict[str, Any],
) -> None:
    before = held(**changes)
    assert before.mandate is not None
    assert sequence_of(before.mandate, 0) == ("OOFF" if "kind" in changes else "FNAL")
    used = mandates.used(before, MANDATE.reference, ON, NOW).debit
    assert used.mandate is not None
    assert aside_of(used.mandate, ICS, ON, already=0, may_pay=True) == "finishing"
    assert aside_of(before.mandate, ICS, ON, already=1, may_pay=True) == "finishing"
    over = mandates.went_through(used, MANDATE.reference, NOW)
    assert (over.debit.mandate, over.events[0].ended_for) == (None, "collected")
    back = mandates.came_back(
        used, MANDATE.reference, "none", None, most=2, first=False, amended=False, now=NOW
    )
    assert aside_of(the_mandate(back), ICS, ON, already=0, may_pay=True) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": "suspended"}, "suspended"),
        ({"signed_on": date(2023, 10, 15)}, "lapsed"),
        ({"signed_on": date(2020, 1, 1), "used_on": date(2023, 10, 16)}, None),
        ({"creditor": "FR00ZZZ000000"}, "other-creditor"),
    ],
)
def test_a_mandate_that_may_not_be_used_is_left_aside(
    changes: dict[str, Any], why: str | None
) -> None:
    mandate = MANDATE.model_copy(update=changes)
    assert aside_of(mandate, ICS, ON, already=0, may_pay=True) == why
    assert aside_of(MANDATE, ICS, ON, already=0, may_pay=False) == "no-longer-pays"


@given(st.lists(st.sampled_from(["none", "counts", "paid"]), max_size=12), st.integers(1, 4))
def test_rejections_in_a_row_suspend_a_mandate_and_no_others(what: list[str], most: int) -> None:
    debit, row = held(), 0
    for one in what:
        if one == "paid":
            done, row = mandates.went_through(debit, MANDATE.reference, NOW), 0
        else:
            effect: Effect = "counts" if one == "counts" else "none"
            row += one == "counts"
            done = mandates.came_back(
                debit, MANDATE.reference, effect, "rejet", most=most, first=False, amended=False,
                now=NOW,
            )  # fmt: skip
        debit = done.debit
        if row >= most:
            assert the_mandate(done).state == "suspended"
            return
        assert the_mandate(done).state == "active"


@pytest.mark.parametrize("code", sorted(RETURNS))
def test_each_reason_does_to_the_mandate_what_is_said(code: str) -> None:
    words, effect = RETURNS[code]
    done = mandates.came_back(
        held(), MANDATE.reference, effect, words, most=9, first=False, amended=False, now=NOW
    )
    now = done.debit.mandate
    state = {"ends": None, "suspends": "suspended"}.get(effect, "active")
    assert (now and now.state) == state
    assert all(event.reason == words for event in done.events)


# -- the reference and the account ---------------------------------------------------------


@given(st.text(max_size=40), st.integers(2020, 2099))
def test_a_reference_is_of_letters_that_banks_take_and_its_own(wish: str, year: int) -> None:
    reference = mandates.reference_of("VEYRAS", year, wish)
    assert len(reference) <= 35
    assert all(one.isascii() and (one.isalnum() or one == "-") for one in reference)
    assert reference == mandates.reference_of("VEYRAS", year, wish)
    assert reference != mandates.reference_of("VEYRAS", year, wish + "x")


@given(st.integers(4, 26), st.integers(0, 9))
def test_an_account_number_with_one_figure_wrong_is_refused(at: int, figure: int) -> None:
    other = IBAN[:at] + str(figure) + IBAN[at + 1 :]
    if other == IBAN:
        assert iban_of(other) == IBAN
    else:
        with pytest.raises(BadBankDetail):
            iban_of(other)


# -- the file ------------------------------------------------------------------------------


def entry(name: str, cents: int, **changes: Any) -> Entry:
    given = {
        "id": debit_id("c1", name), "town": "veyras", "office": "VEY", "collection": "c1",
        "family": name, "mandated": name, "guardian": f"{name}-anne", "creditor": ICS,
        "mandate_reference": f"VEY-2026-{name}", "bank_since": NOW, "on": ON, "cents": cents,
        "parts": (Collected(invoice="i", number="VEY-2026-000001", cents=cents),),
        "sequence": "RCUR", "amended": False, "since": NOW,
    } | changes  # fmt: skip
    debit = Debit.model_validate(given)
    return Entry(debit, MANDATE.signed_on, IBAN, None, "Anne D'Éon-Lœuil")


def file_of(version: str, entries: Sequence[Entry]) -> bytes:
    collection = Collection.model_validate(
        COLLECTING
        | {"id": "c1", "town": "veyras", "office": "VEY", "on": ON, "year": 2026, "sequence": 7,
           "version": version, "asked_by": "a", "asked_at": NOW, "body_hash": "", "since": NOW}
    )  # fmt: skip
    return written(collection, entries, "2026-09-14T12:00:00")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_keeps_to_its_schema_and_its_sums_are_those_of_the_debits(version: str) -> None:
    entries = [
        entry("f1", 4100, sequence="FRST"),
        entry("f2", 850),
        entry("f3", 1, amended=True)._replace(iban=OTHER_IBAN, bic="BDFEFRPP"),
        entry("f4", 99999, sequence="OOFF"),
        entry("f5", 12, sequence="FNAL"),
    ]
    content = file_of(version, entries)
    assert content == file_of(version, entries), "the same collection is the same file"
    try_valid_xml(content, version)
    assert debits_in(content) == {one.debit.id for one in entries}
    names = {"p": f"urn:iso:std:iso:20022:tech:xsd:{version}"}
    read = etree.fromstring(content)

    def text(path: str) -> list[str]:
        return [str(one) for one in read.xpath(f"//{path}/text()", namespaces=names)]

    assert text("p:GrpHdr/p:MsgId") == ["VEY-P-2026-0007"]
    assert text("p:GrpHdr/p:NbOfTxs") == ["5"]
    assert text("p:GrpHdr/p:CtrlSum") == ["1049.62"]
    assert text("p:GrpHdr/p:CreDtTm") == ["2026-09-14T12:00:00"]
    parts = dict(zip(text("p:SeqTp"), text("p:PmtInf/p:CtrlSum"), strict=True))
    assert parts == {"FRST": "41.00", "RCUR": "8.51", "OOFF": "999.99", "FNAL": "0.12"}
    assert text("p:PmtInfId") == [f"VEY-P-2026-0007-{one}" for one in parts]
    assert set(text("p:ReqdColltnDt")) == {"2026-10-15"}
    assert text("p:AmdmntInd") == ["true"]
    assert text("p:OrgnlDbtrAcct/p:Id/p:Othr/p:Id") == ["SMNDA"]
    assert set(text("p:Dbtr/p:Nm")) == {"Anne D'Eon-Loeuil"}
    assert set(text("p:CdtrSchmeId/p:Id/p:PrvtId/p:Othr/p:Id")) == {ICS}
