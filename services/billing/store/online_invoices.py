"""Choices of the online invoice: ``{_id, town, family, online, counts_from, chosen_at, account,
history, commands}``, one for each family that chose; ``history`` is of earlier choices, the
``commands`` are the latest, so that none is done twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from services.billing.domain.online_invoices import Choice
from shared.failpoints import step
from shared.ids import derived_id
from shared.store import Document, Store
from shared.web.routes import Command

ONLINE_INVOICES = "online_invoices"
CHOOSE = step("billing.online-invoice.choose")
_REMEMBERED = 50


class OnlineInvoiceStore:
    """Every query and write of these choices."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def choice(self, town: str, family: str) -> Choice | None:
        """What the family chose, or None."""
        document = await self._store.get(ONLINE_INVOICES, _id_of(town, family))
        return None if document is None else _choice(document)

    async def choices(self, town: str, families: Sequence[str]) -> dict[str, Choice]:
        """What those of these families chose that did."""
        ids = [_id_of(town, family) for family in families]
        found = await self._store.find(ONLINE_INVOICES, {"_id": {"$in": ids}})
        return {document["family"]: _choice(document) for document in found}

    async def choose(self, choice: Choice, command: Command) -> bool:
        """Keep a choice; the same command again changes nothing, and is False with another body."""
        fields = asdict(choice)
        entry = {name: fields[name] for name in ("online", "counts_from", "chosen_at", "account")}
        done = {"id": command.id, "body_hash": command.body_hash}
        _id = _id_of(choice.town, choice.family)
        chosen = await self._store.put(
            CHOOSE, ONLINE_INVOICES, _id,
            {
                "$set": fields,
                "$push": {
                    "commands": {"$each": [done], "$slice": -_REMEMBERED},
                    "history": {"$each": [entry], "$slice": -_REMEMBERED},
                },
            },
            condition={"commands.id": {"$ne": command.id}},
        )  # fmt: skip
        if chosen is not None:
            return True
        return await self._store.count(ONLINE_INVOICES, {"_id": _id, "commands": done}) == 1


def _id_of(town: str, family: str) -> str:
    return derived_id("online-invoice", town, family)


def _choice(document: Document) -> Choice:
    return Choice(**{name: document[name] for name in Choice.__dataclass_fields__})
