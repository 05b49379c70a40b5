"""The guides' days and bills: the planning's views, cancelling, the agenda of a child, paying."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pikepdf
from playwright.async_api import Browser, Locator, Page, expect
from pymongo import AsyncMongoClient

from shared.waiting import eventually
from tests.portal.conftest import PAUL, Demo, log_in
from tests.portal.looking import look, opened
from tests.servers import MongoServer


async def test_the_planning_by_month_by_five_days_and_as_a_list(demo: Demo, phone: Page) -> None:
    """Guide of Éragny, « Gérer les activités de vos enfants », « Visualisation »."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/reservations"))
    views = phone.get_by_role("group", name="Affichage")
    # On a phone, the first day is on the first screen.
    first = await phone.locator(".day").first.bounding_box()
    assert first is not None
    assert first["y"] < 500
    await views.get_by_role("button", name="5 jours").click()
    await expect(phone).to_have_url(re.compile("vue=cinq-jours"))
    await expect(phone.locator(".day")).to_have_count(5)
    await views.get_by_role("button", name="Mois").click()
    month = phone.get_by_role("region", name="Planning du mois")
    await expect(month).to_be_visible()
    # What one is enrolled in and has not booked is there, and what each sign means is said.
    await expect(month.get_by_text("Garderie : Inscrit").first).to_be_attached()
    await expect(phone.get_by_role("list", name="Légende")).to_contain_text("Inscrit")
    await look(phone, "planning-mois")
    # What was ticked meanwhile is in the basket, whatever is looked at, and over a period too.
    await opened(phone, demo.at("/reservations?jour=2026-11-09"))
    await phone.get_by_role("region", name="jeu. 12/11").get_by_label(re.compile("Soir")).check()
    await views.get_by_role("button", name="Mois").click()
    await phone.get_by_role("button", name="Mois suivant").click()
    await expect(phone.get_by_role("heading", name="Décembre 2026")).to_be_visible()
    await phone.get_by_role("link", name="Semaine du mercredi 2 décembre").click()
    await expect(phone.get_by_text("1 choix dans votre panier")).to_be_visible()
    await phone.get_by_role("button", name="Réserver pour une période").click()
    await phone.get_by_label("Activité").select_option(label="Garderie – Soir")
    await phone.get_by_label("Au", exact=True).fill("2026-12-04")
    await phone.get_by_label("vendredi").check()
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    for day in ("jeudi 12 novembre", "vendredi 4 décembre"):
        await expect(phone.get_by_role("table")).to_contain_text(day)
    # A period may have no such day.
    await opened(phone, demo.at("/reservations/periode?jour=2026-12-01"))
    await phone.get_by_label("Au", exact=True).fill("2026-12-04")
    await phone.get_by_label("samedi").check()
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_text("Aucun jour de cette période ne correspond")).to_be_visible()
    await look(phone)
    await opened(phone, demo.at("/reservations?vue=mois"))
    await phone.get_by_text("Choisir ce qui est affiché").click()
    await phone.get_by_role("group", name=re.compile("Activités")).get_by_label("Cantine").check()
    await phone.get_by_role("button", name="Afficher").click()
    await views.get_by_role("button", name="Liste").click()
    await expect(phone.get_by_role("region", name="Réservations du mois")).to_contain_text(
        "Réservation acceptée"
    )
    await expect(phone.get_by_text("Garderie – Soir")).to_have_count(0)
    await look(phone, "planning-liste")
    await phone.get_by_role("link", name=re.compile("Voir la demande.*Repas")).first.click()
    await expect(phone.get_by_role("heading", name="Historique")).to_be_visible()


