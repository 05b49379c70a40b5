"""The simulator by its published interface alone: an independent SOAP client (zeep), and the
operator's question whether PayFiP knows the town."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import zeep
from zeep.exceptions import Fault

from deploy.simulators.payfip import PayFipServer
from deploy.simulators.payfip_rules import Behaviour, Client
from deploy.simulators.serving import serving
from tests.billing.conftest import Office
from tests.billing.payfip.by_hand import ORDER
from tests.billing.payfip.conftest import OFFICE
from tests.operators import Done, preau


@dataclass
class Published:
    """The simulator, and a client made of its WSDL."""

    server: PayFipServer
    client: zeep.Client

    async def ask(self, operation: str, **fields: str) -> Any:
        """zeep waits, so it does in a thread."""
        call = getattr(self.client.service, operation)
        return await asyncio.to_thread(call, fields)

    async def fault(self, operation: str, **fields: str) -> dict[str, str]:
        """What is refused, field by field."""
        with pytest.raises(Fault) as refused:
            await self.ask(operation, **fields)
        (detail,) = refused.value.detail
        return {child.tag.rpartition("}")[2]: child.text or "" for child in detail}


@pytest.fixture
async def published() -> AsyncIterator[Published]:
    server = PayFipServer({"090909": Client("090909")})
    async with serving(server) as origin:
        client = await asyncio.to_thread(zeep.Client, f"{origin}/tpa/services/securite?wsdl")
        yield Published(server, client)


async def test_a_payment_is_ordered_paid_and_read(published: Published) -> None:
    idop = await published.ask("creerPaiementSecurise", **ORDER)
    assert (await published.fault("recupererDetailPaiementSecurise", idOp=idop))["code"] == "P5"
    published.server.open(idop)
    published.server.act(idop, "carte", Behaviour(times=0))
    found = await published.ask("recupererDetailPaiementSecurise", idOp=idop)
    assert (found.resultrans, found.montant, found.refdet, found.idOp) == (
        "P", ORDER["montant"], ORDER["refdet"], idop,
    )  # fmt: skip


async def test_the_office_is_named(published: Published) -> None:
    found = await published.ask("recupererDetailClient", numCli="090909")
    assert (found.numcli, found.libelleN1, found.libelleN2) == (
        "090909", "Commune", "Régie enfance",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"mel": "personne"}, "A2"), ({"montant": "099"}, "M3"), ({"numcli": "123456"}, "T2")],
)
async def test_an_order_is_refused_with_its_code(
    published: Published, changed: dict[str, str], code: str
) -> None:
    assert (await published.fault("creerPaiementSecurise", **ORDER | changed))["code"] == code


async def test_no_reference_serves_twice(published: Published) -> None:
    await published.ask("creerPaiementSecurise", **ORDER)
    assert (await published.fault("creerPaiementSecurise", **ORDER))["code"] == "R3"


@pytest.mark.parametrize("failure", ["dysfunction", "unavailable", "protocol"])
async def test_a_technical_fault_is_one_of_the_interface(
    published: Published, failure: Any
) -> None:
    published.server.next_failures.append(failure)
    assert (await published.fault("creerPaiementSecurise", **ORDER))["code"] == "999"


# -- preau payfip check --------------------------------------------------------------------


async def check(office: Office, **registered: str) -> Done:
    payfip = {"client_number": "090909", "entry_mode": "T", **registered}
    await office.town(collection_office=OFFICE | {"payfip": payfip})
    await office.settled()
    return await preau("payfip", "check", "--town", "veyras")


async def test_the_operator_reads_under_which_name_payfip_knows_the_office(
    payfip: PayFipServer, office: Office
) -> None:
    done = await check(office)
    assert done == (0, "090909 : Commune, Régie enfance\n")


async def test_the_operator_is_told_what_payfip_refuses_or_that_it_is_away(
    payfip: PayFipServer, office: Office
) -> None:
    refused = await check(office, client_number="123456")
    assert refused[0] == 1
    assert refused[1].startswith("PayFiP refuse : T")
    payfip.next_failures.append("bad-gateway")
    again = await preau("payfip", "check", "--town", "veyras")
    assert again[0] == 1
    assert again[1].endswith("PayFiP ne répond pas.\n")


async def test_a_town_without_a_number_is_told_so(office: Office) -> None:
    await office.town()
    await office.settled()
    done = await preau("payfip", "check", "--town", "veyras")
    assert done == (1, "Cette commune n'a pas de numéro de client PayFiP.\n")
