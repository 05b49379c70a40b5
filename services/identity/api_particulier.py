"""API Particulier v3: a household's quotient familial, from the CAF or the MSA.

Source: its OpenAPI 3.0.0. By a person's own FranceConnect token, or by identity with the town's.
What is not needed of an answer is never kept: value, month, fund, and the children's birth dates
to know the household by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from weakref import WeakValueDictionary

from services.identity.domain.quotient import Quotient
from shared.clock import Clock
from shared.contracts.family import CivilIdentity
from shared.logs import get_logger
from shared.outgoing import Outgoing, Reply, Unreachable

_log = get_logger()
_PATH = "/v3/dss/quotient_familial"
_WITHIN = 15.0
_TRIES = 3
_HIGHEST = 1_000_000

#: ``received``; ``not-known`` to the funds (404); ``later`` (429, 5xx, still busy, no answer);
#: ``refused``: the town's authorisation or the request is not in order.
Outcome = Literal["received", "not-known", "later", "refused"]
_OUTCOMES: Mapping[int, Outcome] = {404: "not-known", 409: "later", 429: "later"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of asking; ``quotient`` only when ``received``."""

    outcome: Outcome
    quotient: Quotient | None = None


#: Method and URL -> the headers that prove who asks: a bearer token today.
RequestSigner = Callable[[str, str], Mapping[str, str]]


def bearer(token: str) -> RequestSigner:
    """The signer that shows a token."""

    def sign(_method: str, _url: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {token}"}

    return sign


class ApiParticulier:
    """The client. ``pause`` is the wait before a request that is running already is tried again.

    Requests of one town's token go one after the other: the same one twice at once is refused.
    """

    def __init__(self, url: str, outgoing: Outgoing, clock: Clock, pause: float = 1.0) -> None:
        self._base = url.rstrip("/") + _PATH
        self._outgoing = outgoing
        self._clock = clock
        self._pause = pause
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def by_franceconnect(self, access_token: str, recipient: str) -> Fetched:
        """The quotient of who holds this token of FranceConnect, within its minute."""
        return await self._fetch("/france_connect", [("recipient", recipient)],
                                 bearer(access_token))  # fmt: skip

    async def by_identity(self, who: CivilIdentity, recipient: str, token: str) -> Fetched:
        """The quotient of that person, by the town's own token."""
        turn = self._turns.setdefault(token, asyncio.Lock())
        async with turn:
            query = [("recipient", recipient), *_civil(who)]
            return await self._fetch("/identite", query, bearer(token))

    async def _fetch(
        self, path: str, query: Sequence[tuple[str, str]], sign: RequestSigner
    ) -> Fetched:
        url = self._base + path
        for attempt in range(1, _TRIES + 1):
            try:
                reply = await self._outgoing.get(
                    url, within=_WITHIN, query=query, headers=sign("GET", url)
                )
                if reply.status == 200:
                    return Fetched("received", _quotient(reply, self._clock.machine()))
            except (Unreachable, ValueError, KeyError, TypeError):
                _log.warning("quotient-not-fetched", reason="no answer", attempt=attempt)
                return Fetched("later")
            if reply.status != 409 or attempt == _TRIES:
                break
            await asyncio.sleep(self._pause)
        outcome = _OUTCOMES.get(reply.status, "later" if reply.status >= 500 else "refused")
        if outcome != "not-known":
            _log.warning("quotient-not-fetched", status=reply.status, code=_code(reply),
                         outcome=outcome)  # fmt: skip
        return Fetched(outcome)


def _quotient(reply: Reply, now: datetime) -> Quotient:
    """What is kept of an answer. Raises ``ValueError``, ``KeyError`` or ``TypeError``."""
    data: Mapping[str, Any] = reply.json()["data"]
    said = data["quotient_familial"]
    value = said["valeur"]
    if not isinstance(value, int) or not 0 <= value <= _HIGHEST:
        raise ValueError("no quotient")
    return Quotient(
        fund=said["fournisseur"],
        value=value,
        month=f"{int(said['annee']):04}-{int(said['mois']):02}",
        children=tuple(str(child["date_naissance"]) for child in data.get("enfants") or ()),
        fetched_at=now,
    )


def _civil(who: CivilIdentity) -> list[tuple[str, str]]:
    fields: list[tuple[str, object]] = [
        ("nomNaissance", who.birth_name),
        *(("prenoms[]", name) for name in who.first_names[:3]),
        ("sexeEtatCivil", who.sex),
        ("anneeDateNaissance", who.birth_date.year),
        ("moisDateNaissance", who.birth_date.month),
        ("jourDateNaissance", who.birth_date.day),
        ("codeCogInseePaysNaissance", who.birth_country),
        ("codeCogInseeCommuneNaissance", who.birth_place),
    ]
    return [(name, str(value)) for name, value in fields if value is not None]


def _code(reply: Reply) -> str | None:
    try:
        return str(reply.json()["errors"][0]["code"])
    except (Unreachable, KeyError, IndexError, TypeError):
        return None
