"""Who consumes what: the one table from which every process declares the topology.

A test holds it against each service's table of reactions.
"""

from __future__ import annotations

from shared.bus.port import Subscriptions
from shared.contracts import billing, booking, family, identity, notify
from shared.events import Event

_TABLE: dict[str, tuple[type[Event], ...]] = {
    "identity": (family.FamilyChanged, family.PersonErased, family.RegistrationDecided),
    "family": (
        identity.KeysRotated,
        identity.TownChanged,
        identity.QuotientReceived,
        booking.RequestChanged,
        family.RequestChanged,
        booking.ErasureAnswered,
        billing.ErasureAnswered,
        identity.PersonErased,
    ),
    "booking": (
        identity.KeysRotated,
        identity.TownChanged,
        identity.PersonErased,
        family.FamilyChanged,
        family.ErasureAsked,
        family.PersonErased,
        family.DocumentChanged,
        billing.InvoiceSettled,
        billing.PaidLate,
        billing.PaymentExpired,
    ),
    "billing": (
        identity.KeysRotated,
        identity.TownChanged,
        identity.PersonErased,
        family.FamilyChanged,
        family.ErasureAsked,
        family.PersonErased,
        booking.BookingAccepted,
        booking.BookingRefused,
        booking.BookingWithdrawn,
        booking.DecidedUpTo,
        booking.PaymentAwaited,
    ),
    "notify": (
        identity.KeysRotated,
        identity.TownChanged,
        identity.AccountChanged,
        identity.ActivationRequested,
        identity.GuardianInvited,
        identity.AgentInvited,
        identity.PasswordResetRequested,
        identity.EmailChangeRequested,
        identity.EmailChanged,
        identity.LoginMeanChanged,
        identity.AccountClosing,
        identity.PersonErased,
        family.FamilyChanged,
        family.DossierChangeRequested,
        family.DossierChangeDecided,
        family.DocumentDecided,
        family.DocumentExpiring,
        family.DocumentExpired,
        family.LetterSent,
        family.LetterAnswered,
        family.PersonErased,
        family.RegistrationSent,
        family.RegistrationDecided,
        booking.BookingRequested,
        booking.BookingWithdrawn,
        booking.ProofGiven,
        booking.BookingAccepted,
        booking.BookingRefused,
        booking.DecisionsCompleted,
        booking.DecidedUpTo,
        booking.EnrolmentRequested,
        booking.EnrolmentAccepted,
        booking.EnrolmentRefused,
        booking.EnrolmentWithdrawn,
        billing.InvoiceIssued,
        billing.PaymentReceived,
        billing.DirectDebitChanged,
        billing.DebitChanged,
    ),
}

SUBSCRIPTIONS: Subscriptions = {
    service: frozenset(contract.type for contract in contracts)
    for service, contracts in _TABLE.items()
}

#: Contracts that no service consumes; they are for other municipal systems and for the record.
FOR_OTHERS: tuple[type[Event], ...] = (
    identity.AccountActivated,
    identity.FamilyLinked,
    identity.FamilyUnlinked,
    family.DocumentSubmitted,
    family.LetterContinued,
    family.LetterClosed,
    billing.CreditGranted,
    billing.CreditRefunded,
    billing.CreditUsed,
    billing.InvoiceReopened,
    billing.PaymentReversed,
    billing.TaskDone,
    billing.TaskOpened,
    notify.DigestSent,
    notify.MailFailed,
)
