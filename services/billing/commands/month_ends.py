"""Month ends: a family's charges become its invoice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from services.billing.commands.issuing import Numbers, issue
from services.billing.commands.owning import into_closed_months
from services.billing.commands.pricing import priced_charges
from services.billing.domain.charges import Charge
from services.billing.domain.drafts import corrected, draft_id
from services.billing.domain.invoicing import (
    Invoice,
    LeftAside,
    Priced,
    due_on,
    invoice_id,
)
from services.billing.domain.months import ends_at, last_over
from services.billing.domain.runs import (
    BY_ITSELF,
    MOST_SHOWN,
    LeftAsideLine,
    Outcome,
    Run,
    run_by_itself,
)
from services.billing.state import Billing
from shared.auth import AgentScope
from shared.copies import Town
from shared.errors import Refused
from shared.ids import new_id
from shared.logs import get_logger
from shared.tasks import in_turns
from shared.web.routes import Command

#: Families invoiced at once, of so many taken at a time.
_AT_ONCE, _TAKEN = 8, 200
_log = get_logger()


async def end_months(billing: Billing) -> None:
    """The job: end each month that is over, and what a dead process left half done.

    Two replicas may both do it: invoices and runs have ids that both derive alike.
    """
    if not await billing.store.lease(billing.owner):
        return
    decided = await billing.store.decided_up_to()
    for town in await billing.towns.all():
        if instant := decided.get(town.file.town):
            zone = ZoneInfo(town.file.time_zone)
            if town.file.collection_office.month_end == "automatic":
                await _ask_due(billing, town.file.town, last_over(instant, zone))
    for run in await billing.store.unfinished_runs():
        try:
            await _perform(billing, run)
        except (Refused, LookupError, ValueError) as error:
            _log.error("month-end-failed", town=run.town, run=run.id, exc_info=error)


async def _ask_due(billing: Billing, town: str, last: str) -> None:
    for month in await billing.store.open_months(town, last):
        run = Run(run_by_itself(town, month), town, month, BY_ITSELF, billing.clock.town())
        if await billing.store.has_run(run.id) or await billing.store.decisions_held(town):
            continue
        if await billing.drafts.begun(town, month):  # agents say when
            continue
        await billing.store.ask_run(run)


async def run_month(billing: Billing, scope: AgentScope, month: str, command: Command) -> Run:
    """End a month at an agent's request; the same command again gives the same answer.

    Raises ``Refused``: ``month-not-over``, ``decisions-waiting``, ``idempotency-key-reused``.
    """
    if not await billing.store.has_run(command.id):
        await refuse_too_early(billing, scope.town, month)
    asked = Run(
        command.id, scope.town, month, scope.account, billing.clock.town(), command.body_hash
    )
    run = await billing.store.ask_run(asked)
    if run.body_hash != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à une autre demande.", status=422
        )
    return await _perform(billing, run)


async def run_month_by_operator(billing: Billing, town: str, month: str) -> Run:
    """End a month from the command line. Raises ``Refused`` as ``run_month`` does."""
    await refuse_too_early(billing, town, month)
    asked = Run(new_id(), town, month, "operator", billing.clock.town())
    return await _perform(billing, await billing.store.ask_run(asked))


async def preview_month(billing: Billing, town: str, month: str) -> Outcome:
    """What a month end would do now, with nothing stored. Raises ``Refused`` (404)."""
    found = await billing.towns.get(town)
    tally = _Tally()
    invoices = cents = 0
    async for family, charges in billing.store.open_by_family(town, month):
        held = await billing.invoices.charges_of(invoice_id(town, family, month))
        if held is not None:
            await _not_on(billing, tally, held, found, family, charges)
            continue
        _, reckoned = await priced_charges(billing, found, family, charges)
        tally.add(reckoned.left_aside)
        invoices += bool(reckoned.lines)
        cents += reckoned.total_cents
    return tally.outcome(invoices, cents)


async def _not_on(
    billing: Billing,
    tally: _Tally,
    invoice: Sequence[str],
    town: Town,
    family: str,
    charges: Sequence[Charge],
) -> list[str]:
    """Count the charges of the month without a price; those that came after its invoice, and are
    differences to it."""
    held = set(invoice)
    late = [one for one in charges if one.id not in held]
    if not late:
        return []
    _, reckoned = await priced_charges(billing, town, family, late)
    tally.add(reckoned.left_aside)
    return [one.id for one in reckoned.charges]


async def refuse_too_early(billing: Billing, town: str, month: str) -> None:
    """Refuse to bill a month of which not every decision is known."""
    file = (await billing.towns.get(town)).file
    decided = (await billing.store.decided_up_to()).get(town)
    if decided is None or decided < ends_at(month, ZoneInfo(file.time_zone)):
        raise Refused(
            "month-not-over",
            "Ce mois n'est pas terminé, ou toutes ses décisions ne sont pas encore connues.",
            field="/month",
        )
    if await billing.store.decisions_held(town):
        raise Refused(
            "decisions-waiting",
            "Des décisions de réservation sont encore en cours de traitement. Réessayez.",
            retry_after=60,
        )


@dataclass(slots=True)
class _Tally:
    """Charges left aside so far: all counted, the first kept."""

    count: int = 0
    lines: list[LeftAsideLine] = field(default_factory=list)

    def add(self, left_aside: Sequence[LeftAside]) -> None:
        room = MOST_SHOWN - len(self.lines)
        self.count += len(left_aside)
        self.lines += [LeftAsideLine.of(one) for one in left_aside[:room]]

    def outcome(self, invoices: int, total_cents: int) -> Outcome:
        return Outcome(
            invoices=invoices, total_cents=total_cents, left_aside=self.count,
            lines=tuple(self.lines),
        )  # fmt: skip


async def _perform(billing: Billing, run: Run) -> Run:
    """Issue what is to be issued; resumed or done twice at once, it gives the same invoices."""
    if run.outcome is not None:
        return run
    town = await billing.towns.get(run.town)
    file = town.file
    issued_on = billing.clock.town().astimezone(ZoneInfo(file.time_zone)).date()
    numbers = Numbers(billing, run.town, file.collection_office.code, issued_on.year)
    tally = _Tally()
    drafted = await billing.drafts.begun(run.town, run.month)

    async def invoice_family(family: str, charges: Sequence[Charge]) -> None:
        _id = invoice_id(run.town, family, run.month)
        held = await billing.invoices.charges_of(_id)
        resumed = held is not None
        if held is None:
            guardian, reckoned = await priced_charges(billing, town, family, charges)
            if drafted and reckoned.lines:
                reckoned = await _as_read(billing, run, family, reckoned)
            if not reckoned.lines:
                tally.add(reckoned.left_aside)
                return
            invoice = Invoice(
                id=_id, town=run.town, family=family, guardian=guardian, month=run.month,
                office=numbers.office, year=numbers.year, sequence=0, issued_on=issued_on,
                due_on=due_on(file, issued_on), lines=reckoned.lines, version=town.version,
                billed=(reckoned.begins(_id),),
            )  # fmt: skip
            charges_on = [one.id for one in reckoned.charges]
            held = await issue(billing, numbers, invoice, charges_on, run.id)
        late = await _not_on(billing, tally, held, town, family, charges)
        await billing.store.mark(_id, held, late=resumed)
        if drafted:
            await billing.drafts.drop(draft_id(run.town, family, run.month))
        await billing.store.mark(_id, late, late=True)

    # What a dead process had issued, before anything else may be made of those charges.
    for issued, charges in await billing.invoices.held_by_run(run.id):
        await billing.store.mark(issued, charges)
    await _adopt(billing, run)
    async for some in _taken(billing.store.open_by_family(run.town, run.month)):
        await in_turns((invoice_family(*one) for one in some), _AT_ONCE)
    await billing.store.finish_run(run.id, tally.outcome(*await billing.invoices.totals(run.id)))
    done = await billing.store.run(run.id)
    if done.outcome is not None:
        _log.info("month-ended", town=run.town, run=run.id, count=done.outcome.invoices)
    return done


async def _as_read(billing: Billing, run: Run, family: str, reckoned: Priced) -> Priced:
    """What agents have read and corrected of a family's bill; what they have not is left aside."""
    draft = await billing.drafts.get(draft_id(run.town, family, run.month))
    found = corrected(reckoned, draft) if draft else None
    if found is not None:
        return found
    aside = [LeftAside(one, "changed-since-draft") for one in reckoned.charges]
    return Priced((), (), (*reckoned.left_aside, *aside))


async def _adopt(billing: Billing, run: Run) -> None:
    """Charges of earlier months, heard of while those were invoiced, are differences to them."""
    late = await billing.store.open_before(run.town, run.month)
    homes = await billing.store.households.merged(run.town) if late else {}
    await into_closed_months(billing, run.town, late, homes)


_Open = tuple[str, list[Charge]]


async def _taken(families: AsyncIterator[_Open]) -> AsyncIterator[list[_Open]]:
    """The same, so many at a time."""
    some: list[_Open] = []
    async for one in families:
        some.append(one)
        if len(some) == _TAKEN:
            yield some
            some = []
    yield some
