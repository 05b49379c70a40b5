"""The catalogue: what the town offers, for whom, on which days, with how many places."""

from __future__ import annotations

from typing import Any

import pytest

from services.booking.domain.catalogue import eligible_words, group_words
from shared.contracts.town_file import Eligible, Group
from tests.booking.enrolments import group
from tests.booking.helpers import recap, try_ask
from tests.samples import API, activity, ask, family, say_town, town_file
from tests.world import World

DAY = "2026-09-17"
OUTING = "Pour les sorties, merci de vous inscrire auprès de l'accueil périscolaire."
SCHOOLS = [
    {"id": "tilleuls", "name": "École des Tilleuls"}, {"id": "ormes", "name": "École des Ormes"},
]  # fmt: skip


async def catalogue(world: World, query: str = "") -> dict[str, dict[str, Any]]:
    """The activities, by id, as an account without a family sees them."""
    answer = await world.call("GET", f"{API}/veyras/activities{query}", token=world.token())
    assert answer.status == 200, answer.json
    return {one["id"]: one for one in answer.json["items"]}


def centre() -> dict[str, Any]:
    units = [
        {"id": "m", "name": "Matin", "starts": "07:15", "ends": "11:30"},
        {"id": "repas", "name": "Repas", "meal": True},
        {"id": "apres", "name": "Après-midi", "kind": "time_range", "starts": "13:30",
         "ends": "18:30", "earliest_departure": "16:30", "step_minutes": 30},
    ]  # fmt: skip
    return activity(
        "centre", service="holidays", site="Centre aéré", units=units,
        relations={"implies": [{"unit": "repas", "any_of": ["m", "apres"]}]},
        eligible={"from_age": 3, "to_age": 11, "schools": ["tilleuls", "ormes"],
                  "levels": ["CP", "CE1"]},
        places=[
            {"id": "petits", "units": ["m", "repas", "apres"], "capacity": 8,
             "group": {"to_age": 5}, "source": "test"},
            {"id": "tous", "units": ["m", "repas", "apres"], "capacity": 24,
             "on": [{"weekdays": ["friday"], "capacity": 12}], "source": "test"},
        ],
        week={"least_days": 2},
        absences={"reasons": [{"id": "maladie", "name": "Maladie"}]},
        horizons=["week", "period"], horizon_days=90, billing="pay_at_booking",
    )  # fmt: skip


async def test_it_says_all_that_a_page_needs(running: World) -> None:
    file = town_file(
        schools=SCHOOLS,
        activities=[centre(), activity("cantine")],
        enrolments=[group(activities=["cantine"]), group(id="libre", name="Libre",
                                                         compulsory=False)],
    )  # fmt: skip
    await say_town(running, file, version=2)
    found = (await catalogue(running))["centre"]
    assert (found["site"], found["service"], found["billing"], found["decision"]) == (
        "Centre aéré", "holidays", "pay_at_booking", "agent",
    )  # fmt: skip
    assert found["eligible"] == (
        "Enfants de 3 à 11 ans, École des Tilleuls ou École des Ormes, en CP ou CE1."
    )
    assert (found["from_age"], found["to_age"], found["levels"]) == (3, 11, ["CP", "CE1"])
    units = {unit["id"]: unit for unit in found["units"]}
    assert units["m"]["words"] == "Matin, de 7 h 15 à 11 h 30"
    assert (units["apres"]["kind"], units["apres"]["earliest_departure"]) == (
        "time_range", "16:30:00",
    )  # fmt: skip
    assert units["repas"]["meal"]
    (permitted,) = found["permitted"]
    assert permitted["weekdays"] == [1, 2, 3, 4, 5, 6, 7]
    assert [sorted(one) for one in permitted["sets"]] == [
        ["m"], ["apres"], ["m", "repas"], ["apres", "m"], ["apres", "repas"],
        ["apres", "m", "repas"],
    ]  # fmt: skip
    assert found["week"] == {"least_days": 2, "most_days": 7, "whole": False}
    assert (found["horizons"], found["horizon_days"]) == (["week", "period"], 90)
    assert found["absence_reasons"] == [{"id": "maladie", "name": "Maladie"}]
    assert [(one["id"], one["children"]) for one in found["counters"]] == [
        ("petits", "Participants jusqu'à 5 ans."), ("tous", None),
    ]  # fmt: skip
    assert (found["enrolments"], found["channel"], found["desk_only"]) == ([], "both", None)
    assert found["days"] is None
    assert (await catalogue(running))["cantine"]["enrolments"] == ["cantine-2026"]


