"""The sandbox cases of API Particulier, and the citizens they are about.

A case answers a request that gives everything the case names; of several, the one that names the
most. Source and licence: ``sandbox/README.md``.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent / "sandbox"
_SEXES = {"M": "male", "F": "female"}
#: Cases by identity whose persons may log in too: they answer 429, 502 and 504.
_TROUBLE = ("429", "502", "504")
_ABROAD = "200-etranger-celibataire-2_enfants-qf_cnaf_300_sept2024"
FRANCE = "99100"


@dataclass(frozen=True)
class Case:
    """What is asked, and what is answered."""

    name: str
    params: Mapping[str, Any]
    status: int
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Citizen:
    """A synthetic person, with the claims of a pivot identity.

    ``birthdate`` is YYYY-MM-DD; ``birthplace`` an INSEE code, empty for who was born abroad.
    """

    key: str
    given_names: tuple[str, ...]
    family_name: str
    gender: str
    birthdate: str
    birthplace: str
    birthcountry: str
    email: str
    preferred_username: str | None = None

    @property
    def label(self) -> str:
        """How a person would choose this one."""
        return f"{' '.join(self.given_names)} {self.family_name}"

    def params(self) -> dict[str, Any]:
        """The same, as parameters of API Particulier."""
        year, month, day = (int(part) for part in self.birthdate.split("-"))
        return {
            "prenoms": list(self.given_names),
            "nomNaissance": self.family_name,
            "anneeDateNaissance": year,
            "moisDateNaissance": month,
            "jourDateNaissance": day,
            "sexeEtatCivil": "M" if self.gender == "male" else "F",
            "codeCogInseeCommuneNaissance": self.birthplace,
            "codeCogInseePaysNaissance": self.birthcountry,
        }


@lru_cache(maxsize=2)
def cases(folder: str) -> tuple[Case, ...]:
    """The cases of ``identity`` or ``franceconnect``."""
    return tuple(_case(file) for file in sorted((_FOLDER / folder).glob("*.yaml")))


@lru_cache(maxsize=1)
def citizens() -> dict[str, Citizen]:
    """Who may log in: the persons of the cases, and one whom no fund knows."""
    persons = [
        _citizen(case)
        for case in (
            *(case for case in cases("franceconnect") if case.status == 200),
            *(case for case in cases("identity") if case.name in (*_TROUBLE, _ABROAD)),
        )
    ]
    unknown = Citizen(
        "nobody", ("Camille",), "INCONNU", "female", "1990-05-04", "26362", FRANCE,
        "camille.inconnu@franceconnect.example",
    )  # fmt: skip
    return {person.key: person for person in (*persons, unknown)}


def answering(known: Iterable[Case], asked: Mapping[str, Any]) -> Case | None:
    """The case that answers ``asked``, or None."""
    given = {name: _plain(value) for name, value in asked.items()}
    fitting = [
        case
        for case in known
        if all(
            given.get(name) == _plain(value)
            for name, value in case.params.items()
            if name in given or name != "nomUsage"  # a name in use may be left out
        )
    ]
    return max(fitting, key=lambda case: len(case.params), default=None)


def sandbox_tokens() -> dict[str, dict[str, Any]]:
    """Tokens that stand for a person's without a login: text -> what introspection says."""
    found = {}
    for file in sorted((_FOLDER / "tokens").glob("*.yaml")):
        document = yaml.safe_load(file.read_text())
        answer = json.loads(document["payload"])["token_introspection"]
        found[document["params"]["token"]] = answer
    return found


def _case(file: Path) -> Case:
    document = yaml.safe_load(file.read_text())
    payload = json.loads(document["payload"])
    return Case(file.stem, document["params"], document["status"], payload)


def _citizen(case: Case) -> Citizen:
    params = case.params
    given = tuple(params["prenoms"])
    slug = re.sub(r"[^a-z]+", ".", _plain(f"{given[0]} {params['nomNaissance']}")).strip(".")
    year, month, day = (params[f"{part}DateNaissance"] for part in ("annee", "mois", "jour"))
    return Citizen(
        key=slug,
        given_names=given,
        family_name=params["nomNaissance"],
        gender=_SEXES[params["sexeEtatCivil"]],
        birthdate=f"{year:04}-{month:02}-{day:02}",
        birthplace=params.get("codeCogInseeCommuneNaissance", ""),
        birthcountry=params["codeCogInseePaysNaissance"],
        email=f"{slug}@franceconnect.example",
        preferred_username=params.get("nomUsage"),
    )


def _plain(value: Any) -> str:
    """Two spellings that the sandbox takes for one: numbers as text, case and accents aside."""
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
