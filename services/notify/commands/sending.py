"""Claims mails that are due, sends them, records what came of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notify.commands.contents import Contents, NotEntitled, load
from services.notify.smtp import MailRefused, MailServerAway
from services.notify.state import Notify
from services.notify.store.mails import Sent
from shared.contracts.notify import MailFailed
from shared.errors import MissingCopy
from shared.logs import get_logger
from shared.metrics import DIGEST_DELAY, MAILS
from shared.store import Document
from shared.tasks import in_turns, to_its_end

_BATCH = 200
_TURNS = 2
#: Pauses after each temporary refusal; after the last the mail is given up as technical.
_PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 720))
_AWAY = timedelta(seconds=5)
_FINAL = ("permanent", "technical")
_log = get_logger()


@dataclass
class _Turn:
    """One batch of claimed mails: none is begun after ``ends``, when too little of their lease is
    left, nor once the server is away."""

    contents: Contents
    ends: datetime
    away: bool = False


async def send_due(notify: Notify) -> None:
    """Send everything that is due: while one batch is sent, another is read or recorded."""
    claiming = asyncio.Lock()
    await in_turns([_take_turns(notify, claiming) for _ in range(_TURNS)], _TURNS)


async def _take_turns(notify: Notify, claiming: asyncio.Lock) -> None:
    """One batch after the other, until nothing is due or the mail server is away."""
    away = False
    while not away:
        now = notify.clock.machine()
        async with claiming:
            claimed = await notify.mails.claim(now, _BATCH)
        if not claimed:
            return
        away = await _send_batch(notify, claimed, now)


async def _send_batch(notify: Notify, claimed: Sequence[Document], now: datetime) -> bool:
    """Send mails claimed at ``now`` and record what came of them; whether the server is away."""
    turn = _Turn(await load(notify, claimed), now + notify.mails.lease / 2)
    waiting = deque(claimed)
    results: list[Sent] = []

    async def work() -> None:
        while waiting:
            results.append(await _send(notify, waiting.popleft(), turn))

    try:
        await asyncio.gather(*(work() for _ in range(notify.mail_server.connections)))
    finally:
        # Cancelled by the end of the process too: what was sent is not sent again, and what
        # was not begun waits for no lease to run out.
        left = [Sent(mail, "due", again_at=now, counts=False) for mail in waiting]
        await to_its_end(_record(notify, [*results, *left]))
    return turn.away


async def _send(notify: Notify, mail: Document, turn: _Turn) -> Sent:
    now = notify.clock.machine()
    if turn.away:
        return Sent(mail, "due", "away", now + _AWAY, counts=False)
    if now >= turn.ends:
        return Sent(mail, "due", again_at=now, counts=False)
    try:
        to = turn.contents.address(mail)
        if to is None:
            return Sent(mail, "to_print", counts=False)
        town = turn.contents.town(mail)
        rendered = notify.renderer.render(mail["kind"], town, turn.contents.context(mail))
        message = notify.renderer.message(
            rendered, town=town, to=to, message_id=mail["_id"], now=now
        )
        await notify.mail_server.send(notify.renderer.sender, to, message)
    except NotEntitled:
        return Sent(mail, "not_entitled", counts=False)
    except MissingCopy:
        return Sent(mail, "due", "waiting for a copy", now + _PAUSES[0], counts=False)
    except MailRefused as refused:
        return _refused(mail, refused, now)
    except MailServerAway:
        turn.away = True
        return Sent(mail, "due", "away", now + _AWAY, counts=False)
    except Exception as error:  # noqa: BLE001 - one mail that cannot be sent stops no other
        _log.error("mail-not-sent", mail=mail["_id"], kind=mail["kind"], exc_info=error)
        return Sent(mail, "technical", type(error).__name__)
    if mail["kind"] == "digest":
        DIGEST_DELAY.observe(turn.contents.seconds_since_cut_off(mail, notify.clock.town()))
    return Sent(mail, "sent")


def _refused(mail: Document, refused: MailRefused, now: datetime) -> Sent:
    if refused.failure != "temporary":
        return Sent(mail, refused.failure, str(refused.code))
    if mail["tries"] >= len(_PAUSES):
        return Sent(mail, "technical", f"{refused.code}, {mail['tries'] + 1} tries")
    return Sent(mail, "due", f"temporary {refused.code}", now + _PAUSES[mail["tries"]])


async def _record(notify: Notify, results: Sequence[Sent]) -> None:
    """One round trip for all but the final failures: those say so."""
    for result in results:
        MAILS.labels(result.mail["kind"], result.state).inc()
    await notify.mails.record(
        [result for result in results if result.state not in _FINAL], notify.clock.machine()
    )
    for result in results:
        if result.state not in _FINAL:
            continue
        mail = result.mail
        _log.warning("mail-failed", mail=mail["_id"], kind=mail["kind"], reason=result.state)
        event = MailFailed(
            mail=mail["_id"], account=mail["account"] or "", kind_of_mail=mail["kind"],
            failure=result.state,
        )  # fmt: skip
        await notify.mails.fail(result, event)
