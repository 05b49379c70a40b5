"""What comes to billing's till: events of the other services, families who pay, agents.

As in ``tests.faults.acts``: an act prepares what it needs, calls ``strike``, does one thing, and
looks whether it was done once. Each has a family of its own, which August bills.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from deploy.simulators.payfip import PayFipServer
from deploy.simulators.payfip_rules import Behaviour
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingWithdrawn,
    DecidedLine,
    DecidedUpTo,
    PaymentAwaited,
    Reason,
    Replaced,
)
from shared.contracts.family import ErasureAsked
from shared.contracts.identity import KeysRotated, TownChanged
from shared.contracts.town_file import Tariff
from shared.events import ALL_TOWNS
from shared.store import Document
from tests.billing.data import card, file_with
from tests.billing.debits import COLLECTING
from tests.faults.desk import TOWN, Desk
from tests.world import START, access_token, eventually

#: The events that services which are not here hear of it, and how often.
Said = dict[str, int]
MONTH, DAYS = "2026-08", [date(2026, 8, 27), date(2026, 8, 28)]
OVER = datetime(2026, 8, 31, 22, tzinfo=UTC)
DECIDED = datetime(2026, 8, 1, 8, tzinfo=UTC)
PRICE = 410
OFFICE = {
    "code": "VEY", "label": "Régie enfance", "means": [{"means": "cheque"}],
    "payfip": {"client_number": "090909", "entry_mode": "T"}, "month_end": "draft",
    "direct_debit": COLLECTING,
}  # fmt: skip
TARIFFS = [
    Tariff(id=f"{activity}-{unit}", valid_from=date(2026, 1, 1), activity=activity, unit=unit,
           price_cents=PRICE, source="test")
    for activity in ("cantine", "sortie") for unit in ("repas", "viande")
]  # fmt: skip


@dataclass
class Till:
    """Billing in a process that dies, and PayFiP."""

    desk: Desk
    payfip: PayFipServer

    async def open(self) -> None:
        """A town that issues its invoices by hand, and all of August's decisions."""
        await self.desk.say(KeysRotated(jwks=self.desk.signer.public_jwks()), "keys", ALL_TOWNS)
        await self.town(TOWN)
        await self.august_is_over()
        await self.desk.settled()

    async def town(self, town: str) -> None:
        file = file_with(town, tariffs=TARIFFS, collection_office=OFFICE)
        await self.desk.say(TownChanged(version=1, file=file), f"towns/{town}", town)

    async def august_is_over(self, town: str = TOWN) -> None:
        await self.desk.say(DecidedUpTo(instant=OVER), f"progress/{town}", town)

    # -- families and what they have booked ------------------------------------------------

    async def family(self, town: str = TOWN) -> str:
        family = f"f{self.desk.fresh()}"
        await self.desk.say(card(family), f"families/{family}", town)
        return family

    async def accept(self, family: str, *lines: DecidedLine, **changes: Any) -> None:
        await self.desk.say(BookingAccepted(**said_of(family, lines, **changes)), f"r/{family}")

    async def refuse(self, family: str, *lines: DecidedLine, **changes: Any) -> None:
        await self.desk.say(BookingRefused(**said_of(family, lines, **changes)), f"r/{family}")

    async def billed(self, days: int = 2, units: tuple[str, ...] = ("repas",)) -> Document:
        """The invoice of a family of its own, for meals in August."""
        family = await self.family()
        lines = [line(f"l{at}", day, units=units) for at, day in enumerate(DAYS[:days])]
        await self.accept(family, *lines)
        await self.desk.settled()
        await self.end_month()
        return await self.standing(family)

    async def end_month(self, town: str = TOWN) -> None:
        body = {"month": MONTH}
        await self.desk.done(
            "billing", "POST", "/invoice-drafts", self.officer(town), body, town=town
        )
        await self.desk.done(
            "billing", "POST", "/invoice-runs", self.officer(town), body, town=town
        )

    async def standing(self, family: str, **query: Any) -> Document:
        """The family's one invoice that matches, once it is announced."""

        async def there() -> list[Document]:
            return await self.desk.store["billing"].find(
                "invoices", {"family": family, "announced": True, **query}
            )

        (found,) = await eventually(there, what="the invoice is there")
        return dict(found)

    async def unpaid(self, invoice: Document) -> int:
        """What the account says is to be paid."""
        account = await self.desk.one("billing", "accounts", {"family": invoice["family"]})
        debt = account["debts"][invoice["_id"]]
        return int(debt["owed"] - sum(debt["parts"].values()))

    async def becomes(self, invoice: Document, state: str) -> None:
        """The invoice says so, and its account does."""

        async def there() -> bool:
            found = await self.desk.store["billing"].get("invoices", invoice["_id"])
            return found is not None and found["state"] == state

        await eventually(there, what=f"the invoice is {state}")

    # -- who asks --------------------------------------------------------------------------

    def officer(self, town: str = TOWN) -> str:
        return self.desk.agent("billing_office", "collection_officer", town=town)

    def anne(self, family: str) -> str:
        families: Mapping[str, str] = {family: f"{family}-anne"}
        return access_token(self.desk.signer, TOWN, account="c" * 32, families=families)

    async def page(self, invoice: Document) -> tuple[str, str]:
        """A payment whose page is open: its id, and PayFiP's operation."""
        body = {"invoices": [invoice["_id"]], "email": "anne@famille.example"}
        token = self.anne(invoice["family"])
        made = await self.desk.done("billing", "POST", "/payments", token, body)
        idop = made["page"].partition("idop=")[2]
        self.payfip.open(idop)
        return made["payment"], idop

    async def cheque(self, invoice: Document) -> str:
        body = {"family": invoice["family"], "means": "cheque", "cents": PRICE,
                "invoices": [invoice["_id"]]}  # fmt: skip
        made = await self.desk.done("billing", "POST", "/office/payments", self.officer(), body)
        return str(made["payment"])

    async def paid(self, payment: str) -> None:
        """By itself: nobody asks."""

        async def there() -> bool:
            found = await self.desk.store["billing"].get("payments", payment)
            return found is not None and found["state"] == "paid" and not found["untold"]

        await eventually(there, what="paid")


