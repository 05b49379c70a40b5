"""Routes of moves between family records: for agents."""

from __future__ import annotations

from services.family.commands import moves as commands
from services.family.queries import moves as queries
from services.family.schemas.moves import MergeIn, MoveOut, MovesOut, SplitIn, TransferIn
from services.family.state import State
from shared.auth import agents
from shared.web.routes import Call, NoBody, NoQuery, Route

_AGENTS = agents("administrator", "childcare_office")
_REFUSALS = (
    "record-busy", "merged-already", "idempotency-key-reused", "idempotency-key-missing",
)  # fmt: skip


async def merge(state: State, call: Call[MergeIn, NoQuery]) -> MoveOut:
    """Two records become one."""
    return MoveOut.of(
        await commands.merge(
            state, call.agent_scope, call.path["family"], call.body.source, call.body.wish(),
            command=call.known_command, expected=call.expected,
        )
    )  # fmt: skip


async def split(state: State, call: Call[SplitIn, NoQuery]) -> MoveOut:
    """One household becomes two."""
    return MoveOut.of(
        await commands.split(
            state, call.agent_scope, call.path["family"], call.body.wish(),
            command=call.known_command, expected=call.expected,
        )
    )  # fmt: skip


async def transfer(state: State, call: Call[TransferIn, NoQuery]) -> MoveOut:
    """Children go to another record."""
    return MoveOut.of(
        await commands.transfer(
            state, call.agent_scope, call.path["family"], call.body.target, call.body.wish(),
            command=call.known_command, expected=call.expected,
        )
    )  # fmt: skip


async def undo(state: State, call: Call[NoBody, NoQuery]) -> MoveOut:
    """A merge is undone."""
    return MoveOut.of(
        await commands.undo(state, call.agent_scope, call.path["move"], call.known_command)
    )


async def list_moves(state: State, call: Call[NoBody, NoQuery]) -> MovesOut:
    """What was done to a record."""
    found = await queries.of_family(state, call.agent_scope, call.path["family"])
    return MovesOut(moves=tuple(MoveOut.of(one) for one in found))


ROUTES = [
    Route(
        "POST", "/families/{family}/merges", merge, "Make another record part of this one",
        access=_AGENTS, answer=MoveOut, body=MergeIn, status=201, idempotent=True, guarded=True,
        refusals=(*_REFUSALS, "same-record", "not-the-same-kind", "paired-twice", "health-differs"),
    ),
    Route(
        "POST", "/families/{family}/splits", split,
        "Guardians leave for a record of their own, the children are in both",
        access=_AGENTS, answer=MoveOut, body=SplitIn, status=201, idempotent=True, guarded=True,
        refusals=(*_REFUSALS, "reference-taken", "nobody-left"),
    ),
    Route(
        "POST", "/families/{family}/transfers", transfer, "Children go to another record",
        access=_AGENTS, answer=MoveOut, body=TransferIn, status=201, idempotent=True,
        guarded=True, refusals=(*_REFUSALS, "same-record", "nobody-decides"),
    ),
    Route(
        "GET", "/families/{family}/moves", list_moves, "What was moved into or out of a record",
        access=_AGENTS, answer=MovesOut,
    ),
    Route(
        "POST", "/moves/{move}/undo", undo, "Undo a merge, within thirty days",
        access=_AGENTS, answer=MoveOut, status=201, idempotent=True,
        refusals=(*_REFUSALS, "not-a-merge", "already-undone", "too-late-to-undo",
                  "changed-since"),
    ),
]  # fmt: skip
