"""What waits for an agent: money that no rule can settle, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.ids import derived_id

TaskKind = Literal[
    "paid-late", "paid-withdrawn", "payment-undetermined", "owed-back", "booking-without-price",
    "online-payment-refused",
]  # fmt: skip
TaskState = Literal["open", "done"]
#: What agents read: what has happened, and what is to be done.
KINDS: Mapping[TaskKind, str] = {
    "paid-late": "Payé après le délai, et il n'y a plus de place : la somme est au crédit de la"
    " famille. Proposez-lui une autre date, ou remboursez-la.",
    "paid-withdrawn": "Payé à l'instant où la famille retirait sa réservation : la somme est à son"
    " crédit. Demandez-lui si elle veut réserver à nouveau, ou être remboursée.",
    "payment-undetermined": "PayFiP répond autre chose que ce qui était à payer, ou un résultat"
    " inconnu : rien n'est compté comme payé. Cherchez ce paiement dans l'espace PayFiP de la"
    " régie ; s'il y est, enregistrez ce qui a été reçu.",
    "owed-back": "Un paiement annulé avait déjà été remboursé à la famille : elle doit rendre"
    " cette somme. Demandez-la-lui.",
    "booking-without-price": "Une réservation à payer n'a pas de tarif : rien n'est facturé et les"
    " places seront rendues. Complétez les tarifs, puis proposez à la famille de réserver à"
    " nouveau.",
    "online-payment-refused": "Une famille n'a pas pu payer en ligne : PayFiP refuse la demande de"
    " la régie ({reason}), et réessayer n'y change rien. Vérifiez le numéro de client et"
    " son accès avec votre correspondant de la DGFiP.",
}


class Done(BaseModel):
    """That a task is done, since when, by which agent with what ``note``; by nobody (None) when
    what it was about came right by itself."""

    model_config = ConfigDict(frozen=True)

    by: str | None
    at: datetime
    note: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """One thing for an agent to do about a family; ``cents`` is what it is about, where known.
    ``payment`` and ``request`` say which. ``reason``: PayFiP's code, or the field it would refuse.
    """

    id: str
    town: str
    family: str
    kind: TaskKind
    since: datetime
    cents: int | None = None
    payment: str | None = None
    request: str | None = None
    reason: str | None = None
    done: Done | None = None

    @property
    def text(self) -> str:
        """As agents read it."""
        return KINDS[self.kind].format(reason=self.reason)

    @property
    def state(self) -> TaskState:
        return "done" if self.done else "open"


def task_id(kind: TaskKind, *subject: str) -> str:
    """One task of a kind for each thing it is about."""
    return derived_id("task", kind, *subject)
