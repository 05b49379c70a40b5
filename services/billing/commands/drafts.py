"""Drafting a month: its invoices are read and corrected before they are issued."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

from services.billing.commands.month_ends import refuse_too_early
from services.billing.commands.pricing import or_aside, priced_charges
from services.billing.domain.drafts import Correction, Draft, draft_id, keyed
from services.billing.domain.months import last_over
from services.billing.schemas.drafts import CorrectionIn
from services.billing.state import Billing
from shared.auth import AgentScope
from shared.errors import Refused, not_found
from shared.tasks import grouped, guarded

#: Families drafted between two signs of life; without one for so long, a drafting is carried on.
_TAKEN, _STILL_GOES_ON = 50, timedelta(minutes=1)


async def draft_month(billing: Billing, town: str, month: str) -> None:
    """Price a month as it is now into drafts; again, it is the replay: corrections of lines that
    are the same stay. Raises ``Refused``: ``month-not-over``, ``decisions-waiting``."""
    await refuse_too_early(billing, town, month)
    await billing.drafts.ask(town, month, billing.clock.machine())
    await _draft(billing, town, month)


async def _draft(billing: Billing, town: str, month: str) -> None:
    found = await billing.towns.get(town)
    left = await billing.drafts.ids(town, month)
    so_far = 0
    async for some in grouped(billing.store.open_by_family(town, month), _TAKEN):
        for family, charges in some:
            priced = priced_charges(billing, found, family, charges)
            _, reckoned = await or_aside(priced, charges)
            draft = Draft(
                id=draft_id(town, family, month), town=town, family=family, month=month,
                lines=keyed(reckoned.lines), corrections={},
                left_aside=Counter(one.code for one in reckoned.left_aside),
            )  # fmt: skip
            await billing.drafts.keep(draft)
            left.discard(draft.id)
        so_far += len(some)
        await billing.drafts.advance(town, month, so_far, billing.clock.machine())
    for gone in left:
        await billing.drafts.drop(gone)
    await billing.drafts.begin(town, month)


async def draft_due(billing: Billing) -> None:
    """The job: draft each month that is over, once, in towns whose agents issue the invoices; and
    carry on what a dead process left half drafted."""
    async with billing.store.leased(billing.owner, "drafts") as mine:
        if mine:
            await _draft_due(billing)


async def _draft_due(billing: Billing) -> None:
    quiet_since = billing.clock.machine() - _STILL_GOES_ON
    for slug, left in await billing.drafts.cut_short(quiet_since):
        await guarded(_draft(billing, slug, left), about=slug)
    decided = await billing.store.decided_up_to()
    for town in await billing.towns.all():
        file = town.file
        instant = decided.get(file.town)
        if file.collection_office.month_end != "draft" or instant is None:
            continue
        for month in await billing.store.open_months(
            file.town, last_over(instant, ZoneInfo(file.time_zone))
        ):
            drafted = await billing.drafts.begun(file.town, month)
            if not drafted and not await billing.store.decisions_held(file.town):
                await guarded(draft_month(billing, file.town, month), about=file.town)


async def correct_draft(
    billing: Billing, scope: AgentScope, draft_: str, wish: CorrectionIn
) -> Draft:
    """Correct a line of a draft. Raises ``Refused``: 404, ``line-changed``."""
    draft = await billing.drafts.get(draft_)
    if draft is None or draft.town != scope.town:
        raise not_found("ce brouillon")
    if not await billing.drafts.begun(scope.town, draft.month):  # not issued from drafts yet
        raise not_found("ce brouillon")
    correction = Correction(
        line=wish.line, cents=wish.cents, reason=wish.reason, by=scope.account,
        at=billing.clock.town(),
    )  # fmt: skip
    if not await billing.drafts.correct(draft, correction):
        raise Refused(
            "line-changed", "Cette ligne a changé depuis : relisez le brouillon.", field="/line"
        )
    return await billing.drafts.get(draft_) or draft
