"""Identifiers: 32 lower-case hexadecimal characters, ordered by time or derived from a cause."""

from __future__ import annotations

from uuid import UUID, uuid5

from uuid_utils import uuid7

_NAMESPACE = UUID("8f6c0d1e-54a9-4f57-9d4e-2f1f9b1c7a10")


def new_id() -> str:
    """A fresh identifier (UUID version 7): later ones sort after earlier ones."""
    return uuid7().hex


def derived_id(*parts: str) -> str:
    """The same parts give the same identifier (UUID version 5), whoever asks and however often."""
    return uuid5(_NAMESPACE, "\x1f".join(parts)).hex
