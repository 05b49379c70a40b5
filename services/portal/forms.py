"""What a form brought, by the names that the API gives its fields.

A field is named as the API's JSON pointer would name it, without the first slash
(``identity/first_name``): the body is built from the names, and a refusal finds its field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from aiohttp import BodyPartReader, web

#: Of one file, a little above what the API admits: it says the refusal in its own words.
MAX_FILE = 11 * 1024 * 1024
#: Of a whole form: what the gateway lets through.
MAX_FORM = 25 * 1024 * 1024
#: Of what is typed: a town's file, at most.
_MAX_TEXT = 512 * 1024
_MAX_PARTS = 600
FORM_TOKEN = "_form"  # noqa: S105 - the field's name
ONCE = "_once"


@dataclass(frozen=True)
class Sent:
    """One file of a form."""

    field: str
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Form:
    """The values of each field, in order, and the files."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: tuple[Sent, ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """The only value of a field, without the blanks around it."""
        given = self.values.get(name)
        return given[0].strip() if given else default

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return list(self.values.get(name, ()))

    def body(self) -> dict[str, Any]:
        """The fields as the API's body; what was left empty is absent, as in its schemas, from
        parts that are there: so that it is the field that is missing, and not its part."""
        body: dict[str, Any] = {}
        for name in self._fields():
            *parents, last = name.split("/")
            inner = body
            for parent in parents:
                inner = inner.setdefault(parent, {})
            if value := self.get(name):
                inner[last] = value
        return body

    def _fields(self) -> Iterator[str]:
        return (name for name in self.values if not name.startswith("_"))


async def read_form(request: web.Request) -> Form:
    """The form of a POST; an answer 413 where it is larger than any of ours."""
    if request.content_type != "multipart/form-data":
        raw = await request.content.read(_MAX_TEXT + 1)
        while len(raw) <= _MAX_TEXT and (more := await request.content.read(_MAX_TEXT)):
            raw += more
        if len(raw) > _MAX_TEXT:
            raise web.HTTPRequestEntityTooLarge(_MAX_TEXT, len(raw))
        return Form(_pairs(raw.decode(errors="replace")))
    values: dict[str, list[str]] = {}
    files: list[Sent] = []
    parts, left = 0, MAX_FORM
    async for part in await request.multipart():
        parts += 1
        if not isinstance(part, BodyPartReader) or part.name is None or parts > _MAX_PARTS:
            raise web.HTTPBadRequest
        content = await _read(part, min(left, MAX_FILE if part.filename else _MAX_TEXT))
        left -= len(content)
        if part.filename is None:
            values.setdefault(part.name, []).append(content.decode(errors="replace"))
        elif part.filename:
            media_type = part.headers.get("Content-Type", "application/octet-stream")
            files.append(Sent(part.name, part.filename, media_type, content))
    return Form(values, tuple(files))


async def _read(part: BodyPartReader, most: int) -> bytes:
    raw = bytearray()
    while piece := await part.read_chunk():
        raw += piece
        if len(raw) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(raw))
    return bytes(raw)


def _pairs(text: str) -> dict[str, list[str]]:
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=_MAX_PARTS)
    except ValueError:
        raise web.HTTPBadRequest from None
