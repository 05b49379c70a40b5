"""Login sessions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo import IndexModel

from services.identity.domain.sessions import PAIRS_KEPT, LoginSession, Pair
from services.identity.store.base import Collections
from shared.failpoints import step
from shared.store import Document

SESSIONS = "login_sessions"
INDEXES = {
    SESSIONS: [
        IndexModel([("expires_at", 1)], expireAfterSeconds=0),
        IndexModel([("account", 1)]),
    ],
}

OPEN_SESSION = step("identity.login-session.open")
ROTATE_SESSION = step("identity.login-session.rotate")
END_SESSION = step("identity.login-session.end")


class LoginSessions(Collections):
    """Every query and write of login sessions."""

    async def session(self, session_id: str) -> Document | None:
        """A login session's document: read it with ``session_of``."""
        return await self._store.get(SESSIONS, session_id)

    async def open_session(self, session: LoginSession, mark: Document) -> bool:
        """Insert a login session; False when its id exists."""
        new = {"_id": session.id, **session.model_dump(exclude={"id"}), "made_by": mark}
        return await self._store.insert(OPEN_SESSION, SESSIONS, new)

    async def rotate_session(self, session: LoginSession, pair: Pair, expires_at: datetime) -> bool:
        """Give the next pair; False when another request did."""
        return await self._store.change(
            ROTATE_SESSION, SESSIONS, session.id,
            {"generation": session.generation, "ended": None},
            {
                "$set": {"generation": pair.generation, "expires_at": expires_at},
                "$push": {"pairs": {"$each": [pair.model_dump()], "$slice": -PAIRS_KEPT}},
            },
        )  # fmt: skip

    async def sessions_of(self, account: str) -> list[LoginSession]:
        """An account's login sessions, latest first."""
        found = await self._store.find(SESSIONS, {"account": account}, sort=[("created_at", -1)])
        return [session_of(document) for document in found]

    async def end_session(self, session_id: str, why: str) -> None:
        """End one login session; ending it again changes nothing."""
        await self._store.change(
            END_SESSION, SESSIONS, session_id, {"ended": None}, {"$set": {"ended": why}}
        )


def session_of(document: Mapping[str, Any]) -> LoginSession:
    """The login session a document holds."""
    since = {"authenticated_at": document["created_at"], "device": ""}
    return LoginSession.model_validate({**since, **document, "id": document["_id"]})
