"""Mails about an account: to an address, without a family."""

from __future__ import annotations

import pytest

from deploy.local.mailbox import Mailbox
from shared.contracts.identity import LoginMeanChanged
from tests.notify.helpers import redeliver
from tests.samples import arrived
from tests.world import World


@pytest.mark.parametrize(
    ("change", "subject", "words"),
    [
        ("linked", "Veyras : FranceConnect est lié à votre compte",
         "s'ouvre désormais aussi avec FranceConnect."),
        ("unlinked", "Veyras : FranceConnect n'ouvre plus votre compte",
         "ne s'ouvre plus avec FranceConnect"),
    ],
)  # fmt: skip
async def test_a_login_mean_that_changes_is_told_once(
    running: World, mailbox: Mailbox, change: str, subject: str, words: str
) -> None:
    event = LoginMeanChanged.model_validate({
        "account": "a" * 32, "town": "veyras", "email": "camille@famille.example",
        "first_name": "Camille", "provider": "franceconnect", "change": change,
    })  # fmt: skip
    envelope = await running.say(event, "accounts/" + "a" * 32)
    mail = await arrived(mailbox, lambda mail: mail.subject == subject)
    assert mail.to == ("camille@famille.example",)
    assert "Bonjour Camille," in (mail.text or "")
    assert words in (mail.text or "")
    assert "changez votre mot de passe" in (mail.html or "")
    await redeliver(running, envelope)
    assert [one.subject for one in mailbox.messages] == [subject]
