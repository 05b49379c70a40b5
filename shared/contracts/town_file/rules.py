"""What may be done until when, and what it means to come later: deadlines as policies."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from shared.contracts.town_file.conditions import Scope
from shared.contracts.town_file.cutoffs import Cutoff
from shared.contracts.town_file.parts import Dated, Part, Slug, Text
from shared.contracts.town_file.proofs import Proof
from shared.money import Cents

#: ``attend``: a child who comes without a booking. ``proof``: sending what justifies an absence.
Action = Literal["book", "change", "cancel", "absence", "proof", "pay", "attend"]
ACTIONS: tuple[Action, ...] = get_args(Action)
#: What an action comes to. ``free_with_proof``: accepted, at no cost once justified in time.
Outcome = Literal["accept", "ask_agent", "waiting_list", "free_with_proof", "refuse"]
Amount = Annotated[Cents, Field(ge=0, le=1_000_000)]


class Counter(Part):
    """Something counted, by child or family, over a window (shapes L4, D16, C10). The school year
    begins on 1 September."""

    id: Slug
    name: Text
    counts: Literal[
        "late_bookings", "cancellations", "late_cancellations", "unbooked", "unjustified_absences",
        "late_pick_ups", "weeks_booked", "days_booked",
    ]  # fmt: skip
    per: Literal["child", "family"]
    window: Literal["week", "month", "period", "school_year", "calendar_year"]


class Charged(Part):
    """How often a surcharge falls due: for each item, or once a day, month, period or school year,
    for the child or the whole family."""

    per: Literal["item", "day", "month", "period", "school_year"] = "item"
    once_for: Literal["child", "family"] = "child"


class Percent(Charged):
    """A share of the family's own price on top (shape L1), rounded to the cent as stated."""

    kind: Literal["percent"]
    percent: Annotated[int, Field(ge=1, le=1000)]
    rounding: Literal["half_up", "up", "down"] = "half_up"


class Addition(Charged):
    """So much on top (shapes L2, L4); ``also_following``: on as many following items too (L5)."""

    kind: Literal["amount"]
    cents: Amount
    also_following: Annotated[int, Field(ge=0, le=30)] = 0


class PriceFor(Part):
    """A price for some audiences; without any, for all others."""

    audiences: tuple[Slug, ...] = ()
    cents: Amount


class Replacement(Charged):
    """Another price instead of the family's own (shape L3): the first line that fits."""

    kind: Literal["price"]
    prices: Annotated[tuple[PriceFor, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _last_is_for_all(self) -> Replacement:
        if any(not one.audiences for one in self.prices[:-1]) or self.prices[-1].audiences:
            raise ValueError("le dernier prix, et lui seul, est pour tous les autres.")
        return self


class Unstated(Charged):
    """A surcharge whose amount the town decides elsewhere ("tarif majoré")."""

    kind: Literal["unstated"]


Surcharge = Annotated[Percent | Addition | Replacement | Unstated, Field(discriminator="kind")]


class Times(Part):
    """For which times of a counter a step holds: the 1st is 1, both ends included."""

    counter: Slug
    from_: Annotated[int, Field(ge=1, le=1000, alias="from")] = 1
    to: Annotated[int | None, Field(ge=1, le=1000)] = None

    @model_validator(mode="after")
    def _in_order(self) -> Times:
        if self.to is not None and self.to < self.from_:
            raise ValueError("`to` précède `from`.")
        return self


class Step(Part):
    """One rung of what happens after the cut-off: the first that fits decides. Late may mean
    dearer (shapes L1 to L5), on request (L7), waiting (C9), or no (L6).

    ``free_with_proof`` (to book, change or cancel): accepted now, to be justified by a ``proof``.
    Without it in time the ``surcharge`` falls due; where there is none, the booking is refused,
    the cancelled day is billed.

    ``until``: how long this rung lasts (no end when left out). ``times``: for which times.
    ``procedures``: what the family has to have done, all of it (call before 9:00, letter:
    shape A3). ``text``: the town's own words, shown with the answer.
    """

    until: Cutoff | None = None
    times: Times | None = None
    procedures: tuple[Slug, ...] = ()
    outcome: Outcome
    proof: Proof | None = None
    surcharge: Surcharge | None = None
    text: Text | None = None

    @model_validator(mode="after")
    def _proof_where_asked(self) -> Step:
        if (self.outcome == "free_with_proof") != (self.proof is not None):
            raise ValueError("`proof` va avec `outcome: free_with_proof`.")
        return self


class Deadline(Dated):
    """From when (``opens``: shapes C5, D11, S6) and until when (``cutoff``) an action is possible,
    free of charge; ``outcome: ask_agent``: on request (D18).

    The first rule of the list that holds on the day and whose ``for`` fits decides; when several
    units are asked, the strictest answer, with what each counts, the dearest surcharge and what is
    to be proved. ``times`` bounds how often (shapes D16, C10). After the
    cut-off, and beyond ``times``, the steps of ``after`` decide; when none fits, it is refused
    (shape L6).
    """

    id: Slug
    for_: Annotated[Scope, Field(alias="for")] = Scope()
    opens: Cutoff | None = None
    cutoff: Cutoff
    times: Times | None = None
    outcome: Literal["accept", "ask_agent"] = "accept"
    surcharge: Surcharge | None = None
    after: Annotated[tuple[Step, ...], Field(max_length=12)] = ()
    text: Text | None = None


Rules = Annotated[tuple[Deadline, ...], Field(max_length=60)]


class Deadlines(Part):
    """The rules of each action, apart from one another (shape D13). Where none holds on a day the
    action is not possible, but for: ``change`` (as ``cancel`` and ``book`` together), ``absence``
    (always: it is a report), ``proof`` and ``pay`` (always)."""

    book: Annotated[tuple[Deadline, ...], Field(min_length=1, max_length=60)]
    change: Rules = ()
    cancel: Rules = ()
    absence: Rules = ()
    proof: Rules = ()
    pay: Rules = ()
    attend: Rules = ()

    @model_validator(mode="after")
    def _proved_where_it_can_be(self) -> Deadlines:
        for action in ACTIONS:
            for rule in self.of(action):
                for step in rule.after:
                    _check_proof(action, rule.id, step)
        return self

    def of(self, action: Action) -> tuple[Deadline, ...]:
        """The rules of an action."""
        rules: tuple[Deadline, ...] = getattr(self, action)
        return rules


def _check_proof(action: Action, rule: str, step: Step) -> None:
    """Refuse what could not be carried out once a proof has not come."""
    if step.proof is None:
        return
    if action not in ("book", "change", "cancel"):
        raise ValueError(
            f"{action}: {rule}: `free_with_proof` est pour `book`, `change` et `cancel` ; ce qui "
            "justifie une absence s'écrit sous `absences`."
        )
    if action == "change" and step.surcharge is None:
        raise ValueError(
            f"change: {rule}: dites le supplément (`surcharge`) sans justificatif : la "
            "réservation d'avant n'est plus."
        )
