"""One command on one dossier: who acts, what they may touch, what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from services.family.domain.fields import Ruled, Rules, is_sealed, owner_of, with_value
from services.family.domain.household import Change, Contact, Family, Guardian, Member
from services.family.domain.kinds import Setting, read, written
from services.family.domain.membership import KINDS_OF_MEMBER, MEMBER_KINDS, housed, of_age
from shared.contracts import family as contract
from shared.contracts.dossier import Owner
from shared.errors import Refused, forbidden, not_found

#: More waiting changes than a family can mean.
MOST_WAITING = 200
#: How many decided changes a dossier remembers, without their values.
REMEMBERED = 100
#: Agents who change dossiers themselves and decide what families ask.
EDITORS = frozenset({"administrator", "billing_office", "childcare_office"})

#: Seals a value for that field of that member, and opens it again.
Seal = Callable[[str, str, Any], dict[str, Any]]
Open = Callable[[str, str, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a guardian of the family, an agent with roles, or somebody who builds a dossier of
    their own (``founding``)."""

    guardian: Guardian | None = None
    roles: frozenset[str] = frozenset()
    founding: bool = False

    @property
    def agent(self) -> bool:
        """Whether it is an agent."""
        return bool(self.roles)

    @property
    def at_once(self) -> bool:
        """Whether what they write need not wait."""
        return self.agent or self.founding

    def reads(self, ruled: Ruled) -> bool:
        """Whether an agent of these roles reads a field."""
        wanted = ruled.field.reach.roles
        return wanted is None or bool(wanted & self.roles)


@dataclass(slots=True)
class Work:
    """The family as far as a command is done, and what it has led to."""

    family: Family
    rules: Rules
    setting: Setting
    actor: Actor
    seal: Seal
    open: Open
    made: list[Change] = field(default_factory=list)
    settled: list[Change] = field(default_factory=list)

    # -- what the actor may touch ----------------------------------------------------------

    def ruled(self, member: str, name: str) -> tuple[Owner, Member | Family, Ruled]:
        """A member's field that the actor may change. Raises ``Refused``."""
        owner, holder = self.reached(member)
        ruled = self.rules.find(owner, name)
        if ruled is None:
            raise Refused("field-unknown", f"Champ inconnu : {name}.", status=422)
        if not (self.actor.reads(ruled) if self.actor.agent else ruled.editable):
            raise Refused(
                "field-not-editable",
                f"{ruled.field.label} : vous ne pouvez pas modifier ce champ.",
                status=403,
            )
        return owner, holder, ruled

    def reached(self, member: str) -> tuple[Owner, Member | Family]:
        """A member about whom the actor may decide. Raises ``Refused``."""
        found = owner_of(self.family, member)
        me = self.actor.guardian
        hidden = found and found[0] == "child" and me is not None and not me.sees(member)
        if found is None or (hidden and not self.actor.agent):
            raise not_found("cette personne")
        if not self.may_change(found[0], member):
            raise forbidden("Vous n'avez pas ce droit.")
        return found

    def may_change(self, owner: Owner, member: str) -> bool:
        """Whether the actor may change the fields of that member."""
        return may_change(self.family, self.actor, owner, member)

    # -- values ----------------------------------------------------------------------------

    def stored(self, member: str, ruled: Ruled, value: Any) -> Any:
        """A value as it waits: checked, as JSON, sealed where it has to be. Raises ``Wrong``."""
        plain = written(ruled.field.kind, read(ruled.field.kind, value, ruled.key, self.setting))
        return self.seal(member, ruled.name, plain) if ruled.field.reach.sealed else plain

    def put(self, member: str, ruled: Ruled, stored: Any, said: Change | None = None) -> None:
        """Make a field hold what waited; ``said`` is the change by which it was given.

        Raises ``Wrong`` when it is no longer admitted.
        """
        value, given = stored, self.setting
        if said is not None:
            given = replace(self.setting, by=said.by, now=said.at)
        if stored is not None:
            sealed = ruled.field.reach.sealed
            plain = self.open(member, ruled.name, stored) if sealed else stored
            typed = read(ruled.field.kind, plain, ruled.key, self.setting)
            value = stored if sealed else typed
        self.family = with_value(self.family, member, ruled, value, given)
        if ruled.field.kind == "address":
            self.family = housed(self.family, self.setting.file.dossier.residence)

    def check_collector(self, member: str) -> None:
        """Refuse somebody too young to fetch a child."""
        found = owner_of(self.family, member)
        if found and isinstance(found[1], Contact) and not of_age(found[1], self.setting):
            age = self.setting.file.dossier.collector_age
            raise Refused(
                "collector-too-young",
                f"Une personne habilitée a au moins {age} ans : indiquez qu'elle est majeure, ou"
                " sa date de naissance.",
                status=422,
            )

    # -- keeping ---------------------------------------------------------------------------

    def touch(self, change: Change) -> None:
        """Count what happened to the field of a change."""
        slot = slot_of(change.member, change.field)
        counted = {**self.family.revisions, slot: self.family.revisions.get(slot, 0) + 1}
        self.family = self.family.model_copy(update={"revisions": counted})

    def keep(self, change: Change) -> None:
        """Add a new change to the dossier."""
        self.made.append(change)
        self.touch(change)
        self.family = self.family.model_copy(update={"changes": (*self.family.changes, change)})

    def settle(
        self, change: Change, state: Literal["accepted", "refused", "withdrawn", "replaced"],
        reason: str | None = None,
    ) -> None:  # fmt: skip
        """A waiting change waits no longer; its value is forgotten."""
        kept: str | dict[str, Any] | None = reason
        if reason is not None and is_sealed(change.value):
            kept = self.seal(change.member, reason_of(change.field), reason)
        done = change.model_copy(
            update={"state": state, "reason": kept, "value": None,
                    "decided_by": self.setting.by, "decided_at": self.setting.now}
        )  # fmt: skip
        self.settled.append(done)
        changes = tuple(done if one.id == change.id else one for one in self.family.changes)
        self.family = self.family.model_copy(update={"changes": changes})

    def finished(self) -> Family:
        """The family after the command, without the oldest of the decided changes.

        Raises ``Refused``: ``too-many-changes``.
        """
        if len(self.family.waiting()) > MOST_WAITING:
            raise Refused("too-many-changes", "Trop de modifications attendent une réponse.")
        decided = [one.id for one in self.family.changes if not one.waits]
        forgotten = set(decided[: max(0, len(decided) - REMEMBERED)])
        kept = tuple(one for one in self.family.changes if one.id not in forgotten)
        return self.family.model_copy(update={"changes": kept})

    # -- what is said ----------------------------------------------------------------------

    def events(
        self, before: Family, request: str
    ) -> tuple[contract.DossierChangeRequested | contract.DossierChangeDecided, ...]:
        """What was sent, and each earlier sending of which something waits no longer."""
        said: list[contract.DossierChangeRequested | contract.DossierChangeDecided] = []
        by, now = self.setting.by, self.setting.now
        if self.made:
            said.append(
                contract.DossierChangeRequested(
                    family=before.id, request=request, account=by.account, guardian=by.guardian,
                    channel="desk" if by.agent else "online", requested_at=now,
                    items=tuple(self._item(before, one) for one in self.made),
                )
            )  # fmt: skip
        for earlier in dict.fromkeys(one.request for one in self.settled):
            done = [one for one in self.settled if one.request == earlier]
            said.append(
                contract.DossierChangeDecided(
                    family=before.id, request=earlier, account=done[0].by.account,
                    guardian=done[0].by.guardian, requested_at=done[0].at, decided_at=now,
                    decided_by=by.account, items=tuple(self._item(before, one) for one in done),
                    left=sum(one.request == earlier for one in self.family.waiting()),
                )
            )  # fmt: skip
        return tuple(said)

    def _item(self, before: Family, change: Change) -> contract.DossierItem:
        owner = owner_of_change(before, change) or owner_of_change(self.family, change)
        ruled = self.rules.find(owner, change.field) if owner and change.field else None
        sealed = ruled.field.sensitivity if ruled and ruled.field.reach.sealed else None
        return contract.DossierItem(
            id=change.id, act=change.act, member=change.member,
            child=change.member if owner == "child" else None, field=sealed or change.field,
            label=_said(change, ruled), state=change.state,
            reason=change.reason if isinstance(change.reason, str) else None,
        )  # fmt: skip


