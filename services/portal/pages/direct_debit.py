"""Direct debit: asked for and left in two steps, like the online invoice."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.web import Page, Visit


async def _family(visit: Visit) -> str:
    return str((await visit.households())[0]["family"])


async def _choice(visit: Visit) -> web.Response:
    debit = await visit.get("billing/direct-debit", family=await _family(visit))
    return visit.show("direct-debit.html", debit=debit, step=visit.query.get("etape", ""))


async def _recap(visit: Visit) -> web.Response:
    """Step 2: what the choice would mean, and the account where there is to be one."""
    body = {
        "family": await _family(visit), "direct_debit": visit.form.get("direct_debit") == "oui",
    }  # fmt: skip
    recap = await visit.portal.gateway.send(
        visit.caller, "POST", "billing/direct-debit/recaps", body
    )
    return visit.show("direct-debit-recap.html", recap=recap)


async def _confirm(visit: Visit) -> web.Response:
    family = await _family(visit)
    if visit.form.get("direct_debit") != "oui":
        await visit.send("POST", "billing/direct-debit/revocations", {"family": family})
        return visit.go("/prelevement", message="prelevement-quitte")
    if visit.form.get("agreed") != "oui":
        detail = "Cochez la case : sans votre accord, rien n'est prélevé."
        raise Problem(422, {"code": "not-agreed", "field": "/agreed", "detail": detail})
    body: dict[str, Any] = {
        "family": family, "iban": visit.form.get("iban"), "holder": visit.form.get("holder"),
        "agreed": True, "agreed_on": str(visit.today), "counts_from": visit.form.get("counts_from"),
    }  # fmt: skip
    if bic := visit.form.get("bic"):
        body["bic"] = bic
    await visit.send("POST", "billing/direct-debit/requests", body)
    return visit.go("/prelevement", message="prelevement-demande")


async def _mandate(visit: Visit) -> web.Response:
    family = await _family(visit)
    path = "billing/direct-debit/mandate.pdf"
    return visit.hand(await visit.file(path, family=family))


PAGES = (
    Page("/prelevement", _choice),
    Page("/prelevement/etape-2", _choice, _recap),
    Page("/prelevement/valider", _recap, _confirm),
    Page("/prelevement/mandat.pdf", _mandate),
)
