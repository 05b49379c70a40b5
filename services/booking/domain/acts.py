"""What may happen to the lines of a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: The last three are said of a booking that another request has ended.
What = Literal["accepted", "refused", "withdrawn", "cancelled", "changed", "absent"]
By = Literal["family", "rule", "agent"]


@dataclass(frozen=True, slots=True)
class Act:
    """One act on some lines. ``account`` is whose it was, None for the town's rule; ``request``
    and ``number`` name the other request by which a booking ended."""

    at: datetime
    what: What
    lines: tuple[str, ...]
    by: By
    account: str | None = None
    reason: str | None = None
    request: str | None = None
    number: str | None = None
