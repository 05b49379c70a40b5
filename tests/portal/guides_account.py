"""The guides' account: invited, with a letter's secret, with a key; another town; closed."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.portal.conftest import CAMILLE, TOWN, Demo, log_in, mailed_link
from tests.portal.looking import look, opened
from tests.portal.towns_side import by_the_town, free_key, guardian_of

_PASSWORD = "quatre-lanternes-vertes"


async def test_invited_by_the_town_and_first_notice(demo: Demo, phone: Page) -> None:
    """Guides of Mon espace famille (1) and of monespacefamille.fr: « choisir un mot de passe »,
    then « J'ai compris »."""
    holder = await guardian_of(demo, phone, "V00120")
    wanted = {"family": holder["family"], "guardian": holder["id"], "email": "ines@famille.example"}
    await by_the_town(demo, phone, "POST", "identity/invitations", {"invited": [wanted]})
    await phone.goto(
        await mailed_link(demo, phone, "ines@famille.example", "choisissez votre mot de passe")
    )
    await expect(phone.get_by_role("heading", level=1)).to_contain_text(holder["first_name"])
    # A password is all that has to be chosen: a login name is there already.
    mine = f"{holder['first_name']}.{holder['last_name']}".lower().replace(" ", "-")
    await expect(phone.get_by_label("Identifiant")).to_have_value(mine)
    await phone.get_by_label(re.compile("^Mot de passe")).fill(_PASSWORD)
    await phone.get_by_label("Le même mot de passe").fill(_PASSWORD)
    await look(phone, "invitation")
    await phone.get_by_role("button", name="Se connecter").click()
    await expect(phone.get_by_role("status")).to_contain_text("relié à votre famille")
    await expect(phone.get_by_text("Bienvenue sur votre espace famille")).to_be_visible()
    await look(phone, "premier-avis")
    await phone.get_by_role("button", name="J'ai compris").click()
    await expect(phone.get_by_text("Bienvenue sur votre espace famille")).to_be_hidden()


async def test_log_in_with_the_letter_and_replace_its_secret(demo: Demo, phone: Page) -> None:
    """Guide of Parempuyre, « Se connecter à l'espace personnel »: both are one's own to change."""
    holder = await guardian_of(demo, phone, "V00130")
    guardians = [{"family": holder["family"], "guardian": holder["id"]}]
    made = await by_the_town(
        demo, phone, "POST", "identity/paper-accesses", {"guardians": guardians}
    )
    (letter,) = made["accesses"]
    await opened(phone, demo.at())
    await phone.get_by_role("link", name="Identifiant reçu par courrier ?").click()
    await phone.get_by_label("Identifiant reçu").fill(letter["login_name"])
    await phone.get_by_label("Code secret reçu").fill(letter["initial_secret"])
    await phone.get_by_label(re.compile("^Nouveau mot de passe")).fill(_PASSWORD)
    await phone.get_by_label("Le même mot de passe").fill(_PASSWORD)
    await look(phone, "premiere-connexion")
    await phone.get_by_role("button", name="Connexion").click()
    await expect(phone.get_by_role("status")).to_contain_text("relié à votre famille")
    space = phone.get_by_role("region", name="Mon espace", exact=True)
    await space.get_by_role("link", name="Mes préférences").click()
    await phone.get_by_role("link", name="Changer mon identifiant").click()
    await phone.get_by_label("Nouvel identifiant").fill("odile.demo")
    await phone.get_by_label("Mot de passe actuel").fill(_PASSWORD)
    await phone.get_by_role("button", name="Changer mon identifiant").click()
    await expect(phone.get_by_role("status")).to_contain_text("identifiant est changé")
    await expect(phone.get_by_text("(odile.demo)")).to_be_visible()
    await look(phone, "preferences")

    await phone.get_by_role("link", name="Fermer mon compte").click()
    await look(phone, "fermer-mon-compte")
    await phone.get_by_label("Mot de passe actuel").fill(_PASSWORD)
    await phone.get_by_role("button", name="Fermer mon compte").click()
    await expect(phone.get_by_role("status")).to_contain_text("La fermeture")
    await phone.get_by_role("link", name="Garder mon compte").click()
    await phone.get_by_role("button", name="Garder mon compte").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre compte est gardé")


