"""Wiring of billing."""

from __future__ import annotations

from functools import partial

import services.billing as room
from services.billing.api import ROUTES
from services.billing.commands.accounts import follow_all
from services.billing.commands.collections import carry_on
from services.billing.commands.correcting import correct_changed
from services.billing.commands.drafts import draft_due
from services.billing.commands.issuing import complete_all
from services.billing.commands.month_ends import end_months
from services.billing.commands.online import ask_due
from services.billing.commands.paid_at_booking import expire_unpaid
from services.billing.payfip import PayFip
from services.billing.reactions import reactions
from services.billing.settings import BillingSettings
from services.billing.state import Billing
from services.billing.store import (
    INDEXES,
    OUTBOXES,
    BillingStore,
    accounts,
    collections,
    drafts,
    invoices,
    mandates,
    payments,
    quotes,
    tasks,
)
from services.billing.store.accounts import ACCOUNTS, AccountStore
from services.billing.store.collections import DEBITS, FILES, CollectionStore
from services.billing.store.drafts import DraftStore
from services.billing.store.invoices import INVOICES, InvoiceStore
from services.billing.store.mandates import MANDATES, MandateStore
from services.billing.store.online_invoices import OnlineInvoiceStore
from services.billing.store.payments import PaymentStore
from services.billing.store.quotes import QuoteStore
from services.billing.store.tasks import TASKS, TaskStore
from services.billing.store.withdrawals import WithdrawalStore
from shared.copies import KeyCopy, TownCopy
from shared.files import Files
from shared.outgoing import Outgoing
from shared.runner import Job, Parts, Service
from shared.sealing import load_own_keys, sealer_of


def build(parts: Parts) -> Service:
    """The service, ready to be run."""
    outgoing = Outgoing()
    billing = state_of(parts, outgoing)
    keys = KeyCopy(parts.store, parts.keys)

    async def warm() -> None:
        await load_own_keys(billing.sealer, parts.store, parts.settings)
        await keys.load()

    return Service(
        name="billing",
        purpose=(room.__doc__ or "").partition("\n")[0],
        state=billing,
        routes=ROUTES,
        reactions=reactions(billing, keys, parts.store),
        indexes={
            **INDEXES,
            **quotes.INDEXES,
            **accounts.INDEXES,
            **invoices.INDEXES,
            **drafts.INDEXES,
            **payments.INDEXES,
            **tasks.INDEXES,
            **mandates.INDEXES,
            **collections.INDEXES,
        },
        outboxes=(*OUTBOXES, ACCOUNTS, INVOICES, TASKS, MANDATES, DEBITS),
        jobs=[
            Job("month-end", 2.0, partial(end_months, billing)),
            Job("drafts", 2.0, partial(draft_due, billing)),
            Job("invoices", 2.0, partial(complete_all, billing)),
            Job("accounts", 2.0, partial(follow_all, billing)),
            Job("unpaid-bookings", 2.0, partial(expire_unpaid, billing)),
            Job("corrections", 2.0, partial(correct_changed, billing)),
            Job("payments", 1.0, partial(ask_due, billing)),
            Job("collections", 2.0, partial(carry_on, billing)),
            keys.job,
        ],
        warm=warm,
        close=outgoing.close,
    )


def state_of(parts: Parts, outgoing: Outgoing | None = None) -> Billing:
    """What the use cases work with: for the service and for operators' commands. Connections are
    opened when they are first needed; ``outgoing`` is for whoever closes them."""
    settings = BillingSettings()
    sealer = sealer_of(parts.settings)
    return Billing(
        BillingStore(parts.store, parts.clock, parts.settings.lease_seconds),
        QuoteStore(parts.store, parts.clock),
        AccountStore(parts.store, parts.clock),
        InvoiceStore(parts.store),
        DraftStore(parts.store),
        TownCopy(parts.store, parts.clock),
        parts.clock,
        parts.press,
        PaymentStore(parts.store, parts.settings.lease_seconds),
        TaskStore(parts.store),
        WithdrawalStore(parts.store),
        OnlineInvoiceStore(parts.store),
        PayFip(settings.payfip_url, outgoing or Outgoing(), settings.payfip_seconds),
        MandateStore(parts.store, sealer),
        CollectionStore(
            parts.store, Files(parts.store, sealer, FILES), parts.settings.lease_seconds
        ),
        sealer,
        parts.audit,
        parts.settings.public_url,
        settings.payment_page,
    )