Act = Callable[[Till], Awaitable[Said]]


def line(name: str, day: date = DAYS[0], **changes: Any) -> DecidedLine:
    given = {"line": name, "child": "zoe", "activity": "cantine", "date": day,
             "units": ("repas",), "receipted": False, **changes}  # fmt: skip
    return DecidedLine.model_validate(given)


def said_of(family: str, lines: Sequence[DecidedLine], **changes: Any) -> dict[str, Any]:
    return {
        "request": f"r-{family}", "number": "n", "requested_at": DECIDED, "family": family,
        "account": "a", "decided_at": DECIDED, "decided_by": "agent", "lines": tuple(lines),
        **changes,
    }  # fmt: skip


LATER = {"decided_at": DECIDED + timedelta(hours=1)}

# -- what billing hears ------------------------------------------------------------------------


async def hears_of_a_family(till: Till) -> Said:
    await till.desk.strike()
    family = await till.family()
    await till.desk.settled()
    await till.desk.one("billing", "copy_families", {"_id": family})
    return {}


async def hears_how_far_decisions_are_known(till: Till) -> Said:
    instant = OVER + timedelta(minutes=till.desk.fresh())
    await till.desk.strike()
    await till.desk.say(DecidedUpTo(instant=instant), f"progress/{TOWN}")
    await till.desk.settled()
    assert (await till.desk.one("billing", "copy_decided", {"_id": TOWN}))["instant"] == instant
    return {}


async def hears_of_a_booking(till: Till) -> Said:
    family = await till.family()
    await till.desk.strike()
    await till.accept(family, line("l0"))
    await till.desk.settled()
    await till.desk.one("billing", "charges", {"family": family, "accepted": True})
    return {}


async def hears_that_it_is_refused(till: Till) -> Said:
    family = await till.family()
    await till.accept(family, line("l0"))
    await till.desk.strike()
    replaced = Replaced(decided_at=DECIDED, accepted=True)
    await till.refuse(family, line("l0", replaces=replaced), **LATER)
    await till.desk.settled()
    await till.desk.one("billing", "charges", {"family": family, "accepted": False})
    return {}