async def test_a_period_is_taken_out_of_the_basket_again(demo: Demo, phone: Page) -> None:
    """Guide of Parempuyre, « Réserver pour une période »: what was chosen may be changed."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/reservations?jour=2026-11-09"))
    await phone.get_by_role("region", name="jeu. 12/11").get_by_label(re.compile("Soir")).check()
    await phone.get_by_role("button", name="Réserver pour une période").click()
    await phone.get_by_label("Activité").select_option(label="Garderie – Soir")
    await phone.get_by_label("Au", exact=True).fill("2026-12-04")
    await phone.get_by_label("vendredi").check()
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("table")).to_contain_text("vendredi 4 décembre")
    await phone.get_by_role("link", name="Modifier mes choix").click()
    await expect(phone.get_by_text("2 choix dans votre panier")).to_be_visible()
    basket = await opened_basket(phone)
    period = basket.get_by_role("listitem").filter(has_text=re.compile("Soir.*4 décembre 2026"))
    thursday = basket.get_by_role("listitem").filter(has_text="Jeudi 12 novembre")
    await expect(period).to_contain_text("vendredi")
    await look(phone, "planning-panier")
    await phone.get_by_role("button", name="Semaine suivante").click()
    # The week is what is seen first.
    await expect(phone).to_have_url(re.compile("#planning$"))
    await opened_basket(phone)
    await expect(thursday).to_be_visible()
    await period.get_by_role("button", name="Retirer").click()
    await expect(period).to_be_hidden()
    await expect(phone.get_by_text("1 choix dans votre panier")).to_be_visible()
    # What is ticked comes into it, and goes from it, with its box.
    await phone.get_by_role("button", name="Semaine précédente").click()
    await opened_basket(phone)
    await thursday.get_by_role("button", name="Retirer").click()
    box = phone.get_by_role("region", name="jeu. 12/11").get_by_label(re.compile("Soir"))
    await expect(box).not_to_be_checked()
    await box.check()
    await expect(thursday).to_be_visible()
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await phone.get_by_role("table").get_by_role("button", name="Retirer").click()
    await expect(phone.get_by_role("heading", name="Votre panier est vide")).to_be_visible()


async def opened_basket(page: Page) -> Locator:
    """The basket, that stands open beside the week where there is room for it."""
    basket = page.get_by_role("region", name="Votre panier")
    if not await basket.get_by_role("list").is_visible():
        await basket.locator("summary").click()
    return basket


async def test_the_price_shown_is_the_price_paid_or_is_said(
    demo: Demo, phone: Page, mongodb: MongoServer
) -> None:
    """Guide of Parempuyre, recap: the quote is too old, then says another price than today's."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/reservations?jour=2026-11-23"))
    await phone.get_by_role("region", name="ven. 27/11").get_by_label(re.compile("Repas")).check()
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    comment = phone.get_by_label("Un mot pour la mairie")
    await comment.fill("Merci !")
    validate, alert = phone.get_by_role("button", name="Valider"), phone.get_by_role("alert")
    async with AsyncMongoClient[dict[str, Any]](mongodb.url) as client:
        quotes = client["demo-clock_billing"]["quotes"]
        shown = {"_id": await phone.locator("[name=quote]").get_attribute("value")}
        await quotes.update_one(shown, {"$set": {"valid_until": datetime(2026, 9, 14, tzinfo=UTC)}})
        await validate.click()
        await expect(alert).to_contain_text("garanti que 30 minutes")
        await expect(alert).to_contain_text("Rien n'a été envoyé")
        await expect(comment).to_have_value("Merci !")
        await look(phone, "recapitulatif-prix-change")
        shown = {"_id": await phone.locator("[name=quote]").get_attribute("value")}
        other = {"total_cents": 310, "lines.0.cents": 310}
        assert (await quotes.update_one(shown, {"$set": other})).modified_count == 1
    await validate.click()
    await expect(alert).to_contain_text(re.compile("Le prix a changé.*4,10.*au lieu de.*3,10"))
    await expect(phone.get_by_role("table").locator("tfoot")).to_contain_text("4,10")
    await validate.click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")


async def test_from_a_child_to_its_agenda(demo: Demo, phone: Page) -> None:
    """Guide of Parempuyre, « Consultation des réservations ALSH »."""
    await log_in(demo, phone)
    space = phone.get_by_role("region", name="Mon espace", exact=True)
    await space.locator("a[href*='enfant=']").first.click()
    await expect(phone).to_have_url(re.compile("enfant="))
    await expect(phone.get_by_role("heading", name="Mes réservations")).to_be_visible()


async def test_cancel_what_was_accepted(demo: Demo, phone: Page) -> None:
    """Guide of Mon espace famille (5): tick a booked day, validate the basket; the padlock."""
    await log_in(demo, phone)
    day = "/reservations?jour=2026-12-07"
    thursday = phone.get_by_role("region", name="jeu. 10/12")
    for _ in ("book", "cancel"):
        await opened(phone, demo.at(day))
        await thursday.get_by_label(re.compile("Soir")).check()
        await phone.get_by_role("button", name="Aller à l'étape 2").click()
        await phone.get_by_role("button", name="Valider").click()
        await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")
    await opened(phone, demo.at(day))
    await expect(thursday.get_by_text(re.compile("annulée|Annulé"))).to_be_visible()
    # This week's canteen is too late to book, and says since when.
    await opened(phone, demo.at("/reservations?jour=2026-09-14"))
    await expect(phone.locator(".slot use[href$='#noentry']").first).to_be_visible()
    await look(phone, "planning-trop-tard")


