"""What agents saw and did, and who read what is sensitive: append-only, chained by hash.

The HTTP layer appends one entry for each act of an agent, reads included, before its answer
leaves (``shared.web.server``); a service appends one for each reading of health or bank data by
anybody (``sensitive_read``). An entry holds ids, a route and a status, never a body.

Each process writes its own chain: an entry holds its number and the hash of the one before, and
both are logged, so that entries changed, added or taken away show against each other and against
the log (``shared.audit_chain``; ``preau check``). Entries go after ``PREAU_AUDIT_DAYS``.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pymongo import IndexModel

from shared import context
from shared.auth import Bearer
from shared.clock import Clock
from shared.failpoints import step
from shared.ids import new_id
from shared.logs import get_logger
from shared.paging import page
from shared.store import Document, Store

AUDIT = "audit"
AUDIT_INDEXES = [
    IndexModel([("town", 1), ("at", -1), ("_id", -1)]),
    IndexModel([("town", 1), ("account", 1), ("at", -1)]),
    IndexModel([("town", 1), ("families", 1), ("at", -1)]),
    IndexModel([("town", 1), ("children", 1), ("at", -1)]),
    IndexModel([("chain", 1), ("number", 1)], unique=True, name="chain"),
    IndexModel([("expires_at", 1)], expireAfterSeconds=0),
]
APPEND = step("shared.audit.append")

_ORDER = (("at", -1), ("_id", -1))
#: What an entry's hash does not cover: itself, and what the store adds to each document.
_UNHASHED = ("hash", "v", "seq", "pending")

_log = get_logger()


@dataclass(slots=True)
class Act:
    """One request, as far as it is known: filled in on its way by the HTTP layer and handlers."""

    method: str
    route: str
    town: str = ""
    bearer: Bearer | None = None
    path: dict[str, str] = field(default_factory=dict)
    families: set[str] = field(default_factory=set)
    children: set[str] = field(default_factory=set)
    command: str | None = None

    def concerns(self, *, family: str | None = None, child: str | None = None) -> None:
        """The act is about that family, that child."""
        if family:
            self.families.add(family)
        if child:
            self.children.add(child)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries to list; what is None restricts nothing."""

    account: str | None = None
    family: str | None = None
    child: str | None = None
    since: datetime | None = None
    kind: str | None = None

    def query(self) -> Document:
        """The condition on entries."""
        fields = {
            "account": self.account, "families": self.family, "children": self.child,
            "kind": self.kind,
        }  # fmt: skip
        since = {"at": {"$gte": self.since}} if self.since else {}
        return {name: value for name, value in fields.items() if value is not None} | since


class Audit:
    """One service's entries, as one process writes them."""

    def __init__(self, store: Store, clock: Clock, kept: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._kept = kept
        self._one_at_a_time = asyncio.Lock()
        self._last = _Link.first()

    async def act(self, act: Act, status: int) -> None:
        """Append an agent's act. Raises ``StoreUnavailable``: it must not be answered then."""
        if act.bearer is None:
            raise RuntimeError("nobody's act")
        await self._append(
            act.town, act.bearer, "act",
            {
                "method": act.method, "route": act.route, "path": act.path, "status": status,
                "families": sorted(act.families), "children": sorted(act.children),
                "command": act.command, "what": None,
            },
        )  # fmt: skip

    async def sensitive_read(
        self, bearer: Bearer, what: str, *, family: str, child: str | None = None
    ) -> None:
        """Append that ``bearer`` reads ``what`` (``health_sheet``, ``bank_details`` …) of a
        family. Call it before answering. Raises ``StoreUnavailable``."""
        await self.sensitive_reads(bearer, what, [family], [child] if child else [])

    async def sensitive_reads(
        self, bearer: Bearer, what: str, families: Sequence[str], children: Sequence[str] = ()
    ) -> None:
        """The same, of several families at once."""
        await self._append(
            bearer.town, bearer, "read",
            {
                "method": None, "route": None, "path": {}, "status": None,
                "families": list(families), "children": list(children), "command": None,
                "what": what,
            },
        )  # fmt: skip

    async def entries(
        self, town: str, asked: Asked, after: str | None, limit: int
    ) -> list[Document]:
        """Entries of the town, the latest first. Raises ``Refused``: ``cursor-unknown``."""
        return await page(
            self._store, AUDIT, within={"town": town}, only=asked.query(), order=_ORDER,
            after=after, limit=limit,
        )  # fmt: skip

    async def reads_of(
        self,
        town: str,
        families: Sequence[str],
        children: Sequence[str],
        after: str | None,
        limit: int,
    ) -> list[Document]:
        """Who read what is sensitive of these records or children, the latest first: for the
        family."""
        about = [{"families": {"$in": list(families)}}, {"children": {"$in": list(children)}}]
        return await page(
            self._store, AUDIT, within={"town": town}, only={"kind": "read", "$or": about},
            order=_ORDER, after=after, limit=limit,
        )  # fmt: skip

    async def _append(self, town: str, bearer: Bearer, kind: str, fields: Document) -> None:
        async with self._one_at_a_time:
            now = self._clock.machine()
            entry = {
                "_id": new_id(), "kind": kind, "town": town, "at": now,
                "account": bearer.account, "login_session": bearer.login_session,
                "roles": sorted(bearer.roles), **fields,
                "correlation": context.correlation.get(),
                **self._last.before_next(), "expires_at": now + self._kept,
            }  # fmt: skip
            entry["hash"] = entry_hash(entry)
            last, self._last = self._last, _Link.first()
            if not await self._store.insert(APPEND, AUDIT, entry):
                raise RuntimeError("an entry of that id is there")
            # Only now: after a failure nobody knows whether it was written, and a new chain begins.
            self._last = last.followed_by(now, entry["hash"])
            _log.info("audited", chain=last.chain, sequence=last.number + 1, hash=entry["hash"])


@dataclass(frozen=True, slots=True)
class _Link:
    """The last entry of a chain: what the next one holds of it."""

    chain: str
    number: int
    hash: str
    at: datetime | None

    @staticmethod
    def first() -> _Link:
        return _Link(new_id(), 0, "", None)

    def before_next(self) -> Document:
        return {
            "chain": self.chain, "number": self.number + 1, "previous": self.hash,
            "previous_at": self.at,
        }  # fmt: skip

    def followed_by(self, at: datetime, entry: str) -> _Link:
        return _Link(self.chain, self.number + 1, entry, at)


def entry_hash(entry: Mapping[str, Any]) -> str:
    """SHA-256 of an entry's own fields, hexadecimal."""
    own = {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in entry.items()
        if name not in _UNHASHED
    }
    return hashlib.sha256(orjson.dumps(own, option=orjson.OPT_SORT_KEYS)).hexdigest()
