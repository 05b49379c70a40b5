"""The town's front door, and the family's home in the guides' zones."""

from __future__ import annotations

import asyncio

from aiohttp import web

from services.portal.pages.people import people_of
from services.portal.web import Page, Visit, Who, quoted


async def _home(visit: Visit) -> web.Response:
    if visit.session is None:
        documents = await visit.get("family/published-documents")
        return visit.show("welcome.html", documents=documents["items"])
    if visit.roles and not visit.families:
        return visit.go("/agents")
    if not visit.families:
        return await _home_of_one(visit)
    if visit.household is None and len(visit.families) > 1:
        return visit.go("/foyers")
    me, people, counters, feed, letters, news, invoices, notice = await asyncio.gather(
        visit.get("identity/me"),
        people_of(visit),
        visit.get("family/feed-counters", family=visit.household),
        visit.get("family/feed", family=visit.household, limit=3),
        visit.get("family/letters", family=visit.household, limit=50),
        visit.get("family/news", limit=3),
        visit.get("billing/invoices", family=visit.household, state="open", limit=20),
        visit.get("identity/notice"),
    )
    return visit.show(
        "home.html", me=me, people=people, household=people.household, counters=counters,
        latest=feed["items"], to_read=[one for one in letters["items"] if one["unread"]],
        news=news["items"], to_pay=invoices["items"],
        notice=None if notice["read_at"] else notice["notice"],
    )  # fmt: skip


async def _home_of_one(visit: Visit) -> web.Response:
    """What there is for who is linked to no family yet."""
    me, news, documents, notice = await asyncio.gather(
        visit.get("identity/me"),
        visit.get("family/news", limit=3),
        visit.get("family/published-documents"),
        visit.get("identity/notice"),
    )
    return visit.show(
        "home-of-one.html", me=me, news=news["items"], documents=documents["items"],
        notice=None if notice["read_at"] else notice["notice"],
    )  # fmt: skip


async def _notice_read(visit: Visit) -> web.Response:
    await visit.send("POST", "identity/notice-readings", {"version": visit.form.get("version")})
    return visit.go()


async def _news_item(visit: Visit) -> web.Response:
    item = await visit.get(f"family/news/{quoted(visit.request.match_info['item'])}")
    return visit.show("news-item.html", item=item)


async def _news_file(visit: Visit) -> web.Response:
    item, file = (quoted(visit.request.match_info[name]) for name in ("item", "file"))
    return visit.hand(await visit.file(f"family/news/{item}/files/{file}"))


async def _published(visit: Visit) -> web.Response:
    documents = await visit.get("family/published-documents")
    return visit.show("published.html", documents=documents["items"])


async def _published_file(visit: Visit) -> web.Response:
    document = quoted(visit.request.match_info["document"])
    path = f"family/published-documents/{document}/file"
    return visit.hand(await visit.file(path))


async def _accessibility(visit: Visit) -> web.Response:
    return visit.show("accessibility.html")


PAGES = (
    Page("", _home, None, Who.ANYONE),
    Page("/", _home, None, Who.ANYONE),
    Page("/a-savoir", None, _notice_read, Who.ACCOUNT),
    Page("/actualites/{item}", _news_item, None, Who.ACCOUNT),
    Page("/actualites/{item}/{file}", _news_file, None, Who.ACCOUNT),
    Page("/publications", _published, None, Who.ANYONE),
    Page("/publications/{document}", _published_file, None, Who.ANYONE),
    Page("/accessibilite", _accessibility, None, Who.ANYONE),
)