async def test_pay_the_chosen_invoices(demo: Demo, phone: Page) -> None:
    """Guides of Le Haillan, « Paiement en ligne (TIPI) », of Mon espace famille (6), of
    monespacefamille.fr and of Parempuyre: a window of its own, then « Retour site »."""
    town = f"{demo.origin}/andancette"
    await opened(phone, f"{town}/connexion")
    await phone.get_by_label("Identifiant").fill("paul.demo")
    await phone.get_by_label("Mot de passe", exact=True).fill("neuf-lanternes-repeintes")
    await phone.get_by_role("button", name="Connexion").click()
    await phone.get_by_role("link", name=re.compile("Mes factures")).first.click()
    await look(phone, "factures")
    await phone.get_by_role("link", name=re.compile("^Facture n°")).first.click()
    await look(phone, "facture")
    await phone.go_back()
    await phone.get_by_label(re.compile("Choisir la facture")).first.check()
    await phone.get_by_role("button", name="Payer les factures sélectionnées").click()
    await look(phone, "paiement")
    way = phone.get_by_role("link", name="Aller sur la page de paiement")
    operation = ((await way.get_attribute("href")) or "").partition("idop=")[2]
    async with phone.expect_popup() as opening:
        await way.click()
    payfip = await opening.value
    await expect(payfip.get_by_role("button", name="Payer par carte", exact=True)).to_be_visible()
    # Back too early: it is being checked, and nothing invites to pay again.
    returns = f"{demo.origin}/api/billing/v1/andancette/payfip/returns?idop={operation}"
    await phone.goto(returns)
    await expect(phone.get_by_text("en cours de vérification")).to_be_visible()
    await expect(phone.get_by_role("link", name="Aller sur la page")).to_have_count(0)
    await look(phone)
    await opened(phone, f"{town}/factures")
    await phone.get_by_role("link", name="Paiement en cours de vérification").first.click()
    await expect(phone.get_by_role("heading", name="Paiement de")).to_be_visible()
    await payfip.get_by_role("button", name="Payer par carte", exact=True).click()
    await payfip.get_by_role("link", name="Retour site").click()
    received = payfip.get_by_text("Votre paiement est reçu")

    async def told() -> bool:
        await payfip.reload()
        return await received.count() == 1

    await eventually(told)
    await look(payfip, "paiement-recu")
    await payfip.close()
    await opened(phone, f"{town}/factures?onglet=archivees")
    await expect(phone.get_by_text("Réglée").first).to_be_visible()
    await look(phone, "factures-archivees")


async def test_what_is_paid_when_booked_leads_to_payfip(demo: Demo, phone: Page) -> None:
    """Guides of monespacefamille.fr, « vous serez automatiquement redirigé vers la page de
    paiement à la validation de votre panier », and of Mon espace famille (5 and 6)."""
    town = f"{demo.origin}/andancette"
    await log_in(demo, phone, PAUL, "andancette")
    await opened(phone, f"{town}/reservations?jour=2026-10-05")
    await (
        phone.get_by_role("region", name="ven. 9/10")
        .get_by_label(re.compile("Repas"))
        .first.check()
    )
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("table")).to_contain_text("À payer aussitôt")
    await expect(phone.get_by_role("table")).to_contain_text("place retenue 20 minutes")
    await look(phone, "recapitulatif-a-payer")
    await phone.get_by_role("button", name="Valider et payer").click()
    card = phone.get_by_role("button", name="Payer par carte", exact=True)
    await expect(card).to_be_visible()
    # Who leaves it there finds it to be paid, until which hour, and not to be waited for.
    await opened(phone, f"{town}/factures")
    await expect(phone.get_by_text(re.compile(r"à payer avant le .*\sh\s")).first).to_be_visible()
    await opened(phone, f"{town}/demandes?etat=to_pay")
    await expect(phone.locator(".card").first).to_contain_text("À payer")
    await phone.locator(".card").first.get_by_role("link").click()
    await look(phone, "demande-a-payer")
    await phone.get_by_role("button", name="Payer").click()
    await card.click()
    await phone.get_by_role("link", name="Retour site").click()
    received = phone.get_by_text("Votre paiement est reçu")

    async def told() -> bool:
        await phone.reload()
        return await received.count() == 1

    await eventually(told)
    await opened(phone, f"{town}/demandes")
    await expect(phone.locator(".card").first).to_contain_text("Acceptée")


