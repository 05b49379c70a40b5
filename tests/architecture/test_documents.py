"""What the documents name exists: linked files and headings, ``preau`` commands, metrics."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
from prometheus_client.metrics import MetricWrapperBase

from services.cli import app
from shared import metrics

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"(?:^|[`\s])preau((?: (?:[a-z][a-z-]*|--[a-z][a-z-]*))+)", re.MULTILINE)
_METRIC = re.compile(r"\bpreau_[a-z_]*[a-z]\b")
#: Names in the documents that look like a metric's and are files.
_FILES = {"preau_signing_keys", "preau_identity_providers", "preau_api_particulier_tokens"}


def _documents() -> list[Path]:
    found = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout  # fmt: skip
    return [Path(name) for name in found.decode().split("\0") if name and (ROOT / name).exists()]


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("document", _documents(), ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    for link in _LINK.findall((ROOT / document).read_text()):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def _unknown(words: list[str]) -> str | None:
    """The first word that the command line does not know, or None."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if word.startswith("--"):
            options = {name for option in command.params for name in option.opts}
            if word not in options | {"--help"}:
                return word
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return word
            command = command.commands[word]
    return None


@pytest.mark.parametrize("document", _documents(), ids=str)
def test_commands_exist(document: Path) -> None:
    for code in _CODE.findall((ROOT / document).read_text()):
        for command in _COMMAND.findall(code):
            assert _unknown(command.split()) is None, f"preau{command}"


def test_a_command_or_option_that_is_not_there_is_noticed() -> None:
    assert _unknown(["parked", "list", "--service", "notify", "--all"]) is None
    assert _unknown(["parked", "forget"]) == "forget"
    assert _unknown(["digest", "--now"]) == "--now"


@pytest.mark.parametrize("document", _documents(), ids=str)
def test_metrics_exist(document: Path) -> None:
    ours = {
        name
        for collector in vars(metrics).values()
        if isinstance(collector, MetricWrapperBase)
        for family in collector.describe()
        for name in (family.name, f"{family.name}_total")
    }
    assert "preau_outbox_age_seconds" in ours
    named = set(_METRIC.findall((ROOT / document).read_text()))
    assert named - _FILES <= ours
