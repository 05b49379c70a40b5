"""Whom a family's pages are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.portal.gateway import Problem
from services.portal.web import Visit


@dataclass(frozen=True)
class Participant:
    """Somebody who takes part in activities; ``mark`` is the colour's number."""

    id: str
    first_name: str
    family: str
    mark: int


@dataclass(frozen=True)
class People:
    """Everybody of the account's households that it may see."""

    households: list[dict[str, Any]]
    participants: tuple[Participant, ...]

    def name(self, person: str | None) -> str:
        """A child's or an adult's first name; empty for nobody in particular."""
        everybody = (
            one
            for household in self.households
            for one in (*household["children"], *household["guardians"])
        )
        return next((str(one["first_name"]) for one in everybody if one["id"] == person), "")

    def find(self, wanted: str | None) -> Participant:
        """The one that was asked for, or the first. Raises ``Problem`` where there is nobody."""
        if not self.participants:
            detail = "Aucun enfant n'est inscrit dans votre dossier."
            raise Problem(404, {"code": "no-child", "detail": detail})
        return next((one for one in self.participants if one.id == wanted), self.participants[0])


async def people_of(visit: Visit) -> People:
    """From the household."""
    households = (await visit.get("family/household"))["households"]
    children = [
        (household["family"], one) for household in households for one in household["children"]
    ]
    return People(
        households,
        tuple(
            Participant(one["id"], one["first_name"], family, index % 6)
            for index, (family, one) in enumerate(children)
        ),
    )
