"""The mail server: a few connections kept open, and failures put into three words.

*temporary*: the server says 4xx to this mail or drops the connection over it, try again later;
*permanent*: it refuses this address for good (5xx on the recipient); *technical*: anything else,
ours to mend. A server that is away is none of these: ``MailServerAway`` concerns all mails alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

import aiosmtplib

from shared.failpoints import step

SEND = step("notify.mail.send")
_TIMEOUT = 10.0
#: To hand over one mail, once it is begun: well within half a mail's lease.
_LONGEST = 45.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_PERMANENT = 500
_LOST = 0
#: Said of an address that is taken: done, or will be forwarded.
_TAKEN = (250, 251)
#: An address that can stand between angle brackets as it is.
_PLAIN = re.compile(r"[\x21-\x3b=\x3f-\x7e]{1,254}")
_SERVICE_CLOSING = 421

Failure = Literal["temporary", "permanent", "technical"]


class MailServerAway(Exception):
    """The mail server cannot be reached, or is closing."""


@dataclass(frozen=True, slots=True)
class MailRefused(Exception):
    """One mail was not taken; ``code`` is the server's reply, 0 when it gave none."""

    failure: Failure
    code: int


class MailServer:
    """Conversations kept open, one per mail under way, ``connections`` at most."""

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
        self.connections = connections
        self._free = asyncio.Semaphore(connections)

    async def send(self, sender: str, recipient: str, message: bytes) -> None:
        """Hand over one mail. Raises ``MailRefused`` or ``MailServerAway``."""
        async with self._free:
            await self._send(sender, recipient, message)

    async def _send(self, sender: str, recipient: str, message: bytes) -> None:
        client = await self._begin(sender)
        try:
            async with asyncio.timeout(_LONGEST):
                await self._hand_over(client, recipient, message)
        except TimeoutError:
            client.close()
            raise MailRefused("temporary", _LOST) from None
        except BaseException:
            if client not in self._idle:
                client.close()
            raise

    async def close(self) -> None:
        """End idle conversations."""
        while self._idle:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await self._idle.pop().quit()

    async def _begin(self, sender: str) -> aiosmtplib.SMTP:
        """A conversation in which MAIL FROM has been accepted; nothing is at stake before."""
        while self._idle:
            client = self._idle.pop()
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await _name(client, b"MAIL", b"FROM:", sender)
                return client
            client.close()
        client = await self._connect()
        try:
            await _name(client, b"MAIL", b"FROM:", sender)
        except aiosmtplib.SMTPResponseException as error:
            client.close()
            if error.code == _SERVICE_CLOSING:
                raise MailServerAway from error
            raise _refusal(error.code) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise MailServerAway from error
        return client

    async def _hand_over(self, client: aiosmtplib.SMTP, recipient: str, message: bytes) -> None:
        SEND.before()
        named = False
        try:
            await _name(client, b"RCPT", b"TO:", recipient)
            named = True
            await client.data(message)
        except aiosmtplib.SMTPResponseException as error:
            if error.code == _SERVICE_CLOSING:
                raise MailServerAway from error
            await self._keep(client)
            raise _refusal(error.code, of_address=not named) from None
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError):
            raise MailRefused("temporary", _LOST) from None
        SEND.after()
        self._idle.append(client)

    async def _keep(self, client: aiosmtplib.SMTP) -> None:
        """Use the conversation again after a refusal, if it still works."""
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await client.rset()
            self._idle.append(client)

    async def _connect(self) -> aiosmtplib.SMTP:
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
            await client.ehlo()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailServerAway from error
        return client


async def _name(client: aiosmtplib.SMTP, command: bytes, prefix: bytes, address: str) -> None:
    """Name who writes or who is written to. The library would parse the address anew for every
    mail, a tenth of what sending costs; here it is plain already, or ValueError."""
    if not _PLAIN.fullmatch(address):
        raise ValueError("not a plain address")
    response = await client.execute_command(command, prefix + f"<{address}>".encode("ascii"))
    if response.code not in _TAKEN:
        raise aiosmtplib.SMTPResponseException(response.code, response.message)


def _refusal(code: int, *, of_address: bool = False) -> MailRefused:
    if code < _PERMANENT:
        return MailRefused("temporary", code)
    return MailRefused("permanent" if of_address else "technical", code)
