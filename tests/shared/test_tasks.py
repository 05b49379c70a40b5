"""Things done a few at a time, and ended for certain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.tasks import cancelled, each_of_all, in_turns, streamed, to_its_end

Work = Callable[[int], Awaitable[None]]


async def _counted(most: int) -> AsyncIterator[int]:
    for number in range(most):
        yield number


async def _stream(work: Work) -> None:
    await streamed(_counted(10), work, 2)


async def _turns(work: Work) -> None:
    await in_turns((work(number) for number in range(10)), 2)


@pytest.mark.parametrize("go", [_stream, _turns])
async def test_all_is_done_and_no_more_than_so_many_at_once(
    go: Callable[[Work], Awaitable[None]],
) -> None:
    under_way: set[int] = set()
    done: list[int] = []
    most = 0

    async def work(number: int) -> None:
        nonlocal most
        under_way.add(number)
        most = max(most, len(under_way))
        await asyncio.sleep(0)
        under_way.remove(number)
        done.append(number)

    await go(work)
    assert sorted(done) == list(range(10))
    assert most == 2


@pytest.mark.parametrize("go", [_stream, _turns])
async def test_the_first_error_ends_all(go: Callable[[Work], Awaitable[None]]) -> None:
    begun: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise LookupError(number)
        await asyncio.Event().wait()

    with pytest.raises(LookupError):
        await go(work)
    assert begun == [0, 1]


@pytest.mark.parametrize("go", [_stream, _turns])
async def test_a_cancellation_that_is_lost_begins_nothing_more(
    go: Callable[[Work], Awaitable[None]],
) -> None:
    """As the driver loses it; what is in hand is done to its end."""
    begun: list[int] = []
    both = asyncio.Event()

    async def work(number: int) -> None:
        begun.append(number)
        if len(begun) == 2:
            both.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)

    doing = asyncio.ensure_future(go(work))
    await both.wait()
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    assert begun == [0, 1]


async def test_as_many_that_fail_as_are_read_at_once_keep_no_other_waiting() -> None:
    left, done = ["a", "b", "c", "d"], list[str]()

    async def read(after: str) -> list[str]:
        return [one for one in left if one > after][:2]

    async def work(one: str) -> None:
        if one < "c":
            raise ValueError
        done.append(one)

    await each_of_all(read, str, work)
    assert done == ["c", "d"]


async def test_what_must_be_done_is_done_however_often_it_is_cancelled() -> None:
    may_end, done = asyncio.Event(), asyncio.Event()

    async def record() -> None:
        await may_end.wait()
        done.set()

    async def work() -> None:
        await to_its_end(record())
        raise AssertionError("a cancelled task does not go on")

    task = asyncio.create_task(work())
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    may_end.set()
    await cancelled([task])
    assert done.is_set()
    assert task.cancelled()
