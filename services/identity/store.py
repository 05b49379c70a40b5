"""Identity's documents.

``towns``           a town's file, whole, with its ``version``; `_id` is the town's slug.
``signing_keys``    ``current``: the public keys last said; in development, the private ones too.
``accounts``        an account with its memberships, families and roles; ``done`` holds the last
                    commands with their answers. One writer at a time: guarded by ``v``.
``login_sessions``  one login to one town; `_id` derives from the command. Guarded by the
                    generation of its refresh token. Removed when it runs out.
``family_keys``     one key by its hash. Guarded by conditions on its use.
``key_issues``      one act of issuing keys; the keys derive from it.
``families``        family-changed, by family: who its guardians are.
``attempts``        failed guesses, by policy and hashed target. Forgotten after a day.
``mail_requests``   somebody asked for a mail; a job finds out whether an account is concerned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import IndexModel

from services.identity.domain.accounts import Account, changed_states
from services.identity.domain.attempts import FORGOTTEN_AFTER, Attempts, Policy
from services.identity.domain.family_keys import FamilyKey
from services.identity.domain.sessions import PAIRS_KEPT, LoginSession, Pair
from services.identity.repeats import KEPT
from shared.auth import AgentScope
from shared.contracts.family import FamilyChanged
from shared.contracts.identity import KeysRotated, TownChanged
from shared.contracts.town_file import TownFile
from shared.events import Envelope, Event
from shared.failpoints import step
from shared.paging import page
from shared.store import Document, Store

TOWNS, KEYS, ACCOUNTS, SESSIONS = "towns", "signing_keys", "accounts", "login_sessions"
FAMILY_KEYS, ISSUES, FAMILIES = "family_keys", "key_issues", "families"
ATTEMPTS, MAIL_REQUESTS = "attempts", "mail_requests"
_REPEATED_FOR = timedelta(hours=72)

OUTBOXES = (TOWNS, KEYS, ACCOUNTS)
INDEXES = {
    ACCOUNTS: [
        IndexModel([("login", 1)], unique=True, name="login"),
        IndexModel([("email_key", 1)]),
        IndexModel([("memberships.town", 1), ("_id", 1)]),
        IndexModel([("state", 1), ("created_at", 1)]),
    ],
    SESSIONS: [IndexModel([("expires_at", 1)], expireAfterSeconds=0)],
    FAMILY_KEYS: [
        IndexModel([("town", 1), ("family", 1), ("guardian", 1)]),
        IndexModel([("town", 1), ("_id", 1)]),
    ],
    FAMILIES: [IndexModel([("town", 1), ("_id", 1)])],
    ATTEMPTS: [IndexModel([("forgotten_at", 1)], expireAfterSeconds=0)],
    MAIL_REQUESTS: [
        IndexModel([("handled", 1), ("_id", 1)]),
        IndexModel([("forgotten_at", 1)], expireAfterSeconds=0),
    ],
}

CREATE_TOWN = step("identity.town.create")
CHANGE_TOWN = step("identity.town.change")
MAKE_KEYS = step("identity.signing-keys.make")
SAY_KEYS = step("identity.signing-keys.say")
CREATE_ACCOUNT = step("identity.account.create")
CHANGE_ACCOUNT = step("identity.account.change")
FORGET_ACCOUNTS = step("identity.account.forget")
OPEN_SESSION = step("identity.login-session.open")
ROTATE_SESSION = step("identity.login-session.rotate")
END_SESSION = step("identity.login-session.end")
CREATE_ISSUE = step("identity.key-issue.create")
CREATE_KEYS = step("identity.family-key.create")
REPLACE_KEYS = step("identity.family-key.replace")
USE_KEY = step("identity.family-key.use")
REVOKE_KEY = step("identity.family-key.revoke")
KEEP_FAMILY = step("identity.family.keep")
COUNT_ATTEMPT = step("identity.attempt.count")
FORGIVE_ATTEMPTS = step("identity.attempt.forgive")
ASK_MAIL = step("identity.mail-request.create")
CLOSE_MAIL = step("identity.mail-request.close")


class IdentityStore:
    """Every query and write of the service."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # -- towns -----------------------------------------------------------------------------

    async def town(self, town: str) -> Document | None:
        """``{file, version, digest, done, ...}``, or None."""
        return await self._store.get(TOWNS, town)

    async def town_exists(self, town: str) -> bool:
        """Whether the town was ever loaded."""
        return await self._store.get(TOWNS, town, {"_id": 1}) is not None

    async def save_town(
        self,
        before: Document | None,
        said: TownChanged,
        digest: str,
        entry: Document | None,
    ) -> bool:
        """Save a town's file as the next version and say it; False when it changed meanwhile."""
        town = said.file.town
        fields = {
            "file": said.file.model_dump(mode="json"),
            "version": said.version,
            "digest": digest,
        }
        if before is None:
            new = {"_id": town, "town": town, **fields, "done": [entry] if entry else []}
            return await self._store.insert(CREATE_TOWN, TOWNS, new, said)
        return await self._store.save(
            CHANGE_TOWN, TOWNS, before, {"$set": fields, **_push_done(entry)}, said
        )

    async def note_town_command(self, before: Document, entry: Document) -> bool:
        """Remember a command that changed nothing."""
        return await self._store.save(CHANGE_TOWN, TOWNS, before, _push_done(entry))

    # -- signing keys ----------------------------------------------------------------------

    async def own_private_keys(self, fresh: str) -> str:
        """The private keys kept for development; ``fresh`` becomes them when there are none."""
        await self._store.insert(MAKE_KEYS, KEYS, {"_id": "current", "private": fresh})
        await self._store.change(
            MAKE_KEYS, KEYS, "current", {"private": {"$exists": False}},
            {"$set": {"private": fresh}},
        )  # fmt: skip
        document = await self._store.get(KEYS, "current")
        if document is None:
            raise RuntimeError("the signing keys just kept are not there")
        return str(document["private"])

    async def say_keys(self, said: KeysRotated) -> None:
        """Say the public keys, unless they are those last said."""
        public = {"public": said.jwks}
        await self._store.put(
            SAY_KEYS, KEYS, "current", {"$set": public}, said,
            condition={"public": {"$ne": said.jwks}},
        )  # fmt: skip

    # -- accounts --------------------------------------------------------------------------

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

    async def create_account(self, account: Account, mark: Document, *events: Event) -> bool:
        """Insert a new account; False when its id exists.

        Raises ``DuplicateKey("login")`` when its login name is taken.
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
        update = {**({"$set": changed} if changed else {}), **_push_done(entry)}
        if not update and not events:
            return True
        return await self._store.save(CHANGE_ACCOUNT, ACCOUNTS, before, update, *events)

    async def forget_unactivated(self, created_before: datetime) -> int:
        """Delete accounts that nobody activated; how many."""
        return await self._store.delete(
            FORGET_ACCOUNTS,
            ACCOUNTS,
            {"state": "pending", "created_at": {"$lt": created_before}},
        )

    # -- login sessions --------------------------------------------------------------------

    async def session(self, session_id: str) -> Document | None:
        """A login session's document: read it with ``session_of``."""
        return await self._store.get(SESSIONS, session_id)

    async def open_session(self, session: LoginSession, mark: Document) -> bool:
        """Insert a login session; False when its id exists."""
        new = {"_id": session.id, **session.model_dump(exclude={"id"}), "made_by": mark}
        return await self._store.insert(OPEN_SESSION, SESSIONS, new)

    async def rotate_session(self, session: LoginSession, pair: Pair, expires_at: datetime) -> bool:
        """Give the next pair; False when another request did."""
        return await self._store.change(
            ROTATE_SESSION, SESSIONS, session.id,
            {"generation": session.generation, "ended": None},
            {
                "$set": {"generation": pair.generation, "expires_at": expires_at},
                "$push": {"pairs": {"$each": [pair.model_dump()], "$slice": -PAIRS_KEPT}},
            },
        )  # fmt: skip

    async def end_session(self, session_id: str, why: str) -> None:
        """End one login session; ending it again changes nothing."""
        await self._store.change(
            END_SESSION, SESSIONS, session_id, {"ended": None}, {"$set": {"ended": why}}
        )

    # -- families and their keys -----------------------------------------------------------

    async def keep_family(self, envelope: Envelope, event: FamilyChanged) -> None:
        """Keep who the guardians of a family are."""
        guardians = [
            {"id": one.id, "first_name": one.first_name, "last_name": one.last_name}
            for one in event.guardians
        ]
        fields = {"reference": event.reference, "guardians": guardians}
        await self._store.keep_copy(KEEP_FAMILY, FAMILIES, event.family, envelope, fields)

    async def families(self, town: str, ids: Sequence[str]) -> list[Document]:
        """``{_id, reference, guardians}`` of those families of the town."""
        return await self._store.find(
            FAMILIES, {"town": town, "_id": {"$in": list(ids)}}, sort=[("_id", 1)]
        )

    async def family_page(self, town: str, after: str, limit: int) -> list[Document]:
        """The town's families by id, those after ``after``."""
        return await self._store.find(
            FAMILIES, {"town": town, "_id": {"$gt": after}}, sort=[("_id", 1)], limit=limit
        )

    async def create_issue(self, issue: Document) -> bool:
        """Insert an act of issuing keys; False when it exists."""
        return await self._store.insert(CREATE_ISSUE, ISSUES, issue)

    async def issue(self, issue_id: str) -> Document | None:
        """An act of issuing keys, or None."""
        return await self._store.get(ISSUES, issue_id)

    async def create_keys(self, keys: Sequence[FamilyKey], issue: str) -> None:
        """Insert keys; those there already stay as they are."""
        await self._store.insert_many(
            CREATE_KEYS, FAMILY_KEYS,
            [{"_id": k.id, **k.model_dump(exclude={"id"}), "issue": issue, "v": 1} for k in keys],
        )  # fmt: skip

    async def replace_keys(
        self, town: str, families: Sequence[str], issue: str, at: datetime
    ) -> None:
        """Revoke the unused keys that these families were given before ``at``."""
        await self._store.change_many(
            REPLACE_KEYS, FAMILY_KEYS,
            {
                "town": town, "family": {"$in": list(families)}, "issue": {"$ne": issue},
                "issued_at": {"$lt": at}, "used_by": None, "revoked_at": None,
            },
            {"$set": {"revoked_at": at}, "$inc": {"v": 1}},
        )  # fmt: skip

    async def key(self, town: str, key_id: str) -> FamilyKey | None:
        """A key of the town by its hash."""
        document = await self._store.first(FAMILY_KEYS, {"_id": key_id, "town": town})
        return _key_of(document) if document else None

    async def keys(
        self, scope: AgentScope, family: str | None, after: str | None, limit: int
    ) -> list[FamilyKey]:
        """The keys an agent may see, by id, those following ``after``."""
        found = await page(
            self._store, FAMILY_KEYS, within=scope.query(),
            only={} if family is None else {"family": family},
            order=[("_id", 1)], after=after, limit=limit,
        )  # fmt: skip
        return [_key_of(document) for document in found]

    async def use_key(self, key: FamilyKey, account: str, now: datetime) -> bool:
        """Take the key for ``account``; False when it was used or revoked meanwhile."""
        return await self._store.change(
            USE_KEY, FAMILY_KEYS, key.id, {"used_by": None, "revoked_at": None},
            {"$set": {"used_by": account, "used_at": now}},
        )  # fmt: skip

    async def revoke_key(self, scope: AgentScope, key_id: str, now: datetime) -> bool:
        """Revoke an unused key; False when it was used meanwhile."""
        return await self._store.change(
            REVOKE_KEY, FAMILY_KEYS, key_id, {**scope.query(), "used_by": None},
            {"$set": {"revoked_at": now}},
        )  # fmt: skip

    # -- guesses ---------------------------------------------------------------------------

    async def attempts(self, policy: Policy, who: str) -> tuple[Attempts, int] | None:
        """The attempts counted against ``who``, and the version they have."""
        document = await self._store.get(ATTEMPTS, _attempt_id(policy, who))
        if document is None:
            return None
        return Attempts(document["count"], document["until"]), document["v"]

    async def count_attempt(
        self, policy: Policy, who: str, version: int | None, after: Attempts, now: datetime
    ) -> bool:
        """Store attempts read at ``version`` with one more; False when they changed meanwhile."""
        _id = _attempt_id(policy, who)
        fields = {
            "count": after.count,
            "until": after.until,
            "forgotten_at": (after.until or now) + FORGOTTEN_AFTER,
        }
        if version is None:
            return await self._store.insert(COUNT_ATTEMPT, ATTEMPTS, {"_id": _id, **fields})
        return await self._store.change(
            COUNT_ATTEMPT, ATTEMPTS, _id, {"v": version}, {"$set": fields}
        )

    async def forgive(self, policy: Policy, who: str) -> None:
        """Forget the attempts counted against ``who``."""
        await self._store.delete(FORGIVE_ATTEMPTS, ATTEMPTS, {"_id": _attempt_id(policy, who)})

    # -- mail requests ---------------------------------------------------------------------

    async def ask_mail(self, request: Document, now: datetime) -> bool:
        """Note that somebody asked for a mail; False when this command did already."""
        new = {**request, "handled": False, "forgotten_at": now + _REPEATED_FOR}
        return await self._store.insert(ASK_MAIL, MAIL_REQUESTS, new)

    async def mail_request(self, request_id: str) -> Document | None:
        """A request for a mail, or None."""
        return await self._store.get(MAIL_REQUESTS, request_id)

    async def open_mail_requests(self, limit: int) -> list[Document]:
        """Requests for a mail not handled yet."""
        return await self._store.find(
            MAIL_REQUESTS, {"handled": False}, sort=[("_id", 1)], limit=limit
        )

    async def close_mail_request(self, request_id: str) -> None:
        """Handled; the name that was typed is not kept any longer."""
        await self._store.change(
            CLOSE_MAIL, MAIL_REQUESTS, request_id, {},
            {"$set": {"handled": True}, "$unset": {"name": ""}},
        )  # fmt: skip


