"""A dossier field by field: what counts, what waits beside it, and the town's rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.family.domain.fields import Ruled, Rules, owner_of, rules_of, value_of
from services.family.domain.health import VACCINES
from services.family.domain.household import (
    HOUSEHOLD,
    LEVELS,
    Change,
    Contact,
    Family,
    Guardian,
    Member,
)
from services.family.domain.showing import MASK, Eyes
from services.family.domain.work import Actor, may_change, owner_of_change, slot_of
from services.family.queries.households import held_by, waiting
from services.family.schemas.dossiers import (
    ChangeOut,
    Choice,
    DossierFields,
    DossierOut,
    FieldAsked,
    FieldOut,
    MeasureOut,
    MemberOut,
    OwnerFields,
    Text,
    Waiting,
    WaitingFamily,
)
from services.family.state import State, actor_in
from shared.auth import AgentScope, Scope
from shared.contracts.dossier import OWNERS, FieldKind, Owner
from shared.contracts.town_file import Statement, TownFile
from shared.errors import not_found


async def dossier(state: State, scope: Scope, family: str) -> tuple[DossierOut, int]:
    """A dossier as the bearer may see it, and its version. Raises ``Refused`` (404)."""
    held, version = await held_by(state, scope, family)
    return (await sheet_of(state, scope, held)).dossier(), version


async def blank(state: State, town: str) -> DossierFields:
    """What a family tells of each kind of member, by the town's rules."""
    file = (await state.towns.get(town)).file
    rules = rules_of(file.dossier)
    return DossierFields(
        owners=tuple(
            OwnerFields(
                owner=owner,
                fields=tuple(_asked(file, one) for one in rules.of(owner) if one.editable),
            )
            for owner in OWNERS
        )
    )


async def waiting_families(
    state: State, scope: AgentScope, after: str | None, limit: int
) -> list[WaitingFamily]:
    """What waits for an agent, the longest waiting family first."""
    found = []
    for held in await waiting(state, scope, after, limit):
        sheet = await sheet_of(state, scope, held)
        family = sheet.family
        holder = next(one for one in family.guardians if one.role == "holder")
        found.append(
            WaitingFamily(
                family=family.id, reference=family.reference,
                holder=f"{holder.last_name} {holder.first_name}",
                changes=tuple(sheet.change(one) for one in family.waiting()),
            )
        )  # fmt: skip
    return found


async def sheet_of(state: State, scope: Scope, held: Family, *, sealed: bool = False) -> Sheet:
    """A family ready to be shown to the bearer. Raises ``Refused`` (404)."""
    actor = actor_in(scope, held)
    if actor is None:
        raise not_found("ce dossier")
    file = (await state.towns.get(scope.town)).file
    eyes = Eyes(actor, rules_of(file.dossier), sealed)
    return Sheet(held, eyes.see(held), eyes, file)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A family as a reader may see it; ``held``, as it is, only answers whether they may."""

    held: Family
    family: Family
    eyes: Eyes
    file: TownFile

    @property
    def rules(self) -> Rules:
        """The town's rules."""
        return self.eyes.rules

    @property
    def actor(self) -> Actor:
        """The reader."""
        return self.eyes.reader

    def dossier(self) -> DossierOut:
        """Every field."""
        changes = self.family.changes
        members = (
            self.member("household", HOUSEHOLD),
            *(self.member(owner, one.id) for owner, one in self.family.members()),
        )
        return DossierOut(
            family=self.family.id,
            reference=self.family.reference,
            members=members,
            additions=tuple(self.change(c) for c in changes if c.waits and c.act == "add"),
            decided=tuple(self.change(c) for c in reversed(changes) if not c.waits),
            incomplete=tuple(
                slot_of(member.member, field.name)
                for member in members
                for field in member.fields
                if field.rule == "required" and not field.filled
            ),
            measures=tuple(
                MeasureOut.model_validate(one.model_dump()) for one in self.family.measures
            ),
        )

    def member(self, owner: Owner, member: str, only: frozenset[str] | None = None) -> MemberOut:
        """A member with the fields that the reader may see, or those of some sensitivities."""
        found = owner_of(self.family, member)
        if found is None:
            raise not_found("cette personne")
        holder = found[1]
        leaving = (c.id for c in self.family.waiting() if (c.act, c.member) == ("remove", member))
        return MemberOut(
            member=member,
            owner=owner,
            kind=_kind(holder),
            fields=tuple(
                self.field(owner, member, holder, ruled)
                for ruled in self.rules.of(owner)
                if self._reads(member, ruled) and (only is None or ruled.field.sensitivity in only)
            ),
            leaving=next(leaving, None),
        )

    def field(self, owner: Owner, member: str, holder: Member | Family, ruled: Ruled) -> FieldOut:
        """One field."""
        waits = [c for c in self.family.waiting() if (c.member, c.field) == (member, ruled.name)]
        value = value_of(holder, ruled.name)
        may = may_change(self.family, self.actor, owner, member)
        return FieldOut(
            name=ruled.name,
            label=_label(self.file, ruled),
            kind=ruled.field.kind,
            rule=ruled.rule,
            editable=may and (self.actor.agent or ruled.editable),
            automatic=ruled.validation == "automatic",
            sealed=ruled.field.reach.sealed,
            filled=value not in (None, [], {}),
            value=None if value == MASK else value,
            revision=self.family.revisions.get(slot_of(member, ruled.name), 0),
            waiting=_waiting(waits[0]) if waits else None,
            choices=_choices(self.file, ruled),
            statement=_statement(self.file, ruled),
        )  # fmt: skip

    def change(self, change: Change) -> ChangeOut:
        """One change."""
        owner = owner_of_change(self.family, change)
        ruled = self.rules.find(owner, change.field) if owner and change.field else None
        return ChangeOut.of(change, _label(self.file, ruled) if ruled else None)

    # -- inside ----------------------------------------------------------------------------

    def _reads(self, member: str, ruled: Ruled) -> bool:
        found = owner_of(self.held, member)
        return found is not None and self.eyes.reads(*found, ruled.field)


