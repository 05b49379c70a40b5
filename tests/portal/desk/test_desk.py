"""The agents' desk in a browser against everything that runs: an act done, its effect seen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from deploy.demo.story import EMAIL, Portal
from services.portal.web import Who
from tests.papers import pages_of
from tests.portal.conftest import AGENT, CAMILLE, Demo, log_in, mailed_link
from tests.portal.desk.acts import *  # noqa: F403 - the demo of this module serves them too
from tests.portal.desk.behalf import *  # noqa: F403
from tests.portal.desk.conftest import PortalOf
from tests.portal.desk.preparing import ANDANCETTE, household, move_clock, with_mandate
from tests.portal.looking import look, opened
from tests.portal.walking import Walk, addresses
from tests.world import eventually


async def canteen(camille: Portal, *days: str) -> dict[str, Any]:
    """Camille asks for canteen days, which an agent decides."""
    home = await household(camille)
    asked = [
        {"child": home["children"][0]["id"], "activity": "canteen", "units": ["meal"], "day": day}
        for day in days
    ]
    request: dict[str, Any] = await camille.call(
        "POST", "booking/requests", {"family": home["family"], "asked": asked}
    )
    return request


async def test_many_lines_are_decided_at_once_with_a_reason(
    demo: Demo, agent: Page, camille: Portal
) -> None:
    request = await canteen(camille, "2026-11-17", "2026-11-19", "2026-11-20")
    await opened(agent, demo.at("/agents"))
    await expect(agent.get_by_role("link", name="Demandes à décider")).to_be_visible()
    await look(agent, "agents-ce-qui-m-attend")
    await agent.get_by_role("link", name="Demandes à décider").click()
    # A refusal wants its reason, which the family reads; what was ticked stays to be decided.
    await agent.get_by_label(re.compile("vendredi 20 novembre")).check()
    await agent.get_by_label("Pour ce qui est coché").select_option("refused")
    await agent.get_by_role("button", name="Enregistrer").click()
    await expect(agent.get_by_role("alert")).to_contain_text("Donnez la raison du refus")
    await look(agent, "agents-demandes")
    await agent.get_by_label(re.compile("vendredi 20 novembre")).check()
    await agent.get_by_label(re.compile("^Raison")).fill("Sortie scolaire <b>ce jour</b>.")
    await agent.get_by_role("button", name="Enregistrer").click()
    await expect(agent.get_by_role("status")).to_contain_text("1 refusée")
    for day in ("mardi 17 novembre", "jeudi 19 novembre"):
        await agent.get_by_label(re.compile(day)).check()
    await agent.get_by_role("button", name="Enregistrer").click()
    await expect(agent.get_by_role("status")).to_contain_text("2 acceptées")
    found = await camille.call("GET", f"booking/requests/{request['id']}")
    assert [one["state"] for one in found["lines"]] == ["accepted", "accepted", "refused"]
    await opened(agent, demo.at(f"/agents/demandes/{request['id']}"))
    await expect(agent.get_by_text("Sortie scolaire <b>ce jour</b>.").first).to_be_visible()
    await look(agent, "agents-demande")


async def test_a_change_is_validated_beside_what_it_changes(
    demo: Demo, agent: Page, camille: Portal
) -> None:
    home = await household(camille)
    path = f"family/families/{home['family']}"
    dossier = await camille.call("GET", f"{path}/dossier")
    member = next(one for one in dossier["members"] if one["member"] == home["me"])
    field = next(one for one in member["fields"] if one["name"] == "workplace")
    change = {
        "act": "set", "member": home["me"], "field": "workplace", "base": field["revision"],
        "value": "Moulin de la Payre",
    }  # fmt: skip
    await camille.call("POST", f"{path}/changes", {"changes": [change]})
    await opened(agent, demo.at("/agents/dossiers"))
    row = agent.get_by_role("row").filter(has_text="Moulin de la Payre")
    await expect(row).to_contain_text("Employeur et lieu de travail")
    await look(agent, "agents-dossiers")
    await row.get_by_role("checkbox").check()
    await agent.get_by_role("button", name="Enregistrer").click()
    await expect(agent.get_by_role("status")).to_contain_text("1 acceptée")
    dossier = await camille.call("GET", f"{path}/dossier")
    member = next(one for one in dossier["members"] if one["member"] == home["me"])
    assert "Moulin de la Payre" in [one["value"] for one in member["fields"]]


async def test_a_letter_is_answered_and_closed(demo: Demo, agent: Page, camille: Portal) -> None:
    home = await household(camille)
    letter = await camille.call("POST", "family/letters", {
        "family": home["family"], "category": "other", "text": "Le portail ferme-t-il à midi ?",
    })  # fmt: skip
    await opened(agent, demo.at("/agents/messages"))
    await look(agent, "agents-messages")
    await opened(agent, demo.at(f"/agents/messages/{letter['letter']}"))
    await agent.get_by_label("Votre réponse").fill("Non, à 18 h 30.")
    await look(agent, "agents-message")
    await agent.get_by_role("button", name="Répondre").click()
    await expect(agent.get_by_role("status")).to_contain_text("Votre message est envoyé")
    await agent.get_by_role("button", name="Clore l'échange").click()
    await expect(agent.get_by_text("Clos", exact=True)).to_be_visible()
    found = await camille.call("GET", f"family/letters/{letter['letter']}")
    assert (found["state"], found["thread"][-1]["text"]) == ("closed", "Non, à 18 h 30.")


async def test_a_day_is_booked_for_a_family_in_spite_of_the_deadline(
    demo: Demo, agent: Page, camille: Portal
) -> None:
    home = await household(camille)
    await opened(agent, demo.at("/agents/familles"))
    await agent.get_by_label(re.compile("^Rechercher")).fill(home["reference"])
    await agent.get_by_role("button", name="Rechercher").click()
    await agent.get_by_role("link", name=home["reference"]).click()
    await look(agent, "agents-famille")
    await agent.get_by_role("link", name="Planning", exact=True).click()
    # Friday's canteen was to be asked for by Tuesday of the week before.
    box = agent.get_by_role("checkbox", name=re.compile("Cantine.*vendredi 18 septembre")).first
    await look(agent, "agents-planning")
    await box.check()
    await agent.get_by_role("button", name="Demander pour la famille").click()
    await expect(agent.get_by_text("Jours non retenus par la règle")).to_be_visible()
    await agent.get_by_label("le délai").check()
    await agent.get_by_role("button", name="Voir ce que cela donne").click()
    await expect(agent.get_by_role("alert")).to_contain_text("Dites pourquoi")
    await look(agent, "agents-au-nom-de")
    await agent.get_by_label("Comment", exact=True).select_option("phone")
    await agent.get_by_label(re.compile("^Raison")).fill("Hospitalisation d'un parent.")
    await agent.get_by_role("button", name="Demander pour la famille").click()
    await expect(agent.get_by_role("status")).to_contain_text("1 demande envoyée pour la famille")
    await expect(agent.get_by_text("par téléphone").first).to_be_visible()
    await expect(agent.get_by_text("Hospitalisation d'un parent.").first).to_be_visible()


async def test_what_a_recap_refuses_an_agent_is_put_right_where_it_was_typed(
    demo: Demo, agent: Page, camille: Portal
) -> None:
    """What was ticked, and what was typed: the planning, and the form of the recap."""
    home = await household(camille)
    alert, ask = agent.get_by_role("alert"), re.compile("^Demander pour la famille")
    planning = demo.at(f"/agents/familles/{home['family']}/planning?jour=2026-12-14")
    await opened(agent, planning)
    box = agent.get_by_role("checkbox", name=re.compile("Cantine.*vendredi 18 décembre")).first
    wish = await box.input_value()
    refused = f"book~{home['children'][0]['id']}~jamais~soir~2026-12-22"
    recap = demo.at(f"/agents/familles/{home['family']}/recapitulatif?l={wish}&l={refused}")
    answer = await agent.goto(recap)
    assert answer is not None
    assert answer.status == 422
    told = alert.get_by_role("link", name="mardi 22 décembre 2026")
    await expect(told).to_have_attribute("href", "#j2026-12-22")
    await look(agent)
    await expect(agent.locator("#j2026-12-22")).to_be_visible()
    await agent.get_by_text("Aussi dans le panier").click()
    await expect(agent.get_by_label(re.compile("Vendredi 18 décembre 2026"))).to_be_checked()
    await agent.get_by_label(re.compile("Mardi 22 décembre 2026")).uncheck()
    await agent.get_by_role("button", name=ask).click()
    await expect(agent.get_by_role("table")).to_contain_text("vendredi 18 décembre 2026")
    # A word that is too long is refused with all that was typed; then it is sent.
    word = "Appel de la mère." * 40
    await agent.get_by_label(re.compile("^Un mot")).fill(word)
    await agent.get_by_label("Comment", exact=True).select_option("phone")
    await agent.get_by_role("button", name=ask).click()
    await expect(alert.get_by_role("link")).to_have_attribute("href", "#comment")
    await expect(agent.get_by_label(re.compile("^Un mot"))).to_have_value(word)
    await expect(agent.get_by_label("Comment", exact=True)).to_have_value("phone")
    await look(agent)
    await agent.get_by_label(re.compile("^Un mot")).fill("Appel de la mère.")
    await agent.get_by_role("button", name=ask).click()
    await expect(agent.get_by_role("status")).to_contain_text("1 demande envoyée pour la famille")


async def test_on_a_phone_the_desk_has_its_menu_a_link_away(demo: Demo, phone: Page) -> None:
    """Without the menu in front, what waits is on the first screen; its links close it."""
    await log_in(demo, phone, AGENT)
    await opened(phone, demo.at("/agents"))
    menu = phone.get_by_role("navigation", name="Navigation des agents")
    there = menu.get_by_role("link", name="Inscriptions")
    await expect(there).to_be_hidden()
    await expect(phone.get_by_role("heading", level=1)).to_be_in_viewport()
    await phone.get_by_role("link", name="Menu", exact=True).click()
    await expect(there).to_be_in_viewport()
    await look(phone, "agents-menu-telephone")
    await phone.get_by_role("link", name="Fermer le menu").click()
    await expect(there).to_be_hidden()
    await phone.get_by_role("link", name="Menu", exact=True).click()
    await there.click()
    await expect(phone.get_by_role("heading", name="Inscriptions", level=1)).to_be_in_viewport()
    await expect(there).to_be_hidden()


async def test_a_key_is_issued_with_its_letter_and_revoked(
    demo: Demo, agent: Page, office: Portal, camille: Portal
) -> None:
    home = await household(camille)
    other = next(
        one
        for one in (await office.call("GET", "family/families?search=V0001"))["families"]
        if one["family"] != home["family"]
    )["family"]
    here = demo.at(f"/agents/familles/{other}/acces")
    await opened(agent, here)
    await agent.get_by_role("button", name="Créer une clé").click()
    link = agent.get_by_role("link", name=re.compile("Ouvrir les lettres"))
    letters = await agent.context.request.get(demo.origin + str(await link.get_attribute("href")))
    assert letters.headers["content-type"] == "application/pdf"
    assert "clé" in " ".join(pages_of(await letters.body())).lower()
    await look(agent)
    await opened(agent, here)
    row = agent.get_by_role("row").filter(has_text="Ouverte").first
    await look(agent, "agents-acces")
    await row.get_by_role("button", name="Retirer").click()
    await expect(agent.get_by_role("status")).to_contain_text("retirée")


async def test_every_page_of_the_desk(demo: Demo, chromium: Browser) -> None:
    walk = Walk(demo, chromium)
    await walk.through(addresses(Who.ACCOUNT, Who.AGENT, desk=True), AGENT)
    assert walk.missed(desk=True) == set()
    assert walk.said == []


@pytest.mark.parametrize("path", ["/agents", "/agents/demandes", "/agents/familles"])
async def test_a_family_does_not_enter(demo: Demo, phone: Page, path: str) -> None:
    await log_in(demo, phone)
    answer = await phone.goto(demo.at(path))
    assert answer is not None
    assert answer.status == 403
    await expect(phone.get_by_role("alert")).to_contain_text("réservée aux agents")


async def test_without_scripts_an_agent_decides_all_the_same(
    demo: Demo, chromium: Browser, camille: Portal
) -> None:
    await canteen(camille, "2026-11-23")
    context = await chromium.new_context(
        viewport={"width": 1280, "height": 900}, java_script_enabled=False
    )
    page = await context.new_page()
    await log_in(demo, page, AGENT)
    await page.goto(demo.at("/agents/demandes"))
    await page.get_by_label(re.compile("lundi 23 novembre")).check()
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.get_by_role("status")).to_contain_text("1 acceptée")
    await context.close()


async def test_an_enrolment_is_verified(demo: Demo, elsewhere: Page, portals: PortalOf) -> None:
    paul = await portals("paul")
    home = await household(paul)
    sent = await paul.call("POST", "booking/enrolments", {
        "family": home["family"], "child": home["children"][0]["id"], "group": "garderie-2026",
    })  # fmt: skip
    await opened(elsewhere, demo.at("/agents/inscriptions", ANDANCETTE))
    await elsewhere.get_by_role("checkbox", name=re.compile(", Garderie$")).check()
    await look(elsewhere)
    await elsewhere.get_by_role("button", name="Enregistrer").click()
    await expect(elsewhere.get_by_role("status")).to_contain_text("1 acceptée")
    found = await paul.call("GET", f"booking/enrolments/{sent['id']}")
    assert found["state"] == "accepted"


async def test_news_is_published_and_taken_away(demo: Demo, agent: Page, camille: Portal) -> None:
    await opened(agent, demo.at("/agents/actualites"))
    await agent.get_by_label("Titre", exact=True).fill("Grève du jeudi <i>12</i>")
    await agent.get_by_label(re.compile("^Texte")).fill("La cantine est **fermée** jeudi.")
    await look(agent, "agents-actualites")
    await agent.get_by_role("button", name="Publier l'actualité").click()
    await expect(agent.get_by_role("status")).to_contain_text("en ligne")
    row = agent.get_by_role("row").filter(has_text="Grève du jeudi <i>12</i>")
    titles = [one["title"] for one in (await camille.call("GET", "family/news"))["items"]]
    assert "Grève du jeudi <i>12</i>" in titles
    await row.get_by_role("button", name="Retirer").click()
    await expect(agent.get_by_role("status")).to_contain_text("retirée")
    assert len((await camille.call("GET", "family/news"))["items"]) == len(titles) - 1


async def test_an_agent_is_invited_and_suspended(
    demo: Demo, agent: Page, office: Portal
) -> None:  # fmt: skip
    await opened(agent, demo.at("/agents/comptes"))
    for label, value in {
        "Prénom": "Ali", "Nom": "Guichet", "Courriel": "ali@veyras.example",
        "Identifiant": "ali.guichet",
    }.items():  # fmt: skip
        await agent.get_by_label(label, exact=True).fill(value)
    await agent.get_by_label("service enfance").check()
    await look(agent, "agents-comptes")
    await agent.get_by_role("button", name="Inviter par courriel").click()
    await expect(agent.get_by_role("status")).to_contain_text("invitation envoyée")
    await agent.get_by_role("link", name="Ali Guichet").click()
    await agent.get_by_label("Suspendu").check()
    await look(agent)
    await agent.get_by_role("button", name="Enregistrer").click()
    await expect(agent.get_by_role("status")).to_contain_text("compte modifié")
    found = (await office.call("GET", "identity/agents"))["items"]
    assert [one["state"] for one in found if one["login_name"] == "ali.guichet"] == ["suspended"]


async def test_the_rules_are_checked_tried_and_published_as_a_version(
    demo: Demo, agent: Page, office: Portal
) -> None:
    await opened(agent, demo.at("/agents/reglement"))
    await look(agent, "agents-reglement")
    mode = agent.get_by_text(re.compile("^Mode test"))
    await expect(mode).to_contain_text("aucun paiement réel")
    field = agent.get_by_label("Le règlement, en YAML")
    text = await field.input_value()
    line = next(n for n, one in enumerate(text.splitlines(), 1) if "capacity: 120" in one)
    await field.fill(text.replace("capacity: 120", "capacity: beaucoup"))
    await agent.get_by_role("button", name="Publier une nouvelle version").click()
    await expect(agent.get_by_role("alert")).to_contain_text(f"Ligne {line}, colonne")
    typed = text.replace("capacity: 120", "capacity: 121").replace("'23:59:00'", "'21:15:00'")
    await field.fill(typed)
    await agent.get_by_role("button", name="Vérifier").click()
    await expect(agent.get_by_role("status")).to_contain_text("Le règlement est juste")
    # What the text on the page would answer, though nobody is bound by it yet.
    before = (await office.call("GET", "identity/town-file"))["version"]
    await agent.get_by_label("Pour le").fill("2026-09-22")
    await agent.get_by_label("Elle demande le").fill("2026-09-15T21:16")
    await agent.get_by_role("button", name="Essayer").click()
    await expect(agent.get_by_role("status")).to_contain_text("réserver\u00a0: non")
    await expect(agent.get_by_role("status")).to_contain_text("21 h 15")
    await look(agent, "agents-reglement-essai")
    await agent.get_by_label("Elle demande le").fill("2026-09-15T21:15")
    await agent.get_by_role("button", name="Essayer").click()
    await expect(agent.get_by_role("status")).to_contain_text("réserver\u00a0: oui")
    await expect(agent.get_by_role("status")).to_contain_text("4,10\u00a0€")
    await expect(agent.get_by_role("heading", name="Cantine, réserver")).to_be_in_viewport()
    await agent.get_by_label("Ce que la commune sait").fill("sans valeur")
    await agent.get_by_role("button", name="Essayer").click()
    await expect(agent.get_by_role("alert")).to_contain_text("un fait par ligne")
    assert (await office.call("GET", "identity/town-file"))["version"] == before
    changed = text.replace("capacity: 120", "capacity: 121")
    await field.fill(changed.replace("entry_mode: T", "entry_mode: W"))
    await agent.get_by_role("button", name="Publier une nouvelle version").click()
    await expect(agent.get_by_role("status")).to_contain_text("version publiée")
    saved = await office.call("GET", "identity/town-file")
    assert saved["version"] == before + 1
    places = next(one for one in saved["file"]["activities"] if one["id"] == "canteen")["places"]
    assert places[0]["capacity"] == 121
    await expect(mode).to_have_count(0)


async def test_a_request_for_direct_debit_is_answered_and_collected(
    agent: Page, camille: Portal, demo: Demo
) -> None:
    home = await household(camille)
    seen = await camille.call("GET", f"billing/direct-debit?family={home['family']}")
    await camille.call("POST", "billing/direct-debit/requests", {
        "family": home["family"], "iban": "FR7630006000011234567890189", "holder": "C Demo",
        "agreed": True, "agreed_on": "2026-09-14", "counts_from": seen["next_month"],
    })  # fmt: skip
    await opened(agent, demo.at("/agents/prelevements"))
    await look(agent, "agents-prelevements")
    await agent.get_by_role("radio", name="Refuser").check()
    await agent.get_by_role("button", name="Répondre").click()
    await expect(agent.get_by_role("alert")).to_contain_text("raison du refus")
    await agent.get_by_role("radio", name="Accepter").check()
    await agent.get_by_role("button", name="Répondre").click()
    await expect(agent.get_by_text("Aucune demande n'attend.")).to_be_visible()
    after = await camille.call("GET", f"billing/direct-debit?family={home['family']}")
    assert after["mandate"]["state"] == "active"

    await agent.get_by_label("Jour du prélèvement").fill("2026-09-15")
    await agent.get_by_role("button", name="Préparer la collecte").click()
    await expect(agent.get_by_role("alert")).to_be_visible()
    await agent.get_by_label("Jour du prélèvement").fill("2026-10-15")
    await agent.get_by_role("button", name="Préparer la collecte").click()
    await agent.get_by_role("link", name="jeudi 15 octobre 2026").click()
    await expect(agent.get_by_role("heading", name="Collecte du jeudi")).to_be_visible()
    await look(agent)


async def test_the_digest_leads_to_the_answer(
    demo: Demo, phone: Page, office: Portal, camille: Portal
) -> None:
    """It has left by 18:00 (by 13:00, where the tests before took less than 20 minutes); whoever
    follows it logs in first, and comes to what was asked."""
    request = await canteen(camille, "2026-11-24")
    refused = {"outcome": "refused", "reason": "Sortie au musée ce jour-là."}
    decisions = [
        {"request": request["id"], "line": one["line"], **refused} for one in request["lines"]
    ]
    await office.call("POST", "booking/decisions", {"decisions": decisions})
    await move_clock(demo, "2026-09-14T18:02+02:00")
    link = await mailed_link(demo, phone, EMAIL, "réponses à vos demandes")
    await phone.goto(link)
    await expect(phone).to_have_url(re.compile("/connexion"))
    for label, typed in (("Identifiant", CAMILLE[0]), ("Mot de passe", CAMILLE[1])):
        await phone.get_by_label(label, exact=True).fill(typed)
    await phone.get_by_role("button", name="Connexion").click()
    await expect(phone).to_have_url(demo.at("/demandes"))
    item = phone.get_by_role("listitem").filter(has_text="mardi 24 novembre 2026")
    await expect(item.get_by_text("1 nouveau message")).to_be_visible()
    await look(phone, "mes-demandes")
    await item.get_by_role("link").click()
    await expect(phone).to_have_url(demo.at(f"/demandes/{request['id']}"))
    await expect(phone.get_by_text("Sortie au musée ce jour-là.").first).to_be_visible()


async def test_a_month_is_drafted_corrected_issued_and_collected(
    agent: Page, camille: Portal, office: Portal, demo: Demo
) -> None:
    """The last of this module: it moves the town's clock."""
    family = (await household(camille))["family"]
    await with_mandate(camille, office, family)
    await opened(agent, demo.at("/agents/reglement"))
    field = agent.get_by_label("Le règlement, en YAML")
    text = await field.input_value()
    await field.fill(text.replace("due_days: 30", "due_days: 30\n  month_end: draft"))
    await agent.get_by_role("button", name="Publier une nouvelle version").click()
    await expect(agent.get_by_role("status")).to_contain_text("version publiée")
    await move_clock(demo, "2026-10-02T09:00+02:00")

    async def drafted() -> bool:
        try:
            await office.call("POST", "billing/invoice-drafts", {"month": "2026-09"})
        except RuntimeError as error:
            if "409" in str(error):
                return False
            raise
        return True

    await eventually(drafted)
    await opened(agent, demo.at("/agents/facturation"))
    await expect(agent.get_by_role("heading", name="Facturation de septembre 2026")).to_be_visible()
    await agent.get_by_role("button", name="Rejouer les brouillons").click()
    await expect(agent.get_by_role("status")).to_contain_text("mois préparé")
    line = agent.get_by_role("row").filter(has_text="Garderie").first
    await line.locator("summary").click()
    await line.get_by_label("Nouveau total").fill("1,00")
    await line.get_by_label("Raison").fill("Retard du car.")
    await look(agent, "agents-brouillons")
    await line.get_by_role("button", name="Corriger").click()
    await expect(agent.get_by_text("Corrigé : Retard du car.")).to_be_visible()
    await agent.get_by_role("button", name="Émettre les factures du mois").click()
    await expect(agent.get_by_role("status").first).to_contain_text("émission demandée")
    await expect(agent.get_by_role("row").filter(has_text="Terminée")).to_be_visible()
    await look(agent)

    async def going_on(route: Route) -> None:
        """As it is while a month end goes on."""
        answer = await route.fetch()
        text = (await answer.text()).replace('id="emissions"', 'id="emissions" data-again="1"')
        await route.fulfill(response=answer, body=text.replace("Terminée", "En cours"))

    await agent.route(re.compile("/agents/facturation"), going_on, times=1)
    await agent.reload()
    await expect(agent.get_by_role("row").filter(has_text="En cours")).to_be_visible()
    await expect(agent.get_by_role("row").filter(has_text="Terminée")).to_be_visible()

    async def invoiced() -> Any:
        found = await camille.call("GET", "billing/invoices?month=2026-09")
        return next((one for one in found["items"] if one["total_cents"] > 0), None)

    invoice = await eventually(invoiced)
    whole = await camille.call("GET", f"billing/invoices/{invoice['invoice']}")
    assert any("Retard du car." in one["reason"] for one in whole["lines"])

    await opened(agent, demo.at("/agents/prelevements"))
    await agent.get_by_label("Jour du prélèvement").fill("2026-11-05")
    await agent.get_by_role("button", name="Préparer la collecte").click()
    await expect(agent.get_by_role("status")).to_contain_text("collecte demandée")

    async def made() -> bool:
        found = await office.call("GET", "billing/office/collections")
        return [one["state"] for one in found["items"] if one["on"] == "2026-11-05"] == ["made"]

    await eventually(made)
    await opened(agent, demo.at("/agents/prelevements"))
    await agent.get_by_role("link", name="jeudi 5 novembre 2026").click()
    file = await agent.get_by_role("link", name="Télécharger le fichier").get_attribute("href")
    sent = await agent.context.request.get(demo.origin + str(file))
    assert "pain.008" in (await sent.body()).decode()
    await look(agent, "agents-collecte")
    await move_clock(demo, "2026-11-06T09:00+01:00")
    await agent.get_by_role("button", name="L'argent est arrivé").click()
    await expect(agent.get_by_role("status")).to_contain_text("collecte réglée")

    async def paid() -> bool:
        found = await camille.call("GET", f"billing/invoices/{invoice['invoice']}")
        return bool(found["state"] == "settled")

    await eventually(paid)
