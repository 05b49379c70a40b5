"""The kinds of values that a dossier's fields hold, as one table: what is admitted, what the town
and the day add to that, and what becomes of the value held before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StrictBool, StrictInt, TypeAdapter, ValidationError
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from services.family.domain.health import VACCINES, valid_until
from services.family.domain.parts import (
    INSEE_CODE,
    Address,
    Author,
    CarePlan,
    Certificate,
    Certified,
    Consent,
    ConsentGiven,
    Diet,
    Doctor,
    FileId,
    Insurance,
    Line,
    LongText,
    Phone,
    Quotient,
    Scheme,
    Vaccination,
)
from shared.contracts.dossier import FieldKind
from shared.contracts.family import Level
from shared.contracts.town_file import TownFile

_OLDEST = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and when a value is given: the town's file, the instant, who gives it."""

    file: TownFile
    now: datetime
    by: Author

    @property
    def today(self) -> date:
        """The day, in the town."""
        return self.now.astimezone(ZoneInfo(self.file.time_zone)).date()


class Wrong(Exception):
    """A value that a field does not admit; the sentence is for whoever typed it."""


Check = Callable[[Any, str, Setting], str | None]
Into = Callable[[Any, Any, Setting], Any]


def _admit(_value: Any, _key: str, _setting: Setting) -> None:
    return None


def _replace(_held: Any, value: Any, _setting: Setting) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Kind:
    """``adapter`` reads a value; ``check`` says what the town or the day has against it (of a
    keyed field, under that key); ``into`` makes of the value held and the new one what is kept;
    ``files`` is the file that a value, as JSON, names."""

    adapter: TypeAdapter[Any]
    said: str
    check: Check = _admit
    into: Into = _replace
    files: Callable[[Any], Any] | None = None


def _school(value: str, _key: str, setting: Setting) -> str | None:
    known = {school.id for school in setting.file.schools}
    return None if value in known else "école inconnue."


def _past(value: date, _key: str, setting: Setting) -> str | None:
    if _OLDEST <= value <= setting.today:
        return None
    return "cette date de naissance n'est pas possible."


def _fact(value: bool | int | str, key: str, setting: Setting) -> str | None:
    declared = next(one for one in setting.file.dossier.facts if one.id == key)
    return None if declared.admits(value) else "valeur non admise."


def _consent(value: ConsentGiven, key: str, setting: Setting) -> str | None:
    asked = next(one for one in setting.file.dossier.permissions if one.id == key)
    return None if value.version == asked.version else _OTHER_TEXT


def _certified(value: Certified, _key: str, setting: Setting) -> str | None:
    return None if value.version == setting.file.dossier.health_statement.version else _OTHER_TEXT


_OTHER_TEXT = "ce texte a changé : relisez-le."


def _iban(value: str, _key: str, _setting: Setting) -> str | None:
    try:
        IBAN(value)
    except SchwiftyException:
        return "cet IBAN n'est pas valable : vérifiez chaque caractère."
    return None


def _vaccinations(value: tuple[Vaccination, ...], _key: str, setting: Setting) -> str | None:
    if any(one.vaccine not in VACCINES for one in value):
        return "vaccin inconnu."
    if any(not _OLDEST <= one.on <= setting.today for one in value):
        return "une date de vaccination n'est pas possible."
    return None


def _care_plan(value: CarePlan, _key: str, _setting: Setting) -> str | None:
    return None if value.first <= value.last else "la fin précède le début."


def _quotient(value: Quotient, _key: str, _setting: Setting) -> str | None:
    if value.effect.day != 1:
        return "un quotient prend effet le premier d'un mois."
    return None if value.until is None or value.effect <= value.until else "la fin précède l'effet."


def _in_order(
    held: tuple[Quotient, ...], value: Quotient, _setting: Setting
) -> tuple[Quotient, ...]:
    """The quotients known, by month of effect; a month has one."""
    others = [one for one in held if one.effect != value.effect]
    return tuple(sorted([*others, value], key=lambda one: one.effect))


def _agreed(_held: Any, value: ConsentGiven, setting: Setting) -> Consent:
    return Consent(**value.model_dump(), by=setting.by.account, at=setting.now)


def _certify(_held: Any, value: Certified, setting: Setting) -> Certificate:
    return Certificate(
        version=value.version, by=setting.by.account, at=setting.now,
        until=valid_until(setting.today),
    )  # fmt: skip


