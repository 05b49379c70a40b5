"""The guides, replayed step by step in a browser against everything that runs."""

from __future__ import annotations

import re

from playwright.async_api import Browser, Page, expect

from services.portal.web import Who
from shared.waiting import eventually
from tests.family.files import image, pdf
from tests.portal.conftest import ALEX, CAMILLE, PAUL, Demo, log_in, mailed_link
from tests.portal.guides_account import (
    test_a_family_without_a_key_builds_its_dossier,
    test_invited_by_the_town_and_first_notice,
    test_log_in_with_franceconnect,
    test_log_in_with_the_letter_and_replace_its_secret,
    test_open_a_space_with_franceconnect,
    test_subscribe_later_with_the_code_of_the_letter,
    test_the_same_account_in_another_town,
    test_what_was_typed_is_there_after_logging_in_again,
)
from tests.portal.guides_days import (
    test_a_period_is_taken_out_of_the_basket_again,
    test_ask_for_direct_debit_in_two_steps,
    test_cancel_what_was_accepted,
    test_from_a_child_to_its_agenda,
    test_join_the_online_invoice_in_two_steps,
    test_pay_in_a_window_then_be_owed_and_have_it_taken_off,
    test_pay_the_chosen_invoices,
    test_planning_and_invoice_on_one_sheet,
    test_the_planning_by_month_by_five_days_and_as_a_list,
    test_the_price_shown_is_the_price_paid_or_is_said,
    test_what_is_paid_when_booked_leads_to_payfip,
)
from tests.portal.guides_family import (
    test_add_a_child_with_its_health_sheet,
    test_add_who_is_called_and_who_collects,
    test_enrol_with_its_document_then_book_by_parts,
    test_news_are_read_whole,
    test_send_a_supporting_document,
    test_tell_of_health_and_see_who_read_it,
)
from tests.portal.looking import look, opened
from tests.portal.walking import Walk, addresses

