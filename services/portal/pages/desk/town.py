"""The town: activities and their calendars, news, published documents, mails, audit, agents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.desk.audited import told
from services.portal.pages.desk.common import OFFICE, ROWS, desk_page, done, has, names_of, show
from services.portal.web import Visit, quoted
from shared.roles import CARDS, ROLES

_AUDITED = ("identity", "family", "booking", "billing", "notify")
_FORTNIGHT, _TWO_MONTHS = timedelta(days=13), timedelta(days=61)


async def _activities(visit: Visit) -> web.Response:
    """What the town offers: the places of the coming two weeks, and when it opens and closes in the
    two months to come."""
    first, last = visit.today, visit.today + _TWO_MONTHS
    found = await visit.get("booking/activities", first=first, last=last)
    calendars = {one["id"]: calendar_of(one["days"]) for one in found["items"]}
    return show(
        visit, "activities", items=found["items"], version=found["version"], calendars=calendars,
        last=last, fortnight=(first + _FORTNIGHT).isoformat(),
    )  # fmt: skip


def calendar_of(
    days: Sequence[Mapping[str, Any]],
) -> tuple[list[int], list[tuple[str, str, str]]]:
    """On which weekdays these days are ever open (Monday is 0); and of those weekdays, why they are
    closed, from which day to which."""
    weekday = {one["date"]: date.fromisoformat(one["date"]).weekday() for one in days}
    ever = {weekday[one["date"]] for one in days if one["closed"] is None}
    served = [one for one in days if weekday[one["date"]] in ever]
    runs = [
        (reason, [one["date"] for one in run])
        for reason, run in groupby(served, lambda one: one["closed"])
    ]
    return sorted(ever), [(reason, run[0], run[-1]) for reason, run in runs if reason]


async def _news(visit: Visit) -> web.Response:
    news, documents = await asyncio.gather(
        visit.get("family/news", all=True, limit=ROWS, after=visit.query.get("apres")),
        visit.get("family/published-documents"),
    )
    return show(
        visit, "news", items=news["items"], next=news["next"], documents=documents["items"],
        may_write=has(visit, OFFICE),
    )  # fmt: skip


async def _write(visit: Visit) -> web.Response:
    body = {
        "title": visit.form.get("title"), "text": visit.form.get("text"),
        "audience": visit.form.get("audience") or "families", "files": await visit.send_files(),
    }  # fmt: skip
    await visit.send("POST", "family/news", body)
    return done(visit, "/agents/actualites", ["published"])


async def _item(visit: Visit) -> web.Response:
    found = await visit.get(f"family/news/{quoted(visit.request.match_info['item'])}")
    return show(visit, "news-item", one=found)


async def _rewrite(visit: Visit) -> web.Response:
    """The item written anew; its dates and whom it is for stay, and the files that are ticked."""
    item = quoted(visit.request.match_info["item"])
    known = await visit.get(f"family/news/{item}")
    body = {name: known[name] for name in ("starts", "ends", "schools", "sites")} | {
        "title": visit.form.get("title"), "text": visit.form.get("text"),
        "audience": visit.form.get("audience"),
        "files": [*visit.form.all("kept"), *await visit.send_files()],
    }  # fmt: skip
    await visit.send("PUT", f"family/news/{item}", body)
    return done(visit, "/agents/actualites", ["rewritten"])


async def _published(visit: Visit) -> web.Response:
    wanted = visit.request.match_info["document"]
    documents = (await visit.get("family/published-documents"))["items"]
    found = next((one for one in documents if one["document"] == wanted), None)
    if found is None:
        raise Problem(404, {"code": "not-found", "detail": "Ce document n'est plus publié."})
    return show(visit, "published", one=found)


async def _replace(visit: Visit) -> web.Response:
    """Another file, or another title, under the same address."""
    document = quoted(visit.request.match_info["document"])
    body = {
        "heading": visit.form.get("heading"), "title": visit.form.get("document_title"),
        "file": next(iter(await visit.send_files()), visit.form.get("kept")),
    }  # fmt: skip
    await visit.send("PUT", f"family/published-documents/{document}", body)
    return done(visit, "/agents/actualites", ["rewritten"])


async def _take_away(visit: Visit) -> web.Response:
    await visit.send("DELETE", f"family/news/{quoted(visit.request.match_info['item'])}")
    return done(visit, "/agents/actualites", ["taken-away"])


async def _publish(visit: Visit) -> web.Response:
    files = await visit.send_files()
    if not files:
        raise Problem(422, {"code": "file-missing", "detail": "Choisissez un fichier à publier."})
    body = {
        "heading": visit.form.get("heading"), "title": visit.form.get("document_title"),
        "file": files[0],
    }  # fmt: skip
    await visit.send("POST", "family/published-documents", body)
    return done(visit, "/agents/actualites", ["published"])


async def _unpublish(visit: Visit) -> web.Response:
    document = quoted(visit.request.match_info["document"])
    await visit.send("DELETE", f"family/published-documents/{document}")
    return done(visit, "/agents/actualites", ["taken-away"])


async def _mails(visit: Visit) -> web.Response:
    found = await visit.get(
        "notify/mails", limit=ROWS, after=visit.query.get("apres"),
        state=visit.query.get("etat") or None,
    )  # fmt: skip
    names = await names_of(visit, (one["family"] for one in found["items"]))
    return show(
        visit, "mails", items=found["items"], next=found["next"], names=names,
        may_print=has(visit, OFFICE), state_asked=visit.query.get("etat", ""),
    )  # fmt: skip


async def _mail(visit: Visit) -> web.Response:
    """A mail for somebody without an address, as a letter: the browser prints it."""
    mail = quoted(visit.request.match_info["mail"])
    found = await visit.get(f"notify/mails/{mail}/letter")
    return show(visit, "mail", one=found)


async def _audit(visit: Visit) -> web.Response:
    service = visit.query.get("service", "family")
    service = service if service in _AUDITED else "family"
    found, agents = await asyncio.gather(
        visit.get(
            f"{service}/audit", limit=ROWS, after=visit.query.get("apres"),
            account=visit.query.get("agent") or None, family=visit.query.get("famille") or None,
        ),
        visit.get("identity/agents", limit=100),
    )  # fmt: skip
    names = await names_of(
        visit, (one for entry in found["items"] for one in entry["families"][:5])
    )
    return show(
        visit, "audit", names=names, told=told, items=found["items"], next=found["next"],
        service=service, services=_AUDITED, agents=agents["items"],
        agent_asked=visit.query.get("agent", ""),
        who={one["account"]: f"{one['first_name']} {one['last_name']}" for one in agents["items"]},
    )  # fmt: skip


async def _agents(visit: Visit) -> web.Response:
    found = await visit.get("identity/agents", limit=ROWS, after=visit.query.get("apres"))
    return show(visit, "agents", items=found["items"], next=found["next"], roles=ROLES, cards=CARDS)


async def _invite(visit: Visit) -> web.Response:
    body: dict[str, Any] = {
        name: visit.form.get(name) for name in ("email", "first_name", "last_name", "login_name")
    }
    await visit.send("POST", "identity/agents", body | _powers(visit))
    return done(visit, "/agents/comptes", ["invited"])


def _powers(visit: Visit) -> dict[str, Any]:
    """Roles, sites (one a line) and last day, as a form gives them."""
    powers: dict[str, Any] = {"roles": [one for one in visit.form.all("roles") if one]}
    if sites := [one.strip() for one in visit.form.get("sites").splitlines() if one.strip()]:
        powers["sites"] = sites
    if until := visit.form.get("until"):
        powers["until"] = until
    return powers


async def _agent(visit: Visit) -> web.Response:
    account = quoted(visit.request.match_info["account"])
    found = await visit.get(f"identity/agents/{account}")
    return show(visit, "agent", one=found, roles=ROLES, cards=CARDS)


async def _change(visit: Visit) -> web.Response:
    account = quoted(visit.request.match_info["account"])
    body = _powers(visit) | {"suspended": bool(visit.form.get("suspended"))}
    await visit.send("PUT", f"identity/agents/{account}", body)
    return done(visit, f"/agents/comptes/{account}", ["changed"])


async def _again(visit: Visit) -> web.Response:
    account = quoted(visit.request.match_info["account"])
    await visit.send("POST", f"identity/agents/{account}/invitations")
    return done(visit, f"/agents/comptes/{account}", ["invited"])


async def _reset(visit: Visit) -> web.Response:
    account = quoted(visit.request.match_info["account"])
    await visit.send("DELETE", f"identity/agents/{account}/second-factor")
    return done(visit, f"/agents/comptes/{account}", ["factor-reset"])


PAGES = (
    desk_page("/activites", _activities),
    desk_page("/actualites", _news, _write),
    desk_page("/actualites/{item}", _item, _rewrite),
    desk_page("/actualites/{item}/retrait", _news, _take_away),
    desk_page("/publications", _news, _publish, title="document_title"),
    desk_page("/publications/{document}", _published, _replace, title="document_title"),
    desk_page("/publications/{document}/retrait", _news, _unpublish),
    desk_page("/courriels", _mails),
    desk_page("/courriels/{mail}", _mail),
    desk_page("/journal", _audit),
    desk_page("/comptes", _agents, _invite),
    desk_page("/comptes/{account}", _agent, _change),
    desk_page("/comptes/{account}/invitation", _agent, _again),
    desk_page("/comptes/{account}/second-facteur", _agent, _reset),
)
