"""Invoices and credit notes as documents: accessible, archived, with their lines as data inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.billing.domain.accounts import Debt, DebtState
from services.billing.domain.desk import MOST_CASH_CENTS
from services.billing.domain.invoicing import Invoice, InvoiceLine
from services.billing.domain.months import first_day
from services.billing.domain.payments import MEANS
from services.billing.queries import invoices
from services.billing.queries.collected import ByDebit, by_debit
from services.billing.schemas.invoices import InvoiceOut
from services.billing.state import Billing
from shared.auth import FamilyScope, Scope
from shared.contracts.family import FamilyChanged
from shared.contracts.town_file import AcceptedMeans, TownFile
from shared.errors import MissingCopy
from shared.french import day_words, month_name, of_month
from shared.money import euros
from shared.pdf import ARCHIVED
from shared.web.routes import File

TEMPLATE = Path(__file__).parents[1] / "templates" / "invoice.typ"


async def printed(billing: Billing, scope: Scope, invoice_id: str) -> File:
    """One invoice within the bearer's reach, as PDF. Raises ``Refused`` (404).

    What it bills never changes; it is addressed to where the guardian lives now, and says what is
    to be done as things stand.
    """
    invoice = await invoices.invoice(billing, scope, invoice_id)
    credited = await invoices.invoice(billing, scope, invoice.of) if invoice.of else None
    file = (await billing.towns.get(scope.town)).file
    try:
        card = await billing.store.family(scope.town, invoice.family)
    except MissingCopy:  # erased since: an invoice is kept by law without the family
        to = []
    else:
        to = address(card, invoice.family, invoice.guardian, scope)
    how = await by_debit(billing, invoice)
    debts = (await billing.accounts.get(invoice.holder)).debts
    debt = debts.get(invoice.id, Debt(owed=0))  # a credit note is none
    number = credited.number if credited else None
    data = {**content(invoice, file, number, how, debt.unpaid), "to": to}
    at = datetime.combine(invoice.issued_on, time(12), ZoneInfo(file.time_zone))
    pdf = await billing.press.pdf(TEMPLATE, data, at, ARCHIVED)
    return File(f"{invoice.number}.pdf", pdf)


def address(card: FamilyChanged, record: str, guardian_id: str, scope: Scope) -> list[str]:
    """The lines of the address, read in a record of the family; of a protected guardian only the
    name, but for themselves and agents."""
    guardian = next((one for one in card.guardians if guardian_id in one.ids), None)
    if guardian is None:
        return []
    lines = [f"{guardian.first_name} {guardian.last_name}"]
    theirs = not isinstance(scope, FamilyScope) or scope.guardian_of(record) in guardian.ids
    if guardian.address is None or (guardian.protected and not theirs):
        return lines
    where = guardian.address
    return [*lines, *where.street.splitlines(), f"{where.postcode} {where.city}"]


def content(
    invoice: Invoice, file: TownFile, credited: str | None, how: ByDebit | None, left_cents: int
) -> dict[str, Any]:
    """What the template prints, but for the address; ``credited``: the number of the invoice that
    a credit note is about; ``how``: whether it is collected; ``left_cents``: what is not settled of
    it now."""
    office = file.collection_office
    month = first_day(invoice.month)
    called = "Avoir" if invoice.kind == "credit_note" else "Facture"
    balance, to_pay = _balance(invoice, "prélever" if how else "payer", left_cents)
    closing, ways = _closing(invoice, file, how)
    return {
        "title": f"{called} n° {invoice.number}",
        "town": sender(file),
        "office": f"{office.label}, prestations {of_month(month)}",
        "credits": credited,
        "date": day_words(invoice.issued_on),
        "children": [
            {"name": name, "lines": [_line(line, invoice.month) for line in lines]}
            for (name, _), lines in groupby(
                invoice.lines, key=lambda line: (line.child_name or "Famille", line.child)
            )
        ],
        "total": euros(invoice.total_cents),
        "balance": balance,
        "to_pay": to_pay,
        "closing": closing,
        "ways": ways,
        "contest": office.contest,
        "data": InvoiceOut.of(invoice, office).model_dump_json(indent=1),
    }


def sender(file: TownFile) -> dict[str, Any]:
    """The town, as the letterhead prints it."""
    office = file.collection_office
    return {
        "name": file.name, "contact": file.contact.model_dump(), "address": office.address,
        "siret": office.siret,
    }  # fmt: skip


def _line(line: InvoiceLine, month: str) -> dict[str, str]:
    what = f"{line.activity_name} – {line.unit_name}" if line.unit_name else line.activity_name
    others = [f"{one.name} prend en charge {euros(one.cents)}" for one in line.paid_by_others]
    reason = [line.reason] if line.reason and line.reason != line.unit_name else []
    return {
        "what": what, "detail": " ; ".join([*reason, *others]), "days": days_words(line.days),
        "count": str(line.count), "price": euros(line.price_cents),
        "total": euros(line.total_cents),
    }  # fmt: skip


def days_words(days: Iterable[date]) -> str:
    """``1, 3 et 7 septembre 2026``, month after month."""
    return " ; ".join(
        f"{_enumerated(['1er' if day.day == 1 else str(day.day) for day in those])} {name}"
        for name, those in groupby(sorted(set(days)), key=month_name)
    )


def _enumerated(words: Sequence[str]) -> str:
    return " et ".join(filter(None, (", ".join(words[:-1]), words[-1])))


_Row = dict[str, str]


def _row(text: str, cents: int) -> _Row:
    return {"text": text, "amount": euros(cents)}


def _balance(invoice: Invoice, verb: str, left: int) -> tuple[list[_Row], _Row | None]:
    """What follows the total, and what it comes to as things stand: nothing is to be paid of an
    invoice that is void."""
    rows = [_row(one.text, one.cents) for one in invoice.balance]
    if invoice.kind == "credit_note":
        return rows, _row("En votre faveur", -invoice.total_cents)
    if invoice.state == "void":
        return rows, None
    asked = invoice.total_cents + sum(one.cents for one in invoice.balance)
    if invoice.state == "open" and left == asked:
        return rows, _row(f"À {verb}", asked)
    if left != asked:
        rows.append(_row("Déjà réglé ou déduit", left - asked))
    later = invoice.state == "carried"
    return rows, _row("Reporté sur la prochaine facture" if later else f"Reste à {verb}", left)


_CLOSING: Mapping[DebtState | None, str] = {
    "settled": "Cette facture est réglée.",
    "carried": "Ce qui reste est trop peu pour être payé seul : la prochaine facture le reprend.",
    "void": "Cette facture est annulée : elle n'est pas à payer.",
}


def _closing(invoice: Invoice, file: TownFile, how: ByDebit | None) -> tuple[str, list[str]]:
    """What is to be done, and in which ways."""
    if invoice.kind == "credit_note":
        return "Ce montant est déduit de ce qui reste à payer, ou vous est rendu.", []
    if nothing_to_do := _CLOSING.get(invoice.state):
        return nothing_to_do, []
    due = day_words(invoice.due_on)
    if how is None:
        return f"À payer au plus tard le {due} :", _ways(invoice, file)
    mandate = f"sur le compte du mandat (RUM) {how.reference} (créancier {how.creditor})"
    if how.on is not None:
        return f"Vous n'avez rien à faire : prélèvement le {day_words(how.on)}, {mandate}.", []
    return (
        f"Vous n'avez rien à faire : prélèvement {mandate}, au plus tôt le {due}. Le titulaire du"
        " compte est prévenu du jour. Si le prélèvement prend fin avant, cette facture est à payer"
        f" au plus tard le {due} :"
    ), _ways(invoice, file)


def _ways(invoice: Invoice, file: TownFile) -> list[str]:
    """How the régie is paid, and where."""
    office = file.collection_office
    names = {one.id: one.name for one in file.activities}
    account = ", avec un compte famille" if invoice.delivery == "paper" else ""
    where = ", ".join((office.label, *office.address))
    ways = [f"en ligne, dans « Mes factures »{account}"] if office.payfip else []
    if office.means:
        taken = " ; ".join(_taken(one, names) for one in office.means)
        ways.append(f"à la régie ({where}) : {taken}")
    *others, last = ways or [f"auprès du service : {where}"]
    return [*(f"{one} ;" for one in others), f"{last}."]


def _taken(means: AcceptedMeans, names: Mapping[str, str]) -> str:
    """A means that is handed over, with its limits."""
    limits = [names[one] for one in means.activities]
    if means.age_below is not None:
        limits.append(f"enfants de moins de {means.age_below} ans")
    if means.means == "cash":
        limits.append(f"jusqu'à {euros(MOST_CASH_CENTS)}")
    noted = f" {means.note}" if means.note else ""
    return f"{MEANS[means.means]}{noted}" + (f" ({', '.join(limits)})" if limits else "")
