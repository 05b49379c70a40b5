"""The mail server: a few connections kept open, and failures put into three words.

*temporary*: the server says 4xx to this mail, try again later; *permanent*: it refuses this
address for good (5xx on the recipient); *technical*: anything else it refuses, ours to mend.
A server that is away is none of these: ``MailServerAway`` concerns all mails alike.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

import aiosmtplib

from shared.failpoints import step

SEND = step("notify.mail.send")
_TIMEOUT = 30.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_PERMANENT = 500
_SERVICE_CLOSING = 421

Failure = Literal["temporary", "permanent", "technical"]


class MailServerAway(Exception):
    """The mail server cannot be reached or ended the conversation."""


@dataclass(frozen=True, slots=True)
class MailRefused(Exception):
    """The mail server refused one mail; ``code`` is its reply code."""

    failure: Failure
    code: int


class MailServer:
    """Sends through at most ``connections`` conversations at a time."""

    def __init__(self, url: str, connections: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("SMTP_URL: smtp://, smtp+starttls:// or smtps:// with a host")
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._scheme = parts.scheme
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._idle: list[aiosmtplib.SMTP] = []
        self._places = asyncio.Semaphore(connections)

    async def send(self, sender: str, recipient: str, message: bytes) -> None:
        """Hand over one mail. Raises ``MailRefused`` or ``MailServerAway``."""
        async with self._places:
            client = await self._conversation()
            SEND.before()
            try:
                await client.sendmail(sender, [recipient], message)
            except aiosmtplib.SMTPRecipientsRefused as error:
                self._idle.append(client)
                code = error.recipients[0].code
                raise MailRefused(
                    "permanent" if code >= _PERMANENT else "temporary", code
                ) from None
            except aiosmtplib.SMTPResponseException as error:
                if error.code == _SERVICE_CLOSING:
                    client.close()
                    raise MailServerAway from error
                self._idle.append(client)
                failure: Failure = "technical" if error.code >= _PERMANENT else "temporary"
                raise MailRefused(failure, error.code) from None
            except (aiosmtplib.SMTPException, OSError) as error:
                client.close()
                raise MailServerAway from error
            except BaseException:
                client.close()
                raise
            SEND.after()
            self._idle.append(client)

    async def close(self) -> None:
        """End idle conversations."""
        while self._idle:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await self._idle.pop().quit()

    async def _conversation(self) -> aiosmtplib.SMTP:
        while self._idle:
            client = self._idle.pop()
            if client.is_connected:
                return client
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password,
            use_tls=self._scheme == "smtps",
            start_tls=self._scheme == "smtp+starttls",
            timeout=_TIMEOUT,
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailServerAway from error
        return client
