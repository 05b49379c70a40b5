"""Where a participant is enrolled, when families may enrol, and what that lets them book."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from services.booking.domain.rules.answers import Rulebook
from services.booking.domain.rules.cutoffs import wall_instant
from services.booking.domain.rules.facts import why_not_for
from shared.contracts.booking import EnrolmentState, Override, Reason
from shared.contracts.family import Participant
from shared.contracts.town_file import Activity, EnrolmentGroup
from shared.french import day_words, instant_words
from shared.traits import belongs, traits_of

WindowState = Literal["open", "next", "over"]
_MINUTE = timedelta(minutes=1)

NO_WINDOW = Reason(code="not-eligible", text="Cette inscription ne vous est pas ouverte.")
WITHHELD = Reason(
    code="withheld",
    text="Les coordonnées de cet adulte sont protégées, et la facture de la famille irait à"
    " quelqu'un d'autre : contactez la mairie.",
)
OVER = Reason(code="enrolment-over", text="Cette inscription concerne des jours passés.")


@dataclass(frozen=True, slots=True)
class Window:
    """A window as it stands for one child at one instant; both instants in the town's zone."""

    state: WindowState
    opens: datetime
    closes: datetime
    zone: ZoneInfo

    def words(self) -> str:
        """What families read of it."""
        opens, closes = (instant_words(one, self.zone) for one in (self.opens, self.closes))
        if self.state == "open":
            return f"Inscriptions ouvertes jusqu'au {closes}."
        if self.state == "next":
            return f"Inscriptions ouvertes du {opens} au {closes}."
        return f"Inscriptions closes depuis le {closes}."


def window_for(
    book: Rulebook, group: EnrolmentGroup, child: Participant, now: datetime
) -> Window | None:
    """The window that is open, else the next one, else the last; None when there is none for such
    a child."""
    traits = traits_of(child, _first_day(book, group, now))
    found = []
    for one in group.windows:
        audiences = [book.audiences[name] for name in one.audiences]
        if audiences and not any(belongs(audience, traits) for audience in audiences):
            continue
        opens, closes = (
            wall_instant(wall.date(), wall.time(), book.zone) for wall in (one.opens, one.closes)
        )
        over = now >= closes.astimezone(UTC) + _MINUTE
        state: WindowState = "over" if over else "next" if now < opens else "open"
        found.append(Window(state, opens, closes, book.zone))
    for wanted in ("open", "next"):
        if fitting := [one for one in found if one.state == wanted]:
            return min(fitting, key=lambda one: one.opens)
    return max(found, key=lambda one: one.closes, default=None)


def why_not_of_it(
    book: Rulebook, group: EnrolmentGroup, child: Participant, now: datetime
) -> Reason | None:
    """Why none of the group's activities is for the child or adult, on its first day to come or its
    last; None when one is."""
    days = (_first_day(book, group, now), group.last)
    answers = [
        why_not_for(activity.eligible, traits_of(child, day), book.audiences)
        for activity in activities_of(book, group)
        for day in days
    ]
    return None if None in answers else answers[0]


def why_not_now(
    book: Rulebook,
    group: EnrolmentGroup,
    child: Participant,
    now: datetime,
    aside: Collection[Override] = (),
) -> Reason | None:
    """Why a family cannot enrol the child or adult now, or None; ``aside`` is what an agent
    overrides."""
    if child.withheld:
        return WITHHELD
    if group.last < now.astimezone(book.zone).date():
        return OVER
    not_for = None if "eligibility" in aside else why_not_of_it(book, group, child, now)
    if not_for is not None or "deadline" in aside:
        return not_for
    window = window_for(book, group, child, now)
    if window is None:
        return NO_WINDOW
    if window.state == "open":
        return None
    return Reason(code="outside-window", text=window.words())


def activities_of(book: Rulebook, group: EnrolmentGroup) -> list[Activity]:
    """What the group covers."""
    return [one for one in book.file.activities if one.id in group.activities]


def _first_day(book: Rulebook, group: EnrolmentGroup, now: datetime) -> date:
    return max(group.first, now.astimezone(book.zone).date())


# -- what it lets one book -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Where a family's children and adults are enrolled: the compulsory ``groups`` by activity, and
    the ``states`` of what was sent, by child and group."""

    book: Rulebook | None = None
    now: datetime | None = None
    groups: Mapping[str, Sequence[EnrolmentGroup]] = field(default_factory=dict)
    states: Mapping[tuple[str, str], EnrolmentState] = field(default_factory=dict)

    def missing(self, child: str, activity: str, day: date) -> EnrolmentGroup | None:
        """The compulsory group that the child would have to be enrolled in to be booked that day
        (where none counts for it, the one that comes nearest); None when it may be booked."""
        groups = self.groups.get(activity)
        if not groups:
            return None
        counting = [group for group in groups if group.holds(day)]
        if any(self.states.get((child, group.id)) == "accepted" for group in counting):
            return None
        return min(counting or groups, key=lambda one: _distance(one, day))

    def why_not(self, child: Participant, activity: str, day: date) -> Reason | None:
        """Why the child cannot be booked there that day, naming the group and its window."""
        group = self.missing(child.id, activity, day)
        if group is None:
            return None
        if group.holds(day):
            return Reason(code="not-enrolled", text=self.words(group, child))
        first, last = day_words(group.first), day_words(group.last)
        text = f"{_NEEDED} : « {group.title} » ne va que du {first} au {last}."
        return Reason(code="not-enrolled", text=text)

    def words(self, group: EnrolmentGroup, child: Participant) -> str:
        """What is to be done before booking."""
        if self.book is None or self.now is None:
            raise ValueError("nothing is known of the town's groups")
        needed = f"{_NEEDED} : « {group.title} »."
        if self.states.get((child.id, group.id)) == "requested":
            return f"{needed} Votre demande d'inscription attend sa réponse."
        window = window_for(self.book, group, child, self.now)
        words = window.words() if window else NO_WINDOW.text
        return f"{needed} {words}"


_NEEDED = "Inscription nécessaire avant de réserver"


def _distance(group: EnrolmentGroup, day: date) -> int:
    return max((group.first - day).days, (day - group.last).days, 0)


def compulsory(book: Rulebook) -> dict[str, list[EnrolmentGroup]]:
    """The groups without which an activity is not booked, by activity."""
    found: dict[str, list[EnrolmentGroup]] = {}
    for group in book.file.enrolments:
        if group.compulsory:
            for activity in group.activities:
                found.setdefault(activity, []).append(group)
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """What besides rules and places decides what a family may book: whether it asks ``online``
    itself, and where its children and adults are enrolled."""

    online: bool = False
    enrolled: Enrolled = Enrolled()

    def why_not(
        self, activity: Activity, child: Participant, day: date, aside: Collection[Override] = ()
    ) -> Reason | None:
        """Why it is not booked this way, or not yet."""
        if self.online and activity.desk_only is not None:
            return Reason(code="desk-only", text=activity.desk_only)
        if "enrolment" in aside:
            return None
        return self.enrolled.why_not(child, activity.id, day)
