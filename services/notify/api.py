"""Notify's routes: parse, call, answer."""

from __future__ import annotations

from services.notify import queries
from services.notify.personal_data import collect
from services.notify.schemas import MailPage, MailQuery
from services.notify.state import Notify
from shared.auth import ACCOUNT, agents, either
from shared.personal_data import personal_data_routes
from shared.web.routes import Call, NoBody, Route

_READERS = agents("childcare_office", "administrator", "read_only")


async def list_mails(notify: Notify, call: Call[NoBody, MailQuery]) -> MailPage:
    return await queries.mails(notify, call.scope, call.query)


ROUTES = [
    Route("GET", "/mails", list_mails, "The mail log, newest first; letters to print",
          either(ACCOUNT, _READERS), MailPage, query=MailQuery),
    *personal_data_routes("notify", collect),
]  # fmt: skip
