"""What an absence costs: notice, waiting days, proof, reasons, effect (shapes A0 to A14)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.contracts.town_file.conditions import Scope
from shared.contracts.town_file.cutoffs import ALL_DAYS, Counting, Cutoff
from shared.contracts.town_file.parts import Dated, Part, Slug, Text, known, unique
from shared.contracts.town_file.proofs import Proof
from shared.contracts.town_file.rules import Amount, Surcharge


class Effect(Part):
    """What a day of absence comes to.

    ``free``: nothing is due. ``billed``: the price (shape A5). ``keep_percent``: that share of the
    price is kept (A7). ``price``: so much instead (A11). ``surcharge``: the price and more (A8).
    ``credit``: what was paid is credited; ``refund``: it is paid back by transfer; ``carry_over``:
    it is kept for a later booking, as money at the price paid, not as hours or meals (I8).
    ``collect``: billed, and the meal may be fetched (A12). Of what is kept in part (A7, A11) the
    other part is credited, which an agent may have transferred.
    """

    kind: Literal[
        "free", "billed", "keep_percent", "price", "surcharge", "credit", "refund", "carry_over",
        "collect",
    ]  # fmt: skip
    percent: Annotated[int | None, Field(ge=1, le=99)] = None
    cents: Amount | None = None
    surcharge: Surcharge | None = None

    @model_validator(mode="after")
    def _has_its_amount(self) -> Effect:
        wanted = {"keep_percent": "percent", "price": "cents", "surcharge": "surcharge"}
        for kind, field in wanted.items():
            if (self.kind == kind) != (getattr(self, field) is not None):
                raise ValueError(f"`{field}` va avec `kind: {kind}`.")
        return self


class AbsenceRule(Dated):
    """One way in which an absence is settled; the first of the list that fits decides, and when
    none does the days are billed (shape A0). A rule whose proof has not come in time leaves it to
    those after it.

    ``reasons``: one of these was given (a closed list, A6; all when left out). ``notice``: told
    by then, counted from the absence's first day. ``min_days``: absent for at least so many
    consecutive days with a booking. ``procedures``: all of them followed (A3). ``proof``: sent in
    time. ``waiting_days``: so many days from ``waiting_from`` on are due all the same, counted
    over ``counting`` (A1, A2). ``at_school``: what is to be done with a child who is at school
    (A13). ``siblings``: whether it holds for brothers and sisters too (A10).
    """

    id: Slug
    for_: Annotated[Scope, Field(alias="for")] = Scope()
    reasons: tuple[Slug, ...] = ()
    notice: Cutoff | None = None
    min_days: Annotated[int, Field(ge=1, le=60)] = 1
    procedures: tuple[Slug, ...] = ()
    proof: Proof | None = None
    waiting_days: Annotated[int, Field(ge=0, le=30)] = 0
    waiting_from: Literal["first_day", "notice"] = "first_day"
    counting: Counting = ALL_DAYS
    at_school: Literal["any", "absent_only"] = "any"
    siblings: bool = False
    effect: Effect
    text: Text | None = None


class AbsenceReason(Part):
    """A reason that families may choose."""

    id: Slug
    name: Text


#: What becomes of a price paid already, for a day cancelled in time.
InTime = Literal["free", "credit", "refund", "carry_over"]
#: What happens to bookings by itself when a class is away (shape A9).
ClassEvent = Literal["cancelled", "kept_unless_cancelled_by_family"]


class Absences(Part):
    """How an activity settles absences.

    ``in_time``: what becomes of a price paid already for a day cancelled in time: none is due, or
    it is credited for the next booking, paid back, or the meal or hours carried over (I8).
    ``reasons``: those that families may choose from. ``trip``, ``strike``, ``teacher_absent``:
    what becomes of bookings when a class is away (shape A9). ``return_announced``: an absence
    without an end suspends bookings until the return is announced by ``return_notice`` (A14).
    """

    in_time: InTime = "free"
    reasons: Annotated[tuple[AbsenceReason, ...], Field(max_length=40)] = ()
    rules: Annotated[tuple[AbsenceRule, ...], Field(max_length=40)] = ()
    trip: ClassEvent = "kept_unless_cancelled_by_family"
    strike: ClassEvent = "kept_unless_cancelled_by_family"
    teacher_absent: ClassEvent = "kept_unless_cancelled_by_family"
    return_announced: bool = False
    return_notice: Cutoff | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Absences:
        if self.return_announced and self.return_notice is None:
            raise ValueError("`return_announced` demande `return_notice`.")
        unique("absences.reasons", (reason.id for reason in self.reasons))
        for rule in self.rules:
            known(f"absences.rules: {rule.id}", rule.reasons, (one.id for one in self.reasons))
        return self
