"""*Mes demandes*: a family's requests, whatever they ask for, as each reader may see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.contracts.requests import RequestAct, RequestCard, RequestPart, Standing

#: Where a family finds what it asked: what waits for its payment waits for nobody else.
Found = Standing | Literal["to_pay"]
#: ``partly``: not everything that was asked has been answered alike.
Overall = Found | Literal["partly"]


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose requests a reader sees: those about these children and themselves, whoever asked; and
    those of these families about the household, or meant for this guardian alone. ``names`` has
    each id of such a person with all of theirs; ``guardians`` None: an agent, who sees what is
    meant for one guardian too."""

    names: Mapping[str, frozenset[str]]
    families: frozenset[str]
    guardians: frozenset[str] | None

    @property
    def children(self) -> frozenset[str]:
        """Every id of the children and adults."""
        return frozenset(self.names)

    def part(self, card: RequestCard, part: RequestPart) -> bool:
        """Whether the reader sees this part of a request."""
        if card.guardian is not None and not (
            self.guardians is None or card.guardian in self.guardians
        ):
            return False
        return card.family in self.families if part.child is None else part.child in self.children


def seen_by(card: RequestCard, reach: Reach) -> RequestCard | None:
    """The request as far as the reader may see it; None when they see nothing of it."""
    parts = tuple(part for part in card.parts if reach.part(card, part))
    if not parts:
        return None
    shown = {part.child for part in parts}
    history = tuple(
        act.model_copy(update={"children": kept})
        for act in card.history
        if (kept := tuple(child for child in act.children if child in shown))
    )
    return card.model_copy(update={"parts": parts, "history": history})


def overall(card: RequestCard) -> Overall:
    """Where a request stands as a whole: it waits as long as something of it waits, to be paid by
    its family before all."""
    if any(part.to_pay for part in card.parts):
        return "to_pay"
    states = {state for part in card.parts for state in part.states}
    if "waiting" in states:
        return "waiting"
    return states.pop() if len(states) == 1 else "partly"


def changed_at(card: RequestCard) -> datetime:
    """When something last happened to it."""
    return max((act.at for act in card.history), default=card.requested_at)


def unread(card: RequestCard, read_until: datetime | None) -> int:
    """How many times the town has answered or written since the reader last looked."""
    return sum(
        1 for act in card.history
        if is_news(act) and (read_until is None or _stored(act.at) > _stored(read_until))
    )  # fmt: skip


def news_at(card: RequestCard, child: str | None) -> datetime | None:
    """When the town last said something about that child (None: the household)."""
    said = [act.at for act in card.history if is_news(act) and child in act.children]
    return max(said, default=None)


def is_news(act: RequestAct) -> bool:
    """Whether it tells the family something: what the rules answered at once it was told at once,
    and what an agent asked for it, it asked."""
    return act.by == "agent" and act.what != "asked"


def _stored(instant: datetime) -> datetime:
    """As the database keeps it: in milliseconds."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
