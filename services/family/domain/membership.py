"""Who is of a household: somebody joins, somebody leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from services.family.domain.household import (
    Child,
    Contact,
    Family,
    Guardian,
    Origin,
    plain,
)
from services.family.domain.kinds import Setting
from shared.contracts.dossier import Owner
from shared.contracts.family import ChildRights
from shared.contracts.town_file import Residence
from shared.errors import Refused
from shared.traits import age_on

MemberKind = Literal["guardian", "child", "emergency", "authorised_collector"]

#: Under which owner the fields of a new member are listed.
KINDS_OF_MEMBER: Mapping[MemberKind, Owner] = {
    "guardian": "guardian", "child": "child",
    "emergency": "contact", "authorised_collector": "contact",
}  # fmt: skip
MEMBER_KINDS: tuple[MemberKind, ...] = get_args(MemberKind)


def joined(
    family: Family, kind: MemberKind, member: str, values: Mapping[str, Any], origin: Origin
) -> Family:
    """The family with somebody new, of whom these fields are known.

    Raises ``Refused``: ``guardian-known``, ``child-known``.
    """
    named = {"id": member, "origin": origin,
             "first_name": values["first_name"], "last_name": values["last_name"]}  # fmt: skip
    return _JOIN[kind](family, named, values)


def _guardian(family: Family, named: Mapping[str, Any], _values: Mapping[str, Any]) -> Family:
    roles = {one.role for one in family.guardians}
    if "co_holder" in roles:
        raise Refused("guardian-known", "Ce dossier a déjà deux responsables.")
    new = Guardian(
        **named, role="co_holder" if "holder" in roles else "holder", phone=None, email=None,
        address=None, invoiced=not family.guardians,
        rights=tuple(_all_rights(child.id) for child in family.children),
    )  # fmt: skip
    return family.model_copy(update={"guardians": (*family.guardians, new)})


def _child(family: Family, named: Mapping[str, Any], values: Mapping[str, Any]) -> Family:
    new = Child(**named, birth_date=values["birth_date"], school=None, level=None)
    if any(_same(new, one) for one in family.children):
        raise Refused("child-known", "Cet enfant figure déjà dans le dossier.")
    guardians = tuple(
        one if one.limited
        else one.model_copy(update={"rights": (*one.rights, _all_rights(new.id))})
        for one in family.guardians
    )  # fmt: skip
    return family.model_copy(update={"children": (*family.children, new), "guardians": guardians})


def _contact(kind: Literal["emergency", "authorised_collector"]) -> Callable[..., Family]:
    def join(family: Family, named: Mapping[str, Any], values: Mapping[str, Any]) -> Family:
        new = Contact(**named, kind=kind, phone=None, relation=None)
        return family.model_copy(update={"contacts": (*family.contacts, new)})

    return join


_JOIN: Mapping[MemberKind, Callable[..., Family]] = {
    "guardian": _guardian, "child": _child,
    "emergency": _contact("emergency"), "authorised_collector": _contact("authorised_collector"),
}  # fmt: skip


def left(family: Family, member: str) -> Family:
    """The family without that member, and nobody's rights over them."""

    def others(group: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(one for one in group if one.id != member)

    guardians = tuple(
        one.model_copy(update={"rights": tuple(r for r in one.rights if r.child != member)})
        for one in others(family.guardians)
    )
    if guardians and not any(one.invoiced for one in guardians):
        holder = next(one for one in guardians if one.role == "holder")
        guardians = tuple(
            one.model_copy(update={"invoiced": True}) if one is holder else one for one in guardians
        )
    return family.model_copy(
        update={"guardians": guardians, "children": others(family.children),
                "contacts": others(family.contacts)}
    )  # fmt: skip


def of_age(contact: Contact, setting: Setting) -> bool:
    """Whether somebody is old enough to fetch a child, as far as it has been told: nothing is
    asked anew of those whom the town's own file authorised."""
    if contact.kind != "authorised_collector" or contact.adult:
        return True
    if contact.birth_date is not None:
        return age_on(contact.birth_date, setting.today) >= setting.file.dossier.collector_age
    return contact.origin == "import" and contact.adult is None


def _all_rights(child: str) -> ChildRights:
    return ChildRights(child=child, see=True, decide=True, pay=True)


def _same(one: Child, other: Child) -> bool:
    return _identity(one) == _identity(other)


def _identity(child: Child) -> tuple[str, str, Any]:
    return plain(child.first_name), plain(child.last_name), child.birth_date


def housed(family: Family, rule: Residence | None) -> Family:
    """The family with what its guardians' addresses say of where it lives; as it was where no
    address has its commune's code."""
    codes = {one.address.citycode for one in family.guardians if one.address} - {None}
    if rule is None or not codes:
        return family
    lives = not codes.isdisjoint(rule.communes)
    return family.model_copy(update={"facts": {**family.facts, rule.fact: lives}})
