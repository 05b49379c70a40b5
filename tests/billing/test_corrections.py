"""A day that changes after it was billed: a priced difference, credit notes, refunds."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.billing.commands import accounts
from services.billing.commands.correcting import correct
from services.billing.domain.accounts import Holder
from services.billing.domain.corrections import Billed as Chained
from services.billing.domain.corrections import Link, as_billed, difference, entries_of
from services.billing.domain.movements import Receive
from services.billing.domain.prices.basket import price
from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import ChildFacts, Facts, Line
from services.billing.schemas.invoices import InvoicePage
from services.billing.store.invoices import INVOICES
from shared.contracts.booking import Replaced
from shared.days import Days
from shared.holidays import FrenchHolidays
from shared.store import Document
from tests.billing.conftest import Office
from tests.billing.data import DECIDED, TARIFFS, accepted, file_with, refused
from tests.world import eventually

HOLDER = Holder("veyras", "VEY", "f1")
DAYS = tuple(date(2026, 9, number) for number in (1, 3, 4, 7, 8))
LATER = DECIDED + timedelta(hours=1)
FILE = file_with()
BOOK = PriceBook.of(FILE, Days(FILE, FrenchHolidays()))
WITHOUT = file_with(tariffs=TARIFFS[:2])


async def invoiced(office: Office, **town: Any) -> Document:
    """Two meals in September, billed."""
    await office.town(**town)
    await office.family()
    await office.say(accepted([("l1", "zoe", DAYS[0]), ("l2", "zoe", DAYS[1])]), "requests/r1")
    await office.month_over()
    (invoice,) = await office.invoices(1)
    return invoice


async def documents(office: Office, count: int) -> list[Document]:
    async def there() -> list[Document] | None:
        found = [one for one in await office.documents(INVOICES) if one["announced"]]
        return sorted(found, key=lambda one: one["sequence"]) if len(found) == count else None

    found: list[Document] = await eventually(there, what=f"{count} documents")
    return found


async def cancel(office: Office, effect: str = "cancelled") -> None:
    """The first meal's booking ends."""
    ended = accepted(
        [("c1", "zoe", DAYS[0])], at=LATER, kind="cancel", of="r1-l1", was=("repas",),
        effect=effect,
    )  # fmt: skip
    await office.say(ended, "requests/r2")


async def listed(office: Office, query: str) -> list[Document]:
    answer = await office.get(f"/invoices?{query}")
    return list(answer.as_declared(InvoicePage).json["items"])


async def test_a_day_cancelled_after_it_was_paid_is_credited_by_a_numbered_note(
    office: Office,
) -> None:
    invoice = await invoiced(office)
    await documents(office, 1)
    await accounts.move(office.billing(), HOLDER, Receive("p1", 820, (invoice["_id"],), "f1-anne"))
    await cancel(office)
    _, note = await documents(office, 2)
    assert (note["number"], note["kind"], note["of"], note["total_cents"]) == (
        "VEY-2026-000002", "credit_note", invoice["_id"], -410,
    )  # fmt: skip
    (line,) = note["lines"]
    assert line["reason"] == "Régularisation de septembre 2026 : annulation"
    account = await office.billing().accounts.get(HOLDER)
    assert (account.credit, account.debts[invoice["_id"]].state) == ({"p1": 410}, "settled")
    (shown,) = (await listed(office, "state=archived&family=f1"))[1:]
    assert shown["invoice"] == invoice["_id"]


async def test_a_day_cancelled_before_it_was_paid_is_asked_no_more(office: Office) -> None:
    invoice = await invoiced(office)
    await cancel(office)
    await documents(office, 2)
    account = await office.billing().accounts.get(HOLDER)
    assert (account.debts[invoice["_id"]].unpaid, account.credit_cents) == (410, 0)
    (open_,) = await listed(office, "state=open")
    assert open_["unpaid_cents"] == 410


async def test_the_town_gives_back_by_transfer_where_it_says_so(office: Office) -> None:
    canteen = file_with().activities[0].model_dump(mode="json", by_alias=True)
    refunding = canteen | {"absences": {"in_time": "refund"}}
    invoice = await invoiced(office, activities=[refunding])
    await documents(office, 1)
    await accounts.move(office.billing(), HOLDER, Receive("p1", 820, (invoice["_id"],), "f1-anne"))
    await cancel(office)
    await documents(office, 2)
    account = await office.billing().accounts.get(HOLDER)
    (transfer,) = account.transfers
    assert (transfer.parts, account.credit_cents) == ({"p1": 410}, 0)


async def test_a_day_booked_in_a_closed_month_is_a_supplement_that_names_it(
    office: Office,
) -> None:
    invoice = await invoiced(office)
    await office.say(accepted([("l9", "tom", DAYS[2])], request="r9"), "requests/r9")
    _, more = await documents(office, 2)
    assert (more["kind"], more["of"], more["month"]) == ("month", invoice["_id"], "2026-09")
    assert more["total_cents"] == 410
    assert more["lines"][0]["reason"] == "Régularisation de septembre 2026 : réservation ajoutée"
    account = await office.billing().accounts.get(HOLDER)
    assert account.debts[more["_id"]].unpaid == 410