async def hears_of_an_absence(till: Till) -> Said:
    family = await till.family()
    await till.accept(family, line("l0"))
    await till.desk.strike()
    absent = line("e0", kind="absence", of=f"r-{family}-l0", was=("repas",), effect="billed")
    await till.accept(family, absent, request=f"e-{family}", **LATER)
    await till.desk.settled()
    charge = await till.desk.one("billing", "charges", {"family": family})
    assert (charge["accepted"], charge["ending"]["effect"]) == (True, "billed")
    return {}


async def is_asked_whether_to_erase(till: Till) -> Said:
    family = await till.family()
    await till.desk.strike()
    asked = ErasureAsked(erasure=f"x-{family}", family=family, settled=())
    await till.desk.say(asked, f"erasures/{family}")
    return {"erasure-answered": 1}


async def hears_of_a_place_paid_too_late(till: Till) -> Said:
    family = await till.family()
    await till.desk.strike()
    late = Reason(code="paid-late", text="Trop tard.")
    await till.refuse(family, line("l0", reason=late))
    await till.desk.settled()
    await till.desk.one("billing", "tasks", {"family": family, "state": "open"})
    return {}


async def _held(till: Till, family: str) -> Document:
    """A place is held until it is paid: its invoice."""
    await till.desk.say(
        PaymentAwaited(
            request=f"r-{family}", number="n", family=family, account="a", attempt=1,
            asked_at=START, pay_until=START + timedelta(days=30),
            lines=(line("l0", activity="sortie"),),
        ),
        f"r/{family}",
    )  # fmt: skip
    return await till.standing(family)


async def hears_that_what_is_to_be_paid_is_taken_back(till: Till) -> Said:
    family = await till.family()
    invoice = await _held(till, family)
    await till.desk.strike()
    back = BookingWithdrawn(
        request=f"r-{family}", number="n", family=family, account="a", withdrawn_at=START,
        lines=("l0",),
    )  # fmt: skip
    await till.desk.say(back, f"r/{family}")
    await till.becomes(invoice, "void")
    return {"payment-expired": 1}


async def hears_that_a_held_place_is_refused(till: Till) -> Said:
    family = await till.family()
    invoice = await _held(till, family)
    await till.desk.strike()
    await till.refuse(family, line("l0", activity="sortie"), **LATER)
    await till.becomes(invoice, "void")
    return {"payment-expired": 1}


# -- months ------------------------------------------------------------------------------------


async def ends_a_month(till: Till) -> Said:
    await till.end_month()  # of what other acts have booked
    family = await till.family()
    await till.accept(family, line("l0"))
    await till.desk.strike()
    await till.end_month()
    invoice = await till.standing(family)
    assert (invoice["total_cents"], await till.unpaid(invoice)) == (PRICE, PRICE)
    charge = await till.desk.one("billing", "charges", {"family": family})
    assert charge["invoice"] == invoice["_id"]
    return {"invoice-issued": 1}


async def drafts_a_month(till: Till) -> Said:
    town = f"ville-{till.desk.fresh()}"
    await till.town(town)
    family = await till.family(town)
    accepted = BookingAccepted(**said_of(family, [line("l0")]))
    await till.desk.say(accepted, f"r/{family}", town)
    await till.desk.strike()
    await till.august_is_over(town)
    month = {"month": MONTH}

    async def drafted() -> list[Any]:
        path, token = f"/invoice-drafts?month={MONTH}", till.officer(town)
        got = await till.desk.ask("billing", "GET", path, token, town=town)
        return list(got.json["items"]) if got.status == 200 else []

    (draft,) = await eventually(drafted, what="the month is drafted by itself")
    wish = {"line": draft["lines"][0]["line"], "cents": 200, "reason": "Goûter seulement."}
    path, token = f"/invoice-drafts/{draft['draft']}/corrections", till.officer(town)
    await till.desk.done("billing", "POST", path, token, wish, town=town)
    await till.desk.done("billing", "POST", "/invoice-runs", token, month, town=town)
    assert (await till.standing(family))["total_cents"] == 200
    return {"invoice-issued": 1}


