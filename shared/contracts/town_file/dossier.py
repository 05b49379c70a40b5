"""What a town asks in its families' dossiers, and how far a family's own word counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from shared.contracts import dossier as table
from shared.contracts.town_file.parts import Part, Slug, Text, known, unique

FieldPath = Annotated[str, Field(pattern=r"^(household|guardian|child|contact)\.[a-z_]{1,40}$")]
LongText = Annotated[str, Field(min_length=1, max_length=4000)]


class DossierRule(Part):
    """The town's rule for one field; what is left out stays as the table has it
    (``shared.contracts.dossier``)."""

    field: FieldPath
    rule: table.FieldRule | None = None
    validation: table.Validation | None = None


class Fact(Part):
    """Something that the town keeps of its families and that rules may ask (``audiences``):
    one of ``values``, or yes or no when there are none."""

    id: Slug
    label: Text
    values: Annotated[tuple[Slug, ...], Field(max_length=30)] = ()

    def admits(self, value: bool | int | str) -> bool:
        """Whether a dossier may hold this value."""
        return value in self.values if self.values else isinstance(value, bool)


class Residence(Part):
    """Who lives in the town: the yes-or-no ``fact`` is set whenever a guardian's address with its
    commune's INSEE code comes to count, by whether a guardian lives in one of the ``communes``."""

    fact: Slug
    communes: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9][0-9AB][0-9]{3}$")], ...],
        Field(min_length=1, max_length=100),
    ]


class Statement(Part):
    """A text that a guardian agrees to or certifies; ``version`` changes with the text, and what
    was agreed before is known to be of the version of then."""

    text: LongText
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,20}$")]


class Permission(Statement):
    """A permission asked for each child (image, leaving alone, transport, emergency care …)."""

    id: Slug
    label: Text


class Dossier(Part):
    """The families' dossiers.

    ``fields``: rules that differ from the table's. ``limited_guardian``: the fields that a
    guardian limited by a court order still sees of the other members. ``residence``: the fact that
    guardians' addresses decide.
    """

    fields: Annotated[tuple[DossierRule, ...], Field(max_length=100)] = ()
    facts: Annotated[tuple[Fact, ...], Field(max_length=30)] = ()
    residence: Residence | None = None
    permissions: Annotated[tuple[Permission, ...], Field(max_length=30)] = ()
    health_statement: Statement = Statement(
        text="Je certifie que les informations fournies sur l'état de santé de mon enfant sont"
        " correctes.",
        version="1",
    )
    collector_age: Annotated[int, Field(ge=0, le=18)] = 18
    limited_guardian: Annotated[tuple[FieldPath, ...], Field(max_length=100)] = (
        "child.first_name", "child.last_name", "child.birth_date", "child.school", "child.level",
    )  # fmt: skip

    @model_validator(mode="after")
    def _of_the_table(self) -> Dossier:
        unique("fields", (one.field for one in self.fields))
        unique("facts", (one.id for one in self.facts))
        unique("permissions", (one.id for one in self.permissions))
        known("fields", (one.field for one in self.fields), table.BY_PATH)
        known("limited_guardian", self.limited_guardian, table.BY_PATH)
        if self.residence is not None:
            yes_or_no = [one.id for one in self.facts if not one.values]
            known("residence.fact", [self.residence.fact], yes_or_no)
        for one in self.fields:
            if one.field in _NEVER_EMPTY and one.rule in ("hidden", "shown"):
                raise ValueError(f"fields: {one.field}: personne n'est sans lui dans un dossier.")
            if one.rule == "required" and table.BY_PATH[one.field].keyed:
                raise ValueError(f"fields: {one.field}: il n'a pas de valeur à lui seul.")
        return self

    def keys_of(self, field: table.DossierField) -> Iterator[str]:
        """The keys under which a keyed field has values in this town."""
        declared: tuple[Fact | Permission, ...] = (
            self.facts if field.kind == "fact" else self.permissions
        )
        return (one.id for one in declared)


#: Without these a member cannot be told from another.
_NEVER_EMPTY = {
    field.path for field in table.FIELDS if field.rule == "required" and field.name != "phone"
}
