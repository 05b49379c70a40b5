"""Collections: asked for, settled and called off by agents, carried on by the job from whatever
step a dead process left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

from services.billing.commands import debits, mandates
from services.billing.commands.accounts import move
from services.billing.domain.accounts import Holder
from services.billing.domain.debits import collections as rules
from services.billing.domain.debits import mandates as mandate_rules
from services.billing.domain.debits.collections import (
    Aside,
    AsideCode,
    Collection,
    CollectionState,
    Debit,
    debit_id,
    said_of,
)
from services.billing.domain.debits.days import check_day
from services.billing.domain.debits.mandates import DirectDebit, Done, Mandate
from services.billing.domain.movements import Collect
from services.billing.domain.payments import may_still_be_paid
from services.billing.pain import Entry, debits_in, written
from services.billing.queries.collections import need
from services.billing.queries.mandates import collecting, opened
from services.billing.schemas.collections import CollectionIn
from services.billing.state import Billing
from shared.auth import AgentScope
from shared.contracts.town_file import TownFile
from shared.errors import MissingCopy, Refused
from shared.french import day_words
from shared.ids import derived_id
from shared.logs import get_logger
from shared.tasks import each, each_of_all
from shared.web.routes import Command

_MOST = 200
_log = get_logger()


# -- what agents do ------------------------------------------------------------------------


async def ask(
    billing: Billing, scope: AgentScope, wish: CollectionIn, command: Command
) -> Collection:
    """A collection of a day, which the job makes; the same command again is the same collection.

    Raises ``Refused``: ``direct-debit-unavailable``, ``not-a-bank-day``, ``notice-too-short``,
    ``day-too-far``, ``collection-exists``, ``idempotency-key-reused``.
    """
    known = await billing.collections.get(command.id)
    while known is None:
        file = (await billing.towns.get(scope.town)).file
        await _ask(billing, scope, file, wish.on, command)
        known = await billing.collections.get(command.id)
    if known.body_hash != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à une autre demande.", status=422
        )
    return known


async def _ask(
    billing: Billing, scope: AgentScope, file: TownFile, on: date, command: Command
) -> None:
    office, code = collecting(file), file.collection_office.code
    now, today = billing.clock.town(), today_in(billing, file)
    check_day(on, today, office.notice_days)
    last = await billing.collections.last_sequence(scope.town, code, today.year)
    same = office.model_dump(include={"creditor", "creditor_title", "iban", "bic", "version"})
    wanted = Collection(
        id=command.id, town=scope.town, office=code, on=on, year=today.year, sequence=last + 1,
        asked_by=scope.account, asked_at=now, since=now, body_hash=command.body_hash, **same,
    )  # fmt: skip
    if await billing.collections.ask(wanted) is False:
        raise Refused(
            "collection-exists",
            f"Un prélèvement est déjà prévu le {day_words(on)}, ou un autre se prépare.",
            field="/on",
        )


async def settle(billing: Billing, scope: AgentScope, _id: str) -> Collection:
    """The money came: what did not come back is paid. Settled twice, it is settled once.

    Raises ``Refused``: 404, ``collection-not-made``, ``too-early``.
    """
    return await _decide(billing, scope, _id, rules.check_settles, "settling", "settled")


async def cancel(billing: Billing, scope: AgentScope, _id: str) -> Collection:
    """Its file was not handed over: nothing is collected. Called off twice, it is once.

    Raises ``Refused``: 404, ``collection-not-made``, ``too-late``.
    """
    return await _decide(billing, scope, _id, rules.check_cancels, "cancelling", "cancelled")


async def _decide(
    billing: Billing,
    scope: AgentScope,
    _id: str,
    check: Callable[[Collection, date], None],
    going: CollectionState,
    gone: CollectionState,
) -> Collection:
    today = today_in(billing, (await billing.towns.get(scope.town)).file)
    while True:
        known = await need(billing, scope, _id)
        if known.state in (going, gone):
            return known
        check(known, today)
        await billing.collections.move(known, going, billing.clock.town(), decided_by=scope.account)


def today_in(billing: Billing, file: TownFile) -> date:
    """The town's day."""
    return billing.clock.town().astimezone(ZoneInfo(file.time_zone)).date()


# -- the job -------------------------------------------------------------------------------


