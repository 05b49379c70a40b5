"""Pages in another language than French, by a catalogue; and French with its spaces."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from jinja2 import Environment

from services.portal.languages.catalogues import FRENCH, Language, languages
from services.portal.languages.french import spaced
from services.portal.languages.messages import catalogue
from services.portal.languages.sentences import French, Plural, Translated, found_in
from services.portal.languages.writing import writing
from services.portal.service import calling, portal_routes
from services.portal.settings import Settings

PARIS = ZoneInfo("Europe/Paris")
TOWN = {
    "town": "veyras", "name": "Veyras", "family_key": "optional", "family_key_called": "Clé",
    "time_zone": "Europe/Paris", "schools": [], "accent": None, "welcome": None, "privacy": None,
    "logo": None, "payfip_mode": None,
    "contact": {"service": "S", "telephone": "01", "email": "a@b.example", "hours": "9-12"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "sentences"),
    [
        ("<p>Bonjour {{ name }}, à demain.</p>", ["Bonjour {0}, à demain."]),
        ("<h2>Un</h2>{% if x %}<p>deux\n  trois</p>{% endif %}", ["Un", "deux trois"]),
        ('<a href="{{ url }}" title="Le titre">Aller</a>', ["Le titre", "Aller"]),
        ('{{ icon("x") }} Ajouter', ["Ajouter"]),
        ("{{ n|counted('jour') }} en tout", [Plural("jour", "jours"), "{0} en tout"]),
        ('{{ field(visit, "day", "Le jour") }}', ["Le jour"]),
        ("<textarea>{{ typed }} gardé</textarea><p>·</p>", []),
    ],
)
def test_a_template_says_sentences(source: str, sentences: list[str | Plural]) -> None:
    found = set(found_in(Environment(trim_blocks=True, autoescape=True), source))
    assert found == set(sentences)


@pytest.mark.parametrize("extension", [French, Translated])
def test_what_is_typed_is_never_looked_up_or_changed(extension: type[French]) -> None:
    environment = Environment(
        extensions=[extension], autoescape=True,
        finalize=lambda value: f"[{value}]" if type(value) is str else value,
    )  # fmt: skip
    environment.globals |= {"verbatim": lambda value: _Typed(value), "said": str}
    source = '<input value="{{ typed }}"><textarea>{{ typed }}</textarea>'
    page = environment.from_string(source).render(typed='Oui : "1" < 2')
    escaped = "Oui : &#34;1&#34; &lt; 2"
    assert page == f'<input value="{escaped}"><textarea>{escaped}</textarea>'


class _Typed(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("name", "value", "french", "english"),
    [
        ("day", ("2026-09-17",), "jeudi 17 septembre 2026", "Thursday, 17 September 2026"),
        ("digits", ("2026-09-17",), "17/09/2026", "17/09/2026"),
        ("month", ("2026-09",), "septembre 2026", "September 2026"),
        ("of_month", ("2026-10",), "d'octobre 2026", "October 2026"),
        ("clock", ("18:05",), "18 h 05", "18:05"),
        ("instant", (datetime(2026, 9, 17, 16, 5, tzinfo=UTC), PARIS),
         "jeudi 17 septembre 2026 à 18 h 05", "Thursday, 17 September 2026, 18:05"),
        ("counted", (2, "jour"), "2 jours", "2 jours"),
    ],
)  # fmt: skip
def test_each_language_writes_its_own_way(
    name: str, value: tuple[object, ...], french: str, english: str
) -> None:
    assert writing(FRENCH)[name](*value) == french
    assert writing(Language("en_GB", "English"))[name](*value) == english


def test_money_in_another_language() -> None:
    assert writing(Language("en_GB", "English"))["euros"](123456) == "€1,234.56"


def test_a_catalogue_with_other_places_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "en.po", {"Bonjour {0}": "Hello"})
    with pytest.raises(ValueError, match=r"en\.po: « Hello »"):
        languages(tmp_path)


async def test_every_word_of_a_page_is_of_the_catalogue(tmp_path: Path) -> None:
    """All that is said on a page comes through it: marked there, it is marked on the page."""
    _write(tmp_path / "en.po", {one: f"⟦{one}⟧" for one in _sentences()})
    async with _portal(tmp_path) as (http, origin):
        french = await _page(http, f"{origin}/veyras/accessibilite")
        assert french.language == "fr"
        assert "⟦" not in "".join(french.texts)
        form = {**french.hidden, "language": "en", "_suite": "/veyras/connexion?suite=%2Fveyras"}
        async with http.post(f"{origin}/veyras/langue", data=form) as answer:
            assert answer.url.path_qs == "/veyras/connexion?suite=/veyras"
        for path in ("connexion", "accessibilite", "mot-de-passe-oublie"):
            page = await _page(http, f"{origin}/veyras/{path}")
            assert page.language == "en"
            assert [one for one in page.texts if _LETTER.search(_TOLD.sub("", one))] == []
        form = {**french.hidden, "language": "xx", "_suite": "//elsewhere.example"}
        async with http.post(f"{origin}/veyras/langue", data=form) as answer:
            assert answer.url.path == "/veyras"
        assert (await _page(http, f"{origin}/veyras/connexion")).language == "fr"


#: Marked sentences, and what a page says that is none of the portal's.
_TOLD = re.compile(r"⟦[^⟧]*⟧|Veyras|\bS\b|a@b\.example|Français|English")
_LETTER = re.compile(r"[^\W\d_]")


def _sentences() -> list[str]:
    return [str(one.id) for one in catalogue() if one.id and isinstance(one.id, str)]


def _write(file: Path, said: dict[str, str]) -> None:
    found = Catalog(locale=file.stem)
    for french, english in said.items():
        found.add(french, english)
    with file.open("wb") as opened:
        write_po(opened, found)


@asynccontextmanager
async def _portal(folder: Path) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """The portal before an API that knows one town."""

    async def town(_: web.Request) -> web.Response:
        return web.json_response(TOWN)

    async def franceconnect(_: web.Request) -> web.Response:
        return web.json_response({"available": True, "quotient_consent": None})

    api, pages = web.Application(), web.Application()
    api.router.add_get("/api/identity/v1/veyras/town", town)
    api.router.add_get("/api/identity/v1/veyras/franceconnect", franceconnect)
    async with TestServer(api) as behind, calling() as calls:
        settings = Settings(
            PREAU_GATEWAY_URL=str(behind.make_url("")), PREAU_PORTAL_LANGUAGES=folder
        )  # type: ignore[call-arg]  # fmt: skip
        pages.add_routes(portal_routes(settings, calls))
        async with TestServer(pages) as server:
            origin = str(server.make_url("")).rstrip("/")
            jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=origin)
            async with aiohttp.ClientSession(cookie_jar=jar) as http:
                yield http, origin


class _Read(HTMLParser):
    """What a page says, its language, and what its first form hides."""

    def __init__(self) -> None:
        super().__init__()
        self.language: str | None = None
        self.texts: list[str] = []
        self.hidden: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given["lang"]
        if given.get("type") == "hidden" and given.get("name") in ("_form", "_once"):
            self.hidden.setdefault(str(given["name"]), str(given["value"]))

    def handle_data(self, data: str) -> None:
        if text := " ".join(data.split(" ")).strip():
            self.texts.append(text)


async def _page(http: aiohttp.ClientSession, url: str) -> _Read:
    async with http.get(url) as answer:
        assert answer.status == 200, url
        read = _Read()
        read.feed(await answer.text())
        return read


def test_a_time_and_the_first_of_a_month_stay_on_their_line() -> None:
    told = spaced("jusqu'au 1er décembre à 18 h 30, puis à 8 h : 2 habitants")
    assert told.split(" ") == [
        "jusqu'au", "1er\xa0décembre", "à", "18\xa0h\xa030,", "puis", "à", "8\xa0h\xa0:", "2",
        "habitants",
    ]  # fmt: skip
