"""Mails of direct debit: each step to whose account it is, and to nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.local.mailbox import Mailbox
from shared.contracts.billing import DebitChanged, DirectDebitChanged
from tests.samples import Household, arrived, say_household
from tests.world import World

RUM = "VEY-2026-0123456789ABCDEF"


def _changed(family: Household, step: str, **more: Any) -> DirectDebitChanged:
    given = {"family": family.id, "office": "VEY", "guardian": family.guardian, "step": step}
    return DirectDebitChanged.model_validate(given | more)


@pytest.mark.parametrize(
    ("step", "more", "words"),
    [
        ("requested", {}, "votre demande de prélèvement est enregistrée"),
        ("refused", {"reason": "Le RIB est illisible."}, "Le RIB est illisible."),
        ("accepted", {"mandate_reference": RUM, "creditor": "FR72ZZZ123456"}, RUM),
        ("suspended", {"mandate_reference": RUM, "creditor": "FR72ZZZ123456",
                       "reason": "la provision du compte est insuffisante"}, "provision"),
        ("ended", {"ended_for": "lapsed"}, "36 mois"),
        ("ended", {"ended_for": "rejected", "reason": "le compte est clos"}, "le compte est clos"),
    ],
)  # fmt: skip
async def test_each_step_is_said_to_whose_account_it_is(
    running: World, mailbox: Mailbox, step: str, more: dict[str, Any], words: str
) -> None:
    family = await say_household(running, Household())
    other = _changed(family, step, **more).model_copy(update={"guardian": "another guardian"})
    await running.say(other, "direct-debits/1")
    await running.say(_changed(family, step, **more), "direct-debits/1")
    sent = await arrived(mailbox, lambda mail: "prélèvement" in mail.subject)
    assert sent.to == (family.email,)
    for part in (sent.text, sent.html):
        assert words.casefold() in (part or "").casefold() + sent.subject.casefold()
    assert "<title>V" in (sent.html or "")
    assert len(mailbox.to(family.email)) == 1


def _debit(family: Household, step: str, **more: Any) -> DebitChanged:
    given = {
        "family": family.id, "office": "VEY", "guardian": family.guardian, "step": step,
        "debit": "0" * 32, "cents": 4112, "on": "2026-10-15", "invoices": ["VEY-2026-000001"],
        "mandate_reference": RUM, "creditor": "FR72ZZZ123456",
    }  # fmt: skip
    return DebitChanged.model_validate(given | more)


@pytest.mark.parametrize(
    ("step", "more", "words"),
    [
        ("announced", {}, "ces factures ne sont pas à payer autrement"),
        ("cancelled", {}, "la régie y renonce"),
        ("rejected", {"reason": "le compte est clos"}, "le compte est clos"),
        ("returned", {"reason": "le compte est clos"}, "de nouveau à payer"),
    ],
)
async def test_a_debit_is_announced_with_its_amount_day_and_mandate_and_so_is_its_end(
    running: World, mailbox: Mailbox, step: str, more: dict[str, Any], words: str
) -> None:
    family = await say_household(running, Household())
    await running.say(_debit(family, step, **more), "debits/1")
    sent = await arrived(mailbox, lambda mail: "prélèvement" in mail.subject)
    assert sent.to == (family.email,)
    for part in (sent.text, sent.html):
        for word in (words, "41,12", "15 octobre 2026", "VEY-2026-000001", RUM, "FR72ZZZ123456"):
            assert word.casefold() in (part or "").replace("\xa0", " ").casefold()
