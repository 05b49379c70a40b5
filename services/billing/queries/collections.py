"""Collections, their debits and files, as agents read them; the file holds bank details, and each
reading of it is recorded for every family in it before it is answered."""

from __future__ import annotations

from services.billing.domain.debits.collections import Collection, Debit
from services.billing.queries.mandates import READING
from services.billing.schemas.collections import CollectionOut, DebitQuery
from services.billing.state import Billing
from shared.auth import AgentScope, Bearer
from shared.errors import Refused, not_found
from shared.web.routes import File


async def need(billing: Billing, scope: AgentScope, _id: str) -> Collection:
    """A collection of the town. Raises ``Refused`` (404)."""
    found = await billing.collections.within(scope, _id)
    if found is None:
        raise not_found("ce fichier de prélèvement")
    return found


async def one(billing: Billing, scope: AgentScope, _id: str) -> CollectionOut:
    """A collection, with what came of it. Raises ``Refused`` (404)."""
    found = await need(billing, scope, _id)
    return CollectionOut.of(found, await billing.collections.sums(_id))


async def listed(
    billing: Billing, scope: AgentScope, after: str | None, limit: int
) -> list[CollectionOut]:
    """The town's collections, the latest first. Raises ``Refused``: ``cursor-unknown``."""
    found = await billing.collections.collections(scope, after, limit)
    return [CollectionOut.of(one, await billing.collections.sums(one.id)) for one in found]


async def debits(
    billing: Billing, scope: AgentScope, collection: str, asked: DebitQuery
) -> list[Debit]:
    """The debits of a collection. Raises ``Refused``: 404, ``cursor-unknown``."""
    await need(billing, scope, collection)
    only = {"collection": collection} | ({} if asked.state is None else {"state": asked.state})
    return await billing.collections.debits(scope, only, asked.after, asked.limit)


async def file(billing: Billing, scope: AgentScope, bearer: Bearer, _id: str) -> File:
    """The file for the bank. Raises ``Refused``: 404, ``collection-not-made``."""
    found = await need(billing, scope, _id)
    content = found.file and await billing.collections.file(found.file)
    if not content or found.state in ("announcing", "cancelling", "cancelled"):
        raise Refused("collection-not-made", "Ce fichier de prélèvement n'est pas prêt.")
    families = sorted(
        {
            one.mandated
            async for one in billing.collections.debits_in(
                _id, "announced", "settled", "rejected", "returned"
            )
        }
    )
    await billing.audit.sensitive_reads(bearer, READING, families)
    return File(f"{found.number}.xml", content, "application/xml")
