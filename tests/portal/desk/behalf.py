"""What agents do for families that come to the desk or call: ``test_desk`` collects it, so that one
demo serves all."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Page, expect

from deploy.demo.story import Portal
from tests.family.files import image
from tests.portal.conftest import Demo
from tests.portal.desk.conftest import PortalOf
from tests.portal.desk.preparing import ANDANCETTE, household
from tests.portal.looking import look, opened
from tests.world import eventually

PNG: Any = {"name": "certificat.png", "mimeType": "image/png", "buffer": image("PNG")}


async def test_a_record_is_written_at_the_desk(demo: Demo, agent: Page, office: Portal) -> None:
    line = (await office.call("GET", "family/families?search=V0003"))["families"][0]
    family = await office.call("GET", f"family/families/{line['family']}")
    holder = family["guardians"][0]
    name = f"{holder['first_name']} {holder['last_name']}"
    status = agent.get_by_role("status")
    await opened(agent, demo.at(f"/agents/familles/{line['family']}"))
    await agent.get_by_role("link", name=f"Modifier : {name}").click()
    await agent.get_by_label("Téléphone", exact=False).first.fill("douze")
    await agent.get_by_role("button", name="Enregistrer", exact=True).click()
    told = agent.get_by_role("alert").get_by_role("link")
    await expect(told).to_have_attribute("href", "#fields/phone")
    await agent.get_by_label("Téléphone", exact=False).first.fill("06 39 98 60 60")
    await agent.get_by_label("Qui demande").select_option(label=name)
    await look(agent, "agents-dossier-modifie")
    await agent.get_by_role("button", name="Enregistrer", exact=True).click()
    await expect(status).to_contain_text("1 information enregistrée")
    await expect(agent.get_by_text("06 39 98 60 60")).to_be_visible()
    await agent.get_by_role("link", name="Nouvelle personne à prévenir").click()
    for label, value in (("Prénom", "Odile"), ("Nom", "Voisine"), ("Téléphone", "0639985050")):
        await agent.get_by_label(re.compile(f"^{label}( \\*)?")).first.fill(value)
    await look(agent)
    await agent.get_by_role("button", name="Enregistrer", exact=True).click()
    await expect(status).to_contain_text("1 personne ajoutée")
    await agent.get_by_role("link", name="Modifier : Odile Voisine").click()
    await agent.get_by_text("Retirer du dossier").click()
    await agent.get_by_role("button", name="Retirer Odile Voisine").click()
    await expect(status).to_contain_text("1 personne retirée")
    await expect(agent.get_by_text("Odile Voisine")).to_have_count(0)


async def test_a_family_that_calls_has_a_period_booked_and_an_absence_told(
    demo: Demo, agent: Page, office: Portal, camille: Portal
) -> None:
    family = (await household(camille))["family"]
    ask = agent.get_by_role("button", name=re.compile("^Demander pour la famille"))
    await opened(agent, demo.at(f"/agents/familles/{family}/planning?jour=2027-03-01"))
    await agent.get_by_role("button", name="Réserver pour une période").click()
    await agent.get_by_label("Activité").select_option(label="Cantine – Repas")
    await agent.get_by_label("Du", exact=True).fill("2027-03-01")
    await agent.get_by_label("Au", exact=True).fill("2027-03-12")
    await agent.get_by_role("button", name="Aller au récapitulatif").click()
    await expect(agent.get_by_role("alert")).to_contain_text("au moins un jour")
    await look(agent, "agents-periode")
    await agent.get_by_label("mardi").check()
    await agent.get_by_role("button", name="Aller au récapitulatif").click()
    await expect(agent.get_by_role("row").filter(has_text="Total")).to_contain_text("€")
    await look(agent)
    await agent.get_by_label("Comment", exact=True).select_option("phone")
    await ask.click()
    await expect(agent.get_by_role("status")).to_contain_text("1 demande envoyée pour la famille")

    # On its own page all of it is accepted at once.
    await agent.get_by_role("button", name="Tout cocher").click()
    await look(agent)
    await agent.get_by_role("button", name="Enregistrer les décisions").click()
    await expect(agent.get_by_role("status")).to_contain_text("2 acceptées")
    await expect(agent.get_by_role("button", name="Tout cocher")).to_have_count(0)

    await opened(agent, demo.at(f"/agents/familles/{family}/planning?jour=2027-03-02"))
    await agent.get_by_role("link", name="Signaler une absence").click()
    await agent.get_by_label("Date de l'absence").fill("2027-03-02")
    await agent.get_by_label("Commentaire").fill("Opération prévue.")
    await agent.get_by_label("Pièce jointe").set_input_files(PNG)
    await look(agent, "agents-absence")
    await agent.get_by_role("button", name="Aller au récapitulatif").click()
    await expect(agent.get_by_role("table")).to_contain_text("mardi 2 mars 2027")
    await agent.get_by_label("Comment", exact=True).select_option("phone")
    await agent.get_by_role("button", name="Modifier l'absence").click()
    await expect(agent.get_by_label("Date de l'absence")).to_have_value("2027-03-02")
    await agent.get_by_role("button", name="Aller au récapitulatif").click()
    await expect(agent.get_by_label("Comment", exact=True)).to_have_value("phone")
    # What is set aside has its reason, asked for where all was typed.
    await agent.get_by_text("Passer outre une règle").click()
    await agent.get_by_label("le délai").check()
    await ask.click()
    await expect(agent.get_by_role("alert")).to_contain_text("Dites pourquoi")
    await agent.get_by_label("le délai").uncheck()
    await ask.click()
    await expect(agent.get_by_role("status")).to_contain_text("1 demande envoyée pour la famille")
    await expect(agent.get_by_text("Opération prévue.").first).to_be_visible()
    request = agent.url.partition("?")[0].rpartition("/")[2]
    found = await office.call("GET", f"booking/requests/{request}")
    assert (found["channel"], len(found["attachments"])) == ("phone", 1)


async def test_times_are_chosen_and_changed_for_a_family(
    demo: Demo, agent: Page, office: Portal
) -> None:
    """Without the sliders, as who has no script sees it."""
    line = (await office.call("GET", "family/families?search=V0003"))["families"][0]
    planning = demo.at(f"/agents/familles/{line['family']}/planning?jour=2026-10-19")
    times = re.compile("^Horaires du lundi 19 octobre 2026 : Accueil de loisirs")
    ask = agent.get_by_role("button", name=re.compile("^Demander pour la famille"))
    await agent.route(re.compile("portal.js"), lambda route: route.abort())
    for ends, kind in (("11:30", "Réservation"), ("18:30", "Modification")):
        await agent.goto(planning)
        await agent.get_by_role("button", name=times).first.click()
        await agent.get_by_label("Début").select_option("07:15")
        await agent.get_by_label("Fin").select_option(ends)
        await look(agent)
        await agent.get_by_role("button", name="Valider").click()
        await expect(agent.get_by_text("De 7 h 15 à")).to_be_visible()
        await look(agent)
        await ask.click()
        await expect(agent.get_by_role("row").filter(has_text=kind)).to_have_count(1)
        await ask.click()
        await expect(agent.get_by_role("status")).to_contain_text("1 demande envoyée")
    await expect(agent.get_by_role("table")).to_contain_text("Journée avec repas")


async def test_a_request_is_decided_whole_or_withdrawn(
    demo: Demo, agent: Page, camille: Portal
) -> None:
    home = await household(camille)
    asked = [
        {"child": home["children"][0]["id"], "activity": "canteen", "units": ["meal"], "day": day}
        for day in ("2027-03-15", "2027-03-16", "2027-03-18")
    ]
    made = []
    for days in (asked[:2], asked[2:]):
        body = {"family": home["family"], "asked": days}
        made.append(await camille.call("POST", "booking/requests", body))
    await opened(agent, demo.at("/agents/demandes"))
    await agent.get_by_label(f"Toute la demande {made[0]['number']}").check()
    await agent.get_by_role("button", name="Enregistrer").click()
    await expect(agent.get_by_role("status")).to_contain_text("2 acceptées")
    await opened(agent, demo.at(f"/agents/demandes/{made[1]['id']}"))
    await agent.get_by_text("Retirer la demande pour la famille").click()
    await agent.get_by_label("Comment", exact=True).select_option("phone")
    await look(agent)
    await agent.get_by_role("button", name="Retirer la demande", exact=True).click()
    await expect(agent.get_by_role("status")).to_contain_text("retirée pour la famille")
    states = [
        one["state"]
        for request in made
        for one in (await camille.call("GET", f"booking/requests/{request['id']}"))["lines"]
    ]
    assert states == ["accepted", "accepted", "withdrawn"]


async def test_a_child_is_enrolled_for_its_family(demo: Demo, agent: Page, office: Portal) -> None:
    line = (await office.call("GET", "family/families?search=V0003"))["families"][0]
    await opened(agent, demo.at(f"/agents/familles/{line['family']}/inscriptions"))
    await look(agent)
    await agent.get_by_role(
        "link", name=re.compile("^Inscrire .*Vacances au bord du lac")
    ).first.click()
    await agent.get_by_label("La famille a lu le règlement et l'accepte").check()
    send = agent.get_by_role("button", name="Inscrire pour la famille")
    await send.click()
    await expect(agent.get_by_role("alert")).to_be_visible()
    await agent.get_by_text("Passer outre une règle").click()
    await agent.get_by_label("les pièces manquantes").check()
    await agent.get_by_label(re.compile("^Raison")).fill("Apportées lundi.")
    await look(agent, "agents-inscrire")
    await send.click()
    await expect(agent.get_by_role("status")).to_contain_text("1 demande envoyée pour la famille")
    await expect(agent.get_by_text("En attente").first).to_be_visible()
    # The family thinks better of it.
    await opened(agent, demo.at("/agents/inscriptions"))
    row = agent.get_by_role("row").filter(has_text=line["reference"])
    await row.get_by_role("button", name="Retirer pour la famille").click()
    await expect(agent.get_by_role("status")).to_contain_text("retirée pour la famille")


async def test_a_child_changes_records_and_a_family_is_erased(
    demo: Demo, agent: Page, office: Portal
) -> None:
    lines = (await office.call("GET", "family/families?search=V0004"))["families"]
    left, other = [
        await office.call("GET", f"family/families/{one['family']}") for one in lines[:2]
    ]
    child = left["children"][0]
    await opened(agent, demo.at(f"/agents/familles/{left['family']}"))
    await agent.get_by_role("link", name="Transférer un enfant").click()
    await agent.get_by_label("Référence de l'autre dossier").fill("V99999")
    await agent.get_by_role("button", name="Chercher").click()
    await expect(agent.get_by_text("Aucun autre dossier n'a cette référence")).to_be_visible()
    await agent.get_by_label("Référence de l'autre dossier").fill(other["reference"])
    await agent.get_by_role("button", name="Chercher").click()
    await agent.get_by_role("button", name="Transférer").click()
    await expect(agent.get_by_role("alert")).to_contain_text("Cochez au moins une ligne")
    await agent.get_by_label(f"{child['first_name']} {child['last_name']}", exact=True).check()
    await agent.get_by_label("décider").first.check()
    await look(agent, "agents-transfert")
    await agent.get_by_role("button", name="Transférer").click()
    await expect(agent.get_by_role("status")).to_contain_text("transférés")
    found = await office.call("GET", f"family/families/{other['family']}")
    assert child["id"] in {one["id"] for one in found["children"]}

    erased = f"/agents/familles/{left['family']}"
    await opened(agent, demo.at(f"{erased}/factures"))
    await agent.get_by_label("Avoir, en euros").fill("12,50")
    await agent.get_by_label("Raison").fill("Cantine fermée.")
    await look(agent, "agents-avoir")
    await agent.get_by_role("button", name="Donner l'avoir").click()
    await expect(agent.get_by_role("status")).to_contain_text("1 avoir donné")
    # What the town still owes it holds its erasure back; once that is transferred, nothing does.
    await _erase(demo, agent, erased)
    await expect(agent.get_by_role("status")).to_contain_text("Un avoir ou une dette")
    await look(agent, "agents-effacement")
    await opened(agent, demo.at(f"{erased}/factures"))
    await agent.get_by_label("Remboursement, en euros").fill("12,50")
    await agent.get_by_role("button", name="Rembourser").click()
    await expect(agent.get_by_role("status")).to_contain_text("1 virement à faire")
    (transfer,) = (
        one for one in (await office.call("GET", "billing/transfers"))["items"]
        if one["family"] == left["family"]
    )  # fmt: skip
    await office.call(
        "POST", f"billing/accounts/{left['family']}/transfers/{transfer['transfer']}/sent"
    )
    await _erase(demo, agent, erased)
    await expect(agent.get_by_role("status")).to_contain_text("Effacé")
    assert (await office.call("GET", f"family/families?search={left['reference']}"))[
        "families"
    ] == []


async def _erase(demo: Demo, agent: Page, family: str) -> None:
    await opened(agent, demo.at(family))
    await agent.get_by_role("link", name="Effacer la famille").click()
    await agent.get_by_label("Raison").fill("La famille a quitté la commune.")
    await agent.get_by_role("button", name="Effacer pour de bon").click()


async def test_what_is_published_is_written_anew(demo: Demo, agent: Page, camille: Portal) -> None:
    here = demo.at("/agents/actualites")
    await opened(agent, here)
    await agent.get_by_label("Titre", exact=True).fill("Rentrée le 1er")
    await agent.get_by_label(re.compile("^Texte")).fill("Les portes ouvrent à 8 h.")
    await agent.get_by_label("Pièce jointe").set_input_files(PNG)
    await agent.get_by_role("button", name="Publier l'actualité").click()
    await agent.get_by_role("link", name="Modifier Rentrée le 1er").click()
    await agent.get_by_label("Titre", exact=True).fill("Rentrée le 2")
    await look(agent, "agents-actualite-modifiee")
    await agent.get_by_role("button", name="Enregistrer l'actualité").click()
    await expect(agent.get_by_role("status")).to_contain_text("1 publication modifiée")
    items = (await camille.call("GET", "family/news"))["items"]
    (item,) = (one["item"] for one in items if one["title"] == "Rentrée le 2")
    written = await camille.call("GET", f"family/news/{item}")
    assert [one["name"] for one in written["files"]] == ["certificat.png"]

    await agent.get_by_label("Titre du document").fill("Tarifs 2026")
    await agent.get_by_label("Rubrique").fill("Tarifs")
    await agent.get_by_label("Fichier", exact=False).last.set_input_files(PNG)
    await agent.get_by_role("button", name="Publier le document").click()
    await agent.get_by_role("link", name="Remplacer Tarifs 2026").click()
    await agent.get_by_label("Titre du document").fill("Tarifs 2027")
    await look(agent)
    await agent.get_by_role("button", name="Enregistrer le document").click()
    row = agent.get_by_role("row").filter(has_text="Tarifs 2027")
    await expect(row).to_be_visible()
    for name in ("Retirer Tarifs 2027", "Retirer Rentrée le 2"):
        await agent.get_by_role("button", name=name).click()
    await expect(agent.get_by_role("row").filter(has_text="Rentrée le 2")).to_have_count(0)


async def test_a_family_without_an_account_has_its_answer_on_paper(
    demo: Demo, agent: Page, office: Portal
) -> None:
    line = (await office.call("GET", "family/families?search=V0003"))["families"][1]
    family = await office.call("GET", f"family/families/{line['family']}")
    asked = {
        "child": family["children"][0]["id"], "activity": "canteen", "units": ["meal"],
        "day": "2026-12-01",
    }  # fmt: skip
    request = await office.call("POST", "booking/requests", {
        "family": line["family"], "asked": [asked], "on_behalf": {"channel": "paper"},
    })  # fmt: skip

    async def to_print() -> bool:
        mails = (await office.call("GET", "notify/mails?state=to_print"))["items"]
        return line["family"] in {one["family"] for one in mails}

    await eventually(to_print)
    await opened(agent, demo.at("/agents/courriels?etat=to_print"))
    row = agent.get_by_role("row").filter(has_text=line["reference"]).first
    await row.get_by_role("link", name="Ouvrir le courrier").click()
    letter = agent.get_by_role("article")
    names = "|".join(f"{one['first_name']} {one['last_name']}" for one in family["guardians"])
    await expect(letter.locator("address")).to_have_text(re.compile(names))
    await expect(letter).to_contain_text(request["number"])
    await expect(letter).to_contain_text("mardi 1er décembre 2026")
    await look(agent, "agents-courrier")

    await opened(agent, demo.at(f"/agents/familles/{line['family']}/pieces"))
    child = family["children"][0]["first_name"]
    document = f"Attestation d'assurance scolaire et extrascolaire – {child}"
    await agent.get_by_label("Pièce", exact=True).select_option(label=document)
    await agent.get_by_label("Fichier", exact=False).set_input_files(PNG)
    await agent.get_by_role("button", name="Ajouter la pièce").click()
    await expect(agent.get_by_role("status")).to_contain_text("1 pièce ajoutée")
    await expect(agent.get_by_role("link", name="certificat.png")).to_be_visible()


async def test_a_proof_that_was_seen_on_paper_is_entered(
    demo: Demo, elsewhere: Page, portals: PortalOf
) -> None:
    office = await portals("agent")
    line = (await office.call("GET", "family/families?search=A0002"))["families"][0]
    family = await office.call("GET", f"family/families/{line['family']}")
    child = family["children"][0]["id"]
    meal = {"child": child, "activity": "canteen", "units": ["meal"], "day": "2026-09-15"}
    about: dict[str, Any] = {"family": line["family"], "on_behalf": {"channel": "desk"}}
    aside = {"rules": ["deadline"], "reason": "Changement d'horaires."}
    booked = await office.call(
        "POST", "booking/requests", {**about, "asked": [meal], "override": aside}
    )

    async def issued() -> Any:
        found = await office.call("GET", f"billing/invoices?family={line['family']}&state=open")
        return found["items"]

    (due,) = await eventually(issued)
    await office.call("POST", "billing/office/payments", {
        "family": line["family"], "means": "cheque", "reference": "0009",
        "cents": due["total_cents"], "invoices": [due["invoice"]],
    })  # fmt: skip

    async def accepted() -> bool:
        found = await office.call("GET", f"booking/requests/{booked['id']}")
        return {one["state"] for one in found["lines"]} == {"accepted"}

    await eventually(accepted)
    absence = {"kind": "absence", "child": child, "first": "2026-09-15", "reason": "sick"}
    told = await office.call("POST", "booking/requests", {**about, "ends": [absence]})
    await opened(elsewhere, demo.at(f"/agents/demandes/{told['id']}", ANDANCETTE))
    await elsewhere.get_by_text("Enregistrer un justificatif vu sur papier").click()
    await elsewhere.get_by_label("Ce document est").select_option(label="Certificat médical")
    await look(elsewhere)
    await elsewhere.get_by_role("button", name="Enregistrer le justificatif").click()
    await expect(elsewhere.get_by_role("status")).to_contain_text("1 justificatif enregistré")
    (seen,) = (await office.call("GET", f"booking/requests/{told['id']}"))["lines"]
    assert (seen["given"]["kind"], seen["given"]["channel"]) == ("medical-certificate", "desk")
