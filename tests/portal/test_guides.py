"""The guides, replayed step by step in a browser against everything that runs."""

from __future__ import annotations

import re

from playwright.async_api import Browser, Page, expect

from tests.portal.conftest import Demo, log_in, mailed_link
from tests.portal.looking import look, opened

EVERY_PAGE = (
    "", "/reservations", "/reservations?vue=cinq-jours", "/reservations?vue=mois",
    "/reservations?vue=liste", "/reservations/periode", "/reservations/recapitulatif", "/absences",
    "/demandes", "/messages", "/messages?thematique=absence-proof", "/documents", "/inscriptions",
    "/factures", "/factures?onglet=archivees", "/facture-en-ligne",
    "/facture-en-ligne?etape=modifier", "/prelevement", "/famille", "/preferences", "/abonnements",
    "/publications", "/donnees-personnelles", "/accessibilite",
)  # fmt: skip


async def test_create_a_space_activate_it_and_link_the_family(demo: Demo, phone: Page) -> None:
    """Guide of Le Haillan, "Créer mon espace personnel"; of Éragny, "Mes abonnements"."""
    await opened(phone, demo.origin)
    await look(phone)
    await phone.get_by_role("link", name="L'espace de Veyras").click()
    await look(phone, "accueil-public")
    await phone.get_by_role("link", name="Créer mon espace").click()
    fields = {
        "Prénom": "Nadia", "Nom": "Ferrand", "Numéro et rue": "3 rue des Lilas",
        "Code postal": "07000", "Commune": "Veyras", "Courriel": "nadia@famille.example",
        "Identifiant": "nadia.ferrand", "Mot de passe": "quatre-lanternes-vertes",
    }  # fmt: skip
    for label, value in fields.items():
        await phone.get_by_label(re.compile(f"^{label}")).first.fill(value)
    await phone.get_by_label("Le même mot de passe").fill("quatre-lanternes-rouges")
    await look(phone, "creer-mon-espace")
    await phone.get_by_role("button", name="Je crée mon espace").click()
    # What was typed stays, what is wrong is said at the head and beside its field.
    await expect(phone.get_by_role("alert")).to_contain_text("Les deux mots de passe")
    await expect(phone.get_by_label("Courriel")).to_have_value("nadia@famille.example")
    await look(phone)
    for label in ("Mot de passe", "Le même mot de passe"):
        await phone.get_by_label(re.compile(f"^{label}")).first.fill("quatre-lanternes-vertes")
    await phone.get_by_role("button", name="Je crée mon espace").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre espace est créé")

    await phone.goto(await mailed_link(demo, phone, "nadia@famille.example", "activez"))
    await look(phone, "activation")
    await phone.get_by_role("button", name="Activer mon espace").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre espace est activé")
    await log_in(demo, phone, ("nadia.ferrand", "quatre-lanternes-vertes"))
    await expect(phone).to_have_url(re.compile("/abonnements"))
    await phone.get_by_label("Clé famille").fill("AAAA-BBBB-CCCC")
    await phone.get_by_role("button", name="Rechercher").click()
    await expect(phone.get_by_role("alert")).to_be_visible()
    await look(phone, "mes-abonnements")


async def test_the_home_has_the_zones_of_the_guides(demo: Demo, phone: Page) -> None:
    await log_in(demo, phone)
    for zone in ("Mon espace", "Mon tableau de bord", "Ma famille"):
        await expect(phone.get_by_role("heading", name=zone, exact=True)).to_be_visible()
    await look(phone, "accueil")


async def test_book_a_day_from_the_planning_to_the_digest(demo: Demo, phone: Page) -> None:
    """Guides of Éragny and of Parempuyre: planning, basket, recap, receipt, Mes demandes."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/reservations?jour=2026-10-05"))
    friday = phone.get_by_role("region", name="ven. 9/10")
    await friday.get_by_label(re.compile("Repas")).check()
    await look(phone, "planning-semaine")
    await phone.get_by_role("button", name="Semaine suivante").click()
    # What was ticked in another week is still in the basket.
    await phone.get_by_role("region", name="jeu. 15/10").get_by_label(re.compile("Soir")).check()
    await expect(phone.get_by_text("2 jours dans votre panier")).to_be_visible()
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("heading", name="Récapitulatif")).to_be_visible()
    table = phone.get_by_role("table")
    await expect(table).to_contain_text("vendredi 9 octobre 2026")
    await expect(table).to_contain_text("À décider par la mairie")
    await expect(table).to_contain_text("Accepté aussitôt")
    await expect(table).to_contain_text("4,10")
    await expect(table.locator("tfoot")).to_contain_text("5,90")
    await look(phone, "recapitulatif")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")
    await expect(phone.get_by_role("table")).to_contain_text("En attente")
    await look(phone, "demande")
    await phone.get_by_role("button", name="Retirer ce qui attend").click()
    await expect(phone.get_by_role("status")).to_contain_text("retiré")


async def test_book_over_a_period(demo: Demo, phone: Page) -> None:
    """Guide of Parempuyre, "Réserver pour une période"."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/reservations/periode"))
    await phone.get_by_label("Activité").select_option(label="Garderie – Soir")
    await phone.get_by_label("Du", exact=True).fill("2026-11-02")
    await phone.get_by_label("Au", exact=True).fill("2026-11-13")
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("alert")).to_contain_text("Cochez au moins un jour")
    await phone.get_by_label("lundi").check()
    await phone.get_by_label("mercredi").check()
    await look(phone, "periode")
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("table")).to_contain_text("lundi 2 novembre 2026")
    await expect(phone.get_by_text("Jours non retenus")).to_be_visible()
    await look(phone)
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")


