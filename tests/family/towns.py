"""A small town for the tests of families."""

from __future__ import annotations

from datetime import date, time
from typing import Any

from shared.contracts.identity import TownChanged
from shared.contracts.town_file import (
    Activity,
    Calendar,
    CollectionOffice,
    Contact,
    DayCutoff,
    Deadline,
    Deadlines,
    Eligible,
    PlaceCounter,
    School,
    TownFile,
    Unit,
    Weekday,
)

OPENING = date(2026, 8, 1)


def town_file(town: str = "veyras", **changes: Any) -> TownFile:
    """A town with one school and a canteen paid at month end."""
    rules = Deadlines(
        book=(
            Deadline(
                id="eve", valid_from=OPENING, source="test",
                cutoff=DayCutoff(anchor="day", days_before=1, time=time(18)),
            ),
        )
    )  # fmt: skip
    canteen = Activity(
        id="cantine", name="Cantine", site="École", service="school_meals", calendar="school",
        eligible=Eligible(schools=(f"ecole-{town}",)), units=(Unit(id="repas", name="Repas"),),
        places=(PlaceCounter(id="places", units=("repas",), capacity=100, source="test"),),
        decision="automatic", billing="pay_in_arrears", deadlines=rules,
    )  # fmt: skip
    whole: dict[str, Any] = {
        "town": town,
        "name": town.capitalize(),
        "time_zone": "Europe/Paris",
        "contact": Contact(
            service="Enfance", telephone="04 00 00 00 00", email="enfance@example.org",
            hours="9 h - 12 h",
        ),
        "schools": (School(id=f"ecole-{town}", name="École publique"),),
        "calendars": (
            Calendar(id="school", weekdays=(Weekday.MONDAY, Weekday.TUESDAY, Weekday.THURSDAY)),
        ),
        "activities": (canteen,),
        "collection_office": CollectionOffice(code="VEY", label="Régie"),
        **changes,
    }  # fmt: skip
    return TownFile(**whole)


def town_changed(town: str = "veyras", version: int = 1, **changes: Any) -> TownChanged:
    """What identity says of it."""
    return TownChanged(version=version, file=town_file(town, **changes))
