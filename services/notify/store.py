"""Notify's documents.

``contacts``   account-changed, by town and account: how to write to an adult, and to whom else
               in which families.
``copy_families``  family-changed, by family.
``cut_offs``   per town: the timeline of its cut-offs, and ``closed_until``, the boundary up to
               which every window has been frozen.
``outcomes``   one accepted or refused line; ``open`` until a digest holds it (a cache: the digest
               is the authority).
``batches``    how many lines a bulk decision decided.
``progress``   per town, up to when booking has said every decision.
``runs``       per town and window: when it was first tried, what it came to.
``digests``    one family's outcomes of one window, whole from the first write. A unique index
               on ``outcomes`` makes one outcome in two digests impossible. ``open`` until a mail
               holds it.
``mails``      everything that is written, by state. A unique index on ``covers`` (digest and
               account) makes one digest twice in the mails of one adult impossible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from pymongo import IndexModel

from services.notify.domain.digest import Outcome
from services.notify.domain.windows import EVER, CutOffs, Timeline, Window
from shared.bus.consumer import HELD
from shared.contracts.family import FamilyChanged
from shared.contracts.identity import AccountChanged
from shared.errors import MissingCopy
from shared.events import Envelope, Event
from shared.failpoints import step
from shared.ids import derived_id, new_id
from shared.store import Document, Store

CONTACTS, FAMILIES, CUT_OFFS, OUTCOMES = "contacts", "copy_families", "cut_offs", "outcomes"
BATCHES, PROGRESS, RUNS, DIGESTS, MAILS = "batches", "progress", "runs", "digests", "mails"

OUTBOXES = (RUNS, MAILS)
_OPEN = {"open": True}
INDEXES = {
    CONTACTS: [IndexModel([("town", 1), ("families.family", 1)])],
    OUTCOMES: [
        IndexModel([("town", 1), ("decided_at", 1)], partialFilterExpression=_OPEN, name="open"),
        IndexModel([("batch", 1)], sparse=True),
    ],
    DIGESTS: [
        IndexModel([("outcomes", 1)], unique=True, name="outcome_in_one_digest"),
        IndexModel([("town", 1)], partialFilterExpression=_OPEN, name="open"),
    ],
    MAILS: [
        IndexModel(
            [("covers", 1)],
            unique=True,
            name="digest_once_per_account",
            partialFilterExpression={"covers.0": {"$exists": True}},
        ),
        IndexModel([("state", 1), ("due", 1)]),
        IndexModel([("run", 1), ("state", 1)], sparse=True),
        IndexModel([("town", 1), ("account", 1), ("created_at", -1)]),
    ],
}

KEEP_CONTACT = step("notify.copy.contact")
KEEP_FAMILY = step("notify.copy.family")
KEEP_PROGRESS = step("notify.copy.progress")
SET_CUT_OFFS = step("notify.cut-offs.set")
STORE_OUTCOMES = step("notify.outcomes.store")
STORE_BATCH = step("notify.batch.store")
INTEND_MAIL = step("notify.mail.intend")
OPEN_RUN = step("notify.run.open")
FREEZE = step("notify.digest.freeze")
CLOSE_OUTCOMES = step("notify.outcomes.close")
ADDRESS = step("notify.digest.address")
CLOSE_DIGESTS = step("notify.digest.close")
CLOSE_RUN = step("notify.run.close")
ADVANCE = step("notify.cut-offs.advance")
SAY_SENT = step("notify.run.say")
LEASE_TOWN = step("notify.run.lease")
CLAIM = step("notify.mail.claim")
RECORD = step("notify.mail.record")
FAIL_MAIL = step("notify.mail.fail")

#: A mail claimed for more leases than this was left by a crash and is sent again.
MAIL_LEASES = 4
_BULK = 500


@dataclass(frozen=True, slots=True)
class Contact:
    """An adult one may write to."""

    account: str
    email: str
    first_name: str
    last_name: str
    active: bool
    families: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of trying to send one mail; ``again_at`` when it is to be tried again."""

    mail: str
    state: str
    failure: str | None = None
    again_at: datetime | None = None


