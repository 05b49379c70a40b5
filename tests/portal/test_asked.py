"""What pages make of a form and of the catalogue, without a browser."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import MultiDict

from services.documents import ROUTES
from services.family.schemas.dossiers import ReadOut
from services.notify.rendering import KINDS
from services.portal.answers import told
from services.portal.forms import Form
from services.portal.gateway import Problem
from services.portal.pages import invoices
from services.portal.pages.booking import choices_of
from services.portal.pages.desk import words
from services.portal.pages.desk.audited import acted
from services.portal.pages.desk.billing import cents_written
from services.portal.pages.desk.common import show
from services.portal.pages.desk.words import failed
from services.portal.pages.documents import weekly_of
from services.portal.pages.people import Participant
from services.portal.pages.planning import (
    Slot,
    asked_day,
    enrolled_in,
    in_slots,
    is_over,
    monday_of,
)
from services.portal.pages.requests import fields_of
from services.portal.pages.times import is_slotted, stops_of
from services.portal.web import Visit
from services.portal.wishes import Wish, body_of, read_wish
from shared.web.audit import AUDIT_ROUTES
from tests.booking.rules.test_choices import SLOTS

DAY = date(2026, 10, 19)
UNITS = [
    {"id": f"s{number}", "name": name, "kind": "single", "starts": f"{starts}:00",
     "ends": f"{ends}:00"}
    for number, (name, (starts, ends, _)) in enumerate(SLOTS.items())
]  # fmt: skip
CENTRE = {
    "name": "Centre", "units": UNITS,
    "permitted": [{"weekdays": [1], "sets": [[one["id"]] for one in UNITS]}],
}  # fmt: skip
CARE = {
    "name": "Garderie", "units": UNITS[:2],
    "permitted": [{"weekdays": [1], "sets": [["s0"], ["s1"], ["s0", "s1"]]}],
}  # fmt: skip


def test_two_sliders_choose_where_one_slot_excludes_the_others() -> None:
    assert is_slotted(CENTRE)
    assert not is_slotted(CARE)
    assert not is_slotted(CENTRE | {"permitted": []})
    stops = stops_of(UNITS)
    assert stops.starts == ["07:15", "11:30", "13:30"]
    assert stops.ends == ["11:30", "13:30", "18:30"]


def test_times_of_one_s_own_stop_at_each_step() -> None:
    unit = {"starts": "16:30:00", "ends": "17:30:00", "step_minutes": 30}
    stops = stops_of([unit])
    assert (stops.starts, stops.ends) == (["16:30", "17:00"], ["17:00", "17:30"])


def slot(activity: str, unit: dict[str, Any], status: str, *, allowed: bool = True) -> Slot:
    entry = {
        "activity": activity, "unit": unit["id"], "status": status, "book": {"allowed": allowed},
        "cancel": {"allowed": True}, "units": [unit["id"]],
        "change": {"allowed": allowed} if status == "accepted" else None,
    }  # fmt: skip
    return Slot(Participant("zoe", "Zoé", "f", 0), activity, unit, DAY, entry)


def test_the_planning_shows_one_line_for_all_slots_or_the_one_that_is_booked() -> None:
    activities = {"centre": CENTRE, "care": CARE}
    care = [slot("care", one, "free") for one in CARE["units"]]  # type: ignore[attr-defined]
    free = [slot("centre", one, "free", allowed=one is UNITS[2]) for one in UNITS]
    *both, line = in_slots([*care, *free], activities)
    assert both == care
    assert (line.for_all, line.unit, line.wish, line.opens_times) == (True, UNITS[2], None, True)
    booked = [slot("centre", one, "accepted" if one is UNITS[1] else "free") for one in UNITS]
    (line,) = in_slots(booked, activities)
    assert (line.for_all, line.unit) == (False, UNITS[1])
    assert line.wish is not None
    assert line.wish.kind == "cancel"
    assert line.opens_times
    assert line.timed == Wish("change", "zoe", "centre", (), DAY, booked=(UNITS[1]["id"],))
    late = [slot("centre", one, "accepted" if one is UNITS[1] else "free", allowed=False)
            for one in UNITS]  # fmt: skip
    assert not in_slots(late, activities)[0].opens_times


def test_at_the_end_of_a_week_the_next_one_is_shown_unless_a_day_is_left() -> None:
    monday = slot("care", UNITS[0], "free")
    saturday = date(2026, 10, 24)
    assert is_over(saturday, [monday])
    assert not is_over(date(2026, 10, 23), [monday])
    left, full = (
        replace(slot("care", UNITS[0], "free", allowed=allowed), day=saturday)
        for allowed in (True, False)
    )
    assert not is_over(saturday, [monday, left])
    assert is_over(saturday, [monday, full])


def test_a_month_says_once_of_what_one_is_enrolled_and_has_booked_nothing() -> None:
    care = [slot("care", one, "free") for one in UNITS[:2]]
    booked = [slot("centre", UNITS[0], "free"), slot("centre", UNITS[1], "accepted")]
    assert enrolled_in([*care, *booked], DAY) == care[:1]
    assert enrolled_in(care, date(2026, 10, 20)) == []
    assert enrolled_in([slot("lake", UNITS[0], "not_enrolled")], DAY) == []


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-01", "0001-01-01", "2100-12-31"])
def test_no_address_leads_beyond_the_calendar(text: str) -> None:
    request = SimpleNamespace(query=MultiDict(jour=text))
    day = asked_day(SimpleNamespace(request=request, today=DAY))  # type: ignore[arg-type]
    around = [monday_of(day), day + timedelta(days=38), day.replace(day=1) - timedelta(days=1)]
    assert all(2000 <= one.year <= 2101 for one in around)


def test_of_a_recap_each_line_leads_back_to_what_was_ticked() -> None:
    line = {"child": "zoe", "activity": "lake", "date": "2026-10-19", "units": ["plain"]}
    no_meat = Wish("cancel", "zoe", "lake", ("meat",), DAY, booked=("morning", "meat"))
    plain = Wish("book", "zoe", "lake", ("plain",), DAY)
    change = line | {"units": ["morning", "plain"], "was": ["morning", "meat"]}
    assert [one.covers(change) for one in (no_meat, plain)] == [True, True]
    assert [one.covers(line) for one in (no_meat, plain)] == [False, True]
    period = Wish("book", "zoe", "lake", ("plain",), date(2026, 10, 1), date(2026, 10, 30))
    assert period.covers(line)
    assert not replace(period, weekdays=("tuesday",)).covers(line)
    assert not replace(period, last=date(2026, 10, 18)).covers(line)


def test_the_same_day_s_end_and_booking_are_one_change() -> None:
    """The old place is kept until the new one is granted."""
    parts = ("morning", "meat")
    no_meat, no_morning = (
        Wish("cancel", "zoe", "lake", (one,), DAY, booked=parts) for one in ("meat", "morning")
    )
    plain, other_day = (
        Wish("book", "zoe", "lake", ("plain",), day) for day in (DAY, date(2026, 10, 20))
    )
    assert read_wish(no_meat.text()) == no_meat
    body = body_of("f", [no_meat, plain, other_day])
    assert body["changes"] == [{
        "child": "zoe", "activity": "lake", "units": ["morning", "plain"],
        "day": "2026-10-19", "from_units": ["morning", "meat"],
    }]  # fmt: skip
    assert [one["day"] for one in body["asked"]] == ["2026-10-20"]
    assert body["ends"] == []
    # Of what was booked together a part may go, and all of it.
    assert body_of("f", [no_meat])["changes"][0]["units"] == ["morning"]
    whole = body_of("f", [no_meat, no_morning])
    assert (whole["changes"], whole["ends"][0]["units"]) == ([], ["meat", "morning"])


def test_what_may_not_be_changed_is_ended_and_booked() -> None:
    ended = Wish("cancel", "zoe", "lake", ("meat",), DAY)
    body = body_of("f", [ended, Wish("book", "zoe", "lake", ("plain",), DAY)])
    assert [len(body[kind]) for kind in ("asked", "changes", "ends")] == [1, 0, 1]


def test_other_times_replace_what_was_chosen_of_the_day() -> None:
    slots = Wish("change", "zoe", "centre", (), DAY, booked=("s1",))
    assert slots.excludes(Wish("cancel", "zoe", "centre", ("s1",), DAY))
    assert not slots.excludes(Wish("cancel", "zoe", "care", ("s1",), DAY))
    one = Wish("book", "zoe", "care", ("s0",), DAY)
    assert not one.excludes(Wish("book", "zoe", "care", ("s1",), DAY))


def test_times_go_through_an_address_into_the_request() -> None:
    wish = Wish("book", "zoe", "centre", (), DAY).at("07:15", "11:30")
    assert read_wish(wish.text()) == wish
    (asked,) = body_of("f", [wish])["asked"]
    assert asked == {
        "child": "zoe", "activity": "centre", "units": [], "day": "2026-10-19",
        "starts": "07:15", "ends": "11:30",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "values", "value"),
    [
        ({"kind": "text"}, {"v": ["  Zoé "]}, "Zoé"),
        ({"kind": "text"}, {"v": [" "]}, None),
        ({"kind": "yes_no"}, {"v": ["non"]}, False),
        ({"kind": "fact"}, {"v": ["oui"]}, True),
        ({"kind": "fact", "choices": [{"value": "a"}]}, {"v": ["a"]}, "a"),
        ({"kind": "iban"}, {"v": ["fr76 3000"]}, "FR763000"),
        ({"kind": "iban"}, {"v": ["FR76\u00a03000\u202f1"]}, "FR7630001"),
        ({"kind": "consent", "statement": {"version": "2"}}, {"v": ["non"]},
         {"given": False, "version": "2"}),
        ({"kind": "certificate", "statement": {"version": "2"}}, {"v": ["oui"]},
         {"certified": True, "version": "2"}),
        ({"kind": "certificate", "statement": {"version": "2"}}, {}, None),
        ({"kind": "doctor"}, {"v/name": ["Soin"], "v/phone": [""]}, {"name": "Soin"}),
        ({"kind": "care_plan"}, {"v/packed_meal": ["non"]}, None),
        ({"kind": "vaccinations"}, {"v/vaccine": ["dtp", ""], "v/on": ["2020-01-02", ""]},
         [{"vaccine": "dtp", "on": "2020-01-02"}]),
    ],
)  # fmt: skip
def test_a_field_is_told_as_the_api_reads_it(
    field: dict[str, Any], values: dict[str, list[str]], value: Any
) -> None:
    assert told({"choices": (), **field}, Form(values), "v") == value


def test_agents_read_of_each_mail_and_reading_in_french() -> None:
    assert set(words.MAIL_KINDS) == set(KINDS)
    whats = get_args(ReadOut.model_fields["what"].annotation)
    assert set(words.READINGS) == set(whats)


def test_what_is_ticked_of_a_week_is_one_choice_a_day() -> None:
    ticked = ["lake.morning.tuesday", "lake.meal.tuesday", "lake.morning.friday",
              "lake.morning.monday", "care.evening.monday"]  # fmt: skip
    times = {"weekly/care.evening.starts": ["16:30"], "weekly/care.evening.ends": ["18:00"],
             "weekly/lake.morning.starts": [""]}  # fmt: skip
    assert weekly_of(Form({"weekly": ticked, **times})) == [
        {"activity": "lake", "units": ["morning", "meal"], "weekdays": ["tuesday"]},
        {"activity": "lake", "units": ["morning"], "weekdays": ["friday", "monday"]},
        {"activity": "care", "units": ["evening"], "weekdays": ["monday"], "starts": "16:30",
         "ends": "18:00"},
    ]  # fmt: skip
    assert weekly_of(Form()) == []


def test_a_letter_says_yes_no_and_nothing() -> None:
    asked = [{"id": name, "kind": "yes_no"} for name in ("phone", "mail", "visit")]
    asked += [{"id": "first", "kind": "date"}, {"id": "why", "kind": "text"}]
    form = Form({
        "fields/phone": ["oui"], "fields/mail": ["non"], "fields/visit": [""],
        "fields/first": ["2026-10-19"], "fields/why": [""], "fields/unasked": ["x"],
    })  # fmt: skip
    assert fields_of(asked, form) == {"phone": True, "mail": False, "first": "2026-10-19"}


def test_a_period_offers_what_exists_on_some_weekday() -> None:
    care = CARE | {"id": "care", "permitted": [
        {"weekdays": [1], "sets": [["s0"]]}, {"weekdays": [3], "sets": [["s0"], ["s0", "s1"]]},
    ]}  # fmt: skip
    first, second = (one["name"] for one in UNITS[:2])
    assert choices_of(care) == [
        ("care.s0", f"Garderie – {first}"), ("care.s0.s1", f"Garderie – {first}, {second}"),
    ]  # fmt: skip


async def test_who_has_no_address_is_asked_for_one_before_paying() -> None:
    async def me(_: str) -> dict[str, None]:
        return {"email": None}

    (pay,) = (one.act for one in invoices.PAGES if one.path == "/factures/payer")
    assert pay is not None
    visit: Any = SimpleNamespace(form=Form({"invoices": ["i"]}), get=me)
    with pytest.raises(Problem) as refused:
        await pay(visit)
    assert [one.field for one in refused.value.errors] == ["/email"]


async def test_who_ticked_no_invoice_is_told_so() -> None:
    (pay,) = (one.act for one in invoices.PAGES if one.path == "/factures/payer")
    assert pay is not None
    visit: Any = SimpleNamespace(form=Form({}))
    with pytest.raises(Problem, match="nothing-ticked") as refused:
        await pay(visit)
    assert refused.value.detail == "Cochez au moins une facture."


async def test_no_payment_leads_to_the_invoices() -> None:
    (payment,) = (one.show for one in invoices.PAGES if one.path == "/factures/paiement")
    assert payment is not None
    visit: Any = SimpleNamespace(query={"payment": ""}, go=lambda path: path)
    assert await payment(visit) == "/factures"


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("12,50", 1250), ("12.5 €", 1250), ("7", 700), ("1\u202f234,56\u00a0€", 123456),
        ("-3,20", -320), ("−3,20\u00a0€", -320), ("", None), ("12,505", None), ("douze", None),
    ],
)  # fmt: skip
def test_an_amount_is_read_as_people_write_it_or_copy_it(text: str, cents: int | None) -> None:
    assert cents_written(text) == cents


def test_the_audit_has_words_for_all_that_agents_do() -> None:
    routes = [one for of in (*ROUTES.values(), AUDIT_ROUTES) for one in of]
    by_agents = [one for one in routes if one.access.roles or one.access.account]
    assert len(by_agents) > 100
    assert [one.path for one in by_agents if acted(one.method, one.path) is None] == []
    assert acted("DELETE", "/families/{family}/accounts/{account}") == (
        "a retiré : compte relié à une famille"
    )


def test_the_log_of_mails_says_why_one_is_not_sent() -> None:
    assert (
        failed("temporary 450") == failed("450, 6 tries") == ("réponse 450 du serveur de courriel")
    )
    assert failed("away") == "serveur de courriel injoignable"
    assert failed("waiting for a copy") == "attend une information"
    assert failed("KeyError") == "erreur inattendue"


def desk(path: str, problem: Problem | None = None) -> dict[str, Any]:
    """What a page of the desk is given to show, at this address."""
    given: dict[str, Any] = {}

    def render(*_: str, **values: Any) -> str:
        given.update(values)
        return ""

    portal: Any = SimpleNamespace(pages=SimpleNamespace(render=render, languages={}))
    town: Any = SimpleNamespace(town="veyras")
    request = make_mocked_request("GET", f"/veyras{path}", match_info={})
    show(Visit(portal, request, town, "visit", problem=problem), "payments")
    return given


def test_a_list_goes_on_and_back_with_its_filters() -> None:
    filtered = "/agents/paiements?famille=f&etat=paid"
    given = desk(f"{filtered}&apres=1&bilan=reversed.1")
    assert given["list_page"]() == f"/veyras{filtered}"
    assert given["list_page"]("2") == f"/veyras{filtered}&apres=2"


def test_what_was_done_is_said_in_number_and_never_beside_a_refusal() -> None:
    path = "/agents/demandes?bilan=accepted.2,refused.1&message=message-envoye"
    given = desk(path)
    assert [f"{count} {text}" for text, count, _ in given["said"]] == [
        "2 acceptées, réponse enregistrée", "1 refusée, réponse enregistrée",
    ]  # fmt: skip
    assert given["visit"].message == "Votre message est envoyé."
    refused = desk(path, Problem(422, {"code": "nothing-ticked"}))
    assert (refused["said"], refused["visit"].message) == ([], None)


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("/agents", ""), ("/agents/facturation", "/agents/facturation"),
        ("/agents/facturation/brouillons/d1", "/agents/facturation"),
        ("/agents/facturation/affaires/t1", "/agents/facturation/affaires"),
    ],
)  # fmt: skip
def test_one_entry_of_the_navigation_is_the_page_s(path: str, section: str) -> None:
    assert desk(path)["section"] == section
