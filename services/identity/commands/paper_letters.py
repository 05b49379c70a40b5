"""The letters that carry a login name and a first secret, as one document to print (ID3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from services.identity.commands.base import Identity
from services.identity.commands.paper import issue
from services.identity.domain.admitting import INITIAL_SECRET_FOR
from services.identity.queries import town_file
from shared import french
from shared.auth import AgentScope
from shared.errors import Refused
from shared.web.routes import Command

_TEMPLATE = Path(__file__).parents[1] / "templates" / "paper-access.typ"


async def print_letters(
    identity: Identity, scope: AgentScope, wanted: Sequence[tuple[str, str]], command: Command
) -> bytes:
    """A PDF of one letter for each guardian without a password yet, by name. Refused
    (``no-letter-left``) when all have one."""
    made = [one for one in await issue(identity, scope, wanted, command) if one.secret]
    dates = [one.expires_at for one in made if one.expires_at]
    if not dates:
        raise Refused(
            "no-letter-left",
            "Ces responsables ont déjà un mot de passe : il n'y a rien à imprimer.",
        )
    _, file = await town_file(identity, scope.town)
    zone = ZoneInfo(file.time_zone)
    made.sort(key=lambda one: (one.person.last_name, one.person.first_name, one.guardian))
    printed_at = dates[0] - INITIAL_SECRET_FOR
    data = {
        "title": "Votre espace famille",
        "town": {"name": file.name, "contact": file.contact.model_dump()},
        "site": f"{identity.public_url}/{file.town}",
        "date": french.day_words(printed_at.astimezone(zone).date()),
        "until": french.day_words(dates[0].astimezone(zone).date()),
        "letters": [
            {
                "to": [f"{one.person.first_name} {one.person.last_name}"],
                "login_name": one.login_name,
                "secret": one.secret,
            }
            for one in made
        ],
    }
    return await identity.press.pdf(_TEMPLATE, data, printed_at)
