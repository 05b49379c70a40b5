"""When mails fail: temporary, permanent, ours, the server away; and who may read the log."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from deploy.local.mailbox import Mailbox
from services.notify.api import ROUTES
from services.notify.commands.sending import send_due
from shared.contracts.identity import ActivationRequested, EmailChanged
from shared.tasks import cancelled
from tests.notify.helpers import (
    ALTER,
    NOON_CUT,
    at,
    decision,
    digests,
    ended,
    line,
    mails,
    notify_of,
    reach,
    redeliver,
    requested,
    say_adult,
    say_decision,
)
from tests.samples import Household, arrived, family, say_town, town_file
from tests.world import World, eventually


async def acknowledge(world: World, home: Household, number: str) -> None:
    await world.say(requested(home, line(home, "2026-09-17"), number=number), f"requests/{number}")


async def due_now(world: World, mail: dict[str, Any]) -> None:
    """As if the pause before the next try were over."""
    await world.store("notify").change(
        ALTER, "mails", mail["_id"], {}, {"$set": {"due": world.clock.machine()}}
    )


async def test_a_temporary_refusal_is_tried_again_and_delays_nobody(
    running: World, mailbox: Mailbox
) -> None:
    unlucky, lucky = await family(running), await family(running)
    mailbox.behaviours.deferred[unlucky.email] = 2
    for home in (unlucky, lucky):
        await say_decision(running, decision(home, at(10)))
    await reach(running, NOON_CUT)
    await arrived(mailbox, lambda mail: mail.to == (lucky.email,))
    for tries, pause in ((1, 1), (2, 5)):

        async def refused(tries: int = tries) -> Any:
            return await mails(running, state="due", tries=tries)

        (mail,) = await eventually(refused, what="the refusal is recorded")
        assert mail["failure"] == "temporary 451"
        wait = mail["due"] - running.clock.machine()
        assert timedelta(minutes=pause - 1) < wait <= timedelta(minutes=pause)
        await due_now(running, mail)
    await arrived(mailbox, lambda mail: mail.to == (unlucky.email,))
    run = await ended(running, NOON_CUT)
    assert run["seq"] == 1
    assert len(mailbox.messages) == 2
    sent = await mails(running, state="sent")
    assert all("failure" not in mail for mail in sent)


async def test_temporary_refusals_have_an_end(running: World, mailbox: Mailbox) -> None:
    home = await family(running)
    mailbox.behaviours.deferred[home.email] = 99
    await acknowledge(running, home, "2026-1")
    for tries in range(1, 7):

        async def refused(tries: int = tries) -> Any:
            return await mails(running, state="due", tries=tries)

        (mail,) = await eventually(refused, what=f"{tries} tries")
        await due_now(running, mail)
    (mail,) = await eventually(lambda: mails(running, state="technical"), what="given up")
    assert mail["failure"] == "451, 7 tries"
    assert mail["seq"] == 1


async def test_an_address_refused_for_good_is_marked_said_and_shown(
    running: World, mailbox: Mailbox
) -> None:
    home, other = await family(running), await family(running)
    mailbox.behaviours.refused.add(home.email)
    for one in (home, other):
        await say_decision(running, decision(one, at(10)))
    await reach(running, NOON_CUT)
    await arrived(mailbox, lambda mail: mail.to == (other.email,))
    (mail,) = await eventually(lambda: mails(running, state="permanent"), what="marked")
    assert (mail["failure"], mail["tries"], mail["seq"]) == ("550", 1, 1)
    await ended(running, NOON_CUT)
    shown = await running.call(
        "GET", "/api/notify/v1/veyras/mails?state=permanent",
        token=running.token(roles=("childcare_office",)),
    )  # fmt: skip
    assert [one["account"] for one in shown.json["items"]] == [home.account]
    assert home.email not in str(shown.json)


async def test_the_server_goes_away_and_comes_back(running: World, mailbox: Mailbox) -> None:
    homes = [await family(running) for _ in range(10)]
    mailbox.behaviours.closed = True
    for home in homes:
        await say_decision(running, decision(home, at(10)))
    await reach(running, NOON_CUT)

    async def all_wait() -> bool:
        return len(await mails(running, failure="away")) == len(homes)

    await eventually(all_wait, what="all mails wait for the server")
    assert {mail["tries"] for mail in await mails(running)} == {0}
    mailbox.behaviours.closed = False
    await digests(mailbox, len(homes), within=20)
    await ended(running, NOON_CUT)
    assert sorted(mail.to[0] for mail in mailbox.messages) == sorted(h.email for h in homes)


async def test_a_lost_connection_is_about_one_mail(running: World, mailbox: Mailbox) -> None:
    homes = [await family(running) for _ in range(6)]
    mailbox.behaviours.drops_before_data = 1
    mailbox.behaviours.drops_after_data = 1
    for home in homes:
        await say_decision(running, decision(home, at(10)))
    await reach(running, NOON_CUT)

    async def two_wait() -> Any:
        waiting = await mails(running, state="due", failure="temporary 0")
        gone = await mails(running, state="sent")
        return waiting if (len(waiting), len(gone)) == (2, 4) else None

    waiting = await eventually(two_wait, what="two mails wait, four have gone")
    for mail in waiting:
        await due_now(running, mail)
    await ended(running, NOON_CUT)
    # The mail whose answer was lost went twice, with one Message-ID.
    assert len(mailbox.messages) == 7
    assert {mail.to[0] for mail in mailbox.messages} == {home.email for home in homes}
    assert len({mail.message_id for mail in mailbox.messages}) == 6


async def test_addresses_that_cannot_be_written_to_harm_only_themselves(
    running: World, mailbox: Mailbox
) -> None:
    odd = [
        await family(running, email=address)
        for address in ("é@x.example", "a@x.example\r\nBcc: b@x.example", "a b", "")
    ]
    good = await family(running)
    for number, home in enumerate([*odd, good]):
        await acknowledge(running, home, f"2026-{number}")
    await arrived(mailbox, lambda mail: mail.to == (good.email,))

    async def settled() -> bool:
        return not await mails(running, state={"$in": ["due", "sending"]})

    await eventually(settled, what="every mail has its end")
    states = {mail["account"]: mail["state"] for mail in await mails(running)}
    assert states.pop(good.account) == "sent"
    assert set(states.values()) <= {"technical", "permanent", "sent"}
    assert "technical" in states.values()
    assert all("b@x.example" not in mail.to for mail in mailbox.messages)
    assert "Bcc" not in {name for mail in mailbox.messages for name, _ in mail.headers}


async def test_a_process_that_ends_leaves_no_doubt_about_its_mails(
    running: World, mailbox: Mailbox
) -> None:
    await cancelled(running.runner.running[0].jobs)
    home = await family(running)
    for number in range(40):
        await acknowledge(running, home, f"2026-{number}")

    async def all_due() -> bool:
        return len(await mails(running, state="due")) == 40

    await eventually(all_due, what="the mails are stored")
    notify = notify_of(running)
    under_way = notify.mail_server.connections
    mailbox.behaviours.holds_after = 2 * under_way + 1
    sending = asyncio.create_task(send_due(notify))
    await mailbox.wait_for(lambda found: len(found) > 2 * under_way)
    await cancelled([sending])
    sent = await mails(running, state="sent")
    assert sent
    assert len(await mails(running, state="sending")) <= under_way
    now = running.clock.machine()
    due = await mails(running, state="due")
    assert due
    assert all(mail["due"] <= now and mail["tries"] == 0 for mail in due)
    delivered = {mail.message_id.partition("@")[0].strip("<") for mail in mailbox.messages}
    assert {mail["_id"] for mail in sent} <= delivered
    assert not delivered & {mail["_id"] for mail in due}


async def test_a_link_does_not_outlive_its_mail(running: World, mailbox: Mailbox) -> None:
    event = ActivationRequested(
        account="a" * 32, town="veyras", email="anne@x.example", first_name="Anne", token="s3cr3t"
    )
    await running.say(event, "accounts/a")
    mail = await arrived(mailbox, lambda mail: mail.to == ("anne@x.example",))
    assert "s3cr3t" in (mail.text or "")
    (sent,) = await eventually(lambda: mails(running, state="sent"), what="recorded")
    assert "s3cr3t" not in str(sent)


async def test_a_link_that_is_refused_is_not_kept(running: World, mailbox: Mailbox) -> None:
    mailbox.behaviours.refused.add("anne@x.example")
    event = ActivationRequested(
        account="a" * 32, town="veyras", email="anne@x.example", first_name="Anne", token="s3cr3t"
    )
    await running.say(event, "accounts/a")
    (refused,) = await eventually(lambda: mails(running, state="permanent"), what="recorded")
    assert refused["failure"] == "550"
    assert "s3cr3t" not in str({**refused, "pending": []})


async def test_the_old_address_is_told_and_not_what_the_new_one_is(
    running: World, mailbox: Mailbox
) -> None:
    home = await family(running)
    await say_adult(running, home, email="neuve@x.example")
    event = EmailChanged(
        account=home.account, town="veyras", old_email=home.email, first_name="Anne"
    )
    said = await running.say(event, f"accounts/{home.account}")
    mail = await arrived(mailbox, lambda mail: mail.to == (home.email,))
    assert mail.subject == "Veyras : votre adresse a été changée"
    for part in (mail.text or "", mail.html or ""):
        assert "Bonjour Anne" in part
        assert "prévenez-nous sans attendre" in part
        assert "04 75 00 00 00" in part
    assert "neuve" not in str(mail.message)
    (sent,) = await eventually(lambda: mails(running, state="sent"), what="recorded")
    assert home.email not in str(sent)
    await redeliver(running, said)
    await acknowledge(running, home, "2026-1")
    await arrived(mailbox, lambda mail: mail.to == ("neuve@x.example",))
    assert len(mailbox.to(home.email)) == 1


async def test_each_reads_their_own_log_and_agents_the_town_s(
    running: World, mailbox: Mailbox
) -> None:
    home, other = await family(running), await family(running)
    for number in range(3):
        await acknowledge(running, home, f"2026-{number}")
    await acknowledge(running, other, "2026-9")
    await mailbox.wait_for(lambda found: len(found) == 4)

    async def log(token: str | None, query: str = "", town: str = "veyras") -> Any:
        return await running.call("GET", f"/api/notify/v1/{town}/mails{query}", token=token)

    own = (await log(home.token(running))).json["items"]
    assert {one["account"] for one in own} == {home.account}
    assert len(own) == 3
    assert set(own[0]) == {
        "id", "kind", "state", "failure", "tries", "created_at", "account", "family",
    }  # fmt: skip
    everything = (await log(running.token(roles=("read_only",)))).json["items"]
    assert len(everything) == 4
    pages: list[str] = []
    after = "?limit=1"
    while after:
        page = (await log(running.token(roles=("administrator",)), after)).json
        pages += [one["id"] for one in page["items"]]
        after = f"?limit=1&after={page['next']}" if page["next"] else ""
    assert sorted(pages) == sorted(one["id"] for one in everything)
    peek = await log(other.token(running), f"?after={own[0]['id']}")
    assert (peek.status, peek.json["code"]) == (422, "cursor-unknown")
    assert peek.json["field"] == "?/after"
    still_due = await log(home.token(running), f"?state=due&after={own[0]['id']}")
    assert still_due.json["items"] == [], "sent since it was listed as due: still a place to go on"
    await say_town(running, town_file(town="andancette"), version=1)
    own = ["/personal-data", "/personal-data.pdf"]  # tests/scenarios
    letter = "/mails/{mail}/letter"  # test_acknowledgements
    assert [route.path for route in ROUTES] == ["/mails", letter, *own]
    for token in (None, "garbage"):
        assert (await log(token)).status == 401
    elsewhere = running.token("andancette", roles=("administrator",))
    assert (await log(elsewhere)).status == 403
    assert (await log(elsewhere, town="andancette")).json["items"] == []
    assert (await log(running.token(roles=("kitchen",)))).json["items"] == []
