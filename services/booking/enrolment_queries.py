"""What only reads of enrolments."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from services.booking.attached import States, states_of
from services.booking.domain.enrolled import activities_of, why_not_now, why_not_of_it, window_for
from services.booking.domain.enrolment import (
    ALREADY_ASKED,
    ALREADY_ENROLLED,
    Act,
    Enrolment,
    done_by,
)
from services.booking.domain.rules.answers import Rulebook
from services.booking.enrolment_schemas import (
    AcceptedRegulations,
    ActOut,
    CoveredActivity,
    EnrolmentOut,
    EnrolmentPage,
    EnrolmentQuery,
    GroupOut,
    Groups,
    GroupsQuery,
    WeeklyOut,
    WindowOut,
)
from services.booking.state import Booking, participant_for, participants_seen
from shared.auth import AgentScope, FamilyScope, Scope
from shared.contracts.family import Participant
from shared.contracts.town_file import EnrolmentGroup
from shared.errors import MissingCopy, not_found


async def groups(booking: Booking, scope: Scope, wanted: GroupsQuery) -> Groups:
    """The groups open to a child, now or later, and those in which it is or was enrolled."""
    town = await booking.towns.get(scope.town)
    card = await booking.family_of(scope, wanted.family)
    child = participant_for(scope, card, wanted.child, "see")
    sent = {one.group: one for one in await booking.enrolments.of_child(scope, child)}
    documents = await _states(booking, scope, [*sent.values()])
    about = _About(booking, scope, booking.rulebooks.of(town).book, child, documents)
    return Groups(
        child=child.id,
        version=town.version,
        items=[
            about.group(group, sent.get(group.id))
            for group in town.file.enrolments
            if group.id in sent or about.concerns(group)
        ],
    )


@dataclass(frozen=True, slots=True)
class _About:
    """One child, and who asks about it."""

    booking: Booking
    scope: Scope
    book: Rulebook
    child: Participant
    documents: States

    def concerns(self, group: EnrolmentGroup) -> bool:
        """Whether a group may still be, or come to be, of use to the child."""
        now = self.booking.clock.town()
        over = group.last < now.astimezone(self.book.zone).date()
        return (
            not over
            and why_not_of_it(self.book, group, self.child, now) is None
            and window_for(self.book, group, self.child, now) is not None
        )

    def group(self, group: EnrolmentGroup, sent: Enrolment | None) -> GroupOut:
        """The group as it stands for the child."""
        now = self.booking.clock.town()
        window = window_for(self.book, group, self.child, now)
        why_not = why_not_now(self.book, group, self.child, now)
        if sent is not None and sent.state in ("requested", "accepted"):
            why_not = ALREADY_ASKED if sent.state == "requested" else ALREADY_ENROLLED
        return GroupOut(
            id=group.id,
            name=group.name,
            period=group.period,
            first=group.first,
            last=group.last,
            compulsory=group.compulsory,
            activities=[
                CoveredActivity(id=one.id, name=one.name, site=one.site)
                for one in activities_of(self.book, group)
            ],
            steps=group.steps,
            documents=group.documents,
            downloads=group.downloads,
            regulations=group.regulations,
            patterns=group.patterns,
            decision=group.decision,
            window=WindowOut(state=window.state, opens=window.opens, closes=window.closes)
            if window
            else None,
            allowed=why_not is None,
            why_not=why_not,
            enrolment=shown(sent, self.scope, self.documents) if sent else None,
        )


async def enrolment(booking: Booking, scope: Scope, _id: str) -> Enrolment:
    """One enrolment, if the bearer may see the child's."""
    found = await booking.enrolments.one_of(scope, _id)
    if found is None or not await _sees(booking, scope, found):
        raise not_found("cette inscription")
    return found


async def show(booking: Booking, scope: Scope, one: Enrolment) -> EnrolmentOut:
    """An enrolment, with where its documents stand now."""
    return shown(one, scope, await _states(booking, scope, [one]))


async def _states(booking: Booking, scope: Scope, sent: Sequence[Enrolment]) -> States:
    given = [_id for one in sent for ids in one.sent.documents.values() for _id in ids]
    return await states_of(booking, scope, given)


async def sent(booking: Booking, scope: Scope, wanted: EnrolmentQuery) -> EnrolmentPage:
    """A page of what was sent: what waits for an agent, or a family's own.

    Raises ``Refused``: ``cursor-unknown``.
    """
    found = await booking.enrolments.sent(
        scope, state=wanted.state, group=wanted.group, after=wanted.after, limit=wanted.limit
    )
    documents = await _states(booking, scope, found)
    return EnrolmentPage(
        items=tuple(
            [shown(one, scope, documents) for one in found if await _sees(booking, scope, one)]
        ),
        next=found[-1].id if len(found) == wanted.limit else None,
    )


async def families_of(booking: Booking, scope: AgentScope, enrolments: Set[str]) -> Set[str]:
    """Which families these enrolments of the town are of."""
    return await booking.enrolments.families_of(scope.town, enrolments)


async def _sees(booking: Booking, scope: Scope, one: Enrolment) -> bool:
    if not isinstance(scope, FamilyScope):
        return True
    try:
        card = await booking.store.family(scope.town, one.family)
    except MissingCopy:
        return False
    return any(one.child in child.ids for child in participants_seen(scope, card))


def shown(
    one: Enrolment, scope: Scope, documents: States, *, as_receipted: bool = False
) -> EnrolmentOut:
    """``as_receipted``: as the family was first told, so that a repetition answers the same."""
    sent, agent = one.sent, isinstance(scope, AgentScope)
    at_once = as_receipted and one.receipted == "requested"
    return EnrolmentOut(
        id=one.id,
        number=one.number,
        family=one.family,
        child=one.child,
        group=one.group,
        state=one.receipted if as_receipted else one.state,
        reason=None if as_receipted else one.reason,
        answer=None if as_receipted else one.answer,
        requested_at=one.requested_at,
        decided_at=None if at_once else one.decided_at,
        channel=sent.channel,
        guardian=sent.guardian,
        version=sent.version,
        pattern=sent.pattern,
        weekly=[WeeklyOut(**choice.model_dump()) for choice in sent.weekly],
        regulations=AcceptedRegulations(version=sent.regulations, accepted_at=one.requested_at)
        if sent.regulations
        else None,
        documents=dict(sent.documents),
        document_states={
            _id: documents[_id]
            for ids in sent.documents.values()
            for _id in ids
            if _id in documents and not as_receipted
        },
        comment=sent.comment,
        overridden=sent.overridden,
        override=sent.override,
        request=None if at_once else one.request,
        unbooked=None if at_once else one.unbooked,
        history=[_act(act, agent) for act in (_until_sent(one) if at_once else one.history)],
    )


def _until_sent(one: Enrolment) -> Sequence[Act]:
    last = max(n for n, act in enumerate(one.history) if act.what == "requested")
    return one.history[: last + 1]


def _act(act: Act, agent: bool) -> ActOut:
    by = done_by(act)
    return ActOut(
        at=act.at,
        what=act.what,
        by=by,
        account=act.by if agent or by != "agent" else None,
        channel=act.channel,
        guardian=act.guardian,
        reason=act.reason,
    )
