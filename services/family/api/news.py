"""Routes of news and published documents."""

from __future__ import annotations

from services.family.api.uploads import KEPT
from services.family.commands import news as commands
from services.family.queries import news as queries
from services.family.schemas.news import (
    NewsIn,
    NewsLine,
    NewsOut,
    NewsPage,
    NewsQuery,
    PublishedIn,
    PublishedList,
    PublishedOut,
)
from services.family.state import State
from shared.auth import ACCOUNT, PUBLIC, agents, either
from shared.web.routes import Call, Empty, File, NoBody, NoQuery, Route

_WRITERS = agents("administrator", "childcare_office")
_READERS = either(ACCOUNT, agents("administrator", "childcare_office", "billing_office"))


async def list_news(state: State, call: Call[NoBody, NewsQuery]) -> NewsPage:
    """What the bearer may read."""
    wanted = call.query
    found, following = await queries.page(
        state, call.scope, everything=wanted.all, after=wanted.after, limit=wanted.limit
    )
    return NewsPage(items=tuple(NewsLine.line(one) for one in found), next=following)


async def one_news(state: State, call: Call[NoBody, NoQuery]) -> NewsOut:
    """An item, whole."""
    return NewsOut.of(await queries.one_of(state, call.scope, call.path["item"]))


async def news_file(state: State, call: Call[NoBody, NoQuery]) -> File:
    """An attachment."""
    return await queries.file_of(state, call.scope, call.path["item"], call.path["file"])


async def write_news(state: State, call: Call[NewsIn, NoQuery]) -> NewsOut:
    """A new item."""
    return NewsOut.of(await commands.write(state, call.agent_scope, call.body, call.known_command))


async def rewrite_news(state: State, call: Call[NewsIn, NoQuery]) -> NewsOut:
    """An item, written anew."""
    return NewsOut.of(await commands.rewrite(state, call.agent_scope, call.path["item"], call.body))


async def remove_news(state: State, call: Call[NoBody, NoQuery]) -> Empty:
    """An item, taken away."""
    await commands.remove(state, call.agent_scope, call.path["item"])
    return Empty()


async def list_published(state: State, call: Call[NoBody, NoQuery]) -> PublishedList:
    """What everybody may download."""
    found = await queries.published(state, call.town)
    return PublishedList(items=tuple(PublishedOut.of(one) for one in found))


async def published_file(state: State, call: Call[NoBody, NoQuery]) -> File:
    """A published document."""
    return await queries.published_file(state, call.town, call.path["document"])


async def publish(state: State, call: Call[PublishedIn, NoQuery]) -> PublishedOut:
    """A new document for everybody."""
    return PublishedOut.of(
        await commands.publish(state, call.agent_scope, call.body, call.known_command)
    )


async def republish(state: State, call: Call[PublishedIn, NoQuery]) -> PublishedOut:
    """Another file or title under the same address."""
    return PublishedOut.of(
        await commands.republish(state, call.agent_scope, call.path["document"], call.body)
    )


async def withdraw_published(state: State, call: Call[NoBody, NoQuery]) -> Empty:
    """A published document, taken away."""
    await commands.withdraw(state, call.agent_scope, call.path["document"])
    return Empty()


_PUBLISHED = "/published-documents/{document}"

ROUTES = [
    Route(
        "GET", "/news", list_news, "News for the bearer, newest first",
        access=_READERS, answer=NewsPage, query=NewsQuery,
    ),
    Route(
        "POST", "/news", write_news, "Write a news item",
        access=_WRITERS, answer=NewsOut, body=NewsIn, status=201, idempotent=True,
        refusals=("file-unknown",),
    ),
    Route(
        "GET", "/news/{item}", one_news, "A news item, whole",
        access=_READERS, answer=NewsOut,
    ),
    Route(
        "PUT", "/news/{item}", rewrite_news, "Write a news item anew",
        access=_WRITERS, answer=NewsOut, body=NewsIn, refusals=("file-unknown",),
    ),
    Route(
        "DELETE", "/news/{item}", remove_news, "Take a news item away",
        access=_WRITERS, answer=Empty, status=204,
    ),
    Route(
        "GET", "/news/{item}/files/{file}", news_file, "An attachment of a news item",
        access=_READERS, answer=KEPT,
    ),
    Route(
        "GET", "/published-documents", list_published,
        "Tariffs, forms, regulations: what everybody may download",
        access=PUBLIC, answer=PublishedList,
    ),
    Route(
        "POST", "/published-documents", publish, "Publish a document for everybody",
        access=_WRITERS, answer=PublishedOut, body=PublishedIn, status=201, idempotent=True,
        refusals=("file-unknown",),
    ),
    Route(
        "PUT", _PUBLISHED, republish, "Replace a published document under the same address",
        access=_WRITERS, answer=PublishedOut, body=PublishedIn, refusals=("file-unknown",),
    ),
    Route(
        "DELETE", _PUBLISHED, withdraw_published, "Take a published document away",
        access=_WRITERS, answer=Empty, status=204,
    ),
    Route(
        "GET", _PUBLISHED + "/file", published_file, "A published document's file",
        access=PUBLIC, answer=KEPT,
    ),
]  # fmt: skip
