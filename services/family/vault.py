"""Sealed fields, bound to the member whom they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.sealing import SealBroken, Sealer

#: What a sealed field is bound to besides its member, who may move to another family's document.
_SEALED_IN = "members"


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens the values of fields, as JSON."""

    sealer: Sealer

    def seal(self, member: str, field: str, value: Any) -> dict[str, Any]:
        """A value sealed for that field of that member."""
        sealed = self.sealer.seal(value, _SEALED_IN, member, field)
        return {"key": sealed["key"], "box": bytes(sealed["box"]).hex()}

    def open(self, member: str, field: str, sealed: Mapping[str, Any]) -> Any:
        """What ``seal`` was given. Raises ``SealBroken``."""
        box = {"key": sealed["key"], "box": bytes.fromhex(sealed["box"])}
        return self.sealer.open(box, _SEALED_IN, member, field)

    def opened(self, member: str, field: str, sealed: Mapping[str, Any]) -> Any:
        """What ``seal`` was given; None when its key was taken away since."""
        try:
            return self.open(member, field, sealed)
        except SealBroken:
            return None
