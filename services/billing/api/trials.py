"""A trial of prices."""

from __future__ import annotations

import asyncio

from services.billing.schemas.trials import PriceTrialIn, PriceTrialOut
from services.billing.state import Billing
from services.billing.trying import tried
from shared.auth import agents
from shared.town_files import SENT_BYTES
from shared.web.routes import Call, NoQuery, Route


async def try_prices(_: Billing, call: Call[PriceTrialIn, NoQuery]) -> PriceTrialOut:
    return await asyncio.to_thread(tried, call.body)


ROUTES = [
    Route(
        "POST", "/price-trials", try_prices, "What a town file that is not published would charge",
        agents("administrator"), PriceTrialOut, body=PriceTrialIn, max_body=SENT_BYTES,
        refusals=("town-file-wrong",),
    ),
]  # fmt: skip
