"""From what others say to what must be written: outcomes, and mails to be sent.

Every function's effect is new documents whose ids derive from the event's, so that a redelivered
event adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from services.notify.commands.digests import recipients
from services.notify.domain.shown import shown_effect
from services.notify.domain.windows import changed, last_boundary, next_boundary
from services.notify.state import Notify
from services.notify.store.digests import first_timeline, timeline_of
from services.notify.store.mails import new_mail
from shared.contracts.billing import (
    DebitChanged,
    DirectDebitChanged,
    InvoiceIssued,
    PaymentReceived,
)
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingRequested,
    BookingWithdrawn,
    DecidedUpTo,
    DecisionsCompleted,
    ProofGiven,
)
from shared.contracts.identity import (
    AccountClosing,
    ActivationRequested,
    AgentInvited,
    EmailChanged,
    EmailChangeRequested,
    GuardianInvited,
    LoginMeanChanged,
    PasswordResetRequested,
    TownChanged,
)
from shared.copies import Town
from shared.errors import MissingCopy
from shared.events import Envelope, Event
from shared.ids import derived_id
from shared.store import Document


async def hear_town(notify: Notify, envelope: Envelope, event: TownChanged) -> None:
    """Keep the town's file, and its cut-offs from the next boundary on.

    The first windows are those since the file was saved, however late it is heard.
    """
    await notify.towns.hear(envelope, event)
    zone = ZoneInfo(event.file.time_zone)
    at = event.file.digest.at
    now = notify.clock.town()
    while True:
        known = await notify.digests.cut_offs(envelope.town)
        if known is None:
            timeline = first_timeline(at)
        elif known.get("heard", 0) >= envelope.sequence:
            return
        else:
            timeline = changed(timeline_of(known), zone, at, now)
        begun = last_boundary(first_timeline(at), zone, min(now, envelope.time))
        if await notify.digests.set_cut_offs(
            envelope.town, known, timeline, envelope.sequence, closed_until=begun
        ):
            return


async def hear_progress(notify: Notify, envelope: Envelope, event: DecidedUpTo) -> None:
    """Keep up to when every decision has been said."""
    await notify.digests.keep_progress(envelope, event.instant)


async def hear_batch(notify: Notify, envelope: Envelope, event: DecisionsCompleted) -> None:
    """Keep how many lines a bulk decision decided."""
    await notify.digests.store_batch(event.batch, envelope.town, event.lines)


async def write_activation(notify: Notify, envelope: Envelope, event: ActivationRequested) -> None:
    """The mail with the activation link."""
    await _to_address(notify, envelope, "activation", event.email, event.model_dump(mode="json"))


async def write_agent_invitation(notify: Notify, envelope: Envelope, event: AgentInvited) -> None:
    """The mail with which an agent chooses a password."""
    data = event.model_dump(mode="json")
    await _to_address(notify, envelope, "agent-invitation", event.email, data)


async def write_password_reset(
    notify: Notify, envelope: Envelope, event: PasswordResetRequested
) -> None:
    """The mail with the link to a new password."""
    data = event.model_dump(mode="json")
    await _to_address(notify, envelope, "password-reset", event.email, data)


async def write_email_change(
    notify: Notify, envelope: Envelope, event: EmailChangeRequested
) -> None:
    """The mail, to the new address, that confirms it."""
    data = event.model_dump(mode="json")
    await _to_address(notify, envelope, "email-change", event.new_email, data)


async def write_email_changed(notify: Notify, envelope: Envelope, event: EmailChanged) -> None:
    """The mail, to the old address, that another is used now."""
    data = event.model_dump(mode="json")
    await _to_address(notify, envelope, "email-changed", event.old_email, data)


async def write_login_mean_changed(
    notify: Notify, envelope: Envelope, event: LoginMeanChanged
) -> None:
    """The mail that says that a provider opens the account, or does no longer."""
    data = event.model_dump(mode="json")
    await _to_address(notify, envelope, "login-mean-changed", event.email, data)


async def write_invitation(notify: Notify, envelope: Envelope, event: GuardianInvited) -> None:
    """The mail by which the town asks a guardian to open an account."""
    await _to_address(notify, envelope, "invitation", event.email, event.model_dump(mode="json"))


async def write_closing(notify: Notify, envelope: Envelope, event: AccountClosing) -> None:
    """The mail that says when an account will be erased, and how to keep it."""
    data = event.model_dump(mode="json")
    await _to_address(notify, envelope, "account-closing", event.email, data)


async def _to_address(
    notify: Notify, envelope: Envelope, kind: str, address: str, data: dict[str, Any]
) -> None:
    """A mail to an address that is not, not yet or no longer the account's. Of whom it is: of an
    account, or of a family whose guardian has none yet."""
    await notify.towns.need(envelope.town)
    await notify.mails.intend(
        new_mail(
            derived_id("mail", envelope.id), envelope.town, kind, notify.clock.machine(),
            account=data.get("account"), address=address, data=data,
            **({"family": data["family"]} if data.get("family") else {}),
        )
    )  # fmt: skip


async def write_acknowledgement(
    notify: Notify, envelope: Envelope, event: BookingRequested
) -> None:
    """One act, one mail to who asked."""
    accounts = await _who_asked(notify, envelope, event)
    await to_accounts(notify, envelope, "acknowledgement", event.family, event, accounts)


async def write_withdrawal(notify: Notify, envelope: Envelope, event: BookingWithdrawn) -> None:
    """The receipt of what a family took back, to whom took it back."""
    accounts = await _who_asked(notify, envelope, event)
    await to_accounts(notify, envelope, "withdrawal", event.family, event, accounts)


async def write_proof_receipt(notify: Notify, envelope: Envelope, event: ProofGiven) -> None:
    """The receipt of a proof, to who gave it."""
    accounts = await _who_asked(notify, envelope, event)
    await to_accounts(notify, envelope, "proof", event.family, event, accounts)


async def _who_asked(
    notify: Notify, envelope: Envelope, event: BookingRequested | BookingWithdrawn | ProofGiven
) -> list[str]:
    """The account of who asked; what an agent did for a family is said to the family."""
    await notify.towns.need(envelope.town)
    await notify.directory.need_family(event.family)
    if event.channel == "online":
        await notify.directory.need_contact(envelope.town, event.account)
        return [event.account]
    linked = await notify.directory.contacts_of(envelope.town, [event.family])
    return [contact.account for contact in linked]


async def write_invoice(notify: Notify, envelope: Envelope, event: InvoiceIssued) -> None:
    """The mail that says an invoice is ready, to each account of the invoiced guardian; a letter to
    print for a family that gets paper. None for what is paid at booking: the basket asks for it
    there and then."""
    if event.invoice_kind == "booking" and event.to_pay_cents:
        return
    await notify.towns.need(envelope.town)
    accounts: list[str] = []
    if event.delivery == "online":
        accounts = await _accounts_of(notify, envelope.town, event.family, event.guardian)
    await to_accounts(notify, envelope, "invoice", event.family, event, accounts)


async def write_receipt(notify: Notify, envelope: Envelope, event: PaymentReceived) -> None:
    """The mail that says a payment came in, to each account of who paid; nobody else's affair."""
    await notify.towns.need(envelope.town)
    if event.payer is None:
        return
    if accounts := await _accounts_of(notify, envelope.town, event.family, event.payer):
        await to_accounts(notify, envelope, "payment", event.family, event, accounts)


