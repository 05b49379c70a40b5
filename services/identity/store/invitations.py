"""Invitations: one document per guardian, the last one sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo import IndexModel

from services.identity.domain.admitting import Invitation
from services.identity.store.base import Collections, push_done
from shared.auth import AgentScope
from shared.events import Event
from shared.failpoints import step
from shared.paging import page
from shared.store import Document

INVITATIONS, PAPER_ISSUES = "invitations", "paper_issues"
INDEXES = {
    INVITATIONS: [IndexModel([("town", 1), ("_id", 1)]), IndexModel([("family", 1)])],
}

INVITE = step("identity.invitation.create")
INVITE_AGAIN = step("identity.invitation.send-again")
USE_INVITATION = step("identity.invitation.use")
REVOKE_INVITATION = step("identity.invitation.revoke")
WITHDRAW_INVITATIONS = step("identity.invitation.withdraw")
CREATE_PAPER_ISSUE = step("identity.paper-issue.create")


class Invitations(Collections):
    """Every query and write of invitations and of letters that let families in."""

    async def invitation(self, invitation_id: str) -> Document | None:
        """An invitation's document: read it with ``invitation_of``."""
        return await self._store.get(INVITATIONS, invitation_id)

    async def create_invitation(
        self, invitation: Invitation, entry: Document, event: Event
    ) -> bool:
        """Insert a guardian's first invitation; False when there is one."""
        new = {"_id": invitation.id, **invitation.model_dump(exclude={"id"}), "done": [entry]}
        return await self._store.insert(INVITE, INVITATIONS, new, event)

    async def invite_again(
        self, before: Document, invitation: Invitation, entry: Document, event: Event
    ) -> bool:
        """Replace a guardian's invitation; False when it changed meanwhile."""
        update = {"$set": invitation.model_dump(exclude={"id", "town"}), **push_done(entry)}
        return await self._store.save(INVITE_AGAIN, INVITATIONS, before, update, event)

    async def use_invitation(self, before: Document, account: str, now: datetime) -> bool:
        """Take it for ``account``; False when it changed meanwhile."""
        return await self._store.save(
            USE_INVITATION, INVITATIONS, before, {"$set": {"used_by": account, "used_at": now}}
        )

    async def revoke_invitation(self, before: Document, now: Any) -> bool:
        """Make its link worthless; False when it changed meanwhile."""
        return await self._store.save(
            REVOKE_INVITATION, INVITATIONS, before, {"$set": {"revoked_at": now}}
        )

    async def revoke_invitations_of(
        self, town: str, family: str, guardian: str, at: datetime
    ) -> None:
        """Make the links worthless that were sent to a guardian until then and not used."""
        await self._store.change_many(
            WITHDRAW_INVITATIONS, INVITATIONS,
            {
                "town": town, "family": family, "guardian": guardian, "sent_at": {"$lte": at},
                "used_by": None, "revoked_at": None,
            },
            {"$set": {"revoked_at": at}, "$inc": {"v": 1}},
        )  # fmt: skip

    async def invitations(
        self, scope: AgentScope, family: str | None, after: str | None, limit: int
    ) -> list[Invitation]:
        """The invitations an agent may see, by id, those following ``after``."""
        found = await page(
            self._store, INVITATIONS, within=scope.query(),
            only={} if family is None else {"family": family},
            order=[("_id", 1)], after=after, limit=limit,
        )  # fmt: skip
        return [invitation_of(document) for document in found]

    async def create_paper_issue(self, issue: Document) -> bool:
        """Insert an act of making accounts on paper; False when it exists."""
        return await self._store.insert(CREATE_PAPER_ISSUE, PAPER_ISSUES, issue)

    async def paper_issue(self, issue_id: str) -> Document | None:
        """An act of making accounts on paper, or None."""
        return await self._store.get(PAPER_ISSUES, issue_id)


def invitation_of(document: Document) -> Invitation:
    """The invitation a document holds."""
    return Invitation.model_validate({**document, "id": document["_id"]})
