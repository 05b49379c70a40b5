"""What booking does when a family or an account is erased. Bookings themselves stay, under ids that
name nobody: the town counts them."""

from __future__ import annotations

from services.booking.store.documents import DOCUMENTS
from services.booking.store.enrolments import ENROLMENTS
from services.booking.store.requests import REQUESTS
from shared.erasure import Erasing, LegalHold, of_account, of_family

_SENT = ("sent.comment", "sent.override")
ERASED = (
    Erasing(
        REQUESTS,
        of_family,
        fields=(
            "comment", "override", "attachments", "lines.*.reason.text",
            "lines.*.receipt.reason.text", "lines.*.given.documents", "lines.*.given.reason",
            "history.*.reason",
        ),
    ),
    Erasing(
        ENROLMENTS,
        of_family,
        fields=(
            *_SENT, "sent.documents", "reason.text", "unbooked.text", "history.*.reason",
        ),
    ),
    Erasing(DOCUMENTS, of_family),
    Erasing(REQUESTS, of_account, fields=("comment",)),
    Erasing(
        ENROLMENTS,
        lambda gone: {"town": gone.town, "sent.account": gone.account} if gone.account else None,
        fields=("sent.comment",),
    ),
)  # fmt: skip
HELD: tuple[LegalHold, ...] = ()
