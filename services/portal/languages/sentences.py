"""Sentences of templates, found while Jinja compiles them.

A sentence is the text between two tags or statements, with what is printed in it (``{0}``), or the
value of an attribute that people read. In French it stays where it is, with its non-breaking
spaces; for another language it becomes ``said("…", …)``, which a catalogue answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from jinja2 import Environment
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from services.portal.languages.french import spaced

_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9-]*)|<!")
#: Attributes that people read, or hear.
_READ = re.compile(r'(?<=\s)((?:aria-label|alt|title|placeholder|data-label)=")([^"]*)(?=")')
#: What is typed, or meant for machines, is nobody's sentence.
_VERBATIM = frozenset({"textarea", "script", "style"})
#: Macros that draw; what they say is in them.
_DRAWN = frozenset(
    {"icon", "state", "hidden", "field", "area", "select", "caller", "self", "super"}
)
_LETTER = re.compile(r"[^\W\d_]{2}")
_SPACES = re.compile(r"\s+")


class Plural(NamedTuple):
    """What is counted: of one, of several."""

    one: str
    several: str


class French(Extension):
    """Text with its non-breaking spaces; what is printed within tags as it is (``verbatim``)."""

    translated = False

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """The tokens of a template, made anew."""
        return _Reader(self.translated).read(stream)


class Translated(French):
    """Every sentence by what the catalogue says (``said``)."""

    translated = True


def found_in(environment: Environment, source: str) -> Iterator[str | Plural]:
    """The sentences of a template, and what it counts."""
    tokens = list(_Reader(translated=True).read(iter(environment.lexer.tokenize(source))))
    values = [token.value for token in tokens]
    for at, token in enumerate(tokens):
        before = values[max(at - 2, 0) : at]
        if token.type == "string" and before == ["said", "("]:
            yield token.value
        elif token.type == "string" and before == ["counted", "("]:
            second = tokens[at + 2] if values[at + 1] == "," else None
            yield Plural(token.value, second.value if second else f"{token.value}s")
        elif token.type == "string" and " " in token.value and _LETTER.search(token.value):
            yield token.value


class _Reader:
    """Where the text stands in the page: between tags, or in one."""

    def __init__(self, translated: bool) -> None:
        self._translated = translated
        self._in_tag = False
        self._quote = ""
        self._element = ""
        self._verbatim = ""
        #: The sentence so far: texts, and the tokens of what is printed in it.
        self._parts: list[str | list[Token]] = []
        self._line = 1

    def read(self, stream: Iterator[Token]) -> Iterator[Token]:
        for token in stream:
            self._line = token.lineno
            if token.type == "data":
                yield from self._data(token.value)
            elif token.type == "variable_begin":
                inner = list(_until(stream, "variable_end"))
                if self._in_tag or self._verbatim:
                    yield from self._call("verbatim", inner)
                elif inner[0].value in _DRAWN:
                    yield from self._said()
                    yield from self._printed(inner)
                else:
                    self._parts.append(inner)
            elif token.type == "block_begin":
                yield from self._said()
                yield token
                yield from _until(stream, "block_end", with_end=True)
            else:
                yield token
        yield from self._said()

    # -- text and tags ---------------------------------------------------------------------

    def _data(self, text: str) -> Iterator[Token]:
        while text:
            if self._in_tag:
                end = self._end_of_tag(text)
                yield from self._tag(text[:end])
                text = text[end:]
                continue
            begin = _TAG.search(text)
            while begin and self._verbatim and begin[0] != f"</{self._verbatim}":
                begin = _TAG.search(text, begin.end())
            until = begin.start() if begin else len(text)
            if self._verbatim:
                yield self._token("data", text[:until])
            elif until:
                self._parts.append(text[:until])
            if begin:
                yield from self._said()
                self._in_tag = True
                self._element = "" if begin[0].startswith("</") else (begin[1] or "").lower()
                self._verbatim = ""
            text = text[until:]

    def _end_of_tag(self, text: str) -> int:
        """How much of the text is still of the tag."""
        for at, letter in enumerate(text):
            if self._quote:
                self._quote = "" if letter == self._quote else self._quote
            elif letter in "\"'":
                self._quote = letter
            elif letter == ">":
                self._in_tag = False
                self._verbatim = self._element if self._element in _VERBATIM else ""
                return at + 1
        return len(text)

    def _tag(self, text: str) -> Iterator[Token]:
        """What is of a tag, its readable attributes said as sentences are."""
        after = 0
        for one in _READ.finditer(text):
            if _LETTER.search(one[2]):
                yield self._token("data", text[after : one.start(2)])
                yield from self._sentence(one[2], [])
                after = one.end(2)
        yield self._token("data", text[after:])

    # -- sentences -------------------------------------------------------------------------

    def _said(self) -> Iterator[Token]:
        """What has come together since the last tag."""
        parts, self._parts = self._parts, []
        texts = "".join(part for part in parts if isinstance(part, str))
        if not self._translated or not _LETTER.search(texts):
            for part in parts:
                if isinstance(part, str):
                    yield self._token("data", spaced(part))
                else:
                    yield from self._printed(part)
            return
        values: list[list[Token]] = []
        sentence = ""
        for part in parts:
            if isinstance(part, str):
                sentence += part.replace("{", "{{").replace("}", "}}")
            else:
                sentence += f"{{{len(values)}}}"
                values.append(part)
        text = sentence.strip()
        head, _, tail = sentence.partition(text)
        yield self._token("data", head)
        yield from self._sentence(_SPACES.sub(" ", text), values)
        yield self._token("data", tail)

    def _sentence(self, text: str, values: list[list[Token]]) -> Iterator[Token]:
        if not self._translated:
            yield self._token("data", spaced(text))
            return
        yield self._token("variable_begin", "{{")
        yield self._token("name", "said")
        yield self._token("lparen", "(")
        yield self._token("string", text)
        for value in values:
            yield self._token("comma", ",")
            yield from self._within(value)
        yield self._token("rparen", ")")
        yield self._token("variable_end", "}}")

    def _call(self, name: str, inner: list[Token]) -> Iterator[Token]:
        called = [self._token("name", name), *self._within(inner)]
        yield from self._printed(called)

    def _within(self, inner: list[Token]) -> list[Token]:
        return [self._token("lparen", "("), *inner, self._token("rparen", ")")]

    def _printed(self, inner: list[Token]) -> Iterator[Token]:
        yield self._token("variable_begin", "{{")
        yield from inner
        yield self._token("variable_end", "}}")

    def _token(self, kind: str, value: str) -> Token:
        return Token(self._line, kind, value)


def _until(stream: Iterator[Token], kind: str, *, with_end: bool = False) -> Iterator[Token]:
    for token in stream:
        if token.type != kind:
            yield token
            continue
        if with_end:
            yield token
        return
    raise ValueError(f"no {kind}")
