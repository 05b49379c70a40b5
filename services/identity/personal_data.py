"""What identity holds of the bearer."""

from __future__ import annotations

from services.identity.commands.base import Identity
from services.identity.store.accounts import account_of
from shared.auth import FamilyScope
from shared.errors import not_found
from shared.personal_data import Section, section

_PROVIDERS = {"franceconnect": "FranceConnect"}
_PURPOSES = {"quotient": "Demande du quotient familial"}


async def collect(identity: Identity, scope: FamilyScope) -> list[Section]:
    """The account, its towns and families, what else opens it, what its holder agreed to, and where
    it is logged in."""
    document = await identity.store.account(scope.account)
    if document is None:
        raise not_found("ce compte")
    account = account_of(document)
    address, calls = account.postal_address, account.telephones
    return [
        section("Compte", [{
            "Identifiant": account.login_name,
            "Prénom": account.person.first_name,
            "Nom": account.person.last_name,
            "Adresse électronique": account.email,
            "Rue": address and address.street,
            "Complément": address and address.complement,
            "Code postal": address and address.postcode,
            "Ville": address and address.city,
            "Pays": address and address.country,
            "Téléphone mobile": calls and calls.mobile,
            "Téléphone fixe": calls and calls.landline,
            "Second facteur": account.second_factor is not None,
            "Code de tablette": account.tablet_pin is not None,
            "Créé le": account.created_at,
            "Suppression prévue le": account.closing and account.closing.due_at,
        }]),
        section("Communes", [
            {
                "Commune": one.town, "Depuis le": one.joined_at, "Rôles": one.roles,
                "Message d'accueil lu le": one.notice and one.notice.read_at,
            }
            for one in account.memberships
        ]),
        section("Familles rattachées", [
            {"Commune": one.town, "Dossier": link.family, "Depuis le": link.since}
            for one in account.memberships
            for link in one.families
        ]),
        section("Rattachements retirés", [
            {"Commune": one.town, "Dossier": gone.family, "Retiré le": gone.at}
            for one in account.memberships
            for gone in one.withdrawn_links
        ]),
        section("Identités fédérées", [
            {
                "Fournisseur": _PROVIDERS.get(one.provider, one.provider),
                "Identifiant chez le fournisseur": one.key, "Liée le": one.linked_at,
            }
            for one in account.federated
        ]),
        section("Consentements", [
            {
                "Objet": _PURPOSES[one.purpose], "Version du texte": one.text_version,
                "Donné le": one.given_at,
            }
            for one in account.consents
        ]),
        section("Connexions", [
            {"Commune": one.town, "Appareil": one.device, "Ouverte le": one.created_at}
            for one in await identity.store.sessions_of(account.id)
        ]),
    ]  # fmt: skip
