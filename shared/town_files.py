"""Reading a town file: a small, strict YAML, and errors that say where.

The file is written by hand, so every error found is given at once, each with the dotted path of
the field and its line and column. What YAML allows and nobody means is refused: a key written
twice, anchors and aliases, tags, several documents. Only ``null``, ``true``, ``false`` and whole
numbers are anything but text: ``12:00`` is a time and ``no`` a word, whatever YAML 1.1 says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import orjson
import yaml
from pydantic import Field, ValidationError

from shared.contracts.town_file import TownFile
from shared.contracts.town_file.parts import SLUG_PATTERN
from shared.errors import Refused
from shared.faults import sentence

MAX_BYTES = 512 * 1024
_MAX_DEPTH = 20
#: A file as a field of a request; as JSON text it takes up to twice its size.
SentFile = Annotated[str, Field(min_length=1, max_length=MAX_BYTES)]
SENT_BYTES = 2 * MAX_BYTES
_ERRORS_SAID = 50
_NOT_YAML = "ce n'est pas du YAML : voyez ici les retraits, les deux-points et les guillemets."


class _Mark(Protocol):
    """A place in the file, counted from 0: PyYAML has two classes for it."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class FileError:
    """One thing wrong: ``path`` is dotted (``activities[0].name``), lines count from 1."""

    path: str
    line: int
    column: int
    sentence: str

    def __str__(self) -> str:
        return f"ligne {self.line}, colonne {self.column} : {self.place} : {self.sentence}"

    @property
    def place(self) -> str:
        """The path in words: of the file itself, « fichier »."""
        return self.path or "fichier"


class BadTownFile(Exception):
    """The file is refused, for all these reasons."""

    def __init__(self, errors: Sequence[FileError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


def read_town_file(content: bytes) -> TownFile:
    """The town file in ``content``. Raises ``BadTownFile``."""
    root, data = _read(content)
    try:
        return TownFile.model_validate(data)
    except ValidationError as error:
        faults = _causes(error.errors(include_url=False, include_input=False))
        raise BadTownFile([_placed(root, fault) for fault in faults]) from error


def read_sent_file(text: str) -> TownFile:
    """The town file in the field ``file`` of a request. Raises ``Refused``: ``town-file-wrong``,
    each error with its line and column (the first 50)."""
    try:
        return read_town_file(text.encode())
    except BadTownFile as bad:
        errors = [
            {"field": "/file", "message": f"{one.place} : {one.sentence}",
             "line": one.line, "column": one.column}
            for one in bad.errors[:_ERRORS_SAID]
        ]  # fmt: skip
        raise Refused(
            "town-file-wrong", "Le fichier de la commune a des erreurs.", status=422,
            field="/file", errors=errors,
        ) from bad  # fmt: skip


def read_yaml(content: bytes) -> Any:
    """What is written in ``content``, in the same YAML. Raises ``BadTownFile``."""
    return _read(content)[1]


def json_schema() -> str:
    """The JSON Schema of a town file, as committed in ``docs/town-file.schema.json``."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Préau town file",
        **{k: v for k, v in TownFile.model_json_schema().items() if k != "title"},
    }
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode() + "\n"


# -- YAML ----------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML reads a class attribute


for _tag, _pattern, _first in (
    ("null", r"(?:null|~|)", ["n", "~", ""]),
    ("bool", r"(?:true|false)", ["t", "f"]),
    ("int", r"-?(?:0|[1-9][0-9]{0,17})", list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^{_pattern}$"), _first)


def _read(content: bytes) -> tuple[yaml.Node, Any]:
    root = _tree(content)
    mistakes: list[FileError] = []
    data = _plain(root, (), mistakes)
    if mistakes:
        raise BadTownFile(mistakes)
    return root, data


def _tree(content: bytes) -> yaml.Node:
    if len(content) > MAX_BYTES:
        raise _at(None, f"le fichier dépasse {MAX_BYTES // 1024} Kio.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _at(None, "le fichier n'est pas un texte en UTF-8.") from error
    try:
        _check_events(text)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _at(mark, _NOT_YAML) from error
    except yaml.YAMLError as error:
        raise _at(
            None, "ce n'est pas du YAML : un caractère n'a pas sa place dans un texte."
        ) from error
    if not isinstance(root, yaml.MappingNode):
        raise _at(root.start_mark if root else None, "le fichier est une liste de `champ: valeur`.")
    return root


def _check_events(text: str) -> None:
    """Refuse what is never meant, before anything is built from it."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _at(event.start_mark, "les ancres et les renvois (& et *) ne sont pas admis.")
        if getattr(event, "tag", None):
            raise _at(event.start_mark, "les étiquettes (!) ne sont pas admises.")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _at(event.start_mark, "le fichier contient plus d'un document.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                raise _at(event.start_mark, f"plus de {_MAX_DEPTH} niveaux emboîtés.")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _plain(node: yaml.Node, path: tuple[str | int, ...], mistakes: list[FileError]) -> Any:
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                mistakes.append(_error(path, key, "le nom d'un champ est un mot."))
                continue
            name = str(key.value)
            if name in found:
                mistakes.append(_error((*path, name), key, "ce champ est écrit deux fois."))
            found[name] = _plain(value, (*path, name), mistakes)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, n), mistakes) for n, item in enumerate(node.value)]
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return node.value == "true"
    return int(node.value) if kind == "int" else node.value


