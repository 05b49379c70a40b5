"""Whether a supporting document that family keeps may serve an enrolment."""

from __future__ import annotations

from datetime import date

from shared.contracts.booking import Reason
from shared.contracts.family import DocumentChanged, DocumentState

_UNKNOWN = Reason(
    code="document-unknown",
    text="Ce document n'est pas connu pour cet enfant. Envoyez-le d'abord ; si c'est déjà fait,"
    " réessayez dans un instant.",
)
_NOT_VALID = Reason(
    code="document-not-valid",
    text="Ce document ne compte plus (refusé, expiré ou retiré). Envoyez-en un nouveau.",
)
_COUNTS: tuple[DocumentState, ...] = ("pending", "accepted")


def unusable(
    document: DocumentChanged | None, asked: str, family: str, child: str, today: date
) -> Reason | None:
    """Why a document cannot be given for what is asked of a child; None when it can.

    Another family's is answered like one that does not exist.
    """
    if document is None or document.family != family or document.document_type != asked:
        return _UNKNOWN
    if document.child not in (None, child):
        return _UNKNOWN
    over = document.valid_until is not None and document.valid_until < today
    return _NOT_VALID if over or document.state not in _COUNTS else None
