"""The guides' family: news, members and health, documents, enrolment."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import pikepdf
from playwright.async_api import Page, expect

from tests.portal.conftest import Demo, log_in
from tests.portal.looking import look, opened
from tests.portal.towns_side import by_the_town


async def test_news_are_read_whole(demo: Demo, phone: Page) -> None:
    """Guide of Mon espace famille (2), « lire plus »."""
    await log_in(demo, phone)
    await phone.get_by_role("link", name=re.compile("Menus de la cantine")).click()
    await expect(phone.get_by_text("chaque vendredi")).to_be_visible()
    await look(phone, "actualite")


async def test_add_a_child_with_its_health_sheet(demo: Demo, phone: Page) -> None:
    """Guides of Mon espace famille (3) and of Éragny: starred fields, the certificate, yellow."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/famille"))
    await phone.get_by_role("link", name="Nouvel enfant").click()
    await phone.get_by_label("Prénom *").fill("Suzanne")
    await phone.get_by_label("Nom *", exact=True).fill("Démonstration")
    await phone.get_by_label("Date de naissance *").fill("2021-05-04")
    await phone.get_by_label("Allergies").fill("Arachides")
    await look(phone, "nouvel-enfant")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("alert")).to_contain_text("Cochez la case")
    await phone.get_by_label(re.compile("Je certifie")).check()
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Vos modifications sont envoyées")
    await expect(phone.get_by_text("En attente : nouvel enfant")).to_be_visible()
    # What is told of health is nowhere but on its own sheet.
    await expect(phone.get_by_text("Arachides")).to_have_count(0)
    await look(phone)


async def test_add_who_is_called_and_who_collects(demo: Demo, phone: Page) -> None:
    """Guide of Mon espace famille (3), « Compléments »."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/famille"))
    await phone.get_by_role("link", name="Nouvelle personne habilitée").click()
    await phone.get_by_label("Prénom *").fill("Odette")
    await phone.get_by_label("Nom *", exact=True).fill("Voisine")
    await phone.get_by_label("Téléphone *").fill("06 39 98 44 55")
    await phone.get_by_label("Personne majeure").select_option(label="Oui")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Vos modifications sont envoyées")
    await phone.get_by_role("link", name="Modifier : Le foyer").click()
    await phone.get_by_label("Montant, en euros").fill("842")
    await phone.get_by_label("À partir du").fill("2026-09-01")
    await look(phone, "quotient-familial")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_text("En attente : 842")).to_be_visible()


async def test_tell_of_health_and_see_who_read_it(demo: Demo, phone: Page) -> None:
    """FA4 and FA10; guide of Éragny, « les données sanitaires »."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/famille"))
    await phone.get_by_role("link", name=re.compile("Fiche sanitaire")).first.click()
    # What is right as it stands is certified as it stands.
    await expect(phone.get_by_text("ne sont pas certifiées")).to_be_visible()
    await look(phone, "fiche-sanitaire-a-certifier")
    await phone.get_by_role("button", name="Certifier ces informations").click()
    await expect(phone.get_by_role("alert")).to_contain_text("Cochez la case")
    await phone.get_by_label(re.compile("Je certifie")).check()
    await phone.get_by_role("button", name="Certifier ces informations").click()
    await expect(phone.get_by_role("status")).to_contain_text("sont certifiées")
    await expect(phone.get_by_text(re.compile("certifiées jusqu'au"))).to_be_visible()
    await phone.get_by_role("link", name="Modifier").click()
    await phone.get_by_label("Allergies").fill("Noix")
    await phone.get_by_label("Nom").fill("Docteur Soin")
    await phone.get_by_label("Téléphone").fill("04 65 71 22 33")
    await phone.get_by_role("button", name="Valider").click()
    # Nothing of health without the box; what was typed is kept.
    await expect(phone.get_by_role("alert")).to_contain_text("Cochez la case")
    await phone.get_by_label(re.compile("Je certifie")).check()
    await look(phone, "fiche-sanitaire-modification")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Vos modifications sont envoyées")
    await expect(phone.get_by_text("En attente : Docteur Soin")).to_be_visible()
    await expect(phone.get_by_text("En attente : Noix")).to_be_visible()
    await expect(phone.get_by_text(re.compile("certifiées jusqu'au"))).to_be_visible()
    readings = phone.locator(".history li")
    await expect(readings.first).to_contain_text("Vous")
    await look(phone, "fiche-sanitaire")


