"""What identity keeps of an account or a family that is erased: nothing (``commands.closing``)."""

from __future__ import annotations

from shared.erasure import LegalHold

HELD: tuple[LegalHold, ...] = ()
