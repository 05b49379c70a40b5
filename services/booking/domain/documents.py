"""Whether a supporting document that family keeps may serve a request or an enrolment."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from shared.contracts.booking import Reason
from shared.contracts.family import DocumentChanged, DocumentState

_UNKNOWN = Reason(
    code="document-unknown",
    text="Ce document n'est pas connu pour cette personne ou cette famille. Envoyez-le d'abord ; si"
    " c'est déjà fait, réessayez dans un instant.",
)
_NOT_VALID = Reason(
    code="document-not-valid",
    text="Ce document ne compte plus (refusé, expiré ou retiré). Envoyez-en un nouveau.",
)
_COUNTS: tuple[DocumentState, ...] = ("pending", "accepted")


def unusable(
    document: DocumentChanged | None,
    families: Collection[str],
    children: Collection[str],
    today: date,
    asked: str | None = None,
) -> Reason | None:
    """Why a document cannot be given for what is asked of a family's children, of the type
    ``asked`` where one is; None when it can. ``families`` and ``children`` are all ids that they
    have had; one about a child is theirs, whichever record it was sent for.

    Another family's is answered like one that does not exist.
    """
    if document is None or asked not in (None, document.document_type):
        return _UNKNOWN
    about_all = document.child is None and document.family in families
    if document.child not in children and not about_all:
        return _UNKNOWN
    over = document.valid_until is not None and document.valid_until < today
    return _NOT_VALID if over or document.state not in _COUNTS else None