#: The guides' other sections, which run on this module's demo.
__all__ = (
    "test_a_family_without_a_key_builds_its_dossier",
    "test_a_period_is_taken_out_of_the_basket_again",
    "test_add_a_child_with_its_health_sheet",
    "test_add_who_is_called_and_who_collects",
    "test_ask_for_direct_debit_in_two_steps",
    "test_cancel_what_was_accepted",
    "test_enrol_with_its_document_then_book_by_parts",
    "test_from_a_child_to_its_agenda",
    "test_invited_by_the_town_and_first_notice",
    "test_join_the_online_invoice_in_two_steps",
    "test_log_in_with_franceconnect",
    "test_log_in_with_the_letter_and_replace_its_secret",
    "test_news_are_read_whole",
    "test_open_a_space_with_franceconnect",
    "test_pay_in_a_window_then_be_owed_and_have_it_taken_off",
    "test_pay_the_chosen_invoices",
    "test_planning_and_invoice_on_one_sheet",
    "test_send_a_supporting_document",
    "test_subscribe_later_with_the_code_of_the_letter",
    "test_tell_of_health_and_see_who_read_it",
    "test_the_planning_by_month_by_five_days_and_as_a_list",
    "test_the_price_shown_is_the_price_paid_or_is_said", "test_the_same_account_in_another_town",
    "test_what_is_paid_when_booked_leads_to_payfip",
    "test_what_was_typed_is_there_after_logging_in_again",
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
    for first_name in (" ", "Nadia"):
        await phone.get_by_label(re.compile("^Prénom")).fill(first_name)
        for label in ("Mot de passe", "Le même mot de passe"):
            await phone.get_by_label(re.compile(f"^{label}")).first.fill("quatre-lanternes-vertes")
        await phone.get_by_role("button", name="Je crée mon espace").click()
        if not first_name.strip():
            # The summary has the focus, and calls each field as its label does.
            await expect(phone.get_by_role("alert")).to_be_focused()
            wrong = phone.get_by_role("alert").get_by_role("link")
            await expect(wrong).to_have_text(re.compile(r"^Prénom\W*: champ obligatoire"))
            await wrong.click()
            await expect(phone.get_by_label(re.compile("^Prénom"))).to_be_focused()
    await expect(phone.get_by_role("status")).to_contain_text("Votre espace est créé")

    # Who lost the mail, or found it too late, has another one.
    first = await mailed_link(demo, phone, "nadia@famille.example", "activez")
    await opened(phone, demo.at("/connexion"))
    await phone.get_by_label("Identifiant").fill("nadia.ferrand")
    await phone.get_by_label("Mot de passe", exact=True).fill("quatre-lanternes-vertes")
    await phone.get_by_role("button", name="Connexion").click()
    await expect(phone.get_by_role("alert")).to_contain_text("Activez d'abord votre compte")
    await look(phone)
    await phone.get_by_role("button", name="Recevoir le lien à nouveau").click()
    await expect(phone.get_by_role("status")).to_contain_text("suivez son lien")

    async def another() -> bool:
        return await mailed_link(demo, phone, "nadia@famille.example", "activez") != first

    await eventually(another)
    await opened(phone, demo.at("/activation?token=too-old-for-anything"))
    await phone.get_by_role("button", name="Activer mon espace").click()
    await expect(phone.get_by_role("link", name="Recevoir un nouveau lien")).to_be_visible()
    await phone.goto(await mailed_link(demo, phone, "nadia@famille.example", "activez"))
    await look(phone, "activation")
    await phone.get_by_role("button", name="Activer mon espace").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre espace est activé")
    await log_in(demo, phone, ("nadia.ferrand", "quatre-lanternes-vertes"))
    # Who is linked to no family yet has the town's news and documents.
    await expect(phone.get_by_role("heading", name="Actualités")).to_be_visible()
    await expect(phone.get_by_role("link", name="Lire plus").first).to_be_visible()
    await expect(phone.get_by_role("heading", name="Documents à télécharger")).to_be_visible()
    await look(phone, "accueil-sans-famille")
    await phone.get_by_role("link", name="Relier ma famille").click()
    await phone.get_by_label("Clé famille").fill("AAAA-BBBB-CCCC")
    await phone.get_by_role("button", name="Rechercher").click()
    await expect(phone.get_by_role("alert")).to_be_visible()
    await look(phone, "mes-abonnements")


async def test_a_parent_of_two_households_chooses_which(demo: Demo, phone: Page) -> None:
    """ID8: every page says in which household one is; nothing of one shows in the other."""
    await log_in(demo, phone, ALEX)
    await expect(phone.get_by_role("heading", name="Pour quel foyer ?")).to_be_visible()
    await look(phone, "choisir-un-foyer")
    first, second = await phone.locator(".tile").evaluate_all("all => all.map(one => one.href)")

    await phone.goto(demo.at("/messages"))
    await phone.locator(".tile").first.click()
    await expect(phone).to_have_url(f"{first}/messages")
    await phone.get_by_label("Thématique").select_option(label="Autre demande")
    await phone.get_by_role("button", name="Choisir").click()
    await phone.get_by_label("Votre message").fill("Pour le premier foyer seulement")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre message est envoyé")
    band = phone.locator(".which")
    told = await band.inner_text()
    letter = phone.url.rpartition("/messages/")[2].partition("?")[0]
    for name in ("Réservations", "Demandes", "Factures", "Famille"):
        await phone.get_by_role("link", name=name, exact=True).first.click()
        await expect(band).to_have_text(told, use_inner_text=True)
        assert phone.url.startswith(first)
    for household, count in ((first, 1), (second, 0)):
        await opened(phone, f"{household}/messages")
        await expect(phone.locator(f"a[href$='/messages/{letter}']")).to_have_count(count)
        await look(phone)
    # What is of the first is shown in the first, whatever the address says.
    await opened(phone, f"{second}/messages/{letter}")
    await expect(phone).to_have_url(f"{first}/messages/{letter}")
    await phone.get_by_role("link", name="Changer de foyer").click()
    await phone.locator(".tile").nth(1).click()
    await expect(phone).to_have_url(second)
    await expect(band).not_to_have_text(told, use_inner_text=True)
    await look(phone, "accueil-deux-foyers")
    # What is no household of one's own leads to those that are.
    await opened(phone, demo.at("/foyer/0123456789/factures"))
    await expect(phone).to_have_url(demo.at("/foyers"))


async def test_the_home_has_the_zones_of_the_guides(demo: Demo, phone: Page) -> None:
    await log_in(demo, phone)
    for zone in (
        "Mon espace", "Mon tableau de bord", "Dernières demandes", "Échanges à lire", "Ma famille",
    ):  # fmt: skip
        await expect(phone.get_by_role("heading", name=zone, exact=True)).to_be_visible()
    latest = phone.get_by_role("region", name="Dernières demandes")
    await expect(latest.get_by_role("listitem")).to_have_count(3)
    await expect(latest.get_by_role("link", name=re.compile("^Réservation")).first).to_be_visible()
    await look(phone, "accueil")
    # Who is in the family leads to their record, one click away.
    space = phone.get_by_role("region", name="Mon espace", exact=True)
    for kind, name in (("guardian", "(vous)"), ("child", "section"), ("contact", "urgence")):
        link = space.get_by_role("listitem").filter(has_text=name).first.get_by_role("link").first
        where = ((await link.get_attribute("href")) or "").partition("#")[2]
        await opened(phone, demo.at("/famille"))
        await expect(phone.locator(f"#{where}"), kind).to_be_visible()
        await phone.go_back()


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
    await expect(phone.get_by_text("2 choix dans votre panier")).to_be_visible()
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


async def test_what_a_recap_refuses_is_put_right_where_it_was_typed(
    demo: Demo, chromium: Browser
) -> None:
    """A day, a period and an absence: with all that was ticked, typed and sent."""
    context = await chromium.new_context(viewport={"width": 360, "height": 740}, locale="fr-FR")
    page = await context.new_page()
    await log_in(demo, page)
    alert, go_on = page.get_by_role("alert"), page.get_by_role("button", name="Aller à l'étape 2")
    await opened(page, demo.at("/reservations?jour=2026-12-14"))
    await page.locator(".day [name=l]").first.check()
    await go_on.click()
    wish = await page.locator("form [name=l]").first.input_value()
    kind, child, *_ = wish.split("~")
    refused = f"{kind}~{child}~jamais~soir~2026-12-22"
    await page.goto(demo.at(f"/reservations/recapitulatif?l={wish}&l={refused}"))
    told = alert.get_by_role("link", name="mardi 22 décembre 2026")
    await expect(told).to_have_attribute("href", "#j2026-12-22")
    await expect(page.locator("#j2026-12-22")).to_be_visible()
    await expect(page.locator("[data-basket-count]")).to_contain_text("2 choix")
    await look(page)
    await opened(page, demo.at("/reservations/periode"))
    await page.get_by_label("Du", exact=True).fill("2026-11-02")
    await page.get_by_label("Au", exact=True).fill("2026-10-13")
    await page.get_by_label("mercredi").check()
    await go_on.click()
    told = alert.get_by_role("link", name="la fin précède")
    await expect(told).to_have_attribute("href", "#last")
    await expect(page.get_by_label("mercredi")).to_be_checked()
    await look(page)
    await opened(page, demo.at("/absences"))
    await page.get_by_label("Date de l'absence").fill("2026-09-15")
    await page.get_by_label("Jusqu'au").fill("2026-09-14")
    await page.get_by_label("Pièce jointe").set_input_files(
        {"name": "certificat.pdf", "mimeType": "application/pdf", "buffer": pdf()}
    )
    await go_on.click()
    await expect(alert.get_by_role("link")).to_have_attribute("href", "#first")
    await expect(page.get_by_label("Joindre le document déjà envoyé")).to_be_checked()
    await page.get_by_label("Jusqu'au").fill("")
    await go_on.click()
    await expect(page.get_by_role("table")).to_contain_text("Garderie")
    await context.close()


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


async def test_choose_a_slot_with_two_sliders(demo: Demo, phone: Page) -> None:
    """Guide of Le Haillan, "Modifier une réservation": the sliders of start and end, by touch or
    key; five slots and no other."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/reservations?jour=2026-10-19"))
    times = phone.get_by_role("button", name=re.compile("Horaires du lundi 19 octobre"))
    monday = phone.get_by_role("region", name="lun. 19/10")
    await times.click()
    await look(phone, "horaires")
    start, end = (phone.get_by_role("slider", name=name) for name in ("Début", "Fin"))
    await expect(start).to_have_attribute("aria-valuetext", "7\xa0h\xa015")
    told = phone.locator("[data-slot-told]")
    await expect(told).to_have_text("Créneau choisi : Journée avec repas.")
    await end.press("Home")
    await expect(end).to_have_attribute("aria-valuetext", "11\xa0h\xa030")
    await expect(told).to_have_text("Créneau choisi : Matin sans repas.")
    await start.press("ArrowRight")
    await expect(told).to_have_text("Ces horaires ne sont pas un créneau possible.")
    # The server says so too, and names the five.
    await phone.get_by_role("button", name="Valider").click()
    for slot in ("Matin sans repas", "Après-midi avec repas", "Journée avec repas"):
        await expect(phone.get_by_role("alert")).to_contain_text(slot)
    await look(phone)
    await start.press("Home")
    await end.press("Home")
    await end.press("ArrowRight")
    await expect(told).to_have_text("Créneau choisi : Matin avec repas.")
    await phone.get_by_role("button", name="Valider").click()
    await expect(monday.get_by_text("De 7 h 15 à 13 h 30")).to_be_visible()
    await expect(phone.get_by_text("1 choix dans votre panier")).to_be_visible()
    await look(phone, "planning-vacances")
    # Whoever looks at the times again, and leaves it, keeps them.
    await times.click()
    await phone.get_by_role("link", name="Annuler").click()
    await expect(monday.get_by_text("De 7 h 15 à 13 h 30")).to_be_visible()
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("table")).to_contain_text("Matin avec repas")
    await expect(phone.get_by_role("table")).to_contain_text("8,60")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")
    await opened(phone, demo.at("/reservations?jour=2026-10-19"))
    await expect(monday.get_by_text("Matin avec repas")).to_be_visible()


async def test_change_a_booked_slot_as_one_act(demo: Demo, phone: Page) -> None:
    """Guide of Le Haillan, "Modifier une réservation"; BO17: the place is kept meanwhile, the
    recap says instead of what."""
    await log_in(demo, phone)
    tuesday = phone.get_by_role("region", name="mar. 20/10")
    times = phone.get_by_role("button", name=re.compile("Horaires du mardi 20 octobre"))
    go_on = phone.get_by_role("button", name="Aller à l'étape 2")
    for presses, slot in ((0, "Matin sans repas"), (1, "Matin avec repas")):
        await opened(phone, demo.at("/reservations?jour=2026-10-19"))
        await times.click()
        end = phone.get_by_role("slider", name="Fin")
        if presses:
            # From what is booked.
            await expect(phone.get_by_text("Matin sans repas").first).to_be_visible()
            await expect(end).to_have_attribute("aria-valuetext", "11\xa0h\xa030")
            await look(phone, "horaires-modifier")
        await end.press("Home")
        for _ in range(presses):
            await end.press("ArrowRight")
        await phone.get_by_role("button", name="Valider").click()
        await expect(phone.get_by_text("1 choix dans votre panier")).to_be_visible()
        await go_on.click()
        await expect(phone.get_by_role("table")).to_contain_text(slot)
        if presses:
            await expect(phone.get_by_role("table")).to_contain_text("Modification")
            await expect(phone.get_by_role("table")).to_contain_text(
                re.compile("au lieu de.*Matin sans repas")
            )
            await look(phone, "recapitulatif-modification")
        await phone.get_by_role("button", name="Valider").click()
        await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")
    await opened(phone, demo.at("/reservations?jour=2026-10-19"))
    await expect(tuesday.get_by_text("Matin avec repas")).to_be_visible()
    await expect(tuesday.get_by_text("Matin sans repas")).to_have_count(0)


async def test_an_adult_books_for_themselves(demo: Demo, phone: Page) -> None:
    """BO1: a participant may be an adult of the household."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/reservations?jour=2026-10-05"))
    await phone.get_by_text("Choisir ce qui est affiché").click()
    who = phone.get_by_role("group", name=re.compile("Enfants et adultes")).locator("label").last
    adult = (await who.inner_text()).strip()
    await phone.get_by_role("checkbox", name=adult, exact=True).check()
    await phone.get_by_role("button", name="Afficher").click()
    await expect(phone).to_have_url(re.compile("enfant=[0-9a-z]"))
    wednesday = phone.get_by_role("region", name="mer. 7/10")
    await wednesday.get_by_label(re.compile("Atelier pour adultes")).check()
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("table")).to_contain_text("Atelier couture")
    await expect(phone.get_by_role("table")).to_contain_text(adult)
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")


