"""The town's own answers to requests (row BO11)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.town_file.parts import Part, Slug


class OwnAnswer(Part):
    """An answer that agents may give instead of a plain yes or no: families read its ``label`` on
    the planning, in their requests and in the digests, in its ``colour`` (``#2e7d32``);
    ``outcome`` is what it comes to."""

    code: Slug
    label: Annotated[str, Field(min_length=1, max_length=60)]
    colour: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
    outcome: Literal["accept", "refuse"]
