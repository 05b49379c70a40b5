"""Whether the entries of an audit are all there, as they were written (``preau check``).

That the beginning of a chain has run out is no fault. Of its end only the log knows: the last
``audited`` line of each chain names the number and the hash that the database must hold.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from shared.audit import AUDIT, entry_hash
from shared.findings import Finding
from shared.runner import Parts
from shared.store import Document

#: The clocks of replicas and of the database differ a little.
_SLACK = timedelta(hours=1)


async def check_chains(parts: Parts, _town: str | None) -> AsyncIterator[Finding]:
    """What was changed, taken away or put in between. A chain goes through all towns."""
    now = parts.clock.machine()
    last: Document | None = None
    in_order = [{"$sort": {"chain": 1, "number": 1}}]
    async for entry in parts.store.aggregate(AUDIT, in_order):
        about = {"chain": entry["chain"], "number": entry["number"]}
        where = f"{AUDIT}/{entry['_id']}"
        if entry_hash(entry) != entry["hash"]:
            yield Finding("audit-entry-changed", where, about)
        if not _follows(entry, last, now):
            yield Finding("audit-entry-missing", where, about)
        last = entry


def _follows(entry: Document, last: Document | None, now: datetime) -> bool:
    """Whether nothing is missing before this entry but what has run out."""
    if last is not None and last["chain"] == entry["chain"]:
        held: bool = (entry["number"], entry["previous"]) == (last["number"] + 1, last["hash"])
        return held
    if entry["number"] == 1:
        return True
    kept: timedelta = entry["expires_at"] - entry["at"]
    return bool(entry["previous_at"] + kept < now + _SLACK)