async def test_report_an_absence_in_two_steps(demo: Demo, phone: Page) -> None:
    """Guide of Le Haillan, "Signaler une absence"."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/absences"))
    await phone.get_by_label("Date de l'absence").fill("2026-09-15")
    await phone.get_by_label("Commentaire").fill("Rendez-vous chez le médecin <b>à 16 h</b>")
    await phone.get_by_label("Pièce jointe").set_input_files(
        {"name": "ordonnance.png", "mimeType": "image/png", "buffer": image("PNG")}
    )
    await look(phone, "absence")
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("table")).to_contain_text("Garderie")
    await look(phone, "absence-recapitulatif")
    await phone.get_by_role("button", name="Modifier mes choix").click()
    await expect(phone.get_by_label("Commentaire")).to_have_value(re.compile("16 h"))
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")
    # What was typed is shown as text.
    await expect(phone.get_by_text("<b>à 16 h</b>")).to_be_visible()
    await expect(phone.get_by_role("link", name="ordonnance.png")).to_be_visible()
    # It goes with the absence: it is none of the documents that the town asks for.
    await opened(phone, demo.at("/documents"))
    await expect(phone.get_by_text("Envoyé avec une demande").first).to_be_visible()


async def test_change_the_dossier_and_see_it_wait_in_yellow(demo: Demo, phone: Page) -> None:
    """Guide of Éragny, "Gérer votre dossier famille"."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/famille"))
    # Of the four members, the account's own adult.
    await phone.get_by_role("link", name=re.compile("^Modifier")).nth(1).click()
    # What was not touched is not sent.
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Rien n'a été changé")
    await phone.get_by_role("link", name=re.compile("^Modifier")).nth(1).click()
    await phone.get_by_label("Employeur et lieu de travail").fill("Boulangerie du Pont")
    await phone.get_by_label("Téléphone professionnel").fill("04")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("alert")).to_contain_text("Téléphone professionnel : numéro")
    await phone.get_by_label("Téléphone professionnel").fill("04 65 71 10 10")
    await look(phone, "dossier-modification")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Vos modifications sont envoyées")
    await expect(phone.get_by_text("Boulangerie du Pont")).to_be_visible()
    await look(phone, "dossier-famille")


