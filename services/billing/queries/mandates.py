"""A family's direct debit, as it and agents read it; bank details are opened here alone, and each
full reading is recorded before it is answered."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.billing.domain.debits.collections import Debit
from services.billing.domain.debits.mandates import (
    Bank,
    DirectDebit,
    Mandate,
    Wish,
    check_may_pay,
)
from services.billing.queries.printing import address, sender
from services.billing.state import Billing
from services.billing.store.mandates import MANDATES, Held
from shared.auth import AgentScope, Bearer, FamilyScope, Scope
from shared.contracts.family import FamilyChanged
from shared.contracts.town_file import DirectDebit as Collecting
from shared.contracts.town_file import TownFile
from shared.errors import Refused, forbidden, not_found
from shared.french import day_digits, day_words
from shared.sealing import Sealer
from shared.web.routes import File

#: What bank details are sealed for, and how a reading of them is named in the audit.
BANK, READING = "bank", "bank_details"
TEMPLATE = Path(__file__).parents[1] / "templates" / "mandate.typ"


class Details(NamedTuple):
    """Bank details in full."""

    iban: str
    bic: str | None
    holder: str


class Found(NamedTuple):
    """A direct debit within the bearer's reach, the family's card and the town's file."""

    held: Held
    card: FamilyChanged
    file: TownFile


async def found(billing: Billing, scope: Scope, family: str) -> Found:
    """A family's direct debit with the town's office: for agents, and for who may pay all its
    invoices. Raises ``Refused`` (404, 403)."""
    card, _ = await billing.card_of(scope, family)
    if isinstance(scope, FamilyScope):
        check_may_pay(card, scope.guardian_of(family))
    file = (await billing.towns.get(scope.town)).file
    held = await billing.mandates.get(scope.town, file.collection_office.code, card.family)
    return Found(held, card, file)


def collecting(file: TownFile) -> Collecting:
    """How the town's office collects. Raises ``Refused``: ``direct-debit-unavailable``."""
    office = file.collection_office.direct_debit
    if office is None:
        raise Refused(
            "direct-debit-unavailable",
            f"Le prélèvement n'est pas proposé par {file.collection_office.label}.",
        )
    return office


async def listed(
    billing: Billing, scope: AgentScope, state: str | None, after: str | None, limit: int
) -> list[DirectDebit]:
    """The town's direct debits. Raises ``Refused``: ``cursor-unknown``."""
    return await billing.mandates.listed(scope, state, after, limit)


class Own(NamedTuple):
    """What a guardian asked for, the mandates it gave, and what was collected by them."""

    wishes: tuple[Wish, ...]
    mandates: tuple[Mandate, ...]
    debits: tuple[Debit, ...]


async def own(billing: Billing, scope: FamilyScope) -> Own:
    """The bearer's own requests, mandates and debits, in every family of theirs."""
    cards = await billing.store.households.cards(right.family for right in scope.families)
    mine = {
        _id
        for family, card in cards.items()
        for one in card.guardians
        if scope.guardian_of(family) in one.ids
        for _id in one.ids
    }
    records = {_id for family, card in cards.items() for _id in (family, card.family, *card.parts)}
    debits = await billing.mandates.of_families(scope.town, records)
    mandates = [one for debit in debits for one in (*debit.past, debit.mandate) if one]
    return Own(
        tuple(one.wish for one in debits if one.wish and one.wish.guardian in mine),
        tuple(one for one in mandates if one.guardian in mine),
        tuple(await billing.collections.of_guardians(scope.town, sorted(mine))),
    )


async def bank_details(
    billing: Billing, scope: Scope, bearer: Bearer, family: str
) -> tuple[DirectDebit, Details]:
    """The bank details of the request that waits, else of the mandate: for agents, and whose
    account it is. Raises ``Refused`` (404, 403)."""
    seen, _, _ = await found(billing, scope, family)
    debit = seen.debit
    waiting = debit.wish if debit.wish is not None and debit.wish.state == "waiting" else None
    about = waiting or debit.mandate
    if about is None:
        raise not_found("des coordonnées bancaires")
    return debit, await _read(billing, scope, bearer, debit, about.guardian, about.bank, family)


async def printed(billing: Billing, scope: Scope, bearer: Bearer, family: str) -> File:
    """The mandate in force as a document to sign: for agents, and whose account it is.

    Raises ``Refused`` (404, 403).
    """
    seen, card, file = await found(billing, scope, family)
    debit = seen.debit
    mandate = debit.mandate
    if mandate is None:
        raise not_found("un mandat de prélèvement en cours")
    details = await _read(billing, scope, bearer, debit, mandate.guardian, mandate.bank, family)
    data = content(mandate, details, file, address(card, family, mandate.guardian, scope))
    at = datetime.combine(mandate.signed_on, datetime.min.time(), ZoneInfo(file.time_zone))
    return File(f"mandat-{mandate.reference}.pdf", await billing.press.pdf(TEMPLATE, data, at))


def content(mandate: Mandate, details: Details, file: TownFile, to: list[str]) -> dict[str, object]:
    """What the template prints. Source of what a mandate says: EPC016-06, annex II."""
    office = collecting(file)
    return {
        "town": sender(file),
        "to": to,
        "reference": mandate.reference,
        "creditor": mandate.creditor,
        "creditor_title": mandate.creditor_title,
        "office": file.collection_office.label,
        "holder": details.holder,
        "iban": " ".join(details.iban[at : at + 4] for at in range(0, len(details.iban), 4)),
        "bic": details.bic,
        "recurrent": mandate.kind == "recurrent",
        "notice_days": office.notice_days,
        "signed_on": day_digits(mandate.signed_on),
        "date": day_words(mandate.signed_on),
    }


def opened(sealer: Sealer, debit: DirectDebit, bank: Bank) -> Details:
    """Bank details in full. Raises ``SealBroken``."""
    box = {"key": bank.sealed.key, "box": bytes.fromhex(bank.sealed.box)}
    return Details(**sealer.open(box, MANDATES, debit.id, BANK))


async def _read(
    billing: Billing,
    scope: Scope,
    bearer: Bearer,
    debit: DirectDebit,
    guardian: str,
    bank: Bank,
    family: str,
) -> Details:
    if isinstance(scope, FamilyScope):
        card, _ = await billing.card_of(scope, family)
        mine = scope.guardian_of(family)
        known = next((one.ids for one in card.guardians if mine in one.ids), ())
        if guardian != mine and guardian not in known:
            raise forbidden("Ces coordonnées bancaires sont celles d'une autre personne.")
    await billing.audit.sensitive_read(bearer, READING, family=debit.family)
    return opened(billing.sealer, debit, bank)
