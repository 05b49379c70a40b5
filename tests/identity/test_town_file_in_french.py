"""Whatever is wrong in a town file is told in French, to the agent who wrote it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import shared.contracts.town_file
from shared import png
from shared.contracts.town_file import TownFile
from shared.faults import SENTENCES, sentence
from shared.town_files import BadTownFile, FileError, read_town_file, read_yaml
from tests.booking.rules.cases import FOLDER, slugs

#: Words of English sentences about rules that no French one has.
_ENGLISH = re.compile(
    r"\b(the|is|are|be|must|should|give|given|of|input|valid|field|expected|needs?|belongs?|"
    r"lies|twice|declared|and|or|than|with|without)\b"
)
#: Names of the file's own fields and values, whatever they look like.
_PATH = re.compile(r"^([\w.\[\]-]+: )+")
_QUOTED = re.compile(r"`[^`]*`|« [^»]* »|'[^']*'|\{[^}]*\}")


def _wrong() -> dict[str, Callable[[Any], Any]]:
    """What a value may be written as instead."""
    return {
        "word": lambda _: "n'importe quoi", "number": lambda _: -7, "huge": lambda _: 10**17,
        "nothing": lambda _: None, "yes": lambda _: True, "list": lambda _: [],
        "group": lambda _: {"inattendu": "1"}, "empty": lambda _: "", "long": lambda _: "x" * 2000,
        "half": lambda _: "1.123456789", "date": lambda _: "2026-13-45",
        "instant": lambda _: "2026-09-01T10:00:00+02:00", "time": lambda _: "25:61",
    }  # fmt: skip


def _broken(value: Any, how: Callable[[Any], Any]) -> Any:
    """Every leaf written otherwise."""
    if isinstance(value, dict):
        return {name: _broken(one, how) for name, one in value.items()}
    if isinstance(value, list):
        return [_broken(one, how) for one in value]
    return how(value)


def _each_level_broken(value: Any, how: Callable[[Any], Any]) -> Iterator[Any]:
    """One list or group after another written otherwise, down to the third level."""
    for name in value if isinstance(value, dict) else range(len(value)):
        copy = dict(value) if isinstance(value, dict) else list(value)
        copy[name] = how(value[name])
        yield copy
        if isinstance(value, dict) and isinstance(value[name], dict | list):
            for inner in value[name] if isinstance(value[name], dict) else range(1):
                below = value[name].copy()
                if not below:
                    continue
                below[inner] = how(below[inner])
                yield {**value, name: below}


def _without(value: Any, wanted: str) -> Any:
    """Without every field of that name."""
    if isinstance(value, dict):
        return {name: _without(one, wanted) for name, one in value.items() if name != wanted}
    return [_without(one, wanted) for one in value] if isinstance(value, list) else value


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_names, value.values()))
    return set().union(*map(_names, value)) if isinstance(value, list) else set()


def _variants(data: dict[str, Any]) -> Iterator[Any]:
    for how in _wrong().values():
        yield _broken(data, how)
        yield from _each_level_broken(data, how)
    for name in sorted(_names(data)):
        yield _without(data, name)


def _in_french(text: str) -> bool:
    return not _ENGLISH.search(_QUOTED.sub("", _PATH.sub("", text)))


@pytest.mark.parametrize("town", list(slugs())[::9])
def test_what_is_wrong_anywhere_has_its_sentence(town: str) -> None:
    seen = set()
    for variant in _variants(read_yaml((FOLDER / f"{town}.yaml").read_bytes())):
        try:
            TownFile.model_validate(variant)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                seen.add(fault["type"])
                told = sentence(fault)
                assert _in_french(told), told
    assert len(seen) > 15
    assert seen <= SENTENCES.keys()


def test_the_sentences_of_our_own_are_french() -> None:
    assert all(map(_in_french, SENTENCES.values()))
    files = [*Path(shared.contracts.town_file.__file__).parent.glob("*.py"), Path(png.__file__)]
    said = [text for file in files for text in _said(ast.parse(file.read_text(encoding="utf-8")))]
    assert len(said) > 80
    for text in said:
        assert _in_french(text.rpartition(": ")[2]), text


def _said(tree: ast.AST) -> Iterator[str]:
    """What every ``raise ValueError(…)`` says, its values left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ValueError":
            parts = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
            yield "".join(one for one in parts if isinstance(one, str))


@pytest.mark.parametrize("text", ["town: [", "town: \x07", "a: &x 1\nb: *x", "- a", "a: 1\na: 2"])
def test_what_is_no_file_at_all_is_told_in_french(text: str) -> None:
    with pytest.raises(BadTownFile) as bad:
        read_town_file(text.encode())
    assert all(_in_french(one.sentence) for one in bad.value.errors)
    assert str(FileError("", 3, 5, "champ inconnu.")) == (
        "ligne 3, colonne 5 : fichier : champ inconnu."
    )


def test_an_id_that_is_none_is_told_without_a_pattern() -> None:
    text = (FOLDER / f"{slugs()[0]}.yaml").read_text(encoding="utf-8")
    with pytest.raises(BadTownFile) as raised:
        read_town_file(
            re.sub(r"(?m)^(activities:\n  - id: ).*$", r"\1École Maternelle", text).encode()
        )
    said = [one.sentence for one in raised.value.errors if one.path.endswith(".id")]
    assert said
    assert all("des minuscules sans accent" in one and "^" not in one for one in said)