class NotifyStore:
    """Every query and write of notify."""

    def __init__(self, store: Store, lease_seconds: float = 30) -> None:
        self._store = store
        self._process = new_id()
        self._lease_seconds = lease_seconds
        self._mail_lease = timedelta(seconds=lease_seconds) * MAIL_LEASES

    # -- copies ----------------------------------------------------------------------------

    async def keep_contact(self, envelope: Envelope, event: AccountChanged) -> None:
        """Keep how to write to an adult of a town."""
        fields = event.model_dump(mode="json", exclude={"town"})
        key = f"{event.town}/{event.account}"
        await self._store.keep_copy(KEEP_CONTACT, CONTACTS, key, envelope, fields)

    async def keep_family(self, envelope: Envelope, event: FamilyChanged) -> None:
        """Keep a family's card."""
        card = event.model_dump(mode="json")
        await self._store.keep_copy(KEEP_FAMILY, FAMILIES, event.family, envelope, card)

    async def keep_progress(self, envelope: Envelope, instant: datetime) -> None:
        """Keep up to when booking has said every decision."""
        await self._store.keep_copy(
            KEEP_PROGRESS, PROGRESS, envelope.town, envelope, {"instant": instant}
        )

    async def contacts(self, town: str, accounts: Iterable[str]) -> dict[str, Contact]:
        """Those of these accounts that the town may write to."""
        ids = [f"{town}/{account}" for account in set(accounts)]
        found = await self._store.find(CONTACTS, {"_id": {"$in": ids}})
        return {document["account"]: _contact(document) for document in found}

    async def contacts_of(self, town: str, families: Sequence[str]) -> list[Contact]:
        """Every adult linked to one of these families."""
        linked: list[Contact] = []
        for start in range(0, len(families), _BULK):
            part = list(families[start : start + _BULK])
            query = {"town": town, "families.family": {"$in": part}}
            linked += [_contact(document) for document in await self._store.find(CONTACTS, query)]
        return linked

    async def families(self, families: Iterable[str]) -> dict[str, FamilyChanged]:
        """The cards of these families, as far as they are known."""
        found = await self._store.find(FAMILIES, {"_id": {"$in": list(set(families))}})
        return {document["_id"]: FamilyChanged.model_validate(document) for document in found}

    async def need_contact(self, town: str, account: str) -> None:
        """Raises ``MissingCopy`` when an account was never heard of."""
        if await self._store.get(CONTACTS, f"{town}/{account}", {"_id": 1}) is None:
            raise MissingCopy(f"accounts/{account}")

    async def need_family(self, family: str) -> None:
        """Raises ``MissingCopy`` when a family was never heard of."""
        if await self._store.get(FAMILIES, family, {"_id": 1}) is None:
            raise MissingCopy(f"families/{family}")

    # -- cut-offs --------------------------------------------------------------------------

    async def cut_offs(self, town: str) -> Document | None:
        """``{timeline, closed_until, version, v}`` of a town, or None before its file came."""
        return await self._store.get(CUT_OFFS, town)

    async def set_cut_offs(
        self, town: str, before: Document | None, timeline: Timeline, version: int,
        closed_until: datetime,
    ) -> bool:  # fmt: skip
        """Save a timeline; False when another process was faster."""
        entries = [
            {"since": entry.since, "at": [cut.isoformat("minutes") for cut in entry.at]}
            for entry in timeline
        ]
        fields = {"timeline": entries, "version": version}
        if before is None:
            fresh = {"_id": town, "town": town, "closed_until": closed_until, **fields}
            return await self._store.insert(SET_CUT_OFFS, CUT_OFFS, fresh)
        return await self._store.save(SET_CUT_OFFS, CUT_OFFS, before, {"$set": fields})

    async def advance(self, town: str, window: Window) -> None:
        """Every window up to this one is frozen."""
        await self._store.change(
            ADVANCE, CUT_OFFS, town, {"closed_until": {"$lt": window.end}},
            {"$set": {"closed_until": window.end}},
        )  # fmt: skip

    # -- outcomes --------------------------------------------------------------------------

    async def store_outcomes(self, outcomes: Sequence[Document]) -> None:
        """Keep outcomes; those already there (by id) are left as they are."""
        await self._store.insert_many(STORE_OUTCOMES, OUTCOMES, outcomes)

    async def store_batch(self, batch: str, town: str, lines: int) -> None:
        """Keep how many lines a bulk decision decided."""
        await self._store.put(STORE_BATCH, BATCHES, batch, {"$set": {"town": town, "lines": lines}})

    async def batches_incomplete(self, town: str, before: datetime) -> bool:
        """Whether an open outcome belongs to a bulk decision of which some lines are missing."""
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {"town": town, "open": True, "decided_at": {"$lt": before},
                        "batch": {"$type": "string"}}},
            {"$group": {"_id": "$batch"}},
        ]  # fmt: skip
        async for group in self._store.aggregate(OUTCOMES, pipeline):
            batch = await self._store.get(BATCHES, group["_id"])
            arrived = await self._store.count(OUTCOMES, {"batch": group["_id"]})
            if batch is None or arrived < batch["lines"]:
                return True
        return False

    async def heard_until(self, town: str) -> datetime | None:
        """Up to when booking has said every decision."""
        document = await self._store.get(PROGRESS, town)
        return document["instant"] if document else None

    async def holds_back(self, town: str) -> bool:
        """Whether an event of the town waits to be handled again."""
        query = {"town": town, "state": {"$in": ["retrying", "waiting"]}}
        return await self._store.count(HELD, query) > 0

    async def open_outcomes(self, town: str, before: datetime) -> list[tuple[str, list[str]]]:
        """(family, outcome ids) of outcomes decided before an instant that no digest holds."""
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {"town": town, "open": True, "decided_at": {"$lt": before}}},
            {"$group": {"_id": "$family", "ids": {"$push": "$_id"}}},
            {"$sort": {"_id": 1}},
        ]
        return [
            (group["_id"], sorted(group["ids"]))
            async for group in self._store.aggregate(OUTCOMES, pipeline)
        ]

    async def outcomes(self, ids: Sequence[str]) -> list[Outcome]:
        """These outcomes."""
        found = await self._store.find(OUTCOMES, {"_id": {"$in": list(ids)}})
        return [_outcome(document) for document in found]

    async def waiting_outcomes(self, town: str) -> tuple[int, datetime | None]:
        """How many outcomes no digest holds, and the decision instant of the oldest."""
        query = {"town": town, "open": True}
        oldest = await self._store.first(OUTCOMES, query, sort=[("decided_at", 1)])
        return await self._store.count(OUTCOMES, query), oldest["decided_at"] if oldest else None

    # -- runs and digests ------------------------------------------------------------------

    async def lease_town(self, town: str) -> bool:
        """Be the one replica that works on a town's digests; correctness does not need it."""
        return await self._store.lease(
            LEASE_TOWN, f"digests/{town}", self._process, self._lease_seconds
        )

    async def open_run(self, town: str, window: Window, machine_now: datetime) -> Document:
        """The run of a window; it keeps when it was first tried."""
        _id = run_id(town, window)
        fresh = {
            "_id": _id, "town": town, "window": window.cut_off, "start": window.start,
            "first_tried": machine_now, "state": "waiting",
        }  # fmt: skip
        await self._store.insert(OPEN_RUN, RUNS, fresh)
        found = await self._store.get(RUNS, _id)
        if found is None:
            raise RuntimeError("run vanished")
        return found

    async def freeze(self, town: str, run: str, families: Sequence[tuple[str, list[str]]]) -> None:
        """Insert each family's digest whole; outcomes already in a digest are left out."""
        for start in range(0, len(families), _BULK):
            part = families[start : start + _BULK]
            documents = [
                _outboxless({
                    "_id": f"{run}/{family}", "town": town, "run": run, "family": family,
                    "outcomes": ids, "open": True,
                })
                for family, ids in part
            ]  # fmt: skip
            for refused in await self._store.insert_many(FREEZE, DIGESTS, documents):
                await self._freeze_rest(documents[refused])
            await self._close_outcomes([_id for _, ids in part for _id in ids])

    async def _freeze_rest(self, digest: Document) -> None:
        """What another process or an earlier run has frozen is taken; freeze the rest, if any,
        unless this family's digest of the run is there: then the rest waits for the next."""
        taken = await self._frozen(digest["outcomes"])
        rest = [_id for _id in digest["outcomes"] if _id not in taken]
        if rest:
            await self._store.insert_many(FREEZE, DIGESTS, [{**digest, "outcomes": rest}])

    async def _frozen(self, ids: Sequence[str]) -> set[str]:
        wanted = set(ids)
        digests = await self._store.find(
            DIGESTS, {"outcomes": {"$in": list(ids)}}, projection={"outcomes": 1}
        )
        return {_id for digest in digests for _id in digest["outcomes"] if _id in wanted}

    async def _close_outcomes(self, ids: Sequence[str]) -> None:
        frozen = await self._frozen(ids)
        await self._store.change_many(
            CLOSE_OUTCOMES, OUTCOMES, {"_id": {"$in": sorted(frozen)}}, {"$unset": {"open": ""}}
        )

    async def open_digests(self, town: str) -> list[Document]:
        """``{_id, run, family, accounts}`` of digests that no mail holds yet; ``accounts`` are
        those who asked."""
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {"town": town, "open": True}},
            {"$lookup": {
                "from": OUTCOMES, "localField": "outcomes", "foreignField": "_id",
                "as": "lines", "pipeline": [{"$project": {"account": 1, "child": 1}}]}},
            {"$project": {"run": 1, "family": 1, "accounts": "$lines.account",
                          "children": "$lines.child"}},
            {"$sort": {"_id": 1}},
        ]  # fmt: skip
        return [document async for document in self._store.aggregate(DIGESTS, pipeline)]

    async def address(self, mails: Sequence[Document]) -> None:
        """Insert digest mails whole; digests already in a mail to the same adult are left out."""
        for start in range(0, len(mails), _BULK):
            part = [_outboxless(mail) for mail in mails[start : start + _BULK]]
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

    async def close_digests(self, ids: Sequence[str]) -> None:
        """These digests are in mails."""
        await self._store.change_many(
            CLOSE_DIGESTS, DIGESTS, {"_id": {"$in": list(ids)}}, {"$unset": {"open": ""}}
        )

    async def close_run(self, run: str, outcomes: int) -> None:
        """Everything of the window is in mails."""
        await self._store.change(
            CLOSE_RUN, RUNS, run, {"state": "waiting"},
            {"$set": {"state": "sending"}, "$inc": {"outcomes": outcomes}},
        )  # fmt: skip

    async def runs(self, ids: Iterable[str]) -> dict[str, Window]:
        """The windows of these runs."""
        found = await self._store.find(RUNS, {"_id": {"$in": list(ids)}})
        return {
            run["_id"]: Window(run["start"], run["window"] + timedelta(minutes=1)) for run in found
        }

    async def runs_sending(self) -> list[Document]:
        """Runs whose end has not been said."""
        return await self._store.find(RUNS, {"state": "sending"}, limit=50)

    async def run_counts(self, run: str) -> tuple[int, int]:
        """(mails of a run, those still to be sent)."""
        to_send = {"run": run, "state": {"$in": ["due", "sending"]}}
        return await self._store.count(MAILS, {"run": run}), await self._store.count(MAILS, to_send)

    async def say_sent(self, run: Document, mails: int, *events: Event) -> None:
        """Say once that a run is through."""
        await self._store.change(
            SAY_SENT, RUNS, run["_id"], {"state": "sending"},
            {"$set": {"state": "done", "mails": mails}}, *events, town=run["town"],
        )  # fmt: skip

    # -- mails -----------------------------------------------------------------------------

    async def intend(self, mail: Document) -> None:
        """Keep the intention to write; the same id again changes nothing."""
        await self._store.insert(INTEND_MAIL, MAILS, mail)

    async def claim(self, machine_now: datetime, limit: int) -> list[Document]:
        """Take mails that are due, or that a crash left in sending, for ``MAIL_LEASES``."""
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
            {"$set": {"state": "sending", "ticket": ticket, "due": machine_now + self._mail_lease}},
        )  # fmt: skip
        return await self._store.find(MAILS, {"_id": {"$in": ids}, "ticket": ticket})

    async def record(self, results: Sequence[Sent], machine_now: datetime) -> None:
        """What came of claimed mails, all in one round trip."""
        changes = []
        for result in results:
            fields: Document = {"state": result.state, "tried_at": machine_now}
            if result.failure:
                fields["failure"] = result.failure
            if result.again_at:
                fields["due"] = result.again_at
            changes.append(
                ({"_id": result.mail, "state": "sending"},
                 {"$set": fields, "$inc": {"tries": 1, "v": 1}, "$unset": {"ticket": ""}})
            )  # fmt: skip
        await self._store.change_each(RECORD, MAILS, changes)

    async def fail(self, mail: Document, result: Sent, *events: Event) -> None:
        """A mail that will not be tried again, with the event that says so."""
        await self._store.change(
            FAIL_MAIL, MAILS, mail["_id"], {"state": "sending"},
            {"$set": {"state": result.state, "failure": result.failure},
             "$inc": {"tries": 1}, "$unset": {"ticket": ""}}, *events, town=mail["town"],
        )  # fmt: skip

    async def digests(self, ids: Iterable[str]) -> dict[str, Document]:
        """Digests by id."""
        found = await self._store.find(DIGESTS, {"_id": {"$in": list(set(ids))}})
        return {document["_id"]: document for document in found}

    async def mails(
        self, town: str, *, state: str | None, account: str | None, before: datetime | None,
        limit: int,
    ) -> list[Document]:  # fmt: skip
        """The mail log, newest first, without contents."""
        query: Document = {"town": town}
        if state:
            query["state"] = state
        if account:
            query["account"] = account
        if before:
            query["created_at"] = {"$lt": before}
        projection = {"data": 0, "covers": 0, "pending": 0}
        return await self._store.find(
            MAILS, query, sort=[("created_at", -1)], limit=limit, projection=projection
        )


