"""The demo's outside world: the simulators, and the variables that lead services to them."""

from __future__ import annotations

import json
import os
from contextlib import AsyncExitStack

from deploy.simulators.api_particulier import ApiParticulier, Token
from deploy.simulators.ban import Ban
from deploy.simulators.franceconnect import FranceConnect
from deploy.simulators.franceconnect_rules import Client
from deploy.simulators.payfip import PayFipServer
from deploy.simulators.payfip_rules import Client as Office
from deploy.simulators.serving import serving

TOWN = "veyras"
_CLIENT = "demo-veyras"
_SECRET = "a secret of the demo, of no worth elsewhere"  # noqa: S105 - of no worth
_TOKEN = "the demo's token at API Particulier"  # noqa: S105 - of no worth


async def start_addresses(stack: AsyncExitStack) -> None:
    """Serve the Base Adresse Nationale's streets of the demo's towns, unless
    ``PREAU_ADDRESSES_URL`` leads elsewhere already."""
    if "PREAU_ADDRESSES_URL" not in os.environ:
        os.environ["PREAU_ADDRESSES_URL"] = (await stack.enter_async_context(Ban())).url


async def start_outside(stack: AsyncExitStack, origin: str, port: int) -> str | None:
    """Serve FranceConnect and API Particulier beside the demo's port; FranceConnect's origin.

    None where ``PREAU_IDENTITY_PROVIDERS`` leads identity elsewhere already. The ports stay the
    same from one start to the next, as links to an issuer do not outlive its address.
    """
    if "PREAU_IDENTITY_PROVIDERS" in os.environ:
        return None
    back = f"{origin}/{TOWN}/franceconnect/retour"
    goodbye = f"{origin}/{TOWN}/franceconnect/au-revoir"
    franceconnect = FranceConnect({_CLIENT: Client(_CLIENT, _SECRET, (back,), (goodbye,))})
    server = await stack.enter_async_context(serving(franceconnect, port + 1))
    particulier = ApiParticulier({_TOKEN: Token()}, franceconnect.introspect)
    api = await stack.enter_async_context(serving(particulier, port + 2))
    registration = {
        "name": "franceconnect",
        "towns": [TOWN],
        "issuer": f"{server}/api/v2",
        "client_id": _CLIENT,
        "client_secret": _SECRET,
        "redirect_uris": [back],
        "post_logout_redirect_uri": goodbye,
    }
    os.environ["PREAU_IDENTITY_PROVIDERS"] = json.dumps([registration])
    os.environ["PREAU_API_PARTICULIER_URL"] = api
    os.environ["PREAU_API_PARTICULIER_TOKENS"] = json.dumps({TOWN: _TOKEN})
    return server


async def start_payfip(stack: AsyncExitStack, port: int) -> str | None:
    """Serve PayFiP beside the demo's port, with both towns' offices; its origin. None where
    ``PREAU_PAYFIP_URL`` leads elsewhere already."""
    if "PREAU_PAYFIP_URL" in os.environ:
        return None
    offices = (Office("090909", ("Veyras", "Régie enfance")), Office("070707", ("Andancette",)))
    server = PayFipServer({one.numcli: one for one in offices})
    origin = await stack.enter_async_context(serving(server, port + 3))
    os.environ["PREAU_PAYFIP_URL"] = origin
    return origin
