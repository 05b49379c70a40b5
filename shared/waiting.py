"""Waiting for a condition, with a deadline: for start-up, the demo and tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


async def eventually(check: Callable[[], Awaitable[bool]], *, within: float = 15) -> None:
    """Ask again until ``check`` is true. Raises ``TimeoutError`` after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not await check():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within} s: {check.__qualname__}")
        await asyncio.sleep(0.02)
