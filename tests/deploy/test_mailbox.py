"""The receiving mail server, its misbehaviours and its pages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from email.message import EmailMessage

import aiosmtplib
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from deploy.local.mailbox import Mailbox
from deploy.local.mailbox_page import mailbox_routes

Client = TestClient[web.Request, web.Application]


def mail(to: str, subject: str = "Réservation acceptée") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "mairie@example.org"
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = f"<{subject.encode().hex()}@example.org>"
    message.set_content("Bonjour,\n.\nÀ bientôt\n")
    message.add_alternative("<p>Bonjour <b>Zoé</b></p>", subtype="html")
    return message


async def send(mailbox: Mailbox, message: EmailMessage) -> None:
    await aiosmtplib.send(message, hostname=mailbox.host, port=mailbox.port, timeout=5)


async def test_a_mail_is_received_and_parsed(mailbox: Mailbox) -> None:
    waiting = asyncio.create_task(mailbox.wait_for(lambda mails: len(mails) == 1))
    await send(mailbox, mail("zoe@example.org"))
    [received] = await waiting
    assert received.to == ("zoe@example.org",)
    assert received.sender == "mairie@example.org"
    assert received.subject == "Réservation acceptée"
    assert received.message_id.endswith("@example.org>")
    assert received.text == "Bonjour,\n.\nÀ bientôt\n"
    assert received.html == "<p>Bonjour <b>Zoé</b></p>\n"
    assert mailbox.to("other@example.org") == []


async def test_waiting_in_vain_says_what_came(mailbox: Mailbox) -> None:
    await send(mailbox, mail("zoe@example.org", "Un"))
    with pytest.raises(TimeoutError, match=r"zoe@example\.org: Un"):
        await mailbox.wait_for(lambda mails: len(mails) > 1, deadline=0.05)


async def test_refusals_for_good_and_for_now(mailbox: Mailbox) -> None:
    mailbox.behaviours.refused.add("gone@example.org")
    mailbox.behaviours.deferred["later@example.org"] = 1
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as gone:
        await send(mailbox, mail("gone@example.org"))
    assert gone.value.recipients[0].code == 550
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as later:
        await send(mailbox, mail("later@example.org"))
    assert later.value.recipients[0].code == 451
    await send(mailbox, mail("later@example.org"))
    assert len(mailbox.messages) == 1


async def test_dropped_connections(mailbox: Mailbox) -> None:
    mailbox.behaviours.drops_after_data = 1
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(mailbox, mail("a@example.org"))
    assert len(mailbox.messages) == 1, "kept, though the client does not know"
    mailbox.behaviours.drops_before_data = 1
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(mailbox, mail("a@example.org"))
    assert len(mailbox.messages) == 1


async def test_slow_and_closed(mailbox: Mailbox) -> None:
    mailbox.behaviours.delay = 0.2
    started = time.monotonic()
    await send(mailbox, mail("a@example.org"))
    assert time.monotonic() - started >= 0.2
    mailbox.behaviours.closed = True
    with pytest.raises(aiosmtplib.SMTPException):
        await send(mailbox, mail("a@example.org"))
    mailbox.clear()
    await send(mailbox, mail("a@example.org"))
    assert len(mailbox.messages) == 1


async def test_stops_with_connections_open_and_starts_again() -> None:
    mailbox = Mailbox().start()
    client = aiosmtplib.SMTP(hostname=mailbox.host, port=mailbox.port)
    await client.connect()
    mailbox.stop()
    with pytest.raises(aiosmtplib.SMTPException):
        await client.noop()
    mailbox.start()
    await send(mailbox, mail("a@example.org"))
    mailbox.stop()
    assert len(mailbox.messages) == 1


@pytest.fixture
async def pages(mailbox: Mailbox) -> AsyncIterator[Client]:
    app = web.Application()
    app.add_routes(mailbox_routes(mailbox))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_the_pages_show_mails_and_run_none_of_their_code(
    mailbox: Mailbox, pages: Client
) -> None:
    empty = await (await pages.get("/mailbox")).text()
    assert "Aucun courriel" in empty
    message = mail("a@example.org", "<script>alert(1)</script>")
    await send(mailbox, message)
    await send(mailbox, mail("b@example.org"))
    number = mailbox.messages[0].number
    listed = await (await pages.get("/mailbox")).text()
    assert "<script>" not in listed
    assert listed.index("b@example.org") < listed.index("a@example.org"), "newest first"
    one = await pages.get(f"/mailbox/{number}")
    text = await one.text()
    assert "<script>" not in text
    assert "<iframe sandbox src=" in text
    assert "default-src 'none'" in one.headers["Content-Security-Policy"]
    html = await pages.get(f"/mailbox/{number}/html")
    assert "<b>Zoé</b>" in await html.text()
    assert html.headers["Content-Security-Policy"].startswith("sandbox;")
    assert (await pages.get("/mailbox/999999999")).status == 404


async def test_the_mails_as_data(mailbox: Mailbox, pages: Client) -> None:
    await send(mailbox, mail("a@example.org"))
    await send(mailbox, mail("b@example.org"))
    answer = await (await pages.get("/mailbox.json", params={"to": "b@example.org"})).json()
    [only] = answer["mails"]
    assert only["to"] == ["b@example.org"]
    assert only["subject"] == "Réservation acceptée"
    assert only["text"].startswith("Bonjour")
