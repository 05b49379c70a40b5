"""Routes of the feed (*Mes demandes*)."""

from __future__ import annotations

from services.family.commands import feed as commands
from services.family.queries import feed as queries
from services.family.schemas.feed import (
    CountersQuery,
    FeedCounters,
    FeedEntry,
    FeedPage,
    FeedQuery,
    ReadIn,
)
from services.family.state import State
from shared.auth import FAMILY, agents, either
from shared.web.routes import Call, Empty, NoBody, NoQuery, Route, Versioned

_AGENTS = agents("administrator", "billing_office", "childcare_office", "read_only")


async def list_feed(state: State, call: Call[NoBody, FeedQuery]) -> FeedPage:
    """The requests of the bearer's families, or of the one an agent names."""
    return await queries.feed(state, call.scope, call.query)


async def see_feed_entry(state: State, call: Call[NoBody, NoQuery]) -> Versioned:
    """One request."""
    entry, version = await queries.entry(state, call.scope, call.path["request"])
    return Versioned(entry, version)


async def count_feed(state: State, call: Call[NoBody, CountersQuery]) -> FeedCounters:
    """What is new, what waits."""
    return await queries.counters(state, call.family_scope, call.query.family)


async def mark_read(state: State, call: Call[ReadIn, NoQuery]) -> Empty:
    """Nothing said until then is new to the bearer any more."""
    await commands.mark_read(state, call.family_scope, call.path["request"], call.body.until)
    return Empty()


ROUTES = [
    Route(
        "GET", "/feed", list_feed, "Mes demandes: every request of the family, newest first",
        access=either(FAMILY, _AGENTS), answer=FeedPage, query=FeedQuery,
    ),
    Route(
        "GET", "/feed/{request}", see_feed_entry, "One request with all that happened to it",
        access=either(FAMILY, _AGENTS), answer=FeedEntry, versioned=True,
    ),
    Route(
        "PUT", "/feed/{request}/read", mark_read, "Nothing until then is new to me any more",
        access=FAMILY, answer=Empty, body=ReadIn,
    ),
    Route(
        "GET", "/feed-counters", count_feed, "How many requests have news, how many wait",
        access=FAMILY, answer=FeedCounters, query=CountersQuery,
    ),
]  # fmt: skip
