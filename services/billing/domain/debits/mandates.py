"""A family's direct debit with a collection office: what it asked for, and the mandate it gave.

One document holds both, so that there is never more than one request that waits, nor more than one
mandate in force. A mandate is known to banks by its reference (RUM) and the office's identifier
(ICS). Source: EPC016-06, SEPA Direct Debit Core Scheme Rulebook.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, NamedTuple

from dateutil.relativedelta import relativedelta
from pydantic import BaseModel, ConfigDict

from services.billing.domain.debits.returns import Effect
from services.billing.domain.invoicing import Invoice
from shared.contracts.billing import DirectDebitChanged
from shared.contracts.family import FamilyChanged, Guardian
from shared.contracts.town_file import DirectDebit as Collecting
from shared.errors import Refused, forbidden, not_found
from shared.ids import derived_id

Kind = Literal["recurrent", "one_off"]
WishState = Literal["waiting", "refused", "withdrawn"]
MandateState = Literal["active", "suspended", "ended"]
EndReason = Literal["revoked", "by-office", "replaced", "lapsed", "collected", "rejected"]
Step = Literal[
    "requested", "accepted", "amended", "refused", "withdrawn", "suspended", "resumed", "ended"
]
#: Without a collection for so long, a mandate lapses. Source: the Rulebook, section 4.1.
LAPSES_AFTER = relativedelta(months=36)
#: Agreement may have been given on paper before it is entered, but not so long ago.
_OLDEST_AGREEMENT = relativedelta(months=36)
_KEPT = 20
_OF_A_WISH: frozenset[Step] = frozenset({"requested", "withdrawn", "refused"})


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Sealed(_Frozen):
    """What the sealer made of bank details; ``box`` is hexadecimal."""

    key: str
    box: str


class Bank(_Frozen):
    """Bank details (``{iban, bic, holder}``) as they are kept; ``shown``: the IBAN, masked."""

    sealed: Sealed
    shown: str


class Wish(_Frozen):
    """A request of direct debit, by or for a guardian whose account it is. It counts from the
    invoice of the month ``counts_from``. ``reason``: an agent's, for a refusal."""

    id: str
    guardian: str
    account: str
    bank: Bank
    kind: Kind
    agreed_on: date
    counts_from: str
    asked_at: datetime
    state: WishState = "waiting"
    since: datetime
    reason: str | None = None
    decided_by: str | None = None


class Mandate(_Frozen):
    """A mandate: ``reference`` is the RUM, ``creditor`` the ICS it was given to.

    ``first_on`` and ``used_on``: days of the first and of the latest collection put in a file.
    ``changed_at``: when its bank details became these; ``amended``: banks are yet to be told.
    ``rejections``: those in a row. ``last``: the next collection is to be the last; ``finishing``:
    the last, or the only one, is in a file.
    """

    reference: str
    creditor: str
    creditor_title: str
    guardian: str
    bank: Bank
    kind: Kind
    signed_on: date
    counts_from: str
    accepted_at: datetime
    accepted_by: str
    changed_at: datetime
    state: MandateState = "active"
    since: datetime
    ended_for: EndReason | None = None
    reason: str | None = None
    first_on: date | None = None
    used_on: date | None = None
    amended: bool = False
    rejections: int = 0
    last: bool = False
    finishing: bool = False

    @property
    def lapses_on(self) -> date:
        """The day from which it may be used no longer."""
        last: date = (self.used_on or self.signed_on) + LAPSES_AFTER
        return last


class DirectDebit(_Frozen):
    """What a family has of direct debit with an office: the latest request, until it is accepted,
    and the mandate in force; those that ended are ``past``, the latest last.

    ``family`` is the record that is the family's now (see ``shared.households``).
    """

    id: str
    town: str
    office: str
    family: str
    wish: Wish | None = None
    mandate: Mandate | None = None
    past: tuple[Mandate, ...] = ()

    @property
    def on(self) -> bool:
        """OUI or NON: whether its invoices are collected, or will be once a request is accepted."""
        waiting = self.wish is not None and self.wish.state == "waiting"
        return waiting or self.mandate is not None


