"""The audit in the HTTP layer: how an act is known, and the one route that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from shared.audit import Act, Asked, Audit
from shared.auth import Access, AgentScope, Bearer, agents
from shared.web.routes import Call, NoBody, Output, Page, PageQuery, Route, Versioned

_LONGEST_ID = 64
_Id = Annotated[str, Field(min_length=1, max_length=_LONGEST_ID)]


class AuditQuery(PageQuery):
    """Whose acts, about whom, since when, of which kind; what is left out restricts nothing."""

    account: _Id | None = None
    family: _Id | None = None
    child: _Id | None = None
    since: AwareDatetime | None = None
    kind: Literal["act", "read"] | None = None


class AuditEntry(Output):
    """``act``: an agent's request, by its route. ``read``: somebody read ``what`` of a family.

    ``path`` holds the ids in the address; ``command`` tells repetitions of one act;
    ``correlation`` is the ``X-Request-ID``, which events and logs carry too.
    """

    id: str
    kind: Literal["act", "read"]
    at: datetime
    account: str
    login_session: str
    roles: list[str]
    method: str | None
    route: str | None
    path: dict[str, str]
    status: int | None
    what: str | None
    families: list[str]
    children: list[str]
    command: str | None
    correlation: str | None


class AuditPage(Page[AuditEntry]):
    """The latest first."""


async def list_audit(audit: Audit, call: Call[NoBody, AuditQuery]) -> AuditPage:
    asked = call.query
    found = await audit.entries(
        call.agent_scope.town,
        Asked(asked.account, asked.family, asked.child, asked.since, asked.kind),
        asked.after,
        asked.limit,
    )
    items = tuple(AuditEntry.model_validate({**one, "id": one["_id"]}) for one in found)
    return AuditPage(items=items, next=items[-1].id if len(items) == asked.limit else None)


def begin_act(act: Act, bearer: Bearer, path: Mapping[str, str], access: Access) -> None:
    """An act of an agent is written down, refused or not; a guardian's is not, nor that of an
    agent who has a family here and acts for it.

    Raises ``Refused`` (403) as ``Access.scope`` does.
    """
    act.town = bearer.town
    act.path = {name: part[:_LONGEST_ID] for name, part in path.items() if name != "town"}
    act.concerns(family=act.path.get("family"), child=act.path.get("child"))
    if bearer.roles:
        act.bearer = bearer
    if not isinstance(access.scope(bearer), AgentScope) and bearer.families:
        act.bearer = None


def note_subjects(act: Act, *parts: Any) -> None:
    """Whom a request or its answer is about, where it says so itself."""
    for part in parts:
        said = part.answer if isinstance(part, Versioned) else part
        for name in ("family", "child"):
            if isinstance(subject := getattr(said, name, None), str):
                act.concerns(**{name: subject})


AUDIT_ROUTES = [
    Route(
        "GET", "/audit", list_audit,
        "What agents saw and did in this service, and who read what is sensitive",
        agents("administrator"), AuditPage, query=AuditQuery,
    ),
]  # fmt: skip
