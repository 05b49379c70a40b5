"""Billing dies right after each of its steps: what was asked, heard or found is done once, and the
books are right (``preau check``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

import services.billing.service as billing
from deploy.simulators.payfip import PayFipServer
from deploy.simulators.payfip_rules import Client
from deploy.simulators.serving import serving
from services.billing.checking import check
from services.billing.store import OUTBOXES
from services.billing.store.accounts import ACCOUNTS
from services.billing.store.collections import DEBITS
from services.billing.store.invoices import INVOICES
from services.billing.store.mandates import MANDATES
from services.billing.store.tasks import TASKS
from shared.clock import MachineClock
from shared.failpoints import points
from shared.pdf import Press
from shared.runner import Parts
from shared.settings import CommonSettings
from tests import servers
from tests.faults import billing_acts as acts
from tests.faults import debit_acts
from tests.faults.billing_acts import Act, Till
from tests.faults.desk import desk_of
from tests.world import eventually

TAKEN: dict[Act, tuple[str, ...]] = {
    acts.hears_of_a_family: ("billing.family.keep",),
    acts.hears_how_far_decisions_are_known: ("billing.decided.keep",),
    acts.hears_of_a_booking: ("billing.charges.insert",),
    acts.hears_that_it_is_refused: ("billing.charges.decide",),
    acts.hears_of_an_absence: ("billing.charges.end",),
    acts.is_asked_whether_to_erase: ("billing.erasure.answer",),
    acts.hears_of_a_place_paid_too_late: ("billing.task.open",),
    acts.hears_that_a_held_place_is_refused: ("billing.invoice.changed",),
    acts.hears_that_what_is_to_be_paid_is_taken_back: ("billing.withdrawal.note",),
    acts.ends_a_month: (
        "billing.run.ask", "billing.invoice.number", "billing.account.open",
        "billing.invoice.announce", "billing.charges.mark", "billing.run.finish",
    ),
    acts.drafts_a_month: (
        "billing.draft.ask", "billing.draft.advance", "billing.draft.keep", "billing.draft.month",
        "billing.draft.correct", "billing.draft.drop",
    ),
    acts.cancels_what_is_billed: (
        "billing.account.move", "billing.invoice.follow", "billing.account.followed",
        "billing.charges.correct",
    ),
    acts.changes_it_for_the_same_price: ("billing.invoice.note",),
    acts.pays_on_line: (
        "billing.payment.create", "billing.payment.open", "billing.payment.ask",
        "billing.payment.resolve", "billing.payment.tell",
    ),
    acts.is_notified: ("billing.payment.hint",),
    acts.undoes_a_cheque: ("billing.payment.reverse",),
    acts.sees_to_a_task: ("billing.task.close",),
    acts.joins_the_online_invoice: ("billing.online-invoice.choose",),
    debit_acts.asks_for_direct_debit: ("billing.direct-debit.open",),
    debit_acts.accepts_direct_debit: ("billing.direct-debit.save",),
    acts.asks_a_price: ("billing.quote.keep",),
    acts.works_by_itself: (
        "billing.month-end.lease", "billing.payments.lease", "billing.collections.lease",
    ),
    debit_acts.collects: (  # last: months go by
        "billing.collection.ask", "billing.debit.plan", "billing.debit.move",
        "billing.collection-file.put", "billing.collection.move", "billing.debit.tell",
    ),
}  # fmt: skip
#: Steps that no act takes, each with where it is taken and tested instead.
ELSEWHERE = {
    "billing.direct-debit.reseal": "an operator's command: tests/billing/test_mandates",
    "billing.collection.reseal": "an operator's command: tests/billing/test_collections",
    "billing.collection-file.drop": "what another step left: tests/billing/test_collections",
}


def cases() -> list[tuple[Act, str]]:
    """Each step with the act that takes it."""
    return [(act, step) for act, steps in TAKEN.items() for step in steps]


@pytest.fixture(scope="module")
async def till(
    mongodb: servers.MongoServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Till]:
    payfip = PayFipServer({"090909": Client("090909")})
    outboxes = {"billing": (*OUTBOXES, ACCOUNTS, INVOICES, TASKS, MANDATES, DEBITS)}
    folder = tmp_path_factory.mktemp("till")
    async with (
        serving(payfip) as origin,
        desk_of(mongodb.url, folder, outboxes, PREAU_PAYFIP_URL=origin) as desk,
    ):
        it = Till(desk, payfip)
        await it.open()
        yield it


def test_every_step_is_taken_or_tested_elsewhere() -> None:
    own = {one.rpartition(".")[0] for one in points() if one.startswith("billing.")}
    assert own - {step for _, step in cases()} == set(ELSEWHERE)


@pytest.mark.parametrize(
    ("act", "step"), cases(), ids=lambda value: getattr(value, "__name__", value)
)
async def test_killed_at(till: Till, mongodb_url: str, act: Act, step: str) -> None:
    desk = till.desk
    desk.point, deaths = f"{step}.after", desk.deaths
    expected = await act(till)

    async def died() -> bool:
        return desk.deaths > deaths

    await eventually(died, what=f"death at {desk.point}")
    assert desk.deaths == deaths + 1
    desk.point = None
    assert await desk.said() == Counter(expected), step
    settings = CommonSettings(MONGODB_URL=SecretStr(mongodb_url))  # type: ignore[call-arg]
    press = Press()
    books = Parts.over(settings, desk.store["billing"], MachineClock(), press)
    assert [one async for one in check(books, None)] == []
    await press.close()


_ = billing  # imported for its steps
