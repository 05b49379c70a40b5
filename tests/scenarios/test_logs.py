"""Whatever happens, right or wrong, no log says a name, an address, an e-mail, a telephone, a key,
a password, a token, health or bank data: a marked family's life and every kind of error, at DEBUG.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
import structlog

from deploy.demo.story import Portal
from deploy.local.mailbox import Mailbox
from services.registry import BUILDS
from shared.bus.port import Delivery
from shared.contracts.family import FamilyChanged
from tests.family.files import send
from tests.scenarios.life import IBAN, Office
from tests.scenarios.marked import FAMILY, MARK, PASSWORD, TOWN, lived
from tests.world import StartWorld, World, eventually

_KEY = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}\b")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_TELEPHONE = re.compile(r"0[67][ .]?39[ .]?98")
_BIRTH_DATES = ("2018-03-04", "2020-05-06", "2019-02-01", "1990-01-02")
#: What must have been logged: else nothing is proved.
_LOGGED = {
    "request-failed", "file-refused", "message-parked", "reaction-failed", "mail-failed",
}  # fmt: skip


@pytest.fixture
async def running(
    start_world: StartWorld, mailbox: Mailbox, logged: io.BytesIO
) -> AsyncIterator[World]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    async with start_world(BUILDS, smtp_url=mailbox.url) as it:
        yield it


async def _mistakes(running: World, family: Portal) -> None:
    """What a person or a program types wrong, each with words that no log may repeat."""
    base = "/api/{service}/v1/" + TOWN

    async def refused(service: str, method: str, path: str, body: Any = None, **how: Any) -> None:
        answer = await running.call(method, base.format(service=service) + path, json=body, **how)
        assert 400 <= answer.status < 500, (path, answer.status)

    wrong = {"login_name": f"{MARK}.login", "password": f"{MARK} pas le bon"}
    nobody = {"login_name": f"{MARK}.inconnu", "password": PASSWORD}
    token = family.token
    for body in (wrong, nobody, {"login_name": [MARK]}, {MARK: MARK}):
        await refused("identity", "POST", "/login-sessions", body)
    for path, sent in (
        ("/activations", {"token": f"{MARK}.{MARK}"}),
        ("/passwords", {"token": f"{MARK}.x", "password": PASSWORD}),
        ("/accounts", {"identity": {"first_name": MARK, "last_name": MARK}}),
        ("/invitations/shown", {"token": f"{MARK}.{MARK}"}),
        ("/first-logins", {"login_name": MARK, "initial_secret": MARK, "password": PASSWORD}),
        ("/franceconnect/callbacks", {"state": MARK, "binding": MARK, "code": MARK}),
    ):
        await refused("identity", "POST", path, sent)
    await refused("identity", "POST", "/family-links", {"key": "7K2M-9QXD-0R4T-VB3W"}, token=token)
    await refused("identity", "GET", "/me", token=f"{token}{MARK}")
    await refused("family", "GET", f"/families/{MARK}", token=token)
    await refused("family", "GET", f"/household?{MARK}={MARK}", token=token)
    await refused("family", "POST", "/letters", {"text": MARK}, token=token)
    await refused("booking", "POST", "/requests", {"family": FAMILY, "asked": MARK}, token=token)
    await refused("billing", "GET", f"/invoices/{MARK}", token=token)
    spoilt = await send(
        running, token, f"%PDF-1.7 {MARK}".encode(), f"{MARK}.pdf", base=f"/api/family/v1/{TOWN}"
    )
    assert spoilt.status == 422
    headers = {
        "Authorization": f"Bearer {token}", "Content-Type": "application/json",
        "Idempotency-Key": f"{MARK}-{MARK}", "User-Agent": MARK, "X-Request-ID": f"{MARK} {MARK}",
    }  # fmt: skip
    url = f"{running.origin}/api/family/v1/{TOWN}/letters"
    async with running.http.post(url, data=f"{{{MARK}", headers=headers) as got:
        assert got.status == 422
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{running.origin}/{MARK}@{MARK}.fr") as it,
    ):
        assert it.status == 404


async def _failures(
    running: World, mailbox: Mailbox, family: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What breaks inside: a route, a reaction, a message that nobody can read, a refused mail."""

    async def broken(*_: Any, **__: Any) -> None:
        raise ValueError(f"{MARK} lives at 1 rue {MARK}, {MARK}1@famille.example")

    with monkeypatch.context() as patch:
        patch.setattr(type(running.state("family").families), "document", broken)
        with pytest.raises(RuntimeError, match="server-error"):
            await family.call("GET", f"family/families/{FAMILY}")
    with monkeypatch.context() as patch:
        directory = type(running.state("notify").directory)
        patch.setattr(directory, "need_family", broken)
        household = (await family.call("GET", "family/household"))["households"][0]
        asked = {"activity": "canteen", "units": ["meal"], "day": "2026-09-29"}
        child = household["children"][0]["id"]
        body = {"family": FAMILY, "asked": [{"child": child, **asked}], "comment": MARK}
        await family.call("POST", "booking/requests", body)
        held = running.store("notify")

        async def tried() -> bool:
            return await held.count("held", {"state": "retrying"}) > 0

        await eventually(tried, what="a reaction has failed")
    consumer = running.of("notify").consumer
    for body_ in (
        f"{MARK} is no event".encode(),
        orjson.dumps({"type": FamilyChanged.type, "data": {"name": MARK}}),
    ):
        consumer.submit(Delivery(body_, _acknowledged))
    address = f"{MARK}5@famille.example"
    mailbox.behaviours.refused.add(address)
    change = {"new_email": address, "password": PASSWORD}
    await family.call("POST", "identity/email-changes", change)

    async def given_up() -> bool:
        return await held.count("mails", {"kind": "email-change", "failure": {"$exists": True}}) > 0

    await eventually(given_up, what="the mail server has refused a mail")


async def _acknowledged() -> None:
    return None


async def test_no_log_says_who(
    running: World,
    mailbox: Mailbox,
    logged: io.BytesIO,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    administrator = Portal(running.http, running.origin)
    administrator.token = running.token(TOWN, roles=("administrator", "childcare_office"))
    family = await lived(running, mailbox, administrator)
    await Office(running, mailbox, administrator, family).everything()
    for service in BUILDS:
        await family.call("GET", f"{service}/personal-data")
    await _mistakes(running, family)
    await _failures(running, mailbox, family, monkeypatch)
    async with running.http.get(f"{running.origin}/metrics") as metrics:
        counted = await metrics.text()

    async def all_logged() -> bool:
        lines = [orjson.loads(line) for line in logged.getvalue().splitlines()]
        return {line["event"] for line in lines} >= _LOGGED

    try:
        await eventually(all_logged, what="all that goes wrong is logged")
    finally:
        lines = [orjson.loads(line) for line in logged.getvalue().splitlines()]
        assert {line["event"] for line in lines} >= _LOGGED
    said = "\n".join((
        logged.getvalue().decode(), caplog.text, *capfd.readouterr(), counted,
    ))  # fmt: skip
    secrets = {
        token for mail in mailbox.messages for token in re.findall(r"token=(\S+)", mail.text or "")
    }
    assert len(secrets) >= 4
    for secret in (MARK, PASSWORD, IBAN, str(family.token), "eyJ", *_BIRTH_DATES, *secrets):
        assert secret not in said, secret
    for pattern in (_KEY, _ADDRESS, _TELEPHONE):
        assert pattern.search(said) is None, pattern.search(said)