async def cancels_what_is_billed(till: Till) -> Said:
    invoice = await till.billed()
    family = invoice["family"]
    await till.desk.strike()
    ended = line("c0", kind="cancel", of=f"r-{family}-l0", was=("repas",), effect="cancelled")
    await till.accept(family, ended, request=f"c-{family}", **LATER)
    note = await till.standing(family, kind="credit_note")
    assert (note["total_cents"], note["of"]) == (-PRICE, invoice["_id"])
    assert await till.unpaid(invoice) == PRICE
    return {"invoice-issued": 1}


async def changes_it_for_the_same_price(till: Till) -> Said:
    invoice = await till.billed(days=1)
    family = invoice["family"]
    await till.desk.strike()
    other = line("c0", kind="change", of=f"r-{family}-l0", was=("repas",), units=("viande",))
    await till.accept(family, other, request=f"c-{family}", **LATER)

    async def noted() -> bool:
        found = await till.standing(family)
        return len(found["billed"]) == 2

    await eventually(noted, what="the difference of nothing is noted")
    assert await till.unpaid(invoice) == PRICE
    return {}


# -- families and agents -----------------------------------------------------------------------


async def pays_on_line(till: Till) -> Said:
    invoice = await till.billed(days=1)
    await till.desk.strike()
    payment, idop = await till.page(invoice)
    till.payfip.act(idop, "carte", Behaviour(times=0))

    async def read() -> bool:
        till.desk.later(seconds=3)
        path, token = f"/payments/{payment}", till.anne(invoice["family"])
        return bool((await till.desk.done("billing", "GET", path, token))["state"] == "paid")

    await eventually(read, what="the family reads that it has paid")
    await till.becomes(invoice, "settled")
    return {"payment-received": 1, "invoice-settled": 1}


async def is_notified(till: Till) -> Said:
    invoice = await till.billed(days=1)
    payment, idop = await till.page(invoice)
    await till.desk.strike()
    till.payfip.act(idop, "carte", Behaviour(times=0))
    await till.desk.done("billing", "GET", f"/payfip/notifications?idop={idop}")
    await till.paid(payment)
    return {"payment-received": 1, "invoice-settled": 1}


async def undoes_a_cheque(till: Till) -> Said:
    invoice = await till.billed(days=1)
    payment = await till.cheque(invoice)
    await till.desk.strike()
    path, why = f"/office/payments/{payment}/reversals", {"reason": "Sans provision"}
    undone = await till.desk.done("billing", "POST", path, till.officer(), why)
    assert undone["state"] == "reversed"
    await till.becomes(invoice, "open")
    return {}


async def sees_to_a_task(till: Till) -> Said:
    await hears_of_a_place_paid_too_late(till)
    listed = await till.desk.done("billing", "GET", "/tasks", till.officer())
    task = listed["items"][0]["task"]
    await till.desk.strike()
    path, note = f"/tasks/{task}/completions", {"note": "Une autre date est prise."}
    done = await till.desk.done("billing", "POST", path, till.officer(), note)
    assert done["state"] == "done"
    return {}


async def joins_the_online_invoice(till: Till) -> Said:
    family = await till.family()
    await till.desk.settled()
    token, wish = till.anne(family), {"family": family, "online": False}
    recap = await till.desk.done("billing", "POST", "/online-invoice/recaps", token, wish)
    await till.desk.strike()
    body = wish | {"counts_from": recap["counts_from"]}
    chosen = await till.desk.done("billing", "POST", "/online-invoice/choices", token, body)
    assert chosen["online"] is False
    return {}


async def asks_a_price(till: Till) -> Said:
    family = await till.family()
    await till.desk.settled()
    asked = {"child": "zoe", "activity": "cantine", "date": "2026-09-28", "units": ["repas"]}
    await till.desk.strike()
    body = {"family": family, "lines": [asked]}
    quote = await till.desk.done("billing", "POST", "/quotes", till.anne(family), body)
    assert quote["total_cents"] == PRICE
    await till.desk.one("billing", "quotes", {"family": family})
    return {}


async def works_by_itself(till: Till) -> Said:
    """Its jobs come round."""
    await till.desk.strike()
    return {}
