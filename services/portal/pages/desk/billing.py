"""Drafts of a month, read, corrected and issued; payments; what no rule settles; transfers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.desk.common import (
    MONEY,
    READERS,
    ROWS,
    desk_page,
    done,
    has,
    names_of,
    show,
)
from services.portal.web import Visit, quoted

_AMOUNT = re.compile(r"([-−]?)(\d{1,6})(?:[.,](\d{1,2}))?")
#: What PayFiP may still be asked about.
_UNFINISHED = frozenset({"created", "redirected", "pending", "undetermined"})


async def _drafts(visit: Visit) -> web.Response:
    month = _month(visit)
    drafts, runs = await asyncio.gather(
        visit.get(
            "billing/invoice-drafts", month=month, limit=ROWS, after=visit.query.get("apres")
        ),
        visit.get("billing/invoice-runs"),
    )
    names = await names_of(visit, (one["family"] for one in drafts["items"]))
    return show(
        visit, "drafts", month=month, drafts=drafts["items"], next=drafts["next"], names=names,
        so_far=drafts["so_far"], runs=runs["runs"],
    )  # fmt: skip


def _month(visit: Visit) -> str:
    """The month asked for, or the one that is over."""
    asked = visit.form.get("month") or visit.query.get("mois", "")
    if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", asked):
        return asked
    over: date = visit.today.replace(day=1) - timedelta(days=1)
    return f"{over:%Y-%m}"


async def _draft(visit: Visit) -> web.Response:
    """Draft the month, or replay it from what is known now."""
    month = _month(visit)

    async def goes_on() -> bool:
        found = await visit.get("billing/invoice-drafts", month=month, limit=1)
        return found["so_far"] is not None

    done = await _sent_off(visit, "billing/invoice-drafts", month, goes_on)
    if not done:
        return visit.go("/agents/facturation", mois=month)
    made = await visit.get("billing/invoice-drafts", month=month, limit=1)
    result = "drafted.1" if made["items"] else "nothing-drafted.1"
    return visit.go("/agents/facturation", mois=month, bilan=result)


async def _issue(visit: Visit) -> web.Response:
    month = _month(visit)

    async def goes_on() -> bool:
        runs = (await visit.get("billing/invoice-runs"))["runs"]
        return any(one["month"] == month and not one["finished"] for one in runs)

    await _sent_off(visit, "billing/invoice-runs", month, goes_on)
    return visit.go("/agents/facturation", mois=month, bilan="issued.1")


async def _sent_off(
    visit: Visit, path: str, month: str, goes_on: Callable[[], Awaitable[bool]]
) -> bool:
    """Whether what was asked for a month is done; a long one goes on when nobody waits for it any
    more, and the page says how far it is."""
    try:
        await visit.send("POST", path, {"month": month})
    except Problem as problem:
        if problem.code != "service-unavailable" or not await goes_on():
            raise
        return False
    return True


async def _correct(visit: Visit) -> web.Response:
    draft = quoted(visit.request.match_info["draft"])
    body = {
        "line": visit.form.get("line"), "cents": _cents(visit, "amount"),
        "reason": visit.form.get("reason"),
    }  # fmt: skip
    await visit.send("POST", f"billing/invoice-drafts/{draft}/corrections", body)
    return visit.go("/agents/facturation", mois=_month(visit), bilan="corrected.1")


def _cents(visit: Visit, name: str) -> int:
    """The amount in a field, in cents. Raises ``Problem``."""
    if (cents := cents_written(visit.form.get(name))) is None:
        detail = "Écrivez un montant en euros : 12,50."
        raise Problem(422, {"code": "invalid-input", "field": f"/{name}", "detail": detail})
    return cents


def cents_written(text: str) -> int | None:
    """An amount as people write it, or copy it from a page with its narrow spaces, in cents;
    nothing where it is none."""
    found = _AMOUNT.fullmatch("".join(text.split()).removesuffix("€"))
    if found is None:
        return None
    sign, whole, rest = found.groups()
    cents = int(whole) * 100 + int((rest or "0").ljust(2, "0"))
    return -cents if sign else cents


async def _tasks(visit: Visit) -> web.Response:
    state = "done" if visit.query.get("etat") == "done" else "open"
    found = await visit.get(
        "billing/tasks", state=state, limit=ROWS, after=visit.query.get("apres")
    )
    names = await names_of(visit, (one["family"] for one in found["items"]))
    return show(
        visit, "tasks", items=found["items"], next=found["next"], names=names, state_asked=state
    )


async def _complete(visit: Visit) -> web.Response:
    task = quoted(visit.request.match_info["task"])
    await visit.send("POST", f"billing/tasks/{task}/completions", {"note": visit.form.get("note")})
    return done(visit, "/agents/facturation/affaires", ["seen-to"])


async def _payments(visit: Visit) -> web.Response:
    found = await visit.get(
        "billing/office/payments", limit=ROWS, after=visit.query.get("apres"),
        state=visit.query.get("etat") or None, family=visit.query.get("famille") or None,
    )  # fmt: skip
    names = await names_of(
        visit, [visit.query.get("famille"), *(one["family"] for one in found["items"])]
    )
    return show(
        visit, "payments", items=found["items"], next=found["next"], names=names,
        state_asked=visit.query.get("etat", ""), unfinished=_UNFINISHED,
        family_asked=visit.query.get("famille", ""),
    )  # fmt: skip


async def _reverse(visit: Visit) -> web.Response:
    """A payment that did not hold is undone by another entry, never deleted."""
    payment = quoted(visit.request.match_info["payment"])
    body = {"reason": visit.form.get("reason")}
    await visit.send("POST", f"billing/office/payments/{payment}/reversals", body)
    return done(visit, "/agents/paiements", ["reversed"])


async def _check(visit: Visit) -> web.Response:
    payment = quoted(visit.request.match_info["payment"])
    await visit.send("POST", f"billing/office/payments/{payment}/checks")
    return done(visit, "/agents/paiements", ["checked"])


async def _of_family(visit: Visit) -> web.Response:
    wanted = quoted(visit.request.match_info["family"])
    money = has(visit, MONEY)
    invoices, names, family = await asyncio.gather(
        visit.get(
            "billing/invoices", family=wanted, limit=ROWS, after=visit.query.get("apres")
        ),
        names_of(visit, [wanted]),
        _record(visit, wanted),
    )  # fmt: skip
    account: dict[str, Any] | None = None
    means: dict[str, Any] = {"means": []}
    if money:
        account, means = await asyncio.gather(
            visit.get(f"billing/accounts/{wanted}"), visit.get("billing/payment-means")
        )
    return show(
        visit, "family-invoices", wanted=wanted, family=family, names=names,
        items=invoices["items"],
        next=invoices["next"], account=account,
        means=[one for one in means["means"] if one["means"] != "payfip"],
    )  # fmt: skip


async def _record(visit: Visit, family: str) -> dict[str, Any] | None:
    """The record, for whom its other pages are too; the collection office sees what it collects."""
    if not has(visit, READERS):
        return None
    found: dict[str, Any] = await visit.get(f"family/families/{family}")
    return found


async def _enter(visit: Visit) -> web.Response:
    """What was handed over at the desk, for the invoices that are ticked."""
    wanted = quoted(visit.request.match_info["family"])
    body: dict[str, Any] = {
        "family": wanted, "invoices": [one for one in visit.form.all("invoices") if one],
        "means": visit.form.get("means"), "cents": _cents(visit, "amount"),
    }  # fmt: skip
    for name in ("payer", "reference"):
        if given := visit.form.get(name):
            body[name] = given
    await visit.send("POST", "billing/office/payments", body)
    return done(visit, f"/agents/familles/{wanted}/factures", ["entered"])


async def _credit(visit: Visit) -> web.Response:
    """Credit that the town gives, with its reason."""
    wanted = quoted(visit.request.match_info["family"])
    body = {"cents": _cents(visit, "credit"), "reason": visit.form.get("reason")}
    await visit.send("POST", f"billing/accounts/{wanted}/credits", body)
    return done(visit, f"/agents/familles/{wanted}/factures", ["credited"])


async def _refund(visit: Visit) -> web.Response:
    """Credit given back by transfer, which the Treasury makes."""
    wanted = quoted(visit.request.match_info["family"])
    body = {"cents": _cents(visit, "refund"), "payment": visit.form.get("credit-of") or None}
    await visit.send("POST", f"billing/accounts/{wanted}/refunds", body)
    return done(visit, f"/agents/familles/{wanted}/factures", ["to-transfer"])


async def _document(visit: Visit) -> web.Response:
    invoice = quoted(visit.request.match_info["invoice"])
    return visit.hand(await visit.file(f"billing/invoices/{invoice}/document.pdf"), inline=True)


async def _transfers(visit: Visit) -> web.Response:
    found = await visit.get("billing/transfers", limit=ROWS, after=visit.query.get("apres"))
    names = await names_of(visit, (one["family"] for one in found["items"]))
    return show(visit, "transfers", items=found["items"], next=found["next"], names=names)


async def _sent(visit: Visit) -> web.Response:
    family, transfer = (quoted(visit.request.match_info[one]) for one in ("family", "transfer"))
    await visit.send("POST", f"billing/accounts/{family}/transfers/{transfer}/sent")
    return done(visit, "/agents/virements", ["handed-over"])


PAGES = (
    desk_page("/facturation", _drafts, _draft),
    desk_page("/facturation/emission", _drafts, _issue),
    desk_page("/facturation/brouillons/{draft}", _drafts, _correct, cents="amount"),
    desk_page("/facturation/affaires", _tasks),
    desk_page("/facturation/affaires/{task}", _tasks, _complete),
    desk_page("/paiements", _payments),
    desk_page("/paiements/{payment}/annulation", _payments, _reverse),
    desk_page("/paiements/{payment}/verification", _payments, _check),
    desk_page("/familles/{family}/factures", _of_family, _enter, cents="amount"),
    desk_page("/familles/{family}/avoirs", _of_family, _credit, cents="credit"),
    desk_page("/familles/{family}/remboursements", _of_family, _refund, cents="refund"),
    desk_page("/factures/{invoice}", _document),
    desk_page("/virements", _transfers),
    desk_page("/virements/{family}/{transfer}", _transfers, _sent),
)
