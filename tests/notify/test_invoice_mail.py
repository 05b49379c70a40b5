"""The mail that says an invoice is ready goes to whom it is addressed to, and to nobody else."""

from __future__ import annotations

from datetime import date
from typing import Any

from deploy.local.mailbox import Mailbox
from shared.contracts.billing import InvoiceIssued, PaymentReceived, Settled
from tests.samples import Household, arrived, say_household
from tests.world import World, eventually


def _invoice(family: Household, **changes: Any) -> InvoiceIssued:
    issued = InvoiceIssued(
        invoice="i" * 32, number="VEY-2026-000007", family=family.id, guardian=family.guardian,
        month=date(2026, 9, 1), total_cents=1410, due_on=date(2026, 10, 31),
    )  # fmt: skip
    return issued.model_copy(update=changes)


async def test_a_credit_note_and_an_invoice_of_nothing_say_what_they_are(
    running: World, mailbox: Mailbox
) -> None:
    family = await say_household(running, Household())
    note = _invoice(family, invoice_kind="credit_note", total_cents=-410, to_pay_cents=0)
    await running.say(note, "invoices/note")
    credited = await arrived(mailbox, lambda mail: "votre avoir" in mail.subject)
    assert "de 4,10" in credited.text
    await running.say(_invoice(family, to_pay_cents=0), "invoices/nothing")
    nothing = await arrived(mailbox, lambda mail: "votre facture" in mail.subject)
    assert "rien à régler" in nothing.text
    at_once = _invoice(family, invoice_kind="booking", to_pay_cents=1410)
    await running.say(at_once, "invoices/at-once")
    await running.say(_invoice(family, number="VEY-2026-000008"), "invoices/last")
    await arrived(mailbox, lambda mail: "VEY-2026-000008" in (mail.text or ""))
    assert len(mailbox.to(family.email)) == 3


async def test_an_invoice_that_is_collected_asks_for_nothing(
    running: World, mailbox: Mailbox
) -> None:
    family = await say_household(running, Household())
    collected = _invoice(family, to_pay_cents=1410, mandate_reference="VEY-2026-0A1B2C3D4E5F6071")
    await running.say(collected, "invoices/collected")
    sent = await arrived(mailbox, lambda mail: "votre facture" in mail.subject)
    for part in (sent.text, sent.html):
        said = (part or "").replace("<strong>", "").replace("</strong>", "")
        assert "vous n'avez rien à faire" in said.replace("&#39;", "'")
        assert "au plus tôt le samedi 31 octobre 2026" in said
        assert "mandat (RUM) VEY-2026-0A1B2C3D4E5F6071" in said


async def test_a_link_withdrawn_before_it_is_sent_keeps_it_back(
    running: World, mailbox: Mailbox
) -> None:
    family = await say_household(running, Household())
    other = await say_household(running, Household())
    mailbox.behaviours.closed = True
    await running.say(_invoice(family), "invoices/1")

    async def intended() -> bool:
        return await running.store("notify").count("mails", {"kind": "invoice"}) == 1

    await eventually(intended)
    await running.say(family.adult(families=()), f"accounts/{family.account}")

    async def unlinked() -> bool:
        contact = await running.store("notify").get("contacts", f"veyras/{family.account}")
        return contact is not None and not contact["families"]

    await eventually(unlinked)
    mailbox.behaviours.closed = False
    await running.say(_invoice(other), "invoices/2")
    sent = await arrived(mailbox, lambda mail: "votre facture" in mail.subject)
    assert sent.to == (other.email,)

    async def kept_back() -> bool:
        mails = await running.store("notify").find("mails", {"account": family.account})
        return [mail["state"] for mail in mails] == ["not_entitled"]

    await eventually(kept_back)
    assert not mailbox.to(family.email)


async def test_a_payment_is_acknowledged_to_who_paid_and_to_nobody_else(
    running: World, mailbox: Mailbox
) -> None:
    family = await say_household(running, Household())
    payment = PaymentReceived(
        family=family.id, office="VEY", payment="p" * 32, cents=2000, credit_cents=590,
        settled=(Settled(invoice="i" * 32, cents=1410),), payer=family.guardian,
    )  # fmt: skip
    unknown = payment.model_copy(update={"payment": "q" * 32, "payer": None})
    other = payment.model_copy(update={"payment": "r" * 32, "payer": "another guardian"})
    for one in (unknown, other, payment):
        await running.say(one, "accounts/1")
    sent = await arrived(mailbox, lambda mail: "votre paiement" in mail.subject)
    assert sent.to == (family.email,)
    for part in (sent.text, sent.html):
        said = (part or "").replace("\u00a0", " ").replace("\u202f", " ")
        assert "20,00 €" in said
        assert "5,90 €" in said
        assert "p" * 32 in said
    assert len(mailbox.to(family.email)) == 1


async def test_a_family_that_gets_paper_gets_no_mail_but_a_letter_to_print(
    running: World, mailbox: Mailbox
) -> None:
    family = await say_household(running, Household())
    paper = _invoice(family).model_copy(update={"delivery": "paper"})
    await running.say(paper, "invoices/1")

    async def to_print() -> bool:
        mails = await running.store("notify").find("mails", {"kind": "invoice"})
        return [(mail["account"], mail["family"]) for mail in mails] == [(None, family.id)]

    await eventually(to_print)
    assert not mailbox.to(family.email)
