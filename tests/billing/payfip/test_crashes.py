"""Whatever step a process dies at, a payment is on the account once, and its reversal too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from shared.failpoints import Step
from shared.ids import new_id
from tests.billing.payfip.conftest import Till
from tests.world import Answer, eventually

PRICE = 410
STEPS = (
    "billing.payment.create", "billing.payment.open", "billing.payment.ask",
    "billing.payment.resolve",
    "billing.payment.tell", "billing.payment.reverse", "billing.account.move",
)  # fmt: skip


class Died(Exception):
    """What stands for the end of a process: all that was in hand is gone."""


async def until(status: int, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The same request again until it is answered, as whoever sent it does."""

    async def answered() -> Answer | None:
        answer = await ask()
        return answer if answer.status == status else None

    found: Answer = await eventually(answered, what=f"answer {status}")
    return found


async def returned(till: Till, idop: str) -> bool:
    """Whether the browser, which comes back every some seconds, reads that it has paid."""
    till.later(seconds=3)
    answer = await till.call("GET", f"/payfip/returns?idop={idop}")
    return answer.status == 200 and bool(answer.json["state"] == "paid")


async def test_dead_at_any_step_a_payment_counts_once(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    armed: list[tuple[str, str]] = []

    def passing(side: str) -> Callable[[Step], None]:
        def passed(step: Step) -> None:
            if (step.name, side) in armed:
                armed.remove((step.name, side))
                raise Died

        return passed

    monkeypatch.setattr(Step, "before", passing("before"))
    monkeypatch.setattr(Step, "after", passing("after"))
    officer = till.office.world.token(account="officer", roles=("collection_officer",))
    for point in [(name, side) for name in STEPS for side in ("before", "after")]:
        armed.append(point)
        key, again = new_id(), new_id()
        made = await until(201, lambda key=key: till.pay(key=key))  # type: ignore[misc]
        payment = made.json["payment"]
        idop = made.json["page"].partition("idop=")[2]
        till.server.open(idop)
        await till.lost(idop, "carte")
        await eventually(lambda idop=idop: returned(till, idop), what="paid")  # type: ignore[misc]
        await till.is_in(payment, "paid")
        assert await till.money() == (PRICE, PRICE, 0), point
        path, body = f"/office/payments/{payment}/reversals", {"reason": "Prélèvement rejeté"}
        undone = await until(
            201,
            lambda path=path, body=body, again=again: till.call(  # type: ignore[misc]
                "POST", path, token=officer, json=body, key=again
            ),
        )
        assert undone.json["state"] == "reversed"
        await till.is_in(payment, "reversed")
        assert await till.money() == (0, 0, 0), point
        assert armed == [], f"{point} is on the way"
