"""Drafts of a month's invoices: made, read, corrected, made again."""

from __future__ import annotations

from services.billing.commands import drafts
from services.billing.schemas.drafts import (
    CorrectionIn,
    DraftMonthIn,
    DraftMonthOut,
    DraftOut,
    DraftPage,
    DraftQuery,
)
from services.billing.state import Billing
from shared.auth import agents
from shared.web.routes import Call, NoBody, NoQuery, Route

_BILLING_OFFICE = agents("billing_office")


async def draft_month(billing: Billing, call: Call[DraftMonthIn, NoQuery]) -> DraftMonthOut:
    month = call.body.month
    await drafts.draft_month(billing, call.agent_scope.town, month)
    return DraftMonthOut(month=month, drafts=len(await billing.drafts.ids(call.town, month)))


async def list_drafts(billing: Billing, call: Call[NoBody, DraftQuery]) -> DraftPage:
    found = await billing.drafts.drafts(
        call.agent_scope, call.query.month, after=call.query.after, limit=call.query.limit
    )
    full = len(found) == call.query.limit
    return DraftPage(
        items=tuple(map(DraftOut.of, found)), next=found[-1].id if full else None,
        so_far=await billing.drafts.so_far(call.town, call.query.month),
    )  # fmt: skip


async def correct(billing: Billing, call: Call[CorrectionIn, NoQuery]) -> DraftOut:
    scope, draft = call.agent_scope, call.path["draft"]
    return DraftOut.of(await drafts.correct_draft(billing, scope, draft, call.body))


ROUTES = [
    Route(
        "POST", "/invoice-drafts", draft_month, "Draft a month that is over; again, replay it",
        access=_BILLING_OFFICE, answer=DraftMonthOut, body=DraftMonthIn, status=201,
        idempotent=True, refusals=("month-not-over", "decisions-waiting"),
    ),
    Route(
        "GET", "/invoice-drafts", list_drafts, "A month's drafts, family by family",
        access=_BILLING_OFFICE, answer=DraftPage, query=DraftQuery,
    ),
    Route(
        "POST", "/invoice-drafts/{draft}/corrections", correct, "Correct a line of a draft",
        access=_BILLING_OFFICE, answer=DraftOut, body=CorrectionIn, idempotent=True,
        refusals=("line-changed",),
    ),
]  # fmt: skip
