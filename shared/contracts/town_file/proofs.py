"""What families have to send to justify what they did, and by when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.contracts.town_file.cutoffs import ALL_DAYS, Counting
from shared.contracts.town_file.parts import Part, Slug


class Proof(Part):
    """What justifies an absence (shape A4), or an act after its deadline, and by when it has to be
    there.

    One of ``days``, ``hours`` and ``end_of_month``; ``days`` are counted over ``counting`` from
    ``from`` (that day is day 0), to its end. ``notice``: when it was told, or the act was done;
    the other two are the absence's days, or the day booked.
    """

    kinds: Annotated[tuple[Slug, ...], Field(min_length=1)]
    days: Annotated[int | None, Field(ge=0, le=100)] = None
    hours: Annotated[int | None, Field(ge=1, le=500)] = None
    end_of_month: bool = False
    from_: Annotated[Literal["first_day", "last_day", "notice"], Field(alias="from")] = "first_day"
    counting: Counting = ALL_DAYS

    @model_validator(mode="after")
    def _one_deadline(self) -> Proof:
        if (self.days is not None) + (self.hours is not None) + self.end_of_month > 1:
            raise ValueError("donnez l'un de `days`, `hours` et `end_of_month`.")
        return self
