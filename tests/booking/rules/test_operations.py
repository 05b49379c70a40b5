"""``preau rules``: what it says of files that are wrong, and of questions that make no sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.booking.operations import app
from tests.booking.rules.helpers import rule
from tests.samples import activity, town_file

UNTIL_NINE = {"anchor": "day", "days_before": 0, "time": "09:00"}


def explained(folder: Path, action: str, now: str, **facts: Any) -> str:
    """What is printed for Thursday 17 September 2026; an absence may be reported until nine."""
    late = rule({"anchor": "always"})
    canteen = activity("cantine", deadlines={"book": [late], "absence": [rule(UNTIL_NINE)]})
    town, known = folder / "town.json", folder / "facts.json"
    town.write_text(town_file(activities=[canteen]).model_dump_json(exclude_unset=True))
    known.write_text(json.dumps(facts))
    question = ["--town", str(town), "--activity", "cantine", "--action", action]
    about = ["--date", "2026-09-17", "--now", now, "--facts", str(known)]
    return CliRunner().invoke(app, ["rules", "explain", *question, *about]).output


@pytest.mark.parametrize(
    ("now", "outcome"), [("2026-09-17T09:00", "billed"), ("2026-09-17T09:01", "refuse")]
)
def test_an_absence_is_reported_until_its_deadline(tmp_path: Path, now: str, outcome: str) -> None:
    assert json.loads(explained(tmp_path, "absence", now))["outcome"] == outcome


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"units": ["repas"]}, "facts.json: units: 'repas' is not in the town file"),
        ({"counts": {"late": 1}}, "facts.json: counts: 'late' is not in the town file"),
        ({"school": "ecole"}, "facts.json: school: 'ecole' is not in the town file"),
        (
            {"absence": {"first": "2026-09-17", "reason": "flu"}},
            "facts.json: absence.reason: 'flu' is not in the town file",
        ),
        ({"ages": 7}, "facts.json: ages: champ inconnu."),
    ],
)
def test_facts_that_name_what_is_not_there_are_refused(
    tmp_path: Path, facts: dict[str, Any], said: str
) -> None:
    assert said in explained(tmp_path, "book", "2026-09-14T10:00", **facts)


def test_a_child_for_whom_it_is_not_gets_an_answer_like_any_other(tmp_path: Path) -> None:
    found = json.loads(explained(tmp_path, "book", "2026-09-14T10:00", level="CM2"))
    assert (found["allowed"], found["code"], found["zone"]) == (
        False, "not-eligible", "Europe/Paris",
    )  # fmt: skip