class Done(NamedTuple):
    """The document after a command, and what is said of it."""

    debit: DirectDebit
    events: tuple[DirectDebitChanged, ...]


def debit_id(town: str, office: str, family: str) -> str:
    """One document for each town, office and family."""
    return derived_id("direct-debit", town, office, family)


def reference_of(office: str, year: int, wish: str) -> str:
    """The RUM of the mandate that comes of a request: the same each time it is asked for.

    At most 28 of 35 characters, of the set that banks take.
    """
    return f"{office}-{year}-{derived_id('mandate', wish)[:16].upper()}"


def may_pay_all(card: FamilyChanged, guardian: str) -> bool:
    """Whether a guardian may pay every invoice of the family: they are addressed to that one, or
    it pays for each child."""
    found = _guardian(card, guardian)
    if found is None:
        return False
    paid = {right.child for right in found.rights if right.pay}
    children = [child for child in card.children if not paid.isdisjoint(child.ids)]
    return found.invoiced or (bool(card.children) and len(children) == len(card.children))


def check_may_pay(card: FamilyChanged, guardian: str) -> None:
    """Raises ``Refused`` (403)."""
    if not may_pay_all(card, guardian):
        raise forbidden(
            "Seule une personne qui peut payer toutes les factures de la famille demande le"
            " prélèvement."
        )


def check_agreed(agreed_on: date, today: date) -> None:
    """Raises ``Refused``: ``agreement-date``."""
    if not today - _OLDEST_AGREEMENT < agreed_on <= today:
        raise Refused(
            "agreement-date",
            "La date de votre accord ne peut être ni à venir, ni aussi ancienne.",
            status=422, field="/agreed_on",
        )  # fmt: skip


# -- what a family does ----------------------------------------------------------------------------


def ask(debit: DirectDebit, wish: Wish) -> Done:
    """A request. Raises ``Refused``: ``request-waiting``."""
    if debit.wish is not None and debit.wish.state == "waiting":
        raise Refused(
            "request-waiting",
            "Une demande de prélèvement attend déjà la réponse de la régie. Retirez-la pour en"
            " faire une autre.",
        )
    return _said(debit.model_copy(update={"wish": wish}), "requested", wish.guardian)


def leave(debit: DirectDebit, now: datetime) -> Done:
    """The family takes its request back, and revokes its mandate. Raises ``Refused``:
    ``no-direct-debit``."""
    if not debit.on:
        raise Refused("no-direct-debit", "Vos factures ne sont pas prélevées.")
    events: list[DirectDebitChanged] = []
    if debit.wish is not None and debit.wish.state == "waiting":
        wish = debit.wish.model_copy(update={"state": "withdrawn", "since": now})
        debit = debit.model_copy(update={"wish": wish})
        if debit.mandate is None:
            return _said(debit, "withdrawn", wish.guardian)
    if debit.mandate is not None:
        debit, events = _ended(debit, debit.mandate, "revoked", None, now)
    return Done(debit, tuple(events))


# -- what agents decide ----------------------------------------------------------------------------


