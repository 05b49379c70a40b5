"""Invoices, their payment on PayFiP, and the online invoice."""

from __future__ import annotations

import asyncio

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.people import elsewhere
from services.portal.web import Page, Visit, Who, quoted


async def _awaited(visit: Visit) -> dict[str, str]:
    """The payments whose result PayFiP has not told yet, by the invoices they are for."""
    payments = await visit.get("billing/payments", family=visit.household, limit=50)
    return {
        part["invoice"]: one["payment"]
        for one in payments["items"] if one["awaited"] for part in one["invoices"]
    }  # fmt: skip


async def _invoices(visit: Visit) -> web.Response:
    tab = "archivees" if visit.query.get("onglet") == "archivees" else "en-cours"
    state = "open" if tab == "en-cours" else "archived"
    page, means, awaited = await asyncio.gather(
        visit.get(
            "billing/invoices",
            family=visit.household,
            state=state,
            limit=50,
            after=visit.query.get("apres"),
        ),
        visit.get("billing/payment-means"),
        _awaited(visit),
    )
    return visit.show(
        "invoices.html", invoices=page["items"], next=page["next"], tab=tab,
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
    me = await visit.get("identity/me")
    invoices = visit.form.all("invoices")
    email = visit.form.get("email") or me["email"]
    if not email:
        detail = "Indiquez une adresse électronique : PayFiP vous y envoie son reçu."
        raise Problem(422, {"code": "invalid-input", "field": "/email", "detail": detail})
    body = {"invoices": invoices, "email": email}
    payment = await visit.send("POST", "billing/payments", body)
    return visit.go("/factures/paiement", payment=payment["payment"])


async def _payment(visit: Visit) -> web.Response:
    """Where a payment stands: the way to PayFiP, or what came of it."""
    payment = await visit.get(f"billing/payments/{quoted(visit.query.get('payment', ''))}")
    return visit.show("payment.html", payment=payment)


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
    # PayFiP leads back to it, whichever household the payment was for.
    Page("/factures/paiement", _payment, None, Who.ACCOUNT),
    Page("/factures/{invoice}", _invoice),
    Page("/factures/{invoice}/document.pdf", _document),
    Page("/facture-en-ligne", _online),
    Page("/facture-en-ligne/etape-2", _online, _online_recap),
    Page("/facture-en-ligne/valider", _online, _online_choice),
)
