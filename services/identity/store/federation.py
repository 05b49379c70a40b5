"""Trips to an OpenID provider, who came back without an account yet, and what logging out of the
provider takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pymongo import IndexModel

from services.identity.domain.federation import TICKET_FOR, Authorization, Ended
from services.identity.domain.sessions import LONGEST
from services.identity.store.base import Collections
from shared.failpoints import step
from shared.store import Document

AUTHORIZATIONS, RETURNS = "authorizations", "returns"
PROVIDER_SESSIONS = "provider_sessions"
INDEXES = {
    AUTHORIZATIONS: [IndexModel([("forgotten_at", 1)], expireAfterSeconds=0)],
    RETURNS: [IndexModel([("expires_at", 1)], expireAfterSeconds=0)],
    PROVIDER_SESSIONS: [IndexModel([("expires_at", 1)], expireAfterSeconds=0)],
}
_REPEATED_FOR = timedelta(hours=72)

BEGIN = step("identity.authorization.begin")
CLAIM = step("identity.authorization.claim")
END = step("identity.authorization.end")
KEEP_RETURN = step("identity.return.keep")
USE_RETURN = step("identity.return.use")
KEEP_PROVIDER_SESSION = step("identity.provider-session.keep")
FORGET_PROVIDER_SESSION = step("identity.provider-session.forget")


class Federation(Collections):
    """Every query and write of authorizations and returns."""

    async def authorization(self, authorization_id: str) -> Document | None:
        """An authorization's document: read it with ``authorization_of``."""
        return await self._store.get(AUTHORIZATIONS, authorization_id)

    async def begin_authorization(self, authorization: Authorization, mark: Document) -> bool:
        """Insert an authorization; False when its id exists."""
        new = {
            "_id": authorization.id, **authorization.model_dump(exclude={"id"}), "made_by": mark,
            "forgotten_at": authorization.expires_at + _REPEATED_FOR,
        }  # fmt: skip
        return await self._store.insert(BEGIN, AUTHORIZATIONS, new)

    async def claim_authorization(self, authorization_id: str, mark: Document) -> bool:
        """The code will be spent by this command; False when a command claimed it before."""
        return await self._store.change(
            CLAIM, AUTHORIZATIONS, authorization_id, {"claimed_by": None},
            {"$set": {"claimed_by": mark["id"], "claim": mark}},
        )  # fmt: skip

    async def end_authorization(self, authorization_id: str, ended: Ended) -> bool:
        """How it ended; False when that was known already."""
        return await self._store.change(
            END, AUTHORIZATIONS, authorization_id, {"ended": None},
            {"$set": {"ended": ended.model_dump()}},
        )  # fmt: skip

    async def returned(self, authorization_id: str) -> Document | None:
        """``{town, sealed, used_by, expires_at}`` of who came back, while it is kept."""
        return await self._store.get(RETURNS, authorization_id)

    async def keep_return(
        self, authorization_id: str, town: str, sealed: Document, now: datetime
    ) -> None:
        """Keep who came back until they have said which account is theirs."""
        new = {"_id": authorization_id, "town": town, "sealed": sealed, "used_by": None,
               "expires_at": now + TICKET_FOR}  # fmt: skip
        await self._store.insert(KEEP_RETURN, RETURNS, new)

    async def use_return(self, authorization_id: str, command_id: str) -> None:
        """What came back has served this command; no other may use it."""
        await self._store.change(
            USE_RETURN, RETURNS, authorization_id, {"used_by": None},
            {"$set": {"used_by": command_id}},
        )  # fmt: skip

    async def keep_provider_session(
        self, login_session: str, account: str, provider: str, sealed: Document, now: datetime
    ) -> None:
        """Keep the provider's id_token beside the login session it opened."""
        new = {"_id": login_session, "account": account, "provider": provider, "id_token": sealed,
               "expires_at": now + LONGEST}  # fmt: skip
        await self._store.insert(KEEP_PROVIDER_SESSION, PROVIDER_SESSIONS, new)

    async def provider_session(self, login_session: str) -> Document | None:
        """``{account, provider, id_token}`` beside that login session, or None."""
        return await self._store.get(PROVIDER_SESSIONS, login_session)

    async def forget_provider_session(self, login_session: str) -> None:
        """The provider's session has ended."""
        await self._store.delete(FORGET_PROVIDER_SESSION, PROVIDER_SESSIONS, {"_id": login_session})


def authorization_of(document: Mapping[str, Any]) -> Authorization:
    """The authorization a document holds."""
    return Authorization.model_validate({**document, "id": document["_id"]})