async def test_pay_in_a_window_then_be_owed_and_have_it_taken_off(demo: Demo, phone: Page) -> None:
    """The first page sees by itself what came of the window; a cancelled day's price is a credit,
    which is told wherever something is to be paid."""
    town = f"{demo.origin}/andancette"
    await log_in(demo, phone, PAUL, "andancette")
    await _ask_for_a_meal(phone, town, "mar. 6/10", "Réserver")
    await phone.get_by_role("button", name="Valider et payer").click()
    await expect(phone.get_by_role("button", name="Payer par carte", exact=True)).to_be_visible()
    await opened(phone, f"{town}/factures")
    await phone.get_by_label(re.compile("Choisir la facture")).first.check()
    await phone.get_by_role("button", name="Payer les factures sélectionnées").click()
    async with phone.expect_popup() as opening:
        await phone.get_by_role("link", name="Aller sur la page de paiement").click()
    window = await opening.value
    await window.get_by_role("button", name="Payer par carte", exact=True).click()
    await window.get_by_role("link", name="Retour site").click()
    await expect(window.get_by_role("button", name="Fermer cette fenêtre")).to_be_visible()
    await window.close()
    await expect(phone.get_by_text("Votre paiement est reçu")).to_be_visible()

    await _ask_for_a_meal(phone, town, "mar. 6/10", "Annuler")
    await expect(phone.get_by_role("table")).to_contain_text("vous avez payé vous est rendu")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")

    async def credited() -> bool:
        await opened(phone, f"{town}/factures?onglet=archivees")
        return await phone.get_by_text("Vous avez un avoir de").count() == 1

    await eventually(credited)
    await phone.get_by_role("link", name=re.compile("^Avoir n°")).first.click()
    await expect(phone.get_by_text("Réglée")).to_have_count(0)
    await _ask_for_a_meal(phone, town, "jeu. 8/10", "Réserver")
    await expect(phone.get_by_role("table")).to_contain_text("Avoir disponible")
    await look(phone, "recapitulatif-avoir")
    await phone.get_by_role("button", name="Valider et payer").click()
    await expect(phone.get_by_role("status")).to_contain_text("Rien n'est à payer maintenant")


async def _ask_for_a_meal(page: Page, town: str, day: str, what: str) -> None:
    """Of the first child, up to the recap."""
    await opened(page, f"{town}/reservations?jour=2026-10-05")
    meal = page.get_by_role("region", name=day).get_by_label(
        re.compile(f"Repas.*{what}", re.DOTALL)
    )
    await meal.first.check()
    await page.get_by_role("button", name="Aller à l'étape 2").click()


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


async def test_planning_and_invoice_on_one_sheet(demo: Demo, chromium: Browser) -> None:
    """On paper: the content alone, in black and white, on one sheet."""
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    await log_in(demo, page)
    for path in ("/reservations?jour=2026-10-05", "/reservations?vue=mois&jour=2026-10-05"):
        await opened(page, demo.at(path))
        await on_one_sheet(page)
    await opened(page, f"{demo.origin}/andancette/connexion")
    await page.get_by_label("Identifiant").fill("paul.demo")
    await page.get_by_label("Mot de passe", exact=True).fill("neuf-lanternes-repeintes")
    await page.get_by_role("button", name="Connexion").click()
    await page.get_by_role("link", name=re.compile("Mes factures")).first.click()
    for tab in ("en cours", "archivées"):
        await page.get_by_role("link", name=f"Factures {tab}").click()
        if await page.get_by_role("link", name=re.compile("^Facture n°")).count():
            break
    await page.get_by_role("link", name=re.compile("^Facture n°")).first.click()
    await on_one_sheet(page)
    await context.close()


async def on_one_sheet(page: Page) -> None:
    """What prints is one page without navigation."""
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    printed = await page.pdf(prefer_css_page_size=True)
    with pikepdf.open(BytesIO(printed)) as document:
        assert len(document.pages) == 1, f"{page.url}: {len(document.pages)} sheets"
    await page.emulate_media(media="print")
    for navigation in (".tabs", ".head", ".foot"):
        await expect(page.locator(navigation)).to_be_hidden()
    await page.emulate_media(media="null")