async def write_direct_debit(notify: Notify, envelope: Envelope, event: DirectDebitChanged) -> None:
    """The mail that says what became of a direct debit, to each account of whose account it is."""
    await notify.towns.need(envelope.town)
    accounts = await _accounts_of(notify, envelope.town, event.family, event.guardian)
    await to_accounts(notify, envelope, "direct-debit", event.family, event, accounts)


async def write_debit(notify: Notify, envelope: Envelope, event: DebitChanged) -> None:
    """The mail that announces what will be collected, or says that it was not, likewise."""
    await notify.towns.need(envelope.town)
    accounts = await _accounts_of(notify, envelope.town, event.family, event.guardian)
    await to_accounts(notify, envelope, "debit", event.family, event, accounts)


async def _accounts_of(notify: Notify, town: str, family: str, guardian: str) -> list[str]:
    linked = await notify.directory.contacts_of(town, [family])
    return [contact.account for contact in linked if contact.families[family] == guardian]


async def to_accounts(
    notify: Notify,
    envelope: Envelope,
    kind: str,
    family: str,
    event: Event,
    accounts: Sequence[str],
) -> None:
    """One mail to each; a letter to print when there is nobody to write to."""
    nobody: list[str | None] = [None]
    for account in [*accounts] or nobody:
        await notify.mails.intend(
            new_mail(
                derived_id("mail", envelope.id, account or ""), envelope.town, kind,
                notify.clock.machine(), account=account, family=family,
                data=event.model_dump(mode="json"),
            )
        )  # fmt: skip


