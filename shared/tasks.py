"""Tasks: a few at once, and ended for certain."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from shared.errors import StoreUnavailable
from shared.logs import get_logger

_AGAIN = 0.2
ItemT = TypeVar("ItemT")
_log = get_logger()


async def in_turns(works: Iterable[Awaitable[None]], at_once: int) -> None:
    """Await all, at most ``at_once`` at a time; the first error ends them all."""
    left = iter(works)

    async def worker() -> None:
        while not _is_cancelled() and (work := next(left, None)) is not None:
            await work

    tasks = [asyncio.create_task(worker()) for _ in range(at_once)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        await asyncio.gather(*done)
    finally:  # not left to ``gather``, which cancels once: see ``cancelled``
        await cancelled(tasks)


async def streamed(
    items: AsyncIterator[ItemT], work: Callable[[ItemT], Awaitable[None]], at_once: int
) -> None:
    """Do it for each as it comes, with at most ``at_once`` in hand; the first error ends all."""
    reading = asyncio.Lock()

    async def worker() -> None:
        while not _is_cancelled():
            async with reading:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
            await work(item)

    await in_turns((worker() for _ in range(at_once)), at_once)


async def grouped(items: AsyncIterator[ItemT], size: int) -> AsyncIterator[list[ItemT]]:
    """The same, so many at a time."""
    some: list[ItemT] = []
    async for one in items:
        some.append(one)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


async def each_of_all(
    read: Callable[[str], Awaitable[Sequence[ItemT]]],
    key: Callable[[ItemT], str],
    work: Callable[[ItemT], Awaitable[None]],
) -> None:
    """Do it for each that ``read`` finds after a key, in the order of the keys, from the first to
    the last: however many fail, the others are reached."""
    after = ""
    while some := await read(after):
        await each(some, work)
        after = key(some[-1])


async def each(items: Iterable[ItemT], work: Callable[[ItemT], Awaitable[None]]) -> None:
    """Do it for each; one that fails is logged and keeps no other back."""
    for item in items:
        await guarded(work(item))


async def guarded(
    work: Awaitable[object], failed: str = "job-step-failed", about: str | None = None
) -> None:
    """Await; an error is logged as ``failed``, with the id that it is ``about``, and left for the
    next pass. Raises ``StoreUnavailable``."""
    try:
        await work
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - the next pass tries it again
        _log.error(failed, id=about, exc_info=error)


async def cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and return when all have ended; what they raised is dropped.

    One cancellation may be lost: Python 3.11's ``wait_for``, through which the database driver
    writes, swallows one that meets its result. So they are cancelled again until they end.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN)


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await what must be done, however often this task is cancelled meanwhile; then it is."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        task.result()
        raise


def _is_cancelled() -> bool:
    """Whether this task was cancelled, though the cancellation may have been lost."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