# -- places --------------------------------------------------------------------------------

_MODEL_LEVEL = "value_error"
_UNKNOWN_FIELD = "extra_forbidden"


def _causes(faults: Sequence[Any]) -> list[Any]:
    """Without the lists that are too short only because an item of theirs is wrong."""
    places = [fault["loc"] for fault in faults]
    return [
        fault
        for fault in faults
        if fault["type"] != "too_short"
        or not any(len(at) > len(fault["loc"]) and at[: len(fault["loc"])] == fault["loc"]
                   for at in places)
    ]  # fmt: skip


def _placed(root: yaml.Node, fault: Any) -> FileError:
    """Follow pydantic's location through the file, as far as the file goes."""
    kind, loc = fault["type"], fault["loc"]
    told = _SHAPES.get(fault.get("ctx", {}).get("pattern")) or sentence(fault, _IN_YAML)
    node, where = root, root
    path: list[str | int] = []
    for part in loc:
        step = _step(node, part)
        if step is None:
            if part == loc[-1] and kind == "missing":
                path.append(part)
            continue  # the name of an alternative, which pydantic adds to the path
        where, node = step
        path.append(part)
    if kind == _MODEL_LEVEL:
        return _named_in(node, path, told)
    return _error(path, where if kind == _UNKNOWN_FIELD else node, told)


def _step(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """(the key or item, its value) under ``part``."""
    if isinstance(node, yaml.MappingNode):
        return next(((k, v) for k, v in node.value if k.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


_NAME = re.compile(r"([a-z][a-z0-9_.-]*): ")
_QUOTED = re.compile(r"« ([^»]+) »")


def _named_in(node: yaml.Node, path: list[str | int], sentence: str) -> FileError:
    """A rule over several fields names them (``activities: canteen: « x » …``): go there.

    What the sentence quotes is pointed at, if it is found below.
    """
    rest = sentence
    while match := _NAME.match(rest):
        reached = _by_name(node, match[1])
        if reached is None:
            break
        node, added = reached
        path = [*path, *added]
        rest = rest[match.end() :]
    for quoted in _QUOTED.findall(rest):
        scalars = [one for one in _scalars(node) if one.value == quoted]
        if scalars:
            return _error(path, scalars[-1], rest)
    return _error(path, node, rest)


def _by_name(node: yaml.Node, name: str) -> tuple[yaml.Node, list[str | int]] | None:
    """A field by its (dotted) name, or the item of a list by its ``id``."""
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            identity = _step(item, "id")
            if identity and identity[1].value == name:
                return item, [number]
        return None
    parts: list[str | int] = []
    for part in name.split("."):
        step = _step(node, part)
        if step is None:
            return None
        node = step[1]
        parts.append(part)
    return node, parts


def _scalars(node: yaml.Node) -> list[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        return [node]
    children = (
        [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else node.value
    )
    return [scalar for child in children for scalar in _scalars(child)]


# -- sentences -----------------------------------------------------------------------------

#: What YAML has its own words for.
_IN_YAML = {
    "model_type": "un groupe de champs est attendu.",
    "dict_type": "un groupe de champs est attendu.",
    "string_type": "un texte est attendu (entre guillemets, s'il ressemble à un nombre).",
    "string_pattern_mismatch": "ne s'écrit pas ainsi (forme attendue : {pattern}).",
    "string_too_short": "ceci ne peut pas être vide.",
    "bool_type": "true ou false est attendu.",
    "bool_parsing": "true ou false est attendu.",
}
#: Patterns that are said in words.
_SHAPES = {
    SLUG_PATTERN: (
        "ne s'écrit pas ainsi : des minuscules sans accent, des chiffres et des tirets, une lettre"
        " d'abord, 41 signes au plus (« cantine-primaire »)."
    )
}


def _error(path: Sequence[str | int], node: yaml.Node, sentence: str) -> FileError:
    mark = node.start_mark
    return FileError(_dotted(path), mark.line + 1, mark.column + 1, sentence)


def _at(mark: _Mark | None, sentence: str) -> BadTownFile:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return BadTownFile([FileError("", line, column, sentence)])


def _dotted(path: Sequence[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
