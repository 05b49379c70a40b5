"""Prices: tariffs, and what is added, taken off or paid by others (shapes T1 to T19).

Amounts are in cents, quotients and rates are decimals (written as text when not whole:
``"0.45"``). ``grids`` checks that every quotient has one price.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from shared.contracts.town_file.parts import ClockTime, Dated, Part, Slug, Text, Weekday
from shared.contracts.town_file.rules import Amount, Times

Decimals = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]
Share = Annotated[Decimal, Field(gt=0, le=100, max_digits=7, decimal_places=4)]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


#: One for everybody, or one for each column.
Cells = Annotated[
    tuple[Amount, ...], BeforeValidator(_listed, json_schema_input_type=Amount | list[Amount])
]
Rates = Annotated[
    tuple[Decimals, ...], BeforeValidator(_listed, json_schema_input_type=Decimals | list[Decimals])
]


class PriceScope(Part):
    """For whom and when a price holds; what is left out restricts nothing.

    ``audiences``: one of these; ``weekdays``: of the day; ``schools``: the child's; ``times``: for
    these times of a counter (the eleventh meal of the month).
    """

    audiences: tuple[Slug, ...] = ()
    weekdays: tuple[Weekday, ...] = ()
    schools: tuple[Slug, ...] = ()
    times: Times | None = None

    @property
    def key(self) -> str:
        """The same for two scopes that say the same; empty when it restricts nothing."""
        written = self.model_dump_json(exclude_defaults=True)
        return "" if written == "{}" else written


class Bracket(Part):
    """One line of a grid: for quotients ``from`` (included) or ``over`` (excluded), ``to``
    (included) or ``below`` (excluded); without the one it begins at 0, without the other it has
    no end.

    Either ``cents`` (shape T2), or ``rate``: so many percent of the quotient (T3, T4), and
    ``plus_cents``, not below ``floor_cents`` nor above ``ceiling_cents``. A list has one for each
    column of the tariff.
    """

    from_: Annotated[Decimals | None, Field(alias="from")] = None
    over: Decimals | None = None
    to: Decimals | None = None
    below: Decimals | None = None
    cents: Cells = ()
    rate: Rates = ()
    plus_cents: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] = 0
    floor_cents: Amount | None = None
    ceiling_cents: Amount | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Bracket:
        if self.from_ is not None and self.over is not None:
            raise ValueError("donnez `from` (compris) ou `over` (exclu).")
        if self.to is not None and self.below is not None:
            raise ValueError("donnez `to` (compris) ou `below` (exclu).")
        if bool(self.cents) == bool(self.rate):
            raise ValueError("donnez `cents` ou `rate`.")
        if self.cents and (self.plus_cents or self.floor_cents or self.ceiling_cents):
            raise ValueError("`plus_cents`, `floor_cents` et `ceiling_cents` vont avec `rate`.")
        if None not in (self.floor_cents, self.ceiling_cents) and (
            (self.floor_cents or 0) > (self.ceiling_cents or 0)
        ):
            raise ValueError("`floor_cents` dépasse `ceiling_cents`.")
        return self

    @property
    def cells(self) -> int:
        """For how many columns it has something."""
        return len(self.cents or self.rate)


class Column(Part):
    """A column of a grid: for one of these audiences (who lives elsewhere, a social regime, a
    level, a rank: shapes T5, T6, T8, T9); without any, for all others."""

    audiences: tuple[Slug, ...] = ()


class Shift(Part):
    """So many brackets lower for one of these audiences; higher when negative (shape T6). The
    lowest has none below it."""

    audiences: Annotated[tuple[Slug, ...], Field(min_length=1)]
    brackets: Annotated[int, Field(ge=-20, le=20)]


class Instalments(Part):
    """A yearly price in equal parts, one a month from ``first_month`` on (shape T11); the first
    ones bear the cents that do not divide."""

    number: Annotated[int, Field(ge=2, le=12)]
    first_month: Annotated[int, Field(ge=1, le=12)] = 9


#: What one price pays for.
Per = Literal["item", "slice", "hour", "day", "week", "month", "period", "school_year"]


#: In the file and in events it is a number or left out, never null.
_PLAIN_AMOUNT = WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 1_000_000})


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class Tariff(Dated):
    """The price of a unit, or of ``unit`` and ``with`` together; the first of the list that fits
    decides, the largest set of units first.

    ``price_cents`` for everybody (shape T1), or ``brackets``; with ``columns`` each bracket has a
    price for each. ``per``: an item booked; a ``slice`` begun or an ``hour`` of the time
    (``billed_time`` of the activity); once a day, week, month, period or school year, however
    often the child comes, for the child or the family (``once_for``). ``slice_minutes``: of slices
    of that length only. ``of``: the fact that brackets and rates are about.
    ``without_proof_cents``: for a family whose quotient is not known, else the dearest price of
    its column (T14). ``cost_cents``: what an item costs the town, which no price may exceed (T19).
    ``refundable: false``: due whatever an absence gives back (T7).
    """

    id: Slug
    activity: Slug
    unit: Slug
    with_: Annotated[tuple[Slug, ...], Field(alias="with", max_length=20)] = ()
    for_: Annotated[PriceScope, Field(alias="for")] = PriceScope()
    price_cents: Annotated[
        Amount | None, _PLAIN_AMOUNT, Field(json_schema_extra=_without_default)
    ] = None
    of: Slug = "quotient"
    columns: Annotated[tuple[Column, ...], Field(max_length=20)] = ()
    brackets: Annotated[tuple[Bracket, ...], Field(max_length=60)] = ()
    shift: Annotated[tuple[Shift, ...], Field(max_length=10)] = ()
    without_proof_cents: Amount | None = None
    per: Per = "item"
    once_for: Literal["child", "family"] = "child"
    slice_minutes: Annotated[int | None, Field(ge=1, le=240)] = None
    instalments: Instalments | None = None
    cost_cents: Amount | None = None
    refundable: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Tariff:
        if (self.price_cents is None) == (not self.brackets):
            raise ValueError("donnez `price_cents` ou `brackets`.")
        if not self.brackets and (self.columns or self.shift):
            raise ValueError("`columns` et `shift` vont avec `brackets`.")
        if any(not one.audiences for one in self.columns[:-1]) or (
            self.columns and self.columns[-1].audiences
        ):
            raise ValueError("la dernière colonne, et elle seule, est pour tous les autres.")
        wanted = len(self.columns) or 1
        if any(one.cells not in (1, wanted) for one in self.brackets):
            raise ValueError(f"brackets: une tranche a un prix, ou {wanted} (un par colonne).")
        open_ended = any(one.rate and one.ceiling_cents is None for one in self.brackets)
        if open_ended and self.without_proof_cents is None:
            raise ValueError("un `rate` sans `ceiling_cents` demande `without_proof_cents`.")
        if self.slice_minutes is not None and self.per != "slice":
            raise ValueError("`slice_minutes` va avec `per: slice`.")
        if self.instalments is not None and self.per != "school_year":
            raise ValueError("`instalments` va avec `per: school_year`.")
        return self

    @property
    def units(self) -> tuple[str, ...]:
        """What it is the price of."""
        return (self.unit, *self.with_)

    @property
    def about(self) -> str:
        """The same for two tariffs that price the same thing."""
        return f"{self.activity}/{'+'.join(sorted(self.units))}/{self.slice_minutes or ''}"


#: The operations on a price. ``price`` comes first, ``shares`` last; a town says the others' order.
Operation = Literal["price", "reductions", "surcharges", "absence", "extras", "ceiling", "shares"]
ORDER: tuple[Operation, ...] = (
    "price", "reductions", "surcharges", "absence", "extras", "ceiling", "shares",
)  # fmt: skip
Window = Literal["item", "day", "week", "month", "period", "school_year", "calendar_year"]


class Adjustment(Dated):
    """What is taken off (``operation: reductions``: half price from the third child) or comes on
    top (``extras``: a snack, a yearly fee: shapes T6, T15, T16), in the order of the list.

    One of ``percent`` of the price so far and ``cents``; negative ones lessen it, never below 0.
    What falls due once in a time (``per``, ``once_for``) is a line of its own.
    ``except_lowest``: not for the lowest bracket.
    """

    id: Slug
    name: Text
    operation: Literal["reductions", "extras"]
    activities: tuple[Slug, ...] = ()
    units: tuple[Slug, ...] = ()
    for_: Annotated[PriceScope, Field(alias="for")] = PriceScope()
    percent: Annotated[Decimal | None, Field(ge=-100, le=1000, max_digits=8, decimal_places=4)] = (
        None
    )
    cents: Annotated[int | None, Field(strict=True, ge=-1_000_000, le=1_000_000)] = None
    per: Window = "item"
    once_for: Literal["child", "family"] = "child"
    except_lowest: bool = False

    @model_validator(mode="after")
    def _one_of_two(self) -> Adjustment:
        if (self.percent is None) == (self.cents is None):
            raise ValueError("donnez `percent` ou `cents`.")
        if self.per != "item" and self.cents is None:
            raise ValueError("ce qui est dû une fois par période a `cents`.")
        if self.per != "item" and (self.cents or 0) < 0:
            raise ValueError("ce qui est dû une fois par période n'est pas négatif.")
        return self


class Rung(Part):
    """One rung of the ladder of late pick-ups: ``minutes`` of lateness from and to (both
    included), for which ``times`` of a counter. ``charge`` takes ``cents``, for each begun
    ``each_minutes`` when given; ``warn`` nothing; ``exclude`` leaves it to an agent."""

    times: Times | None = None
    from_minutes: Annotated[int, Field(ge=1, le=600)] = 1
    to_minutes: Annotated[int | None, Field(ge=1, le=600)] = None
    outcome: Literal["charge", "warn", "exclude"] = "charge"
    cents: Amount = 0
    each_minutes: Annotated[int | None, Field(ge=1, le=240)] = None
    text: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Rung:
        if self.to_minutes is not None and self.to_minutes < self.from_minutes:
            raise ValueError("`to_minutes` précède `from_minutes`.")
        if (self.outcome == "charge") != bool(self.cents):
            raise ValueError("`cents` va avec `outcome: charge`.")
        return self


class LatePickUp(Dated):
    """What a late pick-up costs (shape T17): after ``closes`` (the end of what was booked when
    left out), beyond ``grace_minutes``, the first rung that fits; nothing when none does. For each
    child, or once for brothers and sisters fetched together (``once_for: family``)."""

    id: Slug
    activities: Annotated[tuple[Slug, ...], Field(min_length=1)]
    for_: Annotated[PriceScope, Field(alias="for")] = PriceScope()
    closes: ClockTime | None = None
    grace_minutes: Annotated[int, Field(ge=0, le=120)] = 0
    once_for: Literal["child", "family"] = "child"
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1, max_length=20)]


class PaidByOthers(Dated):
    """A part of the price that somebody else pays (shape T12): the CCAS, the State, an employer.

    One of ``percent`` of the price, ``cents`` an item, and ``beyond_cents``: what exceeds that
    much an item. Never more than ``most_cents`` an item, nor so much that less than
    ``family_cents`` an item is left. ``claimed_only``: asked of the payer for each item, and not
    taken off the family's price (the State's aid for meals at 1 €).
    """

    id: Slug
    payer: Slug
    name: Text
    activities: tuple[Slug, ...] = ()
    units: tuple[Slug, ...] = ()
    for_: Annotated[PriceScope, Field(alias="for")] = PriceScope()
    percent: Share | None = None
    cents: Amount | None = None
    beyond_cents: Amount | None = None
    most_cents: Amount | None = None
    family_cents: Amount = 0
    claimed_only: bool = False

    @model_validator(mode="after")
    def _one_of_three(self) -> PaidByOthers:
        if [self.percent, self.cents, self.beyond_cents].count(None) != 2:
            raise ValueError("donnez l'un de `percent`, `cents` et `beyond_cents`.")
        return self


class Status(Part):
    """A fact that the month decides (shape T10): ``id`` is true of a child who came on enough days
    of the month, false of one who did not. Days are those of ``activities``, on ``weekdays``.

    One of ``least_days``, ``least_days_a_week`` (in each week of service that lies wholly in the
    month) and ``least_percent`` of the days of service.
    """

    id: Slug
    name: Text
    activities: Annotated[tuple[Slug, ...], Field(min_length=1)]
    weekdays: tuple[Weekday, ...] = ()
    least_days: Annotated[int | None, Field(ge=1, le=31)] = None
    least_days_a_week: Annotated[int | None, Field(ge=1, le=7)] = None
    least_percent: Annotated[int | None, Field(ge=1, le=100)] = None

    @model_validator(mode="after")
    def _one_of_three(self) -> Status:
        if [self.least_days, self.least_days_a_week, self.least_percent].count(None) != 2:
            raise ValueError("donnez l'un de `least_days`, `least_days_a_week` et `least_percent`.")
        return self


class QuotientRules(Part):
    """Which quotient counts on a day (shapes T13, T14).

    ``new_from``: a new one counts from the day the dossier says, from the first of that month, or
    of the month after; or the one known on the first day of the school or calendar year counts all
    along it (for who had none, the first known since). ``valid_months``: it lapses so long after it
    came to count.
    ``whole``: brought to a whole number before it is looked up; without it a grid has a price for
    every cent (T18).
    """

    new_from: Literal["day", "month", "month_after", "school_year", "calendar_year"] = "day"
    valid_months: Annotated[int | None, Field(ge=1, le=60)] = None
    whole: Literal["down", "half_up", "up"] | None = None


class Siblings(Part):
    """How children are ranked (the fact ``rank``: 1, 2, …): among those of the household, or those
    who come to the same activity or service in the month; and counted (the fact ``children``)."""

    among: Literal["household", "activity", "service"] = "household"
    first: Literal["eldest", "youngest"] = "eldest"


class Rounding(Part):
    """To ``to_cents``, half a unit going up unless said otherwise: after each operation on an
    item, once for the line, or once for the total."""

    mode: Literal["half_up", "half_even", "up", "down"] = "half_up"
    to_cents: Annotated[int, Field(ge=1, le=100)] = 1
    at: Literal["operation", "line", "total"] = "operation"


class Pricing(Part):
    """How prices are reckoned: the order of the operations, rounding, and what changes a price."""

    order: tuple[Operation, ...] = ORDER
    rounding: Rounding = Rounding()
    quotient: QuotientRules = QuotientRules()
    siblings: Siblings = Siblings()
    statuses: Annotated[tuple[Status, ...], Field(max_length=20)] = ()
    adjustments: Annotated[tuple[Adjustment, ...], Field(max_length=60)] = ()
    late_pick_ups: Annotated[tuple[LatePickUp, ...], Field(max_length=30)] = ()
    paid_by_others: Annotated[tuple[PaidByOthers, ...], Field(max_length=30)] = ()

    @model_validator(mode="after")
    def _every_operation_once(self) -> Pricing:
        if sorted(self.order) != sorted(ORDER):
            raise ValueError(f"order: nommez chaque opération une fois : {', '.join(ORDER)}.")
        if self.order[0] != "price" or self.order[-1] != "shares":
            raise ValueError("order: `price` vient en premier, `shares` en dernier.")
        return self
