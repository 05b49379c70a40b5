"""Billing's own commands over a real MongoDB, in a process that dies where it is told to; beside
it PayFiP's simulator, and a stand-in for booking that does what the decisions on lines say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, TypeVar

import pytest
from pydantic import SecretStr
from pymongo.asynchronous.database import AsyncDatabase

from deploy.simulators.payfip import PayFipServer
from deploy.simulators.payfip_rules import Client
from deploy.simulators.serving import serving
from services.billing.commands import month_ends, online, paid_at_booking
from services.billing.reactions import reactions
from services.billing.service import build, state_of
from services.billing.state import Billing
from services.billing.store.accounts import ACCOUNTS
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingWithdrawn,
    DecidedLine,
    PaymentAwaited,
    Reason,
    Replaced,
)
from shared.contracts.identity import TownChanged
from shared.contracts.town_file import Tariff
from shared.copies import KeyCopy
from shared.errors import Refused
from shared.events import Event
from shared.failpoints import Step
from shared.ids import new_id
from shared.outgoing import Outgoing
from shared.pdf import Press
from shared.runner import Parts
from shared.settings import CommonSettings
from shared.store import Store, connect
from tests.billing.data import card, file_with
from tests.world import drop_databases, envelope

DAYS = [date(2026, 9, 3), date(2026, 9, 4), date(2026, 9, 7)]
BEGINS = datetime(2026, 9, 1, 8, tzinfo=UTC)
OVER = datetime(2026, 10, 1, 6, tzinfo=UTC)
#: What each unit costs, in either activity.
CENTS = {"repas": 410, "viande": 55}
TARIFFS = [
    Tariff(id=f"{activity}-{unit}", valid_from=date(2026, 1, 1), activity=activity, unit=unit,
           price_cents=cents, source="test")
    for activity in ("cantine", "sortie") for unit, cents in CENTS.items()
]  # fmt: skip
OFFICE = {
    "code": "VEY", "label": "Régie enfance", "means": [{"means": "cheque"}],
    "payfip": {"client_number": "090909", "entry_mode": "T"},
}  # fmt: skip
T = TypeVar("T")


class Died(BaseException):
    """What stands for the end of a process: all that was in hand is gone."""


@dataclass
class Fuse:
    """After so many more fail points the process dies, once, and not where it is 0. ``lives``: the
    same for each command that follows; ``seen`` are the points where it did."""

    left: int = 0
    lives: list[int] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def passing(self, side: str) -> Callable[[Step], None]:
        def passed(step: Step) -> None:
            if self.left == 1:
                self.left = 0
                self.seen.add(f"{step.name}.{side}")
                raise Died
            self.left -= bool(self.left)

        return passed


@dataclass
class HandClock:
    """Both clocks, moved by hand."""

    now: datetime = BEGINS

    def town(self) -> datetime:
        return self.now

    def machine(self) -> datetime:
        return self.now


@dataclass
class Booked:
    """A line of a request, as booking has it."""

    id: str
    day: date
    units: tuple[str, ...]
    state: Literal["to_pay", "accepted", "refused", "withdrawn", "ended"]
    decided: datetime | None = None
    unpaid: bool = False

    def said(self, **changes: Any) -> DecidedLine:
        given = {
            "line": self.id, "child": "zoe", "date": self.day, "units": self.units,
            "receipted": False, **changes,
        }  # fmt: skip
        return DecidedLine.model_validate(given)


@dataclass
class Request:
    id: str
    activity: str
    lines: list[Booked]
    refusals: int = 0


@dataclass
class Ledger:
    """What runs. ``town`` and ``family`` are those of one life."""

    billing: Billing
    parts: Parts
    database: AsyncDatabase[Any]
    server: PayFipServer
    clock: HandClock
    fuse: Fuse
    react: dict[str, Any]
    town: str = ""
    family: str = "f1"
    requests: list[Request] = field(default_factory=list)
    asked: int = 0
    sequence: int = 0

    async def begin(self) -> None:
        """Nothing is there but a town, whose name nobody has in memory, and a family."""
        self.fuse.left, self.fuse.lives, self.requests, self.asked = 0, [], [], 0
        self.clock.now = BEGINS
        for collection in await self.database.list_collection_names():
            await self.database[collection].delete_many({})
        self.server.operations.clear()
        self.town = f"t{new_id()[-12:]}"
        file = file_with(self.town, tariffs=TARIFFS, collection_office=OFFICE)
        await self.say(TownChanged(version=1, file=file))
        await self.say(card(self.family))

    def later(self, **by: float) -> None:
        """Every clock goes on."""
        step = timedelta(**by)
        self.clock.now += step
        self.server.advance(step.total_seconds())

    async def survive(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it until the process survives it, as whoever asked does."""
        self.later(seconds=2)
        if self.fuse.lives:
            self.fuse.left = self.fuse.lives.pop()
        while True:
            try:
                return await work()
            except Died:
                continue

    async def once_more(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """The same for what somebody asks; None when it is refused."""
        try:
            return await self.survive(work)
        except Refused:
            return None

    async def say(self, event: Event) -> None:
        """Billing hears an event, as often as it takes."""
        said, event = self._said(event)
        await self.survive(lambda: self.react[event.type](said, event))

    def _said(self, event: Event) -> tuple[Any, Any]:
        self.sequence += 1
        return (
            envelope(event, f"s/{self.sequence}", town=self.town, time=self.clock.now,
                     sequence=self.sequence),
            event,
        )  # fmt: skip

    # -- booking ---------------------------------------------------------------------------

    async def book(self, activity: str, days: list[date], units: tuple[str, ...]) -> None:
        """Days are booked; an outing is paid first."""
        request = self._request(activity)
        state: Literal["to_pay", "accepted"] = "to_pay" if activity == "sortie" else "accepted"
        for at, day in enumerate(days):
            request.lines.append(Booked(f"l{at}", day, units, state))
        if state == "to_pay":
            await self.hold(request, request.lines)
        else:
            await self._accept(request, request.lines)

    def _request(self, activity: str) -> Request:
        """Told apart by a number, so that a life can be lived again."""
        self.asked += 1
        self.requests.append(Request(f"r{self.asked}", activity, []))
        return self.requests[-1]

    async def end(self, request: Request, line: Booked, units: tuple[str, ...] | None) -> None:
        """An accepted line is cancelled, or changed to other units."""
        self.later(seconds=1)
        line.state = "ended"
        after = self._request(request.activity)
        of = {"of": f"{request.id}-{line.id}", "was": line.units}
        if units is None:
            ended = line.said(line="c", activity=request.activity, kind="cancel",
                              effect="cancelled", **of)  # fmt: skip
        else:
            changed = Booked("c", line.day, units, "accepted", self.clock.now)
            after.lines.append(changed)
            ended = changed.said(activity=request.activity, kind="change", **of)
        await self.say(BookingAccepted(**self._of(after), lines=(ended,)))

    async def refuse(self, request: Request, line: Booked) -> None:
        """An agent takes an accepted line back, or refuses it again."""
        await self._refuse(request, [line], Reason(code="agent", text="Sortie annulée."))

    async def accept(self, request: Request, line: Booked) -> None:
        """An agent accepts what was refused."""
        await self._accept(request, [line])

    async def withdraw(self, request: Request) -> None:
        """The family takes back what it has not paid."""
        held = [line for line in request.lines if line.state == "to_pay"]
        for line in held:
            line.state = "withdrawn"
        await self.say(BookingWithdrawn(
            request=request.id, number="n", family=self.family, account="a",
            withdrawn_at=self.clock.now, lines=tuple(line.id for line in held),
        ))  # fmt: skip

    async def hear_billing(self, place_left: bool) -> None:
        """Booking does what billing says of payments, each once and in order."""
        store: Store = self.parts.store
        for account in await store.find(ACCOUNTS, {"town": self.town, "pending.0": {"$exists": 1}}):
            for said in account["pending"]:
                await self._heard(said["type"], said["data"], place_left)
            ids = [said["id"] for said in account["pending"]]
            await store.published(ACCOUNTS, {account["_id"]: ids})

    async def _heard(self, kind: str, data: dict[str, Any], place_left: bool) -> None:
        request = next((one for one in self.requests if one.id == data.get("request")), None)
        if request is None:
            return
        held = [line for line in request.lines if line.state == "to_pay"]
        if "invoice-settled" in kind:
            await self._accept(request, held)
            await self._try_again(request, place_left, to_pay=False)
        elif "payment-expired" in kind:
            await self._refuse(request, held, UNPAID)
        elif "paid-late" in kind:
            await self._refuse(request, held, UNPAID)
            await self._try_again(request, place_left, to_pay=True)

    async def give_up(self) -> None:
        """Two hours without a word of billing: places that wait to be paid are free again."""
        self.later(hours=2)
        for request in self.requests:
            held = [line for line in request.lines if line.state == "to_pay"]
            await self._refuse(request, held, UNPAID)

    async def _try_again(self, request: Request, place_left: bool, *, to_pay: bool) -> None:
        lines = [line for line in request.lines if line.unpaid]
        if not place_left:
            await self._refuse(request, lines, LATE)
        elif to_pay:
            for line in lines:
                line.state, line.unpaid = "to_pay", False
            await self.hold(request, lines)
        else:
            await self._accept(request, lines)

    async def hold(self, request: Request, lines: list[Booked]) -> None:
        """The places of these lines are held until they are paid."""
        if lines:
            await self.say(PaymentAwaited(
                request=request.id, number="n", family=self.family, account="a",
                attempt=1 + request.refusals, asked_at=self.clock.now,
                pay_until=self.clock.now + timedelta(minutes=20),
                lines=tuple(line.said(activity=request.activity) for line in lines),
            ))  # fmt: skip

    async def _accept(self, request: Request, lines: list[Booked]) -> None:
        if lines:
            said = self._decided(request, lines, "accepted", None)
            await self.say(BookingAccepted(**self._of(request), lines=said))

    async def _refuse(self, request: Request, lines: list[Booked], reason: Reason) -> None:
        if lines:
            request.refusals += 1
            said = self._decided(request, lines, "refused", reason)
            await self.say(BookingRefused(**self._of(request), lines=said))

    def _decided(
        self, request: Request, lines: list[Booked], state: Literal["accepted", "refused"],
        reason: Reason | None,
    ) -> tuple[DecidedLine, ...]:  # fmt: skip
        self.later(seconds=1)
        said = []
        for line in lines:
            before = line.decided and Replaced(
                decided_at=line.decided, accepted=line.state == "accepted"
            )
            said.append(line.said(activity=request.activity, reason=reason, replaces=before))
            line.state, line.decided, line.unpaid = state, self.clock.now, reason is UNPAID
        return tuple(said)

    def _of(self, request: Request) -> dict[str, Any]:
        return {
            "request": request.id, "number": "n", "requested_at": BEGINS, "family": self.family,
            "account": "a", "decided_at": self.clock.now, "decided_by": "rule",
        }  # fmt: skip

    @property
    def standing_cents(self) -> int:
        """What is booked costs so much."""
        lines = [line for request in self.requests for line in request.lines]
        return sum(CENTS[unit] for line in lines if line.state == "accepted" for unit in line.units)


UNPAID = Reason(code="unpaid", text="Impayé.")
LATE = Reason(code="paid-late", text="Trop tard.")


@asynccontextmanager
async def ledger(mongodb_url: str, patch: pytest.MonkeyPatch) -> AsyncIterator[Ledger]:
    """Billing's commands, and PayFiP."""
    namespace, clock, fuse, press = f"l{new_id()[-8:]}", HandClock(), Fuse(), Press()
    server, outgoing, client = PayFipServer({"090909": Client("090909")}), Outgoing(), None
    async with serving(server) as origin:
        patch.setenv("PREAU_PAYFIP_URL", origin)
        settings = CommonSettings(
            MONGODB_URL=SecretStr(mongodb_url), PREAU_NAMESPACE=namespace
        )  # type: ignore[call-arg]  # fmt: skip
        client = connect(mongodb_url)
        store = Store(client, f"{namespace}_billing", clock)
        parts = Parts.over(settings, store, clock, press)
        service = build(parts)
        await store.prepare(service.indexes, service.outboxes)
        billing = state_of(parts, outgoing)
        for commands in (online, paid_at_booking, month_ends):
            patch.setattr(commands, "_AT_ONCE", 1)  # so that what dies where can be told again
        table = reactions(billing, KeyCopy(store, parts.keys), store)
        patch.setattr(Step, "before", fuse.passing("before"))
        patch.setattr(Step, "after", fuse.passing("after"))
        react = {one.contract.type: one.react for one in table}
        try:
            database = client[f"{namespace}_billing"]
            yield Ledger(billing, parts, database, server, clock, fuse, react)
        finally:
            fuse.left = 0
            await server.quiet()
            await outgoing.close()
            if service.close is not None:
                await service.close()
            await press.close()
            await client.close()
            await drop_databases(mongodb_url, namespace)
