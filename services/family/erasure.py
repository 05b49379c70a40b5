"""What family deletes of a family that is erased, besides its record (``store.erasures``)."""

from __future__ import annotations

from shared.erasure import Erasing, LegalHold

ERASED: tuple[Erasing, ...] = ()
HELD: tuple[LegalHold, ...] = ()
