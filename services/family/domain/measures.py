"""What agents set about a guardian: rights over each child, protection, limits."""

from __future__ import annotations

from dataclasses import dataclass

from services.family.domain.fields import replaced
from services.family.domain.household import Measure
from services.family.domain.work import Work
from shared.contracts.family import ChildRights
from shared.errors import Refused, not_found

#: How many measures a dossier remembers.
_REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is set; None leaves it as it is. ``rights`` left out are taken away."""

    rights: tuple[ChildRights, ...] | None
    protected: bool | None
    limited: bool | None
    reason: str


def measure(work: Work, guardian: str, wanted: Wanted) -> None:
    """Set what was decided about a guardian; as it is already, it is not set again.

    Raises ``Refused``: ``not-found``; ``invalid-input`` for a child of another family.
    """
    held = work.family.guardian(guardian)
    if held is None:
        raise not_found("ce responsable")
    children = {child.id for child in work.family.children}
    rights = held.rights if wanted.rights is None else wanted.rights
    named = [right.child for right in rights]
    if not children.issuperset(named) or len(named) != len(set(named)):
        raise Refused(
            "invalid-input", "Un enfant de ce dossier, et une fois, est attendu.", status=422,
            field="/rights",
        )  # fmt: skip
    after = held.model_copy(
        update={
            "rights": rights,
            "protected": held.protected if wanted.protected is None else wanted.protected,
            "limited": held.limited if wanted.limited is None else wanted.limited,
        }
    )
    if after == held:
        return
    by, now = work.setting.by, work.setting.now
    done = Measure(
        guardian=guardian, rights=after.rights, protected=after.protected, limited=after.limited,
        reason=wanted.reason, by=by, at=now,
    )  # fmt: skip
    family = replaced(work.family, after)
    kept = (*family.measures, done)[-_REMEMBERED:]
    work.family = family.model_copy(update={"measures": kept})
