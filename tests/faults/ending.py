"""The part of a round that changes its mind: a week counted, a day changed, cancelled, a request
taken back; and a late day that is free once it is proved."""

from __future__ import annotations

from typing import Any

from tests.faults.stage import CAPACITY, Stage
from tests.samples import Household, activity

COUNTER = {
    "id": "weeks", "name": "Semaines", "counts": "weeks_booked", "per": "child",
    "window": "school_year",
}  # fmt: skip
_EVE = {
    "id": "eve", "valid_from": "2020-01-01", "source": "test",
    "cutoff": {"anchor": "day", "days_before": 1, "time": "18:00"},
}  # fmt: skip
#: An activity of two units that decides by itself and counts the weeks of each child.
WORKSHOP = activity(
    "atelier",
    decision="automatic",
    units=[{"id": "am", "name": "Matin"}, {"id": "pm", "name": "Après-midi"}],
    places=[{"id": "places", "units": ["am", "pm"], "capacity": CAPACITY, "source": "test"}],
    deadlines={"book": [_EVE | {"times": {"counter": "weeks", "to": 3}}], "cancel": [_EVE]},
)
#: An activity that decides by itself, for which everybody comes late and may prove why.
_LATE = {
    "id": "long-before", "valid_from": "2020-01-01", "source": "test",
    "cutoff": {"anchor": "day", "days_before": 366, "time": "18:00"},
    "after": [
        {"until": _EVE["cutoff"], "outcome": "free_with_proof",
         "proof": {"kinds": ["contract"], "days": 2}},
    ],
}  # fmt: skip
STUDY = activity(
    "etude", decision="automatic", deadlines={"book": [_LATE], "cancel": [_EVE]},
    places=[{"id": "places", "units": ["unit"], "capacity": CAPACITY, "source": "test"}],
)  # fmt: skip


async def prove_why(stage: Stage, family: Household, day: str, replica: int) -> None:
    """A family books late; an agent sees the paper, and accepts it."""
    request = await stage.ask(family, family.asks(day, activity="etude"), replica)
    assert [line["effect"] for line in request["lines"]] == ["to_prove"]
    paper = {"kind": "contract", "documents": [], "on_behalf": {"channel": "desk"}}
    path = f"requests/{request['id']}/proofs"
    given = await stage.post(path, paper, stage.token(), replica=1 - replica)
    (line,) = given["lines"]
    seen = {
        "request": request["id"], "line": line["line"], "revision": line["given"]["revision"],
        "outcome": "accepted",
    }  # fmt: skip
    body = {"decisions": [seen]}
    answer = await stage.post("proof-decisions", body, stage.token(), replica=replica)
    assert [one["result"] for one in answer["results"]] == ["accepted"]


async def change_their_mind(stage: Stage, family: Household, day: str, replica: int) -> None:
    """A family books a day of the workshop, changes it, cancels it; asks for a meal and takes
    that back."""
    child = family.children[0]
    one: dict[str, Any] = {"child": child, "activity": "atelier", "day": day}
    morning = {"family": family.id, "asked": [{**one, "units": ["am"]}]}
    afternoon = {"family": family.id, "changes": [{**one, "units": ["pm"]}]}
    nothing = {
        "family": family.id,
        "ends": [{"kind": "cancel", "child": child, "first": day, "activity": "atelier"}],
    }
    for body, on in ((morning, replica), (afternoon, 1 - replica), (nothing, replica)):
        answer = await stage.ask(family, body, on)
        assert [line["state"] for line in answer["lines"]] == ["accepted"]
    meal = await stage.ask(family, family.asks(day), 1 - replica)
    path = f"requests/{meal['id']}/withdrawals"
    back = await stage.post(path, {}, stage.token(family), replica=replica)
    assert [line["state"] for line in back["lines"]] == ["withdrawn"]
