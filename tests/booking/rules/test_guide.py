"""The guides of the town file tell the truth: every example is a valid file, its rules give the
answers written beside it, every field is named with its default, and every command prints what is
shown."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from typer.testing import CliRunner

from services.cli import app
from shared.contracts.family import Level
from shared.contracts.town_file import TownFile
from shared.contracts.town_file.cutoffs import BUILT_IN
from shared.town_files import BadTownFile, json_schema, read_town_file
from tests.booking.rules import guide
from tests.booking.rules.guide import Example
from tests.booking.rules.helpers import rulebook
from tests.booking.rules.test_towns import check

EXAMPLES = guide.examples()
SHAPES = {
    *(f"D{number}" for number in range(1, 19)), "D4h", "D6t", "K1", "K2",
    *(f"L{number}" for number in range(1, 8)),
    *(f"A{number}" for number in range(15)),
    *(f"S{number}" for number in range(1, 8)),
    "C1", "C5", "C8", "C9", "C10",
    *(f"T{number}" for number in range(1, 20)),
}  # fmt: skip


def test_every_shape_has_an_example() -> None:
    assert {example.shape for example in EXAMPLES} - {None} == SHAPES


def test_the_schema_names_every_shape() -> None:
    assert set(re.findall(r"\w+", json_schema())) >= SHAPES


def test_the_guide_lists_every_example_of_a_shape() -> None:
    text = guide.FILE.read_text(encoding="utf-8")
    listed = text.partition("<!-- shapes -->\n")[2].partition("<!-- /shapes -->")[0]
    assert listed == guide.table_of_shapes()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_an_example_is_a_file_that_gives_these_answers_or_is_refused(example: Example) -> None:
    cases = example.cases()
    assert example.said
    assert bool(cases) != bool(example.refusals)
    if example.refusals:
        with pytest.raises(BadTownFile) as refused:
            read_town_file(example.content())
        found = [f"{error.path}: {error.sentence}" for error in refused.value.errors]
        assert len(found) == len(example.refusals)
        assert all(said in one for said, one in zip(example.refusals, found, strict=True)), found
    else:
        book = rulebook(read_town_file(example.content()))
        for case in cases:
            check(case, book)


def test_an_example_changes_the_file_that_the_guide_begins_with() -> None:
    plain = read_town_file(Example("nothing", "", ()).content())
    for example in EXAMPLES:
        if example.refusals or example.shape == "A0":
            continue
        assert read_town_file(example.content()) != plain, example.title


def test_the_examples_of_the_file_s_guide_make_a_valid_file() -> None:
    assert read_town_file(guide.town_file().encode()).activities


# -- every field ------------------------------------------------------------------------------

TABLES = dict(guide.tables())


def _parts(model: type[BaseModel], found: dict[str, type[BaseModel]]) -> dict[str, type[BaseModel]]:
    """Every part that a file is made of, by name."""
    found[model.__name__] = model
    for field in model.model_fields.values():
        for part in _models(field.annotation):
            if part.__name__ not in found:
                _parts(part, found)
    return found


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)


PARTS = _parts(TownFile, {})


def _own_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """By the name in the file, the fields that no table of a part it is derived from has."""
    above = {
        name
        for base in model.__mro__[1:]
        if base.__name__ in TABLES and issubclass(base, BaseModel)
        for name in base.model_fields
    }
    return {
        field.alias or name: field
        for name, field in model.model_fields.items()
        if name not in above
    }


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "compulsory"
    value = field.default
    if value is None or value == () or isinstance(value, BaseModel):
        return "–"
    written = TypeAdapter(Any).dump_python(value, mode="json")
    if isinstance(written, list):
        return f"`[{', '.join(one.removesuffix(':00') if ':' in one else one for one in written)}]`"
    return f"`{json.dumps(written) if isinstance(written, bool) else written}`"


def _values(schema: Any) -> Iterator[str]:
    """What the values of a field have to be said to be: the words, or the range."""
    if isinstance(schema, dict) and schema.get("enum") != list(get_args(Level)):
        yield from (f"`{word}`" for word in schema.get("enum", ()) if isinstance(word, str))
        if isinstance(schema.get("const"), str):
            yield f"`{schema['const']}`"
        if "minimum" in schema and "maximum" in schema:
            yield f"{int(schema['minimum'])} to {int(schema['maximum'])}"
        for key in ("anyOf", "oneOf", "items"):
            yield from _values(schema.get(key))
    elif isinstance(schema, list):
        for one in schema:
            yield from _values(one)


def test_every_part_of_a_file_has_a_table() -> None:
    covered = {base.__name__ for name in TABLES for base in _known(name).__mro__}
    missing = [
        name for name, model in PARTS.items()
        if name not in TABLES and _own_fields(model) and name not in covered
    ]  # fmt: skip
    assert missing == []


def _known(name: str) -> type[BaseModel]:
    """A part, or what several parts are derived from."""
    every = {base.__name__: base for model in PARTS.values() for base in model.__mro__}
    found = every[name]
    assert issubclass(found, BaseModel)
    return found


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_every_field_its_values_and_its_default(name: str) -> None:
    model, table = _known(name), TABLES[name]
    fields = _own_fields(model)
    assert sorted(table) == sorted(fields)
    properties = model.model_json_schema(by_alias=True)["properties"]
    for field, info in fields.items():
        values, default, _ = table[field]
        assert default == _default(info), field
        for word in _values(properties[field]):
            assert word in values, (field, word)


def test_levels_and_countings_are_those_there_are() -> None:
    text = guide.FILE.read_text(encoding="utf-8")
    assert ", ".join(f"`{level}`" for level in get_args(Level)) in " ".join(text.split())
    for word in BUILT_IN:
        assert f"| `{word}` |" in text


# -- every command ----------------------------------------------------------------------------


@pytest.mark.parametrize(("command", "printed"), guide.commands())
def test_a_command_prints_what_is_shown(
    command: str, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in guide.files().items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    asked, _, piped = command.partition(" | jq -c ")
    program, *words = shlex.split(asked)
    assert program == "preau"
    result = CliRunner().invoke(app, words)
    assert _picked(result.output, piped).strip() == printed.strip()


def _picked(output: str, fields: str) -> str:
    """Of each line of JSON these fields, as ``jq -c '[.a, .b]'`` writes them."""
    if not fields:
        return output
    names = re.findall(r"\.(\w+)", fields)
    lines = [json.loads(line) for line in output.splitlines()]
    return "\n".join(
        json.dumps([line[name] for name in names], separators=(",", ":")) for line in lines
    )
