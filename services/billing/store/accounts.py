"""Accounts: ``{_id, town, office, family, sources, debts, credit, refunded, transfers, movements,
credit_cents, behind}``, as ``domain.accounts`` says; ``movements`` is the journal, by which none is
done twice. Sources, debts, credit and refunds are keyed by id, in the order in which they came.
``behind``: invoices whose own documents do not yet say what the account does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple, get_args

from pymongo import IndexModel

from services.billing.domain.accounts import (
    Account,
    Debt,
    Holder,
    Moved,
    Source,
    Transfer,
    changed,
    move,
)
from services.billing.domain.movements import (
    Movement,
    Owe,
)
from shared.auth import Scope
from shared.bulk import Saying
from shared.clock import Clock
from shared.failpoints import step
from shared.ids import derived_id
from shared.paging import page
from shared.store import Document, Store

ACCOUNTS = "accounts"
OPEN_ACCOUNT = step("billing.account.open")
MOVE_ACCOUNT = step("billing.account.move")
FOLLOWED = step("billing.account.followed")
INDEXES = {
    ACCOUNTS: [
        IndexModel([(key, 1) for key in ("town", "family", "office")], name="family"),
        IndexModel(
            [("town", 1), ("transfers.id", 1)], name="transfers",
            partialFilterExpression={"transfers.id": {"$exists": True}},
        ),
        IndexModel(
            [("behind.0", 1)], name="behind",
            partialFilterExpression={"behind.0": {"$exists": True}},
        ),
    ],
}  # fmt: skip


_MOVEMENTS: dict[str, Callable[..., Movement]] = {
    one.__name__.lower(): one for one in get_args(Movement)
}


class Read(NamedTuple):
    """An account as it was read: 0 is the version before its first movement."""

    account: Account
    version: int
    behind: tuple[str, ...] = ()


def account_id(holder: Holder) -> str:
    """One account for each town, office and family."""
    return derived_id("account", *holder)


class AccountStore:
    """Every query and write of accounts."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def get(self, holder: Holder) -> Account:
        """The account as it stands; an empty one before its first movement."""
        return (await self.read(holder)).account

    async def read(self, holder: Holder) -> Read:
        """The account, and of which version it is."""
        document = await self._store.get(ACCOUNTS, account_id(holder), {"pending": 0})
        return Read(Account(holder), 0) if document is None else _read(document)

    async def with_transfers(self, scope: Scope, after: str | None, limit: int) -> list[Account]:
        """Accounts with refunds that are to be made, those following ``after``."""
        found = await page(
            self._store, ACCOUNTS, within=scope.query(), only={"transfers.id": {"$exists": True}},
            order=[("_id", 1)], after=after, limit=limit, projection={"pending": 0},
        )  # fmt: skip
        return [account_in(document) for document in found]

    async def movement(self, holder: Holder, _id: str) -> Document | None:
        """A movement as the journal has it."""
        found = await self._store.get(
            ACCOUNTS, account_id(holder), {"movements": {"$elemMatch": {"id": _id}}}
        )
        entries = (found or {}).get("movements", ())
        return dict(entries[0]) if entries else None

    async def behind(self, after: str, limit: int) -> list[Read]:
        """Accounts that a process moved and died before their invoices followed, by id, those
        after one."""
        query = {"behind.0": {"$exists": True}, "_id": {"$gt": after}}
        found = await self._store.find(
            ACCOUNTS, query, sort=[("_id", 1)], limit=limit, projection={"pending": 0}
        )
        return [_read(document) for document in found]

    async def followed(self, read: Read) -> None:
        """Note that the invoices say what this version of the account does."""
        await self._store.change_each(
            FOLLOWED, ACCOUNTS,
            [({"_id": account_id(read.account.holder), "v": read.version},
              {"$set": {"behind": []}})],
        )  # fmt: skip

    async def of_family(self, town: str, family: str) -> list[Account]:
        """A family's accounts, by office."""
        found = await self._store.find(
            ACCOUNTS, {"town": town, "family": family}, sort=[("office", 1)],
            projection={"pending": 0},
        )  # fmt: skip
        return [account_in(document) for document in found]

    async def write(self, read: Read, movement: Movement, moved: Moved) -> Read | None:
        """Write one movement and what it says; the account then, or None when it has changed since
        it was read."""
        now = _after(read, movement, moved)
        _id, town = account_id(now.account.holder), now.account.holder.town
        if read.version:
            done = await self._store.change(
                MOVE_ACCOUNT, ACCOUNTS, _id, {"v": read.version},
                self._update(read, movement, now), *moved.events, town=town,
            )  # fmt: skip
        else:
            first = self._opened(movement, now)
            done = await self._store.insert(OPEN_ACCOUNT, ACCOUNTS, first, *moved.events)
        return now if done else None

    async def owe(self, owed: Mapping[Holder, Owe]) -> dict[Holder, Read]:
        """Owe an invoice on each account, all in a few round trips; the accounts on which it is
        owed then. The others changed meanwhile, or say something when opened: they are for
        ``write``."""
        opened: list[Document] = []
        changes: list[Saying] = []
        reads = await self._many(owed)
        for holder, read in list(reads.items()):
            moved = move(read.account, owed[holder])
            if moved.account is read.account:
                continue
            reads[holder] = now = _after(read, owed[holder], moved)
            if read.version:
                update = self._update(read, owed[holder], now)
                changes.append(
                    Saying(account_id(holder), {"v": read.version}, update, moved.events,
                           holder.town)
                )  # fmt: skip
            elif not moved.events:
                first = self._opened(owed[holder], now)
                opened.append({**first, "v": 1, "seq": 0, "pending": []})
            else:
                del reads[holder]
        refused = await self._store.insert_many(OPEN_ACCOUNT, ACCOUNTS, opened)
        matched = await self._store.change_each_saying(MOVE_ACCOUNT, ACCOUNTS, changes)
        if refused or matched < len(changes):
            reads = await self._many(owed)
        return {
            holder: read for holder, read in reads.items() if owed[holder].id in read.account.done
        }

    async def _many(self, holders: Iterable[Holder]) -> dict[Holder, Read]:
        ids = {account_id(holder): holder for holder in holders}
        found = await self._store.find(
            ACCOUNTS, {"_id": {"$in": list(ids)}}, projection={"pending": 0}
        )
        read = {ids[document["_id"]]: _read(document) for document in found}
        return {holder: read.get(holder, Read(Account(holder), 0)) for holder in ids.values()}

    def _entry(self, movement: Movement) -> Document:
        kind = type(movement).__name__.lower()
        return {**asdict(movement), "kind": kind, "at": self._clock.town()}

    def _update(self, read: Read, movement: Movement, now: Read) -> dict[str, Document]:
        before, after = read.account, now.account
        changes: Document = {
            f"debts.{invoice}": asdict(after.debts[invoice]) for invoice in changed(before, after)
        } | {"credit_cents": after.credit_cents, "behind": list(now.behind)}
        for name in ("sources", "credit", "refunded"):
            if getattr(after, name) != getattr(before, name):
                changes[name] = _plain(getattr(after, name))
        if after.transfers != before.transfers:
            changes["transfers"] = [asdict(one) for one in after.transfers]
        return {"$set": changes, "$push": {"movements": self._entry(movement)}}

    def _opened(self, movement: Movement, now: Read) -> Document:
        after = now.account
        return {
            "_id": account_id(after.holder), **after.holder._asdict(),
            **{name: _plain(getattr(after, name)) for name in ("sources", "credit", "refunded")},
            "debts": {key: asdict(one) for key, one in after.debts.items()},
            "movements": [self._entry(movement)], "credit_cents": after.credit_cents,
            "behind": list(now.behind),
            **({"transfers": [asdict(one) for one in after.transfers]} if after.transfers else {}),
        }  # fmt: skip


