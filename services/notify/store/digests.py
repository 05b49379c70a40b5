"""From outcomes to digests: cut-offs, progress, outcomes, runs, digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from services.notify.domain.digest import Outcome
from services.notify.domain.windows import EVER, CutOffs, Timeline, Window
from shared.bus.consumer import HELD
from shared.events import Envelope, Event
from shared.failpoints import step
from shared.ids import new_id
from shared.store import Document, Store
from shared.tasks import in_turns

CUT_OFFS, OUTCOMES, BATCHES = "cut_offs", "outcomes", "batches"
PROGRESS, RUNS, DIGESTS = "progress", "runs", "digests"

KEEP_PROGRESS = step("notify.copy.progress")
SET_CUT_OFFS = step("notify.cut-offs.set")
STORE_OUTCOMES = step("notify.outcomes.store")
STORE_BATCH = step("notify.batch.store")
OPEN_RUN = step("notify.run.open")
FREEZE = step("notify.digest.freeze")
CLOSE_OUTCOMES = step("notify.outcomes.close")
CLOSE_DIGESTS = step("notify.digest.close")
CLOSE_RUN = step("notify.run.close")
ADVANCE = step("notify.cut-offs.advance")
SAY_SENT = step("notify.run.say")
LEASE_TOWN = step("notify.run.lease")

_BULK = 500
_AT_ONCE = 3


class OpenOutcome(NamedTuple):
    """An outcome that no digest holds: who asked, and for which child."""

    id: str
    account: str
    child: str


OpenFamily = tuple[str, Sequence[OpenOutcome]]


class Digests:
    """Every query and write of what becomes a digest."""

    def __init__(self, store: Store, lease_seconds: float) -> None:
        self._store = store
        self._process = new_id()
        self._lease_seconds = lease_seconds

    # -- progress ----------------------------------------------------------------------------

    async def keep_progress(self, envelope: Envelope, instant: datetime) -> None:
        """Keep up to when booking has said every decision."""
        await self._store.keep_copy(
            KEEP_PROGRESS, PROGRESS, envelope.town, envelope, {"instant": instant}
        )

    # -- cut-offs --------------------------------------------------------------------------

    async def cut_offs(self, town: str) -> Document | None:
        """``{timeline, closed_until, heard, v}`` of a town, or None before its file came."""
        return await self._store.get(CUT_OFFS, town)

    async def set_cut_offs(
        self, town: str, before: Document | None, timeline: Timeline, heard: int,
        closed_until: datetime,
    ) -> bool:  # fmt: skip
        """Save a timeline; False when another process was faster."""
        entries = [
            {"since": entry.since, "at": [cut.isoformat("minutes") for cut in entry.at]}
            for entry in timeline
        ]
        fields = {"timeline": entries, "heard": heard}
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

    async def open_outcomes(self, town: str, before: datetime) -> list[OpenFamily]:
        """Outcomes decided before an instant that no digest holds, by family."""
        query = {"town": town, "open": True, "decided_at": {"$lt": before}}
        found = await self._store.find(
            OUTCOMES, query, projection={"family": 1, "account": 1, "child": 1}
        )
        families: dict[str, list[OpenOutcome]] = {}
        for one in found:
            families.setdefault(one["family"], []).append(
                OpenOutcome(one["_id"], one["account"], one["child"])
            )
        return sorted(families.items())

    async def outcomes(self, ids: Sequence[str]) -> list[Outcome]:
        """These outcomes."""
        found = await self._store.find(OUTCOMES, {"_id": {"$in": list(ids)}})
        return [_outcome(document) for document in found]

    async def last_decisions(self, requests: Iterable[str]) -> dict[tuple[str, str], datetime]:
        """When each line of these requests was decided for the last time."""
        found = await self._store.find(
            OUTCOMES, {"request": {"$in": sorted(set(requests))}}, sort=[("decided_at", 1)],
            projection={"request": 1, "line": 1, "decided_at": 1},
        )  # fmt: skip
        return {(one["request"], one["line"]): one["decided_at"] for one in found}

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

    async def freeze(self, town: str, run: str, families: Sequence[OpenFamily]) -> None:
        """Insert each family's digest whole; outcomes already in a digest are left out."""
        parts = [families[start : start + _BULK] for start in range(0, len(families), _BULK)]
        await in_turns((self._freeze_part(town, run, part) for part in parts), _AT_ONCE)

    async def _freeze_part(self, town: str, run: str, families: Sequence[OpenFamily]) -> None:
        documents = [_digest(town, run, family, outcomes) for family, outcomes in families]
        refused = set(await self._store.insert_many(FREEZE, DIGESTS, documents))
        frozen: set[str] = set()
        for position, (family, outcomes) in enumerate(families):
            ids = {outcome.id for outcome in outcomes}
            if position in refused:
                await self._freeze_rest(town, run, family, outcomes)
                ids &= await self._frozen(ids)
            frozen |= ids
        await self._store.change_many(
            CLOSE_OUTCOMES, OUTCOMES, {"_id": {"$in": sorted(frozen)}}, {"$unset": {"open": ""}}
        )

    async def _freeze_rest(
        self, town: str, run: str, family: str, outcomes: Sequence[OpenOutcome]
    ) -> None:
        """What another process or an earlier run has frozen is taken; freeze the rest, if any,
        unless this family's digest of the run is there: then the rest waits for the next."""
        taken = await self._frozen({outcome.id for outcome in outcomes})
        rest = [outcome for outcome in outcomes if outcome.id not in taken]
        if rest:
            await self._store.insert_many(FREEZE, DIGESTS, [_digest(town, run, family, rest)])

    async def _frozen(self, ids: Set[str]) -> set[str]:
        """All that the digests hold which hold one of these outcomes."""
        digests = await self._store.find(
            DIGESTS, {"outcomes": {"$in": sorted(ids)}}, projection={"outcomes": 1}
        )
        return {_id for digest in digests for _id in digest["outcomes"]}

    async def open_digests(self, town: str) -> list[Document]:
        """Digests that no mail holds yet: ``{_id, family, accounts, children}``."""
        wanted = {"family": 1, "accounts": 1, "children": 1}
        return await self._store.find(
            DIGESTS, {"town": town, "open": True}, sort=[("_id", 1)], projection=wanted
        )

    async def close_digests(self, ids: Sequence[str]) -> None:
        """These digests are in mails."""
        await self._store.change_many(
            CLOSE_DIGESTS, DIGESTS, {"_id": {"$in": list(ids)}}, {"$unset": {"open": ""}}
        )

    async def close_run(self, run: str) -> None:
        """Everything of the window is in mails."""
        await self._store.change(
            CLOSE_RUN, RUNS, run, {"state": "waiting"}, {"$set": {"state": "sending"}}
        )

    async def outcomes_in(self, run: str) -> int:
        """How many outcomes the digests of a run hold."""
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {"run": run}},
            {"$group": {"_id": None, "outcomes": {"$sum": {"$size": "$outcomes"}}}},
        ]
        return sum([group["outcomes"] async for group in self._store.aggregate(DIGESTS, pipeline)])

    async def runs(self, ids: Iterable[str]) -> dict[str, Window]:
        """The windows of these runs."""
        found = await self._store.find(RUNS, {"_id": {"$in": list(ids)}})
        return {
            run["_id"]: Window(run["start"], run["window"] + timedelta(minutes=1)) for run in found
        }

    async def runs_sending(self) -> list[Document]:
        """Runs whose end has not been said."""
        return await self._store.find(RUNS, {"state": "sending"}, limit=50)

    async def say_sent(self, run: Document, *events: Event) -> None:
        """Say once that a run is through."""
        await self._store.change(
            SAY_SENT, RUNS, run["_id"], {"state": "sending"},
            {"$set": {"state": "done"}}, *events, town=run["town"],
        )  # fmt: skip

    async def digests(self, ids: Iterable[str]) -> dict[str, Document]:
        """Digests by id."""
        found = await self._store.find(DIGESTS, {"_id": {"$in": list(set(ids))}})
        return {document["_id"]: document for document in found}


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


def _digest(town: str, run: str, family: str, outcomes: Sequence[OpenOutcome]) -> Document:
    """A family's digest, with whom and what it may concern."""
    return outboxless({
        "_id": f"{run}/{family}", "town": town, "run": run, "family": family, "open": True,
        "outcomes": sorted(outcome.id for outcome in outcomes),
        "accounts": sorted({outcome.account for outcome in outcomes}),
        "children": sorted({outcome.child for outcome in outcomes}),
    })  # fmt: skip


def outboxless(document: Document) -> Document:
    """A document that is inserted without events and may say some later."""
    return {**document, "v": 1, "seq": 0}


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
        units=tuple(document["units"]),
        starts=document.get("starts"),
        ends=document.get("ends"),
        kind=document["kind"],
        effect=document.get("effect"),
        answer=document.get("answer"),
        accepted=document["accepted"],
        reason=document.get("reason"),
        decided_at=document["decided_at"],
        agent=document.get("agent"),
        replaces_at=document.get("replaces_at"),
        told=document.get("told", False),
    )
