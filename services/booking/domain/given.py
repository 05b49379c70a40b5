"""What a family, or an agent for it, gave to prove something."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.booking import ContactChannel


class Given(BaseModel):
    """A proof of that ``kind``: ``documents`` are ids of supporting documents that family keeps,
    none where an agent has seen the paper. An ``agent`` accepts or refuses it, with a ``reason``.
    ``command`` and ``body_hash`` tell a repetition; both are None for what came with the request
    itself. ``revision`` counts the proofs of the line: an agent names the one that was seen.
    """

    model_config = ConfigDict(frozen=True)

    revision: int = 1
    kind: str
    documents: tuple[str, ...]
    given_at: datetime
    account: str
    channel: ContactChannel
    guardian: str | None
    state: Literal["given", "accepted", "refused"] = "given"
    agent: str | None = None
    reason: str | None = None
    batch: str | None = None
    command: str | None = None
    body_hash: str | None = None