async def test_the_calendar_and_the_places_of_each_day(running: World) -> None:
    calendars = [
        {"id": "school-days", "weekdays": ["monday", "tuesday", "thursday", "friday"],
         "school_zone": "A",
         "closed": [
             {"first": "2026-09-18", "last": "2026-09-18", "reason": "Grève"},
             {"first": "2026-09-21", "last": "2026-09-21", "reason": "Pont",
              "schools": ["ormes"]},
         ]}
    ]  # fmt: skip
    counters = [
        {"id": "places", "units": ["unit"], "capacity": 5, "source": "test",
         "on": [{"weekdays": ["tuesday"], "capacity": 3}]}
    ]  # fmt: skip
    care = activity(
        "garderie", decision="automatic", places=counters,
        eligible={"schools": ["tilleuls", "ormes"]},
    )  # fmt: skip
    file = town_file(schools=SCHOOLS, calendars=calendars, activities=[care])
    await say_town(running, file, version=2)
    home = await family(running)
    await ask(running, home, home.asks(DAY, activity="garderie"))
    found = (await catalogue(running, "?first=2026-09-16&last=2026-09-22"))["garderie"]["days"]
    assert [(one["date"][8:], one["closed"], one["closed_for"]) for one in found] == [
        ("16", "Pas de service ce jour de la semaine.", []),
        ("17", None, []),
        ("18", "Fermé : Grève.", []),
        ("19", "Pas de service ce jour de la semaine.", []),
        ("20", "Pas de service ce jour de la semaine.", []),
        ("21", None, ["ormes"]),
        ("22", None, []),
    ]
    places = {one["date"][8:]: one["places"] for one in found}
    assert places["17"] == [{"counter": "places", "capacity": 5, "left": 4}]
    assert places["22"] == [{"counter": "places", "capacity": 3, "left": 3}]
    assert places["18"] == []


async def test_filters_leave_out_what_is_not_for_one(running: World) -> None:
    await say_town(
        running,
        town_file(
            schools=SCHOOLS,
            activities=[centre(), activity("cantine"), activity("etude", eligible={"from_age": 6})],
        ),
        version=2,
    )
    for query, names in (
        ("site=Centre%20a%C3%A9r%C3%A9", {"centre"}),
        ("service=holidays", {"centre"}),
        ("school=ormes", {"centre", "etude"}),
        ("age=4", {"centre", "cantine"}),
        ("age=12", {"cantine", "etude"}),
        ("level=CM2", {"cantine", "etude"}),
        ("level=CP&age=7&school=tilleuls", {"centre", "cantine", "etude"}),
    ):
        assert set(await catalogue(running, f"?{query}")) == names, query


@pytest.mark.parametrize(
    "query",
    ["first=2026-09-01", "first=2026-09-02&last=2026-09-01", "first=2026-09-01&last=2026-11-02",
     "level=CP2", "age=-1", "price=1"],
)  # fmt: skip
async def test_a_question_that_makes_no_sense_is_refused(running: World, query: str) -> None:
    answer = await running.call("GET", f"{API}/veyras/activities?{query}", token=running.token())
    assert (answer.status, answer.json["code"]) == (422, "invalid-input")


