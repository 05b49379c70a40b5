"""A town with a canteen, its tariffs, a family, and decisions about its bookings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    DecidedLine,
    Reason,
    Replaced,
)
from shared.contracts.family import Child, ChildRights, FamilyChanged, Guardian
from shared.contracts.town_file import Tariff, TownFile
from tests.samples import activity, places, town_file

DECIDED = datetime(2026, 9, 1, 8, tzinfo=UTC)
TARIFFS = (
    Tariff(id="repas-1", valid_from=date(2026, 9, 1), valid_until=date(2026, 9, 30),
           activity="cantine", unit="repas", price_cents=410, source="test"),
    Tariff(id="repas-2", valid_from=date(2026, 10, 1), activity="cantine", unit="repas",
           price_cents=425, source="test"),
    Tariff(id="viande", valid_from=date(2026, 9, 1), activity="cantine", unit="viande",
           price_cents=55, source="test"),
)  # fmt: skip


def file_with(town: str = "veyras", **changes: Any) -> TownFile:
    """The town's file: a canteen with two units paid at month end, an outing paid at booking."""
    canteen = activity(
        "cantine",
        units=[{"id": "repas", "name": "Repas"}, {"id": "viande", "name": "Viande"}],
        places=[{**places(100)[0], "units": ["repas", "viande"]}],
    )
    outing = canteen | {"id": "sortie", "billing": "pay_at_booking"}
    given = {"town": town, "activities": [canteen, outing], "tariffs": TARIFFS}
    return town_file(**(given | changes))


def card(family: str = "f1") -> FamilyChanged:
    """Two children; Anne is invoiced, Paul pays for Zoé only, Luc for nobody."""

    def rights(*paid: str) -> tuple[ChildRights, ...]:
        return tuple(
            ChildRights(child=child, see=True, decide=True, pay=child in paid)
            for child in ("zoe", "tom")
        )

    def guardian(name: str, *paid: str, invoiced: bool = False) -> Guardian:
        return Guardian(
            id=f"{family}-{name}", first_name=name, last_name="D'Éon", invoiced=invoiced,
            rights=rights(*paid),
        )  # fmt: skip

    return FamilyChanged(
        family=family,
        reference=family,
        guardians=(
            guardian("anne", "zoe", "tom", invoiced=True),
            guardian("paul", "zoe"),
            guardian("luc"),
        ),
        children=tuple(
            Child(id=child, first_name=name, last_name="D'Éon", birth_date=date(2019, 1, 1),
                  school="tilleuls", level="CE1")
            for child, name in (("zoe", "Zoé"), ("tom", "Tom"))
        ),
    )  # fmt: skip


Booked = tuple[str, str, date]


def accepted(
    lines: Sequence[Booked],
    *,
    family: str = "f1",
    at: datetime = DECIDED,
    replaces: Replaced | None = None,
    **changes: Any,
) -> BookingAccepted:
    """Lines (id, child, day) accepted at ``at``."""
    return BookingAccepted.model_validate(_decided(lines, family, at, replaces, None, changes))


def refused(
    lines: Sequence[Booked],
    *,
    family: str = "f1",
    at: datetime = DECIDED,
    replaces: Replaced | None = None,
    **changes: Any,
) -> BookingRefused:
    """Lines (id, child, day) refused at ``at``."""
    reason = Reason(code="absence", text="Annulée.")
    return BookingRefused.model_validate(_decided(lines, family, at, replaces, reason, changes))


def _decided(
    lines: Sequence[Booked],
    family: str,
    at: datetime,
    replaces: Replaced | None,
    reason: Reason | None,
    changes: dict[str, Any],
) -> dict[str, Any]:
    return {
        "request": "r1", "number": "2026-000001", "requested_at": at, "family": family,
        "account": "a1", "decided_at": at, "decided_by": "agent",
        "lines": [
            DecidedLine.model_validate(
                {"line": name, "child": child, "activity": "cantine", "date": day,
                 "units": ["repas"], "receipted": False, "reason": reason, "replaces": replaces,
                 **changes}
            )
            for name, child, day in lines
        ],
    }  # fmt: skip
