"""Records merged, split, undone, children transferred: over HTTP, whatever dies on the way."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from services.family.commands import moves as commands
from services.family.commands.importing import import_families
from services.family.domain.household import family_id, member_id
from services.family.domain.moves import Move, Wish
from services.family.service import build, state_of
from services.family.state import State
from services.family.store import families as family_store
from services.family.store import moves as move_store
from shared.auth import AgentScope
from shared.contracts.family import Became
from shared.failpoints import Step
from shared.ids import new_id
from shared.web.conditional import Expected
from shared.web.routes import Command
from tests.family.test_spreadsheet import CHILD, CO_HOLDER, CONTACT, HEADER, HOLDER
from tests.samples import say_town, town_file
from tests.world import START, Answer, StartWorld, World, eventually

OTHER = (HOLDER + CHILD.replace(";voir;", ";;")).replace("12;", "13;").replace("D'Éon", "Deon")
FILE = HEADER + HOLDER + CO_HOLDER + CHILD + CONTACT + OTHER
A, B = family_id("veyras", "12"), family_id("veyras", "13")
HOLDER_A, CO_HOLDER_A, CHILD_A = (member_id(A, number) for number in "123")
HOLDER_B, CHILD_B = (member_id(B, number) for number in "13")
SAME = [{"member": HOLDER_B, "into": HOLDER_A}, {"member": CHILD_B, "into": CHILD_A}]
BASE = "/api/family/v1/veyras"


@pytest.fixture
async def running(start_world: StartWorld) -> AsyncIterator[World]:
    async with start_world({"family": build}) as it:
        await say_town(it, town_file())
        await import_families(state_of(it.of("family").parts), "veyras", FILE.encode())
        yield it


@dataclass
class Desk:
    """An agent at work."""

    world: World

    @property
    def token(self) -> str:
        return self.world.token(account="a" * 32, roles=("childcare_office",))

    async def get(self, path: str) -> Answer:
        return await self.world.call("GET", BASE + path, token=self.token)

    async def tag(self, family: str) -> str:
        tag: str = (await self.get(f"/families/{family}")).headers["ETag"]
        return tag

    async def post(
        self, path: str, body: Any = None, *, seen: str | None = None, key: str | None = None
    ) -> Answer:
        """POST, having seen that record as it is now (or with that tag)."""
        tag = await self.tag(seen) if seen and not seen.startswith('"') else seen
        return await self.world.call(
            "POST", BASE + path, token=self.token, json=body, key=key,
            headers={"If-Match": tag} if tag else None,
        )  # fmt: skip

    async def merge(self, **more: Any) -> Answer:
        body = {"source": B, "same": SAME}
        return await self.post(f"/families/{A}/merges", body, **{"seen": A} | more)

    async def records(self) -> dict[str, Any]:
        """The records as stored, without what every write changes."""
        found = await self.world.store("family").find(
            "families", {}, projection={"v": 0, "seq": 0, "pending": 0}
        )
        return {one["reference"]: one for one in found}

    async def cards(self) -> int:
        """How many cards were said in all."""
        found = await self.world.store("family").find("families", {}, projection={"seq": 1})
        return sum(one["seq"] for one in found)


@pytest.fixture
def desk(running: World) -> Desk:
    return Desk(running)


async def test_two_records_become_one_and_are_two_again(desk: Desk) -> None:
    before = await desk.records()
    done = await desk.merge()
    assert (done.status, done.json["kind"]) == (201, "merge")
    assert (await desk.get(f"/families/{B}")).status == 404
    both = (await desk.get(f"/families/{A}")).json
    assert [one["id"] for one in both["guardians"]] == [HOLDER_A, CO_HOLDER_A]
    assert [one["id"] for one in both["children"]] == [CHILD_A]
    found = (await desk.get("/families?search=13")).json
    assert [one["reference"] for one in found["families"]] == ["12"], "found by its old number"
    (said,) = (await desk.get(f"/families/{B}/moves")).json["moves"]
    assert said == done.json
    assert said["undo_until"] is not None

    undone = await desk.post(f"/moves/{done.json['move']}/undo")
    assert (undone.status, undone.json["undoes"]) == (201, done.json["move"])
    after = await desk.records()
    for reference, record in before.items():
        for kind in ("guardians", "children", "contacts"):
            assert after[reference][kind] == record[kind]
        assert after[reference].get("merged_into") is None
        assert "moving" not in after[reference]
    again = await desk.post(f"/moves/{done.json['move']}/undo")
    assert (again.status, again.json["code"]) == (409, "already-undone")


async def test_a_merge_is_undone_within_thirty_days(desk: Desk) -> None:
    done = await desk.merge()
    desk.world.move_to(START + timedelta(days=31))
    late = await desk.post(f"/moves/{done.json['move']}/undo")
    assert (late.status, late.json["code"]) == (409, "too-late-to-undo")


async def test_the_same_command_again_is_one_move(desk: Desk) -> None:
    tag = await desk.tag(A)
    key = new_id()
    first, again = await asyncio.gather(*(desk.merge(seen=tag, key=key) for _ in range(2)))
    assert first.json == again.json
    assert (await desk.merge(seen=tag, key=key)).json == first.json
    assert await desk.cards() == 4, "two families, each said twice"
    other = await desk.post(f"/families/{A}/merges", {"source": B}, seen=tag, key=key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")


async def test_what_has_changed_since_it_was_seen_is_not_merged(desk: Desk) -> None:
    tag = await desk.tag(A)
    changed = FILE.replace("Zoé", "Zoë").encode()
    await import_families(state_of(desk.world.of("family").parts), "veyras", changed)
    refused = await desk.merge(seen=tag)
    assert (refused.status, refused.json["code"]) == (412, "changed-meanwhile")
    unseen = await desk.post(f"/families/{A}/merges", {"source": B})
    assert (unseen.status, unseen.json["code"]) == (428, "precondition-required")
    assert (await desk.merge()).status == 201


async def test_what_is_refused_leaves_everything_as_it_was_and_may_be_tried_again(
    desk: Desk,
) -> None:
    before = await desk.records()
    key = new_id()
    wrong = {"source": B, "same": [{"member": HOLDER_B, "into": CHILD_A}]}
    refused = await desk.post(f"/families/{A}/merges", wrong, seen=A, key=key)
    assert (refused.status, refused.json["field"]) == (422, "/same/0")
    assert await desk.records() == before
    assert await desk.world.store("family").find("moves", {}) == []
    for body, status in (
        ({"source": A}, 422), ({"source": "f" * 32}, 404),
    ):  # fmt: skip
        assert (await desk.post(f"/families/{A}/merges", body, seen=A)).status == status
    assert (await desk.merge(key=key)).status == 201
    twice = await desk.merge()
    assert (twice.status, twice.json["code"]) == (409, "merged-already")


async def test_one_household_becomes_two_with_the_children_in_both(desk: Desk) -> None:
    body = {"guardians": [CO_HOLDER_A], "reference": "12B"}
    done = await desk.post(f"/families/{A}/splits", body, seen=A)
    assert done.status == 201, done.json
    new = done.json["target"]
    assert new == family_id("veyras", "12B")
    here, there = [(await desk.get(f"/families/{one}")).json for one in (A, new)]
    assert [one["id"] for one in here["guardians"]] == [HOLDER_A]
    assert [(one["id"], one["role"]) for one in there["guardians"]] == [(CO_HOLDER_A, "holder")]
    assert here["children"] == there["children"] != []
    taken = await desk.post(f"/families/{A}/splits", {**body, "reference": "13"}, seen=A)
    assert (taken.status, taken.json["code"]) == (409, "reference-taken")


async def test_a_child_is_transferred_with_rights_named_by_the_agent(desk: Desk) -> None:
    rights = [{"guardian": HOLDER_B, "see": True, "decide": True, "pay": False}]
    body = {"target": B, "children": [CHILD_A], "rights": rights}
    done = await desk.post(f"/families/{A}/transfers", body, seen=A)
    assert done.status == 201, done.json
    here, there = [(await desk.get(f"/families/{one}")).json for one in (A, B)]
    assert here["children"] == []
    assert [one["id"] for one in there["children"]] == [CHILD_B, CHILD_A]
    given = {one["child"]: one for one in there["guardians"][0]["rights"]}
    assert given[CHILD_A] == {"child": CHILD_A, "see": True, "decide": True, "pay": False}


async def test_nobody_else_writes_into_a_record_while_it_is_moved(desk: Desk) -> None:
    store = desk.world.state("family").families
    held = (await store.of_ids([A]))[A]
    assert not await store.save({**held, "moving": "m"}, family_store.family_in(held))


class Died(BaseException):
    """Stands for the death of the process."""


STEPS = (
    move_store.BEGIN, move_store.HOLD, move_store.DECIDE, move_store.SETTLE, move_store.CLOSE,
    move_store.UNDONE,
)  # fmt: skip
AGENT = AgentScope("veyras", "a" * 32, frozenset({"childcare_office"}))
RIGHTS = ((HOLDER_B, True, True, True),)
ACTS: dict[str, Callable[[State, Command, str], Awaitable[Move]]] = {
    "merge": lambda state, command, _: commands.merge(
        state, AGENT, A, B, Wish(same=tuple(Became(**one) for one in SAME)), command=command,
        expected=Expected(),
    ),
    "undo": lambda state, command, merge: commands.undo(state, AGENT, merge, command),
    "split": lambda state, command, _: commands.split(
        state, AGENT, A, Wish(guardians=(CO_HOLDER_A,), reference="12B"), command=command,
        expected=Expected(),
    ),
    "transfer": lambda state, command, _: commands.transfer(
        state, AGENT, A, B, Wish(children=(CHILD_A,), rights=RIGHTS), command=command,
        expected=Expected(),
    ),
}  # fmt: skip
AS_BEFORE = [
    (HOLDER_A, "12"), (CO_HOLDER_A, "12"), (CHILD_A, "12"), (HOLDER_B, "13"), (CHILD_B, "13"),
]  # fmt: skip
EXPECTED = {
    "merge": AS_BEFORE[:3],
    "undo": AS_BEFORE,
    "split": [
        *(one for one in AS_BEFORE if one[0] != CO_HOLDER_A), (CO_HOLDER_A, "12B"),
        (CHILD_A, "12B"),
    ],
    "transfer": [*(one for one in AS_BEFORE if one[0] != CHILD_A), (CHILD_A, "13")],
}  # fmt: skip


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("kind", ACTS)
async def test_a_move_that_died_anywhere_is_carried_to_its_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, kind: str, side: str
) -> None:
    """Killed at each of its fail points, then carried on: as if nothing had happened."""
    state, store = desk.world.state("family"), desk.world.store("family")
    for step, passage in itertools.product(STEPS, (1, 2)):
        for collection in ("families", "moves"):
            await store._database[collection].delete_many({})
        await import_families(state, "veyras", FILE.encode())
        merge = ""
        if kind == "undo":
            merge = (await ACTS["merge"](state, Command(new_id(), "h"), "")).id
        command = Command(new_id(), "h")
        with monkeypatch.context() as patch:
            patch.setattr(Step, side, _dying_at(step, passage))
            with suppress(Died):
                await ACTS[kind](state, command, merge)
        for move in await store.find("moves", {"done": False}):
            await commands.finish(state, await state.moves.get(move["_id"]))
        await ACTS[kind](state, command, merge)
        assert await store.count("moves", {"done": False}) == 0
        assert await store.count("families", {"moving": {"$exists": True}}) == 0
        assert await store.count("moves", {}) == (2 if merge else 1)
        people = [
            (one["id"], record["reference"])
            for record in (await desk.records()).values()
            if not record.get("merged_into")
            for one in (*record["guardians"], *record["children"])
        ]
        assert sorted(people) == sorted(EXPECTED[kind]), (step.name, passage)


def _dying_at(step: Step, passage: int) -> Callable[[Step], None]:
    left = [passage]

    def die(self: Step) -> None:
        if self is step:
            left[0] -= 1
            if left[0] == 0:
                raise Died

    return die


async def test_the_job_carries_on_what_was_left(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move_store, "LEFT_BEHIND", timedelta(0))
    move = Move(
        id="m" * 32, town="veyras", kind="merge", source=B, target=A, wish={"same": SAME},
        agent="a", at=START, body_hash="h",
    )  # fmt: skip
    await desk.world.state("family").moves.begin(move, desk.world.clock.machine())

    async def merged() -> bool:
        return (await desk.get(f"/families/{B}")).status == 404

    await eventually(merged, what="the job has carried the merge on")


async def test_only_agents_of_the_desk_move_members(desk: Desk) -> None:
    for method, path in (
        ("POST", f"/families/{A}/merges"), ("POST", f"/families/{A}/splits"),
        ("POST", f"/families/{A}/transfers"), ("GET", f"/families/{A}/moves"),
        ("POST", f"/moves/{'m' * 32}/undo"),
    ):  # fmt: skip
        for token in (
            None,
            desk.world.token(families={A: HOLDER_A}),
            desk.world.token(roles=("read_only", "billing_office", "canteen_staff")),
            desk.world.token("andancette", roles=("administrator",)),
        ):
            answer = await desk.world.call(
                method, BASE + path, token=token, json={"source": B} if method == "POST" else None,
                headers={"If-Match": "*"},
            )  # fmt: skip
            assert answer.status in (401, 403), (path, answer.json)
    unknown = await desk.post(f"/moves/{'m' * 32}/undo")
    assert unknown.status == 404
