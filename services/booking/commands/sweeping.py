"""What a job does to each of the requests that it finds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from shared.errors import StoreUnavailable
from shared.logs import get_logger

_log = get_logger()


async def each(
    requests: Iterable[str], work: Callable[[str], Awaitable[object]], failed: str
) -> None:
    """Do this to every request; one that it cannot be done to is logged, as ``failed``, and left
    for the next turn."""
    for request_id in requests:
        try:
            await work(request_id)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one request must not keep the others waiting
            _log.error(failed, request=request_id, exc_info=error)
