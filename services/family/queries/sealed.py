"""What is kept sealed – health, bank details – read one member at a time, each reading recorded
before it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from services.family.domain.fields import owner_of
from services.family.domain.health import VACCINES, compulsory, good
from services.family.domain.household import Change, Child, Family, Guardian
from services.family.domain.kinds import Setting
from services.family.domain.parts import Author
from services.family.domain.work import reason_of
from services.family.queries.dossiers import Sheet, sheet_of
from services.family.queries.households import family_of, held_by
from services.family.queries.sites import check_site, over
from services.family.schemas.dossiers import (
    BankOut,
    ChangeOut,
    FieldOut,
    HealthOut,
    MemberOut,
    ReadOut,
    Vaccination,
)
from services.family.state import State
from shared.auth import Bearer, FamilyScope, Scope
from shared.banking import bank_name_of, masked
from shared.contracts.dossier import Sensitivity
from shared.errors import forbidden, not_found
from shared.store import Document

#: How the readings are named in the audit, and for families.
READINGS: Mapping[Sensitivity, str] = {"health": "health_sheet", "bank": "bank_details"}


async def health(state: State, scope: Scope, bearer: Bearer, family: str, child: str) -> HealthOut:
    """A child's health sheet. Raises ``Refused`` (404, 403), ``StoreUnavailable``."""
    scope = over(scope, family)
    shown = await _open(state, scope, bearer, family, child, "health")
    found = shown.child(child)
    today = Setting(shown.sheet.file, state.clock.town(), Author(account=scope.account)).today
    certificate = found.health_certificate
    needed = {vaccine.id for vaccine in compulsory(found.birth_date)}
    told = shown.value("vaccinations") or []
    return HealthOut(
        family=family,
        child=child,
        sheet=shown.member,
        decided=shown.decided,
        first_name=found.first_name,
        last_name=found.last_name,
        certified=good(certificate, today),
        certified_until=certificate and certificate.until,
        vaccinations=tuple(
            Vaccination(
                vaccine=one.id, label=one.label, compulsory=one.id in needed,
                given=tuple(given["on"] for given in told if given["vaccine"] == one.id),
            )
            for one in VACCINES.values()
            if one.id in needed or any(given["vaccine"] == one.id for given in told)
        ),
    )  # fmt: skip


async def bank(state: State, scope: Scope, bearer: Bearer, family: str, guardian: str) -> BankOut:
    """A guardian's bank details, the IBAN masked. Raises as ``health`` does."""
    shown = await _open(state, scope, bearer, family, guardian, "bank")
    iban = shown.value("iban")
    return BankOut(
        family=family,
        child=None,
        sheet=shown.member.model_copy(
            update={"fields": tuple(_masked(field) for field in shown.member.fields)}
        ),
        decided=shown.decided,
        bank=bank_name_of(iban) if iban else None,
    )


async def reads(
    state: State, scope: Scope, family: str, after: str | None, limit: int
) -> tuple[list[ReadOut], str | None]:
    """Who read what is kept sealed of a family, the latest first; a guardian sees what is about
    the children they see, and bank details. Raises ``Refused`` (404, 422)."""
    seen, _ = await family_of(state, scope, family)
    children = {_id for child in seen.children for _id in child.ids}
    found = await state.audit.reads_of(scope.town, sorted(seen.ids), sorted(children), after, limit)
    shown = [
        ReadOut(
            at=one["at"], account=one["account"], roles=tuple(one["roles"]), what=one["what"],
            child=next(iter(one["children"]), None),
        )
        for one in found
        if not isinstance(scope, FamilyScope) or _theirs(one, scope, children)
    ]  # fmt: skip
    return shown, found[-1]["_id"] if len(found) == limit else None


def _theirs(entry: Document, scope: FamilyScope, children: set[str]) -> bool:
    """Whether a guardian is shown a reading: of children they see; of bank details, by agents and
    by themselves."""
    if entry["children"]:
        return children.issuperset(entry["children"])
    return bool(entry["roles"]) or bool(entry["account"] == scope.account)


# -- inside ---------------------------------------------------------------------------------------


class _Shown:
    """A member with its sealed fields opened, and what was ``decided`` about them."""

    def __init__(
        self, sheet: Sheet, family: Family, member: MemberOut, decided: tuple[ChangeOut, ...]
    ) -> None:
        self.sheet = sheet
        self.family = family
        self.member = member
        self.decided = decided

    def child(self, child: str) -> Child:
        """The child it is about."""
        return next(one for one in self.family.children if one.id == child)

    def value(self, name: str) -> Any:
        """What a field holds."""
        return next((one.value for one in self.member.fields if one.name == name), None)


async def _open(
    state: State,
    scope: Scope,
    bearer: Bearer,
    family: str,
    member: str,
    what: Literal["health", "bank"],
) -> _Shown:
    held, _ = await held_by(state, scope, family)
    await check_site(state, scope, held, member)
    sheet = await sheet_of(state, scope, held, sealed=True)
    seen = sheet.family
    found = owner_of(seen, member)
    if found is None or not isinstance(found[1], Child if what == "health" else Guardian):
        raise not_found("cette personne")
    shown = sheet.member(found[0], member, frozenset({what}))
    if not shown.fields:
        raise forbidden()
    child = member if what == "health" else None
    await state.audit.sensitive_read(bearer, READINGS[what], family=family, child=child)
    opened = tuple(_opened(state, member, field) for field in shown.fields)
    names = {field.name for field in shown.fields}
    decided = tuple(
        sheet.change(_with_reason(state, one))
        for one in reversed(seen.changes)
        if not one.waits and one.member == member and one.field in names
    )
    return _Shown(sheet, seen, shown.model_copy(update={"fields": opened}), decided)


def _with_reason(state: State, change: Change) -> Change:
    reason = change.reason
    if isinstance(reason, dict):
        reason = state.vault.opened(change.member, reason_of(change.field), reason)
    return change.model_copy(update={"reason": reason})


def _opened(state: State, member: str, field: FieldOut) -> FieldOut:
    def value(sealed: Any) -> Any:
        return None if sealed is None else state.open(member, field.name, sealed)

    waiting = field.waiting
    if waiting is not None:
        waiting = waiting.model_copy(update={"value": value(waiting.value)})
    return field.model_copy(update={"value": value(field.value), "waiting": waiting})


def _masked(field: FieldOut) -> FieldOut:
    if field.kind != "iban":
        return field
    waiting = field.waiting
    if waiting is not None and waiting.value is not None:
        waiting = waiting.model_copy(update={"value": masked(waiting.value)})
    return field.model_copy(
        update={"value": field.value and masked(field.value), "waiting": waiting}
    )
