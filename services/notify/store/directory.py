"""Whom to write to: copies of what identity says of adults and family of families."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.contracts.family import FamilyChanged
from shared.contracts.identity import AccountChanged
from shared.errors import MissingCopy
from shared.events import Envelope
from shared.failpoints import step
from shared.households import FAMILIES, Households
from shared.store import Document, Store

CONTACTS = "contacts"
KEEP_CONTACT = step("notify.copy.contact")
KEEP_FAMILY = step("notify.copy.family")
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


class Directory:
    """Every query and write of contacts and families."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.households = Households(store, KEEP_FAMILY)

    async def keep_contact(self, envelope: Envelope, event: AccountChanged) -> None:
        """Keep how to write to an adult of a town."""
        fields = event.model_dump(mode="json", exclude={"town"})
        key = f"{event.town}/{event.account}"
        await self._store.keep_copy(KEEP_CONTACT, CONTACTS, key, envelope, fields)

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
        """The cards of these families, or of the records they are part of, as far as they are
        known."""
        return await self.households.cards(families)

    async def need_contact(self, town: str, account: str) -> None:
        """Raises ``MissingCopy`` when an account was never heard of."""
        if await self._store.get(CONTACTS, f"{town}/{account}", {"_id": 1}) is None:
            raise MissingCopy(f"accounts/{account}")

    async def need_family(self, family: str) -> None:
        """Raises ``MissingCopy`` when a family was never heard of."""
        if await self._store.get(FAMILIES, family, {"_id": 1}) is None:
            raise MissingCopy(f"families/{family}")


def _contact(document: Document) -> Contact:
    return Contact(
        account=document["account"],
        email=document["email"],
        first_name=document["first_name"],
        last_name=document["last_name"],
        active=document["active"],
        families={one["family"]: one["guardian"] for one in document["families"]},
    )
