"""What a family reads at once: of one slot, of a period, of several children."""

from __future__ import annotations

from datetime import date
from typing import Any

from deploy.local.mailbox import Mailbox
from shared.contracts.booking import Period, ProofGiven, Reason
from tests.notify.helpers import (
    at,
    guardian,
    line,
    mails,
    not_retained,
    redeliver,
    requested,
    say_adult,
    say_card,
)
from tests.samples import Household, activity, arrived, family, say_household, say_town, town_file
from tests.world import World, eventually

ONE_SLOT = """\
Bonjour,

Nous avons bien reçu votre demande n° 2026-004812 du lundi 14 septembre 2026 à 10 h.

Léa – Cantine, École des Tilleuls
  - jeudi 17 septembre 2026, Repas, de 12 h à 13 h 30 : en attente de décision
    Annulation possible jusqu'au mercredi 16 septembre 2026 à 18 h.

Prix : communiqué avec votre facture.

Cette demande ne vaut pas acceptation ; la réponse vous parviendra par courriel (envois à 13 h et à 18 h).

Mes demandes : http://localhost:8080/veyras/demandes

--
Ceci est un message automatique, merci de ne pas y répondre.
Service enfance
Téléphone : 04 75 00 00 00
Courriel : enfance@veyras.example
Du lundi au vendredi, 8 h 30 – 12 h
"""  # noqa: E501


async def test_one_slot(running: World, mailbox: Mailbox) -> None:
    timed = [{"id": "unit", "name": "Repas", "starts": "12:00", "ends": "13:30"}]
    await say_town(running, town_file(activities=[activity("cantine", units=timed)]), version=2)
    home = await family(running)
    await running.say(requested(home, line(home, "2026-09-17")), "requests/r")
    mail = await arrived(mailbox, lambda mail: True)
    assert mail.subject == "Votre demande n° 2026-004812 est bien reçue"
    assert mail.to == (home.email,)
    assert mail.text == ONE_SLOT
    assert mail.html is not None
    for part in (
        "Léa – Cantine, École des Tilleuls", "jeudi 17 septembre 2026", "en attente de décision",
        "envois à 13 h et à 18 h", "Ceci est un message automatique", "/veyras/demandes",
    ):  # fmt: skip
        assert part in mail.html
    headers = dict(mail.headers)
    assert headers["From"] == "Veyras <ne-pas-repondre@preau.example>"
    assert headers["Reply-To"] == "enfance@veyras.example"
    assert headers["Auto-Submitted"] == "auto-generated"