async def test_subscribe_later_with_the_code_of_the_letter(demo: Demo, phone: Page) -> None:
    """Guide of Éragny, « Vous n'avez pas votre code abonné »: active at once."""
    key = await free_key(demo, phone)
    await log_in(demo, phone, ("sami.demo", "neuf-lanternes-repeintes"))
    await phone.get_by_role("link", name="Mes abonnements", exact=True).click()
    await phone.get_by_label("Clé famille").fill(key)
    await phone.get_by_role("button", name="Rechercher").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre famille est reliée")
    await expect(phone.get_by_role("heading", name="Ma famille", exact=True)).to_be_visible()
    await opened(phone, demo.at("/abonnements"))
    await expect(phone.get_by_text(re.compile("reliée le"))).to_be_visible()
    await look(phone)


async def test_the_same_account_in_another_town(demo: Demo, phone: Page) -> None:
    """Guide of monespacefamille.fr: the services of several towns with one account."""
    await opened(phone, f"{demo.origin}/andancette/connexion")
    await phone.get_by_label("Identifiant").fill("nora.demo")
    await phone.get_by_label("Mot de passe", exact=True).fill("neuf-lanternes-repeintes")
    await phone.get_by_role("button", name="Connexion").click()
    await expect(phone.get_by_role("link", name="Relier ma famille")).to_be_visible()
    await look(phone)
    await phone.get_by_role("link", name="Mes abonnements", exact=True).click()
    await phone.get_by_role("button", name="Aller à Veyras").click()
    await expect(phone).to_have_url(f"{demo.origin}/{TOWN}")
    await expect(phone.get_by_role("heading", name="Ma famille", exact=True)).to_be_visible()


async def test_a_family_without_a_key_builds_its_dossier(demo: Demo, phone: Page) -> None:
    """Guide of Mon espace famille (3), of who is not yet known (FA12)."""
    await log_in(demo, phone, ("sami.demo", "neuf-lanternes-repeintes"))
    await opened(phone, demo.at("/dossier-en-ligne"))
    await expect(phone.get_by_text("Au moins un enfant")).to_be_visible()
    await phone.get_by_role("link", name="Modifier : Vous").click()
    told = {
        "Prénom *": "Sami", "Nom *": "Sansdossier", "Téléphone *": "06 39 98 77 88",
        "Date de naissance *": "1990-02-03", "Numéro et rue": "2 rue des Écoles",
        "Code postal": "07000", "Commune": "Veyras",
    }  # fmt: skip
    for label, value in told.items():
        await phone.get_by_label(label, exact=True).fill(value)
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre dossier est gardé")
    await phone.get_by_role("link", name="Nouvel enfant").click()
    await phone.get_by_label("Prénom *", exact=True).fill("Lina")
    await phone.get_by_label("Nom *", exact=True).fill("Sansdossier")
    await phone.get_by_label("Date de naissance *", exact=True).fill("2019-06-07")
    await phone.get_by_role("button", name="Valider").click()
    await look(phone, "dossier-en-ligne")
    await phone.get_by_role("button", name="Envoyer mon dossier à la mairie").click()
    await expect(phone.get_by_role("status")).to_contain_text("envoyé à la mairie")
    await expect(phone.get_by_text("la mairie l'étudie")).to_be_visible()


async def test_log_in_with_franceconnect(demo: Demo, phone: Page) -> None:
    """ID10: who has an account links it once by its password; logging out ends both sessions; from
    then on FranceConnect is enough. What was linked can be undone."""
    await opened(phone, demo.at("/connexion"))
    await phone.get_by_role("button", name="S'identifier avec FranceConnect").click()
    await phone.get_by_role("button", name="cancel").click()
    await expect(phone.get_by_role("alert")).to_contain_text("n'est pas allée à son terme")
    await phone.get_by_role("link", name="Qu'est-ce que FranceConnect").scroll_into_view_if_needed()
    await look(phone, "connexion")

    await _by_franceconnect(phone)
    await expect(phone.get_by_role("heading", level=1)).to_have_text("Bonjour Camille")
    await expect(phone.get_by_label("Courriel")).to_have_value(re.compile("^camille.inconnu@"))
    await phone.get_by_label("Identifiant").fill("nora.demo")
    await phone.get_by_label("Mot de passe", exact=True).fill("neuf-lanternes")
    await phone.get_by_role("button", name="Lier mon espace").click()
    await expect(phone.get_by_role("alert")).to_be_visible()
    await look(phone, "franceconnect-premiere-fois")
    await phone.get_by_label("Mot de passe", exact=True).fill("neuf-lanternes-repeintes")
    await phone.get_by_role("button", name="Lier mon espace").click()
    await expect(phone.get_by_role("heading", name="Ma famille", exact=True)).to_be_visible()

    # Under one's name; the menu closes as it was opened, or with Escape.
    mine = phone.locator(".who summary")
    await expect(mine).to_have_text("Mon compte : Nora")
    await mine.click()
    await mine.press("Escape")
    await expect(phone.get_by_role("button", name="Me déconnecter")).to_be_hidden()
    await mine.click()
    await phone.get_by_role("button", name="Me déconnecter").click()
    await expect(phone.get_by_role("status")).to_contain_text("Vous êtes déconnecté")
    await _by_franceconnect(phone)
    await expect(phone.get_by_role("heading", name="Ma famille", exact=True)).to_be_visible()

    await opened(phone, demo.at("/preferences"))
    section = phone.get_by_role("heading", name="FranceConnect")
    await section.scroll_into_view_if_needed()
    await expect(phone.get_by_text("lié à votre identité FranceConnect")).to_be_visible()
    await look(phone, "preferences-franceconnect")
    await phone.get_by_role("button", name="Délier FranceConnect").click()
    await expect(phone.get_by_role("status")).to_contain_text("délié")
    await phone.get_by_role("button", name="Lier FranceConnect").click()
    await _choose(phone)
    await expect(phone.get_by_role("status")).to_contain_text("lié à votre espace")


