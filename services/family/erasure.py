"""What family deletes or blanks of a family or account that is erased, besides a family's record
(``store.erasures``).

The files that its documents and letters alone name go with them (``commands.erasing``)."""

from __future__ import annotations

from services.family.store.documents import DOCUMENTS
from services.family.store.erasures import ERASURES
from services.family.store.feed import FEED
from services.family.store.letters import LETTERS
from services.family.store.moves import MOVES
from services.family.store.registrations import REGISTRATIONS
from shared.erasure import Erased, Erasing, LegalHold, of_account, of_family


def _moves_of(gone: Erased) -> dict[str, object] | None:
    """What was moved into or out of the family's record: both records, whole."""
    if gone.family is None:
        return None
    return {"town": gone.town, "$or": [{"source": gone.family}, {"target": gone.family}]}


ERASED: tuple[Erasing, ...] = (
    Erasing(ERASURES, of_family, fields=("reason",)),
    Erasing(FEED, of_family),
    Erasing(MOVES, _moves_of),
    Erasing(DOCUMENTS, of_family),
    Erasing(LETTERS, of_family),
    Erasing(REGISTRATIONS, of_family),
    Erasing(REGISTRATIONS, of_account),
)
HELD: tuple[LegalHold, ...] = ()
