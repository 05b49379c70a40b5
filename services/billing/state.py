"""What commands, queries and reactions of billing work with."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.billing.store import BillingStore
from shared.clock import Clock
from shared.copies import TownCopy
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class Billing:
    """The collaborators, built once by ``service.build``; ``owner`` names this process."""

    store: BillingStore
    towns: TownCopy
    clock: Clock
    owner: str = field(default_factory=new_id)