async def test_what_is_booked_at_the_desk_only_is_refused_on_line_with_where_to_go(
    running: World,
) -> None:
    file = town_file(activities=[activity("sorties", decision="automatic", desk_only=OUTING)])
    await say_town(running, file, version=2)
    home = await family(running)
    found = (await catalogue(running))["sorties"]
    assert (found["channel"], found["desk_only"]) == ("desk", OUTING)
    refused = await try_ask(running, home, home.asks(DAY, activity="sorties"))
    assert (refused.status, refused.json["code"]) == (409, "nothing-bookable")
    reason = refused.json["not_retained"][0]["reason"]
    assert (reason["code"], reason["text"]) == ("desk-only", OUTING)
    foreseen = (await recap(running, home, home.asks(DAY, activity="sorties"))).json
    assert foreseen["not_retained"] == refused.json["not_retained"]
    about = f"family={home.id}&child={home.children[0]}&first={DAY}&last={DAY}"
    (day,) = (
        await running.call("GET", f"{API}/veyras/planning?{about}", token=home.token(running))
    ).json["entries"]
    assert (day["book"]["allowed"], day["book"]["explanation"]) == (False, OUTING)
    agent = running.token(roles=("childcare_office",))
    done = await try_ask(running, home, home.asks(DAY, activity="sorties"), token=agent)
    assert done.json["lines"][0]["state"] == "accepted"


@pytest.mark.parametrize(
    ("eligible", "words"),
    [
        ({}, "Tous les enfants."),
        ({"adults": True}, "Tous les enfants. Tous les adultes du foyer."),
        (
            {"children": False, "adults": True, "which_adults": {"from_age": 60}},
            "Adultes du foyer à partir de 60 ans.",
        ),
        (
            {"to_age": 5, "adults": True, "which_adults": {"audiences": ["residents"]}},
            "Enfants jusqu'à 5 ans. Adultes du foyer, Habitants.",
        ),
        ({"from_age": 3}, "Enfants à partir de 3 ans."),
        ({"to_age": 5}, "Enfants jusqu'à 5 ans."),
        ({"from_age": 6, "to_age": 6}, "Enfants de 6 ans."),
        ({"schools": ["tilleuls"]}, "Enfants, École des Tilleuls."),
        ({"levels": ["CP", "CE1", "CE2"]}, "Enfants, en CP, CE1 ou CE2."),
        ({"to_age": 5, "audiences": ["residents"]}, "Enfants jusqu'à 5 ans, Habitants."),
    ],
)
def test_for_whom_in_words(eligible: dict[str, Any], words: str) -> None:
    residents = {
        "id": "residents",
        "name": "Habitants",
        "all": [{"fact": "resident", "is": [True]}],
    }
    file = town_file(audiences=[residents], schools=SCHOOLS)
    assert eligible_words(file, Eligible.model_validate(eligible)) == words
    assert group_words(file, Group()) is None


async def test_a_file_that_is_not_published_is_tried(running: World) -> None:
    before = await say_town(running, town_file())
    canteen = activity("cantine")
    text = town_file(activities=[canteen]).model_dump_json(exclude_unset=True, indent=1)
    question = {
        "file": text, "activity": "cantine", "action": "book", "date": DAY,
        "now": "2026-09-16T18:01", "facts": {"units": ["unit"], "school": "tilleuls"},
    }  # fmt: skip
    token = running.token(roles=("administrator",))

    async def tried(**changes: Any) -> Any:
        path = f"{API}/veyras/rule-trials"
        return await running.call("POST", path, token=token, json=question | changes)

    late = (await tried()).json
    assert (late["allowed"], late["rule"], late["source"]) == (False, "eve", "test")
    assert "18 h" in late["explanation"]
    assert (late["cutoff"], late["zone"]) == ("2026-09-16T18:00:00+02:00", "Europe/Paris")
    assert (await tried(now="2026-09-16T18:00")).json["allowed"] is True
    assert (await tried(now=None)).json["allowed"] is True, "the town's clock says Monday"
    elsewhere = await tried(facts={"school": "ormes"})
    assert (elsewhere.status, elsewhere.json["field"]) == (422, "/facts/school")
    wrong = await tried(file=text.replace('"capacity": 50', '"capacity": "beaucoup"'))
    assert (wrong.status, wrong.json["code"]) == (422, "town-file-wrong")
    (error,) = wrong.json["errors"]
    lines = text.splitlines()
    assert '"capacity"' in lines[error["line"] - 1]
    assert error["column"] == lines[error["line"] - 1].index("50") + 1
    assert "activities[0].places[0].capacity" in error["message"]
    assert before is None or (await catalogue(running)).keys() != {"cantine"}, "nothing is kept"
