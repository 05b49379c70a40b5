"""Two replicas of every service at once give the result of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest

from deploy.demo.seed import seed
from deploy.demo.story import EMAIL, LOGIN, PASSWORD, Portal, tell
from deploy.local.mailbox import Mailbox
from tests.samples import arrived
from tests.world import StartWorld, World, eventually


@pytest.fixture
async def second(whole: World, start_whole: StartWorld) -> AsyncIterator[World]:
    """The other replica of everything that ``whole`` runs."""
    async with start_whole(replica=True) as it:
        yield it


async def test_the_main_job_with_two_replicas_of_everything(
    whole: World, second: World, mailbox: Mailbox
) -> None:
    await tell(whole.origin, mailbox, await seed(whole.runner), date(2026, 9, 14))
    await mailbox.wait_for(lambda mails: sum("est bien reçue" in m.subject for m in mails) == 3)
    whole.move_to(datetime(2026, 9, 14, 11, 1, 1, tzinfo=UTC))
    await arrived(mailbox, lambda mail: "réponses à vos demandes" in mail.subject)
    whole.move_to(datetime(2026, 9, 30, 22, 1, 5, tzinfo=UTC))
    await arrived(mailbox, lambda mail: "votre facture" in mail.subject)

    one, other = Portal(whole.http, whole.origin), Portal(second.http, second.origin)
    await one.log_in(LOGIN, PASSWORD)
    await other.log_in(LOGIN, PASSWORD)
    for path in ("family/household", "booking/requests", "billing/invoices", "notify/mails"):
        assert await one.call("GET", path) == await other.call("GET", path)
    one.token, other.token = other.token, one.token  # a token of one is good at the other
    (invoice,) = (await other.call("GET", "billing/invoices"))["items"]
    assert invoice["total_cents"] == 180 + 3 * 410
    assert await one.call("GET", "identity/me") == await other.call("GET", "identity/me")

    async def all_said() -> bool:
        return not await whole.store("notify").count(
            "mails", {"state": {"$in": ["due", "sending"]}}
        )

    await eventually(all_said)
    subjects = Counter(mail.subject.split(" : ")[-1].split(" –")[0] for mail in mailbox.to(EMAIL))
    assert sorted(subjects.values()) == [1] * 8, subjects
