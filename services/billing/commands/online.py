"""Payments on PayFiP's page: opened, and resolved whoever asks what came of them.

The notification, the browser's return, the payer's page, the job and agents all end in
``resolve``: PayFiP is asked, its answer is one conditional write, and the account is told of what
is paid, as often as it takes.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from services.billing.commands import payments
from services.billing.commands.tasks import open_task
from services.billing.domain.accounts import Account, Debt, Holder
from services.billing.domain.invoicing import Invoice
from services.billing.domain.payfip import (
    LEAST_CENTS,
    MOST_CENTS,
    BadOrder,
    Fault,
    NoAnswer,
    Order,
    object_of,
)
from services.billing.domain.payments import (
    PAGE_LIVES,
    SETTLED,
    Part,
    Payment,
    found,
    is_awaited,
    may_be_asked,
    may_still_be_paid,
    next_ask,
    unless_hinted,
    was_answered,
)
from services.billing.domain.tasks import Task, task_id
from services.billing.queries import invoices as queries
from services.billing.state import Billing
from shared.auth import FamilyScope
from shared.contracts.town_file import PayFip as Registered
from shared.contracts.town_file import TownFile
from shared.errors import Refused, not_found
from shared.french import day_words
from shared.logs import get_logger
from shared.metrics import PAYMENTS
from shared.money import euros
from shared.tasks import guarded, in_turns
from shared.web.routes import Command

#: Payments asked about in one turn of the job, and so many at once.
_TAKEN, _AT_ONCE = 100, 4
_FAILED = "payment-not-resolved"
#: However often a page is read.
_ASKED_ONCE_IN = timedelta(seconds=3)
_EMAIL_REFUSED = ("A1", "A2")
_log = get_logger()


# -- opening -------------------------------------------------------------------------------


async def pay(
    billing: Billing, scope: FamilyScope, invoices: Sequence[str], email: str, command: Command
) -> Payment:
    """Open the page on which these invoices are paid together; the same command again gives the
    same page.

    Raises ``Refused``: 404 for an invoice out of reach, ``families-differ``, ``offices-differ``,
    ``nothing-to-pay``, ``being-collected``, ``payment-too-late``, ``amount-too-small``,
    ``amount-too-large``, ``amount-changed``, ``payment-over``, ``online-payment-unavailable``,
    ``email-refused``, ``payment-not-opened``, ``online-payment-refused``,
    ``idempotency-key-reused``.
    """
    payment = await billing.payments.payment(command.id)
    if payment is None:
        made = await _meant(billing, scope, invoices, command)
        await billing.payments.create(made)
        payment = await billing.payments.payment(command.id)
    elif payment.idop is None:
        # No page came of it before: another may have been paid since.
        await ask(billing, *payment.invoices)
        payment = await billing.payments.need(payment.id)
    if payment is None or payment.body_hash != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à une autre demande.", status=422
        )
    return await _opened(billing, scope, payment, email) if payment.idop is None else payment


async def _meant(
    billing: Billing, scope: FamilyScope, wanted: Sequence[str], command: Command
) -> Payment:
    """What is to be paid, by the account: never by the one who pays."""
    chosen = [await queries.invoice(billing, scope, one) for one in wanted]
    registered = _registered((await billing.towns.get(scope.town)).file)
    holder = one_holder(chosen)
    await ask(billing, *wanted)
    account = await billing.accounts.get(holder)
    now = billing.clock.town()
    parts = tuple(_part(account, one, now) for one in chosen)
    cents = sum(one.cents for one in parts)
    _refuse_amount(cents)
    return Payment(
        id=command.id, town=scope.town, office=holder.office, family=holder.family,
        payer=scope.guardian_of(holder.family), account=scope.account, means="payfip",
        cents=cents, parts=parts, state="created", created_at=now, since=now,
        body_hash=command.body_hash, numcli=registered.client_number,
        next_ask=next_ask(now, now),
    )  # fmt: skip


def one_holder(chosen: Sequence[Invoice]) -> Holder:
    """Whose account invoices that are paid together are on. Raises ``Refused``."""
    first = chosen[0]
    if any(one.family != first.family for one in chosen):
        raise Refused(
            "families-differ", "Payez séparément les factures de chaque famille.",
            field="/invoices",
        )  # fmt: skip
    if any(one.office != first.office for one in chosen):
        raise Refused(
            "offices-differ", "Ces factures relèvent de régies différentes : payez-les séparément.",
            field="/invoices",
        )  # fmt: skip
    return Holder(first.town, first.office, first.family)


def _part(account: Account, invoice: Invoice, now: datetime) -> Part:
    if invoice.expires is not None and invoice.expires <= now:
        raise Refused(
            "payment-too-late",
            f"Le délai pour payer la facture {invoice.number} est passé : réservez à nouveau.",
            field="/invoices",
        )
    debt = account.debts.get(invoice.id)
    check_not_collected(debt)
    if debt is None or debt.state != "open":
        raise Refused(
            "nothing-to-pay", f"La facture {invoice.number} n'est pas à payer.",
            field="/invoices",
        )  # fmt: skip
    return Part(invoice=invoice.id, cents=debt.unpaid)


def check_not_collected(debt: Debt | None) -> None:
    """Nobody pays what is about to be collected. Raises ``Refused``: ``being-collected``."""
    if debt is not None and debt.state == "open" and debt.debit_on is not None:
        day = day_words(date.fromisoformat(debt.debit_on))
        raise Refused(
            "being-collected",
            f"Cette facture sera prélevée le {day} : elle n'est pas à payer autrement.",
            field="/invoices",
        )  # fmt: skip


def _refuse_amount(cents: int) -> None:
    if cents < LEAST_CENTS:
        raise Refused(
            "amount-too-small",
            f"Le paiement en ligne est possible à partir de {euros(LEAST_CENTS)}.",
            field="/invoices",
        )
    if cents > MOST_CENTS:
        raise Refused(
            "amount-too-large",
            f"Le paiement en ligne est possible jusqu'à {euros(MOST_CENTS)} : payez ces factures"
            " en plusieurs fois.",
            field="/invoices",
        )


def _registered(file: TownFile) -> Registered:
    registered = file.collection_office.payfip
    if registered is None:
        raise Refused(
            "online-payment-unavailable",
            f"Le paiement en ligne n'est pas proposé par {file.collection_office.label}.",
        )
    return registered


async def _opened(billing: Billing, scope: FamilyScope, payment: Payment, email: str) -> Payment:
    """Ask PayFiP for a page. A second page for one payment is never shown: one write wins."""
    file = (await billing.towns.get(payment.town)).file
    registered = _registered(file)
    now = billing.clock.town()
    try:
        await _check_as_meant(billing, scope, payment, now)
    except Refused:
        await billing.payments.not_opened(payment.id, now)
        raise
    here = f"{billing.public_url}/api/billing/v1/{payment.town}/payfip"
    order = Order(
        numcli=payment.numcli, exer=str(now.astimezone(ZoneInfo(file.time_zone)).year),
        refdet=new_reference(now), objet=object_of(file.collection_office.label),
        montant=payment.cents, mel=email, saisie=registered.entry_mode,
        urlnotif=f"{here}/notifications", urlredirect=f"{here}/returns",
    )  # fmt: skip
    try:
        said = await billing.payfip.create(order)
    except BadOrder as bad:
        said = Fault("functional", "A2" if bad.field == "mel" else bad.field)
    if isinstance(said, Fault | NoAnswer):
        raise await _not_opened(billing, payment, said)
    await billing.payments.opened(
        payment.id, idop=said.idop, refdet=order.refdet, at=now, next_ask=next_ask(now, now)
    )
    after = await billing.payments.payment(payment.id)
    if after is None or after.idop is None:
        raise await _not_opened(billing, payment, NoAnswer("unreachable"))
    return after


async def _check_as_meant(
    billing: Billing, scope: FamilyScope, payment: Payment, now: datetime
) -> None:
    """Whether the same is to be paid still, the payment being stored: whoever collects sets
    invoices apart, then looks for it. Raises ``Refused``."""
    chosen = [await queries.invoice(billing, scope, one) for one in payment.invoices]
    account = await billing.accounts.get(Holder(payment.town, payment.office, payment.family))
    if tuple(_part(account, one, now) for one in chosen) != payment.parts:
        raise Refused(
            "amount-changed", "La somme à payer a changé entre-temps : recommencez le paiement.",
            field="/invoices",
        )  # fmt: skip
    if payment.state != "created":
        raise Refused(
            "payment-over",
            "La page de paiement n'a pas été ouverte à temps : recommencez le paiement.",
        )


def new_reference(now: datetime) -> str:
    """A ``refdet`` never used before: the instant and ten digits by chance."""
    return f"{now:%Y%m%d%H%M%S}{secrets.randbelow(10**10):010}"


async def _not_opened(billing: Billing, payment: Payment, said: Fault | NoAnswer) -> Refused:
    """Why no page was opened, as it is told to the payer: to try again helps where PayFiP is away;
    what it refuses of the régie is for an agent to see to."""
    if isinstance(said, Fault) and said.code in _EMAIL_REFUSED:
        return Refused(
            "email-refused", "L'adresse électronique n'est pas acceptée par PayFiP.",
            status=422, field="/email",
        )  # fmt: skip
    reason = said.code or said.kind if isinstance(said, Fault) else said.reason
    _log.warning("payment-not-opened", id=payment.id, town=payment.town, reason=reason)
    if isinstance(said, NoAnswer) or said.kind != "functional":
        return Refused(
            "payment-not-opened",
            "Le service de paiement ne répond pas. Rien n'a été débité : réessayez dans un moment.",
            status=503, retry_after=60,
        )  # fmt: skip
    now = billing.clock.town()
    await open_task(billing, Task(
        task_id("online-payment-refused", payment.town, payment.office, reason, f"{now:%Y-%m-%d}"),
        payment.town, payment.family, "online-payment-refused", now, cents=payment.cents,
        payment=payment.id, reason=reason,
    ))  # fmt: skip
    return Refused(
        "online-payment-refused",
        "PayFiP refuse les paiements de la régie pour le moment. Rien n'a été débité. La mairie est"
        " prévenue : payez plus tard, ou autrement.",
    )


def page(billing: Billing, payment: Payment) -> str | None:
    """The address of the page, while it may be opened; none, once the payer came back from it,
    before its result is known."""
    now = billing.clock.town()
    if payment.idop is None or payment.opened_at is None or payment.state in SETTLED:
        return None
    if is_awaited(payment, now):
        return None
    return billing.payfip.page(payment.idop) if now < payment.opened_at + PAGE_LIVES else None


def front_page(billing: Billing, payment: Payment) -> str | None:
    """Where the browser goes on after its return: the front end's page, if it has one."""
    if billing.payment_page is None:
        return None
    return f"{billing.payment_page.replace('{town}', payment.town)}?payment={payment.id}"


