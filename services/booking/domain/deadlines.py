"""Until when an action is possible, and the sentence that explains it.

Source of the shapes: the published rules of French towns (``docs/town-file.md``); D1 is a cut-off
in an earlier week, D2 and D7 a number of days before. The minute of a cut-off is included: at
``23:59`` the action is possible until 23:59:59.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from shared.contracts.town_file import Activity, Cutoff, DayCutoff, Deadline
from shared.french import instant_words

Action = Literal["book", "cancel"]
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether an action is possible, and why.

    ``cutoff`` is the last minute at which it is or was possible (an aware instant in the town's
    zone), None when it never is; ``rule`` is the id of the rule that decided.
    """

    allowed: bool
    cutoff: datetime | None
    rule: str | None
    code: str
    explanation: str


def wall_instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The instant of a wall-clock time: the first of two on an autumn night; on a spring night,
    a time that does not exist is as long after midnight as it would have been."""
    local = datetime.combine(day, clock, zone)
    return local.astimezone(UTC).astimezone(zone)


def cutoff_instant(cutoff: Cutoff, day: date, zone: ZoneInfo) -> datetime:
    """The last minute, as an aware instant in the town's zone, to act on ``day``."""
    if isinstance(cutoff, DayCutoff):
        return wall_instant(day - timedelta(days=cutoff.days_before), cutoff.time, zone)
    monday = day - timedelta(days=day.isoweekday() - 1, weeks=cutoff.weeks_before)
    return wall_instant(monday + timedelta(days=cutoff.weekday.number - 1), cutoff.time, zone)


def rule_for(rules: Sequence[Deadline], day: date) -> Deadline | None:
    """The rule in force on ``day``: at most one, the town file sees to it."""
    return next((rule for rule in rules if rule.holds_on(day)), None)


_VERBS = {"book": ("Réservation", "réserver"), "cancel": ("Annulation", "annuler")}


def may(action: Action, activity: Activity, day: date, now: datetime, zone: ZoneInfo) -> Answer:
    """Whether ``action`` is still possible for ``day`` at ``now`` (aware)."""
    rules = activity.deadlines.book if action == "book" else activity.deadlines.cancel
    noun, verb = _VERBS[action]
    rule = rule_for(rules, day)
    if rule is None:
        return Answer(False, None, None, "no-rule", f"{noun} impossible pour cette date.")
    cutoff = cutoff_instant(rule.cutoff, day, zone)
    # In UTC: within one zone Python adds and compares wall-clock times, folds unseen.
    if now.astimezone(UTC) < cutoff.astimezone(UTC) + _MINUTE:
        words = instant_words(cutoff, zone)
        return Answer(True, cutoff, rule.id, "open", f"Vous pouvez {verb} jusqu'au {words}.")
    words = instant_words(cutoff, zone)
    return Answer(
        False, cutoff, rule.id, "too-late", f"{noun} close depuis le {words} (délai dépassé)."
    )
