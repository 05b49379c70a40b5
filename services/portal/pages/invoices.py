"""Invoices, their payment on PayFiP, and the online invoice."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from services.portal.gateway import PAUSES, Problem
from services.portal.pages.people import elsewhere
from services.portal.web import Page, Visit, Who, quoted


async def _awaited(visit: Visit) -> dict[str, str]:
    """The payments whose result PayFiP has not told yet, by the invoices they are for."""
    payments = await visit.get("billing/payments", family=visit.household, limit=50)
    return {
        part["invoice"]: one["payment"]
        for one in payments["items"] if one["awaited"] for part in one["invoices"]
    }  # fmt: skip


async def credit_of(visit: Visit, family: str) -> int:
    """What the family is owed, in cents: its next invoice is settled with it first."""
    try:
        account = await visit.get(f"billing/accounts/{quoted(family)}")
    except Problem as problem:
        if problem.status != 404:
            raise
        return 0
    return max(int(account["credit_cents"]), 0)


async def _invoices(visit: Visit) -> web.Response:
    tab = "archivees" if visit.query.get("onglet") == "archivees" else "en-cours"
    state = "open" if tab == "en-cours" else "archived"
    (household, *_) = await visit.households()
    page, means, awaited, credit = await asyncio.gather(
        visit.get(
            "billing/invoices",
            family=visit.household,
            state=state,
            limit=50,
            after=visit.query.get("apres"),
        ),
        visit.get("billing/payment-means"),
        _awaited(visit),
        credit_of(visit, household["family"]),
    )
    return visit.show(
        "invoices.html", credit=credit, invoices=page["items"], next=page["next"], tab=tab,
        on_line=any(one["means"] == "payfip" for one in means["means"]), means=means,
        awaited=awaited,
    )  # fmt: skip


async def _invoice(visit: Visit) -> web.Response:
    invoice = quoted(visit.request.match_info["invoice"])
    content, means, awaited = await asyncio.gather(
        visit.get(f"billing/invoices/{invoice}"),
        visit.get("billing/payment-means"),
        _awaited(visit),
    )
    on_line = any(one["means"] == "payfip" for one in means["means"])
    return elsewhere(visit, content["family"]) or visit.show(
        "invoice.html", invoice=content, on_line=on_line, awaited=awaited.get(content["invoice"])
    )


async def _document(visit: Visit) -> web.Response:
    invoice = quoted(visit.request.match_info["invoice"])
    path = f"billing/invoices/{invoice}/document.pdf"
    return visit.hand(await visit.file(path))


async def _pay(visit: Visit) -> web.Response:
    """Start a payment; its own page leads on, whatever becomes of windows."""
    invoices = visit.form.all("invoices")
    if not invoices:
        detail = "Cochez au moins une facture."
        raise Problem(422, {"code": "nothing-ticked", "detail": detail})
    payment = await _begin(visit, invoices)
    return visit.go("/factures/paiement", payment=payment)


async def _begin(visit: Visit, invoices: list[str]) -> str:
    """A payment of these invoices; its id."""
    email = visit.form.get("email") or (await visit.get("identity/me"))["email"]
    if not email:
        detail = "Indiquez une adresse électronique : PayFiP vous y envoie son reçu."
        raise Problem(422, {"code": "invalid-input", "field": "/email", "detail": detail})
    body = {"invoices": invoices, "email": email}
    return str((await visit.send("POST", "billing/payments", body, once="payment"))["payment"])


async def pay_at_once(visit: Visit, request: str) -> web.Response:
    """From a basket that was just validated on to PayFiP, by itself; whatever hinders that is said
    by the page where the places held are paid."""
    for pause in (*PAUSES, None):
        try:
            if (invoice := await _invoice_of(visit, request)) is not None:
                return await _pay_it(visit, request, invoice)
        except Problem:
            break
        if pause is not None:
            await asyncio.sleep(pause)
    return visit.go(f"/demandes/{request}/paiement")


async def _invoice_of(visit: Visit, request: str) -> dict[str, Any] | None:
    """What a request paid at booking is billed by, once billing has heard of it."""
    page = await visit.get("billing/invoices", family=visit.household, limit=50)
    its = [
        one for one in page["items"]
        if one["request"] == request and one["kind"] != "credit_note"
    ]  # fmt: skip
    return next((one for one in its if one["unpaid_cents"]), next(iter(its), None))


async def _pay_it(visit: Visit, request: str, invoice: dict[str, Any]) -> web.Response:
    if not invoice["unpaid_cents"]:
        paid = invoice["state"] in ("settled", "carried")
        return visit.go(f"/demandes/{request}", message="demande-reglee" if paid else None)
    awaited = (await _awaited(visit)).get(invoice["invoice"])
    if awaited is not None:
        return visit.go("/factures/paiement", payment=awaited)
    payment = await _begin(visit, [invoice["invoice"]])
    return visit.go("/factures/paiement", payment=payment, aller="oui")


async def _hold(visit: Visit) -> web.Response:
    """Places that are held until they are paid, and what there is to pay."""
    request = quoted(visit.request.match_info["request"])
    booking, invoice, means, me = await asyncio.gather(
        visit.get(f"booking/requests/{request}"), _invoice_of(visit, request),
        visit.get("billing/payment-means"), visit.get("identity/me"),
    )  # fmt: skip
    until = [one["pay_until"] for one in booking["lines"] if one["state"] == "to_pay"]
    if not until:
        return visit.go(f"/demandes/{request}")
    return elsewhere(visit, booking["family"]) or visit.show(
        "hold.html", wanted=request, invoice=invoice, until=min(until), means=means, me=me,
        on_line=any(one["means"] == "payfip" for one in means["means"]),
    )  # fmt: skip


async def _pay_hold(visit: Visit) -> web.Response:
    request = quoted(visit.request.match_info["request"])
    invoice = await _invoice_of(visit, request)
    if invoice is None:
        return visit.go(f"/demandes/{request}/paiement")
    return await _pay_it(visit, request, invoice)


async def _payment(visit: Visit) -> web.Response:
    """Where a payment stands: the way to PayFiP, or what came of it. Who has just validated a
    basket is led on."""
    wanted = visit.query.get("payment", "")
    if not wanted:
        return visit.go("/factures")
    payment = await visit.get(f"billing/payments/{quoted(wanted)}")
    leads_on = payment["page"] if visit.query.get("aller") and not payment["awaited"] else None
    return visit.show("payment.html", payment=payment, leads_on=leads_on)


async def _online(visit: Visit) -> web.Response:
    family = (await visit.households())[0]["family"]
    choice = await visit.get("billing/online-invoice", family=family)
    return visit.show("online-invoice.html", choice=choice, step=visit.query.get("etape", ""))


async def _online_recap(visit: Visit) -> web.Response:
    family = (await visit.households())[0]["family"]
    body = {
        "family": family, "online": visit.form.get("online") == "oui",
    }  # fmt: skip
    recap = await visit.portal.gateway.send(
        visit.caller, "POST", "billing/online-invoice/recaps", body
    )
    return visit.show("online-invoice-recap.html", recap=recap)


async def _online_choice(visit: Visit) -> web.Response:
    family = (await visit.households())[0]["family"]
    body = {
        "family": family, "online": visit.form.get("online") == "oui",
        "counts_from": visit.form.get("counts_from"),
    }  # fmt: skip
    await visit.send("POST", "billing/online-invoice/choices", body)
    return visit.go("/facture-en-ligne", message="facture-en-ligne")


PAGES = (
    Page("/factures", _invoices),
    Page("/factures/payer", _invoices, _pay),
    Page("/demandes/{request}/paiement", _hold, _pay_hold),
    # PayFiP leads back to it, whichever household the payment was for.
    Page("/factures/paiement", _payment, None, Who.ACCOUNT),
    Page("/factures/{invoice}", _invoice),
    Page("/factures/{invoice}/document.pdf", _document),
    Page("/facture-en-ligne", _online),
    Page("/facture-en-ligne/etape-2", _online, _online_recap),
    Page("/facture-en-ligne/valider", _online, _online_choice),
)