async def test_a_period_for_two_children_and_two_activities(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    full = Reason(code="full", text="Il n'y a plus de place ce jour-là.")
    event = requested(
        home,
        line(home, "2026-10-01", child=1, activity="garderie", state="accepted"),
        line(home, "2026-09-17", state="accepted", cancel_until=None),
        line(home, "2026-10-01", state="refused", reason=full),
        line(home, "2026-09-18", state="accepted"),
        line(home, "2026-11-05", state="accepted", cancel_until=None, cancel_always=True),
        line(home, "2026-12-03", state="accepted", cancel_until=None, cancel_from=at(8, day=1)),
        periods=(
            Period(first=date(2026, 9, 17), last=date(2026, 10, 1), weekdays=(4, 5)),
        ),
        not_retained=(not_retained(home, "2026-09-24", "Fermé : grève."),),
    )  # fmt: skip
    await running.say(event, "requests/r")
    text = (await arrived(mailbox, lambda mail: True)).text
    assert text is not None
    head, _, rest = text.partition("Léa – Cantine")
    assert "Période : du jeudi 17 septembre 2026 au jeudi 1er octobre 2026 (jeudi, vendredi)." in (
        head
    )
    assert "6 dates demandées." in head
    first, _, second = rest.partition("Noé – Garderie")
    september, _, later = first.partition("octobre 2026\n")
    october, _, later = later.partition("novembre 2026\n")
    november, _, december = later.partition("décembre 2026\n")
    assert "Annulation possible jusqu'au jour même." in november
    assert "Annulation possible à partir du mardi 1er septembre 2026 à 8 h." in december
    assert september.index("jeudi 17 septembre") < september.index("vendredi 18 septembre")
    assert "Cette réservation ne pourra pas être annulée." in september
    assert "refusée (Il n'y a plus de place ce jour-là.)" in october
    assert "nnul" not in october
    assert "jeudi 1er octobre 2026, Repas : acceptée" in second
    assert "Dates non retenues\n  - Léa, Cantine, jeudi 24 septembre 2026 : Fermé : grève." in text
    assert "ne vaut pas acceptation" not in text
    assert "Martin" not in text


async def test_a_redelivered_request_is_acknowledged_once(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    envelope = await running.say(requested(home, line(home, "2026-09-17")), "requests/r")
    await arrived(mailbox, lambda mail: True)
    await redeliver(running, envelope)
    await running.say(requested(home, line(home, "2026-09-18"), number="2026-9"), "requests/s")
    await arrived(mailbox, lambda mail: "2026-9 " in mail.subject)
    assert len(mailbox.messages) == 2


async def test_what_the_desk_asked_goes_to_the_family(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    luc = guardian((home.children[0], False), (home.children[1], True))
    await say_card(running, home, luc)
    link = {"family": home.id, "guardian": luc.id}
    await say_adult(running, home, account="c" * 32, email="luc@x.example", families=[link])
    event = requested(
        home, line(home, "2026-09-17"), line(home, "2026-09-18", child=1),
        channel="desk", account="d" * 32,
    )  # fmt: skip
    await running.say(event, "requests/r")
    to_luc = await arrived(mailbox, lambda mail: mail.to == ("luc@x.example",))
    to_anne = await arrived(mailbox, lambda mail: mail.to == (home.email,))
    assert "Léa" in (to_anne.text or "")
    assert "Léa" not in (to_luc.text or "")
    assert "Noé" in (to_luc.text or "")


async def test_it_waits_for_the_family_and_the_account_to_be_known(
    running: World, mailbox: Mailbox
) -> None:
    home = Household()
    await running.say(requested(home, line(home, "2026-09-17")), "requests/r")
    held = running.store("notify")
    await eventually(lambda: held.count("held", {"state": "waiting"}), what="the request waits")
    await say_household(running, home)
    assert (await arrived(mailbox, lambda mail: True)).to == (home.email,)


async def test_without_an_active_address_it_is_a_letter_to_print(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    await say_adult(running, home, active=False)
    await running.say(requested(home, line(home, "2026-09-17")), "requests/r")
    await eventually(lambda: mails(running, state="to_print"), what="a letter to print")
    answer = await running.call(
        "GET", "/api/notify/v1/veyras/mails?state=to_print",
        token=running.token(roles=("childcare_office",)),
    )  # fmt: skip
    assert [(one["kind"], one["family"]) for one in answer.json["items"]] == [
        ("acknowledgement", home.id)
    ]
    assert mailbox.messages == []
    letter = await running.call(
        "GET", f"/api/notify/v1/veyras/mails/{answer.json['items'][0]['id']}/letter",
        token=running.token(roles=("childcare_office",)),
    )  # fmt: skip
    path = f"/api/notify/v1/veyras/mails/{answer.json['items'][0]['id']}/letter"
    strangers = {
        None: 401, home.token(running): 403, running.token(roles=("read_only",)): 403,
        running.token("andancette", roles=("childcare_office",)): 403,
    }  # fmt: skip
    for token, status in strangers.items():
        assert (await running.call("GET", path, token=token)).status == status
    assert letter.json["subject"].startswith("Votre demande n°")
    assert "jeudi 17 septembre 2026" in letter.json["text"]
    assert len(letter.json["to"]) >= 1
    sent = await running.call(
        "GET", "/api/notify/v1/veyras/mails/jamais/letter",
        token=running.token(roles=("childcare_office",)),
    )  # fmt: skip
    assert sent.status == 404


async def test_names_and_reasons_are_text_in_html_and_headers(
    running: World, mailbox: Mailbox
) -> None:
    contact = {"service": "Service <b>enfance</b>", "telephone": "04", "email": "e@v.example",
               "hours": "& le soir"}  # fmt: skip
    await say_town(
        running, town_file(name='Veyras "la Belle", <Ardèche>', contact=contact), version=2
    )
    home = await family(running, first_names=("<script>alert(1)</script>", "Noé"))
    why = Reason(code="x", text='<img src=x onerror="alert(2)">')
    event = requested(
        home, line(home, "2026-09-17", state="refused", reason=why),
        number="1\r\nBcc: all@x.example", requested_at=at(10),
    )  # fmt: skip
    await running.say(event, "requests/r")
    mail = await arrived(mailbox, lambda mail: True)
    assert mail.html is not None
    assert "<script" not in mail.html
    assert "<img" not in mail.html
    assert "&lt;script&gt;alert(1)" in mail.html
    assert "Service &lt;b&gt;enfance" in mail.html
    assert 'Veyras "la Belle", <Ardèche>' in mail.message["From"].addresses[0].display_name
    assert "Bcc" not in dict(mail.headers)
    assert mail.subject == "Votre demande n° 1"


async def test_a_proof_is_acknowledged_to_who_gave_it(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    given: dict[str, Any] = {
        "request": "r", "number": "2026-004812", "family": home.id, "account": home.account,
        "channel": "online", "given_at": at(10), "lines": ("1", "2"), "documents": 1,
    }  # fmt: skip
    await running.say(ProofGiven(**given), "requests/r")
    mail = await arrived(mailbox, lambda mail: mail.to == (home.email,))
    assert mail.subject == "Votre justificatif pour la demande n° 2026-004812 est bien reçu"
    assert "pour 2 dates de votre demande n° 2026-004812 (1 document joint)" in (mail.text or "")
    desk = given | {"account": "d" * 32, "channel": "desk", "documents": 0}
    await running.say(ProofGiven(**desk), "requests/s")
    await mailbox.wait_for(lambda mails: len(mails) == 2)
    assert mailbox.messages[-1].to == (home.email,)
    assert "joint" not in (mailbox.messages[-1].text or "").lower()
