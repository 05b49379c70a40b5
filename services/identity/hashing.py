"""Password hashing: Argon2id, in a pool that can neither starve the process nor grow.

Cost: OWASP's minimum (19 MiB, two passes, one lane; about 20 ms). The pool leaves one core to
everything else; beyond its queue a request is refused at once rather than kept waiting.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from services.identity.domain.passwords import canonical
from shared.errors import Refused

_QUEUE_PER_WORKER = 50
_RETRY_AFTER = 2
ResultT = TypeVar("ResultT")


class HashingPool:
    """Hashes and verifies off the event loop. ``workers`` and ``queue`` bound what it takes on."""

    def __init__(self, workers: int | None = None, queue: int | None = None) -> None:
        count = workers or max(1, (os.cpu_count() or 2) - 1)
        self._free = count + (count * _QUEUE_PER_WORKER if queue is None else queue)
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="argon2")
        self._argon2 = PasswordHasher(
            time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID
        )
        self._nobody = self._argon2.hash("the password of nobody")

    async def hash(self, password: str) -> str:
        """The hash to keep. Refused (503) when too many wait."""
        written = canonical(password)
        return await self._in_pool(lambda: self._argon2.hash(written))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether ``password`` made ``kept``; without one the same work answers no."""
        written = canonical(password)
        same = await self._in_pool(lambda: self._verify(kept or self._nobody, written))
        return same and kept is not None

    async def close(self) -> None:
        """Let what is being hashed end, and take no more."""
        await asyncio.to_thread(self._pool.shutdown)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._argon2.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_pool(self, work: Callable[[], ResultT]) -> ResultT:
        if self._free <= 0:
            raise Refused(
                "too-busy", "Trop de connexions en même temps. Réessayez dans un instant.",
                status=503, retry_after=_RETRY_AFTER,
            )  # fmt: skip
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._free += 1
