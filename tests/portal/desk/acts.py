"""Acts of agents that a family feels, each with its effect: ``test_desk`` collects them, so that
one demo serves all."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pyotp
from playwright.async_api import Browser, Page, expect
from pymongo import AsyncMongoClient

from deploy.demo.life import PASSWORD
from deploy.demo.story import Portal
from tests.family.files import image
from tests.papers import pages_of
from tests.portal.conftest import PAUL, TOWN, Demo, log_in
from tests.portal.desk import preparing
from tests.portal.desk.conftest import PortalOf
from tests.portal.desk.preparing import ANDANCETTE, household, joined, paid_at_the_desk, possible
from tests.portal.looking import look, opened
from tests.servers import MongoServer
from tests.world import eventually


async def test_who_is_invited_has_a_second_factor_asked_for(
    demo: Demo, chromium: Browser, office: Portal
) -> None:
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    vera = await joined(demo, page, office, "Vera", roles=["collection_officer"])
    await opened(page, demo.at("/agents/securite"))
    await page.get_by_label("Mot de passe", exact=True).fill(vera[1])
    await page.get_by_role("button", name="Continuer").click()
    secret = pyotp.TOTP(await page.locator("p.code").inner_text())
    await look(page)
    await page.get_by_label("Code à six chiffres").fill("000000")
    await page.get_by_role("button", name="Activer").click()
    await expect(page.get_by_role("alert")).to_contain_text("code")
    await page.get_by_label("Code à six chiffres").fill(secret.now())
    await page.get_by_role("button", name="Activer").click()
    await expect(page.get_by_role("heading", name="Vos codes de secours")).to_be_visible()
    recovery = await page.locator("li.code").first.inner_text()
    await look(page)
    await page.locator(".who summary").click()
    await page.get_by_role("button", name="Me déconnecter").click()
    await page.goto(demo.at("/connexion"))
    await page.get_by_label("Identifiant").fill(vera[0])
    await page.get_by_label("Mot de passe", exact=True).fill(vera[1])
    await page.get_by_role("button", name="Connexion").click()
    code = page.get_by_label("Code de votre application")
    for typed, said in (("123456", "Saisissez le code"), (recovery, "incorrect")):
        await expect(page.get_by_role("alert")).to_contain_text(said)
        await page.get_by_label("Mot de passe", exact=True).fill(vera[1])
        await code.fill(typed)
        await look(page)
        await page.get_by_role("button", name="Connexion").click()
    await expect(page).not_to_have_url(re.compile("connexion"))
    await opened(page, demo.at("/agents/paiements"))
    await context.close()


async def test_two_records_are_made_one_and_separated_again(
    demo: Demo, agent: Page, office: Portal
) -> None:
    found = (await office.call("GET", "family/families?search=V000"))["families"][-2:]
    (kept, gone) = (one["family"] for one in found)
    await opened(agent, demo.at(f"/agents/familles/{kept}/reunir/{gone}"))
    await look(agent)
    await agent.get_by_role("button", name=re.compile("Réunir")).click()
    await expect(agent.get_by_role("status")).to_contain_text("dossier réuni")
    await look(agent)
    merged = await office.call("GET", f"family/families/{kept}")
    names = {one["first_name"] for one in merged["children"]}
    assert {name.split()[-1] for one in found for name in one["children"]} <= names
    await agent.get_by_role("button", name="Séparer à nouveau").click()
    await expect(agent.get_by_role("status")).to_contain_text("séparé")
    apart = await office.call("GET", f"family/families/{kept}")
    assert len(apart["children"]) == len(found[0]["children"])


async def test_a_guardian_leaves_with_a_record_of_their_own(
    demo: Demo, agent: Page, office: Portal
) -> None:
    lines = (await office.call("GET", "family/families?search=V000"))["families"]
    for line in reversed(lines[:-2]):
        family = await office.call("GET", f"family/families/{line['family']}")
        if len(family["guardians"]) > 1:
            break
    leaving = next(one for one in family["guardians"] if one["role"] != "holder")
    await opened(agent, demo.at(f"/agents/familles/{family['family']}"))
    await agent.get_by_text("Séparation des responsables").click()
    name = f"{leaving['first_name']} {leaving['last_name']}"
    await agent.get_by_role("checkbox", name=name).check()
    await agent.get_by_label("Référence du nouveau dossier").fill("S-2026-1")
    await look(agent)
    await agent.get_by_role("button", name="Créer le second dossier").click()
    await expect(agent.get_by_role("status")).to_contain_text("dossier créé pour qui part")
    (own,) = (await office.call("GET", "family/families?search=S-2026-1"))["families"]
    assert own["children"] == line["children"], "the children are in both"
    left = await office.call("GET", f"family/families/{family['family']}")
    assert leaving["id"] not in {one["id"] for one in left["guardians"]}


async def test_a_document_is_refused_and_its_family_told_why(
    demo: Demo, agent: Page, portals: PortalOf
) -> None:
    nora = await portals("nora", TOWN)
    await opened(agent, demo.at("/agents/pieces"))
    row = agent.get_by_role("row").filter(has_text="attestation-assurance.pdf").first
    file = await row.get_by_role("link", name="attestation-assurance.pdf").get_attribute("href")
    shown = await agent.context.request.get(demo.origin + str(file))
    assert shown.headers["content-type"] == "application/pdf"
    await row.get_by_role("checkbox").check()
    await agent.get_by_role("radio", name="Refuser").check()
    await agent.get_by_label(re.compile("^Raison")).fill("L'attestation est celle de l'an passé.")
    await look(agent)
    await agent.get_by_role("button", name="Enregistrer").click()
    await expect(agent.get_by_role("status")).to_contain_text("1 refusée")
    home = await household(nora)
    documents = await nora.call("GET", f"family/documents?family={home['family']}")
    (version,) = documents["items"][0]["versions"]
    assert (version["state"], version["reason"]) == (
        "refused", "L'attestation est celle de l'an passé.",
    )  # fmt: skip


async def test_a_family_that_built_its_record_is_let_in(
    demo: Demo, agent: Page, phone: Page, portals: PortalOf
) -> None:
    sami = await portals("sami", TOWN)
    await log_in(demo, phone, ("sami.demo", PASSWORD))
    draft = {
        "guardian": {
            "first_name": "Sami", "last_name": "Sansdossier", "birth_date": "1990-01-02",
            "phone": "06 39 98 77 77", "email": "sami@famille.example",
            "address": {"street": "3 rue Haute", "postcode": "07000", "city": "Veyras"},
        },
        "children": [{"first_name": "Lila", "last_name": "Sansdossier", "birth_date": "2019-02-01",
                      "school": "ecole-des-chataigniers"}],
    }  # fmt: skip
    await sami.call("PUT", "family/registration", {"draft": draft, "version": 0})
    await sami.call("PUT", "family/registration/sent")
    await opened(agent, demo.at("/agents/dossiers/nouveaux"))
    await look(agent)
    await agent.get_by_role("link", name=re.compile("Sansdossier")).click()
    await expect(agent.get_by_text("Lila Sansdossier")).to_be_visible()
    await look(agent)
    await agent.get_by_role("button", name="Enregistrer").click()
    await expect(agent.get_by_role("status")).to_contain_text("1 acceptée")

    async def let_in() -> bool:
        again = await portals("sami", TOWN)
        households = (await again.call("GET", "family/household"))["households"]
        return [one["first_name"] for home in households for one in home["children"]] == ["Lila"]

    await eventually(let_in)
    await opened(phone, demo.at("/dossier-en-ligne"))
    await expect(phone.get_by_role("status")).to_contain_text("Votre famille est reliée")


async def test_what_a_cancellation_gives_back_is_decided(
    demo: Demo, elsewhere: Page, portals: PortalOf
) -> None:
    office, paul = await portals("agent"), await portals("paul")
    asked = await possible(paul, "garderie", 2)
    await paid_at_the_desk(office, paul, asked)
    ends = [
        {"kind": "cancel", "child": one["child"], "activity": "garderie", "units": one["units"],
         "first": one["day"]} for one in asked
    ]  # fmt: skip
    family = (home := await household(paul))["family"]
    for end in ends:
        await paul.call("POST", "booking/requests", {"family": family, "ends": [end]})
    await opened(elsewhere, demo.at("/agents/demandes", ANDANCETTE))
    rows = elsewhere.get_by_role("row").filter(has_text="ce que l'annulation rend")
    await rows.first.get_by_role("checkbox").check()
    await elsewhere.get_by_role("button", name="Enregistrer").click()
    await expect(elsewhere.get_by_role("status")).to_contain_text("dites ce que l'annulation rend")
    await look(elsewhere)
    await rows.first.get_by_role("checkbox").check()
    await elsewhere.get_by_label("L'annulation rend").select_option("credit")
    await elsewhere.get_by_role("button", name="Enregistrer").click()
    await expect(elsewhere.get_by_role("status")).to_contain_text("1 acceptée")
    await rows.first.get_by_role("checkbox").check()
    await elsewhere.get_by_label("L'annulation rend").select_option("refund")
    await elsewhere.get_by_role("button", name="Enregistrer").click()
    await expect(elsewhere.get_by_role("status")).to_contain_text("1 acceptée")

    async def to_send() -> bool:
        account = await office.call("GET", f"billing/accounts/{family}")
        transfers = (await office.call("GET", "billing/transfers"))["items"]
        return account["credit_cents"] > 0 and bool(transfers)

    await eventually(to_send)
    await preparing.given_back(demo, elsewhere, home)
    await look(elsewhere)
    for _ in range(2):
        await elsewhere.get_by_role("button", name="Remis au Trésor").first.click()
        await expect(elsewhere.get_by_role("status")).to_contain_text("remis au Trésor")
    await expect(elsewhere.get_by_text("Aucun virement n'attend.")).to_be_visible()


async def test_an_absence_is_justified_and_the_proof_looked_at(
    demo: Demo, elsewhere: Page, phone: Page, portals: PortalOf
) -> None:
    office, paul = await portals("agent"), await portals("paul")
    home = await household(paul)
    tomorrow = {
        "child": home["children"][0]["id"], "activity": "canteen", "units": ["meal"],
        "day": "2026-09-15",
    }  # fmt: skip
    await paid_at_the_desk(office, paul, [tomorrow])
    await log_in(demo, phone, PAUL, ANDANCETTE)
    await opened(phone, demo.at("/absences", ANDANCETTE))
    await phone.get_by_label("Date de l'absence").fill("2026-09-14")
    await phone.get_by_label("Jusqu'au").fill("2026-09-18")
    await phone.get_by_label("Mardi").check()
    await phone.get_by_label("Motif").select_option(label="Maladie")
    await phone.get_by_role("button", name="Aller à l'étape 2").click()
    await expect(phone.get_by_role("table").get_by_text("mardi 15 septembre")).to_have_count(1)
    await phone.get_by_role("button", name="Valider").click()
    await expect(phone.get_by_text("À justifier avant le")).to_be_visible()
    await phone.get_by_label("Ce document est").select_option(label="Certificat médical")
    await phone.get_by_label("Fichier").set_input_files(
        {"name": "certificat.png", "mimeType": "image/png", "buffer": image("PNG")}
    )
    await look(phone, "absence-a-justifier")
    await phone.get_by_role("button", name="Envoyer", exact=True).click()
    await expect(phone.get_by_role("status")).to_contain_text("justificatif est envoyé")
    await expect(phone.get_by_text("Justificatif envoyé", exact=True)).to_be_visible()
    await expect(phone.get_by_label("Fichier")).to_have_count(0)

    await opened(elsewhere, demo.at("/agents/justificatifs", ANDANCETTE))
    row = elsewhere.get_by_role("row").filter(has_text="mardi 15 septembre")
    await row.get_by_role("rowheader").get_by_role("link").click()
    await expect(elsewhere.get_by_role("link", name="certificat.png")).to_be_visible()
    await elsewhere.go_back()
    await row.get_by_role("checkbox").check()
    await look(elsewhere)
    await elsewhere.get_by_role("button", name="Enregistrer").click()
    await expect(elsewhere.get_by_role("status")).to_contain_text("1 acceptée")
    await phone.reload()
    await expect(phone.get_by_text("Justificatif accepté")).to_be_visible()


async def test_what_is_handed_over_is_entered_and_undone(
    demo: Demo, elsewhere: Page, portals: PortalOf
) -> None:
    paul = await portals("paul")
    family = (await household(paul))["family"]
    (due,) = (await paul.call("GET", "billing/invoices?state=open"))["items"]
    await opened(elsewhere, demo.at(f"/agents/familles/{family}/factures", ANDANCETTE))
    await elsewhere.get_by_role("checkbox", name=re.compile(due["number"])).check()
    await elsewhere.get_by_label(re.compile("^Moyen")).select_option("cash")
    payer = elsewhere.get_by_label("Remis par")
    await payer.select_option(index=1)
    await elsewhere.get_by_label(re.compile("^Montant")).fill("beaucoup")
    await elsewhere.get_by_role("button", name=re.compile("Enregistrer")).click()
    await expect(elsewhere.get_by_role("alert")).to_contain_text("12,50")
    await expect(payer).not_to_have_value("")
    await look(elsewhere)
    await elsewhere.get_by_role("checkbox", name=re.compile(due["number"])).check()
    await elsewhere.get_by_label(re.compile("^Montant")).fill(
        f"{due['total_cents'] // 100},{due['total_cents'] % 100:02}"
    )
    await elsewhere.get_by_role("button", name=re.compile("Enregistrer")).click()
    await expect(elsewhere.get_by_role("status")).to_contain_text("paiement enregistré")

    async def state(wanted: str) -> Any:
        found = await paul.call("GET", f"billing/invoices/{due['invoice']}")
        return found["state"] == wanted

    await eventually(lambda: state("settled"))
    await opened(elsewhere, demo.at("/agents/paiements", ANDANCETTE))
    row = elsewhere.get_by_role("row").filter(has_text="Espèces").first
    await row.get_by_text("Annuler", exact=True).click()
    await row.get_by_label("Raison").fill("Billet faux.")
    await look(elsewhere)
    await row.get_by_role("button", name="Annuler ce paiement").click()
    await expect(elsewhere.get_by_role("status")).to_contain_text("paiement annulé")
    await expect(elsewhere.get_by_role("row").filter(has_text="Billet faux.")).to_be_visible()
    await opened(elsewhere, demo.at(f"/agents/paiements?famille={family}", ANDANCETTE))
    await elsewhere.get_by_label("État").select_option("reversed")
    await elsewhere.get_by_role("button", name="Filtrer").click()
    await expect(elsewhere).to_have_url(re.compile(f"famille={family}&etat=reversed"))


async def test_a_family_without_e_mail_is_made_a_record(
    demo: Demo, agent: Page, office: Portal
) -> None:
    await opened(agent, demo.at("/agents/familles"))
    await agent.get_by_role("link", name="Nouveau dossier").click()
    await look(agent, "agents-nouveau-dossier")
    holder = {
        "Prénom": "Maïwenn", "Nom": "Sanscourriel", "Date de naissance": "1988-03-04",
        "Téléphone": "06 39 98 12 12", "Numéro et rue": "4 rue Basse", "Code postal": "07000",
        "Commune": "Veyras",
    }  # fmt: skip
    first = agent.get_by_role("group", name="Responsable, titulaire")
    for label, value in holder.items():
        await first.get_by_label(label, exact=True).fill(value)
    for number, name in ((1, "Gaël"), (2, "Enora")):
        child = agent.get_by_role("group", name=f"Enfant {number}")
        await child.get_by_label("Prénom").fill(name)
        await child.get_by_label(re.compile("^Nom")).fill("Sanscourriel")
        await child.get_by_label("Date de naissance").fill(f"201{number + 5}-05-06")
        await child.get_by_label("École").select_option(label="École des Châtaigniers")
    await agent.get_by_role("button", name="Ajouter un enfant").click()
    third = agent.get_by_role("group", name="Enfant 3")
    await third.get_by_label("Prénom").fill("Erwan")
    await agent.get_by_role("button", name="Créer le dossier").click()
    await expect(agent.get_by_role("alert")).to_be_visible()
    await third.get_by_label(re.compile("^Nom")).fill("Sanscourriel")
    await third.get_by_label("Date de naissance").fill("2020-05-06")
    await agent.get_by_role("button", name="Créer le dossier").click()
    await expect(agent.get_by_role("status")).to_contain_text("dossier créé")
    (found,) = (await office.call("GET", "family/families?search=Sanscourriel"))["families"]
    assert [one.split()[-1] for one in found["children"]] == ["Gaël", "Enora", "Erwan"]

    async def heard_of() -> bool:
        try:
            await office.call("GET", f"identity/families/{found['family']}/accounts")
        except RuntimeError:
            return False
        return True

    await eventually(heard_of)
    await agent.get_by_role("link", name="Accès au portail").click()
    async with agent.expect_download() as letter:
        await agent.get_by_role("button", name="Télécharger la lettre").click()
    path = await (await letter.value).path()
    assert "Sanscourriel" in " ".join(pages_of(path.read_bytes()))
    # The same again may be the same family.
    await opened(agent, demo.at("/agents/familles/nouvelle"))
    for label, value in holder.items():
        await first.get_by_label(label, exact=True).fill(value)
    child = agent.get_by_role("group", name="Enfant 1")
    await child.get_by_label("Prénom").fill("Gaël")
    await child.get_by_label("Nom", exact=True).fill("Sanscourriel")
    await child.get_by_label("Date de naissance").fill("2016-05-06")
    await agent.get_by_role("button", name="Créer le dossier").click()
    await expect(agent.get_by_text("C'est une autre famille")).to_be_visible()
    await look(agent)
    assert len((await office.call("GET", "family/families?search=Sanscourriel"))["families"]) == 1


async def test_a_guardian_s_rights_are_decided_and_a_health_sheet_read(
    demo: Demo, agent: Page, camille: Portal, office: Portal
) -> None:
    home = await household(camille)
    other = next(one for one in home["guardians"] if one["id"] != home["me"])
    child = home["children"][0]
    await opened(agent, demo.at(f"/agents/familles/{home['family']}"))
    name = f"{other['first_name']} {other['last_name']}"
    await agent.get_by_role("link", name=f"Droits et protection de {name}").click()
    rights = agent.get_by_role("group", name=f"Pour {child['first_name']}")
    await rights.get_by_label("décider").uncheck()
    await agent.get_by_label("Adresse protégée").check()
    await agent.get_by_label("Raison").fill("Ordonnance du juge aux affaires familiales.")
    await look(agent, "agents-mesures")
    await agent.get_by_role("button", name="Enregistrer la décision").click()
    await expect(agent.get_by_role("status")).to_contain_text("décision enregistrée")
    found = await office.call("GET", f"family/families/{home['family']}")
    decided = next(one for one in found["guardians"] if one["id"] == other["id"])
    assert decided["protected"] is True
    assert {one["child"]: one["decide"] for one in decided["rights"]}[child["id"]] is False
    seen = next(one for one in (await household(camille))["guardians"] if one["id"] == other["id"])
    assert (seen["phone"], seen["address"]) == (None, None)
    await agent.get_by_role("link", name=f"Fiche sanitaire de {child['first_name']}").click()
    await expect(agent.get_by_text("Votre lecture est inscrite au journal")).to_be_visible()
    await look(agent, "agents-fiche-sanitaire")
    reads = await camille.call("GET", f"family/families/{home['family']}/sensitive-reads")
    assert reads["items"][0]["what"] == "health_sheet"


async def test_a_director_sees_who_needs_care_at_the_own_sites(
    demo: Demo, chromium: Browser, office: Portal, camille: Portal
) -> None:
    home = await household(camille)
    child = home["children"][0]
    path = f"family/families/{home['family']}"
    dossier = await camille.call("GET", f"{path}/dossier")
    held = next(one for one in dossier["members"] if one["member"] == child["id"])
    told = {
        "allergies": "Noix de cajou", "health_certificate": {"certified": True, "version": "1"},
    }  # fmt: skip
    changes = [
        {"act": "set", "member": child["id"], "field": one["name"], "base": one["revision"],
         "value": told[one["name"]]}
        for one in held["fields"] if one["name"] in told
    ]  # fmt: skip
    sent = await camille.call("POST", f"{path}/changes", {"changes": changes})
    waiting = [
        {"change": one["change"], "outcome": "accepted"} for one in sent["changes"]
        if one["state"] == "waiting"
    ]  # fmt: skip
    await office.call("POST", "family/change-decisions", {"decisions": waiting})
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    await joined(
        demo, page, office, "Diane", roles=["centre_director"], sites=["ecole-des-chataigniers"]
    )
    await opened(page, demo.at("/agents"))
    await page.get_by_role("link", name="Enfants de mes sites").click()
    name = f"{child['last_name']} {child['first_name']}"
    row = page.get_by_role("row").filter(has_text=name)
    await expect(row.get_by_text("Allergies")).to_be_visible()
    await look(page, "agents-enfants")
    await row.get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(child["first_name"])
    await expect(page.get_by_text("Noix de cajou")).to_be_visible()
    await look(page)
    reads = (await camille.call("GET", f"{path}/sensitive-reads"))["items"]
    assert [(one["what"], one["roles"]) for one in reads[:2]] == [
        ("health_sheet", ["centre_director"]), ("health_signs", ["centre_director"]),
    ]  # fmt: skip
    answer = await page.goto(demo.at(f"/agents/familles/{home['family']}"))
    assert answer is not None
    assert answer.status == 403, "nothing else of the record"
    await context.close()


async def test_the_town_s_colour_logo_and_words_are_set(
    demo: Demo, elsewhere: Page, phone: Page
) -> None:
    await opened(elsewhere, demo.at("/agents/reglages", ANDANCETTE))
    await elsewhere.get_by_label("Couleur de la commune").fill("#ffd500")
    await elsewhere.get_by_label("Mot d'accueil").fill("Bienvenue à <b>Andancette</b>.")
    await elsewhere.get_by_label("Données personnelles").fill("Déléguée : dpo@andancette.example")
    await elsewhere.get_by_role("button", name="Enregistrer les réglages").click()
    await expect(elsewhere.get_by_role("alert")).to_contain_text("trop claire")
    await elsewhere.get_by_label("Couleur de la commune").fill("#1d3f8f")
    logo = {"name": "logo.svg", "mimeType": "image/svg+xml", "buffer": b"<svg onload='x()'/>"}
    await elsewhere.get_by_label("Logo", exact=False).set_input_files(logo)  # type: ignore[arg-type]
    await elsewhere.get_by_role("button", name="Enregistrer les réglages").click()
    await expect(elsewhere.get_by_role("alert")).to_contain_text("PNG")
    logo = {"name": "logo.png", "mimeType": "image/png", "buffer": image("PNG", (120, 60))}
    await elsewhere.get_by_label("Logo", exact=False).set_input_files(logo)  # type: ignore[arg-type]
    await elsewhere.get_by_label("Envoi 3").fill("20:15")
    await elsewhere.get_by_role("button", name="Enregistrer les réglages").click()
    await expect(elsewhere.get_by_role("status")).to_contain_text("réglage enregistré")
    await look(elsewhere, "agents-reglages")
    await opened(phone, demo.at("/donnees-personnelles", ANDANCETTE))
    await expect(phone.get_by_text("dpo@andancette.example")).to_be_visible()
    for told in ("Mission d'intérêt public", "Dix ans", "CNIL"):
        await expect(phone.get_by_text(told).first).to_be_visible()
    await opened(phone, demo.at("", ANDANCETTE))
    await expect(phone.get_by_text("Bienvenue à <b>Andancette</b>.")).to_be_visible()
    ground = "getComputedStyle(document.querySelector('.head')).backgroundColor"
    assert await phone.evaluate(ground) == "rgb(29, 63, 143)"
    wide = "document.querySelector('.brand img').naturalWidth"
    assert await phone.evaluate(wide) == 120
    await look(phone, "couleur-de-la-commune")
    # Another town keeps its own.
    await opened(phone, demo.at())
    assert await phone.evaluate(ground) == "rgb(23, 89, 79)"


async def test_families_are_imported_all_or_none_and_taken_away(
    demo: Demo, agent: Page, office: Portal, mongodb: MongoServer
) -> None:
    header = "dossier;personne;rôle;nom;prénom;naissance;école;niveau;téléphone"
    holder = "I-1;1;titulaire;Importée;Rozenn;;;;06 39 98 44 55"
    child = "I-1;2;enfant;Importée;Tugdual;{};ecole-des-chataigniers;CP;"
    await opened(agent, demo.at("/agents/familles"))
    await agent.get_by_role("link", name="Importer un fichier").click()

    async def send(born: str, act: str) -> None:
        sheet = "\n".join((header, holder, child.format(born))).encode()
        file = {"name": "familles.csv", "mimeType": "text/csv", "buffer": sheet}
        await agent.get_by_label("Fichier des familles").set_input_files(file)  # type: ignore[arg-type]
        await agent.get_by_role("button", name=act).click()

    await send("31/02/2019", "Importer")
    await expect(agent.get_by_role("status")).to_contain_text("Rien n'est importé")
    await expect(agent.get_by_role("row").filter(has_text="naissance")).to_be_visible()
    await look(agent, "agents-import")
    await send("01/02/2019", "Essayer")
    await expect(agent.get_by_role("status")).to_contain_text("Essai : rien n'est encore importé")
    assert (await office.call("GET", "family/families?search=Importée"))["families"] == []
    await send("01/02/2019", "Importer")
    await expect(agent.get_by_role("status")).to_contain_text("Import terminé")
    (found,) = (await office.call("GET", "family/families?search=Importée"))["families"]
    assert found["children"] == ["Importée Tugdual"]
    taken = await agent.context.request.get(demo.at("/agents/familles/export"))
    assert "spreadsheet" in taken.headers["content-type"]
    async with AsyncMongoClient[dict[str, Any]](mongodb.url) as client:
        imports = client["demo-clock_family"]["imports"]
        done = await imports.find_one({"report.stored": True}) or {}
        under_way = {"report": None, "families": 900, "done": 320, "moved_at": datetime.now(UTC)}
        await imports.insert_one(done | {"_id": "under-way"} | under_way)
        await opened(agent, demo.at("/agents/familles/import"))
        await agent.get_by_role("listitem").filter(has_text="En cours").get_by_role("link").click()
        await expect(agent.get_by_role("status")).to_contain_text("320 sur 900 dossiers")
        await look(agent)
        await imports.update_one({"_id": "under-way"}, {"$set": {"report": done["report"]}})
    await expect(agent.get_by_role("status")).to_contain_text("Import terminé")
