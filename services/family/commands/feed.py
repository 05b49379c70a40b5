"""Use cases that change the feed: what its readers have read."""

from __future__ import annotations

from datetime import datetime

from services.family.queries import feed
from services.family.state import State
from shared.auth import FamilyScope


async def mark_read(state: State, scope: FamilyScope, request: str, until: datetime) -> None:
    """The bearer has read what happened to a request until then. Raises ``Refused`` (404)."""
    await feed.check_seen(state, scope, request)
    await state.feed.mark_read(scope.town, request, scope.account, until)
