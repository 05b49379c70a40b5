"""Direct debit: asked for, answered, left; each command is one write of the family's document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

from services.billing.commands.online_invoices import next_month
from services.billing.domain.debits import mandates as rules
from services.billing.domain.debits.mandates import Bank, DirectDebit, Done, Sealed, Wish
from services.billing.domain.online_invoices import check_month
from services.billing.queries import mandates as queries
from services.billing.queries.mandates import BANK, Details
from services.billing.schemas.mandates import AcceptanceIn, EndIn, RefusalIn, RequestIn
from services.billing.state import Billing
from services.billing.store.mandates import MANDATES, Held
from shared.auth import AgentScope, FamilyScope, Scope
from shared.banking import BadBankDetail, bic_of, iban_of, masked
from shared.contracts.town_file import TownFile
from shared.errors import Refused
from shared.sealing import Sealer
from shared.web.routes import Command

Rule = Callable[[DirectDebit], Done]


async def change(billing: Billing, held: Held, rule: Rule, command: Command | None) -> DirectDebit:
    """What the rule makes of a direct debit; the same command again changes nothing.

    Raises ``Refused`` as the rule does, and ``idempotency-key-reused``.
    """
    while True:
        debit = held.debit
        if command is not None and await billing.mandates.done(debit, command):
            return (await billing.mandates.get(debit.town, debit.office, debit.family)).debit
        done = rule(debit)
        if done.debit == debit or await billing.mandates.write(held, done, command):
            return done.debit
        held = await billing.mandates.get(debit.town, debit.office, debit.family)


async def ask(billing: Billing, scope: Scope, body: RequestIn, command: Command) -> DirectDebit:
    """A request of direct debit, by a guardian, or by an agent at the desk for one.

    Raises ``Refused``: 404, 403, ``direct-debit-unavailable``, ``month-changed``,
    ``request-waiting``, ``agreement-date``, ``iban-invalid``, ``iban-not-sepa``, ``bic-invalid``,
    ``guardian-missing``, ``idempotency-key-reused``.
    """
    held, card, file = await queries.found(billing, scope, body.family)
    queries.collecting(file)
    guardian = _guardian(scope, body)
    rules.check_may_pay(card, guardian)
    if await billing.mandates.done(held.debit, command):
        return held.debit
    rules.check_agreed(body.agreed_on, _today(billing, file))
    check_month(body.counts_from, await next_month(billing, file, held.debit.family))
    details = _details(body)
    now = billing.clock.town()
    wish = Wish(
        id=command.id, guardian=guardian, account=scope.account,
        bank=sealed(billing.sealer, held.debit, details), kind=body.kind,
        agreed_on=body.agreed_on, counts_from=body.counts_from, asked_at=now, since=now,
    )  # fmt: skip
    return await change(billing, held, lambda debit: rules.ask(debit, wish), command)


async def leave(billing: Billing, scope: Scope, family: str, command: Command) -> DirectDebit:
    """NON: a request is taken back, a mandate revoked. Raises ``Refused``: 404, 403,
    ``no-direct-debit``, ``idempotency-key-reused``."""
    held, _, _ = await queries.found(billing, scope, family)
    now = billing.clock.town()
    return await change(billing, held, lambda debit: rules.leave(debit, now), command)


async def accept(
    billing: Billing, scope: AgentScope, family: str, body: AcceptanceIn, command: Command
) -> DirectDebit:
    """Raises ``Refused``: 404, 403, ``request-decided``, ``agreement-date``,
    ``direct-debit-unavailable``, ``idempotency-key-reused``."""
    held, card, file = await queries.found(billing, scope, family)
    office, now, today = queries.collecting(file), billing.clock.town(), _today(billing, file)

    def rule(debit: DirectDebit) -> Done:
        if debit.wish is not None:
            rules.check_may_pay(card, debit.wish.guardian)
        return rules.accept(
            debit, body.request, office, by=scope.account, now=now, today=today,
            signed_on=body.signed_on,
        )  # fmt: skip

    return await change(billing, held, rule, command)


async def refuse(
    billing: Billing, scope: AgentScope, family: str, body: RefusalIn, command: Command
) -> DirectDebit:
    """Raises ``Refused``: 404, ``request-decided``, ``idempotency-key-reused``."""
    held, _, _ = await queries.found(billing, scope, family)
    now = billing.clock.town()

    def rule(debit: DirectDebit) -> Done:
        return rules.refuse(debit, body.request, body.reason, by=scope.account, now=now)

    return await change(billing, held, rule, command)


async def resume(billing: Billing, scope: AgentScope, family: str, command: Command) -> DirectDebit:
    """Raises ``Refused``: 404, ``mandate-not-suspended``, ``idempotency-key-reused``."""
    held, _, _ = await queries.found(billing, scope, family)
    now = billing.clock.town()
    return await change(billing, held, lambda debit: rules.resume(debit, now), command)


async def end(
    billing: Billing, scope: AgentScope, family: str, body: EndIn, command: Command
) -> DirectDebit:
    """Raises ``Refused``: 404, ``idempotency-key-reused``."""
    held, _, _ = await queries.found(billing, scope, family)
    now = billing.clock.town()

    def rule(debit: DirectDebit) -> Done:
        return rules.end(debit, body.reason, now, after_next=body.after_next)

    return await change(billing, held, rule, command)


# -- bank details ----------------------------------------------------------------------------------


def sealed(sealer: Sealer, debit: DirectDebit, details: Details) -> Bank:
    """Bank details as they are kept."""
    found = sealer.seal(details._asdict(), MANDATES, debit.id, BANK)
    box = bytes(found["box"]).hex()
    return Bank(sealed=Sealed(key=found["key"], box=box), shown=masked(details.iban))


async def reseal(billing: Billing, limit: int = 200) -> tuple[int, int]:
    """Seal again what another key sealed, files of collections too; how many direct debits were
    read, and how much changed. Interrupted, it is run again."""
    seen, changed, after = 0, 0, ""
    while some := await billing.mandates.some_after(after, limit):
        for held in some:
            seen += 1
            changed += await _reseal(billing, held)
        after = some[-1].debit.id
    changed += await billing.collections.reseal_files(billing.sealer.current, limit)
    return seen, changed


async def _reseal(billing: Billing, held: Held) -> bool:
    while True:
        debit = held.debit
        again = _with_banks(debit, partial(_again, billing.sealer, debit))
        if again == debit:
            return False
        if await billing.mandates.reseal(held, again):
            return True
        held = await billing.mandates.get(debit.town, debit.office, debit.family)


def _with_banks(debit: DirectDebit, of: Callable[[Bank], Bank]) -> DirectDebit:
    wish, mandate = debit.wish, debit.mandate
    return debit.model_copy(
        update={
            "wish": wish and wish.model_copy(update={"bank": of(wish.bank)}),
            "mandate": mandate and mandate.model_copy(update={"bank": of(mandate.bank)}),
            "past": tuple(
                one.model_copy(update={"bank": of(one.bank)}) for one in debit.past
            ),
        }
    )  # fmt: skip


def _again(sealer: Sealer, debit: DirectDebit, bank: Bank) -> Bank:
    if bank.sealed.key == sealer.current:
        return bank
    return sealed(sealer, debit, queries.opened(sealer, debit, bank))


def _details(body: RequestIn) -> Details:
    field = "/iban"
    try:
        iban = iban_of(body.iban)
        field = "/bic"
        return Details(iban, bic_of(body.bic) if body.bic else None, body.holder)
    except BadBankDetail as bad:
        raise Refused(bad.code, bad.sentence, status=422, field=field) from bad


def _guardian(scope: Scope, body: RequestIn) -> str:
    if isinstance(scope, FamilyScope):
        return scope.guardian_of(body.family)
    if body.guardian is None:
        raise Refused(
            "guardian-missing", "Indiquez le responsable dont le compte sera prélevé.",
            status=422, field="/guardian",
        )  # fmt: skip
    return body.guardian


def _today(billing: Billing, file: TownFile) -> date:
    return billing.clock.town().astimezone(ZoneInfo(file.time_zone)).date()
