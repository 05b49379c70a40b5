"""What notify does when a family or an account is erased: it writes to nobody about them any more,
and keeps no words. That a mail was sent stays in the log, under ids that name nobody."""

from __future__ import annotations

from services.notify.store.digests import OUTCOMES
from services.notify.store.mails import MAILS
from shared.erasure import About, Erasing, LegalHold, of_account, of_family

_WAITING = {"state": {"$in": ["due", "sending", "to_print"]}}
_WORDS = ("data", "address")


def _mails(about: About) -> tuple[Erasing, ...]:
    return (
        Erasing(MAILS, about, only=_WAITING, then={"state": "not_entitled"}),
        Erasing(MAILS, about, fields=_WORDS),
    )


ERASED = (
    *_mails(of_family),
    *_mails(of_account),
    Erasing(OUTCOMES, of_family, only={"open": True}),
    Erasing(OUTCOMES, of_family, fields=("reason",)),
)
HELD: tuple[LegalHold, ...] = ()
