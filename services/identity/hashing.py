"""What costs processor time, in pools that can neither starve the process nor grow.

Passwords are hashed with Argon2id at OWASP's minimum (19 MiB, two passes, one lane; about 20 ms).
The pool leaves one core to everything else; beyond its queue a request is refused at once rather
than kept waiting. How strong a password is, is reckoned in a thread of its own (a few ms, 150 for
the worst), so that whoever types does not wait behind logins, nor they behind him.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from services.identity.domain.passwords import Strength, canonical, check_strength, strength_of
from shared.errors import Refused

_QUEUE_PER_WORKER = 50
_RETRY_AFTER = 2
ResultT = TypeVar("ResultT")


class Pool:
    """Threads for work off the event loop. ``workers`` and ``queue`` bound what it takes on."""

    def __init__(self, name: str, workers: int, queue: int | None = None) -> None:
        self._free = workers + (workers * _QUEUE_PER_WORKER if queue is None else queue)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)

    async def run(self, work: Callable[[], ResultT]) -> ResultT:
        """What ``work`` gives. Refused (503) when too many wait."""
        if self._free <= 0:
            raise Refused(
                "too-busy", "Trop de connexions en même temps. Réessayez dans un instant.",
                status=503, retry_after=_RETRY_AFTER,
            )  # fmt: skip
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._free += 1

    async def close(self) -> None:
        """Let what is being done end, and take no more."""
        await asyncio.to_thread(self._threads.shutdown)


class HashingPool(Pool):
    """Hashes and verifies passwords."""

    def __init__(self, workers: int | None = None, queue: int | None = None) -> None:
        super().__init__("argon2", workers or max(1, (os.cpu_count() or 2) - 1), queue)
        self._argon2 = PasswordHasher(
            time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID
        )
        self._nobody = self._argon2.hash("the password of nobody")

    async def hash(self, password: str) -> str:
        """The hash to keep. Refused (503) when too many wait."""
        written = canonical(password)
        return await self.run(lambda: self._argon2.hash(written))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether ``password`` made ``kept``; without one the same work answers no."""
        written = canonical(password)
        same = await self.run(lambda: self._verify(kept or self._nobody, written))
        return same and kept is not None

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._argon2.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


class StrengthPool(Pool):
    """Reckons how strong passwords are."""

    def __init__(self) -> None:
        super().__init__("strength", 1)

    async def of(self, password: str, known: Iterable[str]) -> Strength:
        """How strong it is; ``known``: what others know of the holder. Refused (503)."""
        words = tuple(known)
        return await self.run(lambda: strength_of(password, words))

    async def check(self, password: str, known: Iterable[str], field: str) -> None:
        """Refuse (422) a password that is too weak, (503) when too many wait."""
        check_strength(await self.of(password, known), field)
