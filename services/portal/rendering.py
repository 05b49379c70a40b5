"""Templates: what they may use, in each language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.portal import words
from services.portal.languages.catalogues import FRENCH, Language
from services.portal.languages.french import spaced
from services.portal.languages.sentences import French, Translated
from services.portal.languages.writing import writing

TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """The templates, compiled once for each language. What one misses is an error, never an empty
    place."""

    def __init__(self, version: str, languages: Mapping[str, Language]) -> None:
        """``version`` is the static files', in their addresses."""
        self.languages = languages
        self._environments = {
            code: _environment(one, version, languages) for code, one in languages.items()
        }

    def render(self, template: str, language: str = FRENCH.code, **values: Any) -> str:
        """The page."""
        return self._environments[language].get_template(template).render(values)


class _Verbatim(str):
    """Text that is nobody's sentence: what was typed, a value, an address."""

    __slots__ = ()


def _environment(
    language: Language, version: str, languages: Mapping[str, Language]
) -> Environment:
    def told(value: Any) -> Any:
        """What is printed between tags: a word of ours by the catalogue, anything else as it
        is, with French spaces."""
        if type(value) is not str:
            return value
        found = language.said(value)
        return spaced(found) if language.is_french else found

    def said(sentence: str, *values: Any) -> Markup:
        # What is marked is of a template, or of the catalogue; values are escaped.
        return Markup(language.said(sentence)).format(*map(told, values))  # noqa: S704

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, auto_reload=False,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        extensions=[French if language.is_french else Translated], finalize=told,
    )  # fmt: skip
    environment.globals |= {
        "words": words, "static_version": version, "language": language, "languages": languages,
        "said": said, "verbatim": lambda value: _Verbatim(value) if type(value) is str else value,
    }  # fmt: skip
    environment.filters |= {**writing(language), "html": Markup}
    return environment
