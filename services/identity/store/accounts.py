"""Accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import IndexModel

from services.identity.domain.accounts import Account, changed_states
from services.identity.store.base import Collections, push_done
from shared.auth import AgentScope
from shared.events import Event
from shared.failpoints import step
from shared.paging import page
from shared.store import Document

ACCOUNTS = "accounts"
INDEXES = {
    ACCOUNTS: [
        IndexModel([("login", 1)], unique=True, name="login"),
        IndexModel([("email_key", 1)]),
        IndexModel([("memberships.town", 1), ("_id", 1)]),
        IndexModel([("memberships.families.family", 1)]),
        IndexModel([("memberships.families.guardian", 1)]),
        IndexModel([("memberships.withdrawn_links.guardian", 1)], sparse=True),
        IndexModel([("state", 1), ("created_at", 1)]),
        IndexModel([("closing.due_at", 1)], sparse=True),
        IndexModel(
            [("federated.key", 1)],
            unique=True,
            name="identity",
            partialFilterExpression={"federated.key": {"$exists": True}},
        ),
    ],
}

CREATE_ACCOUNT = step("identity.account.create")
CHANGE_ACCOUNT = step("identity.account.change")
ERASE_ACCOUNT = step("identity.account.erase")
FORGET_ACCOUNTS = step("identity.account.forget")
CHANGE_AGENTS = step("identity.agents.lease")
#: Longer than a change takes; a process that dies lets the others go on after it.
_TURN_SECONDS = 10


class Accounts(Collections):
    """Every query and write of accounts."""

    async def account(self, account_id: str) -> Document | None:
        """An account's document: read it with ``account_of``."""
        return await self._store.get(ACCOUNTS, account_id)

    async def account_by_login(self, login: str) -> Document | None:
        """The account whose normalised login name that is."""
        return await self._store.first(ACCOUNTS, {"login": login})

    async def accounts_by_email(self, email_key: str) -> list[str]:
        """Ids of the accounts that share that normalised address, at most 20."""
        found = await self._store.find(
            ACCOUNTS, {"email_key": email_key}, sort=[("_id", 1)], limit=20, projection={"_id": 1}
        )
        return [document["_id"] for document in found]

    async def account_of_guardian(self, town: str, family: str, guardian: str) -> Document | None:
        """The account that is that guardian of that family, or None."""
        link = {"families": {"$elemMatch": {"family": family, "guardian": guardian}}}
        return await self._store.first(
            ACCOUNTS, {"memberships": {"$elemMatch": {"town": town, **link}}}
        )

    async def accounts_of_family(self, scope: AgentScope, family: str) -> list[Account]:
        """The accounts linked to a family of the town."""
        links = {"town": scope.town, "families.family": family}
        found = await self._store.find(
            ACCOUNTS, {"memberships": {"$elemMatch": links}}, sort=[("_id", 1)]
        )
        return [account_of(document) for document in found]

    async def account_ids_of_family(self, town: str, family: str) -> list[str]:
        """For the service's own work: ids of the accounts linked to a family."""
        links = {"town": town, "families.family": family}
        found = await self._store.find(
            ACCOUNTS, {"memberships": {"$elemMatch": links}}, projection={"_id": 1}
        )
        return [document["_id"] for document in found]

    async def accounts_closing(self, now: datetime, limit: int) -> list[str]:
        """Ids of closed accounts whose time has come."""
        found = await self._store.find(
            ACCOUNTS, {"closing.due_at": {"$lte": now}}, limit=limit, projection={"_id": 1}
        )
        return [document["_id"] for document in found]

    async def erase_account(
        self, before: Document, after: Account, events: Sequence[Event]
    ) -> bool:
        """Write an erased account over all that was known; False when it changed meanwhile.

        What commands answered is forgotten with it.
        """
        blank = {**after.model_dump(exclude={"id"}), "made_by": {}, "done": []}
        known = {"_id", "town", "v", "seq", "pending", *blank}
        gone = dict.fromkeys(before.keys() - known, "")
        update = {"$set": blank, **({"$unset": gone} if gone else {})}
        return await self._store.save(ERASE_ACCOUNT, ACCOUNTS, before, update, *events)

    async def account_by_identity(self, key: str) -> Document | None:
        """The account linked to that identity of a provider."""
        return await self._store.first(ACCOUNTS, {"federated.key": key})

    async def accounts_of_guardians(
        self, town: str, guardians: Sequence[tuple[str, str]]
    ) -> list[Document]:
        """The accounts of any of these (family, guardian) of the town."""
        links = [{"family": family, "guardian": guardian} for family, guardian in guardians]
        of_town = {"town": town, "families": {"$elemMatch": {"$or": links}}}
        return await self._store.find(ACCOUNTS, {"memberships": {"$elemMatch": of_town}})

    async def withdrawn(
        self, town: str, guardians: Sequence[tuple[str, str]]
    ) -> set[tuple[str, str]]:
        """Those of these (family, guardian) whose link the town has withdrawn from an account."""
        people = [guardian for _, guardian in guardians]
        found = await self._store.find(
            ACCOUNTS, {"memberships.withdrawn_links.guardian": {"$in": people}}
        )
        return {pair for document in found for pair in account_of(document).withdrawn(town)}

    async def linked(
        self, town: str, families: Collection[str], people: Collection[str]
    ) -> list[str]:
        """Ids of the accounts linked in that town to one of these families or guardians."""
        about = [
            {"memberships.families.family": {"$in": sorted(families)}},
            {"memberships.families.guardian": {"$in": sorted(people)}},
        ]
        found = await self._store.find(
            ACCOUNTS, {"memberships.town": town, "$or": about}, sort=[("_id", 1)],
            projection={"_id": 1},
        )  # fmt: skip
        return [one["_id"] for one in found]

    async def create_account(self, account: Account, mark: Document, *events: Event) -> bool:
        """Insert a new account; False when its id exists.

        Raises ``DuplicateKey``: ``login`` when its login name is taken, ``identity`` when a
        provider's identity is another account's.
        """
        new = {"_id": account.id, **account.model_dump(exclude={"id"}), "made_by": mark, "done": []}
        return await self._store.insert(CREATE_ACCOUNT, ACCOUNTS, new, *events)

    async def save_account(
        self,
        before: Document,
        after: Account,
        events: Sequence[Event],
        entry: Document | None = None,
    ) -> bool:
        """Write what changed, with its events; False when the account changed meanwhile."""
        old = account_of(before).model_dump(exclude={"id"})
        new = after.model_dump(exclude={"id"})
        changed = {name: value for name, value in new.items() if value != old[name]}
        update = {**({"$set": changed} if changed else {}), **push_done(entry)}
        if not update and not events:
            return True
        return await self._store.save(CHANGE_ACCOUNT, ACCOUNTS, before, update, *events)

    # -- agents ----------------------------------------------------------------------------

    async def agents(self, scope: AgentScope, after: str | None, limit: int) -> list[Document]:
        """The town's agents' accounts, and others with a role in the town, by id, those following
        ``after``."""
        with_role = {"$elemMatch": {"town": scope.town, "roles.0": {"$exists": True}}}
        within = {
            "memberships.town": scope.town,
            "$or": [{"kind": "agent"}, {"memberships": with_role}],
        }
        return await page(
            self._store, ACCOUNTS, within=within, only={}, order=[("_id", 1)], after=after,
            limit=limit,
        )  # fmt: skip

    async def administrators(self, town: str) -> list[Document]:
        """Accounts with the role in the town, in use or not."""
        role = {"town": town, "roles": "administrator"}
        return await self._store.find(ACCOUNTS, {"memberships": {"$elemMatch": role}})

    async def animators(self, town: str, site: str) -> list[Document]:
        """Accounts with the animator's role at a site of the town, in use or not."""
        role = {"town": town, "roles": "animator", "sites": site}
        return await self._store.find(ACCOUNTS, {"memberships": {"$elemMatch": role}})

    async def take_turn(self, town: str, owner: str) -> bool:
        """Whether ``owner`` may change the town's agents now; nobody else until ``end_turn``."""
        return await self._store.lease(CHANGE_AGENTS, f"agents/{town}", owner, _TURN_SECONDS)

    async def end_turn(self, town: str, owner: str) -> None:
        """Let others change the town's agents."""
        await self._store.release(f"agents/{town}", owner)

    async def sealed_with_others(self, key: str) -> list[Document]:
        """Accounts with a secret that another key than ``key`` sealed."""
        fields = ("second_factor.secret.key", "pending_factor.secret.key")
        others = {"$exists": True, "$ne": key}
        return await self._store.find(ACCOUNTS, {"$or": [{name: others} for name in fields]})

    async def forget_unactivated(self, created_before: datetime) -> int:
        """Delete accounts that nobody activated; how many."""
        return await self._store.delete(
            FORGET_ACCOUNTS,
            ACCOUNTS,
            {"state": "pending", "created_at": {"$lt": created_before}},
        )


def account_of(document: Mapping[str, Any]) -> Account:
    """The account a document holds."""
    return Account.model_validate({**document, "id": document["_id"]})


def states_of(document: Document) -> tuple[Event, ...]:
    return changed_states(account_of(document))
