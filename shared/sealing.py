"""Fields that a copy of the database must not give away: health, bank data, second factors.

A sealed value is ``{key, box}``: the id of the key, and a nonce before AES-256-GCM's cipher text.
It is bound to where it stands (collection, document, field), so that it opens nowhere else. The
first key of ``PREAU_FIELD_KEYS`` seals, all of them open: a new key is put first, what the older
ones sealed is sealed again, then they are taken away.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
from typing import Annotated, Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from shared.failpoints import step
from shared.settings import CommonSettings, from_environment_or_files
from shared.store import Document, Store

_NONCE = 12
_KEY_BYTES = 32
#: Where development keeps the keys that it made for itself.
FIELD_KEYS = "field_keys"
MAKE_FIELD_KEYS = step("field-keys.make")


class FieldKeySettings(BaseSettings):
    """The keys of one service; no two services need share them."""

    model_config = from_environment_or_files()

    field_keys: Annotated[
        SecretStr | None,
        Field(
            alias="PREAU_FIELD_KEYS",
            description="Keys of sealed fields, as JSON: key id to 32 bytes in base64"
            " (`preau keys new-field`); the first seals, the others still open. Compulsory in"
            " production for identity, family, billing and the portal; in development one is made"
            " and kept",
        ),
    ] = None


class SealBroken(Exception):
    """What was sealed cannot be opened: its key is gone, or it was put elsewhere or changed."""


class Sealer:
    """Seals and opens the fields of one service. Holds nothing until ``load``."""

    def __init__(self) -> None:
        self._keys: dict[str, AESGCM] = {}

    def load(self, field_keys: str) -> None:
        """Use these keys. Raises ``ValueError`` when they are none."""
        try:
            given = orjson.loads(field_keys)
            keys = {str(name): AESGCM(_key(text)) for name, text in given.items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise ValueError("PREAU_FIELD_KEYS is no JSON of key ids and keys") from error
        if not keys:
            raise ValueError("PREAU_FIELD_KEYS needs at least one key")
        self._keys = keys

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return next(iter(self._keys))

    def seal(self, value: Any, collection: str, document: str, field: str) -> Document:
        """``value`` (anything JSON) sealed for that field of that document."""
        key, box = self.seal_bytes(orjson.dumps(value), collection, document, field)
        return {"key": key, "box": box}

    def seal_bytes(
        self, content: bytes, collection: str, document: str, field: str
    ) -> tuple[str, bytes]:
        """Bytes sealed for that field of that document: the key's id, and the box."""
        nonce = secrets.token_bytes(_NONCE)
        about = _about(collection, document, field)
        return self.current, nonce + self._keys[self.current].encrypt(nonce, content, about)

    def open(self, sealed: Document, collection: str, document: str, field: str) -> Any:
        """The value that ``seal`` was given. Raises ``SealBroken``."""
        box = bytes(sealed["box"])
        return orjson.loads(self.open_bytes(sealed["key"], box, collection, document, field))

    def open_bytes(self, key: str, box: bytes, collection: str, document: str, field: str) -> bytes:
        """The bytes that ``seal_bytes`` was given. Raises ``SealBroken``."""
        opener = self._keys.get(key)
        if opener is None:
            raise SealBroken(f"no key {key}")
        try:
            return opener.decrypt(box[:_NONCE], box[_NONCE:], _about(collection, document, field))
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"{collection}/{document}: {field}") from error


def sealer_of(settings: CommonSettings) -> Sealer:
    """The service's sealer, with the keys it was given.

    Raises ``ValueError`` in production without keys; in development ``load_own_keys`` follows.
    """
    given = FieldKeySettings().field_keys
    if given is None and settings.env == "production":
        raise ValueError("PREAU_FIELD_KEYS is compulsory in production (`preau keys new-field`)")
    sealer = Sealer()
    if given is not None:
        sealer.load(given.get_secret_value())
    return sealer


async def load_own_keys(sealer: Sealer, store: Store, settings: CommonSettings) -> None:
    """In development without keys, make one and keep it, so that a restart opens what it sealed."""
    if FieldKeySettings().field_keys is not None or settings.env == "production":
        return
    fresh = {"_id": "current", "keys": await asyncio.to_thread(new_field_keys)}
    await store.insert(MAKE_FIELD_KEYS, FIELD_KEYS, fresh)
    kept = await store.get(FIELD_KEYS, "current")
    if kept is None:
        raise RuntimeError("the field keys just kept are not there")
    sealer.load(str(kept["keys"]))


def new_field_keys() -> str:
    """One fresh key, as ``PREAU_FIELD_KEYS`` takes it."""
    key = base64.b64encode(os.urandom(_KEY_BYTES)).decode()
    return orjson.dumps({secrets.token_hex(4): key}).decode()


def _key(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError(f"a field key has {_KEY_BYTES} bytes")
    return key


def _about(collection: str, document: str, field: str) -> bytes:
    return "\x1f".join((collection, document, field)).encode()
