"""A dossier that an adult without one builds on line, and what the town makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.family.domain.changes import AddMember, Item, SetField, submit
from services.family.domain.fields import Rules
from services.family.domain.household import HOUSEHOLD, Family, family_id
from services.family.domain.membership import MemberKind
from services.family.domain.work import Work
from shared.contracts.dossier import BY_PATH
from shared.errors import Refused

#: What the town cannot do without of the first parent, whatever its rules.
FIRST_GUARDIAN = ("first_name", "last_name", "birth_date", "phone", "address")

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """The steps of the form, as far as they are filled: fields by name."""

    guardian: Values
    second_guardian: Values | None
    children: Sequence[Values]
    contacts: Sequence[tuple[MemberKind, Values]]
    household: Values

    def items(self) -> Iterable[tuple[str, Item]]:
        """What has to be done to an empty dossier, each with its place in the form."""
        yield "/guardian", AddMember("guardian", self.guardian)
        if self.second_guardian is not None:
            yield "/second_guardian", AddMember("guardian", self.second_guardian)
        for number, child in enumerate(self.children):
            yield f"/children/{number}", AddMember("child", child)
        for number, (kind, contact) in enumerate(self.contacts):
            yield f"/contacts/{number}/values", AddMember(kind, contact)
        for name, value in self.household.items():
            yield f"/household/{name}", SetField(HOUSEHOLD, name, value, 0)


def missing(draft: Draft, rules: Rules) -> list[str]:
    """The places of the form that are still to be filled before it can be sent."""
    required = {
        owner: [ruled.name for ruled in rules.of(owner) if ruled.required]
        for owner in ("guardian", "child", "contact")
    }
    first = dict.fromkeys((*FIRST_GUARDIAN, *required["guardian"]))
    found = [f"/guardian/{name}" for name in first if draft.guardian.get(name) is None]
    parts = [("/second_guardian", "guardian", draft.second_guardian)]
    parts += [(f"/children/{n}", "child", one) for n, one in enumerate(draft.children)]
    parts += [(f"/contacts/{n}/values", "contact", v) for n, (_, v) in enumerate(draft.contacts)]
    for place, owner, values in parts:
        if values is not None:
            found += [f"{place}/{n}" for n in required[owner] if values.get(n) is None]
    if not draft.children:
        found.append("/children")
    return found


def empty(town: str, registration: str) -> Family:
    """The dossier that a registration becomes: the same id and reference each time."""
    reference = f"W-{registration[-10:].upper()}"
    return Family(
        id=family_id(town, reference), town=town, reference=reference, guardians=(), children=(),
        contacts=(),
    )  # fmt: skip


def built(work: Work, registration: str, draft: Draft) -> Family:
    """The dossier of a form that is filled.

    Raises ``Refused``: ``incomplete`` with every place, or what is wrong at one.
    """
    if left := missing(draft, work.rules):
        label = BY_PATH.get("guardian." + left[0].rpartition("/")[2])
        raise Refused(
            "incomplete",
            f"{label.label if label else 'Enfants'} : champ obligatoire.",
            status=422,
            field=left[0],
            errors=[{"field": place, "message": "champ obligatoire."} for place in left],
        )
    for number, (place, item) in enumerate(draft.items()):
        try:
            submit(work, f"{registration}/{number}", [item])
        except Refused as refused:
            inside = (refused.field or "").removeprefix("/changes/0").removeprefix("/value")
            refused.field = place + inside.removeprefix("s")
            raise
    return work.family.model_copy(update={"changes": (), "revisions": {}})
