"""Structured logs: a static event name and ids, never personal data.

Only the keys of ``ALLOWED`` may be logged; another key is a programming error and raises, so
that a name or an address cannot slip into a log file by habit.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import orjson
import structlog

ALLOWED = frozenset(
    {
        "attempt", "chain", "code", "collection", "correlation", "count", "delay", "digest",
        "duration_ms", "error", "event", "event_id", "event_type", "exc_info", "hash", "id", "job",
        "kind", "level", "mail", "method", "missing", "outcome", "port", "reason", "request",
        "route", "run", "sequence", "service", "status", "step", "subject", "timestamp", "town",
        "transport", "version", "waiting", "where", "window",
    }
)  # fmt: skip


def _only_allowed(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    unknown = event.keys() - ALLOWED
    if unknown:
        raise ValueError(f"log keys not allowed: {sorted(unknown)}")
    return event


def _error_without_values(
    _: Any, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """An exception's message may hold data; its class and where it rose do not."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            event["where"] = f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
    return event


def configure(service: str, level: str = "INFO") -> None:
    """JSON lines on standard error, with the service's name on each."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _error_without_values,
            _only_allowed,
            structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """The logger; its first argument is a static event name such as ``mail-sent``."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger())
