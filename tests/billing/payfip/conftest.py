"""Billing beside a simulator of PayFiP, with invoices to pay."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from deploy.simulators.payfip import PayFipServer
from deploy.simulators.payfip_rules import Behaviour, Client
from deploy.simulators.serving import serving
from services.billing.domain.accounts import Account, Holder, unbalanced
from services.billing.domain.payments import Payment
from tests.billing.conftest import BASE, Office
from tests.billing.data import accepted
from tests.world import Answer, eventually

OFFICE = {
    "code": "VEY", "label": "Régie enfance",
    "payfip": {"client_number": "090909", "entry_mode": "T"},
}  # fmt: skip
DAY = date(2026, 9, 3)


@dataclass
class Till:
    """Anne's family and its invoices; ``server`` is PayFiP."""

    office: Office
    server: PayFipServer
    invoices: list[dict[str, Any]]

    @property
    def anne(self) -> str:
        families = {one["family"]: f"{one['family']}-anne" for one in self.invoices}
        return self.office.world.token(account="anne", families=families)

    async def call(self, method: str, path: str, **how: Any) -> Answer:
        return await self.office.world.call(method, BASE + path, **how)

    async def pay(
        self, *invoices: str, token: str | None = None, key: str | None = None,
        email: str = "anne@famille.example",
    ) -> Answer:  # fmt: skip
        body = {"invoices": invoices or [self.invoices[0]["_id"]], "email": email}
        return await self.call("POST", "/payments", token=token or self.anne, json=body, key=key)

    async def opened(self, *invoices: str) -> tuple[str, str]:
        """A payment whose page is open in a browser: its id, and PayFiP's operation."""
        made = await self.pay(*invoices)
        assert made.status == 201, made.json
        idop = made.json["page"].partition("idop=")[2]
        self.server.open(idop)
        return made.json["payment"], idop

    async def lost(self, idop: str, act: str) -> None:
        """Something is done on the page, of which the town hears nothing."""
        self.server.act(idop, act, Behaviour(times=0))

    async def seen(self, payment: str) -> str:
        """The state that a family reads, some seconds after whoever read it before."""
        self.later(seconds=3)
        answer = await self.call("GET", f"/payments/{payment}", token=self.anne)
        assert answer.status == 200, answer.json
        return str(answer.json["state"])

    async def stored(self, payment: str) -> Payment:
        found = await self.office.billing().payments.payment(payment)
        assert found is not None
        return found

    async def is_in(self, payment: str, state: str) -> None:
        """By itself, without anybody asking; the account knows then."""

        async def there() -> bool:
            stored = await self.stored(payment)
            return stored.state == state and not stored.untold

        await eventually(there, what=f"payment {state}")

    async def account(self, family: str = "f1") -> Account:
        account = await self.office.billing().accounts.get(Holder("veyras", "VEY", family))
        assert unbalanced(account) == []
        return account

    async def money(self, family: str = "f1") -> tuple[int, int, int]:
        """In, settled, credit: in cents."""
        account = await self.account(family)
        return account.money_in, account.settled, account.credit_cents

    def later(self, **time: float) -> None:
        """Both clocks go on."""
        by = timedelta(**time)
        self.office.world.move_to(self.office.world.clock.town() + by)
        self.server.advance(by.total_seconds())


@pytest.fixture
async def payfip(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PayFipServer]:
    server = PayFipServer({"090909": Client("090909")}, slow_seconds=3)
    async with serving(server) as origin:
        monkeypatch.setenv("PREAU_PAYFIP_URL", origin)
        monkeypatch.setenv("PREAU_PAYFIP_SECONDS", "1")
        yield server


async def till_with(
    office: Office, server: PayFipServer, families: Sequence[str], **changes: Any
) -> Till:
    """Each family has an invoice of 4.10 € for September."""
    state = office.world.state("billing")
    object.__setattr__(state, "public_url", office.world.origin)
    await office.town(collection_office=OFFICE | changes)
    for family in families:
        await office.family(family)
        await office.say(
            accepted([(f"{family}-zoe", "zoe", DAY)], family=family), f"requests/{family}"
        )
    await office.month_over()
    await office.invoices(len(families))

    async def open_now() -> bool:
        return all(one["state"] == "open" for one in await office.invoices(len(families)))

    await eventually(open_now, what="invoices to pay")
    return Till(office, server, await office.invoices(len(families)))


@pytest.fixture
async def till(payfip: PayFipServer, office: Office, logged: io.BytesIO) -> Till:
    """``logged``: a key that production would refuse to log fails here too."""
    return await till_with(office, payfip, ["f1"])