async def test_report_an_absence_in_two_steps(demo: Demo, phone: Page) -> None:
    """Guide of Le Haillan, "Signaler une absence"."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/absences"))
    await phone.get_by_label("Date de l'absence").fill("2026-09-15")
    await phone.get_by_label("Commentaire").fill("Rendez-vous chez le médecin <b>à 16 h</b>")
    await look(phone, "absence")
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("table")).to_contain_text("Garderie")
    await look(phone, "absence-recapitulatif")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")
    # What was typed is shown as text.
    await expect(phone.get_by_text("<b>à 16 h</b>")).to_be_visible()


async def test_change_the_dossier_and_see_it_wait_in_yellow(demo: Demo, phone: Page) -> None:
    """Guide of Éragny, "Gérer votre dossier famille"."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/famille"))
    await phone.get_by_role("link", name="Modifier : Employeur et lieu de travail").first.click()
    await phone.get_by_label("Employeur et lieu de travail").fill("Boulangerie du Pont")
    await look(phone, "dossier-modification")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Vos modifications sont envoyées")
    await expect(phone.get_by_text("Boulangerie du Pont")).to_be_visible()
    await look(phone, "dossier-famille")


async def test_join_the_online_invoice_in_two_steps(demo: Demo, phone: Page) -> None:
    """Guides of Le Haillan and Parempuyre."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/factures"))
    await phone.get_by_role("link", name="Adhésion à la facture en ligne").click()
    await phone.get_by_role("link", name="Modifier").click()
    await phone.get_by_label("NON").check()
    await look(phone, "facture-en-ligne")
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await look(phone, "facture-en-ligne-etape-2")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre choix est enregistré")


async def test_ask_for_direct_debit_in_two_steps(demo: Demo, phone: Page) -> None:
    """BI8: the account is checked, the request waits for the régie, and may be taken back."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/factures"))
    await phone.get_by_role("link", name="Prélèvement automatique").click()
    await expect(phone.get_by_text("vos factures ne sont pas prélevées")).to_be_visible()
    await phone.get_by_role("link", name="Modifier").click()
    await phone.get_by_label("OUI").check()
    await look(phone, "prelevement")
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await phone.get_by_label("Titulaire du compte").fill("Camille Démonstration")
    await phone.get_by_label("IBAN").fill("FR76 3000 6000 0112 3456 7890 188")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("alert")).to_contain_text("sans votre accord")
    await phone.get_by_label(re.compile("J'autorise")).check()
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("alert")).to_contain_text("IBAN")
    await expect(phone.get_by_label("Titulaire du compte")).to_have_value("Camille Démonstration")
    await look(phone, "prelevement-etape-2")
    await phone.get_by_label("IBAN").fill("FR76 3000 6000 0112 3456 7890 189")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("demande de prélèvement")
    await expect(phone.get_by_text("En attente de la régie")).to_be_visible()
    await look(phone)
    await phone.get_by_role("link", name="Modifier").click()
    await phone.get_by_label("NON").check()
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_text("Retirée")).to_be_visible()


async def test_write_to_the_town(demo: Demo, phone: Page) -> None:
    """Guide of Parempuyre, "Gestion des demandes"."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/messages"))
    await phone.get_by_role("link", name="Autre demande").first.click()
    await phone.get_by_label("Votre message").fill("Bonjour,\n<script>alert(1)</script>")
    await look(phone, "nouvelle-demande")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre message est envoyé")
    await expect(phone.get_by_text("<script>alert(1)</script>")).to_be_visible()
    await look(phone, "echange")


async def test_book_and_report_an_absence_without_scripts(demo: Demo, chromium: Browser) -> None:
    context = await chromium.new_context(
        viewport={"width": 360, "height": 740}, java_script_enabled=False
    )
    page = await context.new_page()
    await log_in(demo, page)
    await opened(page, demo.at("/reservations?jour=2026-11-23"))
    await page.get_by_role("region", name="jeu. 26/11").get_by_label(re.compile("Soir")).check()
    await page.get_by_role("button", name="Aller à l'étape 2").click()
    await page.get_by_role("button", name="Valider").click()
    await expect(page.get_by_role("status")).to_contain_text("Votre demande est envoyée")
    await opened(page, demo.at("/absences"))
    await page.get_by_label("Date de l'absence").fill("2026-11-26")
    await page.get_by_role("button", name="Aller à l'étape 2").click()
    await page.get_by_role("button", name="Valider").click()
    await expect(page.get_by_role("status")).to_contain_text("Votre demande est envoyée")
    await context.close()


async def test_every_page_on_a_phone_and_on_a_desk(demo: Demo, chromium: Browser) -> None:
    for width, height in ((360, 740), (1280, 900)):
        context = await chromium.new_context(viewport={"width": width, "height": height})
        page = await context.new_page()
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        await log_in(demo, page)
        for path in EVERY_PAGE:
            await opened(page, demo.at(path))
            await look(page)
        assert said == []
        await context.close()
