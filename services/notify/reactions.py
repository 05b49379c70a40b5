"""When X happened, do Y. Copies are one guarded write each, older ones skipped; the rest inserts
new documents whose ids derive from the event's. ``decided-up-to`` waits for all before it."""

from __future__ import annotations

from functools import partial

from services.notify.commands import documents, dossiers, enrolments, intentions, letters
from services.notify.erasure import ERASED
from services.notify.state import Notify
from shared.bus.consumer import Reaction, on
from shared.contracts.billing import (
    DebitChanged,
    DirectDebitChanged,
    InvoiceIssued,
    PaymentReceived,
)
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingRequested,
    BookingWithdrawn,
    DecidedUpTo,
    DecisionsCompleted,
    EnrolmentAccepted,
    EnrolmentRefused,
    EnrolmentRequested,
    EnrolmentWithdrawn,
    ProofGiven,
)
from shared.contracts.family import (
    DocumentDecided,
    DocumentExpired,
    DocumentExpiring,
    DossierChangeDecided,
    DossierChangeRequested,
    FamilyChanged,
    LetterAnswered,
    LetterSent,
    RegistrationDecided,
    RegistrationSent,
)
from shared.contracts.identity import (
    AccountChanged,
    AccountClosing,
    ActivationRequested,
    AgentInvited,
    EmailChanged,
    EmailChangeRequested,
    GuardianInvited,
    LoginMeanChanged,
    PasswordResetRequested,
    TownChanged,
)
from shared.erasure import erasure_reactions
from shared.store import Store


def reactions(notify: Notify, store: Store) -> list[Reaction]:
    """Notify's table."""
    return [
        notify.keys.reaction,
        on(TownChanged, partial(intentions.hear_town, notify)),
        on(AccountChanged, notify.directory.keep_contact),
        on(FamilyChanged, notify.directory.households.keep),
        on(ActivationRequested, partial(intentions.write_activation, notify)),
        on(GuardianInvited, partial(intentions.write_invitation, notify)),
        on(AgentInvited, partial(intentions.write_agent_invitation, notify)),
        on(PasswordResetRequested, partial(intentions.write_password_reset, notify)),
        on(EmailChangeRequested, partial(intentions.write_email_change, notify)),
        on(EmailChanged, partial(intentions.write_email_changed, notify)),
        on(LoginMeanChanged, partial(intentions.write_login_mean_changed, notify)),
        on(AccountClosing, partial(intentions.write_closing, notify)),
        on(BookingRequested, partial(intentions.write_acknowledgement, notify)),
        on(BookingWithdrawn, partial(intentions.write_withdrawal, notify)),
        on(ProofGiven, partial(intentions.write_proof_receipt, notify)),
        on(BookingAccepted, partial(intentions.hear_outcomes, notify)),
        on(BookingRefused, partial(intentions.hear_outcomes, notify)),
        on(DecisionsCompleted, partial(intentions.hear_batch, notify)),
        on(DecidedUpTo, partial(intentions.hear_progress, notify), after_all=True),
        on(EnrolmentRequested, partial(enrolments.write_receipt, notify)),
        on(EnrolmentAccepted, partial(enrolments.write_acceptance, notify)),
        on(EnrolmentRefused, partial(enrolments.write_refusal, notify)),
        on(EnrolmentWithdrawn, partial(enrolments.write_withdrawal, notify)),
        on(DossierChangeRequested, partial(dossiers.write_receipt, notify)),
        on(DossierChangeDecided, partial(dossiers.write_answer, notify)),
        on(DocumentDecided, partial(documents.write_decision, notify)),
        on(DocumentExpiring, partial(documents.write_expiring, notify)),
        on(DocumentExpired, partial(documents.write_expired, notify)),
        on(LetterSent, partial(letters.write_receipt, notify)),
        on(LetterAnswered, partial(letters.write_answer, notify)),
        on(RegistrationSent, partial(dossiers.write_registration, notify)),
        on(RegistrationDecided, partial(dossiers.write_registration_answer, notify)),
        on(InvoiceIssued, partial(intentions.write_invoice, notify)),
        on(PaymentReceived, partial(intentions.write_receipt, notify)),
        on(DirectDebitChanged, partial(intentions.write_direct_debit, notify)),
        on(DebitChanged, partial(intentions.write_debit, notify)),
        *erasure_reactions(store, ERASED),
    ]
