"""What agents read for each state, kind and result."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final


def outcome(status: int | None) -> str:
    """What an act in the audit came to, by the API's status."""
    if not status:
        return ""
    return "faite" if status < 400 else f"refusée ({status})" if status < 500 else "en panne"


#: What came of one line of an act on many: words, that agree with how many, and their tone.
RESULTS: Final = MappingProxyType({
    "accepted": ("acceptée(s), réponse enregistrée", "good"),
    "refused": ("refusée(s), réponse enregistrée", "good"),
    "already-decided": ("déjà décidée(s) entre-temps", "waiting"),
    "full": ("sans place : plus de place ce jour-là", "bad"),
    "already-booked": ("déjà réservée(s)", "bad"),
    "not-offered": ("plus proposée(s) par la ville", "bad"),
    "not-possible": ("impossible(s) dans cet état", "bad"),
    "not-found": ("introuvable(s)", "bad"),
    "answer-unknown": ("avec une réponse que la ville n'a plus", "bad"),
    "give-back-missing": ("à compléter : dites ce que l'annulation rend", "bad"),
    "booked-together": ("réservée(s) à la semaine : à décider ensemble et pareillement", "bad"),
    "not-given": ("sans justificatif envoyé", "bad"),
    "sent": ("demande envoyée pour la famille", "good"),
    "taken-back": ("demande retirée pour la famille", "good"),
    "waiting": ("toujours en attente", "waiting"),
    "withdrawn": ("retirée(s) par la famille entre-temps", "waiting"),
    "replaced": ("remplacée(s) par la famille entre-temps", "waiting"),
    "merged": ("dossier réuni à celui-ci", "good"),
    "separated": ("dossier séparé à nouveau", "good"),
    "split": ("dossier créé pour qui part", "good"),
    "transferred": ("dossier complété des enfants transférés", "good"),
    "credited": ("avoir donné", "good"),
    "to-transfer": ("virement à faire, parmi les virements", "good"),
    "rewritten": ("publication modifiée", "good"),
    "founded": ("dossier créé ; sous « Accès au portail », de quoi se connecter", "good"),
    "written": ("information(s) enregistrée(s)", "good"),
    "joined": ("personne ajoutée au dossier", "good"),
    "left": ("personne retirée du dossier", "good"),
    "measured": ("décision enregistrée ; elle vaut aussitôt", "good"),
    "drafted": ("mois préparé : lisez les brouillons", "good"),
    "nothing-drafted": ("mois préparé : rien à facturer", "good"),
    "issued": ("émission demandée : les factures partent", "good"),
    "corrected": ("ligne corrigée", "good"),
    "seen-to": ("affaire traitée", "good"),
    "reversed": ("paiement annulé", "good"),
    "checked": ("paiement vérifié auprès de PayFiP", "good"),
    "entered": ("paiement enregistré", "good"),
    "handed-over": ("virement remis au Trésor", "good"),
    "published": ("publication en ligne", "good"),
    "taken-away": ("publication retirée", "good"),
    "changed": ("compte modifié ; ses droits suivent d'ici cinq minutes", "good"),
    "factor-reset": ("second facteur retiré", "good"),
    "rules-saved": ("version publiée : elle vaut dès maintenant", "good"),
    "set": ("réglage(s) enregistré(s) : visible(s) d'ici une minute", "good"),
    "revoked": ("retirée : elle n'ouvre plus rien", "good"),
    "unlinked": ("compte délié ; il n'a plus accès d'ici cinq minutes", "good"),
    "invited": ("invitation envoyée par courriel", "good"),
    "has-account": ("personne invitée a déjà un compte relié", "waiting"),
    "collecting": ("collecte demandée : le fichier se prépare", "good"),
    "settling": ("collecte réglée : les paiements s'enregistrent", "good"),
    "called-off": ("collecte annulée", "good"),
    "sent-back": ("rejet enregistré", "good"),
    "given": ("pièce ajoutée au dossier", "good"),
    "proved": ("justificatif enregistré", "good"),
    "kept": ("pièce gardée dans le dossier de la famille", "good"),
})  # fmt: skip