async def carry_on(billing: Billing) -> None:
    """The job: each collection under way goes on, and what a dead process left untold is told."""
    async with billing.collections.leased(billing.owner) as mine:
        if mine:
            await each_of_all(
                lambda after: billing.collections.untold(after, _MOST),
                lambda debit: debit.id,
                partial(debits.tell, billing),
            )
            await each(await billing.collections.under_way(), partial(_perform, billing))
            await each(await billing.collections.forsaken(), partial(_drop_others, billing))


async def _perform(billing: Billing, collection: Collection) -> None:
    now: Collection | None = collection
    while now is not None and (work := _WORK.get(now.state)):
        await work(billing, now)
        now = await billing.collections.get(collection.id)


async def _make(billing: Billing, collection: Collection) -> None:
    aside = await _plan(billing, collection)
    async for debit in billing.collections.debits_in(collection.id, "planned"):
        await _set_apart(billing, debit)
    ready = [one async for one in billing.collections.debits_in(collection.id, "ready")]
    entries = []
    for debit in ready:
        if (entry := await _entry(billing, debit)) is not None:
            entries.append(entry)
        else:
            aside.append(Aside(family=debit.family, code="mandate-changed"))
    async for debit in billing.collections.debits_in(collection.id, "dropped"):
        if debit.aside is not None:
            aside.append(Aside(family=debit.family, code=debit.aside))
    if not await billing.collections.move(
        collection, "announcing", billing.clock.town(),
        file=await _stored(billing, collection, entries) if entries else None,
        count=len(entries), cents=sum(one.debit.cents for one in entries),
        aside=[one.model_dump() for one in aside],
    ):  # fmt: skip
        await _drop_others(billing, collection.id)


async def _stored(billing: Billing, collection: Collection, entries: Sequence[Entry]) -> str:
    file = (await billing.towns.get(collection.town)).file
    at = collection.asked_at.astimezone(ZoneInfo(file.time_zone)).strftime("%Y-%m-%dT%H:%M:%S")
    return await billing.collections.put_file(collection.id, written(collection, entries, at))


async def _plan(billing: Billing, collection: Collection) -> list[Aside]:
    """Plan what is to be collected of each family with a mandate; those left aside."""
    aside: list[Aside] = []
    async for debit in billing.mandates.in_force(collection.town, collection.office):
        if debit.mandate is not None:
            aside += await _plan_family(billing, collection, debit, debit.mandate)
    return aside


async def _plan_family(
    billing: Billing, collection: Collection, debit: DirectDebit, mandate: Mandate
) -> list[Aside]:
    try:
        household = await billing.store.households.household(debit.town, debit.family)
    except MissingCopy:
        return []
    card = household.card
    merged = card.family != debit.family
    may_pay = mandate_rules.may_pay_all(card, mandate.guardian)
    already, aside = 0, list[Aside]()
    for record in (debit.family,) if merged else (card.family, *card.parts):
        _id = debit_id(collection.id, record)
        if await billing.collections.debit(_id) is not None:
            already += 1
            continue
        invoices = await billing.invoices.open_of(Holder(debit.town, debit.office, record))
        parts = rules.due(mandate, invoices, collection.on)
        if not parts:
            continue
        why: AsideCode | None = "merged" if merged else rules.aside_of(
            mandate, collection.creditor, collection.on, already=already, may_pay=may_pay
        )  # fmt: skip
        if why is not None:
            aside.append(Aside(family=record, code=why))
            continue
        planned = Debit(
            id=_id, town=debit.town, office=debit.office, collection=collection.id, family=record,
            mandated=debit.family, guardian=mandate.guardian, creditor=mandate.creditor,
            mandate_reference=mandate.reference, bank_since=mandate.changed_at, on=collection.on,
            cents=sum(one.cents for one in parts), parts=parts, amended=mandate.amended,
            sequence=rules.sequence_of(mandate, already), since=billing.clock.town(),
        )  # fmt: skip
        already += await billing.collections.plan(planned)
    if any(one.code == "lapsed" for one in aside):
        held = await billing.mandates.get(debit.town, debit.office, debit.family)
        now = billing.clock.town()

        def rule(found: DirectDebit) -> Done:
            return mandate_rules.lapse(found, mandate.reference, now)

        await mandates.change(billing, held, rule, None)
    return aside