def accept(
    debit: DirectDebit,
    request: str,
    office: Collecting,
    *,
    by: str,
    now: datetime,
    today: date,
    signed_on: date | None,
) -> Done:
    """The mandate that a request comes to. Whose mandate was in force with other bank details keeps
    its reference: the mandate is amended; another guardian gives another mandate.

    Raises ``Refused`` (404, ``request-decided``, ``agreement-date``).
    """
    wish = _waiting(debit, request)
    if signed_on is not None:
        check_agreed(signed_on, today)
    held = debit.mandate
    if held is not None and _continues(held, wish, office, today):
        amended = held.model_copy(
            update={
                "bank": wish.bank, "changed_at": now, "amended": held.used_on is not None,
                "state": "active", "since": now, "rejections": 0, "reason": None,
            }
        )  # fmt: skip
        return _said(debit.model_copy(update={"wish": None, "mandate": amended}), "amended")
    events: list[DirectDebitChanged] = []
    if held is not None:
        debit, events = _ended(debit, held, "replaced", None, now)
    given = Mandate(
        reference=reference_of(debit.office, today.year, wish.id), creditor=office.creditor,
        creditor_title=office.creditor_title, guardian=wish.guardian, bank=wish.bank,
        kind=wish.kind, signed_on=signed_on or wish.agreed_on, counts_from=wish.counts_from,
        accepted_at=now, accepted_by=by, changed_at=now, since=now,
    )  # fmt: skip
    after, more = _said(debit.model_copy(update={"wish": None, "mandate": given}), "accepted")
    return Done(after, (*(one for one in events if one.guardian != wish.guardian), *more))


def refuse(debit: DirectDebit, request: str, reason: str, *, by: str, now: datetime) -> Done:
    """A request is not accepted. Raises ``Refused`` (404, ``request-decided``)."""
    wish = _waiting(debit, request)
    refused = wish.model_copy(
        update={"state": "refused", "since": now, "reason": reason, "decided_by": by}
    )
    after = debit.model_copy(update={"wish": refused})
    return _said(after, "refused", wish.guardian, reason)


def resume(debit: DirectDebit, now: datetime) -> Done:
    """A suspended mandate is used again. Raises ``Refused``: ``mandate-not-suspended``."""
    held = _in_force(debit)
    if held.state != "suspended":
        raise Refused("mandate-not-suspended", "Ce mandat n'est pas suspendu.")
    active = held.model_copy(
        update={"state": "active", "since": now, "rejections": 0, "reason": None}
    )
    return _said(debit.model_copy(update={"mandate": active}), "resumed")


def end(debit: DirectDebit, reason: str, now: datetime, *, after_next: bool) -> Done:
    """The office ends a mandate, at once or after the next collection. Raises ``Refused`` (404)."""
    held = _in_force(debit)
    if after_next:
        last = held.model_copy(update={"last": True})
        return Done(debit.model_copy(update={"mandate": last}), ())
    after, events = _ended(debit, held, "by-office", reason, now)
    return Done(after, tuple(events))


# -- what collections do ---------------------------------------------------------------------------


def lapse(debit: DirectDebit, reference: str, now: datetime) -> Done:
    """A mandate that was not used for too long ends."""
    held = debit.mandate
    if held is None or held.reference != reference:
        return Done(debit, ())
    after, events = _ended(debit, held, "lapsed", None, now)
    return Done(after, tuple(events))


def used(debit: DirectDebit, reference: str, on: date, bank_since: datetime) -> Done:
    """A collection of that day was put in a file, with the bank details that were the mandate's
    from ``bank_since`` on: others that came since are yet to be told."""
    held = debit.mandate
    if held is None or held.reference != reference:
        return Done(debit, ())
    after = held.model_copy(
        update={
            "first_on": held.first_on or on, "used_on": on,
            "amended": held.changed_at != bank_since,
            "finishing": held.kind == "one_off" or held.last,
        }
    )  # fmt: skip
    return Done(debit.model_copy(update={"mandate": after}), ())


def went_through(debit: DirectDebit, reference: str, now: datetime) -> Done:
    """A collection was paid: what was rejected before counts no longer; the only one, or the last,
    ends the mandate."""
    held = debit.mandate
    if held is None or held.reference != reference:
        return Done(debit, ())
    held = held.model_copy(update={"rejections": 0})
    debit = debit.model_copy(update={"mandate": held})
    if held.finishing:
        debit, events = _ended(debit, held, "collected", None, now)
        return Done(debit, tuple(events))
    return Done(debit, ())


