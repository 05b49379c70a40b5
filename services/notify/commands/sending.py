"""Claims mails that are due, sends them, records what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from services.notify.commands.contents import Contents, NotEntitled, load
from services.notify.smtp import MailRefused, MailServerAway
from services.notify.state import Notify
from services.notify.store import Sent
from shared.contracts.notify import MailFailed
from shared.errors import MissingCopy, Refused
from shared.logs import get_logger
from shared.metrics import DIGEST_DELAY, MAILS
from shared.store import Document

_BATCH = 200
#: Pauses after each temporary refusal; after the last the mail is given up as technical.
_PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 720))
_AWAY = timedelta(seconds=5)
_log = get_logger()


async def send_due(notify: Notify) -> None:
    """Send everything that is due, a batch at a time, until nothing is."""
    while claimed := await notify.store.claim(notify.clock.machine(), _BATCH):
        contents = await load(notify, claimed)
        results = await asyncio.gather(*(_send(notify, mail, contents) for mail in claimed))
        await _record(notify, claimed, results)
        if any(result.failure == "away" for result in results):
            return


async def _send(notify: Notify, mail: Document, contents: Contents) -> Sent:
    _id = mail["_id"]
    try:
        to = contents.address(mail)
        if to is None:
            return Sent(_id, "to_print")
        town = contents.town(mail)
        rendered = notify.renderer.render(mail["kind"], town, contents.context(mail))
        message = notify.renderer.message(
            rendered, town=town, to=to, message_id=_id, now=notify.clock.machine()
        )
    except NotEntitled:
        return Sent(_id, "not_entitled")
    except (MissingCopy, Refused):
        return Sent(_id, "due", "waiting for a copy", notify.clock.machine() + _PAUSES[0])
    except Exception as error:  # noqa: BLE001 - one mail that cannot be written stops no other
        _log.error("mail-not-written", mail=_id, kind=mail["kind"], exc_info=error)
        return Sent(_id, "technical", type(error).__name__)
    try:
        await notify.mail_server.send(notify.renderer.sender, to, message)
    except MailRefused as refused:
        return _refused(notify, mail, refused)
    except MailServerAway:
        return Sent(_id, "due", "away", notify.clock.machine() + _AWAY)
    if mail["kind"] == "digest":
        DIGEST_DELAY.observe(contents.seconds_since_cut_off(mail, notify.clock.town()))
    return Sent(_id, "sent")


def _refused(notify: Notify, mail: Document, refused: MailRefused) -> Sent:
    if refused.failure != "temporary":
        return Sent(mail["_id"], refused.failure, str(refused.code))
    if mail["tries"] >= len(_PAUSES):
        return Sent(mail["_id"], "technical", f"{refused.code}, {mail['tries'] + 1} tries")
    again_at = notify.clock.machine() + _PAUSES[mail["tries"]]
    return Sent(mail["_id"], "due", f"temporary {refused.code}", again_at)


async def _record(notify: Notify, claimed: Sequence[Document], results: Sequence[Sent]) -> None:
    """One round trip for all but the final failures: those say so."""
    final = []
    for mail, result in zip(claimed, results, strict=True):
        MAILS.labels(mail["kind"], result.failure or result.state).inc()
        if result.state in ("permanent", "technical"):
            final.append((mail, result))
    await notify.store.record(
        [result for result in results if result.state not in ("permanent", "technical")],
        notify.clock.machine(),
    )
    for mail, result in final:
        _log.warning("mail-failed", mail=mail["_id"], kind=mail["kind"], reason=result.state)
        event = MailFailed(
            mail=mail["_id"], account=mail["account"] or "", kind_of_mail=mail["kind"],
            failure=result.state,
        )  # fmt: skip
        await notify.store.fail(mail, result, event)
