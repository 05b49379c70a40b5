"""Failed guesses, by policy and hashed target."""

from __future__ import annotations

import hashlib
from datetime import datetime

from pymongo import IndexModel

from services.identity.domain.attempts import FORGOTTEN_AFTER, Attempts, Policy
from services.identity.store.base import Collections
from shared.failpoints import step

ATTEMPTS = "attempts"
INDEXES = {
    ATTEMPTS: [IndexModel([("forgotten_at", 1)], expireAfterSeconds=0)],
}

COUNT_ATTEMPT = step("identity.attempt.count")
FORGIVE_ATTEMPTS = step("identity.attempt.forgive")


class AttemptCounts(Collections):
    """Every query and write of attempts."""

    async def attempts(self, policy: Policy, who: str) -> tuple[Attempts, int] | None:
        """The attempts counted against ``who``, and the version they have."""
        document = await self._store.get(ATTEMPTS, _attempt_id(policy, who))
        if document is None:
            return None
        return Attempts(document["count"], document["until"]), document["v"]

    async def count_attempt(
        self, policy: Policy, who: str, version: int | None, after: Attempts, now: datetime
    ) -> bool:
        """Store attempts read at ``version`` with one more; False when they changed meanwhile."""
        _id = _attempt_id(policy, who)
        fields = {
            "count": after.count,
            "until": after.until,
            "forgotten_at": (after.until or now) + FORGOTTEN_AFTER,
        }
        if version is None:
            return await self._store.insert(COUNT_ATTEMPT, ATTEMPTS, {"_id": _id, **fields})
        return await self._store.change(
            COUNT_ATTEMPT, ATTEMPTS, _id, {"v": version}, {"$set": fields}
        )

    async def forgive(self, policy: Policy, who: str) -> None:
        """Forget the attempts counted against ``who``."""
        await self._store.delete(FORGIVE_ATTEMPTS, ATTEMPTS, {"_id": _attempt_id(policy, who)})


def _attempt_id(policy: Policy, who: str) -> str:
    return f"{policy.name}/{hashlib.sha256(who.encode()).hexdigest()[:32]}"
