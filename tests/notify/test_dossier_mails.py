"""Changes of a dossier: the receipt at once, the town's answer when it is given, no value told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.local.mailbox import Mailbox
from shared.contracts.family import (
    DossierChangeDecided,
    DossierChangeRequested,
    DossierItem,
    RegistrationDecided,
    RegistrationSent,
)
from shared.ids import new_id
from tests.samples import Household, arrived, family
from tests.world import World, eventually

AT = datetime(2026, 9, 14, 8, tzinfo=UTC)


def item(label: str, state: str, **more: Any) -> DossierItem:
    return DossierItem.model_validate(
        {"id": new_id(), "act": "set", "member": "m", "child": None, "field": "f",
         "label": label, "state": state, **more}
    )  # fmt: skip


def sent(household: Household, *items: DossierItem, **more: Any) -> DossierChangeRequested:
    return DossierChangeRequested.model_validate(
        {"family": household.id, "request": new_id(), "account": household.account,
         "guardian": household.guardian, "channel": "online", "requested_at": AT, "items": items}
        | more
    )  # fmt: skip


async def test_what_was_sent_is_acknowledged_at_once(running: World, mailbox: Mailbox) -> None:
    household = await family(running)
    zoe = item("Fiche sanitaire", "waiting", child=household.children[0])
    event = sent(household, item("Téléphone", "accepted"), zoe)
    await running.say(event, f"families/{household.id}")
    mail = await arrived(mailbox, lambda mail: mail.to == (household.email,))
    assert mail.subject == "Veyras : nous avons bien reçu vos modifications"
    assert "- Téléphone : prise en compte\n- Léa, Fiche sanitaire : en attente" in mail.text
    assert "Un courriel vous dira quand le service aura répondu." in mail.text


async def test_the_answer_has_the_reasons_and_what_is_left(
    running: World, mailbox: Mailbox
) -> None:
    household = await family(running)
    event = DossierChangeDecided(
        family=household.id, request=new_id(), account=household.account,
        guardian=household.guardian, requested_at=AT, decided_at=AT, decided_by="agent", left=1,
        items=(
            item("Adresse postale", "refused", reason="Justificatif illisible"),
            item("Courriel", "accepted"),
            item("Employeur", "withdrawn"),
        ),
    )  # fmt: skip
    await running.say(event, f"families/{household.id}")
    mail = await arrived(mailbox, lambda mail: mail.to == (household.email,))
    assert mail.subject == "Veyras : réponse à vos modifications"
    assert "- Adresse postale : refusée. Motif : Justificatif illisible\n" in mail.text
    assert "- Courriel : acceptée\n" in mail.text
    assert "1 modification de cet envoi attend encore une réponse." in mail.text
    assert "Employeur" not in mail.text


@pytest.mark.parametrize("guardian", [True, False])
async def test_what_an_agent_writes_is_told_to_the_guardian_it_is_for(
    running: World, mailbox: Mailbox, guardian: bool
) -> None:
    household = await family(running)
    who = household.guardian if guardian else None
    event = sent(household, item("Niveau", "accepted"), account="agent", channel="desk",
                 guardian=who)  # fmt: skip
    await running.say(event, f"families/{household.id}")
    after = sent(household, item("Téléphone", "accepted"))
    await running.say(after, f"families/{household.id}")
    await arrived(mailbox, lambda mail: mail.to == (household.email,) and "Téléphone" in mail.text)

    async def all_told() -> bool:
        mails = await running.store("notify").find("mails", {"family": household.id})
        return len(mails) == (2 if guardian else 1)

    await eventually(all_told)


async def test_a_dossier_built_on_line_is_acknowledged_and_answered(
    running: World, mailbox: Mailbox
) -> None:
    household = await family(running)
    sending = RegistrationSent(registration="r", account=household.account, sent_at=AT)
    await running.say(sending, "registrations/r")
    mail = await arrived(mailbox, lambda mail: mail.to == (household.email,))
    assert mail.subject == "Veyras : votre dossier famille est envoyé"
    assert "le lundi 14 septembre 2026 à 10 h" in mail.text
    common = {"registration": "r", "account": household.account, "decided_at": AT,
              "decided_by": "agent"}  # fmt: skip
    refused = RegistrationDecided(**common, accepted=False, reason="Déjà un dossier", family=None,
                                  guardian=None)  # fmt: skip
    await running.say(refused, "registrations/r")
    mail = await arrived(mailbox, lambda mail: "pas accepté" in mail.subject)
    assert "Motif : Déjà un dossier" in mail.text
    accepted = RegistrationDecided(**common, accepted=True, reason=None, family="f", guardian="g")
    await running.say(accepted, "registrations/r")
    mail = await arrived(mailbox, lambda mail: "est accepté" in mail.subject)
    assert "rattaché à votre compte" in mail.text
