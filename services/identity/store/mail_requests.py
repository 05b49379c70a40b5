"""Mails asked for."""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo import IndexModel

from services.identity.store.base import Collections
from shared.failpoints import step
from shared.store import Document

MAIL_REQUESTS = "mail_requests"
_REPEATED_FOR = timedelta(hours=72)
INDEXES = {
    MAIL_REQUESTS: [
        IndexModel([("handled", 1), ("_id", 1)]),
        IndexModel([("forgotten_at", 1)], expireAfterSeconds=0),
    ],
}

ASK_MAIL = step("identity.mail-request.create")
CLOSE_MAIL = step("identity.mail-request.close")


class MailRequests(Collections):
    """Every query and write of mail requests."""

    async def ask_mail(self, request: Document, now: datetime) -> bool:
        """Note that somebody asked for a mail; False when this command did already."""
        new = {**request, "handled": False, "forgotten_at": now + _REPEATED_FOR}
        return await self._store.insert(ASK_MAIL, MAIL_REQUESTS, new)

    async def mail_request(self, request_id: str) -> Document | None:
        """A request for a mail, or None."""
        return await self._store.get(MAIL_REQUESTS, request_id)

    async def open_mail_requests(self, limit: int) -> list[Document]:
        """Requests for a mail not handled yet."""
        return await self._store.find(
            MAIL_REQUESTS, {"handled": False}, sort=[("_id", 1)], limit=limit
        )

    async def close_mail_request(self, request_id: str) -> None:
        """Handled; the name that was typed is not kept any longer."""
        await self._store.change(
            CLOSE_MAIL, MAIL_REQUESTS, request_id, {},
            {"$set": {"handled": True}, "$unset": {"name": ""}},
        )  # fmt: skip