async def _set_apart(billing: Billing, debit: Debit) -> None:
    """Nobody pays a debit's invoices otherwise from now on, but those being paid already: whoever
    begins to pay looks at this mark once the payment is stored, as we look for payments now."""
    movement = Collect(
        derived_id("collect", debit.id), debit.id, debit.on.isoformat(), debit.invoices
    )
    account = await move(billing, Holder(debit.town, debit.office, debit.family), movement)
    now = billing.clock.town()
    for payment in await billing.payments.in_question(debit.invoices):
        unclear = payment.untold or payment.state == "undetermined"
        if unclear or may_still_be_paid(payment, now):
            await debits.drop(billing, debit, "payment-under-way")
            return
    parts = [
        one.model_copy(update={"cents": debt.unpaid})
        for one in debit.parts
        if (debt := account.debts[one.invoice]).debit == debit.id and debt.unpaid
    ]
    if not parts:
        await debits.drop(billing, debit, None)
        return
    await billing.collections.move_debit(
        debit, "ready", now, cents=sum(one.cents for one in parts), untold=False,
        parts=[one.model_dump() for one in parts],
    )  # fmt: skip


async def _entry(billing: Billing, debit: Debit) -> Entry | None:
    """A debit for the file, by the mandate as it is now; None when it is not what it was. It is not
    dropped here: another process may have put it in the file that counts."""
    held = (await billing.mandates.get(debit.town, debit.office, debit.mandated)).debit
    mandate = held.mandate
    if (
        mandate is None
        or mandate.state != "active"
        or (mandate.reference, mandate.changed_at) != (debit.mandate_reference, debit.bank_since)
    ):
        return None
    return Entry(debit, mandate.signed_on, *opened(billing.sealer, held, mandate.bank))


async def _drop_others(billing: Billing, _id: str) -> None:
    """Somebody else made the collection, or called it off, meanwhile: drop the files that it has
    not, and what was planned besides."""
    now = await billing.collections.get(_id)
    if now is None:
        raise LookupError(_id)
    await billing.collections.drop_files(_id, but=now.file)
    held = await _held(billing, now)
    async for debit in billing.collections.debits_in(_id, "planned", "ready"):
        if debit.id not in held:
            await debits.drop(billing, debit, None)


async def _held(billing: Billing, collection: Collection) -> frozenset[str]:
    """The debits in a collection's file; none, while it has none."""
    if collection.file is None:
        return frozenset()
    content = await billing.collections.file(collection.file)
    if content is None:
        raise LookupError(collection.file)
    return debits_in(content)


async def _announce(billing: Billing, collection: Collection) -> None:
    """Tell each family whose debit is in the file; what a slow process planned besides is not."""
    held = await _held(billing, collection)
    why = {one.family: one.code for one in collection.aside}
    async for debit in billing.collections.debits_in(collection.id, "planned", "ready"):
        if debit.id in held:
            await debits.become(billing, debit, "announced", said_of(debit, "announced"))
        else:
            await debits.drop(billing, debit, why.get(debit.family))
    await billing.collections.drop_files(collection.id, but=collection.file)
    made: CollectionState = "made" if collection.file else "empty"
    await billing.collections.move(collection, made, billing.clock.town())


async def _settle(billing: Billing, collection: Collection) -> None:
    async for debit in billing.collections.debits_in(collection.id, "announced"):
        await debits.become(billing, debit, "settled")
    await billing.collections.move(collection, "settled", billing.clock.town())
    _log.info("collection-settled", id=collection.id, town=collection.town)


async def _cancel(billing: Billing, collection: Collection) -> None:
    async for debit in billing.collections.debits_in(
        collection.id, "planned", "ready", "announced"
    ):
        told = debit.state == "announced"
        said = (said_of(debit, "cancelled"),) if told else ()
        await debits.become(billing, debit, "cancelled", *said)
    await billing.collections.drop_files(collection.id, but=collection.file)
    await billing.collections.move(collection, "cancelled", billing.clock.town())


_WORK: Mapping[CollectionState, Callable[[Billing, Collection], Awaitable[None]]] = {
    "making": _make, "announcing": _announce, "settling": _settle, "cancelling": _cancel,
}  # fmt: skip
