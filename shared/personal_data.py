"""Everything a service holds of the bearer, on request: as JSON and as a document to read
(GDPR, articles 15 and 20). Each service gives one function; routes and print are here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from shared import french
from shared.auth import ACCOUNT, FamilyScope
from shared.pdf import Press
from shared.web.routes import PDF, Call, File, NoBody, NoQuery, Output, Route

_TEMPLATE = Path(__file__).with_name("personal-data.typ")


class Value(Output):
    """One thing known, under its French name."""

    label: str
    value: str


class Entry(Output):
    """Values that belong together: one person, one request, one mail."""

    values: tuple[Value, ...]


class Section(Output):
    """Entries of one kind."""

    title: str
    entries: tuple[Entry, ...]


class PersonalData(Output):
    """What one service holds of the bearer in one town; ``made_at`` by the machine's clock."""

    service: str
    town: str
    account: str
    made_at: datetime
    sections: tuple[Section, ...]


#: Everything the service holds of the bearer, within what the bearer may see.
Collect = Callable[[Any, FamilyScope], Awaitable[Sequence[Section]]]


def section(title: str, entries: Sequence[Mapping[str, Any]]) -> Section:
    """A section from entries of label -> value; what is None or empty is left out, dates and
    truths are written in French."""
    return Section(
        title=title,
        entries=tuple(
            Entry(
                values=tuple(
                    Value(label=label, value=_written(value))
                    for label, value in entry.items()
                    if value not in (None, "", (), [], {})
                )
            )
            for entry in entries
        ),
    )


def personal_data_routes(service: str, collect: Collect) -> list[Route]:
    """The routes ``/personal-data`` and ``/personal-data.pdf``. The service's state has the
    ``clock`` and the ``press``."""

    async def gather(state: Any, call: Call[NoBody, NoQuery]) -> PersonalData:
        bearer = call.known_bearer
        scope = FamilyScope(bearer.town, bearer.account, bearer.families)
        return PersonalData(
            service=service, town=bearer.town, account=bearer.account,
            made_at=state.clock.machine(), sections=tuple(await collect(state, scope)),
        )  # fmt: skip

    async def as_json(state: Any, call: Call[NoBody, NoQuery]) -> PersonalData:
        return await gather(state, call)

    async def as_pdf(state: Any, call: Call[NoBody, NoQuery]) -> File:
        found = await gather(state, call)
        press: Press = state.press
        content = await press.pdf(_TEMPLATE, found.model_dump(mode="json"), found.made_at)
        return File(f"mes-donnees-{service}.pdf", content)

    return [
        Route(
            "GET", "/personal-data", as_json, "Everything this service holds of the bearer",
            ACCOUNT, PersonalData,
        ),
        Route(
            "GET", "/personal-data.pdf", as_pdf, "The same, as a document to read", ACCOUNT, PDF
        ),
    ]  # fmt: skip


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, date):
        return french.day_words(value)
    if isinstance(value, Mapping):
        value = [one for one in value.values() if one not in (None, "")]
    if isinstance(value, list | tuple):
        return ", ".join(_written(one) for one in value)
    return str(value)
