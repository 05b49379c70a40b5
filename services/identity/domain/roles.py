"""What an agent may be in a town (ID9)."""

from __future__ import annotations

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