async def test_write_to_the_town(demo: Demo, phone: Page) -> None:
    """Guide of Parempuyre, "Gestion des demandes"."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/messages"))
    await phone.get_by_label("Thématique").select_option(label="Autre demande")
    await phone.get_by_role("button", name="Choisir").click()
    await phone.get_by_label("Peut-on vous répondre").select_option(label="Oui")
    await phone.get_by_label("Votre message").fill("Bonjour,\n<script>alert(1)</script>")
    await look(phone, "nouvelle-demande")
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre message est envoyé")
    await expect(phone.get_by_text("<script>alert(1)</script>")).to_be_visible()
    await look(phone, "echange")
    await opened(phone, demo.at("/demandes"))
    titled = phone.get_by_role("link", name="Message à la mairie – Autre demande")
    await expect(titled.first).to_be_visible()


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
    """By day and by night, at once and twice its size; whom a page is for sees it."""
    walk = Walk(demo, chromium)
    await walk.through(addresses(Who.ANYONE))
    await walk.through(["", *addresses(Who.ACCOUNT, Who.FAMILY)], CAMILLE)
    await walk.through(["/foyers"], ALEX)
    of_paul = ["/factures", "/factures?onglet=archivees", "/inscriptions"]
    await walk.through(of_paul, PAUL, "andancette")
    assert walk.missed(desk=False) == set()
    assert walk.said == []
