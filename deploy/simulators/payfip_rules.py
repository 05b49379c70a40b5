"""What PayFiP requires of an order and refuses, and what may go wrong with it.

The order of the checks is not documented: a bad e-mail is seen before a bad amount. Codes A2, R3,
P1 and P5 were recorded; the others are those that public integrations name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

LABELS: Mapping[str, str] = {
    "A1": "Adresse mél non renseignée.",
    "A2": "Adresse mél incorrecte.",
    "D1": "URL de redirection incorrecte.",
    "M1": "Le format du montant n'est pas conforme.",
    "M3": "Le montant est inférieur au minimum autorisé.",
    "M5": "Le montant est supérieur au maximum autorisé.",
    "N1": "URL de notification incorrecte.",
    "P1": "IdOp incorrect.",
    "P3": "IdOp déjà utilisé.",
    "P4": "IdOp enregistré depuis plus de 15 minutes.",
    "P5": "Résultat de la transaction non connu.",
    "R3": "Le format du paramètre REFDET n'est pas conforme",
    "S1": "Type de saisie incorrect.",
    "T1": "Numéro de client incorrect.",
    "T2": "Numéro de client inconnu.",
    "T4": "Ce client n'a pas d'accès sécurisé.",
}
#: What an order may be refused for.
REFUSALS: Mapping[str, str] = {
    code: label for code, label in LABELS.items() if not code.startswith("P")
}
#: Seconds within which the page must be opened; a result is read for a year.
OPENED_WITHIN, KEPT = 15 * 60, 365 * 86_400

#: What the payer does -> the letter that follows.
RESULTS: Mapping[str, str] = {
    "carte": "P", "prelevement": "V", "carte-refusee": "R", "prelevement-refuse": "Z",
    "abandon": "A",
}  # fmt: skip
#: How the service fails once (``PayFipServer.next_failures``), besides ``REFUSALS``.
Failure = Literal["dysfunction", "unavailable", "protocol", "bad-gateway", "malformed", "slow"]
#: The same, as a person chooses among them.
FAILURES: Mapping[str, str] = {
    "dysfunction": "dysfonctionnement (999)", "unavailable": "indisponibilité (999)",
    "protocol": "erreur de protocole (999)", "bad-gateway": "HTTP 502",
    "malformed": "une réponse tronquée", "slow": "pas de réponse à temps",
}  # fmt: skip


class Refusal(Exception):
    """A functional fault."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Client:
    """A régie as the DGFiP knows it; ``secured`` is its access to the web service."""

    numcli: str
    lines: tuple[str, ...] = ("Commune", "Régie enfance")
    secured: bool = True
    most_cents: int = 10_000_000


@dataclass(frozen=True)
class Behaviour:
    """What happens around a result. ``times`` 0 loses the notification; ``delay`` is in seconds.

    ``changed`` replaces fields of the detail, and leaves out those that are None: a wrong amount,
    an unknown letter, a missing ``numauto``, a truncated ``exer``.
    """

    times: int = 1
    delay: float = 0
    name: str = "idop"
    method: Literal["POST", "GET"] = "POST"
    changed: Mapping[str, str | None] = field(default_factory=dict)


#: What a person may choose on the page.
CHOICES: Mapping[str, tuple[str, Behaviour]] = {
    "normale": ("envoyée une fois", Behaviour()),
    "perdue": ("perdue", Behaviour(times=0)),
    "doublee": ("envoyée trois fois", Behaviour(times=3)),
    "retardee": ("en retard de 30 secondes", Behaviour(delay=30)),
    "majuscule": ("avec idOp", Behaviour(name="idOp")),
    "get": ("par GET", Behaviour(method="GET")),
}
#: What a person may have the details of a payment say wrongly.
SPOILT: Mapping[str, tuple[str, Mapping[str, str | None]]] = {
    "montant": ("un autre montant", {"montant": "101"}),
    "sans-montant": ("pas de montant", {"montant": None}),
    "reference": ("une autre référence", {"refdet": "AUTRE0001"}),
    "client": ("un autre numéro de client", {"numcli": "999999"}),
    "resultat": ("un résultat inconnu (W)", {"resultrans": "W"}),
    "autorisation": ("pas de numéro d’autorisation", {"numauto": None}),
    "exercice": ("un exercice tronqué", {"exer": "20"}),
    "date": ("ni date ni heure", {"dattrans": None, "heurtrans": None}),
}
#: By how much a person may move the simulator's clock, in seconds.
STEPS: Mapping[str, tuple[str, int]] = {
    "page": ("16 minutes : une page qui n’est pas ouverte ne s’ouvre plus (P4)", 16 * 60),
    "heures": ("2 heures", 2 * 3600),
    "nuit": ("un jour : ce que personne n’a ouvert est purgé (P1)", 86_400),
    "an": ("un an : les résultats ne se lisent plus (P1)", KEPT),
}


def _refdet(value: str) -> str | None:
    return None if re.fullmatch(r"[A-Za-z0-9]{6,30}", value) else "R3"


def _email(value: str) -> str | None:
    if not value:
        return "A1"
    return None if 6 <= len(value) <= 80 and re.fullmatch(r"[^@\s]+@[^@\s]+", value) else "A2"


def _amount(value: str) -> str | None:
    if not re.fullmatch(r"[0-9]{3,}", value):
        return "M1"
    return "M3" if int(value) < 100 else None


def _url(code: str) -> Callable[[str], str | None]:
    return lambda value: None if re.fullmatch(r"https?://\S{1,241}", value) else code


_CHECKS: tuple[tuple[str, Callable[[str], str | None]], ...] = (
    ("mel", _email),
    ("numcli", lambda value: None if re.fullmatch(r"[0-9]{6}", value) else "T1"),
    ("saisie", lambda value: None if value in ("T", "X", "W") else "S1"),
    ("refdet", _refdet),
    ("montant", _amount),
    ("urlnotif", _url("N1")),
    ("urlredirect", _url("D1")),
)


def check_order(fields: Mapping[str, str], clients: Mapping[str, Client]) -> None:
    """Raises ``Refusal`` by the first field at fault."""
    for name, check in _CHECKS:
        if code := check(fields.get(name, "")):
            raise Refusal(code)
        if name == "numcli":
            check_client(fields["numcli"], clients)
    if int(fields["montant"]) > clients[fields["numcli"]].most_cents:
        raise Refusal("M5")


def check_client(numcli: str, clients: Mapping[str, Client]) -> Client:
    """The client of that number. Raises ``Refusal``."""
    client = clients.get(numcli)
    if client is None:
        raise Refusal("T2")
    if not client.secured:
        raise Refusal("T4")
    return client
