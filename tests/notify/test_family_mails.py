"""Mails about supporting documents and letters: what is told, to whom, and what is never told."""

from __future__ import annotations

from datetime import date
from typing import Any

from deploy.local.mailbox import Mailbox
from shared.contracts.family import (
    DocumentDecided,
    DocumentExpired,
    DocumentExpiring,
    LetterAnswered,
    LetterSent,
)
from tests.notify.helpers import at, mails, redeliver
from tests.samples import Household, arrived, family
from tests.world import World, eventually


def decided(home: Household, **changes: Any) -> DocumentDecided:
    values: dict[str, Any] = {
        "document": "d" * 32, "family": home.id, "child": home.children[0],
        "title": "Attestation d'assurance", "version": "e" * 32, "account": home.account,
        "decided_at": at(11), "agent": "a" * 32, "accepted": False, "reason": "Illisible.",
    }  # fmt: skip
    return DocumentDecided(**values | changes)


def ageing(home: Household, **changes: Any) -> dict[str, Any]:
    return {
        "document": "d" * 32, "family": home.id, "child": home.children[0],
        "title": "Attestation d'assurance", "account": home.account,
        "valid_until": date(2026, 10, 14),
    } | changes  # fmt: skip


def letter(home: Household, **changes: Any) -> dict[str, Any]:
    return {
        "letter": "b" * 32, "family": home.id, "guardian": home.guardian, "account": home.account,
        "child": None, "shared": False, "category": "autre", "subject": "Autre demande",
        "message": "c" * 32, "at": at(11),
    } | changes  # fmt: skip


async def test_a_refused_document_is_told_with_its_reason_an_accepted_one_is_not(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    await running.say(decided(home, accepted=True, reason=None), "documents/d")
    envelope = await running.say(decided(home), "documents/d")
    mail = await arrived(mailbox, lambda mail: True)
    assert (mail.subject, mail.to) == ("Veyras : un document est refusé", (home.email,))
    for part in (mail.text or "", mail.html or ""):
        assert "Léa" in part
        assert "Attestation d" in part
        assert "Motif : Illisible." in part
    await redeliver(running, envelope)
    await running.say(decided(home, title=None, reason=None), "documents/f")
    await eventually(lambda: _count(mailbox, 2), what="the second mail")
    silent = mailbox.messages[-1]
    assert "Un document de Léa n'est pas accepté." in (silent.text or "")
    assert "Motif" not in (silent.text or "")


async def _count(mailbox: Mailbox, wanted: int) -> bool:
    return len(mailbox.messages) == wanted


async def test_families_are_told_before_and_after_the_end(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    await running.say(DocumentExpiring(**ageing(home)), "documents/d")
    soon = await arrived(mailbox, lambda mail: "échéance" in mail.subject)
    assert "valable jusqu'au mercredi 14 octobre 2026" in (soon.text or "")
    await running.say(DocumentExpired(**ageing(home)), "documents/d")
    over = await arrived(mailbox, lambda mail: "plus valable" in mail.subject)
    assert "que jusqu'au mercredi 14 octobre 2026" in (over.text or "")


async def test_only_who_may_know_is_written_to(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    other = "f" * 32
    for changes in ({"child": other}, {"child": None, "guardian": other}):
        await running.say(decided(home, **changes), f"documents/{changes}")
    await running.say(decided(home, child=None, guardian=home.guardian), "documents/g")
    mail = await arrived(mailbox, lambda mail: True)
    assert "de Léa" not in (mail.text or "")
    assert len(mailbox.messages) == 1
    printed = [one for one in await mails(running, kind="document-refused") if not one["account"]]
    assert len(printed) == 2, "nobody to write to: letters to print"


async def test_a_letter_is_receipted_and_its_answer_announced_without_a_word_of_it(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    envelope = await running.say(LetterSent(**letter(home)), "letters/b")
    receipt = await arrived(mailbox, lambda mail: "enregistrée" in mail.subject)
    assert "votre demande « Autre demande »" in (receipt.text or "")
    await redeliver(running, envelope)
    answer = LetterAnswered(**letter(home, subject=None), agent="a" * 32)
    await running.say(answer, "letters/b")
    told = await arrived(mailbox, lambda mail: "nouveau message" in mail.subject)
    assert "un nouveau message.\n" in (told.text or "")
    assert f"/{home.town}/demandes" in (told.text or "")
    assert len(mailbox.messages) == 2
