"""Enrolments are written about one by one: the receipt at once, the answer when it is given."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from deploy.local.mailbox import Mailbox
from shared.contracts.booking import (
    Answered,
    EnrolmentAccepted,
    EnrolmentDocument,
    EnrolmentRefused,
    EnrolmentRequested,
    EnrolmentWithdrawn,
    Reason,
)
from shared.contracts.town_file import TownFile
from tests.notify.helpers import at, caught_up, guardian, mails, redeliver, say_adult, say_card
from tests.samples import Household, arrived, family, say_town, town_file
from tests.world import World, eventually

FOOT = """
--
Ceci est un message automatique, merci de ne pas y répondre.
Service enfance
Téléphone : 04 75 00 00 00
Courriel : enfance@veyras.example
Du lundi au vendredi, 8 h 30 – 12 h
"""

RECEIPT = """\
Bonjour,

Nous avons bien reçu, le lundi 14 septembre 2026 à 10 h, votre demande d'inscription n° 2026-000012.

Léa – Cantine et garderie, année 2026-2027
Activités : Cantine et Garderie.
Du mardi 1er septembre 2026 au vendredi 2 juillet 2027.
Vous avez choisi de réserver ponctuellement.
Règlement accepté : version 2026-1.
Documents fournis : 3.
Votre commentaire a été transmis.

Cette demande ne vaut pas inscription : un courriel vous dira quand vous pourrez réserver.

Mes inscriptions : http://localhost:8080/veyras/inscriptions
"""

ACCEPTED = """\
Bonjour,

L'inscription de Léa (demande n° 2026-000012) est acceptée :
Cantine et garderie, année 2026-2027 (Cantine et Garderie), du mardi 1er septembre 2026 au vendredi 2 juillet 2027.

Vous pouvez réserver dès maintenant.

Mes réservations : http://localhost:8080/veyras/reservations
"""  # noqa: E501

REFUSED = """\
Bonjour,

L'inscription de Léa (demande n° 2026-000012) n'est pas acceptée :
Cantine et garderie, année 2026-2027 (Cantine et Garderie).

Motif : Justificatif illisible.

