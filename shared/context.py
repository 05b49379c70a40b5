"""What an act belongs to: one correlation id from the first request to the last mail."""

from __future__ import annotations

from contextvars import ContextVar

correlation: ContextVar[str | None] = ContextVar("correlation", default=None)
causation: ContextVar[str | None] = ContextVar("causation", default=None)