#: What is said of a field that is kept sealed: not even its name tells about health.
_SEALED = {"health": "Fiche sanitaire", "bank": "Coordonnées bancaires"}
_ADDED = {
    "guardian": "Nouveau responsable", "child": "Nouvel enfant",
    "emergency": "Nouveau contact d'urgence",
    "authorised_collector": "Nouvelle personne habilitée",
}  # fmt: skip


def _said(change: Change, ruled: Ruled | None) -> str:
    if change.act == "set":
        return _SEALED.get(ruled.field.sensitivity, ruled.field.label) if ruled else change.field
    return _ADDED[change.kind or "child"] if change.act == "add" else "Retrait du dossier"


def may_change(family: Family, actor: Actor, owner: Owner, member: str) -> bool:
    """A guardian changes their own record, the children they decide for, and what belongs to the
    household; one limited by a court order, only their own record."""
    me = actor.guardian
    if actor.agent:
        return bool(actor.roles & EDITORS)
    if actor.founding:
        return True
    if me is None:
        return False
    if owner == "guardian":
        return member == me.id
    if me.limited:
        return False
    if owner == "child":
        return me.may(member, "decide")
    return not family.children or any(right.decide for right in me.rights)


def owner_of_change(family: Family, change: Change) -> Owner | None:
    """Under which owner the fields of a change are listed; None when its member is gone."""
    if change.act == "add":
        return next(KINDS_OF_MEMBER[kind] for kind in MEMBER_KINDS if kind == change.kind)
    found = owner_of(family, change.member)
    return found[0] if found else None


def reason_of(name: str) -> str:
    """Under which name the reason of a refusal is sealed."""
    return f"{name}/reason"


def slot_of(member: str, name: str) -> str:
    """Under which name a field's events are counted."""
    return f"{member}/{name}"
