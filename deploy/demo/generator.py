"""Invented families, as the spreadsheet a town would hand over.

The same arguments always give the same text. Names are drawn from the lists below; homonyms,
long, hyphenated, accented and apostrophed names are frequent on purpose.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import unicodedata
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from random import Random

SCHOOL_YEAR = 2026  # its autumn
_COLUMNS = (
    "dossier", "personne", "rôle", "nom", "prénom", "naissance", "école", "niveau",
    "droits titulaire", "droits co-titulaire", "facturé", "téléphone", "courriel", "adresse",
    "code postal", "ville", "lien",
)  # fmt: skip
#: A child is in the class of the calendar year in which it is three, four… at the new year.
_LEVELS = ("PS", "MS", "GS", "CP", "CE1", "CE2", "CM1", "CM2")
_POSTCODES = {"veyras": "07000", "andancette": "26140"}
_BETWEEN_BIRTHS = timedelta(days=300)
_HOUSEHOLD_SIZES = (1, 2, 3, 4)
_SIZE_WEIGHTS = (38, 42, 16, 4)

_LAST_NAMES = (
    "Aubrac", "Bachelard", "Barthélemy", "Beaussire-Montclar", "Belkacem", "Benhaddou", "Berthon",
    "Boissonnade", "Bouvier", "Brémond", "Castagnier", "Chabert", "Chastagner", "Coëffard",
    "Cros", "Da Cunha", "D'Arbigny", "Delhomme", "Demirci", "Desgranges", "Diallo", "Dupré",
    "D'Éon-Villars", "Estève", "Faure", "Ferrandiz", "Foulon de la Grézerie", "Garnodier",
    "Gauthier", "Giraud", "Haddad", "Hébrard", "Issartel", "Jacquemin", "Kowalczyk", "Lafont",
    "L'Hermitte", "Le Goaziou", "Maisonneuve", "Mazoyer", "Moulin", "Nguyen", "N'Diaye", "Noël",
    "O'Leary", "Ollier", "Pérrier", "Peyrache", "Ponçon", "Queyranne", "Rambaud",
    "Ravonihantanirina", "Riou", "Roux", "Saint-Étienne", "Sauvageon", "Seguin", "Tavernier",
    "Teyssier", "Traoré", "Valcluse", "Vernet", "Viallet", "Yılmaz", "Zaïdi", "Zimmermann",
)  # fmt: skip
_WOMEN = (
    "Aïcha", "Anaïs", "Anne-Laure", "Camille", "Céline", "Delphine", "Élodie", "Fatou", "Françoise",
    "Gaëlle", "Hélène", "Inès", "Jeanne", "Laëtitia", "Léa", "Maëva", "Marie-Ange", "Maud",
    "Noémie", "Ophélie", "Samira", "Sophie", "Thị Hương", "Valérie", "Zoé",
)  # fmt: skip
_MEN = (
    "Adrien", "Amadou", "Benoît", "Bruno", "Camille", "Cédric", "Clément", "Damien", "Étienne",
    "François", "Guénolé", "Hakim", "Jean-Baptiste", "Jérôme", "Julien", "Karim", "Loïc", "Luc",
    "Mickaël", "Nicolas", "Olivier", "Pierre-Yves", "Quentin", "Rémi", "Sébastien", "Yann",
)  # fmt: skip
_CHILDREN = (
    "Adam", "Aliénor", "Amir", "Anouk", "Arthur", "Ayden", "Basile", "Chloé", "Diego", "Éléonore",
    "Eliott", "Élise", "Émile", "Fanta", "Gabriel", "Gaël", "Héloïse", "Ilyès", "Inaya", "Jade",
    "Jean", "Jules", "Lenny", "Léo", "Léonie", "Lilou", "Lou", "Louise", "Lucien", "Maëlys",
    "Mahé", "Malo", "Marie-Lou", "Mathis", "Mia", "Mila", "Naël", "Nino", "Noé", "Oscar", "Pio",
    "Raphaël", "Romane", "Rose", "Sacha", "Salomé", "Soline", "Théa", "Tiago", "Tom", "Victoire",
    "Wassim", "Yaëlle", "Zacharie", "Zélie", "Anne-Charlotte-Marie", "Jean-Sébastien",
)  # fmt: skip
_STREETS = (
    "rue de l'Église", "rue des Écoles", "chemin du Moulin à vent", "montée des Vignes",
    "place de la Mairie", "impasse des Lauriers", "route de Privas", "allée du Clos",
    "lotissement Les Grands-Champs", "chemin de la Combe d'Or", "rue du 8-Mai-1945",
    "quartier Saint-Joseph",
)  # fmt: skip
_RELATIONS = ("grand-mère", "grand-père", "tante", "oncle", "voisine", "assistante maternelle")
_MAIL_DOMAINS = ("example.org", "example.net")


@dataclass
class _Place:
    """Where the families live."""

    town: str
    school: str
    rng: Random
    mails: set[str] = field(default_factory=set)
    names: list[tuple[str, str]] = field(default_factory=list)

    @property
    def city(self) -> str:
        return "-".join(part.capitalize() for part in self.town.split("-"))


def generate(seed: int, town: str, school: str, families: int = 200) -> str:
    """The CSV text of that many families, for ``preau family import``.

    ``school`` is the id of the school in the town's file, where every child goes.
    """
    place = _Place(town, school, Random(f"{seed}/{town}"))  # noqa: S311 - invented data
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, _COLUMNS, delimiter=";", lineterminator="\r\n", restval="")
    writer.writeheader()
    for number in range(1, families + 1):
        reference = f"{town[0].upper()}{number:05d}"
        for person, row in enumerate(_family(place), start=1):
            writer.writerow({"dossier": reference, "personne": person, **row})
    return out.getvalue()


def _family(place: _Place) -> list[dict[str, str]]:
    rng = place.rng
    last_name, first_name = _holder(place)
    two, apart = rng.random() < 0.72, rng.random() < 0.18
    address = _address(place)
    holder = _adult(place, "titulaire", last_name, first_name, address)
    rows = [holder]
    if two:
        other_name = rng.choice(_LAST_NAMES) if rng.random() < 0.45 else last_name
        home = _address(place) if apart else address
        rows.append(_adult(place, "co-titulaire", other_name, _first_name(rng), home))
        rng.choice(rows[:1] if apart else rows)["facturé"] = "oui"
        if other_name != last_name and rng.random() < 0.25:
            last_name = f"{last_name} {other_name}"
    rows += _children(place, last_name, limited=two and apart)
    rows += [_contact(place, "urgence") for _ in range(rng.choice((0, 1, 1, 2)))]
    if rng.random() < 0.3:
        rows.append(_contact(place, "habilité"))
    return rows


def _holder(place: _Place) -> tuple[str, str]:
    """Last and first name; one in fifteen is the homonym of another family's holder."""
    if place.names and place.rng.random() < 1 / 15:
        return place.rng.choice(place.names)
    name = (place.rng.choice(_LAST_NAMES), _first_name(place.rng))
    place.names.append(name)
    return name


