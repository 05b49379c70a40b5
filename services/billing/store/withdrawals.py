"""Withdrawals: ``{_id, town, family, lines}``, one for each request of which its family took lines
back before they were booked; ``_id`` is the request's."""

from __future__ import annotations

from collections.abc import Sequence

from shared.failpoints import step
from shared.store import Store

WITHDRAWALS = "withdrawals"
NOTE_WITHDRAWAL = step("billing.withdrawal.note")


class WithdrawalStore:
    """Every query and write of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def note(self, town: str, family: str, request: str, lines: Sequence[str]) -> None:
        """Keep that these lines are taken back, besides those that were."""
        await self._store.put(
            NOTE_WITHDRAWAL, WITHDRAWALS, request,
            {
                "$set": {"town": town, "family": family},
                "$addToSet": {"lines": {"$each": list(lines)}},
            },
        )  # fmt: skip

    async def lines(self, request: str) -> frozenset[str]:
        """The lines of a request that were taken back."""
        found = await self._store.get(WITHDRAWALS, request, {"lines": 1})
        return frozenset(found["lines"]) if found else frozenset()
