"""Direct debits: ``{_id, town, office, family, wish, mandate, past, state, commands}``, one for
each family and office (see ``domain.debits.mandates``). ``state`` is for lists; the ``commands``
(``{id, body}``) are the latest, so that none is done twice. Bank details are sealed, and so is the
hash of a command's body, from which they could be guessed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import NamedTuple

from pymongo import IndexModel

from services.billing.domain.debits.mandates import DirectDebit, Done, debit_id
from shared.auth import Scope
from shared.errors import Refused
from shared.failpoints import step
from shared.paging import page
from shared.sealing import SealBroken, Sealer
from shared.store import Document, Store
from shared.web.routes import Command

MANDATES = "direct_debits"
OPEN_MANDATE = step("billing.direct-debit.open")
SAVE_MANDATE = step("billing.direct-debit.save")
RESEAL_MANDATE = step("billing.direct-debit.reseal")
_BY_ID = [("_id", 1)]
INDEXES = {
    MANDATES: [
        IndexModel([("town", 1), ("state", 1), ("_id", 1)], name="states"),
        IndexModel([("town", 1), ("family", 1)], name="families"),
        IndexModel(
            [("mandate.reference", 1)], name="reference", unique=True,
            partialFilterExpression={"mandate.reference": {"$gt": ""}},
        ),
    ],
}  # fmt: skip
_REMEMBERED = 50


class Held(NamedTuple):
    """A direct debit as it was read; ``version`` 0 is before its first write."""

    debit: DirectDebit
    version: int = 0


class MandateStore:
    """Every query and write of direct debits."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def get(self, town: str, office: str, family: str) -> Held:
        """A family's direct debit; an empty one before its first command."""
        _id = debit_id(town, office, family)
        document = await self._store.get(MANDATES, _id, {"pending": 0})
        if document is None:
            return Held(DirectDebit(id=_id, town=town, office=office, family=family))
        return _held(document)

    async def done(self, debit: DirectDebit, command: Command) -> bool:
        """Whether a command was done already. Raises ``Refused``: ``idempotency-key-reused``."""
        query = {"_id": debit.id, "commands.id": command.id}
        known = await self._store.first(MANDATES, query, projection={"commands": 1})
        if known is None:
            return False
        body = next(one["body"] for one in known["commands"] if one["id"] == command.id)
        try:
            same = self._sealer.open(body, MANDATES, debit.id, command.id) == command.body_hash
        except SealBroken:  # by a key withdrawn since: the command is known all the same
            same = True
        if same:
            return True
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à une autre demande.", status=422
        )

    async def write(self, held: Held, done: Done, command: Command | None) -> bool:
        """Keep what a command came to, with what it says; False when it changed since."""
        after = done.debit
        fields = {**after.model_dump(mode="json", exclude={"id"}), "state": _state(after)}
        entries = [self._entry(after, command)] if command else []
        if not held.version:
            return await self._store.insert(
                OPEN_MANDATE, MANDATES, {"_id": after.id, **fields, "commands": entries},
                *done.events,
            )  # fmt: skip
        return await self._store.change(
            SAVE_MANDATE, MANDATES, after.id, {"v": held.version},
            {
                "$set": fields,
                "$push": {"commands": {"$each": entries, "$slice": -_REMEMBERED}},
            },
            *done.events, town=after.town,
        )  # fmt: skip

    def _entry(self, debit: DirectDebit, command: Command) -> Document:
        sealed = self._sealer.seal(command.body_hash, MANDATES, debit.id, command.id)
        return {"id": command.id, "body": sealed}

    async def reseal(self, held: Held, after: DirectDebit) -> bool:
        """Keep the same bank details under another key; False when it changed since."""
        fields = after.model_dump(mode="json", include={"wish", "mandate", "past"})
        return await self._store.change(
            RESEAL_MANDATE, MANDATES, after.id, {"v": held.version}, {"$set": fields}
        )

    async def listed(
        self, scope: Scope, state: str | None, after: str | None, limit: int
    ) -> list[DirectDebit]:
        """The town's direct debits, by id."""
        found = await page(
            self._store, MANDATES, within=scope.query(),
            only={} if state is None else {"state": state}, order=_BY_ID, after=after,
            limit=limit, projection={"pending": 0},
        )  # fmt: skip
        return [_held(document).debit for document in found]

    async def in_force(self, town: str, office: str) -> AsyncIterator[DirectDebit]:
        """Direct debits of an office with a mandate."""
        query = {"town": town, "office": office, "mandate.reference": {"$gt": ""}}
        pipeline: list[Document] = [{"$match": query}, {"$sort": {"_id": 1}}]
        async for document in self._store.aggregate(MANDATES, pipeline):
            yield _held(document).debit

    async def of_families(self, town: str, families: Collection[str]) -> list[DirectDebit]:
        """Direct debits of these records, with whatever office."""
        query = {"town": town, "family": {"$in": sorted(families)}}
        return [_held(one).debit for one in await self._store.find(MANDATES, query, sort=_BY_ID)]

    async def some_after(self, after: str, limit: int) -> list[Held]:
        """The next ones, by id."""
        query = {"_id": {"$gt": after}}
        return [
            _held(one) for one in await self._store.find(MANDATES, query, sort=_BY_ID, limit=limit)
        ]


def _state(debit: DirectDebit) -> str:
    """What agents look for: what waits for them, then what is in force."""
    if debit.wish is not None and debit.wish.state == "waiting":
        return "waiting"
    if debit.mandate is not None:
        return debit.mandate.state
    return "none"


def _held(document: Document) -> Held:
    fields = {name: document[name] for name in DirectDebit.model_fields if name != "id"}
    return Held(DirectDebit.model_validate({**fields, "id": document["_id"]}), document["v"])
