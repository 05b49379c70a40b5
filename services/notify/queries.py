"""What only reads in notify."""

from __future__ import annotations

from services.notify.schemas import MailOut, MailPage, MailQuery
from services.notify.state import Notify
from shared.auth import AgentScope, Scope


async def mails(notify: Notify, scope: Scope, wanted: MailQuery) -> MailPage:
    """The mail log: an agent's town, or one's own mails. Raises ``Refused``: ``cursor-unknown``."""
    found = await notify.mails.log(
        scope.town,
        state=wanted.state,
        account=None if isinstance(scope, AgentScope) else scope.account,
        after=wanted.after,
        limit=wanted.limit,
    )
    return MailPage(
        items=[
            MailOut(
                id=mail["_id"], kind=mail["kind"], state=mail["state"],
                failure=mail.get("failure"), tries=mail["tries"],
                created_at=mail["created_at"], account=mail["account"],
                family=mail.get("family"),
            )
            for mail in found
        ],
        next=found[-1]["_id"] if len(found) == wanted.limit else None,
    )  # fmt: skip
