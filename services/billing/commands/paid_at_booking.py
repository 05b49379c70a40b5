"""What is paid at booking: an invoice at once, and what becomes of it when it is not paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.billing.commands.accounts import move
from services.billing.commands.issuing import Numbers, complete, issue
from services.billing.commands.online import ask
from services.billing.commands.owning import charges_of
from services.billing.commands.pricing import priced_charges
from services.billing.commands.tasks import open_task
from services.billing.commands.withdrawals import see_to_paid
from services.billing.domain.charges import Charge, charge_id
from services.billing.domain.invoicing import Invoice, booking_invoice_id
from services.billing.domain.known import line_ref
from services.billing.domain.months import month_of
from services.billing.domain.movements import Keep, Void
from services.billing.domain.tasks import Task, task_id
from services.billing.state import Billing
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingWithdrawn,
    PaymentAwaited,
)
from shared.copies import Town
from shared.ids import derived_id
from shared.logs import get_logger
from shared.tasks import guarded, in_turns

_MOST, _AT_ONCE = 100, 8
#: After the hold's own time; two hours after the booking it frees the places by itself.
_PATIENCE = timedelta(minutes=90)
_log = get_logger()


async def awaited(billing: Billing, town: str, event: PaymentAwaited) -> None:
    """Invoice the lines whose places are held until they are paid, but those that their family has
    taken back by now. Raises ``MissingCopy``."""
    gone = await billing.withdrawals.lines(event.request)
    known = await billing.towns.need(town)
    household = await billing.store.households.household(town, event.family)
    charges = [
        one
        for line in event.lines
        if line.line not in gone
        for one in await charges_of(
            billing, household, known.file, line, event.request, event.asked_at
        )
    ]
    if charges:
        _id = booking_invoice_id(event.request, str(event.attempt))
        await _invoice(billing, known, _id, charges, expires=event.pay_until)
    await _take_back(billing, town, event.request)


async def accepted(billing: Billing, event: BookingAccepted, charges: Sequence[Charge]) -> None:
    """Put the charges of accepted lines on the invoice that was paid for them, those of a change
    on that of the booking it changes; what an agent gives unpaid is invoiced now."""
    standing = [one for one in charges if one.accepted]
    if not standing:
        return
    town = standing[0].town
    accepted_refs = {line_ref(one) for one in standing}
    billed = [
        (invoice.id, refs)
        for invoice, refs in await billing.invoices.booked(town, event.request)
        if accepted_refs & refs.keys() and await _stands(billing, invoice)
    ]
    unbilled = []
    for line in event.lines:
        ref = f"{event.request}-{line.line}"
        own = [one for one in standing if line_ref(one) == ref]
        basis = next((invoice for invoice, refs in billed if ref in refs), None)
        at_booking = any(one.billing == "pay_at_booking" for one in own)
        if basis is None and at_booking:
            # Refused and given again, or changed: where it is, or what it changes.
            request, _, booked = (line.of or ref).rpartition("-")
            units = line.was if line.of is not None else line.units
            basis = await billing.store.invoice_of(
                [charge_id(request, booked, unit) for unit in units]
            )
        if basis is not None:
            await billing.store.mark({basis: [one.id for one in own]}, late=True)
        elif at_booking:
            unbilled += own
    if unbilled:
        _id = booking_invoice_id(event.request, event.decided_at.isoformat())
        held = await _invoice(billing, await billing.towns.need(town), _id, unbilled, expires=None)
        await billing.store.mark({_id: held}, late=True)


async def _stands(billing: Billing, invoice: Invoice) -> bool:
    """Whether an invoice of what is given now is not called off: it will not be, from here on."""
    if invoice.expires is None or invoice.kept:
        return invoice.state != "void"
    await _owed(billing, invoice)
    keep = Keep(derived_id("keep", invoice.id), invoice.id)
    account = await move(billing, invoice.holder, keep)
    return not account.debts[invoice.id].void


async def _owed(billing: Billing, invoice: Invoice) -> None:
    """Have an invoice on the account, where whoever numbered it died before."""
    if invoice.state is None:
        await complete(billing, [invoice])


async def not_booked(billing: Billing, town: str, event: BookingRefused) -> None:
    """Nothing is due for lines that were not booked after all. What was paid too late for a place
    is credit, and an agent sees to it."""
    invoices = await billing.invoices.booked(town, event.request)
    await _paid_late(billing, town, event, [billed for _, billed in invoices])
    await _not_due(billing, invoices, {f"{event.request}-{line.line}" for line in event.lines})


async def withdrawn(billing: Billing, town: str, event: BookingWithdrawn) -> None:
    """Nor for lines that their family took back before it paid, heard of or not yet."""
    await billing.withdrawals.note(town, event.family, event.request, event.lines)
    await _take_back(billing, town, event.request)


async def _take_back(billing: Billing, town: str, request: str) -> None:
    """Once after the withdrawal is noted, and once after what was taken back is invoiced: whichever
    comes last sees both."""
    gone = {f"{request}-{line}" for line in await billing.withdrawals.lines(request)}
    if gone:
        await _not_due(billing, await billing.invoices.booked(town, request), gone)
        await see_to_paid(billing, town, request)


async def _not_due(
    billing: Billing, invoices: Sequence[tuple[Invoice, Mapping[str, int]]], refs: Set[str]
) -> None:
    """An invoice that waits to be paid is called off where nothing of it was booked; any other is
    corrected."""
    for invoice, billed in invoices:
        if not refs & billed.keys() or invoice.state == "void":
            continue
        booked = any(one.accepted for one, _ in await billing.store.billed(invoice.id))
        if invoice.expires is not None and not invoice.kept and not booked:
            await _owed(billing, invoice)
            await call_off(billing, invoice)
        gone = refs & billed.keys()
        await billing.invoices.give_up(invoice.id, gone, billing.clock.machine())


async def _paid_late(
    billing: Billing, town: str, event: BookingRefused, billed: Sequence[Mapping[str, int]]
) -> None:
    late = {
        f"{event.request}-{line.line}"
        for line in event.lines
        if line.reason is not None and line.reason.code == "paid-late"
    }
    if late:
        await open_task(billing, Task(
            task_id("paid-late", event.request, event.decided_at.isoformat()), town, event.family,
            "paid-late", event.decided_at, request=event.request,
            cents=sum(max((one.get(ref, 0) for one in billed), default=0) for ref in late),
        ))  # fmt: skip


async def expire_unpaid(billing: Billing) -> None:
    """The job: invoices of bookings that were not paid in time are called off, once PayFiP has said
    that nothing was paid for them; or has not answered for as long as booking waits for a word."""
    async with billing.store.leased(billing.owner, "unpaid-bookings") as mine:
        if mine:
            now = billing.clock.town()
            after: Invoice | None = None
            while due := await billing.invoices.unpaid_before(now, after, _MOST):
                tries = (guarded(_expire(billing, one, now), about=one.id) for one in due)
                await in_turns(tries, _AT_ONCE)
                after = due[-1]


async def _expire(billing: Billing, invoice: Invoice, now: datetime) -> None:
    waited = invoice.expires is not None and now - invoice.expires > _PATIENCE
    said = await ask(billing, invoice.id, by_schedule=not waited)
    if said == "unpaid" or (said == "unknown" and waited):
        await call_off(billing, invoice)


async def call_off(billing: Billing, invoice: Invoice) -> None:
    """Void an invoice while something is to be paid for it; paid meanwhile, it stays."""
    await move(billing, invoice.holder, Void(derived_id("void", invoice.id), invoice.id))


async def _invoice(
    billing: Billing,
    town: Town,
    _id: str,
    charges: Sequence[Charge],
    *,
    expires: datetime | None,
) -> list[str]:
    """Invoice charges now; those on the invoice. Where a price is missing nothing is held to be
    paid, and nothing is asked for what has none: agents see it among the charges."""
    first = min(charges, key=lambda one: one.day)
    family = (await billing.store.family(first.town, first.family)).family
    guardian, reckoned = await priced_charges(billing, town, family, charges)
    if reckoned.left_aside and (expires or not reckoned.lines):
        reason = ", ".join(sorted({one.code for one in reckoned.left_aside}))
        _log.error("booking-without-price", town=first.town, request=first.request, reason=reason)
        await open_task(billing, Task(
            task_id("booking-without-price", _id), first.town, first.family,
            "booking-without-price", billing.clock.town(), request=first.request,
        ))  # fmt: skip
        return []
    today = billing.clock.town().astimezone(ZoneInfo(town.file.time_zone)).date()
    numbers = Numbers(billing, first.town, town.file.collection_office.code, today.year)
    invoice = Invoice(
        id=_id, town=first.town, family=family, guardian=guardian,
        month=month_of(first.day), office=numbers.office, year=numbers.year, sequence=0,
        issued_on=today, due_on=today, lines=reckoned.lines, version=town.version, kind="booking",
        request=first.request, expires=expires, billed=(reckoned.begins(_id),),
    )  # fmt: skip
    return await issue(billing, numbers, invoice, [one.id for one in reckoned.charges], None)