def _inside(name: str) -> Callable[[Any], Any]:
    """The file that one part of a value names."""
    return lambda value: value.get(name) if isinstance(value, Mapping) else None


_EMAIL = Annotated[str, Field(max_length=254, pattern=r"^[^@\s;,]+@[^@\s;,]+\.[^@\s;,]+$")]
_SHARES = Annotated[Decimal, Field(gt=0, le=20, multiple_of=Decimal("0.25"))]
_TEXT = "un texte de 100 caractères au plus est attendu."
_DATE = "une date est attendue (AAAA-MM-JJ)."

KINDS: Mapping[FieldKind, Kind] = {
    "text": Kind(TypeAdapter(Line), _TEXT),
    "long_text": Kind(TypeAdapter(LongText), "un texte de 4000 caractères au plus est attendu."),
    "phone": Kind(TypeAdapter(Phone), "numéro de téléphone non reconnu."),
    "email": Kind(TypeAdapter(_EMAIL), "adresse électronique non reconnue."),
    "address": Kind(TypeAdapter(Address), "voie, code postal à cinq chiffres et ville attendus."),
    "date": Kind(TypeAdapter(date), _DATE),
    "birth_date": Kind(TypeAdapter(date), _DATE, _past),
    "yes_no": Kind(TypeAdapter(StrictBool), "oui ou non est attendu."),
    "sex": Kind(TypeAdapter(Literal["F", "M"]), "F ou M est attendu."),
    "birth_place": Kind(
        TypeAdapter(Annotated[str, Field(pattern=INSEE_CODE)]),
        "le code INSEE d'une commune a cinq caractères (75107).",
    ),
    "birth_country": Kind(
        TypeAdapter(Annotated[str, Field(pattern=r"^99[0-9]{3}$")]),
        "le code INSEE d'un pays est attendu (99100 : France).",
    ),
    "school": Kind(TypeAdapter(Line), _TEXT, _school),
    "level": Kind(TypeAdapter(Level), "niveau inconnu."),
    "diet": Kind(TypeAdapter(Diet), "régime non admis : choisissez dans la liste."),
    "scheme": Kind(TypeAdapter(Scheme), "régime inconnu (caf, msa ou other)."),
    "tax_reference": Kind(
        TypeAdapter(Annotated[str, Field(pattern=r"^[0-9]{13}$")]),
        "un numéro fiscal a treize chiffres.",
    ),
    "tax_shares": Kind(TypeAdapter(_SHARES), "un nombre de parts, par quarts, est attendu."),
    "iban": Kind(
        TypeAdapter(Annotated[str, Field(pattern=r"^[A-Z]{2}[0-9A-Z]{13,32}$")]),
        "IBAN sans espaces attendu.",
        _iban,
    ),
    "file": Kind(TypeAdapter(FileId), "fichier inconnu.", files=lambda value: value),
    "quotient": Kind(TypeAdapter(Quotient), "valeur et mois d'effet attendus.", _quotient,
                     _in_order, files=_inside("proof")),
    "insurance": Kind(TypeAdapter(Insurance), "compagnie et numéro de contrat attendus."),
    "fact": Kind(TypeAdapter(StrictBool | StrictInt | Line), "valeur non admise.", _fact),
    "consent": Kind(TypeAdapter(ConsentGiven), "oui ou non, et la version du texte.", _consent,
                    _agreed),
    "certificate": Kind(TypeAdapter(Certified), "cochez la case, avec la version du texte.",
                        _certified, _certify),
    "doctor": Kind(TypeAdapter(Doctor), "nom et téléphone attendus."),
    "care_plan": Kind(TypeAdapter(CarePlan), "dates et protocole attendus.", _care_plan,
                      files=_inside("document")),
    "vaccinations": Kind(
        TypeAdapter(Annotated[tuple[Vaccination, ...], Field(max_length=60)]),
        "une liste de vaccins et de dates est attendue.",
        _vaccinations,
    ),
}  # fmt: skip


def read(kind: FieldKind, value: Any, key: str, setting: Setting) -> Any:
    """The value as its kind has it. Raises ``Wrong``."""
    made = KINDS[kind]
    try:
        typed = made.adapter.validate_python(value)
    except ValidationError as error:
        raise Wrong(made.said) from error
    if against := made.check(typed, key, setting):
        raise Wrong(against)
    return typed


def written(kind: FieldKind, value: Any) -> Any:
    """A value of that kind as JSON."""
    return KINDS[kind].adapter.dump_python(value, mode="json")
