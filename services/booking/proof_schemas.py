"""Request and response models of the routes about proofs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, model_validator

from services.booking.domain.judging import ProofResult
from services.booking.schemas import Id, LineId, OnBehalfIn, ProofIn, VerdictIn
from shared.web.routes import Input, Output


class ProofsIn(ProofIn):
    """A proof of some lines, or of all that wait for one; an agent who has seen it on paper names
    no documents."""

    lines: Annotated[tuple[LineId, ...], Field(max_length=400)] = ()
    on_behalf: OnBehalfIn | None = None


class ProofDecisionIn(VerdictIn):
    """What an agent decides of the proof of one line; ``revision`` is that of the proof that was
    seen: one that the family has replaced since is not decided on."""

    request: Id
    line: LineId
    revision: Annotated[int, Field(ge=1)]


class ProofDecisionsIn(Input):
    """One or many decisions."""

    decisions: Annotated[list[ProofDecisionIn], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _once_each(self) -> ProofDecisionsIn:
        if len({(one.request, one.line) for one in self.decisions}) < len(self.decisions):
            raise ValueError("un justificatif n'est décidé qu'une fois.")
        return self


class ProofDecisionOut(Output):
    """What became of one decision."""

    request: str
    line: str
    result: ProofResult


class ProofDecisionsOut(Output):
    """Each proof's result, in the order asked. Sending the same command again resumes it."""

    version: int
    decided_at: datetime
    results: list[ProofDecisionOut]