# -- resolving -----------------------------------------------------------------------------


async def resolve(billing: Billing, payment: Payment) -> tuple[Payment, bool]:
    """What has come of a payment by now, and whether PayFiP could be asked."""
    answered = True
    if payment.state not in SETTLED:
        payment, answered = await _asked(billing, payment)
    if payment.untold:
        await payments.tell(billing, payment)
    return payment, answered


async def _asked(billing: Billing, payment: Payment) -> tuple[Payment, bool]:
    now = billing.clock.town()
    said = None if payment.idop is None else await billing.payfip.detail(payment.idop)
    finding = found(payment, said, now)
    while not await billing.payments.found(payment, finding, now):
        # Somebody else was faster; what PayFiP said may still make a payment of it. A hint that
        # came while it was asked tells of something later.
        payment = await billing.payments.need(payment.id)
        if payment.state in SETTLED:
            return payment, True
        finding = unless_hinted(found(payment, said, now), payment)
    if finding.state != payment.state:
        PAYMENTS.labels(payment.means, finding.state).inc()
        _log.info("payment-found", id=payment.id, outcome=finding.state)
    if finding.problem and finding.problem != payment.problem:
        _log.error("payment-undetermined", id=payment.id, town=payment.town,
                   reason=finding.problem, code=finding.letter)  # fmt: skip
    return await billing.payments.need(payment.id), finding.answered