async def hear_outcomes(
    notify: Notify, envelope: Envelope, event: BookingAccepted | BookingRefused
) -> None:
    """Store each line's outcome; a town may ask that some be told at once, or left out."""
    town = await notify.towns.need(envelope.town)
    await notify.directory.need_family(event.family)
    accepted = isinstance(event, BookingAccepted)
    soon, accounts = [], []
    if town.file.digest.immediate_mail:
        soon = await _told_at_once(notify, town, event)
        accounts = await _readers(notify, envelope.town, event, soon) if soon else []
    left_out = accepted and town.file.digest.leave_out_receipted
    documents: list[Document] = []
    for line in event.lines:
        document: Document = {
            "_id": f"{envelope.id}-{line.line}", "town": envelope.town, "family": event.family,
            "account": event.account, "request": event.request, "number": event.number,
            "requested_at": event.requested_at, "line": line.line, "child": line.child,
            "activity": line.activity, "date": line.date.isoformat(), "units": list(line.units),
            "starts": _clock(line.starts), "ends": _clock(line.ends), "kind": line.kind,
            "effect": shown_effect(line.effect, line.give_back),
            "answer": line.answer.label if line.answer else None,
            "accepted": accepted, "decided_at": event.decided_at,
            "reason": line.reason.text if line.reason else None, "agent": event.agent,
            "batch": event.batch,
            "replaces_at": line.replaces.decided_at if line.replaces else None,
            "told": line.line in soon and bool(accounts),
        }  # fmt: skip
        document = {key: value for key, value in document.items() if value is not None}
        if not (left_out and line.receipted):
            document["open"] = True
        documents.append(document)
    await notify.digests.store_outcomes(documents)
    told = [document["_id"] for document in documents if document["told"]]
    for account in accounts:
        await notify.mails.intend(
            new_mail(
                derived_id("mail", envelope.id, account), envelope.town, "outcome",
                notify.clock.machine(), account=account, family=event.family, outcomes=told,
            )
        )  # fmt: skip


def _clock(value: time | None) -> str | None:
    return value.isoformat("minutes") if value else None


async def _readers(
    notify: Notify, town: str, event: BookingAccepted | BookingRefused, lines: Sequence[str]
) -> list[str]:
    """The adults whom the digest will tell of these lines too."""
    about = {
        "family": event.family, "accounts": [event.account],
        "children": [line.child for line in event.lines if line.line in lines],
    }  # fmt: skip
    linked = await notify.directory.contacts_of(town, [event.family])
    return recipients(about, linked, await notify.directory.families([event.family]))


async def _told_at_once(
    notify: Notify, town: Town, event: BookingAccepted | BookingRefused
) -> list[str]:
    """The lines whose day comes before the next digest would."""
    known = await notify.digests.cut_offs(town.file.town)
    if known is None:
        raise MissingCopy(f"towns/{town.file.town}")
    zone = ZoneInfo(town.file.time_zone)
    digest_at: datetime = next_boundary(timeline_of(known), zone, event.decided_at)
    last_day = digest_at.astimezone(zone).date()
    return [line.line for line in event.lines if line.date <= last_day and not line.receipted]
