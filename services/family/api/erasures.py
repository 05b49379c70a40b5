"""Erasing a family."""

from __future__ import annotations

from services.family.commands import erasing
from services.family.schemas.erasures import ErasureOut, ErasureWanted
from services.family.state import State
from shared.auth import agents
from shared.errors import not_found
from shared.web.routes import Call, NoBody, NoQuery, Route

_ADMINISTRATOR = agents("administrator")


async def post_erasure(state: State, call: Call[ErasureWanted, NoQuery]) -> ErasureOut:
    asked = await erasing.ask(
        state, call.agent_scope, call.path["family"], call.body.reason,
        call.body.settled_invoices, call.known_command,
    )  # fmt: skip
    return ErasureOut.of(asked)


async def get_erasure(state: State, call: Call[NoBody, NoQuery]) -> ErasureOut:
    found = await state.erasures.one(call.agent_scope, call.path["erasure"])
    if found is None:
        raise not_found("cet effacement")
    return ErasureOut.of(found)


ROUTES = [
    Route(
        "POST", "/families/{family}/erasures", post_erasure,
        "Erase a family, unless something is booked, waits or is unpaid: read how it went",
        access=_ADMINISTRATOR, answer=ErasureOut, body=ErasureWanted, status=202, idempotent=True,
        refusals=("family-erased", "idempotency-key-reused"),
    ),
    Route(
        "GET", "/erasures/{erasure}", get_erasure, "How an erasure went, and what holds it back",
        access=_ADMINISTRATOR, answer=ErasureOut,
    ),
]  # fmt: skip
