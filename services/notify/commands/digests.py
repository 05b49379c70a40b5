"""From outcomes to digests to mails: frozen whole, each outcome in exactly one.

Any step may be repeated, by this process or another, at the same time or an hour later: digests
and mails are inserted under unique indexes, and what an index refuses is already done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from services.notify.domain.windows import Window, windows
from services.notify.state import Notify
from services.notify.store.digests import run_id, timeline_of
from services.notify.store.directory import Contact
from services.notify.store.mails import new_mail
from shared.contracts.family import FamilyChanged
from shared.contracts.notify import DigestSent
from shared.copies import Town
from shared.errors import StoreUnavailable
from shared.ids import derived_id
from shared.logs import get_logger
from shared.metrics import OUTCOME_AGE, OUTCOMES_WAITING
from shared.store import Document

#: How long a run waits for what has not been heard; later outcomes go into the next digest.
PATIENCE = timedelta(minutes=5)
_log = get_logger()


async def run_due(notify: Notify) -> None:
    """Freeze every window that has ended, for every town."""
    for town in await notify.towns.all():
        try:
            await _run_town(notify, town)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one town must not keep the others waiting
            _log.error("digest-failed", town=town.file.town, exc_info=error)
    await _say_ended(notify)


async def _run_town(notify: Notify, town: Town) -> None:
    slug = town.file.town
    waiting, oldest = await notify.digests.waiting_outcomes(slug)
    OUTCOMES_WAITING.labels(slug).set(waiting)
    age = (notify.clock.town() - oldest).total_seconds() if oldest else 0
    OUTCOME_AGE.labels(slug).set(age)
    due = await _due_windows(notify, town)
    if due and await notify.digests.lease_town(slug):
        for window in due:
            if not await _run(notify, town, window):
                break


async def _due_windows(notify: Notify, town: Town) -> list[Window]:
    known = await notify.digests.cut_offs(town.file.town)
    if known is None:
        return []
    zone = ZoneInfo(town.file.time_zone)
    return windows(timeline_of(known), zone, known["closed_until"], notify.clock.town())


async def _run(notify: Notify, town: Town, window: Window) -> bool:
    """Freeze one window and address its mails; False when it has to wait."""
    slug = town.file.town
    run = await notify.digests.open_run(slug, window, notify.clock.machine())
    if not await _caught_up(notify, slug, window):
        if notify.clock.machine() - run["first_tried"] < PATIENCE:
            return False
        _log.warning("digest-does-not-wait", town=slug, run=run["_id"])
    outcomes = await notify.digests.open_outcomes(slug, window.end)
    await notify.digests.freeze(slug, run["_id"], outcomes)
    await _address(notify, slug, run["_id"])
    await notify.digests.close_run(run["_id"])
    await notify.digests.advance(slug, window)
    _log.info("digest-frozen", town=slug, run=run["_id"], count=len(outcomes))
    return True


async def _caught_up(notify: Notify, town: str, window: Window) -> bool:
    """Whether everything decided in the window has been said, heard and handled."""
    heard = await notify.digests.heard_until(town)
    return (
        heard is not None
        and heard >= window.end
        and not await notify.digests.holds_back(town)
        and not await notify.digests.batches_incomplete(town, window.end)
    )


async def _address(notify: Notify, town: str, run: str) -> None:
    """One mail per adult over all families whose digests are not in a mail yet."""
    digests = await notify.digests.open_digests(town)
    families = sorted({digest["family"] for digest in digests})
    cards = await notify.directory.families(families)
    linked: dict[str, list[Contact]] = {}
    for contact in await notify.directory.contacts_of(town, families):
        for family in contact.families:
            linked.setdefault(family, []).append(contact)
    by_account: dict[str, list[str]] = {}
    letters: list[Document] = []
    now = notify.clock.machine()
    for digest in digests:
        accounts = recipients(digest, linked.get(digest["family"], []), cards)
        for account in accounts:
            by_account.setdefault(account, []).append(f"{digest['_id']}|{account}")
        if not accounts:
            covers = [f"{digest['_id']}|letter"]
            letters.append(
                new_mail(
                    derived_id("digest-mail", *covers), town, "digest", now, account=None,
                    family=digest["family"], run=run, covers=covers,
                )
            )  # fmt: skip
    mails = [
        new_mail(
            derived_id("digest-mail", *covers), town, "digest", now, account=account, run=run,
            covers=covers,
        )
        for account, covers in sorted(by_account.items())
    ]  # fmt: skip
    await notify.mails.address([*mails, *letters])
    await notify.digests.close_digests([digest["_id"] for digest in digests])


def recipients(
    digest: Document, linked: Sequence[Contact], cards: Mapping[str, FamilyChanged]
) -> list[str]:
    """Those who asked, and the guardians who may see one of the participants; once each.

    ``digest`` has the ``family``, and the ``accounts`` and ``children`` of its outcomes.
    """
    asked = set(digest["accounts"])
    children = set(digest["children"])
    card = cards.get(digest["family"])
    return [
        contact.account
        for contact in linked
        if readable(card, contact.families[digest["family"]], asked=contact.account in asked)
        & children
    ]


def readable(card: FamilyChanged | None, guardian: str, *, asked: bool) -> set[str]:
    """About whom a guardian may be written to, by all their ids: themselves, the children whose
    bookings they may see, and, about what they ``asked`` for, those for whom they may decide."""
    if card is None:
        return set()
    rights = next((one.reach for one in card.guardians if guardian in one.ids), ())
    named = {right.child for right in rights if right.see or (asked and right.decide)}
    return {_id for one in card.participants for _id in one.ids if named & one.ids} | named


async def _say_ended(notify: Notify) -> None:
    for run in await notify.digests.runs_sending():
        mails, to_send = await notify.mails.counts(run["_id"])
        if to_send == 0:
            outcomes = await notify.digests.outcomes_in(run["_id"])
            event = DigestSent(window=run["window"], outcomes=outcomes, mails=mails)
            await notify.digests.say_sent(run, event)


async def dry_run(notify: Notify, town: str, label: str) -> Document:
    """What a window's digest would hold, by family; nothing is written."""
    found = await notify.towns.get(town)
    known = await notify.digests.cut_offs(town)
    if known is None:
        return {"window": label, "families": []}
    zone = ZoneInfo(found.file.time_zone)
    now = notify.clock.town()
    around = windows(timeline_of(known), zone, known["closed_until"], now + timedelta(days=2))
    window = next((one for one in around if one.label(zone) == label), None)
    if window is None:
        return {"window": label, "error": "not a window to come",
                "windows": [one.label(zone) for one in around]}  # fmt: skip
    outcomes = await notify.digests.open_outcomes(town, window.end)
    return {
        "window": label,
        "run": run_id(town, window),
        "caught_up": await _caught_up(notify, town, window),
        "families": [
            {"family": family, "outcomes": sorted(one.id for one in open_outcomes)}
            for family, open_outcomes in outcomes
        ],
    }
