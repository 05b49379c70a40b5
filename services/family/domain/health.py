"""Health sheets: which vaccinations a child needs by birth date, and how long a sheet is good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from services.family.domain.parts import Certificate

#: The last day of a school year: sheets are certified anew for the next.
_SCHOOL_YEAR_ENDS = (8, 31)


@dataclass(frozen=True, slots=True)
class Vaccine:
    """A vaccine of the national calendar, and for whom it is compulsory in a community: children
    born from ``born_from`` on (article R3111-2, public health code); None: recommended only."""

    id: str
    label: str
    born_from: date | None


_ALWAYS = date(1900, 1, 1)
_2018 = date(2018, 1, 1)
#: Decree 2024-694: meningococcus B, and ACWY in the place of C, from 1 January 2025.
_2025 = date(2025, 1, 1)

VACCINES: Mapping[str, Vaccine] = {
    one.id: one
    for one in (
        Vaccine("dtp", "Diphtérie, tétanos, poliomyélite", _ALWAYS),
        Vaccine("pertussis", "Coqueluche", _2018),
        Vaccine("hib", "Haemophilus influenzae b", _2018),
        Vaccine("hepatitis-b", "Hépatite B", _2018),
        Vaccine("pneumococcus", "Pneumocoque", _2018),
        Vaccine("mmr", "Rougeole, oreillons, rubéole", _2018),
        Vaccine("meningococcus-c", "Méningocoque C", _2018),
        Vaccine("meningococcus-acwy", "Méningocoques ACWY", _2025),
        Vaccine("meningococcus-b", "Méningocoque B", _2025),
        Vaccine("bcg", "BCG", None),
        Vaccine("hpv", "Papillomavirus", None),
    )
}
#: What stands in the place of an earlier vaccine for those who need the later one.
_REPLACES = {"meningococcus-acwy": "meningococcus-c"}


def compulsory(birth_date: date) -> tuple[Vaccine, ...]:
    """The vaccines without which a child of that birth date is not admitted."""
    needed = [v for v in VACCINES.values() if v.born_from and v.born_from <= birth_date]
    replaced = {_REPLACES.get(vaccine.id) for vaccine in needed}
    return tuple(vaccine for vaccine in needed if vaccine.id not in replaced)


def valid_until(day: date) -> date:
    """The last day that a sheet certified on ``day`` is good for: the end of the school year."""
    ends = date(day.year, *_SCHOOL_YEAR_ENDS)
    return ends if day <= ends else ends.replace(year=day.year + 1)


def good(certificate: Certificate | None, day: date) -> bool:
    """Whether a sheet is certified for that day."""
    return certificate is not None and day <= certificate.until