async def test_enrol_with_its_document_then_book_by_parts(
    demo: Demo, phone: Page, tmp_path: Path
) -> None:
    """Guides of Mon espace famille (4), « Nouvelle inscription », and of Parempuyre,
    « S'inscrire aux vacances scolaires »: nine sets and no other."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/documents"))
    # What is missing is said, child by child, and leads to the form with its document chosen.
    missing = phone.get_by_role("region", name="À fournir")
    await missing.get_by_role("link", name=re.compile("Attestation d'assurance")).first.click()
    chosen = phone.get_by_label("Document", exact=False).first
    await expect(chosen).to_have_value(re.compile(r"^assurance\.child\."))
    await opened(phone, demo.at("/inscriptions"))
    await look(phone, "mes-inscriptions")
    await phone.get_by_role("link", name=re.compile("Nouvelle inscription")).first.click()
    # The dossier is reviewed first; what is put right there leads back here.
    for step in ("1. Le foyer", "2. Les enfants", "3. Les compléments"):
        await expect(phone.locator("[aria-current=step]")).to_have_text(step)
        await look(phone)
        if step == "2. Les enfants":
            here = phone.url
            await phone.get_by_role("link", name="Mettre à jour les informations").first.click()
            await phone.get_by_role("link", name="Annuler").click()
            await expect(phone).to_have_url(here)
        await phone.get_by_role("link", name="Suivant").click()
    mornings = phone.get_by_role("group", name=re.compile("Chaque semaine.*Matin"))
    await phone.get_by_label("Je réserverai ponctuellement").check()
    await expect(mornings).to_be_hidden()
    await phone.get_by_label("Chaque semaine, les mêmes jours").check()
    await phone.get_by_role("button", name="Suivant").click()
    await expect(phone.get_by_role("alert")).to_contain_text("Cochez au moins un jour")
    await look(phone)
    await mornings.get_by_label("jeudi").check()
    await phone.get_by_role("button", name="Suivant").click()
    await expect(phone.get_by_text("Matin : jeudi")).to_be_visible()
    file = tmp_path / "attestation.pdf"
    file.write_bytes(a_page())
    for asked in ("Attestation d'assurance", "Justificatif de domicile"):
        await phone.get_by_label(re.compile(asked)).set_input_files(file)
    await phone.get_by_label(re.compile("J'ai lu le règlement")).check()
    await look(phone, "inscription")
    await phone.get_by_role("button", name="Terminer").click()
    await expect(phone.get_by_role("status")).to_contain_text("demande d'inscription est envoyée")
    waiting = (await by_the_town(demo, phone, "GET", "booking/enrolment-requests"))["items"]
    (weekly,) = waiting[0]["weekly"]
    assert (weekly["units"], weekly["weekdays"]) == (["morning"], [4])
    decision = {"enrolment": waiting[0]["id"], "outcome": "accepted"}
    await by_the_town(demo, phone, "POST", "booking/enrolment-decisions", {"decisions": [decision]})

    await opened(phone, demo.at("/reservations?jour=2026-10-26"))
    tuesday = phone.get_by_role("region", name="mar. 27/10")
    await tuesday.get_by_label(re.compile("Repas AV")).check()
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_text("Rien de cela ne peut être demandé")).to_be_visible()
    await phone.get_by_role("link", name="Modifier mes choix").click()
    await tuesday.get_by_label(re.compile("– Matin")).check()
    await expect(tuesday.get_by_label(re.compile("Repas AV"))).to_be_checked()
    await look(phone, "planning-vacances")
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("table")).to_contain_text("Matin, Repas AV")
    await expect(phone.get_by_role("table").locator("tfoot")).to_contain_text("9,10")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")
    # Another meal, as one act.
    await opened(phone, demo.at("/reservations?jour=2026-10-26"))
    for part in ("Repas AV", "Repas SV"):
        await tuesday.get_by_label(re.compile(part)).check()
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("table")).to_contain_text(
        re.compile("Modification.*Matin, Repas SV.*au lieu de.*Matin, Repas AV")
    )
    await expect(phone.get_by_role("table")).not_to_contain_text("Annulation")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")


async def test_send_a_supporting_document(demo: Demo, phone: Page, tmp_path: Path) -> None:
    """Guide of Éragny, « Gérer vos pièces justificatives »."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/documents"))
    chosen = phone.get_by_label("Document", exact=False).first
    await chosen.select_option("domicile.family.")
    file = tmp_path / "facture-eau.pdf"
    file.write_bytes(a_page())
    await phone.get_by_label(re.compile("^Fichier")).set_input_files(file)
    await phone.get_by_role("button", name="Envoyer").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre document est envoyé")
    await expect(phone.get_by_text("facture-eau.pdf")).to_be_visible()
    await phone.get_by_role("link", name=re.compile("Remplacer.*domicile")).click()
    await expect(chosen).to_have_value(re.compile("^domicile"))
    await look(phone, "pieces-justificatives")


def a_page() -> bytes:
    """A PDF of one blank page."""
    written = BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page()
        made.save(written)
    return written.getvalue()
