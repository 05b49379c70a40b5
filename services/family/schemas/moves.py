"""Request and response models of moves between family records."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.family.domain.moves import UNDO_WITHIN, Move, MoveKind, Wish
from shared.contracts.family import Became
from shared.web.routes import Input, Output

_Id = Annotated[str, Field(min_length=1, max_length=64)]
_Ids = Annotated[tuple[_Id, ...], Field(min_length=1, max_length=30)]
_Reference = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9./_-]{0,29}$")]


class SameIn(Input):
    """``member`` of the record that goes is ``into`` of the one that stays."""

    member: _Id
    into: _Id


class MergeIn(Input):
    """``source`` becomes part of the record in the path; ``same``: its members who are there
    already. Rights over the children come with those who have them."""

    source: _Id
    same: Annotated[tuple[SameIn, ...], Field(max_length=30)] = ()

    def wish(self) -> Wish:
        """What is to be done."""
        return Wish(same=tuple(Became(member=one.member, into=one.into) for one in self.same))


class SplitIn(Input):
    """These guardians leave for a new record of this reference, with the rights that they have
    over these children (all without), who are in both records from then on."""

    guardians: _Ids
    reference: _Reference
    children: _Ids | None = None

    def wish(self) -> Wish:
        """What is to be done."""
        return Wish(guardians=self.guardians, reference=self.reference, children=self.children)


class GuardianRightsIn(Input):
    """What a guardian of the record that receives may do about the children."""

    guardian: _Id
    see: bool
    decide: bool
    pay: bool


class TransferIn(Input):
    """These children go to ``target``. Guardians who are not named have no right over them."""

    target: _Id
    children: _Ids
    rights: Annotated[tuple[GuardianRightsIn, ...], Field(min_length=1, max_length=30)]

    def wish(self) -> Wish:
        """What is to be done."""
        rights = tuple((one.guardian, one.see, one.decide, one.pay) for one in self.rights)
        return Wish(children=self.children, rights=rights)


class MoveOut(Output):
    """A move that is done. ``undo_until``: until when it may be undone, where it may."""

    move: str
    kind: MoveKind
    source: str
    target: str
    agent: str
    at: datetime
    undoes: str | None
    undone_by: str | None
    undo_until: datetime | None

    @classmethod
    def of(cls, move: Move) -> MoveOut:
        """The answer for a move."""
        may = move.kind == "merge" and move.undone_by is None
        return cls(
            move=move.id, kind=move.kind, source=move.source, target=move.target,
            agent=move.agent, at=move.at, undoes=move.undoes, undone_by=move.undone_by,
            undo_until=move.at + UNDO_WITHIN if may else None,
        )  # fmt: skip


class MovesOut(Output):
    """The moves that a record took part in, latest first."""

    moves: tuple[MoveOut, ...]
