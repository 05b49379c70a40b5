"""Accounts follow their people: whom a family record that was merged, split or undone leaves in
another record, the account reaches there.

What a holder proved (by a key, before an agent) stays as it was proved; links that follow from it
(``how`` is ``move``) are reckoned anew from the records as they are. So a merge undone needs no
undoing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.identity.domain.accounts import (
    Account,
    Changed,
    Link,
    Membership,
    WithdrawnLink,
    changed_states,
    with_membership,
)
from shared.contracts.identity import FamilyUnlinked

#: A record merged into one merged into one …: what is longer than this is a circle.
_MERGED_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Record:
    """What identity knows of a family record: its guardians; of which record it is part, if it is;
    who of it is known there as somebody else."""

    id: str
    guardians: frozenset[str]
    merged_into: str | None = None
    became: Mapping[str, str] = field(default_factory=dict)


Records = Mapping[str, Record]


def end_of(record: str, records: Records) -> str:
    """The record of which that one is part now, at the end: itself, when of none."""
    for _ in range(_MERGED_AT_MOST):
        known = records.get(record)
        if known is None or known.merged_into is None:
            return record
        record = known.merged_into
    return record


def person_of(guardian: str, records: Records) -> str:
    """The id under which a guardian is known today; of names that go round, one that a record
    still has."""
    became = {old: new for record in records.values() for old, new in record.became.items()}
    names = [guardian]
    while (into := became.get(names[-1])) is not None and into not in names:
        names.append(into)
    if into is None:
        return names[-1]
    here = {
        one for record in records.values() if not record.merged_into for one in record.guardians
    }
    return next((one for one in reversed(names) if one in here), names[-1])


def guardians_of(record: str, records: Records) -> frozenset[str] | None:
    """Who the guardians of a record are today; None when it was never heard of."""
    known = records.get(end_of(record, records))
    return None if known is None else known.guardians


def follow(account: Account, town: str, records: Records) -> Changed:
    """The account with the links that follow from those it has proved; nothing is said when they
    are those it has."""
    membership = account.membership(town)
    if membership is None:
        return Changed(account, ())
    links = _links(membership, records)
    if links == membership.families:
        return Changed(account, ())
    after = account.model_copy(update={"memberships": tuple(
        one.model_copy(update={"families": links}) if one.town == town else one
        for one in account.memberships
    )})  # fmt: skip
    return Changed(after, changed_states(after, {town}))


def _links(membership: Membership, records: Records) -> tuple[Link, ...]:
    """What a membership has proved, and what follows from that."""
    proved = [link for link in membership.families if link.how != "move"]
    known = {(link.family, link.guardian) for link in proved}
    followed = []
    for link in proved:
        for pair in _reached(link, records):
            if pair not in known:
                known.add(pair)
                followed.append(
                    Link(family=pair[0], guardian=pair[1], how="move", since=link.since)
                )
    return (*proved, *sorted(followed, key=lambda one: (one.family, one.guardian)))


def withdraw(account: Account, town: str, family: str, records: Records, now: datetime) -> Changed:
    """The account is no guardian of this family any more, whatever record it is part of: what was
    proved of it goes, and what was proved elsewhere and leads there. Each link that goes is kept
    as withdrawn, so that no earlier proof brings it back. Without a link nothing changes."""
    membership = account.membership(town)
    if membership is None or all(link.family != family for link in membership.families):
        return Changed(account, ())
    kept = tuple(
        link
        for link in membership.families
        if link.how != "move"
        and link.family != family
        and all(record != family for record, _ in _reached(link, records))
    )
    links = _links(membership.model_copy(update={"families": kept}), records)
    left = {(link.family, link.guardian) for link in links}
    gone = [
        (link.family, link.guardian)
        for link in membership.families
        if (link.family, link.guardian) not in left
    ]
    withdrawn_links = (
        *(one for one in membership.withdrawn_links if (one.family, one.guardian) not in gone),
        *(WithdrawnLink(family=record, guardian=guardian, at=now) for record, guardian in gone),
    )
    after = with_membership(account, membership.model_copy(
        update={"families": links, "withdrawn_links": withdrawn_links}
    ))  # fmt: skip
    facts = tuple(
        FamilyUnlinked(account=account.id, town=town, family=record, guardian=guardian)
        for record, guardian in gone
    )
    return Changed(after, (*facts, *changed_states(after, {town})))


def _reached(link: Link, records: Records) -> Sequence[tuple[str, str]]:
    """Where that person is a guardian today, each record with those that are part of it."""
    person = person_of(link.guardian, records)
    homes = [
        one.id for one in records.values() if one.merged_into is None and person in one.guardians
    ]
    parts = [
        one.id
        for one in records.values()
        if one.merged_into is not None and end_of(one.id, records) in homes
    ]
    return [(record, person) for record in sorted((*homes, *parts))]
