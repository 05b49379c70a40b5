"""The towns' public cards, kept for a minute."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from services.portal.gateway import Caller, Gateway

_KEPT_SECONDS = 60.0


@dataclass(frozen=True)
class Town:
    """What every page of a town shows of it."""

    town: str
    name: str
    contact: dict[str, Any]
    family_key: str
    family_key_called: str
    zone: ZoneInfo
    schools: tuple[dict[str, str], ...]
    accent: str | None
    welcome: str | None
    privacy: str | None
    logo: str | None
    #: PayFiP's mode, where one pays on line: anything but ``W`` is no production.
    payfip_mode: str | None
    #: Whether one may log in with FranceConnect.
    franceconnect: bool

    def school_name(self, school: str | None) -> str:
        """A school by its name; by its id where the town has it no more."""
        named = (one["name"] for one in self.schools if one["id"] == school)
        return next(named, school or "–")


class Towns:
    """Asks for a card when it is wanted and older than a minute."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._kept: dict[str, tuple[float, Town]] = {}

    def forget(self, slug: str) -> None:
        """What is kept of a town is no longer so."""
        self._kept.pop(slug, None)

    async def find(self, slug: str) -> Town:
        """A town's card. Raises ``Problem`` for a town that does not exist."""
        kept = self._kept.get(slug)
        now = time.monotonic()
        if kept is not None and now - kept[0] < _KEPT_SECONDS:
            return kept[1]
        card, offer = await asyncio.gather(
            self._gateway.get(Caller(slug), "identity/town"),
            self._gateway.get(Caller(slug), "identity/franceconnect"),
        )
        town = Town(
            card["town"], card["name"], card["contact"], card["family_key"],
            card["family_key_called"], ZoneInfo(card["time_zone"]), tuple(card["schools"]),
            card["accent"], card["welcome"], card["privacy"], card["logo"], card["payfip_mode"],
            offer["available"],
        )  # fmt: skip
        self._kept[slug] = (now, town)
        return town
