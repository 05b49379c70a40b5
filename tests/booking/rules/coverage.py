"""Which published rules the town file expresses, as a document.

``python -m tests.booking.rules.coverage`` writes ``docs/rules-coverage.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.booking.rules.cases import (
    Elsewhere,
    NotExpressed,
    PublishedRule,
    cases_of,
    published,
    slugs,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "rules-coverage.md"
#: What the rules of booking and prices are about; the rest is for other parts of Préau.
IN_SCOPE = frozenset(
    {
        "booking_deadline", "late_booking", "cancellation_deadline", "absence_billing",
        "absence_justification", "slot_composition", "capacity_waitlist_priority",
        "opening_calendar", "tariff",
    }
)  # fmt: skip
#: Deadline, late, absence, slot and capacity rules: of these, what is elsewhere counts as missing.
STRICT = frozenset(
    {
        "booking_deadline", "late_booking", "cancellation_deadline", "absence_billing",
        "absence_justification", "slot_composition", "capacity_waitlist_priority",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A published rule and what became of it: ``tests`` cases, or elsewhere, or why not."""

    town: str
    number: int
    rule: PublishedRule
    tests: int
    elsewhere: str | None = None
    not_expressed: str | None = None

    @property
    def in_scope(self) -> bool:
        """Whether it counts for the share of rules expressed."""
        return self.rule.category in IN_SCOPE and self.elsewhere is None


def lines() -> list[Line]:
    """Every published rule of the towns that have cases, in the published order."""
    found = {cases_of(slug).town: cases_of(slug).rules for slug in slugs()}
    return [
        _line(town.town, number, rule, found[town.town][number])
        for town in published().values()
        if town.town in found
        for number, rule in enumerate(town.rules, 1)
    ]


def _line(town: str, number: int, rule: PublishedRule, became: object) -> Line:
    if isinstance(became, Elsewhere):
        return Line(town, number, rule, 0, elsewhere=became.elsewhere)
    if isinstance(became, NotExpressed):
        return Line(town, number, rule, 0, not_expressed=became.not_expressed)
    assert isinstance(became, list)
    return Line(town, number, rule, len(became))


def share(found: Iterable[Line]) -> tuple[int, int]:
    """(rules in scope that are expressed and tested, rules in scope)."""
    counted = [line for line in found if line.in_scope]
    return sum(line.tests > 0 for line in counted), len(counted)


def strict_share(found: Iterable[Line]) -> tuple[int, int]:
    """(rules about deadlines, lateness, absences, slots and capacity that are expressed and tested,
    all of them that were published)."""
    counted = [line for line in found if line.rule.category in STRICT]
    return sum(line.tests > 0 for line in counted), len(counted)


def document() -> str:
    """The whole document."""
    return "\n".join(_written(lines())) + "\n"


def _written(found: list[Line]) -> Iterator[str]:
    expressed, wanted = share(found)
    towns = {line.town for line in found}
    yield "# Published rules, and what expresses them"
    yield ""
    yield (
        f"{len(found)} rules that {len(towns)} French towns, communities and associations have"
        " published, each written as a town file (`tests/booking/rules/towns/`) and tested by"
        " cases whose answers were worked out from the published text. Written by `python -m"
        " tests.booking.rules.coverage`."
    )
    yield ""
    yield (
        "The shapes are named in the town file's guide. *Elsewhere*: invoices, documents,"
        " messages and the allocation of places are other parts of Préau."
    )
    yield ""
    yield from _totals(found)
    yield ""
    yield (
        f"Of the {wanted} rules about booking and prices, {expressed} are expressed and tested"
        + (f" ({100 * expressed / wanted:.1f} %)." if wanted else ".")
    )
    strictly, published_rules = strict_share(found)
    yield ""
    yield (
        f"Of the {published_rules} published rules about deadlines, lateness, absences, slots and"
        f" capacity, those that are elsewhere included, {strictly} are expressed and tested"
        + (f" ({100 * strictly / published_rules:.1f} %)." if published_rules else ".")
    )
    yield from _not_expressed(found)
    yield from _by_shape(found)
    yield from _by_town(found)


def _totals(found: list[Line]) -> Iterator[str]:
    yield "| category | rules | expressed | elsewhere | not expressed | cases |"
    yield "|---|--:|--:|--:|--:|--:|"
    for category in sorted({line.rule.category for line in found}):
        yield _row(category, [line for line in found if line.rule.category == category])
    yield _row("**all**", found)


def _row(name: str, found: list[Line]) -> str:
    became = Counter(_became(line) for line in found)
    numbers = (
        len(found),
        became["expressed"],
        became["elsewhere"],
        became["not expressed"],
        sum(line.tests for line in found),
    )
    return f"| {name} | {' | '.join(map(str, numbers))} |"


def _became(line: Line) -> str:
    if line.elsewhere is not None:
        return "elsewhere"
    return "not expressed" if line.not_expressed is not None else "expressed"


def _not_expressed(found: list[Line]) -> Iterator[str]:
    yield from ("", "## Not expressed", "")
    missing = [line for line in found if line.not_expressed is not None]
    if not missing:
        yield "Nothing."
        return
    yield from ("| town | rule | shape | fact | why not |", "|---|--:|---|---|---|")
    for line in missing:
        yield _cells(line.town, line.number, line.rule.shape, line.rule.fact, line.not_expressed)


def _by_shape(found: list[Line]) -> Iterator[str]:
    yield from ("", "## By shape", "")
    yield from (
        "| shape | expressed (cases) | elsewhere | not expressed |",
        "|---|---|---|---|",
    )
    shapes = {shape for line in found for shape in line.rule.shape.split(",")}
    for shape in sorted(shapes, key=_shape_order):
        having = [line for line in found if shape in line.rule.shape.split(",")]
        yield _cells(
            shape,
            ", ".join(f"{_where(line)} ({line.tests})" for line in having if line.tests),
            ", ".join(f"{_where(line)}: {line.elsewhere}" for line in having if line.elsewhere),
            ", ".join(_where(line) for line in having if line.not_expressed),
        )


def _shape_order(shape: str) -> tuple[str, int, str]:
    letters = shape.rstrip("0123456789abcdefghijklmnopqrstuvwxyz")
    digits = "".join(one for one in shape if one.isdigit())
    return letters, int(digits or 0), shape


def _where(line: Line) -> str:
    return f"{line.town} {line.number}"


def _by_town(found: list[Line]) -> Iterator[str]:
    yield from ("", "## By town", "")
    yield from ("| town | rule | category | shape | fact | |", "|---|--:|---|---|---|---|")
    for line in found:
        what = f"{line.tests} cases" if line.tests > 1 else f"{line.tests} case"
        if line.elsewhere:
            what = f"elsewhere: {line.elsewhere}"
        elif line.not_expressed:
            what = "not expressed"
        rule = line.rule
        yield _cells(line.town, line.number, rule.category, rule.shape, rule.fact, what)


def _cells(*cells: object) -> str:
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    DOCUMENT.write_text(document())