def came_back(
    debit: DirectDebit,
    reference: str,
    effect: Effect,
    words: str | None,
    *,
    most: int,
    first: bool,
    amended: bool,
    now: datetime,
) -> Done:
    """A collection was called off, or rejected, for a reason that ends the mandate, suspends it,
    or counts: ``most`` in a row suspend it. What that collection was to tell banks (``first``,
    ``amended``), the next one does."""
    held = debit.mandate
    if held is None or held.reference != reference:
        return Done(debit, ())
    again = {"first_on": None} if first else {}
    count = held.rejections + (effect != "none")
    held = held.model_copy(
        update={
            **again, "rejections": count, "amended": held.amended or amended, "finishing": False,
        }
    )  # fmt: skip
    debit = debit.model_copy(update={"mandate": held})
    if effect == "ends":
        debit, events = _ended(debit, held, "rejected", words, now)
        return Done(debit, tuple(events))
    if held.state == "active" and (effect == "suspends" or count >= most):
        kept = held.model_copy(update={"state": "suspended", "since": now, "reason": words})
        return _said(debit.model_copy(update={"mandate": kept}), "suspended", None, words)
    return Done(debit, ())


def covers(mandate: Mandate, invoice: Invoice, on: date) -> bool:
    """Whether an invoice is collected by a mandate on a day: it has come by then, nobody is to pay
    it at booking, and it is the one the request counted from, or a later one."""
    counted = invoice.month >= mandate.counts_from
    counted |= invoice.issued_on > mandate.accepted_at.date()
    waits = invoice.expires is not None and not invoice.kept
    return counted and not waits and invoice.due_on <= on


# -- inside ----------------------------------------------------------------------------------------


def _guardian(card: FamilyChanged, guardian: str) -> Guardian | None:
    return next((one for one in card.guardians if guardian in one.ids), None)


def _waiting(debit: DirectDebit, request: str) -> Wish:
    if debit.wish is None or debit.wish.id != request:
        raise not_found("cette demande de prélèvement")
    if debit.wish.state != "waiting":
        raise Refused(
            "request-decided",
            "Cette demande n'attend plus de réponse : elle en a reçu une, ou a été retirée.",
        )
    return debit.wish


def _in_force(debit: DirectDebit) -> Mandate:
    if debit.mandate is None:
        raise not_found("un mandat de prélèvement en cours")
    return debit.mandate


def _continues(held: Mandate, wish: Wish, office: Collecting, today: date) -> bool:
    same = (held.guardian, held.kind, held.creditor) == (wish.guardian, wish.kind, office.creditor)
    return same and today < held.lapses_on and not (held.last or held.finishing)


def _ended(
    debit: DirectDebit, held: Mandate, why: EndReason, reason: str | None, now: datetime
) -> tuple[DirectDebit, list[DirectDebitChanged]]:
    over = held.model_copy(
        update={"state": "ended", "ended_for": why, "reason": reason, "since": now}
    )
    after = debit.model_copy(update={"mandate": None, "past": (*debit.past, over)[-_KEPT:]})
    said = _event(after, "ended", over.guardian, reason, over, ended_for=why)
    return after, [said]


def _said(
    debit: DirectDebit, step: Step, guardian: str | None = None, reason: str | None = None
) -> Done:
    held = debit.mandate
    whose = guardian or (held.guardian if held else "")
    about = None if step in _OF_A_WISH else held
    return Done(debit, (_event(debit, step, whose, reason, about),))


def _event(
    debit: DirectDebit,
    step: Step,
    guardian: str,
    reason: str | None,
    mandate: Mandate | None,
    ended_for: EndReason | None = None,
) -> DirectDebitChanged:
    about = mandate or debit.wish
    return DirectDebitChanged(
        family=debit.family, office=debit.office, guardian=guardian, step=step, reason=reason,
        mandate_reference=mandate and mandate.reference, creditor=mandate and mandate.creditor,
        counts_from=about.counts_from if about else None,
        ended_for=ended_for,
    )  # fmt: skip
