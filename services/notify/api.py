"""Notify's routes: parse, call, answer."""

from __future__ import annotations

from services.notify import queries
from services.notify.schemas import MailPage, MailQuery
from services.notify.state import Notify
from shared.auth import ACCOUNT, agents, either
from shared.web.routes import Call, NoBody, Route

_READERS = agents("childcare_office", "administrator", "read_only")


async def list_mails(notify: Notify, call: Call[NoBody, MailQuery]) -> MailPage:
    return await queries.mails(notify, call.scope, call.query)


ROUTES = [
    Route("GET", "/mails", list_mails, "The mail log, newest first; letters to print",
          either(ACCOUNT, _READERS), MailPage, query=MailQuery),
]  # fmt: skip