async def test_open_a_space_with_franceconnect(demo: Demo, phone: Page) -> None:
    """ID10: an account without a password, by the names and the address that FranceConnect gives;
    the quotient familial is asked with a consent of its own."""
    await opened(phone, demo.at("/connexion"))
    await _by_franceconnect(phone, "Georges CNAF")
    await expect(phone.get_by_text("au nom de Georges CNAF")).to_be_visible()
    await phone.get_by_role("button", name="Je crée mon espace").click()
    await expect(phone.get_by_role("status")).to_contain_text("votre espace est ouvert")
    await expect(phone.get_by_role("link", name="Relier ma famille")).to_be_visible()
    await opened(phone, demo.at("/preferences"))
    await expect(phone.get_by_role("link", name="Choisir un mot de passe")).to_be_visible()
    await expect(phone.get_by_role("button", name="Délier FranceConnect")).to_be_hidden()
    await look(phone)
    await phone.get_by_label(re.compile("demande mon quotient familial")).check()
    await phone.get_by_role("button", name="Demander mon quotient familial").click()
    await _choose(phone, "Georges CNAF")
    await expect(phone.get_by_role("status")).to_contain_text("Reliez d'abord votre famille")


async def _by_franceconnect(page: Page, who: str = "Camille INCONNU") -> None:
    await page.get_by_role("button", name="S'identifier avec FranceConnect").click()
    await _choose(page, who)


async def _choose(page: Page, who: str = "Camille INCONNU") -> None:
    """At FranceConnect."""
    await page.get_by_role("button", name=re.compile(f"^{who}")).click()


async def test_what_was_typed_is_there_after_logging_in_again(demo: Demo, phone: Page) -> None:
    """Logged out in another window meanwhile: not done, not lost."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/messages"))
    await phone.get_by_label("Thématique").select_option(label="Autre demande")
    await phone.get_by_role("button", name="Choisir").click()
    await phone.get_by_label("Votre message").fill("Léo aura sept ans le 3 octobre")
    other = await phone.context.new_page()
    await opened(other, demo.at())
    await other.locator(".who summary").click()
    await other.get_by_role("button", name="Me déconnecter").click()
    await expect(other.get_by_role("status")).to_contain_text("déconnecté")
    await phone.get_by_role("button", name="Valider").click()
    alert = phone.get_by_role("alert")
    await expect(alert).to_contain_text("n'a pas été fait")
    await look(phone, "connexion-reprise")
    await log_in(demo, other)
    await phone.get_by_role("button", name="Reprendre ma saisie").click()
    await expect(phone.get_by_label("Votre message")).to_have_value(re.compile("sept ans"))
    await other.locator(".who summary").click()
    await other.get_by_role("button", name="Me déconnecter").click()
    await expect(other.get_by_role("status")).to_contain_text("déconnecté")
    await other.close()
    await phone.get_by_role("button", name="Valider").click()
    await phone.get_by_label("Identifiant").fill(CAMILLE[0])
    await phone.get_by_label("Mot de passe", exact=True).fill(CAMILLE[1])
    await phone.get_by_role("button", name="Connexion").click()
    await expect(alert).to_contain_text("Rien n'est encore envoyé")
    await look(phone)
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_role("status")).to_contain_text("Votre message est envoyé")
    await expect(phone.get_by_text("Léo aura sept ans le 3 octobre")).to_be_visible()
