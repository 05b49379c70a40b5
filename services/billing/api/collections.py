"""Collections: made, settled, called off by agents; debits that banks send back."""

from __future__ import annotations

from services.billing.commands import collections, debits
from services.billing.queries import collections as queries
from services.billing.schemas.collections import (
    CollectionIn,
    CollectionOut,
    CollectionPage,
    DebitOut,
    DebitPage,
    DebitQuery,
    ReturnIn,
)
from services.billing.state import Billing
from shared.auth import agents
from shared.web.routes import XML, Call, File, NoBody, NoQuery, PageQuery, Route

READERS = agents("billing_office", "collection_officer")
#: Who may take money, or read bank details of many.
OFFICERS = agents("collection_officer")


async def ask_collection(billing: Billing, call: Call[CollectionIn, NoQuery]) -> CollectionOut:
    asked = await collections.ask(billing, call.agent_scope, call.body, call.known_command)
    return await queries.one(billing, call.agent_scope, asked.id)


async def list_collections(billing: Billing, call: Call[NoBody, PageQuery]) -> CollectionPage:
    asked = call.query
    items = tuple(await queries.listed(billing, call.agent_scope, asked.after, asked.limit))
    after = items[-1].collection if len(items) == asked.limit else None
    return CollectionPage(items=items, next=after)


async def read_collection(billing: Billing, call: Call[NoBody, NoQuery]) -> CollectionOut:
    return await queries.one(billing, call.agent_scope, call.path["collection"])


async def download_collection(billing: Billing, call: Call[NoBody, NoQuery]) -> File:
    return await queries.file(billing, call.agent_scope, call.known_bearer, call.path["collection"])


async def list_debits(billing: Billing, call: Call[NoBody, DebitQuery]) -> DebitPage:
    asked = call.query
    found = await queries.debits(billing, call.agent_scope, call.path["collection"], asked)
    items = tuple(DebitOut.of(one) for one in found)
    return DebitPage(items=items, next=items[-1].debit if len(items) == asked.limit else None)


async def settle_collection(billing: Billing, call: Call[NoBody, NoQuery]) -> CollectionOut:
    done = await collections.settle(billing, call.agent_scope, call.path["collection"])
    return await queries.one(billing, call.agent_scope, done.id)


async def cancel_collection(billing: Billing, call: Call[NoBody, NoQuery]) -> CollectionOut:
    done = await collections.cancel(billing, call.agent_scope, call.path["collection"])
    return await queries.one(billing, call.agent_scope, done.id)


async def send_back_debit(billing: Billing, call: Call[ReturnIn, NoQuery]) -> DebitOut:
    debit = await debits.send_back(billing, call.agent_scope, call.path["debit"], call.body.code)
    call.act.concerns(family=debit.family)
    return DebitOut.of(debit)


ROUTES = [
    Route(
        "POST", "/office/collections", ask_collection,
        "Collect what is due of families with a mandate, on a day",
        access=OFFICERS, answer=CollectionOut, body=CollectionIn, status=201, idempotent=True,
        refusals=(
            "direct-debit-unavailable", "not-a-bank-day", "notice-too-short", "day-too-far",
            "collection-exists", "idempotency-key-reused",
        ),
    ),
    Route(
        "GET", "/office/collections", list_collections, "The town's collections, latest first",
        access=READERS, answer=CollectionPage, query=PageQuery,
    ),
    Route(
        "GET", "/office/collections/{collection}", read_collection,
        "A collection, who was left aside, and what came of it",
        access=READERS, answer=CollectionOut,
    ),
    Route(
        "GET", "/office/collections/{collection}/file", download_collection,
        "The file for the bank (pain.008); each reading is recorded",
        access=OFFICERS, answer=XML, refusals=("collection-not-made",),
    ),
    Route(
        "GET", "/office/collections/{collection}/debits", list_debits, "A collection's debits",
        access=READERS, answer=DebitPage, query=DebitQuery,
    ),
    Route(
        "POST", "/office/collections/{collection}/settlements", settle_collection,
        "The money came: what banks did not send back is paid",
        access=OFFICERS, answer=CollectionOut, status=201, idempotent=True,
        refusals=("collection-not-made", "too-early"),
    ),
    Route(
        "POST", "/office/collections/{collection}/cancellations", cancel_collection,
        "Call a collection off, whose file was not handed over",
        access=OFFICERS, answer=CollectionOut, status=201, idempotent=True,
        refusals=("collection-not-made", "too-late"),
    ),
    Route(
        "POST", "/office/debits/{debit}/returns", send_back_debit,
        "A bank sent a debit back",
        access=OFFICERS, answer=DebitOut, body=ReturnIn, status=201, idempotent=True,
        refusals=("return-code-unknown", "debit-not-announced"),
    ),
]  # fmt: skip
