"""What a line has to be proved by, and what it comes to with the proof and without.

It is reckoned when the line is planned, by the version of the rules that answered, and kept with
the line: nobody asks the rules again when a proof comes, or does not.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from shared.contracts.booking import Effect, Reason, Surcharged

NOT_PROVED = Reason(
    code="not-proved", text="Le justificatif demandé n'est pas parvenu ou n'a pas été accepté."
)


class Came(BaseModel):
    """What a line comes to: its ``effect`` on the bill by the rule ``settled_by``, with a
    ``surcharge``; or ``refused``."""

    model_config = ConfigDict(frozen=True)

    effect: Effect | None = None
    settled_by: str | None = None
    surcharge: Surcharged | None = None
    refused: Reason | None = None


class Proving(BaseModel):
    """``kinds``: by kind of proof, what the line comes to once one is accepted; ``unproved``: what
    it comes to when none was in time."""

    model_config = ConfigDict(frozen=True)

    kinds: Mapping[str, Came]
    unproved: Came
