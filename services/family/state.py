"""What commands, queries and reactions of family work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.family.addresses import AddressBook
from services.family.domain.fields import Rules, rules_of
from services.family.domain.household import Family
from services.family.domain.showing import Eyes
from services.family.domain.work import Actor
from services.family.intake.pool import Cleaners
from services.family.intake.scanner import Scanner
from services.family.store import (
    DocumentStore,
    Erasures,
    FamilyStore,
    FeedStore,
    ImportStore,
    LetterStore,
    MoveStore,
    NewsStore,
    Registrations,
    UploadStore,
)
from services.family.vault import Vault
from shared.audit import Audit
from shared.auth import AgentScope, Scope
from shared.clock import Clock
from shared.copies import TownCopy
from shared.pdf import Press
from shared.sealing import Sealer
from shared.store import Store


@dataclass(frozen=True, slots=True)
class State:
    """The collaborators, built once by ``service.build``."""

    store: Store
    families: FamilyStore
    erasures: Erasures
    feed: FeedStore
    moves: MoveStore
    imports: ImportStore
    addresses: AddressBook
    registrations: Registrations
    towns: TownCopy
    clock: Clock
    press: Press
    sealer: Sealer
    vault: Vault
    audit: Audit
    uploads: UploadStore
    documents: DocumentStore
    letters: LetterStore
    news: NewsStore
    scanner: Scanner
    cleaners: Cleaners

    async def rules(self, town: str) -> Rules:
        """The town's rules for the fields of its dossiers. Raises ``Refused`` (404)."""
        return rules_of((await self.towns.get(town)).file.dossier)

    async def seen(self, scope: Scope, family: Family) -> Family | None:
        """The family as the bearer may see it; None when they are no longer a guardian there,
        whatever their token still says. Every answer about a family is made of this."""
        actor = actor_in(scope, family)
        if actor is None:
            return None
        return Eyes(actor, await self.rules(scope.town)).see(family)

    def seal(self, member: str, field: str, value: Any) -> dict[str, Any]:
        """A value sealed for that field of that member, as JSON."""
        return self.vault.seal(member, field, value)

    def open(self, member: str, field: str, sealed: Mapping[str, Any]) -> Any:
        """What ``seal`` was given."""
        return self.vault.open(member, field, sealed)


def actor_in(scope: Scope, family: Family) -> Actor | None:
    """Who the bearer is in that family; None when they are nobody there."""
    if isinstance(scope, AgentScope):
        return Actor(roles=scope.roles)
    guardian = family.guardian(scope.guardian_of(family.id))
    return Actor(guardian=guardian) if guardian is not None else None
