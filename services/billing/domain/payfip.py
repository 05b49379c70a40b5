"""PayFiP's words: what may be asked of it, and what it answers.

Source: the DGFiP's web service (WSDL and recorded exchanges). ``exer`` is never compared: it was
seen to come back cut short.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

#: In cents. Below, PayFiP answers M3; above, M5.
LEAST_CENTS, MOST_CENTS = 100, 10_000_000
PARIS = ZoneInfo("Europe/Paris")
#: ``T`` test; ``X`` activation, which charges real cards; ``W`` production.
EntryMode = Literal["T", "X", "W"]
FaultKind = Literal["functional", "dysfunction", "unavailable", "protocol"]

_OBJECT = re.compile(r"[A-Za-z0-9 ]{0,100}")
_MOST_OBJECT = 100
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Order:
    """A payment to be opened. ``refdet`` is new for each: PayFiP takes none twice."""

    numcli: str
    exer: str
    refdet: str
    objet: str
    montant: int
    mel: str
    saisie: EntryMode
    urlnotif: str
    urlredirect: str


class BadOrder(ValueError):
    """A field that PayFiP would refuse; ``field`` is its name there."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def _matching(pattern: str) -> Callable[[str], bool]:
    return lambda value: re.fullmatch(pattern, value) is not None


_URL = _matching(r"https?://[!-~]{1,241}")
_RULES: Mapping[str, Callable[[str], bool]] = {
    "numcli": _matching(r"[0-9]{6}"),
    "exer": _matching(r"[0-9]{4}"),
    "refdet": _matching(r"[A-Za-z0-9]{6,30}"),
    "objet": lambda value: _OBJECT.fullmatch(value) is not None,
    "montant": lambda value: value.isdigit() and LEAST_CENTS <= int(value) <= MOST_CENTS,
    "mel": lambda value: is_email(value),
    "saisie": _matching(r"[TXW]"),
    "urlnotif": _URL,
    "urlredirect": _URL,
}


def is_email(text: str) -> bool:
    """Whether PayFiP takes it: 6 to 80 characters around an ``@``."""
    return 6 <= len(text) <= 80 and _EMAIL.fullmatch(text) is not None


def fields_of(order: Order) -> dict[str, str]:
    """The fields as they are sent, in the order of the schema. Raises ``BadOrder``."""
    fields = {
        "exer": order.exer, "mel": order.mel, "montant": f"{order.montant:03d}",
        "numcli": order.numcli, "objet": order.objet, "refdet": order.refdet,
        "saisie": order.saisie, "urlnotif": order.urlnotif, "urlredirect": order.urlredirect,
    }  # fmt: skip
    for name, value in fields.items():
        if not _RULES[name](value):
            raise BadOrder(name)
    return fields


def object_of(text: str) -> str:
    """A text as PayFiP takes it: no accent, no sign, a hundred characters."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    spaced = re.sub(r"[^A-Za-z0-9]+", " ", plain)
    return spaced.strip()[:_MOST_OBJECT].rstrip()


# -- answers -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """The payment's page may be opened within fifteen minutes."""

    idop: str


@dataclass(frozen=True, slots=True)
class Detail:
    """What came of a payment. ``montant`` is in cents, None when it is no number; ``result`` is
    PayFiP's letter; ``at`` is None when the date is missing or malformed."""

    idop: str
    numcli: str
    refdet: str
    montant: int | None
    result: str
    at: datetime | None
    authorisation: str | None


@dataclass(frozen=True, slots=True)
class OfficeName:
    """The collection office that a client number belongs to, as PayFiP names it."""

    numcli: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """PayFiP says no, by code; ``label`` is its sentence, empty where it gives none."""

    kind: FaultKind
    code: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing came within the time, or nothing that can be read: nothing is known."""

    reason: Literal["unreachable", "malformed"]


def cents_of(text: str) -> int | None:
    """An amount that PayFiP answered, in cents."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def instant_of(day: str, time: str) -> datetime | None:
    """``JJMMAAAA`` and ``HHMM`` in Paris; None when they are missing or make no instant."""
    if not re.fullmatch(r"[0-9]{8}", day) or not re.fullmatch(r"[0-9]{4}", time):
        return None
    try:
        return datetime(
            int(day[4:]), int(day[2:4]), int(day[:2]), int(time[:2]), int(time[2:]), tzinfo=PARIS
        )
    except ValueError:
        return None
