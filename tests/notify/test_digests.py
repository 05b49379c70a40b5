"""The digest: what it says, to whom, of which window, and each outcome in exactly one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

import pytest

from deploy.local.mailbox import Mailbox
from shared.contracts.booking import DecisionsCompleted, Replaced
from shared.contracts.notify import DigestSent
from shared.events import Event
from tests.notify.helpers import (
    ALTER,
    EVENING_CUT,
    NOON_CUT,
    at,
    caught_up,
    decision,
    digests,
    ended,
    guardian,
    mails,
    notify_of,
    reach,
    redeliver,
    say_adult,
    say_card,
    say_decision,
)
from tests.samples import family, say_town, town_file
from tests.world import World, eventually

WHOLE = """\
Bonjour,

Voici les réponses données entre le dimanche 13 septembre 2026 à 18 h 01 et le lundi 14 septembre 2026 à 13 h par Service enfance.
1 acceptée, 1 refusée.

Léa
  ✔ ACCEPTÉE – Réservation, Cantine, jeudi 24 septembre 2026
    Demande n° 2026-000042 du 14/09/2026

Noé
  ✖ REFUSÉE – Réservation, Cantine, vendredi 25 septembre 2026
    Demande n° 2026-000042 du 14/09/2026, non facturée
    Motif : Effectif complet.

Mes demandes : http://localhost:8080/veyras/demandes
Mes préférences : http://localhost:8080/veyras/preferences

