"""What booking and others would say to notify, and what comes of it in the mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from deploy.local.mailbox import Mail, Mailbox
from services.notify.state import Notify
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingRequested,
    DecidedLine,
    DecidedUpTo,
    NotRetained,
    Reason,
    Replaced,
    RequestedLine,
)
from shared.contracts.family import ChildRights, Guardian
from shared.events import Envelope
from shared.failpoints import step
from shared.ids import new_id
from shared.store import Document
from tests.samples import Household
from tests.world import World, eventually

ALTER = step("tests.notify.alter")

#: Instants of Monday 14 September 2026 by their time in Paris.
NOON_CUT = datetime(2026, 9, 14, 11, 1, tzinfo=UTC)
EVENING_CUT = datetime(2026, 9, 14, 16, 1, tzinfo=UTC)


def at(hour: int, minute: int = 0, second: int = 0, *, day: int = 14) -> datetime:
    """An instant of September 2026 on the clocks of Paris."""
    return datetime(2026, 9, day, hour - 2, minute, second, tzinfo=UTC)


def notify_of(world: World) -> Notify:
    """The running service's collaborators."""
    state: Notify = world.state("notify")
    return state


def guardian(*rights: tuple[str, bool]) -> Guardian:
    """Another adult, with (child, may see)."""
    return Guardian(
        id=new_id(), first_name="Luc", last_name="Petit", invoiced=False,
        rights=tuple(ChildRights(child=c, see=see, decide=False, pay=False) for c, see in rights),
    )  # fmt: skip


async def say_card(world: World, home: Household, *others: Guardian) -> None:
    """Say the family's card anew; return once notify holds it."""
    said = await world.say(home.card(others), f"families/{home.id}", town=home.town)
    await _heard(world, "copy_families", home.id, said)


async def say_adult(world: World, home: Household, **changes: Any) -> None:
    """Say an account anew; return once notify holds it."""
    event = home.adult(**changes)
    said = await world.say(event, f"accounts/{event.account}", town=home.town)
    await _heard(world, "contacts", f"{home.town}/{event.account}", said)


async def _heard(world: World, collection: str, _id: str, said: Envelope) -> None:
    async def heard() -> bool:
        copy = await world.store("notify").get(collection, _id)
        return copy is not None and copy["heard"] >= said.sequence

    await eventually(heard, what=f"{collection} is known")


def decision(
    home: Household,
    when: datetime,
    *,
    accepted: bool = True,
    days: Sequence[str] = ("2026-09-24",),
    child: int = 0,
    request: str | None = None,
    reason: str = "Effectif complet.",
    activity: str = "cantine",
    replaces: Replaced | None = None,
    **changes: Any,
) -> BookingAccepted | BookingRefused:
    """One request's lines, decided at once."""
    contract = BookingAccepted if accepted else BookingRefused
    why = None if accepted else Reason(code="agent", text=reason)
    values: dict[str, Any] = {
        "request": request or new_id(), "number": "2026-000042", "requested_at": at(9),
        "family": home.id, "account": home.account, "decided_at": when, "decided_by": "agent",
        "agent": new_id(),
        "lines": tuple(
            DecidedLine(
                line=f"{n:x}", child=home.children[child], activity=activity,
                date=date.fromisoformat(day), units=("unit",), receipted=False, reason=why,
                replaces=replaces,
            )
            for n, day in enumerate(days, start=1)
        ),
    }  # fmt: skip
    return contract(**values | changes)


async def say_decision(world: World, event: BookingAccepted | BookingRefused) -> Envelope:
    """Say it; return once notify holds the outcomes."""
    said = await world.say(event, f"requests/{event.request}", town="veyras")

    async def stored() -> bool:
        ids = [f"{said.id}-{line.line}" for line in event.lines]
        return await world.store("notify").count("outcomes", {"_id": {"$in": ids}}) == len(ids)

    await eventually(stored, what="the outcomes are stored")
    return said


def requested(home: Household, *lines: RequestedLine, **changes: Any) -> BookingRequested:
    """A request as its family sent it."""
    values: dict[str, Any] = {
        "request": new_id(), "number": "2026-004812", "family": home.id,
        "account": home.account, "channel": "online", "requested_at": at(10), "periods": (),
        "lines": lines, "not_retained": (),
    }  # fmt: skip
    return BookingRequested(**values | changes)


def line(home: Household, day: str, *, child: int = 0, **changes: Any) -> RequestedLine:
    """One line of a request."""
    values: dict[str, Any] = {
        "line": new_id()[:4], "child": home.children[child], "activity": "cantine",
        "date": date.fromisoformat(day), "units": ["unit"], "state": "requested",
        "cancel_until": at(18, day=16),
    }  # fmt: skip
    return RequestedLine(**values | changes)


def not_retained(home: Household, day: str, why: str) -> NotRetained:
    """A date that could not become a line."""
    return NotRetained(
        child=home.children[0], activity="cantine", units=("unit",), date=date.fromisoformat(day),
        reason=Reason(code="closed", text=why),
    )  # fmt: skip


async def caught_up(world: World, instant: datetime) -> None:
    """Say that booking has said every decision up to an instant."""
    await world.say(DecidedUpTo(instant=instant), "progress/veyras", town="veyras")


async def reach(world: World, cut: datetime) -> None:
    """Move the town's clock just past a cut-off, with nothing left to hear."""
    world.move_to(cut)
    await caught_up(world, cut)


async def digests(mailbox: Mailbox, count: int, *, within: float = 15) -> list[Mail]:
    """The digest mails, once there are so many."""

    def found(mails: Sequence[Mail]) -> list[Mail]:
        return [mail for mail in mails if "réponses à vos demandes" in mail.subject]

    await mailbox.wait_for(lambda mails: len(found(mails)) >= count, within)
    return found(mailbox.messages)


async def ended(world: World, cut: datetime) -> Document:
    """The run of a window, once its end has been said."""
    store = world.store("notify")
    run: Document = await eventually(
        lambda: store.first("runs", {"_id": f"veyras/{cut:%Y%m%dT%H%MZ}", "state": "done"}),
        what="the run is through",
    )
    return run


async def mails(world: World, **query: Any) -> list[Document]:
    """Mails as stored, oldest first."""
    return await world.store("notify").find("mails", query, sort=[("created_at", 1)])


async def redeliver(world: World, envelope: Envelope) -> None:
    """Deliver an event again, as a broker does that has not heard the acknowledgement."""
    assert await world.runner.bus.publish([envelope]) == [True]