def _first_name(rng: Random) -> str:
    return rng.choice(rng.choice((_WOMEN, _MEN)))


def _adult(
    place: _Place, role: str, last_name: str, first_name: str, address: dict[str, str]
) -> dict[str, str]:
    return {
        "rôle": role, "nom": last_name, "prénom": first_name, "téléphone": _phone(place),
        "courriel": _mail(place, first_name, last_name), **address,
    }  # fmt: skip


def _children(place: _Place, last_name: str, *, limited: bool) -> list[dict[str, str]]:
    rng = place.rng
    count = rng.choices(_HOUSEHOLD_SIZES, _SIZE_WEIGHTS)[0]
    births = _births(rng, count)
    rights = rng.choice(("voir", "voir, décider", "aucun")) if limited else ""
    return [
        {
            "rôle": "enfant", "nom": last_name, "prénom": first_name,
            "naissance": f"{birth:%d/%m/%Y}", "école": place.school,
            "niveau": _level(birth), "droits co-titulaire": rights,
        }
        for birth, first_name in zip(births, rng.sample(_CHILDREN, count), strict=True)
    ]  # fmt: skip


def _births(rng: Random, count: int) -> list[date]:
    """Days of birth of brothers and sisters, eldest first: some twins, else ten months apart."""
    first, days = date(SCHOOL_YEAR - 2 - len(_LEVELS), 1, 1), 365 * len(_LEVELS)
    twins = count > 1 and rng.random() < 0.06
    while True:
        births = sorted(first + timedelta(rng.randrange(days)) for _ in range(count - twins))
        if all(later - earlier > _BETWEEN_BIRTHS for earlier, later in pairwise(births)):
            return births[:1] * twins + births


def _level(birth: date) -> str:
    """The class of the children born that year."""
    return _LEVELS[SCHOOL_YEAR - 3 - birth.year]


def _contact(place: _Place, role: str) -> dict[str, str]:
    rng = place.rng
    return {
        "rôle": role, "nom": rng.choice(_LAST_NAMES), "prénom": rng.choice((*_WOMEN, *_MEN)),
        "téléphone": _phone(place), "lien": rng.choice(_RELATIONS),
    }  # fmt: skip


def _address(place: _Place) -> dict[str, str]:
    street = f"{place.rng.randrange(1, 140)} {place.rng.choice(_STREETS)}"
    return {
        "adresse": street,
        "code postal": _POSTCODES.get(place.town, "00000"),
        "ville": place.city,
    }


def _phone(place: _Place) -> str:
    """A number of the range kept for fiction (06 39 98 …)."""
    rest = f"{place.rng.randrange(10_000):04d}"
    return f"06 39 98 {rest[:2]} {rest[2:]}"


def _mail(place: _Place, first_name: str, last_name: str) -> str:
    letters = unicodedata.normalize("NFKD", f"{first_name}.{last_name}".lower())
    plain = letters.encode("ascii", "ignore").decode()
    name = "".join(letter if letter.isalnum() else "." for letter in plain).strip(".")
    mail, again = f"{name}@{place.rng.choice(_MAIL_DOMAINS)}", 1
    while mail in place.mails:
        again += 1
        mail = f"{name}{again}@{place.rng.choice(_MAIL_DOMAINS)}"
    place.mails.add(mail)
    return mail


def main() -> None:
    """``python -m deploy.demo.generator``: write the CSV to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--town", required=True)
    parser.add_argument("--school", help="id of the school (default: ecole-<town>)")
    parser.add_argument("--families", type=int, default=200)
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    school = given.school or f"ecole-{given.town}"
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    sys.stdout.write(generate(given.seed, given.town, school, given.families))


if __name__ == "__main__":
    main()