Mes inscriptions : http://localhost:8080/veyras/inscriptions
"""


def enrolling_town() -> TownFile:
    group = {
        "id": "repas-2026", "name": "Cantine et garderie", "period": "année 2026-2027",
        "activities": ["cantine", "garderie"], "first": "2026-09-01", "last": "2027-07-02",
        "windows": [{"opens": "2026-06-01T08:00", "closes": "2026-09-30T23:59"}],
        "decision": "agent", "source": "test",
    }  # fmt: skip
    return town_file(enrolments=[group])


@pytest.fixture
async def town(running: World) -> World:
    """Notify, in a town that enrols."""
    await say_town(running, enrolling_town(), version=2)
    return running


def about(home: Household) -> dict[str, Any]:
    return {
        "enrolment": "e" * 32, "number": "2026-000012", "family": home.id,
        "account": home.account, "child": home.children[0], "group": "repas-2026",
        "requested_at": at(10),
    }  # fmt: skip


def sent(home: Household, **changes: Any) -> EnrolmentRequested:
    values: dict[str, Any] = {
        **about(home), "channel": "online", "pattern": "casual", "first": date(2026, 9, 1),
        "last": date(2027, 7, 2), "state": "requested", "regulations": "2026-1",
        "documents": (
            EnrolmentDocument(asked="assurance", files=("a" * 32,)),
            EnrolmentDocument(asked="vaccins", files=("b" * 32, "c" * 32)),
        ),
        "comment": True,
    }  # fmt: skip
    return EnrolmentRequested(**values | changes)


def accepted(home: Household, **changes: Any) -> EnrolmentAccepted:
    values: dict[str, Any] = {
        **about(home), "pattern": "casual", "first": date(2026, 9, 1), "last": date(2027, 7, 2),
        "decided_at": at(11), "decided_by": "agent", "agent": "a" * 32, "book_from": at(11),
        "receipted": False,
    }  # fmt: skip
    return EnrolmentAccepted(**values | changes)


def refused(home: Household) -> EnrolmentRefused:
    return EnrolmentRefused(
        **about(home), decided_at=at(11), agent="a" * 32,
        reason=Reason(code="agent", text="Justificatif illisible."),
    )  # fmt: skip


async def test_the_receipt_comes_at_once(town: World, mailbox: Mailbox) -> None:
    home = await family(town)
    envelope = await town.say(sent(home), "enrolments/e")
    mail = await arrived(mailbox, lambda mail: True)
    assert mail.subject == "Votre demande d'inscription n° 2026-000012 est enregistrée"
    assert (mail.to, mail.text) == ((home.email,), RECEIPT + FOOT)
    for part in ("Léa – Cantine et garderie, année 2026-2027", "Documents fournis : 3", "ne vaut"):
        assert part in (mail.html or "")
    await redeliver(town, envelope)
    await town.say(sent(home, number="2026-000013"), "enrolments/f")
    await arrived(mailbox, lambda mail: "2026-000013" in mail.subject)
    assert len(mailbox.messages) == 2


async def test_accepted_by_itself_the_receipt_says_when_booking_begins(
    town: World, mailbox: Mailbox
) -> None:
    home = await family(town)
    later = at(8, day=21)
    event = sent(home, state="accepted", pattern="weekly", book_from=later, documents=())
    await town.say(event, "enrolments/e")
    await town.say(accepted(home, receipted=True), "enrolments/e")
    mail = await arrived(mailbox, lambda mail: True)
    assert mail.text is not None
    assert (
        "L'inscription est acceptée. Vous pouvez réserver à partir du lundi 21 septembre 2026 à "
        "8 h.\n\nLes jours que vous avez choisis sont demandés pour vous"
    ) in mail.text
    assert "les mêmes jours chaque semaine" in mail.text
    await town.say(refused(home), "enrolments/f")
    await arrived(mailbox, lambda mail: "réponse à" in mail.subject)
    assert len(mailbox.messages) == 2, "what the receipt said is not said again"


async def test_a_mail_says_that_booking_may_begin(town: World, mailbox: Mailbox) -> None:
    home = await family(town)
    await town.say(accepted(home), "enrolments/e")
    mail = await arrived(mailbox, lambda mail: True)
    assert mail.subject == "Veyras : inscription acceptée, vous pouvez réserver"
    assert mail.text == ACCEPTED + FOOT
    assert "Vous pouvez réserver dès maintenant." in (mail.html or "")
    await caught_up(town, at(13))
    assert await mails(town, kind="digest") == []


async def test_an_answer_of_the_town_s_own_is_read_beside_yes_or_no(
    town: World, mailbox: Mailbox
) -> None:
    home = await family(town)
    yes = Answered(code="late", label="Accepté (hors délai)", colour="#2e7d32")
    no = Answered(code="incomplete", label="Dossier incomplet", colour="#c62828")
    await town.say(accepted(home, answer=yes), "enrolments/e")
    mail = await arrived(mailbox, lambda mail: "inscription acceptée" in mail.subject)
    assert "est acceptée (Accepté (hors délai)) :" in (mail.text or "")
    assert "(Accepté (hors délai))" in (mail.html or "")
    await town.say(refused(home).model_copy(update={"answer": no}), "enrolments/f")
    mail = await arrived(mailbox, lambda mail: "réponse à" in mail.subject)
    assert "n'est pas acceptée (Dossier incomplet) :" in (mail.text or "")
    assert "Motif : Justificatif illisible." in (mail.text or "")


async def test_nothing_to_book_on_line_promises_nothing(town: World, mailbox: Mailbox) -> None:
    home = await family(town)
    await town.say(accepted(home, book_from=None), "enrolments/e")
    mail = await arrived(mailbox, lambda mail: True)
    assert mail.subject == "Veyras : inscription acceptée"
    assert "Vous pouvez réserver" not in (mail.text or "")


async def test_a_refusal_says_why(town: World, mailbox: Mailbox) -> None:
    home = await family(town)
    await town.say(refused(home), "enrolments/e")
    mail = await arrived(mailbox, lambda mail: True)
    assert mail.subject == "Veyras : réponse à votre demande d'inscription n° 2026-000012"
    assert mail.text == REFUSED + FOOT
    assert "Justificatif illisible." in (mail.html or "")


async def test_the_answer_goes_to_who_asked_and_to_who_may_see_the_child(
    town: World, mailbox: Mailbox
) -> None:
    home = await family(town)
    luc, eve = guardian((home.children[0], True)), guardian((home.children[1], True))
    await say_card(town, home, luc, eve)
    for adult, name in ((luc, "luc"), (eve, "eve")):
        link = {"family": home.id, "guardian": adult.id}
        await say_adult(
            town, home, account=name[0] * 32, email=f"{name}@x.example", families=(link,)
        )
    await town.say(accepted(home), "enrolments/e")
    await arrived(mailbox, lambda mail: mail.to == ("luc@x.example",))
    await arrived(mailbox, lambda mail: mail.to == (home.email,))
    gone = EnrolmentWithdrawn(
        **about(home), withdrawn_by="l" * 32, channel="online", withdrawn_at=at(12)
    )
    await town.say(gone, "enrolments/e")
    back = await arrived(mailbox, lambda mail: "retirée" in mail.subject)
    assert back.to == ("luc@x.example",), "the receipt of an act goes to who acted"
    assert "(Cantine et garderie, année 2026-2027) est retirée depuis le lundi 14" in (
        back.text or ""
    )
    assert len(mailbox.messages) == 3


async def test_what_the_desk_sent_goes_to_the_family(town: World, mailbox: Mailbox) -> None:
    home = await family(town)
    await town.say(sent(home, channel="desk", account="d" * 32), "enrolments/e")
    assert (await arrived(mailbox, lambda mail: True)).to == (home.email,)


async def test_who_may_no_longer_see_the_child_is_not_written_to(
    town: World, mailbox: Mailbox
) -> None:
    home, other = await family(town), await family(town)
    mailbox.behaviours.closed = True
    await town.say(accepted(home), "enrolments/e")
    await eventually(lambda: mails(town, failure="away"), what="it could not be sent")
    await say_adult(town, home, families=())
    mailbox.behaviours.closed = False
    await town.say(accepted(other), "enrolments/f")
    await arrived(mailbox, lambda mail: mail.to == (other.email,))
    kept_back = "it is kept back"  # once the pause after a server that was away is over
    await eventually(lambda: mails(town, state="not_entitled"), within=90, what=kept_back)
    assert not mailbox.to(home.email)


async def test_a_group_that_is_gone_goes_by_its_id(town: World, mailbox: Mailbox) -> None:
    home = await family(town)
    await say_town(town, town_file(), version=3)
    await town.say(refused(home), "enrolments/e")
    assert "\nRepas 2026.\n" in ((await arrived(mailbox, lambda mail: True)).text or "")
