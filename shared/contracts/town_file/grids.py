"""Grids and tariffs checked when they are saved (shapes T14, T18, T19): every quotient has one
price, everybody has one, and none exceeds what the service costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from shared.contracts.town_file.prices import Bracket, Tariff

#: A place on the line of quotients: the value and what lies before it (0), or the value behind it
#: (1). ``to`` 440 ends at (440, 1), ``below`` 440 at (440, 0).
Edge = tuple[Decimal, int]
_ZERO: Edge = (Decimal(0), 0)
_END: Edge = (Decimal("Infinity"), 0)


def begins(bracket: Bracket) -> Edge:
    """Where a bracket begins."""
    if bracket.over is not None:
        return bracket.over, 1
    return (bracket.from_, 0) if bracket.from_ is not None else _ZERO


def ends(bracket: Bracket) -> Edge:
    """Where a bracket ends."""
    if bracket.to is not None:
        return bracket.to, 1
    return (bracket.below, 0) if bracket.below is not None else _END


def check_grid(tariff: Tariff, *, whole: bool) -> None:
    """Refuse a grid that has no price, or two, for some quotient, with the exact ranges. ``whole``:
    quotients are brought to whole numbers first."""
    faults = list(_faults(tariff.brackets, whole=whole))
    if faults:
        raise ValueError(f"tariffs: {tariff.id}: brackets: {' ; '.join(faults)}.")


def _faults(brackets: Sequence[Bracket], *, whole: bool) -> Iterator[str]:
    if not brackets:
        return
    reached = _ZERO
    for bracket in sorted(brackets, key=begins):
        first, last = begins(bracket), ends(bracket)
        if last <= first:
            yield f"une tranche ne vaut pour rien : {_range(first, last)}"
            continue
        if _someone(reached, first, whole=whole):
            yield f"aucun prix {_range(reached, first)}"
        if _someone(first, min(reached, last), whole=whole):
            yield f"deux prix {_range(first, min(reached, last))}"
        reached = max(reached, last)
    if _someone(reached, _END, whole=whole):
        yield f"aucun prix {_range(reached, _END)}"


def _someone(first: Edge, last: Edge, *, whole: bool) -> bool:
    """Whether a quotient may lie between two edges."""
    if first >= last:
        return False
    value, side = first
    if not whole or last == _END:
        return True
    next_whole = value.to_integral_value("ROUND_FLOOR") + 1
    lowest = value if side == 0 and value == value.to_integral_value() else next_whole
    return (lowest, 0) < last


def _range(first: Edge, last: Edge) -> str:
    """``au-dessus de 440 et au-dessous de 441``, ``à 440``, ``de 0 à 440``."""
    if first[0] == last[0]:
        return f"à {_written(first[0])}"
    begun = f"{'au-dessus de' if first[1] else 'de'} {_written(first[0])}"
    if last == _END:
        return begun if first[1] else f"à partir de {_written(first[0])}"
    return f"{begun} {'à' if last[1] else 'et au-dessous de'} {_written(last[0])}"


def _written(value: Decimal) -> str:
    return format(value.normalize(), "f")


def check_for_all(tariffs: Sequence[Tariff]) -> None:
    """Refuse a price for some where there is none for all others."""
    for tariff in tariffs:
        if not tariff.for_.key:
            continue
        reached: date | None = tariff.valid_from
        general = [one for one in tariffs if one.about == tariff.about and not one.for_.key]
        for one in sorted(general, key=lambda one: one.valid_from):
            if reached is not None and one.holds_on(reached):
                reached = one.valid_until + timedelta(days=1) if one.valid_until else None
        if reached is None or (tariff.valid_until and reached > tariff.valid_until):
            continue
        raise ValueError(
            f"tariffs: {tariff.id}: à partir du {reached}, tous les autres n'ont pas de prix :"
            " ajoutez un tarif sans `for`."
        )


def check_cost(tariff: Tariff) -> None:
    """Refuse a price above what a user costs (education code R531-53)."""
    if tariff.cost_cents is None:
        return
    stated = [tariff.price_cents or 0, tariff.without_proof_cents or 0]
    stated += [cents for one in tariff.brackets for cents in (*one.cents, one.ceiling_cents or 0)]
    if max(stated) > tariff.cost_cents:
        raise ValueError(
            f"tariffs: {tariff.id}: {max(stated)} dépasse le coût par usager,"
            f" {tariff.cost_cents} (code de l'éducation, R531-53)."
        )