async def test_back_and_forth_ends_where_it_began(office: Office) -> None:
    invoice = await invoiced(office)
    line = [("l2", "zoe", DAYS[1])]
    said = Replaced(decided_at=DECIDED, accepted=True)
    await office.say(refused(line, at=LATER, replaces=said), "requests/r2")
    await documents(office, 2)
    again = Replaced(decided_at=LATER, accepted=False)
    await office.say(accepted(line, at=LATER + timedelta(hours=1), replaces=again), "requests/r3")
    found = await documents(office, 3)
    assert [one["total_cents"] for one in found] == [820, -410, 410]
    for _ in range(3):
        await correct(office.billing(), invoice["_id"])
    await documents(office, 3)
    assert await office.checked() == set()


async def test_what_is_billed_is_given_back_though_the_town_has_no_price_for_it_any_more(
    office: Office,
) -> None:
    invoice = await invoiced(office)
    await documents(office, 1)
    await office.town(version=2, tariffs=())
    await office.settled()
    await cancel(office)
    await documents(office, 2)
    await office.settled()
    charges = await office.documents("charges")
    assert {one["invoice"] for one in charges} == {invoice["_id"]}
    ended = accepted(
        [("c2", "zoe", DAYS[1])], at=LATER, kind="cancel", of="r1-l2", was=("repas",),
        effect="cancelled",
    )  # fmt: skip
    await office.say(ended, "requests/r3")
    found = await documents(office, 3)
    assert [one["total_cents"] for one in found] == [820, -410, -410]
    assert await office.checked() == set()


# -- the difference, in any story ----------------------------------------------------------


def line(number: int, child: str) -> Line:
    day = DAYS[number % len(DAYS)]
    return Line(ref=f"r-{number}", child=child, activity="cantine", units=("repas",), day=day)


LINES = [line(number, child) for number, child in enumerate(["zoe", "tom"] * 5)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.sampled_from(range(len(LINES)))), min_size=2, max_size=6))
def test_whatever_changes_the_chain_bills_what_stands(stories: list[set[int]]) -> None:
    """What all documents bill is what the lines that stand cost; reductions never exceed what
    their documents billed."""
    children = (ChildFacts(id="zoe"), ChildFacts(id="tom"))

    def standing(chosen: set[int]) -> list[Line]:
        return [LINES[number] for number in sorted(chosen)]

    first = Facts(children=children, lines=tuple(standing(stories[0])))
    began = Chained(basis="b", position=0, facts=first, entries=entries_of(price(BOOK, first)))
    chain = [Link("d0", began)]
    left = {"d0": sum(one.cents for one in began.entries)}
    for chosen in stories[1:]:
        found = difference(chain, standing(chosen), children, BOOK, ())
        assert found.cents == 410 * len(chosen) - sum(left.values())
        assert sum(one.cents for one in found.reductions) == max(-found.cents, 0)
        document = f"d{len(chain)}"
        chain.append(Link(document, found.billed, found.reductions))
        left[document] = max(found.cents, 0)
        for one in found.reductions:
            left[one.invoice] -= one.cents
        assert sum(left.values()) == 410 * len(chosen)


CENTS = {"repas": 410, "viande": 55}
NO_MEAT = PriceBook.of(WITHOUT, Days(WITHOUT, FrenchHolidays()))
UNITS = [(one, unit) for one in LINES for unit in CENTS]
CHOSEN = st.sets(st.sampled_from(range(len(UNITS))))
STORY = st.lists(st.tuples(CHOSEN, st.booleans(), st.booleans()), min_size=1, max_size=6)


def lines_with(held: set[tuple[str, str]]) -> list[Line]:
    """What of each line an invoice holds."""
    return [
        one.model_copy(update={"units": units})
        for one in LINES
        if (units := tuple(unit for unit in CENTS if (one.ref, unit) in held))
    ]


@settings(max_examples=80, deadline=None)
@given(STORY)
def test_whatever_has_a_price_now_and_then_is_billed_once_it_has_one(
    story: list[tuple[set[int], bool, bool]],
) -> None:
    """At each turn something is booked, the town has all its prices or not, and runs the month
    again or not. What had no price is on no invoice until it is run again."""
    children = (ChildFacts(id="zoe"), ChildFacts(id="tom"))
    chain: list[Link] = []
    booked: set[tuple[str, str]] = set()
    held: set[tuple[str, str]] = set()
    for chosen, all_prices, run in [*story, (story[-1][0], True, True)]:
        book = BOOK if all_prices else NO_MEAT
        wanted = {(UNITS[number][0].ref, UNITS[number][1]) for number in chosen}
        held = (held & wanted) | (wanted if run else wanted - booked)
        booked = wanted
        if not chain:
            first = Facts(children=children, lines=tuple(lines_with(held)))
            priced = price(book, first)
            lines, aside = as_billed(first.lines, priced.unpriced, {})
            began = Chained(
                basis="b", position=0, facts=first.model_copy(update={"lines": lines}),
                entries=entries_of(priced), aside=aside,
            )  # fmt: skip
            chain.append(Link("d0", began))
            held -= {(one.ref, unit) for one in priced.unpriced for unit in one.units}
            continue
        found = difference(chain, lines_with(held), children, book, ())
        held -= found.unpriced
        if found.billed.entries:
            chain.append(Link(f"d{len(chain)}", found.billed, found.reductions))
    billed = sum(entry.cents for link in chain for entry in link.billed.entries)
    assert held == booked
    assert billed == sum(CENTS[unit] for _, unit in booked)
