"""For whom and when a part of the file holds."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field, model_validator

from shared.contracts.family import Level, ParticipantKind
from shared.contracts.town_file.parts import Part, Slug, Text, Weekday


class Trait(Part):
    """One thing known of a child or family: ``fact`` is one of ``is``, or lies between ``from``
    and ``to`` (both included).

    Facts of who takes part: ``participant`` (``child``, ``adult``), ``school``, ``level``
    (``CE2``), ``age`` (whole years on the day; of an adult, where the dossier has it); of a
    family, those that the town keeps in its dossier (``resident``, ``works-in-town``, …). A fact
    that is not known fulfils nothing.
    """

    fact: Slug
    is_: Annotated[tuple[bool | int | str, ...], Field(alias="is")] = ()
    from_: Annotated[int | None, Field(alias="from")] = None
    to: int | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Trait:
        bounds = self.from_ is not None or self.to is not None
        if bounds == bool(self.is_):
            raise ValueError("donnez soit `is`, soit `from` et `to`.")
        unknown = [one for one in self.is_ if one not in get_args(Level)]
        if self.fact == "participant" and any(
            one not in get_args(ParticipantKind) for one in self.is_
        ):
            raise ValueError("`participant` vaut « child » ou « adult ».")
        if self.fact == "level" and unknown:
            raise ValueError(
                f"« {unknown[0]} » n'est pas un niveau ({', '.join(get_args(Level))})."
            )
        return self


class Audience(Part):
    """A class of families: fulfils all of ``all``, and one of ``any`` when there is any.

    "Resident" may mean living, working or schooled there: a rule, not a flag (shape T5).
    """

    id: Slug
    name: Text
    all: tuple[Trait, ...] = ()
    any: tuple[Trait, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Audience:
        if not self.all and not self.any:
            raise ValueError("un public a au moins un critère.")
        return self


class Scope(Part):
    """What a rule is about; what is left out restricts nothing.

    ``weekdays``: of the day booked; ``units``: what is booked (D14); ``schools``: the child's;
    ``audiences``: one of these; ``in_school_holidays``: the day lies in them, or outside;
    ``holiday_on``: a public holiday falls on one of these weekdays of the day's week (shape D4h);
    ``first_days_back``: the day is among the first N open days after school holidays (shape D12).
    """

    weekdays: tuple[Weekday, ...] = ()
    units: tuple[Slug, ...] = ()
    schools: tuple[Slug, ...] = ()
    audiences: tuple[Slug, ...] = ()
    in_school_holidays: bool | None = None
    holiday_on: tuple[Weekday, ...] = ()
    first_days_back: Annotated[int | None, Field(ge=1, le=10)] = None

    @property
    def key(self) -> str:
        """The same for two scopes that say the same."""
        return self.model_dump_json(exclude_defaults=True)
