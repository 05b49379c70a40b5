"""The guides of the town file as data: their examples, tables and commands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter

from shared.town_files import read_yaml
from tests.booking.rules.cases import Case

DOCS = Path(__file__).parents[3] / "docs"
FILE, SHAPES = DOCS / "town-file.md", DOCS / "town-rules.md"
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^### (.+)$", re.MULTILINE)
_SHAPE = re.compile(r"([A-Z]\d+[a-z]?) – ")
_TABLE = re.compile(r"^<!-- fields: (\w+) -->\n((?:\|.*\n)+)", re.MULTILINE)
_CASES = TypeAdapter(list[Case])
#: What a case says of no single activity.
_WHOLE = ("expect", "refused_prices")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fence:
    """A block of the guide and what follows its three backquotes."""

    info: str
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """A section of the shapes' guide: parts of a town file, and what comes of them."""

    title: str
    said: str
    fences: tuple[Fence, ...]

    @property
    def shape(self) -> str | None:
        """The id of the shape that it shows."""
        found = _SHAPE.match(self.title)
        return found[1] if found else None

    @property
    def activity(self) -> str:
        """The activity that it is about."""
        places = [fence.info.removeprefix("yaml ") for fence in self.fences]
        return next((one for one in places if one not in ("town", "answer", "refusal")), "canteen")

    @property
    def refusals(self) -> list[str]:
        """What its file is refused with."""
        return [fence.text.strip() for fence in self.fences if fence.info == "refusal"]

    def content(self) -> bytes:
        """The whole town file that it makes of the one that the guide begins with."""
        file = _base()
        for fence in self.fences:
            if not fence.info.startswith("yaml ") or fence.info == "yaml answer":
                continue
            where, part = fence.info.removeprefix("yaml "), read_yaml(fence.text.encode())
            if where == "town":
                file = _added(file, part)
                continue
            assert where in [one["id"] for one in file["activities"]], fence.info
            file["activities"] = [
                _joined(one, part) if one["id"] == where else one for one in file["activities"]
            ]
        return orjson.dumps(file)

    def cases(self) -> list[Case]:
        """Its questions and answers."""
        asked = [
            one
            for fence in self.fences
            if fence.info == "yaml answer"
            for one in read_yaml(f"answers:\n{fence.text}".encode())["answers"]
        ]
        about = {"activity": self.activity}
        return _CASES.validate_python(
            [
                {kind: about | body if kind not in _WHOLE else body for kind, body in one.items()}
                for one in asked
            ]
        )


def fences(text: str) -> list[Fence]:
    """Every block of a guide."""
    return [Fence(info, body) for info, body in _FENCE.findall(text)]


def examples() -> list[Example]:
    """Every section of the shapes' guide, in order."""
    _, *parts = _HEADING.split(SHAPES.read_text(encoding="utf-8"))
    return [
        Example(title, body.partition("```")[0].strip(), tuple(fences(body)))
        for title, body in zip(parts[::2], parts[1::2], strict=True)
    ]


def table_of_shapes() -> str:
    """Every example of a shape, as the file's guide lists them."""
    rows = [
        f"| {one.shape} | [{one.title.partition(' – ')[2]}]({SHAPES.name}#{_anchor(one.title)}) |"
        for one in examples()
        if one.shape
    ]
    return "\n".join(["| id | shape |", "|---|---|", *rows]) + "\n"


def _anchor(heading: str) -> str:
    """Where a heading is to be found in a page."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def town_file() -> str:
    """The examples of the file's guide, one after the other."""
    return "".join(one.text for one in _file_fences() if one.info == "yaml")


def files() -> dict[str, str]:
    """The files that the guide's commands are about, by name: the town file, what is known as
    JSON, and the town file with the mistakes that are shown."""
    found = {"my-town.yaml": town_file()}
    for one in _file_fences():
        kind, _, name = one.info.partition(" ")
        if kind == "json" and name:
            found[f"{name}.json"] = one.text
        if kind == "diff":
            found[f"{name}.yaml"] = _changed(town_file(), one.text)
    return found


def _changed(text: str, diff: str) -> str:
    """Lines that are there once taken out (``-``), with others (``+``) in the place of the last."""
    for line in diff.splitlines():
        sign, written = line[0], f"{line[1:]}\n"
        if sign == "-":
            assert text.count(written) == 1, written
            before, after = text.split(written)
        else:
            before += written
        text = before + after
    return text


def commands() -> list[tuple[str, str]]:
    """(command, what it prints), as the guide shows them."""
    shown = [one.text.partition("\n") for one in _file_fences() if one.info == "console"]
    return [(first.removeprefix("$ "), printed) for first, _, printed in shown]


def tables() -> Iterator[tuple[str, dict[str, tuple[str, str, str]]]]:
    """(part of the file, its fields: values, default, meaning), as the guide shows them."""
    for part, table in _TABLE.findall(FILE.read_text(encoding="utf-8")):
        head, _, *rows = table.splitlines()
        assert head == "| field | values | default | meaning |", part
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
        fields = {
            field.strip("`"): (values, default, said) for field, values, default, said in cells
        }
        assert len(fields) == len(rows), part
        yield part, fields


def _file_fences() -> list[Fence]:
    return fences(FILE.read_text(encoding="utf-8"))


def _base() -> dict[str, Any]:
    every = fences(SHAPES.read_text(encoding="utf-8"))
    (found,) = [one.text for one in every if one.info == "yaml base"]
    return dict(read_yaml(found.encode()))


def _added(file: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """Lists added to those there are."""
    return {
        **file,
        **{
            name: [*file.get(name, []), *value] if isinstance(value, list) else value
            for name, value in part.items()
        },
    }


def _joined(whole: T, part: T) -> T | dict[str, Any]:
    """Groups field by field; anything else in place of what was there."""
    if not isinstance(whole, dict) or not isinstance(part, dict):
        return part
    return {
        **whole,
        **{name: _joined(whole.get(name), value) for name, value in part.items()},
    }
