"""Month ends: a family's charges become its invoice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from services.billing.commands.issuing import Numbers, Unnumbered, complete
from services.billing.commands.owning import into_closed_months
from services.billing.commands.pricing import not_heard, or_aside, priced_charges, priced_for
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
    run_once_more,
)
from services.billing.state import Billing
from shared.auth import AgentScope
from shared.contracts.family import FamilyChanged
from shared.contracts.town_file import TownFile
from shared.copies import Town
from shared.errors import Refused, StoreUnavailable
from shared.ids import new_id
from shared.logs import get_logger
from shared.tasks import grouped, guarded, streamed
from shared.web.routes import Command

#: Families invoiced together, each step of which is one round trip for all of them; and how many
#: such groups are in hand: while one is written another is priced.
_TAKEN, _AT_ONCE = 100, 2
_FAILED = "month-end-failed"
_Open = tuple[str, list[Charge]]
_log = get_logger()


async def end_months(billing: Billing) -> None:
    """The job: end each month that is over, and what a dead process left half done.

    One process does it, however long that takes; should two, invoices and runs have ids that both
    derive alike.
    """
    async with billing.store.leased(billing.owner) as mine:
        if mine:
            await _end_months(billing)


async def _end_months(billing: Billing) -> None:
    decided = await billing.store.decided_up_to()
    for town in await billing.towns.all():
        if instant := decided.get(town.file.town):
            zone = ZoneInfo(town.file.time_zone)
            if town.file.collection_office.month_end == "automatic":
                asked = _ask_due(billing, town.file.town, last_over(instant, zone))
                await guarded(asked, _FAILED, town.file.town)
    for run in await billing.store.unfinished_runs():
        await guarded(_perform(billing, run), _FAILED, run.id)


async def _ask_due(billing: Billing, town: str, last: str) -> None:
    for month in await billing.store.open_months(town, last):
        run = Run(run_by_itself(town, month), town, month, BY_ITSELF, billing.clock.town())
        if await billing.store.has_run(run.id) or await billing.store.decisions_held(town):
            continue
        if await billing.drafts.begun(town, month):  # agents say when
            continue
        await billing.store.ask_run(run)


async def end_once_more(
    billing: Billing, file: TownFile, months: Iterable[str], request: str, decided_at: datetime
) -> None:
    """Have months end again that have ended by themselves, for what was decided since."""
    over = last_over(billing.clock.town(), ZoneInfo(file.time_zone))
    for month in months:
        if month <= over and await billing.store.has_run(run_by_itself(file.town, month)):
            _id = run_once_more(file.town, month, request, decided_at)
            run = Run(_id, file.town, month, BY_ITSELF, billing.clock.town())
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
        _id = invoice_id(town, family, month)
        held = (await billing.invoices.charges_of([_id])).get(_id)
        if held is not None:
            await _not_on(billing, tally, held, found, family, charges)
            continue
        _, reckoned = await or_aside(priced_charges(billing, found, family, charges), charges)
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
    _, reckoned = await or_aside(priced_charges(billing, town, family, late), late)
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
        raise not_heard()


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


@dataclass(frozen=True, slots=True)
class _MonthEnd:
    """A run under way; ``drafted``: what agents have read is issued, and nothing else."""

    billing: Billing
    run: Run
    town: Town
    issued_on: date
    numbers: Numbers
    drafted: bool
    tally: _Tally = field(default_factory=_Tally)
    failed: list[Exception] = field(default_factory=list)

    async def invoice(self, some: Sequence[_Open]) -> None:
        """Invoice families that have charges of the month on no invoice; a group that fails keeps
        no other waiting."""
        try:
            await self._invoice(some)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - raised once the others are invoiced
            self.failed.append(error)

    async def _invoice(self, some: Sequence[_Open]) -> None:
        billing, ids = self.billing, {family: self.id_of(family) for family, _ in some}
        before = await billing.invoices.charges_of(list(ids.values()))
        fresh = await self._issue([one for one in some if ids[one[0]] not in before])
        held = {**before, **fresh}
        late = {
            ids[family]: await _not_on(
                billing, self.tally, held[ids[family]], self.town, family, charges
            )
            for family, charges in some
            if ids[family] in held
        }
        await billing.store.mark(before, late=True)
        await billing.store.mark(fresh)
        if self.drafted:
            for family in ids:
                if ids[family] in held:
                    await billing.drafts.drop(draft_id(self.run.town, family, self.run.month))
        await billing.store.mark(late, late=True)

    async def _issue(self, some: Sequence[_Open]) -> dict[str, list[str]]:
        """By invoice, the charges on it."""
        billing = self.billing
        cards = await billing.store.households.cards(family for family, _ in some)
        found = [await self._reckon(*one, cards.get(one[0])) for one in some]
        wanted = {one[0].id: one for one in found if one is not None}
        given = await self.numbers.give(list(wanted.values()), self.run.id)
        await complete(billing, given)
        issued = {one.id: list(wanted[one.id][1]) for one in given}
        others = [_id for _id in wanted if _id not in issued]  # by another process, meanwhile
        return {**issued, **(await billing.invoices.charges_of(others) if others else {})}

    async def _reckon(
        self, family: str, charges: Sequence[Charge], card: FamilyChanged | None
    ) -> Unnumbered | None:
        """A family's invoice; None where there is nothing to be invoiced."""
        run, town, _id = self.run, self.town, self.id_of(family)
        priced = priced_for(self.billing, town, card, charges)
        guardian, reckoned = await or_aside(priced, charges)
        if self.drafted and reckoned.lines:
            reckoned = await _as_read(self.billing, run, family, reckoned)
        if not reckoned.lines:
            self.tally.add(reckoned.left_aside)
            return None
        invoice = Invoice(
            id=_id, town=run.town, family=family, guardian=guardian, month=run.month,
            office=self.numbers.office, year=self.numbers.year, sequence=0,
            issued_on=self.issued_on, due_on=due_on(town.file, self.issued_on),
            lines=reckoned.lines, version=town.version, billed=(reckoned.begins(_id),),
        )  # fmt: skip
        return invoice, [one.id for one in reckoned.charges]

    def id_of(self, family: str) -> str:
        """The id of a family's invoice."""
        return invoice_id(self.run.town, family, self.run.month)


async def _perform(billing: Billing, run: Run) -> Run:
    """Issue what is to be issued; resumed or done twice at once, it gives the same invoices."""
    if run.outcome is not None:
        return run
    town = await billing.towns.get(run.town)
    issued_on = billing.clock.town().astimezone(ZoneInfo(town.file.time_zone)).date()
    numbers = Numbers(billing, run.town, town.file.collection_office.code, issued_on.year)
    drafted = await billing.drafts.begun(run.town, run.month)
    ending = _MonthEnd(billing, run, town, issued_on, numbers, drafted)
    # What a dead process had issued, before anything else may be made of those charges. It may have
    # noted some of them, and their invoice been corrected since: it is looked at once more.
    async for issued in grouped(billing.invoices.held_by_run(run.id), _TAKEN):
        await billing.store.mark(dict(issued), late=True)
    await _adopt(billing, run)
    families = grouped(billing.store.open_by_family(run.town, run.month), _TAKEN)
    await streamed(families, ending.invoice, _AT_ONCE)
    if ending.failed:  # the run is not over: what is left is tried again
        raise ending.failed[0]
    outcome = ending.tally.outcome(*await billing.invoices.totals(run.id))
    await billing.store.finish_run(run.id, outcome)
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