def run_id(town: str, window: Window) -> str:
    """The natural key of a run: its town and its end."""
    return f"{town}/{window.end:%Y%m%dT%H%MZ}"


def timeline_of(document: Document) -> list[CutOffs]:
    """The timeline of a ``cut_offs`` document."""
    return [
        CutOffs(entry["since"], tuple(time.fromisoformat(cut) for cut in entry["at"]))
        for entry in document["timeline"]
    ]


def first_timeline(at: tuple[time, ...]) -> list[CutOffs]:
    """The timeline of a town heard of for the first time."""
    return [CutOffs(EVER, at)]


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


def _outboxless(document: Document) -> Document:
    return {**document, "v": 1, "seq": 0}


def _contact(document: Document) -> Contact:
    return Contact(
        account=document["account"],
        email=document["email"],
        first_name=document["first_name"],
        last_name=document["last_name"],
        active=document["active"],
        families={one["family"]: one["guardian"] for one in document["families"]},
    )


def _outcome(document: Document) -> Outcome:
    return Outcome(
        id=document["_id"],
        family=document["family"],
        account=document["account"],
        request=document["request"],
        number=document["number"],
        requested_at=document["requested_at"],
        line=document["line"],
        child=document["child"],
        activity=document["activity"],
        date=date.fromisoformat(document["date"]),
        unit=document["unit"],
        accepted=document["accepted"],
        reason=document.get("reason"),
        decided_at=document["decided_at"],
        agent=document.get("agent"),
        replaces_at=document.get("replaces_at"),
        told=document.get("told", False),
    )
