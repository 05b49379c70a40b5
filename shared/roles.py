"""What an agent may be in a town (ID9). What each role may call is said by the routes: see the
generated ``docs/roles.md``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal[
    "childcare_office",
    "centre_director",
    "animator",
    "kitchen",
    "school",
    "billing_office",
    "collection_officer",
    "administrator",
    "read_only",
]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class RoleCard:
    """What a role is for. ``bound``: it reaches its own sites only (what activities name as
    ``site``, or a school's id). ``ends``: whoever has it has it until a day."""

    french: str
    purpose: str
    bound: bool = False
    ends: bool = False


CARDS: dict[Role, RoleCard] = {
    "childcare_office": RoleCard(
        "service enfance", "families, enrolments, bookings, keys: the whole town"
    ),
    "centre_director": RoleCard(
        "directeur de centre",
        "requests for the activities of its sites, health sheets of the children there",
        bound=True,
    ),
    "animator": RoleCard(
        "animateur", "attendance of its groups; no route until attendance exists",
        bound=True, ends=True,
    ),
    "kitchen": RoleCard(
        "cuisine", "numbers of meals, never names; no route until meal orders exist", bound=True
    ),
    "school": RoleCard("école", "its own classes; no route until their lists exist", bound=True),
    "billing_office": RoleCard("service facturation", "prices, charges and invoices"),
    "collection_officer": RoleCard("régisseur", "payments"),
    "administrator": RoleCard("administrateur", "the town's file, agents, audit, and the desk"),
    "read_only": RoleCard("consultation", "families and bookings, to read"),
}  # fmt: skip
BOUND_TO_SITES = frozenset(role for role, card in CARDS.items() if card.bound)
