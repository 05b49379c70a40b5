"""The reasons that families read beside each amount."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

from shared.contracts.booking import Effect
from shared.contracts.town_file import Bracket
from shared.french import counted, time_words
from shared.money import euros

_PER = {
    "day": "la journée", "week": "la semaine", "month": "le mois", "period": "la période",
    "school_year": "l'année scolaire", "calendar_year": "l'année",
}  # fmt: skip


def number(value: Decimal) -> str:
    """A decimal in French: ``1 234,5``."""
    text = format(value.normalize(), "f")
    return text.replace(".", ",")


def one_price() -> str:
    """The same for everybody."""
    return "Prix unique"


def without_proof(*, dearest: bool) -> str:
    """Nothing proves the family's quotient."""
    price = "tarif le plus élevé" if dearest else "tarif fixé par la commune"
    return f"Sans justificatif de quotient : {price}"


def bracket(found: Bracket, value: Decimal, lower: int, cents: Decimal) -> str:
    """The line of the grid, and by how much it was shifted; where a rate comes to more or less
    than it may, which bound made it ``cents``."""
    if found.rate:
        said = f"Taux d'effort appliqué au quotient {number(value)}{_bound(found, cents)}"
    else:
        said = f"{_bounds(found)} (quotient {number(value)})"
    if lower:
        side = "inférieure" if lower > 0 else "supérieure"
        said += f", {counted(abs(lower), 'tranche')} {side}"
    return said


def _bound(found: Bracket, cents: Decimal) -> str:
    if found.ceiling_cents is not None and cents == found.ceiling_cents:
        return f", plafonné à {euros(found.ceiling_cents)}"
    if found.floor_cents and cents == found.floor_cents:
        return f", porté au minimum de {euros(found.floor_cents)}"
    return ""


def _bounds(found: Bracket) -> str:
    if found.from_ is not None:
        low: str | None = f"à partir de {number(found.from_)}"
    else:
        low = f"au-dessus de {number(found.over)}" if found.over is not None else None
    if found.to is not None:
        high: str | None = f"jusqu'à {number(found.to)}"
    else:
        high = f"moins de {number(found.below)}" if found.below is not None else None
    both = " et ".join(one for one in (low, high) if one)
    return f"Tranche {both}" if both else "Tranche unique"


def addition(cents: int) -> str:
    """So much on top."""
    return f"Supplément de {euros(cents)}"


def percent(share: int) -> str:
    """A share on top."""
    return f"Majoration de {share} %"


def instead() -> str:
    """Another price instead of the family's own."""
    return "Prix appliqué à la place du tarif habituel"


_ENDED: dict[Effect, str] = {
    "cancelled": "Annulé dans les délais : rien n'est dû",
    "free": "Absence non facturée",
    "credit": "Absence donnant lieu à un avoir",
    "refund": "Absence remboursée",
    "carry_over": "Absence reportée sur une prochaine réservation",
    "billed": "Absence facturée",
    "collect": "Absence facturée, repas à retirer sur place",
    "to_prove": "Dû tant que le justificatif n'est pas reçu",
    "price": "Absence facturée à un prix particulier",
    "surcharge": "Absence facturée plus cher",
}


def ended(effect: Effect, share: int | None, *, late: bool) -> str:
    """What an absence comes to, or a cancellation, which may be ``late``."""
    if late and effect == "cancelled":
        return "Annulé après le délai : la journée n'est pas due"
    if effect == "keep_percent":
        return f"Absence remboursée, moins une retenue de {share} %"
    return _ENDED[effect]


def not_refundable() -> str:
    """An absence gives nothing back."""
    return "Non remboursable : dû malgré l'absence"


def ceiling() -> str:
    """No dearer than what it costs."""
    return "Ramené au coût du service par usager"


def included(per: str) -> str:
    """Paid for already."""
    return f"Compris dans le forfait pour {_PER[per]}"


def flat(per: str) -> str:
    """Once for all of a time."""
    return f"forfait pour {_PER[per]}"


def instalment(at: int, number_of: int) -> str:
    """One part of a yearly price."""
    return f"échéance {at} sur {number_of}"


def no_instalment() -> str:
    """A month in which no part falls due."""
    return "Aucune échéance ce mois-ci"


def quantity(count: Decimal, per: str) -> str:
    """How many slices or hours."""
    if per == "hour":
        return f"{number(count)} h"
    return counted(int(count), "tranche horaire", "tranches horaires")


def late(minutes: int, since: time, cents: int) -> str:
    """A late pick-up that is charged."""
    return f"Retard de {minutes} min après {time_words(since)} : {euros(cents)}"


def late_warning(minutes: int, since: time, text: str | None) -> str:
    """A late pick-up that is not."""
    said = f"Retard de {minutes} min après {time_words(since)} : avertissement, sans frais"
    return f"{said}. {text}" if text else said


def late_again(minutes: int, since: time, text: str | None) -> str:
    """Once too often: an agent will see."""
    said = f"Retard de {minutes} min après {time_words(since)} : la commune décidera de la suite"
    return f"{said}. {text}" if text else said
