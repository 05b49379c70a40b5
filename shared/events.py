"""Events: one pydantic model each in ``shared.contracts``, carried as CloudEvents 1.0 JSON.

Two kinds, declared by the contract. A *fact* (a booking was accepted) is applied once by id, in
any order. A *state* (a family's card) carries everything and is skipped when older than the copy
held. Within a version a contract only gains optional fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict

Kind = Literal["fact", "state"]

#: Stands where a town would, in the events of what belongs to no town (accounts, signing keys).
ALL_TOWNS = "all"

_types: dict[str, Contract] = {}


class Event(BaseModel):
    """Base of every published event; a subclass is a contract."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: ClassVar[str]
    name: ClassVar[str]
    type: ClassVar[str]
    kind: ClassVar[Kind]
    public: ClassVar[bool]

    def __init_subclass__(cls, **declared: Any) -> None:
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(cls, **declared: Any) -> None:
        cls.service, cls.name, cls.kind = declared["service"], declared["name"], declared["kind"]
        cls.public = declared.get("public", False)
        cls.type = f"fr.preau.{cls.service}.{cls.name}.v{declared.get('version', 1)}"
        if cls.type in _types:
            raise ValueError(f"event type declared twice: {cls.type}")
        _types[cls.type] = cls


EventT = TypeVar("EventT", bound=Event)
Contract = type[Event]


def event_types() -> dict[str, Contract]:
    """Every contract imported so far, by CloudEvents type."""
    return dict(_types)


class Malformed(Exception):
    """A message that is not an event of ours: parked at once, never retried."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A CloudEvent.

    ``subject`` is ``<collection>/<document id>`` at the publisher; ``sequence`` counts the events
    of that subject from 1, without gap, but for a leap after a restoration (``republish``);
    ``time`` is the town's instant of the fact.
    """

    id: str
    type: str
    subject: str
    time: datetime
    town: str
    sequence: int
    correlation: str
    causation: str | None
    data: dict[str, Any]

    @property
    def contract(self) -> Contract:
        """The model of this event's type. Raises ``Malformed`` when there is none."""
        try:
            return _types[self.type]
        except KeyError:
            raise Malformed(f"unknown type {self.type}") from None

    @property
    def routing_key(self) -> str:
        """``<town>.<public|internal>.<service>.<event>``."""
        contract = self.contract
        reach = "public" if contract.public else "internal"
        return f"{self.town}.{reach}.{contract.service}.{contract.name}"

    def encode(self) -> bytes:
        """Structured-mode JSON; ``sequence`` follows CloudEvents' sequence extension."""
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": self.id,
                "source": f"/preau/{self.contract.service}",
                "type": self.type,
                "subject": self.subject,
                "time": self.time,
                "datacontenttype": "application/json",
                "town": self.town,
                "sequence": str(self.sequence),
                "sequencetype": "Integer",
                "correlationid": self.correlation,
                **({"causationid": self.causation} if self.causation else {}),
                "data": self.data,
            },
            option=orjson.OPT_UTC_Z,
        )


def decode(body: bytes) -> Envelope:
    """The envelope in ``body``. Raises ``Malformed`` when it is not one."""
    try:
        raw = orjson.loads(body)
        if raw["specversion"] != "1.0":
            raise Malformed("not CloudEvents 1.0")
        time = datetime.fromisoformat(raw["time"])
        if time.tzinfo is None:
            raise Malformed("time without a zone")
        return Envelope(
            id=_text(raw["id"]),
            type=_text(raw["type"]),
            subject=_text(raw["subject"]),
            time=time,
            town=_text(raw["town"]),
            sequence=int(raw["sequence"]),
            correlation=_text(raw["correlationid"]),
            causation=raw.get("causationid"),
            data=dict(raw["data"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed(f"not a CloudEvent: {type(error).__name__}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("text expected")
    return value
