"""``preau price``: what it prints, and what it says of files that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.billing.operations import app
from tests.billing.data import file_with
from tests.billing.prices import tariff

GRID = [{"to": 440, "cents": 110}, {"over": 440, "cents": 320}]


def run(folder: Path, command: str, facts: Any = None, **changes: Any) -> tuple[int, str]:
    """How ``preau price`` ends, and what it prints."""
    file = file_with(tariffs=[tariff(brackets=GRID)]).model_dump(mode="json", exclude_unset=True)
    town, known = folder / "town.json", folder / "facts.json"
    town.write_text(json.dumps(file | changes))
    known.write_text(json.dumps(facts))
    asked = ["--town", str(town), "--facts", str(known)] if facts is not None else [str(town)]
    done = CliRunner().invoke(app, ["price", command, *asked])
    return done.exit_code, done.output


def basket(**changes: Any) -> dict[str, Any]:
    return {
        "family": {"quotients": [{"value": "440.01", "since": "2026-01-01"}]},
        "children": [{"id": "zoe"}],
        "lines": [{"ref": "1", "child": "zoe", "activity": "cantine", "units": ["repas"],
                   "day": "2026-09-17"} | changes],
    }  # fmt: skip


def test_a_price_is_explained(tmp_path: Path) -> None:
    late = {"rule": "late", "kind": "percent", "percent": 50}
    code, printed = run(tmp_path, "explain", basket(surcharge=late, quantity=2))
    found = json.loads(printed)
    assert code == 0
    assert (found["total_cents"], found["unpriced"], found["order"][0]) == (960, [], "price")
    assert found["rounding"] == {"mode": "half_up", "to_cents": 1, "at": "operation"}
    (line,) = found["lines"]
    assert (line["rule"], line["source"], line["count"]) == ("repas", "test", 2)
    assert line["reason"] == "Tranche au-dessus de 440 (quotient 440,01) ; Majoration de 50 %"
    assert [(one["operation"], one["rule"], one["cents"]) for one in line["trace"]] == [
        ("price", "repas", "320"), ("surcharges", "late", "480"),
    ]  # fmt: skip


def test_a_valid_file_is_said_to_be_so_and_a_hole_is_shown(tmp_path: Path) -> None:
    code, printed = run(tmp_path, "check")
    assert code == 0
    assert "the 1 prices of Veyras are valid" in printed
    holed = [{"to": 440, "cents": 110}, {"from": 441, "cents": 320}]
    code, printed = run(tmp_path, "check", tariffs=[tariff(brackets=holed)])
    assert code == 1
    assert "tariffs[0].brackets : aucun prix au-dessus de 440 et au-dessous de 441" in printed


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (basket(units=["dessert"]), "lines.0.units: 'dessert' is not in the town file"),
        (basket(activity="piscine"), "lines.0.activity: 'piscine' is not in the town file"),
        (basket(child="leo"), "lines.0.child: 'leo' is not among `children`"),
        (basket(amount=3), "lines.0.amount: champ inconnu."),
        (basket() | {"family": {"counts": {"late": 1}}}, "counts: 'late' is not in the town file"),
    ],
)
def test_facts_that_name_what_is_not_there_are_refused(
    tmp_path: Path, facts: Any, said: str
) -> None:
    code, printed = run(tmp_path, "explain", facts)
    assert code == 1
    assert said in printed
