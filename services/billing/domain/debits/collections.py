"""Collections: what is taken from accounts on a day, in one file, and what comes of each debit.

A collection is made by steps that any process carries on: the debits are planned, their invoices
set apart on the accounts; the file is written; each family is told; on the day, an agent says that
the money came, or that a debit came back. Source: EPC016-06; EPC130-08.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.billing.domain.debits.mandates import Mandate, covers
from services.billing.domain.debits.returns import RETURNS
from services.billing.domain.invoicing import Invoice
from shared.contracts.billing import DebitChanged
from shared.errors import Refused
from shared.french import day_words
from shared.ids import derived_id
from shared.money import Cents

#: ``making``, ``announcing``, ``settling``, ``cancelling``: the job is at it. ``empty``: there was
#: nothing to collect.
CollectionState = Literal[
    "making", "announcing", "made", "settling", "settled", "cancelling", "cancelled", "empty"
]
UNDER_WAY: tuple[CollectionState, ...] = ("making", "announcing", "settling", "cancelling")
#: Nothing came of these: another may be made for their day.
VAIN: frozenset[CollectionState] = frozenset({"cancelled", "empty"})
#: ``ready``: its invoices are set apart. ``rejected``: before it was paid; ``returned``: after.
#: ``dropped``: it did not come into the file.
DebitState = Literal[
    "planned", "ready", "announced", "settled", "rejected", "returned", "cancelled", "dropped"
]
#: First, recurrent and last collections of a mandate, and the only one of another.
SequenceType = Literal["FRST", "RCUR", "FNAL", "OOFF"]
AsideCode = Literal[
    "suspended", "lapsed", "finishing", "other-creditor", "no-longer-pays", "merged",
    "mandate-changed", "payment-under-way",
]  # fmt: skip
#: As agents read them.
ASIDE: Mapping[AsideCode, str] = {
    "suspended": "Le mandat est suspendu.",
    "lapsed": "Le mandat n'a pas servi depuis 36 mois : il prend fin.",
    "finishing": "Le dernier prélèvement de ce mandat est déjà annoncé.",
    "other-creditor": "Le mandat a été donné à un autre identifiant créancier (ICS).",
    "no-longer-pays": "Le titulaire ne peut plus payer toutes les factures de la famille.",
    "merged": "Ce dossier fait partie d'un autre : demandez un mandat pour le dossier réuni.",
    "mandate-changed": "Le mandat ou le compte vient de changer.",
    "payment-under-way": "Un paiement de ces factures est en cours.",
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Aside(_Frozen):
    """A family with something to collect that was left aside, and why."""

    family: str
    code: AsideCode


class Collection(_Frozen):
    """A collection of a day. What the office was to its bank then is kept with it: ``creditor``
    (ICS), its title, account and the ``version`` of the file, which is ``file`` once it is written.
    ``asked_by``, ``decided_by``: agents."""

    id: str
    town: str
    office: str
    on: date
    year: int
    sequence: int
    creditor: str
    creditor_title: str
    iban: str
    bic: str
    version: str
    asked_by: str
    asked_at: datetime
    body_hash: str
    state: CollectionState = "making"
    since: datetime
    decided_by: str | None = None
    count: int = 0
    cents: Cents = 0
    aside: tuple[Aside, ...] = ()
    file: str | None = None

    @property
    def number(self) -> str:
        """``VEY-P-2026-0001``: the file's name for itself (``MsgId``)."""
        return f"{self.office}-P-{self.year}-{self.sequence:04d}"


class Collected(_Frozen):
    """What a debit is to settle of an invoice."""

    invoice: str
    number: str
    cents: Cents


class Debit(_Frozen):
    """What is collected by a mandate for one record's account; ``id`` is its ``EndToEndId``, and
    its payment's.

    ``family`` is the record whose account it is, ``mandated`` the one that the mandate is kept
    under. ``bank_since``: when the mandate's bank details became those. ``code``: the bank's reason
    when it came back. ``aside``: why it was dropped. ``untold``: the account and the mandate do not
    know of its state yet.
    """

    id: str
    town: str
    office: str
    collection: str
    family: str
    mandated: str
    guardian: str
    mandate_reference: str
    creditor: str
    bank_since: datetime
    on: date
    cents: Cents
    parts: tuple[Collected, ...]
    sequence: SequenceType
    amended: bool
    state: DebitState = "planned"
    since: datetime
    code: str | None = None
    by: str | None = None
    aside: AsideCode | None = None
    untold: bool = False

    @property
    def invoices(self) -> tuple[str, ...]:
        return tuple(one.invoice for one in self.parts)


