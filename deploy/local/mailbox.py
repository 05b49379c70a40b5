"""A receiving SMTP server for tests, the demo and the benchmarks, and its misbehaviours."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cached_property
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

_SIZE_LIMIT = 33_554_432
_HELD = 0.01


@dataclass(frozen=True)
class Mail:
    """One mail as received; its parts are parsed when first asked for."""

    number: int
    """Place in the order of arrival, from 1; never used twice."""
    sender: str
    """Envelope sender."""
    to: tuple[str, ...]
    """Envelope recipients that were accepted."""
    raw: bytes
    """Everything after DATA, with CRLF line ends."""
    received: datetime
    """UTC, by the machine's clock."""

    @cached_property
    def message(self) -> EmailMessage:
        """The parsed mail."""
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def subject(self) -> str:
        """The decoded subject; empty when there is none."""
        return self._header("Subject")

    @property
    def message_id(self) -> str:
        """``<…@…>``; empty when there is none."""
        return self._header("Message-ID")

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """All headers, decoded, in order."""
        return tuple((name, str(value)) for name, value in self.message.items())

    @property
    def text(self) -> str | None:
        """The plain text part."""
        return self._part("plain")

    @property
    def html(self) -> str | None:
        """The HTML part."""
        return self._part("html")

    def _header(self, name: str) -> str:
        return str(self.message.get(name, ""))

    def _part(self, kind: str) -> str | None:
        part = self.message.get_body((kind,))
        if not isinstance(part, EmailMessage):
            return None
        return str(part.get_content()).replace("\r\n", "\n")


@dataclass
class Behaviours:
    """How the server misbehaves; may be changed at any moment. Addresses as the client says."""

    refused: set[str] = field(default_factory=set)
    """Recipients answered 550, for good."""
    deferred: dict[str, int] = field(default_factory=dict)
    """Recipients answered 451, and how many times more."""
    drops_after_data: int = 0
    """How many more mails are kept, but whose connection is dropped before the 250."""
    drops_before_data: int = 0
    """How many more mails are lost: the connection is dropped at DATA."""
    delay: float = 0.0
    """Seconds before each answer to DATA."""
    holds_after: int | None = None
    """Once so many mails are kept, DATA gets no answer until this is changed."""
    closed: bool = False
    """Every command is answered 421 and the connection closed."""


class Mailbox:
    """An SMTP server on loopback with a thread and an event loop of its own.

    Usable from synchronous and asynchronous code of any loop. Keeps what it receives in
    memory, unparsed.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Port 0 takes a free one at `start`."""
        self.host = host
        self.port = port
        self.behaviours = Behaviours()
        self._mails: list[Mail] = []
        self._count = 0
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._transports: set[asyncio.WriteTransport] = set()

    @property
    def url(self) -> str:
        """``smtp://host:port``, as ``SMTP_URL`` wants it."""
        return f"smtp://{self.host}:{self.port}"

    @property
    def messages(self) -> list[Mail]:
        """The mails received and not cleared, oldest first; a copy."""
        with self._lock:
            return list(self._mails)

    def to(self, address: str) -> list[Mail]:
        """The mails for one recipient, oldest first."""
        return [mail for mail in self.messages if address in mail.to]

    def clear(self) -> None:
        """Forget the mails and misbehave no more."""
        with self._lock:
            self._mails.clear()
        self.behaviours = Behaviours()

    def start(self) -> Self:
        """Listen; raises OSError when the port is taken."""
        if self._thread is not None:
            return self
        # Bound here, so that a port that is taken is an error of this call.
        listener = socket.create_server((self.host, self.port), backlog=512)
        self.port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="mailbox", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(listener), self._loop).result()
        return self

    def stop(self) -> None:
        """Close the connections and the port; what was received stays readable."""
        if self._thread is None or self._loop is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._thread = None
        self._loop = None

    async def wait_for(
        self, predicate: Callable[[Sequence[Mail]], Any], deadline: float = 60.0
    ) -> list[Mail]:
        """Wait until `predicate` holds for the mails received, and return these.

        It is asked again at each arrival. Raises TimeoutError after `deadline` seconds, with
        the recipients and subjects that did arrive.
        """
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting.add(entry)
        try:
            async with asyncio.timeout(deadline):
                while not predicate(self.messages):
                    await entry[1].wait()
                    entry[1].clear()
                return self.messages
        except TimeoutError:
            seen = [f"{', '.join(mail.to)}: {mail.subject}" for mail in self.messages[-20:]]
            raise TimeoutError(f"not the mails awaited within {deadline} s; last: {seen}") from None
        finally:
            with self._lock:
                self._waiting.discard(entry)

    def _run(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self, listener: socket.socket) -> None:
        assert self._loop is not None
        self._server = await self._loop.create_server(
            lambda: _Protocol(self, self._transports), sock=listener
        )

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for transport in list(self._transports):
            transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def keep(self, sender: str, to: Sequence[str], raw: bytes) -> None:
        """Store a mail that has arrived, and wake who waits for it."""
        with self._lock:
            self._count += 1
            self._mails.append(Mail(self._count, sender, tuple(to), raw, datetime.now(UTC)))
            waiting = list(self._waiting)
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)


class _Protocol(SMTP):
    """One connection."""

    def __init__(self, mailbox: Mailbox, transports: set[asyncio.WriteTransport]) -> None:
        super().__init__(
            _Handler(mailbox),
            # Given, because looking it up may ask a name server at each connection.
            hostname="localhost",
            ident="Preau test mailbox",
            data_size_limit=_SIZE_LIMIT,
            enable_SMTPUTF8=True,
            loop=asyncio.get_running_loop(),
        )
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._mine = transport
        self._transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._transports.discard(self._mine)
        super().connection_lost(error)


class _Handler:
    """Answers to the commands that matter; names and arguments are aiosmtpd's."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_EHLO(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        await self._close_if_told(server)
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self,
        server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        await self._close_if_told(server)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        await self._close_if_told(server)
        behaviours = self._mailbox.behaviours
        if address in behaviours.refused:
            return "550 5.1.1 No such mailbox"
        if behaviours.deferred.get(address, 0) > 0:
            behaviours.deferred[address] -= 1
            return "451 4.3.0 Try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        await self._close_if_told(server)
        behaviours = self._mailbox.behaviours
        if behaviours.drops_before_data > 0:
            behaviours.drops_before_data -= 1
            await _drop(server)
        if behaviours.delay:
            await asyncio.sleep(behaviours.delay)
        while self._holds(behaviours.holds_after):  # noqa: ASYNC110 - another thread changes it
            await asyncio.sleep(_HELD)
        content = envelope.original_content or b""
        self._mailbox.keep(envelope.mail_from or "", envelope.rcpt_tos, content)
        if behaviours.drops_after_data > 0:
            behaviours.drops_after_data -= 1
            await _drop(server)
        return "250 2.0.0 Kept"

    def _holds(self, after: int | None) -> bool:
        return after is not None and len(self._mailbox.messages) >= after

    async def _close_if_told(self, server: SMTP) -> None:
        if self._mailbox.behaviours.closed:
            await server.push("421 4.3.2 Service not available")
            assert server.transport is not None
            server.transport.close()
            await _until_cancelled()


async def _drop(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.transport.abort()
    await _until_cancelled()


async def _until_cancelled() -> None:
    """Wait for aiosmtpd, which cancels its handler when the connection is lost."""
    await asyncio.Event().wait()