def account_of(document: Mapping[str, Any]) -> Account:
    """The account a document holds."""
    return Account.model_validate({**document, "id": document["_id"]})


def _town_states(document: Document) -> tuple[Event, ...]:
    file = TownFile.model_validate(document["file"])
    return (TownChanged(version=document["version"], file=file),)


def _key_states(document: Document) -> tuple[Event, ...]:
    return (KeysRotated(jwks=document["public"]),) if "public" in document else ()


def _account_states(document: Document) -> tuple[Event, ...]:
    return changed_states(account_of(document))


#: What each document says again when copies are rebuilt.
STATES = {TOWNS: _town_states, KEYS: _key_states, ACCOUNTS: _account_states}


def session_of(document: Mapping[str, Any]) -> LoginSession:
    """The login session a document holds."""
    return LoginSession.model_validate({**document, "id": document["_id"]})


def _key_of(document: Mapping[str, Any]) -> FamilyKey:
    return FamilyKey.model_validate({**document, "id": document["_id"]})


def _attempt_id(policy: Policy, who: str) -> str:
    return f"{policy.name}/{hashlib.sha256(who.encode()).hexdigest()[:32]}"


def _push_done(entry: Document | None) -> dict[str, Document]:
    return {"$push": {"done": {"$each": [entry], "$slice": -KEPT}}} if entry else {}
