"""Catalogues: a file of gettext a language (``en.po``), the French sentence as its key."""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

_PLACES = re.compile(r"\{\d+\}")


@dataclass(frozen=True)
class Language:
    """A language by its code (``en``, ``en_GB``), its ``name`` in that language, and what it says
    of French sentences."""

    code: str
    name: str
    translations: gettext.NullTranslations = field(default_factory=gettext.NullTranslations)

    @property
    def is_french(self) -> bool:
        return self.code == "fr"

    @property
    def tag(self) -> str:
        """As HTML names it: ``en-GB``."""
        return self.code.replace("_", "-")

    def said(self, sentence: str) -> str:
        """A sentence in this language; in French where the catalogue has none."""
        return self.translations.gettext(sentence) if sentence else sentence

    def counted(self, number: int, one: str, several: str) -> str:
        """What is counted."""
        return self.translations.ngettext(one, several, number)


FRENCH = Language("fr", "Français")


def languages(folder: Path | None) -> Mapping[str, Language]:
    """French, and a language for each catalogue of a folder. Raises ``ValueError`` where one has
    other places (``{0}``) than the sentence it translates."""
    found = [FRENCH]
    for file in sorted(folder.glob("*.po")) if folder is not None else ():
        with file.open("rb") as opened:
            catalogue = read_po(opened, locale=file.stem)
        _check(file, catalogue)
        name = (Locale.parse(file.stem).get_display_name() or file.stem).capitalize()
        found.append(Language(file.stem, name, _translations(catalogue)))
    return MappingProxyType({one.code: one for one in found})


def _translations(catalogue: Catalog) -> gettext.NullTranslations:
    packed = io.BytesIO()
    write_mo(packed, catalogue)
    packed.seek(0)
    return gettext.GNUTranslations(packed)


def _check(file: Path, catalogue: Catalog) -> None:
    for message in catalogue:
        wanted = message.id if isinstance(message.id, str) else message.id[0]
        said = [message.string] if isinstance(message.string, str) else message.string or ()
        for one in said:
            if (
                message.id
                and one
                and sorted(_PLACES.findall(one)) != sorted(_PLACES.findall(wanted))
            ):
                raise ValueError(f"{file.name}: « {one} » has not the places of « {wanted} »")