GIVES_BACK: Final = MappingProxyType({
    "credit": "un avoir",
    "refund": "un remboursement par virement",
    "nothing": "rien",
    "carry_over": "un report",
})  # fmt: skip
EFFECTS: Final = MappingProxyType({
    "cancelled": "annulée", "free": "non facturée", "to_prove": "à justifier",
    "billed": "facturée", "keep_percent": "facturée en partie", "price": "facturée à un prix fixe",
    "surcharge": "avec un supplément", "credit": "donne un avoir", "refund": "est remboursée",
    "carry_over": "est reportée", "collect": "facturée",
})  # fmt: skip
#: What a family may want, where an agent tries the rules, and what it comes to.
ACTIONS: Final = MappingProxyType({
    "book": "réserver", "cancel": "annuler", "change": "modifier une réservation",
    "absence": "signaler une absence", "proof": "envoyer un justificatif", "pay": "payer",
    "attend": "venir sans avoir réservé",
})  # fmt: skip
TRIED: Final = MappingProxyType({
    "accept": "Oui", "surcharge": "Oui, avec un supplément", "refuse": "Non",
    "ask_agent": "À décider par un agent", "waiting_list": "Oui, en liste d'attente",
    "free_with_proof": "Oui, gratuit sur justificatif", "cancelled": "Oui, annulé",
    "free": "Oui, non facturé", "to_prove": "Oui, à justifier", "billed": "Oui, facturé",
    "keep_percent": "Oui, facturé en partie", "price": "Oui, à un prix fixe",
    "credit": "Oui, donne un avoir", "refund": "Oui, remboursé", "carry_over": "Oui, reporté",
    "collect": "Oui, facturé",
})  # fmt: skip
CHANNELS: Final = MappingProxyType({
    "online": "en ligne", "phone": "par téléphone", "desk": "au guichet", "paper": "sur papier",
})  # fmt: skip
ACTS: Final = MappingProxyType({
    "set": "Modification", "add": "Ajout", "remove": "Départ",
})  # fmt: skip
HAPPENED: Final = MappingProxyType({
    "asked": "Demandée", "accepted": "Acceptée", "refused": "Refusée", "withdrawn": "Retirée",
    "proof_given": "Justificatif envoyé", "proof_accepted": "Justificatif accepté",
    "proof_refused": "Justificatif refusé", "proof_missing": "Justificatif non reçu à temps",
    "cancelled": "Annulée", "changed": "Modifiée", "absent": "Absence signalée",
    "requested": "Demandée",
})  # fmt: skip
PROOF_STATES: Final = MappingProxyType({
    "given": ("À vérifier", "clock", "waiting"),
    "accepted": ("Accepté", "check", "good"),
    "refused": ("Refusé", "cross", "bad"),
})  # fmt: skip

#: How far an erasure is, and what holds it back.
ERASURES: Final = MappingProxyType({
    "checking": ("Vérification en cours", "clock", "waiting"),
    "held-back": ("Retenu", "noentry", "bad"),
    "cleared": ("Effacement en cours", "clock", "waiting"),
    "erased": ("Effacé", "check", "good"),
})  # fmt: skip
HOLDS: Final = MappingProxyType({
    "booked-in-the-future": "une réservation à venir",
    "waiting-for-an-answer": "une demande en attente de réponse",
    "to-be-invoiced": "des prestations à facturer",
    "unpaid": "de l'argent en suspens",
    "invoice": "une facture à payer", "payment": "un paiement en cours",
    "credit": "un avoir ou une dette", "transfer": "un virement à faire",
})  # fmt: skip
MOVES: Final = MappingProxyType({
    "merge": "Un dossier a été réuni à celui-ci", "undo": "Un dossier a été séparé à nouveau",
    "split": "Un responsable est parti avec son propre dossier",
    "transfer": "Des enfants ont changé de dossier",
})  # fmt: skip
KEY_STATES: Final = MappingProxyType({
    "open": ("Ouverte", "clock", "waiting"),
    "used": ("Utilisée", "check", "good"),
    "revoked": ("Retirée", "undo", "quiet"),
    "expired": ("Expirée", "warning", "quiet"),
})  # fmt: skip
#: What an agent may disregard, with a reason.
RULES: Final = MappingProxyType({
    "deadline": "le délai", "places": "le nombre de places",
    "eligibility": "les conditions d'accès", "week": "la composition de la semaine",
    "enrolment": "l'inscription préalable",
    "documents": "les pièces manquantes",
})  # fmt: skip
MEANS: Final = MappingProxyType({
    "payfip": "PayFiP, en ligne", "desk_card": "Carte au guichet", "cheque": "Chèque",
    "cash": "Espèces", "cesu": "CESU", "holiday_voucher": "Chèque-vacances",
    "direct_debit": "Prélèvement",
})  # fmt: skip
PAYMENTS: Final = MappingProxyType({
    "created": ("Commencé", "clock", "quiet"),
    "redirected": ("Chez PayFiP", "clock", "waiting"),
    "pending": ("En cours", "clock", "waiting"),
    "refused": ("Refusé", "cross", "bad"),
    "abandoned": ("Abandonné", "undo", "quiet"),
    "expired": ("Sans suite", "undo", "quiet"),
    "undetermined": ("À éclaircir", "warning", "bad"),
    "paid": ("Reçu", "check", "good"),
    "reversed": ("Annulé", "undo", "quiet"),
})  # fmt: skip
COLLECTIONS: Final = MappingProxyType({
    "making": ("En préparation", "clock", "waiting"),
    "announcing": ("Annonce aux familles", "clock", "waiting"),
    "made": ("Prête", "check", "good"),
    "settling": ("Règlement en cours", "clock", "waiting"),
    "settled": ("Réglée", "check", "good"),
    "cancelling": ("Annulation en cours", "clock", "waiting"),
    "cancelled": ("Annulée", "undo", "quiet"),
    "empty": ("Rien à prélever", "undo", "quiet"),
})  # fmt: skip
DEBITS: Final = MappingProxyType({
    "planned": ("Prévu", "clock", "quiet"),
    "ready": ("Prêt", "clock", "quiet"),
    "announced": ("Annoncé", "mail", "waiting"),
    "settled": ("Réglé", "check", "good"),
    "rejected": ("Rejeté", "cross", "bad"),
    "returned": ("Rejeté après règlement", "cross", "bad"),
    "cancelled": ("Annulé", "undo", "quiet"),
    "dropped": ("Mis de côté", "undo", "quiet"),
})  # fmt: skip
#: Why something has no price.
#: Of an import of families; one whose file has errors was refused as a whole.
IMPORT_STATES: Final = MappingProxyType({
    "running": ("En cours", "clock", "waiting"),
    "interrupted": ("Interrompu", "warning", "bad"),
    "finished": ("Terminé", "check", "good"),
    "refused": ("Rien n'est importé", "warning", "bad"),
})  # fmt: skip

