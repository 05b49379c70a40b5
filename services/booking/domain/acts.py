"""What may happen to the lines of a request, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from shared.contracts.booking import ContactChannel

#: The last three are said of a booking that another request has ended.
What = Literal[
    "accepted", "refused", "withdrawn", "proof_given", "proof_accepted", "proof_refused",
    "proof_missing", "cancelled", "changed", "absent",
]  # fmt: skip
By = Literal["family", "rule", "agent"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an act comes from: whose account it is, by which channel the family asked, and which
    guardian did; None when an agent who acts for a family does not say."""

    account: str
    channel: ContactChannel
    guardian: str | None

    @property
    def by(self) -> By:
        """The family itself, or an agent for it."""
        return by_of(self.channel)

    @property
    def said(self) -> dict[str, Any]:
        """The same as events say it."""
        return {
            "channel": typed(self.channel), "contact_channel": self.channel,
            "guardian": self.guardian,
        }  # fmt: skip


def by_of(channel: ContactChannel) -> By:
    """Who types what comes by that channel."""
    return "family" if channel == "online" else "agent"


def typed(channel: ContactChannel) -> Literal["online", "desk"]:
    """Where it is typed."""
    return "online" if channel == "online" else "desk"


@dataclass(frozen=True, slots=True)
class Act:
    """One act on some lines. ``account`` is whose it was, None for the town's rule; ``channel``
    and ``guardian`` of what a family does; ``request`` and ``number`` name the other request by
    which a booking ended; ``command`` and ``body_hash`` tell a repetition."""

    at: datetime
    what: What
    lines: tuple[str, ...]
    by: By
    account: str | None = None
    reason: str | None = None
    request: str | None = None
    number: str | None = None
    channel: ContactChannel | None = None
    guardian: str | None = None
    command: str | None = None
    body_hash: str | None = None
