"""What an entry of the audit says, in agents' words: what was done, to what."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from services.portal.pages.desk.words import READINGS

_DONE: Final = MappingProxyType({
    "GET": "a consulté", "POST": "a enregistré", "PUT": "a modifié", "DELETE": "a retiré",
})  # fmt: skip
#: What a route is about, by its last part that has a name; by its last two where that is not
#: enough.
_ABOUT: Final = MappingProxyType({
    "acceptances": "acceptation d'un prélèvement", "accounts": "compte d'une famille",
    "families/accounts": "compte relié à une famille", "activities": "activités",
    "addresses": "adresses", "agents": "agents", "answers": "réponses de la commune",
    "attending-children": "enfants de ses sites", "audit": "journal d'audit",
    "bank-details": "coordonnées bancaires",
    "cancellations": "annulation d'une collecte", "change-decisions": "décision sur un dossier",
    "changes": "modification d'un dossier", "charges": "prestations",
    "checks": "vérification d'un paiement", "choices": "choix de la facture en ligne",
    "collections": "collecte", "completions": "affaire traitée",
    "corrections": "correction d'un brouillon", "credits": "avoir",
    "debits": "prélèvements d'une collecte", "decision": "décision sur un nouveau dossier",
    "decisions": "décision sur une demande", "direct-debit": "prélèvement d'une famille",
    "direct-debits": "prélèvements", "direct-debit/recaps": "récapitulatif d'un prélèvement",
    "direct-debit/requests": "demande de prélèvement",
    "document-decisions": "décision sur une pièce", "document.pdf": "facture",
    "documents": "pièce", "dossier": "dossier", "dossier-fields": "questions du dossier",
    "duplicates": "dossiers qui se ressemblent", "ends": "fin d'un prélèvement",
    "enrolment-decisions": "décision sur une inscription",
    "enrolment-requests": "demandes d'inscription", "enrolments": "inscription",
    "erasures": "effacement d'une famille", "families": "famille",
    "families-export": "export des familles", "families/transfers": "enfant changé de dossier",
    "family-keys": "clé d'une famille", "family-names": "noms de familles",
    "family-planning": "planning d'une famille", "feed": "demandes d'une famille",
    "file": "fichier d'une collecte", "files": "fichier", "health-sheet": "fiche sanitaire",
    "imports": "import de familles", "invitations": "invitation",
    "invoice-drafts": "brouillons de factures", "invoice-runs": "émission de factures",
    "invoices": "facture", "letter-categories": "thématiques des messages",
    "letter": "courrier à imprimer", "letters": "message d'une famille",
    "letters.pdf": "courrier d'une clé",
    "mails": "journal des courriels", "mandate.pdf": "mandat de prélèvement",
    "measures": "droits d'un responsable", "merges": "réunion de dossiers",
    "messages": "réponse à une famille", "moves": "mouvements d'un dossier",
    "news": "actualité", "online-invoice": "adhésion à la facture en ligne",
    "online-invoice/recaps": "récapitulatif de la facture en ligne",
    "paper-access-letters": "accès sur papier", "paper-accesses": "accès sur papier",
    "payment-means": "moyens de paiement", "payments": "paiement", "planning": "planning",
    "price-trials": "essai d'un tarif", "proof-decisions": "décision sur un justificatif",
    "proofs": "justificatif", "published-documents": "document publié", "quotes": "devis",
    "quotients": "quotient familial", "reading": "lecture d'un message",
    "recaps": "récapitulatif d'une demande", "refunds": "remboursement",
    "refusals": "refus d'un prélèvement", "registrations": "nouvelle famille",
    "requests": "demande", "resumptions": "reprise d'un prélèvement",
    "returns": "rejet d'un prélèvement", "reversals": "annulation d'un paiement",
    "revocations": "abandon d'un prélèvement", "rule-trials": "essai du règlement",
    "second-factor": "second facteur", "sensitive-reads": "lectures sensibles",
    "sent": "virement remis au Trésor", "settlements": "règlement d'une collecte",
    "splits": "séparation d'un dossier", "state": "suite d'un message", "tablets": "tablette",
    "tasks": "affaires", "town-file": "règlement de la commune", "transfers": "virements",
    "undo": "retour sur une réunion de dossiers", "versions": "versions du règlement",
    "waiting-documents": "pièces à vérifier", "withdrawal": "retrait d'une pièce",
    "withdrawals": "retrait d'une demande",
    # Of one's own account.
    "account-closures": "fermeture de son compte", "email-changes": "adresse électronique",
    "family-links": "lien avec une famille", "invited-links": "lien avec une famille",
    "link-authorizations": "lien avec FranceConnect", "login-means": "moyen de connexion",
    "login-name-changes": "identifiant", "login-session": "sa session",
    "login-sessions": "ses sessions", "logouts": "fin de session FranceConnect",
    "me": "son compte", "my-towns": "ses communes", "notice": "notice d'information",
    "notice-readings": "notice lue", "other-login-sessions": "ses autres sessions",
    "password-changes": "mot de passe", "personal-data": "ses données personnelles",
    "personal-data.pdf": "ses données personnelles", "pins": "code de tablette",
    "recovery-codes": "codes de secours", "registration": "dossier en ligne",
    "registration/sent": "dossier en ligne envoyé",
    "second-factor/proofs": "code du second facteur", "town-switches": "passage à une autre ville",
})  # fmt: skip


def acted(method: str, route: str) -> str | None:
    """« a consulté : facture » for ``GET`` and ``/invoices/{invoice}``; nothing where it has no
    words."""
    named = [part for part in route.split("/") if part and not part.startswith("{")]
    about = _ABOUT.get("/".join(named[-2:])) or _ABOUT.get(named[-1])
    return about and f"{_DONE[method]} : {about}"


def told(entry: Mapping[str, Any]) -> str:
    """What somebody did or read; as the API names it where there are no words for it."""
    if entry["kind"] == "read":
        return f"a lu : {READINGS.get(entry['what'], entry['what'])}"
    return acted(entry["method"], entry["route"]) or f"{entry['method']} {entry['route']}"
