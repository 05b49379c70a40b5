"""The driver's manners: how to connect, and its errors in our words.

Only this module, ``store`` and what declares indexes know the driver.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from pymongo import AsyncMongoClient
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
)

from shared.errors import StoreUnavailable

Document = dict[str, Any]
ResultT = TypeVar("ResultT")

_UNAVAILABLE = (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
)


@contextmanager
def talking() -> Iterator[None]:
    """A conversation with the database. Raises ``StoreUnavailable`` when it does not answer, or
    cannot promise to keep what was written."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise StoreUnavailable from error
    except BulkWriteError as error:
        if error.details["writeConcernErrors"]:
            raise StoreUnavailable from error
        raise


async def upserting(write: Callable[[bool], Awaitable[ResultT]]) -> ResultT:
    """``write`` with upsert; refused as a duplicate, the document exists: then without.

    Without upsert the filter alone decides, also when somebody else created the document between
    the filter's look and the insertion.
    """
    try:
        with naming_duplicates(), talking():
            return await write(True)
    except DuplicateKey as refused:
        if refused.index != "_id_":
            raise
    with naming_duplicates(), talking():
        return await write(False)


class DuplicateKey(Exception):
    """A unique index other than ``_id`` refused a write."""

    def __init__(self, index: str) -> None:
        super().__init__(index)
        self.index = index


@contextmanager
def naming_duplicates() -> Iterator[None]:
    """Turn the driver's refusal of a duplicate into ``DuplicateKey``."""
    try:
        yield
    except DuplicateKeyError as error:
        raise DuplicateKey(index_of(error.details)) from error


def index_of(details: Mapping[str, Any] | None) -> str:
    """The name of the index that refused, from the server's answer."""
    message = str((details or {}).get("errmsg", ""))
    return message.partition(" index: ")[2].partition(" ")[0]


def connect(url: str, services: int = 1) -> AsyncMongoClient[Document]:
    """A client for so many services of one process, whose writes are journalled on a majority
    before they are acknowledged.

    The driver retries no write by itself: its bookkeeping costs a hidden write each, and a
    command whose result is unknown is repeated by whoever sent it, harmlessly.
    """
    return AsyncMongoClient(
        url,
        retryWrites=False,
        w="majority",
        journal=True,
        serverSelectionTimeoutMS=3000,
        connectTimeoutMS=3000,
        socketTimeoutMS=10_000,
        waitQueueTimeoutMS=5000,
        maxPoolSize=50 * services,
        # The driver's own is two: a burst on a busy machine waits for connections, not for answers.
        maxConnecting=10,
        tz_aware=True,
        appname="preau",
    )
