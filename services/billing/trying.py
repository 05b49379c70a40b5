"""What a town's prices make of a basket: for ``preau price`` and for an agent who tries a file that
is not published. Nothing is stored."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from services.billing.domain.prices.basket import price
from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import Facts
from services.billing.schemas.trials import PriceTrialIn, PriceTrialOut
from shared.days import Days
from shared.errors import Refused
from shared.holidays import FrenchHolidays
from shared.town_files import read_sent_file


def tried(asked: PriceTrialIn) -> PriceTrialOut:
    """The price by a file that was sent. Raises ``Refused``: ``town-file-wrong``, and
    ``invalid-input`` where the basket names what the file does not have."""
    file = read_sent_file(asked.file)
    book = PriceBook.of(file, Days(file, FrenchHolidays()))
    for where, name in unknown_names(book, asked.facts):
        field = f"/facts/{where.replace('.', '/')}"
        sentence = f"{field} : « {name} » n'est pas connu."
        raise Refused("invalid-input", sentence, status=422, field=field)
    return PriceTrialOut.model_validate(explained(book, asked.facts))


def explained(book: PriceBook, facts: Facts) -> dict[str, Any]:
    """What ``preau price explain`` prints; amounts are in cents."""
    found = price(book, facts)
    pricing = book.pricing
    sources = {
        **{one.id: one.source for one in book.file.tariffs},
        **{one.id: one.source for one in pricing.adjustments},
        **{one.id: one.source for one in pricing.late_pick_ups},
    }
    lines = [{**asdict(one), "source": sources.get(one.rule)} for one in found.lines]
    plain: dict[str, Any] = _plain(
        {
            "lines": lines,
            "unpriced": [asdict(one) for one in found.unpriced],
            "total_cents": found.total_cents,
            "order": pricing.order,
            "rounding": pricing.rounding.model_dump(mode="json"),
        }
    )
    return plain


def _plain(value: Any) -> Any:
    """Decimals as text, without needless zeros."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def unknown_names(book: PriceBook, facts: Facts) -> list[tuple[str, str]]:
    """What the facts name and the town file or the facts do not have, by field: a name misspelt
    would change the price and not be seen."""
    children = {one.id for one in facts.children}
    counts = [facts.family.counts, *(one.counts for one in facts.children)]
    faults = [("counts", name) for one in counts for name in one
              if name not in book.counters]  # fmt: skip
    for at, line in enumerate(facts.lines):
        activity = book.activities.get(line.activity)
        if activity is None:
            faults.append((f"lines.{at}.activity", line.activity))
            continue
        faults += [(f"lines.{at}.units", unit) for unit in line.units
                   if activity.unit(unit) is None]  # fmt: skip
        if line.child not in children:
            faults.append((f"lines.{at}.child", line.child))
    return faults
