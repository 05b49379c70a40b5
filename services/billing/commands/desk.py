"""Payments that agents enter: what was handed over, and what did not hold."""

from __future__ import annotations

from collections.abc import Sequence

from services.billing.commands import online, payments
from services.billing.domain.accounts import Holder
from services.billing.domain.corrections import Entry, left_of
from services.billing.domain.desk import check
from services.billing.domain.invoicing import Invoice
from services.billing.domain.payments import Part, Payment, Reversal
from services.billing.queries import invoices as invoice_queries
from services.billing.queries import payments as queries
from services.billing.schemas.payments import DeskPaymentIn
from services.billing.state import Billing
from services.billing.store.payments import Received
from shared.auth import AgentScope
from shared.errors import Refused
from shared.web.routes import Command

_COLLECTED = "Un prélèvement en était préparé"


async def record(
    billing: Billing, scope: AgentScope, wish: DeskPaymentIn, command: Command
) -> Payment:
    """Enter a payment; the same command again is the same payment.

    Raises ``Refused``: 404 for a family or an invoice that is none of the town's,
    ``families-differ``, ``offices-differ``, ``nothing-to-pay``, ``being-collected``,
    ``means-not-accepted``, ``too-much-cash``, ``voucher-too-large``, ``payer-unknown``,
    ``idempotency-key-reused``.
    """
    payment, made = await billing.payments.payment(command.id), False
    while payment is None:
        made = await billing.payments.create(*await _received(billing, scope, wish, command))
        payment = await billing.payments.payment(command.id)
    if payment.body_hash != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à une autre demande.", status=422
        )
    if payment.state == "paid" and (made or payment.untold):
        payment = await _unless_collected(billing, payment)
    if payment.untold:
        await payments.tell(billing, payment)
    if payment.reversal is not None and payment.reversal.reason == _COLLECTED:
        raise Refused(
            "being-collected",
            "Un prélèvement de cette facture vient d'être préparé : rien n'est enregistré. Rendez"
            " ce qui vous a été remis.",
            field="/invoices",
        )  # fmt: skip
    return payment


async def _unless_collected(billing: Billing, payment: Payment) -> Payment:
    """The account once more, the payment being stored: whoever collects sets invoices apart, then
    looks for it. Set apart since it was read, it is undone: the debit takes all that was due."""
    account = await billing.accounts.get(Holder(payment.town, payment.office, payment.family))
    if any((debt := account.debts.get(one)) and debt.debit for one in payment.invoices):
        undone = Reversal(reason=_COLLECTED, by=payment.account, at=billing.clock.town())
        await billing.payments.reverse(payment.id, undone)
        return await billing.payments.need(payment.id)
    return payment


async def _received(
    billing: Billing, scope: AgentScope, wish: DeskPaymentIn, command: Command
) -> tuple[Payment, Received]:
    """The payment, and what had been received when it was checked: read first, so that whatever
    is entered after that is seen to be."""
    card, _ = await billing.card_of(scope, wish.family)
    if wish.payer is not None and not any(wish.payer in one.ids for one in card.guardians):
        raise Refused(
            "payer-unknown", "Cette personne n'est pas un responsable de la famille.",
            status=422, field="/payer",
        )  # fmt: skip
    chosen = [await invoice_queries.invoice(billing, scope, one) for one in wish.invoices]
    holder = online.one_holder(chosen)
    if holder.family != wish.family:
        raise Refused(
            "families-differ", "Ces factures sont celles d'une autre famille.", field="/invoices"
        )
    received = await billing.payments.received(wish.invoices, wish.means)
    for entered in await billing.payments.in_question(wish.invoices):
        if entered.untold:
            await payments.tell(billing, entered)
    owed = await _to_pay(billing, holder, wish)
    office = (await billing.towns.get(scope.town)).file.collection_office
    billed = await _left_of(billing, chosen)
    births = {_id: one.birth_date for one in card.children for _id in one.ids}
    unpaid = sum(one.cents for one in owed)
    check(office, wish.means, wish.cents, billed, unpaid, received.cents, births)
    now = billing.clock.town()
    payment = Payment(
        id=command.id, town=scope.town, office=holder.office, family=holder.family,
        payer=wish.payer, account=scope.account, means=wish.means, cents=wish.cents, parts=owed,
        state="paid", created_at=now, since=now, body_hash=command.body_hash, untold=True,
        reference=wish.reference,
    )  # fmt: skip
    return payment, received


async def _left_of(billing: Billing, invoices: Sequence[Invoice]) -> list[Entry]:
    """What these invoices bill that was not given back since."""
    these, left = {one.id for one in invoices}, list[Entry]()
    for basis in sorted({one.of or one.id for one in invoices}):
        left += left_of(await billing.invoices.links(basis), these)
    return left


async def _to_pay(billing: Billing, holder: Holder, wish: DeskPaymentIn) -> tuple[Part, ...]:
    account = await billing.accounts.get(holder)
    parts, left = [], wish.cents
    for invoice in wish.invoices:
        debt = account.debts.get(invoice)
        online.check_not_collected(debt)
        if debt is None or debt.void or not debt.unpaid:
            raise Refused(
                "nothing-to-pay", "Une de ces factures n'est plus à payer.", field="/invoices"
            )
        parts.append(Part(invoice=invoice, cents=min(left, debt.unpaid)))
        left -= parts[-1].cents
    return tuple(parts)


async def reverse(billing: Billing, scope: AgentScope, _id: str, reason: str) -> Payment:
    """Undo a payment that did not hold: a cheque without funds, a mistake. Nothing is deleted;
    reversed twice, it is reversed once. Raises ``Refused``: 404, ``payment-not-received``,
    ``reversed-by-its-bank``."""
    known = await queries.payment(billing, scope, _id)
    if known.means == "direct_debit":
        raise Refused(
            "reversed-by-its-bank",
            "C'est un prélèvement : enregistrez son rejet, avec le code donné par la banque.",
        )
    reversal = Reversal(reason=reason, by=scope.account, at=billing.clock.town())
    await billing.payments.reverse(known.id, reversal)
    payment = await queries.payment(billing, scope, _id)
    if payment.state != "reversed":
        raise Refused(
            "payment-not-received", "Ce paiement n'a pas été reçu : il n'y a rien à annuler."
        )
    if payment.untold:
        await payments.tell(billing, payment)
    return payment