async def looked_at(billing: Billing, payment: Payment) -> Payment:
    """A payment for whoever reads it; PayFiP is asked, unless somebody has just asked it."""
    if payment.state not in SETTLED:
        now = billing.clock.town()
        if not await billing.payments.ask(payment.id, now, _ASKED_ONCE_IN):
            return payment
    return (await resolve(billing, payment))[0]


async def hint(billing: Billing, town: str, idop: str) -> None:
    """Something may have come of that operation: the job asks PayFiP at its next turn."""
    await billing.payments.hint(town, idop, billing.clock.town())


async def returned(billing: Billing, town: str, idop: str) -> Payment:
    """The payment that a browser comes back from. Raises ``Refused`` (404)."""
    if idop:
        await billing.payments.hint(town, idop, billing.clock.town(), returned=True)
    known = await billing.payments.by_idop(town, idop) if idop else None
    if known is None:
        raise not_found("ce paiement")
    return await looked_at(billing, known)


async def ask(
    billing: Billing, *invoices: str, by_schedule: bool = False
) -> Literal["paid", "unpaid", "unknown"]:
    """Whether one of the payments meant for these invoices is paid, by PayFiP's word of this
    instant; ``unknown`` when it could not be asked about each, or one may be paid any moment.

    ``by_schedule``: PayFiP is asked about those whose time has come alone; of the others what it
    said counts, once they could be paid no longer.
    """
    unsure = False
    for payment in await billing.payments.in_question(invoices):
        now = billing.clock.town()
        if by_schedule and not may_be_asked(payment, now):
            unsure |= not was_answered(payment)
            continue
        after, answered = await resolve(billing, payment)
        if after.state == "paid":
            return "paid"
        unsure |= not answered or may_still_be_paid(after, now)
    return "unknown" if unsure else "unpaid"


# -- the job -------------------------------------------------------------------------------


async def ask_due(billing: Billing) -> None:
    """The job: ask about what is due, and tell accounts what a dead process left untold."""
    async with billing.payments.leased(billing.owner) as mine:
        if mine:
            after = ""
            while untold := await billing.payments.untold(after, _TAKEN):
                after = untold[-1].id
                tellings = (guarded(payments.tell(billing, one), _FAILED, one.id) for one in untold)
                await in_turns(tellings, _AT_ONCE)
            due = await billing.payments.to_ask(billing.clock.town(), _TAKEN)
            await in_turns(
                (guarded(resolve(billing, one), _FAILED, one.id) for one in due), _AT_ONCE
            )