LEFT_ASIDE: Final = MappingProxyType({
    "no-tariff": "aucun tarif", "activity-removed": "activité supprimée",
    "time-unknown": "heure inconnue", "surcharge-unstated": "supplément non précisé",
    "nobody-invoiced": "personne à facturer", "changed-since-draft": "changé depuis le brouillon",
    "reckoning-failed": "erreur de calcul",
})  # fmt: skip
MAILS: Final = MappingProxyType({
    "due": ("À envoyer", "clock", "waiting"),
    "sending": ("En cours", "clock", "waiting"),
    "sent": ("Envoyé", "check", "good"),
    "to_print": ("À imprimer", "paper", "waiting"),
    "not_entitled": ("Sans destinataire", "undo", "quiet"),
    "permanent": ("Refusé par le serveur", "cross", "bad"),
    "technical": ("Échec technique", "warning", "bad"),
})  # fmt: skip
MAIL_KINDS: Final = MappingProxyType({
    "activation": "Activation de l'espace", "invitation": "Invitation d'une famille",
    "agent-invitation": "Invitation d'un agent", "account-closing": "Fermeture de l'espace",
    "password-reset": "Mot de passe oublié", "email-change": "Nouvelle adresse à confirmer",
    "email-changed": "Adresse changée", "login-mean-changed": "Moyen de connexion changé",
    "acknowledgement": "Accusé de réception", "withdrawal": "Demande retirée",
    "proof": "Justificatif reçu", "outcome": "Réponse aussitôt", "digest": "Récapitulatif",
    "invoice": "Facture ou avoir", "payment": "Paiement reçu", "enrolment": "Inscription reçue",
    "enrolment-accepted": "Inscription acceptée", "enrolment-refused": "Inscription refusée",
    "enrolment-withdrawn": "Inscription retirée", "dossier-change": "Modification reçue",
    "dossier-decided": "Modification décidée", "document-refused": "Pièce refusée",
    "document-expiring": "Pièce bientôt périmée", "document-expired": "Pièce périmée",
    "letter": "Message reçu", "letter-answered": "Réponse à un message",
    "registration-sent": "Nouveau dossier reçu", "registration-accepted": "Nouveau dossier accepté",
    "registration-refused": "Nouveau dossier refusé", "direct-debit": "Demande de prélèvement",
    "debit": "Prélèvement annoncé ou rejeté",
})  # fmt: skip
#: What somebody read that is sensitive.
READINGS: Final = MappingProxyType({
    "health_sheet": "une fiche sanitaire", "health_signs": "qui a une allergie ou un PAI",
    "health_document": "une pièce de santé", "bank_details": "des coordonnées bancaires",
})  # fmt: skip
AGENTS: Final = MappingProxyType({
    "invited": ("Invité", "mail", "waiting"),
    "active": ("Actif", "check", "good"),
    "suspended": ("Suspendu", "lock", "bad"),
    "ended": ("Terminé", "undo", "quiet"),
})  # fmt: skip
SERVICES: Final = MappingProxyType({
    "identity": "Comptes et accès", "family": "Dossiers des familles", "booking": "Réservations",
    "billing": "Facturation", "notify": "Courriels",
})  # fmt: skip


_WAITS: Final = MappingProxyType({
    "away": "serveur de courriel injoignable", "waiting for a copy": "attend une information",
})  # fmt: skip


def failed(failure: str) -> str:
    """Why a mail is not sent, from the log of mails: « away », or the mail server's own reply."""
    if failure in _WAITS:
        return _WAITS[failure]
    code = re.search(r"\b[45]\d\d\b", failure)
    return f"réponse {code[0]} du serveur de courriel" if code else "erreur inattendue"