--
Ceci est un message automatique, merci de ne pas y répondre.
Service enfance
Téléphone : 04 75 00 00 00
Courriel : enfance@veyras.example
Du lundi au vendredi, 8 h 30 – 12 h
"""  # noqa: E501


async def test_the_whole_mail(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    await say_decision(running, decision(home, at(10, 5)))
    await say_decision(
        running, decision(home, at(10, 6), accepted=False, child=1, days=("2026-09-25",))
    )
    await reach(running, NOON_CUT)
    (mail,) = await digests(mailbox, 1)
    assert mail.subject == "Veyras : réponses à vos demandes – 14/09/2026, 13 h"
    assert mail.text == WHOLE
    assert mail.html is not None
    for part in ("✔ ACCEPTÉE", "✖ REFUSÉE", "Motif : Effectif complet.", "1 acceptée, 1 refusée."):
        assert part in mail.html
    assert "Martin" not in mail.html + mail.text
    run = await ended(running, NOON_CUT)
    assert (run["state"], run["seq"]) == ("done", 1)


async def test_no_outcome_no_mail_and_the_minute_decides_the_window(
    running: World, mailbox: Mailbox
) -> None:
    home, silent = await family(running), await family(running)
    await say_decision(running, decision(home, at(13, 0, 59)))
    await say_decision(running, decision(home, at(13, 1, 0), days=("2026-09-25",)))
    await reach(running, NOON_CUT)
    (noon,) = await digests(mailbox, 1)
    assert "24 septembre" in (noon.text or "")
    assert "25 septembre" not in (noon.text or "")
    await reach(running, EVENING_CUT)
    _, evening = await digests(mailbox, 2)
    assert evening.subject.endswith("14/09/2026, 18 h")
    assert "25 septembre" in (evening.text or "")
    assert mailbox.to(silent.email) == []


async def test_guardians_receive_what_they_may_see(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    luc, eve = guardian((home.children[1], True)), guardian((home.children[0], False))
    await say_card(running, home, luc, eve)
    for who, name in ((luc, "luc"), (eve, "eve")):
        link = {"family": home.id, "guardian": who.id}
        await say_adult(
            running, home, account=name[0] * 32, email=f"{name}@x.example", families=[link]
        )
    await say_decision(running, decision(home, at(10)))
    await say_decision(running, decision(home, at(10), child=1, days=("2026-09-25",)))
    await reach(running, NOON_CUT)
    found = {mail.to[0]: mail.text or "" for mail in await digests(mailbox, 2)}
    await ended(running, NOON_CUT)
    assert set(found) == {home.email, "luc@x.example"}
    assert "Léa" in found[home.email]
    assert "Noé" in found[home.email]
    assert "Léa" not in found["luc@x.example"]
    assert "1 acceptée, 0 refusée." in found["luc@x.example"]


async def test_a_right_withdrawn_between_freezing_and_sending(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    mailbox.behaviours.closed = True
    await say_decision(running, decision(home, at(10)))
    await reach(running, NOON_CUT)
    await eventually(lambda: mails(running, failure="away"), what="the mail waits for the server")
    await say_adult(running, home, families=())
    mailbox.behaviours.closed = False
    await eventually(lambda: mails(running, state="not_entitled"), what="the mail is withheld")
    await ended(running, NOON_CUT)
    assert mailbox.messages == []


async def test_a_family_nobody_is_linked_to_is_a_letter(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    await say_adult(running, home, families=())
    await say_decision(running, decision(home, at(10)))
    await reach(running, NOON_CUT)
    await ended(running, NOON_CUT)
    (letter,) = await mails(running)
    assert (letter["state"], letter["family"], letter["account"]) == ("to_print", home.id, None)
    assert mailbox.messages == []


async def test_one_adult_of_two_families_gets_one_mail(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    second = await family(running, account=home.account, email=home.email,
                          first_names=("Ana", "Tom"))  # fmt: skip
    links = [{"family": one.id, "guardian": one.guardian} for one in (home, second)]
    await say_adult(running, home, families=links)
    await say_decision(running, decision(home, at(10)))
    await say_decision(running, decision(second, at(11), accepted=False))
    await reach(running, NOON_CUT)
    (mail,) = await digests(mailbox, 1)
    await ended(running, NOON_CUT)
    text = mail.text or ""
    assert len(mailbox.messages) == 1
    assert "1 acceptée, 1 refusée." in text
    sections = sorted([(home, "Léa"), (second, "Ana")], key=lambda one: one[0].id)
    places = [text.index(f"Famille n° {one.id[:8]}\n\n{name}\n") for one, name in sections]
    assert places == sorted(places)


async def test_a_late_outcome_is_in_the_next_digest_with_its_own_time(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    await say_decision(running, decision(home, at(10)))
    await reach(running, NOON_CUT)
    await digests(mailbox, 1)
    await ended(running, NOON_CUT)
    await say_decision(running, decision(home, at(10, 2), days=("2026-09-25",)))
    await say_decision(running, decision(home, at(14), days=("2026-09-28",)))
    await reach(running, EVENING_CUT)
    _, mail = await digests(mailbox, 2)
    now, _, earlier = (mail.text or "").partition("Décisions antérieures")
    assert "28 septembre" in now
    assert "Léa, Cantine, vendredi 25 septembre 2026" in earlier
    assert "Décision du lundi 14 septembre 2026 à 10 h 02" in earlier
    assert "2 acceptées, 0 refusée." in now


async def test_a_late_acceptance_says_that_the_refusal_told_since_replaced_it(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    first = decision(home, at(10))
    replaced = Replaced(decided_at=at(10), accepted=True)
    refused = decision(home, at(10, 30), accepted=False, request=first.request, replaces=replaced)
    await say_decision(running, refused)
    await reach(running, NOON_CUT)
    await digests(mailbox, 1)
    await ended(running, NOON_CUT)
    await say_decision(running, first)
    await reach(running, EVENING_CUT)
    _, mail = await digests(mailbox, 2)
    _, _, earlier = (mail.text or "").partition("Décisions antérieures")
    since = "Remplacée depuis par la décision du lundi 14 septembre 2026 à 10 h 30"
    assert since in earlier
    assert "0 acceptée, 0 refusée." in (mail.text or "")


async def test_decided_twice_within_a_window_and_again_in_a_later_one(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    first = decision(home, at(10, 2))
    await say_decision(running, first)
    again = Replaced(decided_at=at(10, 2), accepted=True)
    await say_decision(
        running,
        decision(home, at(10, 30), accepted=False, request=first.request, replaces=again),
    )
    await reach(running, NOON_CUT)
    (noon,) = await digests(mailbox, 1)
    assert "Remplace la décision de 10 h 02" in (noon.text or "")
    assert "0 acceptée, 1 refusée." in (noon.text or "")
    changed = Replaced(decided_at=at(10, 30), accepted=False)
    await say_decision(running, decision(home, at(15), request=first.request, replaces=changed))
    await reach(running, EVENING_CUT)
    _, evening = await digests(mailbox, 2)
    assert "Modifie la décision du lundi 14 septembre 2026 à 10 h 30" in (evening.text or "")


async def test_refusals_are_repeated_first_when_there_are_many(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    days = [f"2026-10-{day:02d}" for day in range(1, 11)]
    await say_decision(running, decision(home, at(10), days=days))
    await say_decision(running, decision(home, at(11), accepted=False, days=("2026-10-12",)))
    await reach(running, NOON_CUT)
    (mail,) = await digests(mailbox, 1)
    text = mail.text or ""
    assert text.count("✖ REFUSÉE") == 2
    assert text.index("Refus\n") < text.index("✔ ACCEPTÉE")
    assert "10 acceptées, 1 refusée." in text


async def test_a_bulk_decision_is_waited_for_and_not_cut_in_two(
    running: World, mailbox: Mailbox
) -> None:
    home, other = await family(running), await family(running)
    await say_decision(running, decision(home, at(12, 59), batch="bulk"))
    await reach(running, NOON_CUT)
    store = running.store("notify")
    await eventually(lambda: store.count("runs", {}), what="the run is opened")
    await running.say(DecisionsCompleted(batch="bulk", lines=3), "batches/bulk")
    await eventually(lambda: store.count("batches", {}), what="the batch is known")
    assert await store.count("digests", {}) == 0
    rest = decision(other, at(12, 59), batch="bulk", days=("2026-09-24", "2026-09-25"))
    await say_decision(running, rest)
    found = await digests(mailbox, 2)
    assert {mail.subject for mail in found} == {
        "Veyras : réponses à vos demandes – 14/09/2026, 13 h"
    }


async def test_patience_has_an_end(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    await say_decision(running, decision(home, at(12, 59), batch="never-completed"))
    await reach(running, NOON_CUT)
    store = running.store("notify")
    run = await eventually(lambda: store.first("runs", {}), what="the run is opened")
    long_ago = running.clock.machine() - timedelta(minutes=6)
    await store.change(ALTER, "runs", run["_id"], {}, {"$set": {"first_tried": long_ago}})
    assert len(await digests(mailbox, 1)) == 1


async def test_it_waits_for_booking_s_word(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    await say_decision(running, decision(home, at(10)))
    running.move_to(NOON_CUT)
    store = running.store("notify")
    await caught_up(running, NOON_CUT - timedelta(minutes=1))
    await eventually(lambda: store.count("runs", {"state": "waiting"}), what="the run waits")
    assert mailbox.messages == []
    await caught_up(running, NOON_CUT)
    await digests(mailbox, 1)


async def test_receipted_lines_may_be_left_out(running: World, mailbox: Mailbox) -> None:
    await say_town(running, town_file(digest={"leave_out_receipted": True}), version=2)
    home = await family(running)
    at_once = decision(home, at(10), decided_by="rule", agent=None)
    said = at_once.lines[0].model_copy(update={"receipted": True})
    await say_decision(running, at_once.model_copy(update={"lines": (said,)}))
    await say_decision(running, decision(home, at(10), days=("2026-09-25",)))
    await reach(running, NOON_CUT)
    (mail,) = await digests(mailbox, 1)
    assert "24 septembre" not in (mail.text or "")
    assert "25 septembre" in (mail.text or "")


async def test_a_near_date_is_told_at_once_and_again_in_the_digest(
    running: World, mailbox: Mailbox
) -> None:
    await say_town(running, town_file(digest={"immediate_mail": True}), version=2)
    home = await family(running)
    near = decision(home, at(18, 30), days=("2026-09-15", "2026-09-24"), accepted=False)
    envelope = await say_decision(running, near)
    await mailbox.wait_for(lambda found: len(found) == 1)
    (told,) = mailbox.messages
    assert told.subject == "Veyras : réponse à votre demande n° 2026-000042"
    assert "15 septembre" in (told.text or "")
    assert "24 septembre" not in (told.text or "")
    await redeliver(running, envelope)
    await reach(running, NOON_CUT + timedelta(days=1))
    (mail,) = await digests(mailbox, 1)
    assert (mail.text or "").count("Déjà signalé") == 1
    assert (mail.text or "").count("✖ REFUSÉE") == 2
    assert len(mailbox.messages) == 2


async def test_other_cut_offs_hold_from_the_next_window_on(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    await say_town(running, town_file(digest={"at": ["12:00", "20:00"]}), version=2)
    await say_decision(running, decision(home, at(12, 30)))
    await say_decision(running, decision(home, at(18, 30), days=("2026-09-25",)))
    await reach(running, NOON_CUT)
    (mail,) = await digests(mailbox, 1)
    assert mail.subject.endswith("13 h")
    await reach(running, at(20, 1))
    _, mail = await digests(mailbox, 2)
    assert mail.subject.endswith("20 h")
    assert "entre le lundi 14 septembre 2026 à 13 h 01 et" in (mail.text or "")


async def test_windows_missed_while_the_service_was_down(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    await say_decision(running, decision(home, at(10)))
    await say_decision(running, decision(home, at(15), days=("2026-09-25",)))
    await say_decision(running, decision(home, at(19), days=("2026-09-28",)))
    await reach(running, at(9, day=17))
    found = await digests(mailbox, 3)
    assert sorted(mail.subject.rpartition("– ")[2] for mail in found) == [
        "14/09/2026, 13 h", "14/09/2026, 18 h", "15/09/2026, 13 h",
    ]  # fmt: skip


async def test_redelivered_decisions_add_nothing(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    first = await say_decision(running, decision(home, at(10)))
    for _ in range(3):
        await redeliver(running, first)
    await reach(running, NOON_CUT)
    (mail,) = await digests(mailbox, 1)
    assert "1 acceptée, 0 refusée." in (mail.text or "")
    await ended(running, NOON_CUT)
    await redeliver(running, first)
    await say_decision(running, decision(home, at(15), days=("2026-09-25",)))
    await reach(running, EVENING_CUT)
    _, evening = await digests(mailbox, 2)
    assert "24 septembre" not in (evening.text or "")


async def test_the_end_of_a_run_is_said_once_with_its_counts(
    running: World, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Event] = []
    digests_store = notify_of(running).digests
    say_sent = digests_store.say_sent

    async def listen(run: Any, *events: Event) -> None:
        heard.extend(events)
        await say_sent(run, *events)

    monkeypatch.setattr(digests_store, "say_sent", listen)
    homes = [await family(running) for _ in range(3)]
    for home in homes:
        await say_decision(running, decision(home, at(10), days=("2026-09-24", "2026-09-25")))
    await reach(running, NOON_CUT)
    run = await ended(running, NOON_CUT)
    window = datetime.fromisoformat("2026-09-14T13:00+02:00")
    assert heard == [DigestSent(window=window, outcomes=6, mails=3)]
    assert run["seq"] == 1


async def test_an_activity_that_is_gone_is_still_answered(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    gone = decision(home, at(10), activity="accueil-du-soir")
    await say_decision(running, gone)
    await reach(running, NOON_CUT)
    (mail,) = await digests(mailbox, 1)
    assert "Accueil du soir, jeudi 24 septembre 2026" in (mail.text or "")


async def test_dry_run_prints_what_would_go_and_writes_nothing(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    envelope = await say_decision(running, decision(home, at(10)))
    cli = [sys.executable, "-c", "from services.notify.operations import app; app()"]
    environment = os.environ | {
        "MONGODB_URL": running.mongodb_url, "PREAU_NAMESPACE": running.namespace,
        "PREAU_CLOCK_FILE": str(running.clock_file), "SMTP_URL": mailbox.url,
    }  # fmt: skip

    def preau(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*cli, *arguments], env=environment, capture_output=True, text=True, check=False
        )

    shown = preau("--town", "veyras", "--window", "2026-09-14T13:00", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout) == {
        "window": "2026-09-14T13:00",
        "run": "veyras/20260914T1101Z",
        "caught_up": False,
        "families": [{"family": home.id, "outcomes": [f"{envelope.id}-1"]}],
    }
    unknown = preau("--town", "veyras", "--window", "2026-09-14T12:00", "--dry-run")
    assert "2026-09-14T18:00" in json.loads(unknown.stdout)["windows"]
    assert preau("--town", "veyras", "--window", "2026-09-14T13:00").returncode == 2
    for collection in ("runs", "digests", "mails"):
        assert await running.store("notify").count(collection, {}) == 0