def _asked(file: TownFile, ruled: Ruled) -> FieldAsked:
    return FieldAsked(
        name=ruled.name, label=_label(file, ruled), kind=ruled.field.kind, rule=ruled.rule,
        sealed=ruled.field.reach.sealed, health=ruled.field.sensitivity == "health",
        choices=_choices(file, ruled), statement=_statement(file, ruled),
    )  # fmt: skip


def _label(file: TownFile, ruled: Ruled) -> str:
    labels = {one.id: one.label for one in file.dossier.permissions}
    if ruled.field.kind == "fact":
        labels = {one.id: one.label for one in file.dossier.facts}
    return labels.get(ruled.key, ruled.field.label)


def _statement(file: TownFile, ruled: Ruled) -> Text | None:
    dossier = file.dossier
    asked: Statement
    if ruled.field.kind == "certificate":
        asked = dossier.health_statement
    elif ruled.field.kind == "consent":
        asked = next(one for one in dossier.permissions if one.id == ruled.key)
    else:
        return None
    return Text(text=asked.text, version=asked.version)


def _choices(file: TownFile, ruled: Ruled) -> tuple[Choice, ...]:
    listed = _CHOICES.get(ruled.field.kind)
    return listed(file, ruled.key) if listed else ()


def _kind(holder: Member | Family) -> str | None:
    if isinstance(holder, Guardian):
        return holder.role
    return holder.kind if isinstance(holder, Contact) else None


def _waiting(change: Change) -> Waiting:
    return Waiting(
        change=change.id, request=change.request, value=change.value, by=change.by, at=change.at
    )


def _fixed(choices: Mapping[str, str]) -> Callable[[TownFile, str], tuple[Choice, ...]]:
    made = tuple(Choice(value=value, label=label) for value, label in choices.items())
    return lambda _file, _key: made


def _schools(file: TownFile, _key: str) -> tuple[Choice, ...]:
    return tuple(Choice(value=one.id, label=one.name) for one in file.schools)


def _facts(file: TownFile, key: str) -> tuple[Choice, ...]:
    fact = next(one for one in file.dossier.facts if one.id == key)
    return tuple(Choice(value=value, label=value) for value in fact.values)


_DIETS = {
    "no_restriction": "Sans restriction", "without_pork": "Sans porc",
    "without_meat": "Sans viande", "without_fish": "Sans poisson",
    "without_gluten": "Sans gluten",
}  # fmt: skip
_CHOICES: Mapping[FieldKind, Callable[[TownFile, str], tuple[Choice, ...]]] = {
    "school": _schools,
    "level": _fixed({level: level for level in LEVELS}),
    "diet": _fixed(_DIETS),
    "scheme": _fixed({"caf": "CAF", "msa": "MSA", "other": "Autre régime"}),
    "fact": _facts,
    "vaccinations": _fixed({one.id: one.label for one in VACCINES.values()}),
}
