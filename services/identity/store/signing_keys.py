"""The keys that sign tokens."""

from __future__ import annotations

from services.identity.store.base import Collections
from shared.contracts.identity import KeysRotated
from shared.events import Event
from shared.failpoints import step
from shared.store import Document

KEYS = "signing_keys"

MAKE_KEYS = step("identity.signing-keys.make")
SAY_KEYS = step("identity.signing-keys.say")


class SigningKeys(Collections):
    """Every query and write of signing keys."""

    async def own_private_keys(self, fresh: str) -> str:
        """The private keys kept for development; ``fresh`` becomes them when there are none."""
        await self._store.insert(MAKE_KEYS, KEYS, {"_id": "current", "private": fresh})
        await self._store.change(
            MAKE_KEYS, KEYS, "current", {"private": {"$exists": False}},
            {"$set": {"private": fresh}},
        )  # fmt: skip
        document = await self._store.get(KEYS, "current")
        if document is None:
            raise RuntimeError("the signing keys just kept are not there")
        return str(document["private"])

    async def say_keys(self, said: KeysRotated) -> None:
        """Say the public keys, unless they are those last said."""
        public = {"public": said.jwks}
        await self._store.put(
            SAY_KEYS, KEYS, "current", {"$set": public}, said,
            condition={"public": {"$ne": said.jwks}},
        )  # fmt: skip


def states_of(document: Document) -> tuple[Event, ...]:
    return (KeysRotated(jwks=document["public"]),) if "public" in document else ()
