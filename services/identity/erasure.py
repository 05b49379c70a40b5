"""What identity deletes of a family or an account that is erased, besides the account itself
(``commands.closing``). It keeps nothing."""

from __future__ import annotations

from services.identity.store.family_keys import FAMILY_KEYS
from services.identity.store.federation import AUTHORIZATIONS, PROVIDER_SESSIONS
from services.identity.store.invitations import INVITATIONS
from services.identity.store.sessions import SESSIONS
from shared.erasure import Erased, Erasing, LegalHold, of_family


def _of_account(gone: Erased) -> dict[str, object] | None:
    """Documents of the account, of whichever town: it is gone from all of them."""
    return {"account": gone.account} if gone.account else None


ERASED: tuple[Erasing, ...] = (
    Erasing(INVITATIONS, of_family),
    Erasing(FAMILY_KEYS, of_family),
    Erasing(SESSIONS, _of_account),
    Erasing(PROVIDER_SESSIONS, _of_account),
    Erasing(AUTHORIZATIONS, _of_account),
)
HELD: tuple[LegalHold, ...] = ()
