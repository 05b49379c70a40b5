"""Ids, money, French, clocks, settings, logs, fail points: each does its one thing."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared import failpoints, logs
from shared.clock import MachineClock, MovedClock, write_offset
from shared.french import (
    agreed,
    counted,
    day_digits,
    day_words,
    instant_words,
    month_name,
    of_month,
    time_words,
)
from shared.ids import derived_id, new_id
from shared.money import Cents, euros
from shared.settings import CommonSettings

PARIS = ZoneInfo("Europe/Paris")


# -- ids ---------------------------------------------------------------------------------------


def test_fresh_ids_sort_by_time_and_differ() -> None:
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert ids == sorted(ids)
    assert all(len(one) == 32 and int(one, 16) for one in ids)


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_derived_ids_are_equal_exactly_when_their_parts_are(a: list[str], b: list[str]) -> None:
    if any("\x1f" in part for part in a + b):
        return  # the separator; no part of ours holds it
    if not a or not b:
        return
    assert (derived_id(*a) == derived_id(*b)) == (a == b)


# -- money and French --------------------------------------------------------------------------


@given(st.integers(-(10**12), 10**12))
def test_an_amount_can_be_read_back(cents: int) -> None:
    text = euros(cents)
    assert text.endswith("\u00a0€")
    digits = text.removesuffix("\u00a0€").replace("\u202f", "").replace(",", "")
    assert int(digits) == cents
    whole = text.removesuffix("\u00a0€").partition(",")[0].lstrip("-").split("\u202f")
    assert all(len(group) == 3 for group in whole[1:])
    assert 1 <= len(whole[0]) <= 3


def test_amounts() -> None:
    assert euros(123450) == "1\u202f234,50\u00a0€"
    assert euros(-5) == "-0,05\u00a0€"
    assert euros(0) == "0,00\u00a0€"
    for no_amount in (1.5, "3", True):
        with pytest.raises(ValidationError):
            TypeAdapter(Cents).validate_python(no_amount)


@given(st.dates(date(1900, 1, 1)))
def test_a_day_in_words_names_the_day(day: date) -> None:
    words = day_words(day).split()
    assert len(words) == 4
    assert words[1] == ("1er" if day.day == 1 else str(day.day))
    assert day_words(day).endswith(month_name(day))
    assert datetime.strptime(day_digits(day), "%d/%m/%Y").date() == day  # noqa: DTZ007


def test_french() -> None:
    assert day_words(date(2026, 9, 17)) == "jeudi 17 septembre 2026"
    assert day_words(date(2026, 8, 1)) == "samedi 1er août 2026"
    assert (time_words(time(13)), time_words(time(18, 1))) == ("13 h", "18 h 01")
    instant = datetime(2026, 9, 8, 21, 59, tzinfo=UTC)
    assert instant_words(instant, PARIS) == "mardi 8 septembre 2026 à 23 h 59"
    assert [counted(n, "demande") for n in (0, 1, 2)] == ["0 demande", "1 demande", "2 demandes"]
    assert counted(2, "cheval", "chevaux") == "2 chevaux"
    assert [agreed(n, "retirée(s) hier") for n in (1, 2)] == ["retirée hier", "retirées hier"]
    assert [of_month(date(2026, month, 1)) for month in (3, 4, 8, 10)] == [
        "de mars 2026", "d'avril 2026", "d'août 2026", "d'octobre 2026",
    ]  # fmt: skip


# -- clocks ------------------------------------------------------------------------------------


def test_the_towns_clock_moves_and_runs_on_the_machines_does_not(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    there = datetime(2026, 9, 14, 10, 55, tzinfo=UTC)
    write_offset(file, there)
    clock, another = MovedClock(file), MovedClock(file)
    cut = timedelta(milliseconds=2)
    assert -cut <= clock.town() - there < timedelta(seconds=5)
    assert abs(clock.machine() - datetime.now(UTC)) < timedelta(seconds=5)
    write_offset(file, there + timedelta(days=1))
    for one in (clock, another):
        assert timedelta(days=1) - cut <= one.town() - there < timedelta(days=1, seconds=5)


def test_instants_are_what_the_database_keeps() -> None:
    clock = MachineClock()
    for instant in (clock.town(), clock.machine()):
        assert instant.tzinfo is UTC
        assert instant.microsecond % 1000 == 0


# -- settings ----------------------------------------------------------------------------------


def _settings(**given_values: object) -> CommonSettings:
    return CommonSettings(MONGODB_URL="mongodb://x", **given_values)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("PREAU_") or name in {"AMQP_URL", "MONGODB_URL"}:
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "aid",
    [
        {"AMQP_URL": None},
        {"PREAU_CLOCK_FILE": "/tmp/clock"},
        {"PREAU_FAIL_FILE": "/tmp/fail"},
    ],
)
def test_production_refuses_every_development_aid(aid: dict[str, object]) -> None:
    good = {"PREAU_ENV": "production", "AMQP_URL": "amqp://x"}
    assert _settings(**good).amqp_url
    with pytest.raises(ValidationError, match="production"):
        _settings(**{**good, **aid})


def test_no_secret_is_shown() -> None:
    shown = repr(_settings(AMQP_URL="amqp://guest:hidden@x"))
    assert "hidden" not in shown


def test_secrets_come_from_files_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "mongodb_url").write_text("mongodb://from-file\n")
    (tmp_path / "amqp_url").write_text("amqp://from-file")
    code = (
        "from shared.settings import CommonSettings as S; s = S();"
        "print(s.mongodb_url.get_secret_value(), s.amqp_url.get_secret_value())"
    )
    root = Path(__file__).parents[2]
    env = {"PATH": "", "PYTHONPATH": str(root), "PREAU_SECRETS_DIR": str(tmp_path)}
    for extra, expected in (
        ({}, "mongodb://from-file amqp://from-file"),
        ({"MONGODB_URL": "mongodb://from-env"}, "mongodb://from-env amqp://from-file"),
    ):
        ran = subprocess.run(
            [sys.executable, "-c", code], env=env | extra, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert ran.stdout.strip() == expected


@pytest.mark.parametrize("name", ["", "Upper", "a b", "9a", "x" * 32])
def test_a_namespace_is_a_name(name: str) -> None:
    with pytest.raises(ValidationError):
        _settings(PREAU_NAMESPACE=name)


# -- logs --------------------------------------------------------------------------------------


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """What is logged, as a service would log it."""
    written = io.BytesIO()

    class Stream:
        buffer = written

    before = structlog.get_config()
    monkeypatch.setattr(sys, "stderr", Stream())
    logs.configure("sample")
    monkeypatch.undo()
    yield written
    structlog.configure(**before)


def test_a_line_is_json_with_a_static_name_and_ids(lines: io.BytesIO) -> None:
    logs.get_logger().info("mail-sent", mail="m1", town="veyras")
    line = orjson.loads(lines.getvalue())
    assert (line["event"], line["mail"], line["service"]) == ("mail-sent", "m1", "sample")
    assert line["timestamp"].endswith("Z")


def test_other_keys_cannot_be_logged(lines: io.BytesIO) -> None:
    with pytest.raises(ValueError, match="email"):
        logs.get_logger().info("mail-sent", email="camille@example.org")
    assert not lines.getvalue()


def test_an_exception_is_logged_without_its_message(lines: io.BytesIO) -> None:
    try:
        raise ValueError("Camille Martin")
    except ValueError as error:
        logs.get_logger().error("failed", exc_info=error)
        logs.get_logger().error("failed", exc_info=True)
    for line in lines.getvalue().splitlines():
        assert b"Camille" not in line
        assert orjson.loads(line)["error"] == "ValueError"
        assert orjson.loads(line)["where"].startswith("tests.shared.test_small_parts:")


# -- fail points -------------------------------------------------------------------------------


def test_every_step_has_two_points() -> None:
    failpoints.step("sample.points.two")
    names = [point for point in failpoints.points() if point.startswith("sample.points.two")]
    assert names == ["sample.points.two.after", "sample.points.two.before"]
    with pytest.raises(ValueError, match="twice"):
        failpoints.step("sample.points.two")


@pytest.mark.parametrize("point", ["sample.points.two", "nothing.before", "", "x:2"])
def test_arming_what_is_no_point_is_an_error(point: str) -> None:
    with pytest.raises(ValueError, match="no such fail point"):
        failpoints.arm(point)


@pytest.mark.parametrize(("arm", "printed"), [("t.x.before:3", "12"), ("t.x.after", "")])
def test_a_process_dies_at_the_named_passage(arm: str, printed: str) -> None:
    code = (
        "from shared import failpoints; s = failpoints.step('t.x');"
        f"failpoints.arm('{arm}');"
        "[(s.before(), s.after(), print(n, end='', flush=True)) for n in range(1, 9)]"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(root)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (-9, printed), ran.stderr
