"""Mails: intentions to write, claimed, sent, recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.notify.store.digests import outboxless
from shared.events import Event
from shared.failpoints import step
from shared.ids import derived_id, new_id
from shared.paging import page
from shared.store import Document, Store
from shared.tasks import in_turns

MAILS = "mails"
INTEND_MAIL = step("notify.mail.intend")
ADDRESS = step("notify.digest.address")
CLAIM = step("notify.mail.claim")
RECORD = step("notify.mail.record")
FAIL_MAIL = step("notify.mail.fail")

#: A mail claimed for more leases than this was left by a crash and is sent again.
_LEASES = 4
_BULK = 500
_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of one mail; ``again_at`` when it is to be tried again.

    ``counts``: the mail server has answered about it, so that it was a try.
    """

    mail: Document
    state: str
    failure: str | None = None
    again_at: datetime | None = None
    counts: bool = True


class Mails:
    """Every query and write of mails."""

    def __init__(self, store: Store, lease_seconds: float) -> None:
        self._store = store
        self.lease = timedelta(seconds=lease_seconds) * _LEASES

    async def address(self, mails: Sequence[Document]) -> None:
        """Insert digest mails whole; digests already in a mail to the same adult are left out."""
        parts = [mails[start : start + _BULK] for start in range(0, len(mails), _BULK)]
        await in_turns((self._address_part(part) for part in parts), _AT_ONCE)

    async def _address_part(self, mails: Sequence[Document]) -> None:
        part = [outboxless(mail) for mail in mails]
        for refused in await self._store.insert_many(ADDRESS, MAILS, part):
            await self._address_rest(part[refused])

    async def _address_rest(self, mail: Document) -> None:
        covered = {
            cover
            for other in await self._store.find(
                MAILS, {"covers": {"$in": mail["covers"]}}, projection={"covers": 1}
            )
            for cover in other["covers"]
        }
        rest = [cover for cover in mail["covers"] if cover not in covered]
        if rest:
            again = {**mail, "_id": derived_id("digest-mail", *rest), "covers": rest}
            await self._store.insert_many(ADDRESS, MAILS, [again])

    async def counts(self, run: str) -> tuple[int, int]:
        """(mails of a run, those still to be sent)."""
        to_send = {"run": run, "state": {"$in": ["due", "sending"]}}
        return await self._store.count(MAILS, {"run": run}), await self._store.count(MAILS, to_send)

    async def intend(self, mail: Document) -> None:
        """Keep the intention to write; the same id again changes nothing."""
        await self._store.insert(INTEND_MAIL, MAILS, mail)

    async def claim(self, machine_now: datetime, limit: int) -> list[Document]:
        """Take mails that are due, or that a crash left in sending, for ``lease``."""
        due = {"state": {"$in": ["due", "sending"]}, "due": {"$lte": machine_now}}
        found = await self._store.find(
            MAILS, due, sort=[("due", 1)], limit=limit, projection={"_id": 1}
        )
        if not found:
            return []
        ticket = new_id()
        ids = [document["_id"] for document in found]
        await self._store.change_many(
            CLAIM, MAILS, {"_id": {"$in": ids}, **due},
            {"$set": {"state": "sending", "ticket": ticket, "due": machine_now + self.lease}},
        )  # fmt: skip
        return await self._store.find(MAILS, {"_id": {"$in": ids}, "ticket": ticket})

    async def record(self, results: Sequence[Sent], machine_now: datetime) -> None:
        """What came of claimed mails: one write for all to whom the same happened."""
        alike: dict[tuple[object, ...], list[Sent]] = {}
        for result in results:
            kind = (
                result.mail["ticket"], result.state, result.failure, result.again_at,
                result.counts, "address" in result.mail,
            )  # fmt: skip
            alike.setdefault(kind, []).append(result)
        for same in alike.values():
            update = _result(same[0])
            update["$set"]["tried_at"] = machine_now
            if same[0].again_at:
                update["$set"]["due"] = same[0].again_at
            update["$inc"]["v"] = 1
            ids = {"_id": {"$in": [result.mail["_id"] for result in same]}}
            await self._store.change_many(RECORD, MAILS, {**ids, **_claimed(same[0])}, update)

    async def fail(self, result: Sent, *events: Event) -> None:
        """A mail that will not be tried again, with the event that says so."""
        mail = result.mail
        await self._store.change(
            FAIL_MAIL, MAILS, mail["_id"], _claimed(result), _result(result), *events,
            town=mail["town"],
        )  # fmt: skip

    async def to_print(self, town: str, mail: str) -> Document | None:
        """A mail of the town's that waits to be printed, with what it says."""
        return await self._store.first(MAILS, {"_id": mail, "town": town, "state": "to_print"})

    async def log(
        self, town: str, *, state: str | None, account: str | None, after: str | None, limit: int
    ) -> list[Document]:
        """The mail log, newest first, without contents, from what follows the mail ``after``."""
        return await page(
            self._store, MAILS,
            within={"town": town} | ({"account": account} if account else {}),
            only={"state": state} if state else {},
            order=[("created_at", -1), ("_id", -1)], after=after, limit=limit,
            projection={"data": 0, "covers": 0, "pending": 0},
        )  # fmt: skip


def new_mail(
    _id: str,
    town: str,
    kind: str,
    now: datetime,
    *,
    account: str | None,
    data: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Document:
    """A mail to be sent; its Message-ID is made from its id, so twice sent is twice the same."""
    return {
        "_id": _id, "town": town, "kind": kind, "account": account, "state": "due", "due": now,
        "created_at": now, "tries": 0, "data": dict(data or {}), **fields,
    }  # fmt: skip


def _claimed(result: Sent) -> Document:
    return {"state": "sending", "ticket": result.mail["ticket"]}


def _result(result: Sent) -> Document:
    """What a result changes. What only served to write the mail does not outlive it, nor does a
    link that was refused: what could still be printed stays."""
    over: Document = {"ticket": ""}
    link = "address" in result.mail
    if result.state == "sent" or (link and result.state != "due"):
        over |= {"data": "", "address": ""}
    if result.state == "sent":
        over["failure"] = ""
    fresh = {"state": result.state}
    if result.failure:
        fresh["failure"] = result.failure
    return {"$set": fresh, "$inc": {"tries": int(result.counts)}, "$unset": over}