def debit_id(collection: str, family: str) -> str:
    """A collection takes from a record's account once."""
    return derived_id("debit", collection, family)


def due(mandate: Mandate, invoices: Sequence[Invoice], on: date) -> tuple[Collected, ...]:
    """What is to be collected of a record's invoices by a mandate on a day."""
    return tuple(
        Collected(invoice=one.id, number=one.number, cents=one.unpaid_cents)
        for one in invoices
        if one.unpaid_cents and covers(mandate, one, on)
    )


def sequence_of(mandate: Mandate, already: int) -> SequenceType:
    """Which collection of the mandate the next one is, ``already`` being in the same file."""
    if mandate.kind == "one_off":
        return "OOFF"
    if mandate.last:
        return "FNAL"
    return "FRST" if mandate.first_on is None and not already else "RCUR"


def aside_of(
    mandate: Mandate, creditor: str, on: date, *, already: int, may_pay: bool
) -> AsideCode | None:
    """Why nothing may be collected by a mandate on a day; None when it may. The only collection of
    a mandate, or its last, is one: ``already`` are in the same file."""
    if mandate.state != "active":
        return "suspended"
    if on >= mandate.lapses_on:
        return "lapsed"
    if mandate.finishing or (already and sequence_of(mandate, already) in ("OOFF", "FNAL")):
        return "finishing"
    if mandate.creditor != creditor:
        return "other-creditor"
    return None if may_pay else "no-longer-pays"


def will_collect(mandate: Mandate, invoice: Invoice, creditor: str, *, may_pay: bool) -> bool:
    """Whether a mandate, as it is now, collects an invoice once that is due."""
    on = invoice.due_on
    aside = aside_of(mandate, creditor, on, already=0, may_pay=may_pay)
    return aside is None and covers(mandate, invoice, on)


def check_settles(collection: Collection, today: date) -> None:
    """Whether an agent may say that the money came. Raises ``Refused``: ``collection-not-made``,
    ``too-early``."""
    _check_in(collection, "made")
    if today < collection.on:
        raise Refused("too-early", f"Ce prélèvement est prévu le {day_words(collection.on)}.")


def check_cancels(collection: Collection, today: date) -> None:
    """Whether an agent may call a collection off: its day has not come. Raises ``Refused``:
    ``collection-not-made``, ``too-late``."""
    _check_in(collection, "making", "made")
    if collection.state == "made" and today >= collection.on:
        raise Refused(
            "too-late", "Le jour du prélèvement est venu : enregistrez les rejets un par un."
        )


def came_back(debit: Debit, code: str) -> Literal["rejected", "returned"]:
    """What a debit is once its bank has sent it back: ``rejected`` before it was paid, else
    ``returned``. Raises ``Refused``: ``return-code-unknown``, ``debit-not-announced``."""
    if code not in RETURNS:
        raise Refused(
            "return-code-unknown", "Ce code de rejet n'est pas connu.", status=422, field="/code"
        )
    if debit.state not in ("announced", "settled"):
        raise Refused("debit-not-announced", "Ce prélèvement n'est ni annoncé ni encaissé.")
    return "rejected" if debit.state == "announced" else "returned"


def said_of(
    debit: Debit,
    step: Literal["announced", "cancelled", "rejected", "returned"],
    code: str | None = None,
) -> DebitChanged:
    """What the family is told of a debit."""
    return DebitChanged(
        family=debit.mandated, office=debit.office, debit=debit.id, guardian=debit.guardian,
        step=step, cents=debit.cents, on=debit.on,
        invoices=tuple(one.number for one in debit.parts),
        mandate_reference=debit.mandate_reference, creditor=debit.creditor,
        reason=code and RETURNS[code].words,
    )  # fmt: skip


def _check_in(collection: Collection, *states: CollectionState) -> None:
    if collection.state not in states:
        raise Refused(
            "collection-not-made", "Ce fichier de prélèvement n'est pas prêt, ou est déjà traité."
        )
