"""Notify's routes: parse, call, answer."""

from __future__ import annotations

from dataclasses import asdict

from services.notify import queries
from services.notify.commands.printing import letter
from services.notify.personal_data import collect
from services.notify.schemas import LetterOut, MailPage, MailQuery
from services.notify.state import Notify
from shared.auth import ACCOUNT, agents, either
from shared.personal_data import personal_data_routes
from shared.web.routes import Call, NoBody, NoQuery, Route

_READERS = agents("childcare_office", "administrator", "read_only")

_PRINTERS = agents("childcare_office", "administrator")


async def list_mails(notify: Notify, call: Call[NoBody, MailQuery]) -> MailPage:
    return await queries.mails(notify, call.scope, call.query)


async def print_letter(notify: Notify, call: Call[NoBody, NoQuery]) -> LetterOut:
    found = await letter(notify, call.agent_scope, call.path["mail"])
    if found.family is not None:
        call.act.concerns(family=found.family)
    return LetterOut.model_validate(asdict(found))


ROUTES = [
    Route("GET", "/mails", list_mails, "The mail log, newest first; letters to print",
          either(ACCOUNT, _READERS), MailPage, query=MailQuery),
    Route("GET", "/mails/{mail}/letter", print_letter, "What a letter to print says",
          _PRINTERS, LetterOut, refusals=("not-entitled",)),
    *personal_data_routes("notify", collect),
]  # fmt: skip
