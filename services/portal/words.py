"""What families and agents read for each state and kind, in the guides' words."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from shared.contracts.town_file import REQUEST_PROOFS

#: What a page says after something was done, by the name in its address.
MESSAGES: Final = MappingProxyType({
    "deconnecte": "Vous êtes déconnecté. Reconnectez-vous pour continuer.",
    "rien-de-fait": "Votre connexion est terminée : ce que vous venez de demander n'a pas été "
    "fait. Reconnectez-vous, puis recommencez.",
    "au-revoir": "Vous êtes déconnecté. À bientôt.",
    "famille-a-lier": "Pour continuer, reliez d'abord votre famille à votre espace.",
    "famille-liee": "Votre famille est reliée à votre espace.",
    "compte-cree": "Votre espace est créé. Un courriel vient de vous être envoyé : "
    "suivez son lien pour l'activer.",
    "compte-active": "Votre espace est activé. Vous pouvez vous connecter.",
    "activation-demandee": "Si un compte attend d'être activé, un courriel vient d'être envoyé : "
    "suivez son lien.",
    "mot-de-passe-demande": "Si un compte correspond, un courriel vient d'être envoyé.",
    "mot-de-passe-change": "Votre mot de passe est changé.",
    "adresse-demandee": "Un courriel de confirmation est parti à la nouvelle adresse.",
    "adresse-confirmee": "Votre nouvelle adresse est confirmée.",
    "espace-cree": "Bienvenue : votre espace est ouvert.",
    "espace-ouvert": "Bienvenue : votre espace est ouvert et relié à votre famille.",
    "appareils-deconnectes": "Vos autres appareils sont déconnectés.",
    "identifiant-change": "Votre identifiant est changé.",
    "franceconnect-lie": "FranceConnect est lié à votre espace : vous pouvez désormais vous "
    "connecter avec lui.",
    "franceconnect-delie": "FranceConnect est délié de votre espace : il ne vous y connecte plus.",
    "franceconnect-a-refaire": "Votre passage par FranceConnect est fini depuis trop longtemps. "
    "Recommencez-le.",
    "quotient-received": "Votre quotient familial est transmis à la mairie.",
    "quotient-not-known": "La CAF et la MSA ne vous connaissent pas : joignez une attestation à "
    "votre dossier.",
    "quotient-later": "La CAF et la MSA ne répondent pas pour l'instant. Réessayez plus tard, ou "
    "joignez une attestation à votre dossier.",
    "quotient-refused": "Votre quotient familial n'a pas pu être demandé : joignez une attestation "
    "à votre dossier.",
    "quotient-no-family": "Reliez d'abord votre famille à votre espace (Mes abonnements), puis "
    "redemandez votre quotient familial.",
    "fermeture-demandee": "La fermeture de votre compte est enregistrée. Un courriel vous dit "
    "comment le garder malgré tout.",
    "compte-garde": "Votre compte est gardé.",
    "demande-envoyee": "Votre demande est envoyée. Un accusé de réception vous parvient "
    "par courriel.",
    "demande-reglee": "Rien n'est à payer maintenant : vos places sont confirmées.",
    "demande-retiree": "Ce qui attendait une réponse est retiré.",
    "justificatif-envoye": "Votre justificatif est envoyé. La mairie le vérifie.",
    "modification-envoyee": "Vos modifications sont envoyées. Celles qui attendent la mairie "
    "sont marquées en jaune.",
    "modification-aucune": "Rien n'a été changé.",
    "sante-certifiee": "Les informations sur la santé sont certifiées.",
    "modification-retiree": "La modification est retirée.",
    "facture-en-ligne": "Votre choix est enregistré.",
    "prelevement-demande": "Votre demande de prélèvement est envoyée. La régie y répondra "
    "par courriel.",
    "prelevement-quitte": "Votre choix est enregistré : vos factures ne seront plus prélevées.",
    "dossier-garde": "Votre dossier est gardé. Rien n'est encore envoyé.",
    "dossier-envoye": "Votre dossier est envoyé à la mairie.",
    "document-envoye": "Votre document est envoyé.",
    "document-retire": "Le document est retiré.",
    "message-envoye": "Votre message est envoyé.",
    "inscription-envoyee": "Votre demande d'inscription est envoyée.",
})  # fmt: skip

#: Each status of a day in the planning: its words, and the icon beside them.
STATUSES: Final = MappingProxyType({
    "not_enrolled": ("Non inscrit", "dash"),
    "free": ("Inscrit", "circle"),
    "requested": ("Demande de réservation", "clock"),
    "to_pay": ("À payer", "euro"),
    "accepted": ("Accepté", "check"),
    "refused": ("Refusé", "cross"),
    "withdrawn": ("Retiré", "undo"),
    "cancel_requested": ("Demande d'annulation", "clock"),
    "absence_requested": ("Demande d'absence", "clock"),
    "cancel_refused": ("Annulation refusée", "cross"),
    "absence_refused": ("Absence refusée", "cross"),
    "cancelled": ("Annulé", "undo"),
    "absent": ("Absent", "away"),
})  # fmt: skip

REQUEST_KINDS: Final = MappingProxyType({
    "booking": "Réservation",
    "change": "Modification de réservation",
    "cancellation": "Annulation",
    "absence": "Absence",
    "enrolment": "Inscription",
    "record_change": "Modification du dossier",
    "document": "Pièce justificative",
    "letter": "Message à la mairie",
})  # fmt: skip

REQUEST_STATES: Final = MappingProxyType({
    "to_pay": ("À payer", "euro", "waiting"),
    "waiting": ("En attente", "clock", "waiting"),
    "accepted": ("Acceptée", "check", "good"),
    "refused": ("Refusée", "cross", "bad"),
    "partly": ("Acceptée en partie", "half", "mixed"),
    "withdrawn": ("Retirée", "undo", "quiet"),
    "answered": ("Réponse reçue", "check", "good"),
})  # fmt: skip

LINE_STATES: Final = MappingProxyType({
    "requested": ("En attente", "clock", "waiting"),
    "to_pay": ("À payer", "euro", "waiting"),
    "accepted": ("Acceptée", "check", "good"),
    "refused": ("Refusée", "cross", "bad"),
    "withdrawn": ("Retirée", "undo", "quiet"),
})  # fmt: skip

#: What the recap says will happen, by what validating would do.
WOULD: Final = MappingProxyType({
    "accepted": ("Accepté aussitôt", "check", "good"),
    "to_pay": ("À payer aussitôt", "euro", "waiting"),
    "requested": ("À décider par la mairie", "clock", "waiting"),
    "refused": ("Refusé", "cross", "bad"),
})  # fmt: skip

#: What an ending gives back, where it gives anything.
GIVES_BACK: Final = MappingProxyType({
    "credit": "Donne un avoir, déduit de votre prochaine facture",
    "refund": "Vous est remboursé",
    "carry_over": "Le montant est reporté",
    "paid": "Ce que vous avez payé vous est rendu",
})  # fmt: skip

LINE_KINDS: Final = MappingProxyType({
    "book": "Réservation",
    "change": "Modification",
    "cancel": "Annulation",
    "absence": "Absence",
})  # fmt: skip

#: Kinds of proofs that towns ask for; another kind is said as the town's file names it.
PROOFS: Final = MappingProxyType(
    {
        "medical-certificate": "Certificat médical",
        "certificate": "Attestation",
        "justification": "Justificatif",
        "statement": "Attestation sur l'honneur",
        "summons": "Convocation",
        "work-contract": "Contrat de travail",
    }
)
PROOF_STATES: Final = MappingProxyType(
    {
        "given": ("Justificatif envoyé", "clock", "waiting"),
        "accepted": ("Justificatif accepté", "check", "good"),
        "refused": ("Justificatif refusé", "cross", "bad"),
    }
)

#: What happened to a request, and by whom.
HAPPENED: Final = MappingProxyType({
    "asked": "Demande envoyée",
    "accepted": "Acceptée",
    "refused": "Refusée",
    "withdrawn": "Retirée",
    "answered": "La mairie a répondu",
    "message": "Nouveau message",
})  # fmt: skip
BY: Final = MappingProxyType(
    {"family": "par la famille", "rule": "par le règlement", "agent": "par la mairie"}
)

INVOICE_STATES: Final = MappingProxyType({
    "open": ("Non réglée", "clock", "waiting"),
    "settled": ("Réglée", "check", "good"),
    "carried": ("Reportée", "undo", "quiet"),
    "void": ("Annulée", "undo", "quiet"),
})  # fmt: skip

DEBIT_REQUESTS: Final = MappingProxyType({
    "waiting": ("En attente de la régie", "clock", "waiting"),
    "refused": ("Refusée", "cross", "bad"),
    "withdrawn": ("Retirée", "undo", "quiet"),
})  # fmt: skip
MANDATES: Final = MappingProxyType({
    "active": ("En cours", "check", "good"),
    "suspended": ("Suspendu", "warning", "bad"),
    "ended": ("Terminé", "undo", "quiet"),
})  # fmt: skip

PAYMENT_STATES: Final = MappingProxyType({
    "created": "en cours",
    "redirected": "en cours",
    "pending": "en cours",
    "refused": "refusé",
    "abandoned": "abandonné",
    "expired": "sans suite",
    "undetermined": "en vérification",
    "paid": "reçu",
    "reversed": "annulé",
})  # fmt: skip

LEVELS: Final = MappingProxyType({
    "TPS": "toute petite section", "PS": "petite section", "MS": "moyenne section",
    "GS": "grande section",
})  # fmt: skip
#: What a field of a dossier wants, by its kind, where that does not go without saying.
HINTS: Final = MappingProxyType({
    "birth_place": "Son code INSEE, en cinq caractères : 75107 pour Paris 7e, 69123 pour Lyon. Il "
    "ne sert qu'à demander votre quotient familial à la CAF ou à la MSA.",
    "birth_country": "Son code INSEE, en cinq chiffres : 99100 pour la France.",
    "tax_reference": "Treize chiffres, en haut de votre avis d'impôt.",
})  # fmt: skip
OWNERS: Final = MappingProxyType({
    "household": "Le foyer", "guardian": "Responsable", "child": "Enfant", "contact": "Contact",
})  # fmt: skip
CONTACTS: Final = MappingProxyType(
    {"emergency": "à prévenir en cas d'urgence", "authorised_collector": "peut venir chercher"}
)
WEEKDAYS: Final = (
    ("monday", "lundi"), ("tuesday", "mardi"), ("wednesday", "mercredi"),
    ("thursday", "jeudi"), ("friday", "vendredi"), ("saturday", "samedi"), ("sunday", "dimanche"),
)  # fmt: skip

DOCUMENT_STATES: Final = MappingProxyType({
    "pending": ("En attente", "clock", "waiting"),
    "accepted": ("Accepté", "check", "good"),
    "refused": ("Refusé", "cross", "bad"),
    "expired": ("Périmé", "warning", "bad"),
    "withdrawn": ("Retiré", "undo", "quiet"),
    "removed": ("Supprimé", "undo", "quiet"),
    "replaced": ("Remplacé", "undo", "quiet"),
})  # fmt: skip
#: Types of documents that are decided with the request that they go with.
WITH_REQUESTS: Final = frozenset(one.id for one in REQUEST_PROOFS.values())
LETTER_STATES: Final = MappingProxyType({
    "new": ("Envoyé", "mail", "waiting"),
    "in_progress": ("En cours", "clock", "waiting"),
    "answered": ("Réponse donnée", "check", "good"),
    "closed": ("Clos", "undo", "quiet"),
})  # fmt: skip
ENROLMENT_STATES: Final = MappingProxyType({
    "requested": ("En attente", "clock", "waiting"),
    "accepted": ("Inscrit", "check", "good"),
    "refused": ("Refusée", "cross", "bad"),
    "withdrawn": ("Retirée", "undo", "quiet"),
})  # fmt: skip
PATTERNS: Final = MappingProxyType({
    "casual": "Je réserverai ponctuellement",
    "weekly": "Chaque semaine, les mêmes jours",
})  # fmt: skip
STEPS: Final = MappingProxyType({
    "household": "Le foyer",
    "guardians": "Les responsables",
    "children": "Les enfants",
    "complements": "Les compléments",
    "pattern": "La réservation",
    "documents": "Les documents",
})  # fmt: skip

#: What is kept, what for, by what right and how long: the page about personal data.
_TASK: Final = "Mission d'intérêt public de la commune (RGPD, article 6.1.e)"
_LAW: Final = "Obligation légale (RGPD, article 6.1.c)"
_WHILE_OPEN: Final = "Tant que le dossier est ouvert ; effacées avec lui."
PROCESSING: Final = (
    ("Compte : nom, courriel, téléphone, identifiant", "Vous connecter et vous écrire", _TASK,
     "Jusqu'à la fermeture du compte, puis sept jours pour y renoncer."),
    ("Dossier : responsables, enfants, contacts, pièces justificatives",
     "Inscrire et accueillir vos enfants, joindre qui il faut", _TASK, _WHILE_OPEN),
    ("Fiche sanitaire", "La sécurité de votre enfant pendant l'accueil",
     f"{_TASK} ; votre accord, en la remplissant (article 9.2.a)", _WHILE_OPEN),
    ("Quotient familial, numéro d'allocataire", "Calculer vos tarifs", _TASK, _WHILE_OPEN),
    ("Inscriptions, réservations, absences, messages", "Organiser l'accueil et vous répondre",
     _TASK, _WHILE_OPEN),
    ("Factures et paiements", "Facturer, encaisser et tenir les comptes publics", _LAW,
     "Dix ans (code de commerce, article L123-22)."),
    ("IBAN et mandat de prélèvement", "Prélever vos factures si vous l'avez demandé",
     "Votre demande (article 6.1.b)", "Jusqu'à la fin du mandat ; ses pièces comptables, dix ans."),
    ("Droit à l'image et autres autorisations", "Savoir ce que vous permettez",
     "Votre accord (article 6.1.a), que vous pouvez retirer", _WHILE_OPEN),
    ("Journal des lectures et des actes des agents", "Contrôler qui a lu ou changé quoi", _LAW,
     "Un an."),
)  # fmt: skip
