"""Joining or leaving the online invoice, in two steps."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from services.billing.domain.invoicing import invoice_id
from services.billing.domain.months import last_over
from services.billing.domain.online_invoices import (
    Choice,
    Standing,
    check_month,
    delivery,
    next_invoiced,
)
from services.billing.domain.runs import run_by_itself
from services.billing.schemas.online_invoices import ChoiceIn
from services.billing.state import Billing
from shared.auth import FamilyScope, Scope
from shared.contracts.town_file import TownFile
from shared.errors import Refused, forbidden
from shared.web.routes import Command


async def standing(billing: Billing, scope: Scope, family: str) -> Standing:
    """How the family's invoices reach it, for whoever they are addressed to, or an agent.

    Raises ``Refused``: 404, 403.
    """
    card, _ = await billing.card_of(scope, family)
    if isinstance(scope, FamilyScope):
        me = scope.guardian_of(family)
        if not any(me in one.ids and one.invoiced for one in card.guardians):
            raise forbidden("Seule la personne à qui les factures sont adressées fait ce choix.")
    file = (await billing.towns.get(scope.town)).file
    choice = await billing.online_invoices.choice(scope.town, family)
    return Standing(
        family=family, choice=choice,
        online=delivery(file.collection_office, choice) == "online",
        next_month=await next_month(billing, file, family),
    )  # fmt: skip


async def next_month(billing: Billing, file: TownFile, family: str) -> str:
    """The month of the family's next invoice."""
    now = billing.clock.town()
    zone = ZoneInfo(file.time_zone)
    previous = last_over(now, zone)
    issued = await billing.store.has_run(run_by_itself(file.town, previous)) or bool(
        await billing.invoices.existing([invoice_id(file.town, family, previous)])
    )
    return next_invoiced(now.astimezone(zone).date(), previous, previous_issued=issued)


async def choose(billing: Billing, scope: Scope, wish: ChoiceIn, command: Command) -> Standing:
    """Validate what the recap showed; the same command again changes nothing.

    Raises ``Refused``: 404, 403, ``month-changed``, ``idempotency-key-reused``.
    """
    before = await standing(billing, scope, wish.family)
    check_month(wish.counts_from, before.next_month)
    choice = Choice(
        town=scope.town, family=wish.family, online=wish.online, counts_from=wish.counts_from,
        chosen_at=billing.clock.town(), account=scope.account,
    )  # fmt: skip
    if not await billing.online_invoices.choose(choice, command):
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à une autre demande.", status=422
        )
    return await standing(billing, scope, wish.family)
