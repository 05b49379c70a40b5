"""What is wrong with a value, in French, by pydantic's type of error: for who called the API and
for who wrote a town file. No sentence of pydantic's own, which is English, gets out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

_DATE = "une date est attendue (AAAA-MM-JJ)."
_INSTANT = "une date et une heure sont attendues (AAAA-MM-JJTHH:MM)."
_TIME = "une heure est attendue (18:00)."
_WHOLE = "un nombre entier est attendu."
_NUMBER = "un nombre est attendu."
_YES_OR_NO = "oui ou non est attendu."
_LIST = "une liste est attendue."
_OBJECT = "un objet est attendu."
_TEXT = "un texte est attendu."
_NOT_ONE_OF = "valeur non admise (attendu : {expected})."
_OTHERWISE = "valeur non admise."
SENTENCES: Mapping[str, str] = {
    "json_invalid": "ce n'est pas du JSON.",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "missing": "champ obligatoire.",
    "extra_forbidden": "champ inconnu.",
    "string_too_short": "trop court (au moins {min_length} caractères).",
    "string_too_long": "trop long (au plus {max_length} caractères).",
    "string_type": _TEXT,
    "string_pattern_mismatch": "format non reconnu.",
    "string_unicode": "un caractère n'est pas lisible.",
    "too_long": "trop d'éléments (au plus {max_length}).",
    "too_short": "pas assez d'éléments (au moins {min_length}).",
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "date_parsing": _DATE,
    "date_type": _DATE,
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "datetime_type": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "timezone_aware": "le décalage avec le temps universel est attendu (+02:00).",
    "timezone_naive": "une heure sans décalage est attendue.",
    "time_parsing": _TIME,
    "time_type": _TIME,
    "clock_time": _TIME,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_max_digits": "trop de chiffres (au plus {max_digits}).",
    "decimal_whole_digits": "trop de chiffres avant la virgule (au plus {whole_digits}).",
    "decimal_max_places": "trop de chiffres après la virgule (au plus {decimal_places}).",
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "frozen_set_type": _LIST,
    "set_type": _LIST,
    "literal_error": _NOT_ONE_OF,
    "enum": _NOT_ONE_OF,
    "union_tag_invalid": "{discriminator} : valeur non admise (attendu : {expected_tags}).",
    "union_tag_not_found": "il manque {discriminator}.",
    "greater_than": "doit être au-dessus de {gt}.",
    "greater_than_equal": "doit être au moins {ge}.",
    "less_than": "doit être au-dessous de {lt}.",
    "less_than_equal": "doit être au plus {le}.",
    "value_error": "{error}",
}


def sentence(fault: ErrorDetails, other: Mapping[str, str] | None = None) -> str:
    """The sentence of one of pydantic's errors; ``other`` ones go before ours."""
    template = {**SENTENCES, **(other or {})}.get(fault["type"], _OTHERWISE)
    values: dict[str, Any] = dict(fault.get("ctx", {}))
    if "expected" in values:
        values["expected"] = str(values["expected"]).replace(" or ", " ou ")
    return template.format(**values)