def _after(read: Read, movement: Movement, moved: Moved) -> Read:
    """The account after a movement: the invoices it touched are behind, but for its own."""
    own = movement.id if isinstance(movement, Owe) else None
    touched = (one for one in changed(read.account, moved.account) if one != own)
    return Read(moved.account, read.version + 1, (*read.behind, *touched))


def _plain(values: Any) -> Document:
    return {key: asdict(one) if isinstance(one, Source) else one for key, one in values.items()}


def _read(document: Document) -> Read:
    return Read(account_in(document), document["v"], tuple(document["behind"]))


def replayed(document: Document) -> Account:
    """The account that its journal comes to."""
    account = Account(Holder(document["town"], document["office"], document["family"]))
    for entry in document["movements"]:
        values = {name: value for name, value in entry.items() if name not in ("kind", "at")}
        account = move(account, _MOVEMENTS[entry["kind"]](**values)).account
    return account


def account_in(document: Document) -> Account:
    """The account as rules take it."""
    return Account(
        holder=Holder(document["town"], document["office"], document["family"]),
        sources={key: Source(**one) for key, one in document["sources"].items()},
        debts={key: Debt(**one) for key, one in document["debts"].items()},
        credit=document["credit"], refunded=document["refunded"],
        transfers=tuple(Transfer(**one) for one in document.get("transfers", ())),
        done=frozenset(one["id"] for one in document["movements"]),
    )  # fmt: skip
