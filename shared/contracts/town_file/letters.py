"""What families may write to the town about: categories, each with a form of its own (FA7)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.contracts.town_file.parts import Part, Slug, Text, unique

#: Who answers letters; administrators see all of them.
LetterRole = Literal["childcare_office", "billing_office", "administrator"]


class LetterField(Part):
    """A field of a form; ``choices`` of a ``choice`` alone."""

    id: Slug
    label: Text
    kind: Literal["text", "long_text", "date", "choice", "child", "yes_no"]
    required: bool = True
    choices: Annotated[tuple[Text, ...], Field(max_length=40)] = ()

    @model_validator(mode="after")
    def _choices_of_a_choice(self) -> LetterField:
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError("`choices` va avec `kind: choice`.")
        unique("choices", self.choices)
        return self


class LetterCategory(Part):
    """A reason to write; ``role`` answers, under the name of ``service`` where given.

    ``attachment: required``: nothing is sent without a file. ``document``: the type of supporting
    document that an attachment may become; ``absence_proof``: it may justify an absence.
    ``sensitive``: its name is in no mail.
    """

    id: Slug
    label: Text
    role: LetterRole = "childcare_office"
    service: Text | None = None
    explanation: Text | None = None
    fields: Annotated[tuple[LetterField, ...], Field(max_length=20)] = ()
    attachment: Literal["none", "optional", "required"] = "optional"
    document: Slug | None = None
    absence_proof: bool = False
    sensitive: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> LetterCategory:
        unique("fields", (field.id for field in self.fields))
        if self.attachment == "none" and (self.document or self.absence_proof):
            raise ValueError("`document` et `absence_proof` demandent une pièce jointe.")
        return self


def _child(*, required: bool) -> LetterField:
    return LetterField(id="child", label="Enfant concerné", kind="child", required=required)


#: Those of a town that declares none (FA7).
DEFAULT_LETTERS = (
    LetterCategory(
        id="bank-details", label="Envoyer un RIB", role="billing_office", attachment="required",
        sensitive=True,
    ),
    LetterCategory(
        id="absence-proof", label="Justifier une absence", attachment="required",
        absence_proof=True, sensitive=True,
        fields=(
            _child(required=True),
            LetterField(id="first", label="Premier jour d'absence", kind="date"),
            LetterField(id="last", label="Dernier jour d'absence", kind="date"),
        ),
    ),
    LetterCategory(
        id="medical-file", label="Modifier le dossier médical d'un enfant",
        fields=(_child(required=True),), sensitive=True,
    ),
    LetterCategory(
        id="direct-debit", label="Demander le prélèvement automatique", role="billing_office",
        sensitive=True,
    ),
    LetterCategory(id="other", label="Autre demande", fields=(_child(required=False),)),
)  # fmt: skip
