"""What agents do is written down before it is answered, and what is written stays as it was."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.audit import AUDIT, AUDIT_INDEXES, Act, Asked, Audit
from shared.audit_chain import check_chains
from shared.auth import Bearer, FamilyRight
from shared.clock import MachineClock
from shared.errors import Refused, StoreUnavailable
from shared.findings import Finding
from shared.ids import new_id
from shared.pdf import Press
from shared.runner import Parts
from shared.settings import CommonSettings
from shared.store import Store
from tests.shared.conftest import Speaker

YEAR = timedelta(days=365)
KEY = {"Idempotency-Key": "a-key-of-mine"}


def by(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# -- in the HTTP layer -------------------------------------------------------------------------


async def test_an_agents_reading_is_an_entry_with_whom_it_concerned(speaker: Speaker) -> None:
    agent = by(speaker.token(roles=frozenset({"desk"}), families=(), account="a1"))
    status, _, _ = await speaker.ask("GET", "/families/f3", headers=agent)
    assert status == 200
    ((act, written),) = speaker.audit.heard
    assert (act.method, act.route, written) == ("GET", "/families/{family}", 200)
    assert (act.path, act.families, act.children) == ({"family": "f3"}, {"f3"}, {"c9"})
    assert act.bearer is not None
    assert (act.bearer.account, act.town) == ("a1", "veyras")


async def test_a_guardians_reading_is_none(speaker: Speaker) -> None:
    for token in (speaker.token(), speaker.token(roles=frozenset({"other"}))):
        status, _, _ = await speaker.ask("GET", "/families/f1", headers=by(token))
        assert status == 200
    assert speaker.audit.heard == []


async def test_what_is_refused_to_an_agent_is_written_down_too(speaker: Speaker) -> None:
    cook = by(speaker.token(roles=frozenset({"kitchen"}), families=()))
    assert (await speaker.ask("GET", "/ours", headers=cook))[0] == 403
    desk = by(speaker.token(roles=frozenset({"desk"}), families=()))
    assert (await speaker.ask("POST", "/notes", json={"x": 1}, headers=desk | KEY))[0] == 422
    assert [written for _, written in speaker.audit.heard] == [403, 422]


async def test_an_act_is_known_by_its_idempotency_key_and_holds_no_body(speaker: Speaker) -> None:
    desk = by(speaker.token(roles=frozenset({"desk"}), families=(), account="a1"))
    for _ in range(2):
        body = {"family": "f5", "text": "Mme Martin a téléphoné"}
        assert (await speaker.ask("POST", "/notes", json=body, headers=desk | KEY))[0] == 200
    (first, _), (second, _) = speaker.audit.heard
    assert first.command == second.command is not None
    assert first.families == {"f5", "f7"}
    assert "Martin" not in repr(first)


async def test_what_cannot_be_written_down_is_not_answered(speaker: Speaker) -> None:
    agent = by(speaker.token(roles=frozenset({"desk"}), families=()))
    speaker.audit.away = True
    for path in ("/families/f3", "/ours"):
        status, body, headers = await speaker.ask("GET", path, headers=agent)
        assert (status, body["code"], headers["Retry-After"]) == (503, "store-unavailable", "5")
        assert "Martin" not in str(body)
    assert (await speaker.ask("GET", "/families/f1", headers=by(speaker.token())))[0] == 200


# -- in the database ---------------------------------------------------------------------------


def bearer(account: str = "a1", town: str = "veyras", **fields: Any) -> Bearer:
    whole: dict[str, Any] = {
        "login_session": new_id(), "families": (), "roles": frozenset({"desk"}), "expires": 0,
    }  # fmt: skip
    return Bearer(account=account, town=town, **{**whole, **fields})


async def act(audit: Audit, who: Bearer, family: str, status: int = 200) -> None:
    one = Act("GET", "/families/{family}", who.town, who, {"family": family})
    one.concerns(family=family)
    await audit.act(one, status)


@pytest.fixture
async def audited(store: Store) -> Store:
    await store.prepare({AUDIT: AUDIT_INDEXES}, [])
    return store


async def test_entries_are_listed_by_agent_family_child_and_time(audited: Store) -> None:
    audit = Audit(audited, MachineClock(), YEAR)
    start = datetime.now(UTC)
    await act(audit, bearer("a1"), "f1")
    await act(audit, bearer("a2"), "f2", 403)
    await act(audit, bearer("a1", "andancette"), "f1")
    guardian = bearer("p1", families=(FamilyRight("f1", "g1"),), roles=frozenset())
    await audit.sensitive_read(guardian, "health_sheet", family="f1", child="c1")

    async def seen(asked: Asked) -> list[tuple[str, str | None]]:
        found = await audit.entries("veyras", asked, None, 50)
        return [(one["account"], one["what"]) for one in found]

    everything = [("p1", "health_sheet"), ("a2", None), ("a1", None)]
    assert sorted(await seen(Asked())) == sorted(everything)
    assert await seen(Asked(account="a1")) == [("a1", None)]
    assert sorted(await seen(Asked(family="f1"))) == [("a1", None), ("p1", "health_sheet")]
    assert await seen(Asked(child="c1")) == [("p1", "health_sheet")]
    assert len(await seen(Asked(since=start - timedelta(minutes=1)))) == 3
    assert await seen(Asked(since=start + timedelta(minutes=1))) == []
    shown = await audit.reads_of("veyras", ["f1"], ["c1"], None, 50)
    assert [one["account"] for one in shown] == ["p1"]
    entry = (await audit.entries("veyras", Asked(account="a2"), None, 1))[0]
    assert (entry["status"], entry["path"], entry["families"]) == (403, {"family": "f2"}, ["f2"])
    assert entry["expires_at"] - entry["at"] == YEAR


async def test_pages_follow_one_another_and_no_other_town_is_reached(audited: Store) -> None:
    audit = Audit(audited, MachineClock(), YEAR)
    for number in range(5):
        await act(audit, bearer(), f"f{number}")
    first = await audit.entries("veyras", Asked(), None, 3)
    rest = await audit.entries("veyras", Asked(), first[-1]["_id"], 3)
    assert len({one["_id"] for one in (*first, *rest)}) == 5
    with pytest.raises(Refused, match="cursor-unknown"):
        await audit.entries("andancette", Asked(), first[-1]["_id"], 3)


async def faults(store: Store) -> list[str]:
    settings = CommonSettings(MONGODB_URL="mongodb://nowhere")  # type: ignore[call-arg, arg-type]
    parts = Parts.over(settings, store, MachineClock(), Press())
    found: list[Finding] = [one async for one in check_chains(parts, None)]
    return [one.kind for one in found]


async def _filled(store: Store) -> list[dict[str, Any]]:
    """Two processes, ten acts each at once; their entries by chain and number."""
    replicas = [Audit(store, MachineClock(), YEAR) for _ in range(2)]
    await asyncio.gather(*(act(one, bearer(), f"f{n}") for n in range(10) for one in replicas))
    return await store.find(AUDIT, {}, sort=[("chain", 1), ("number", 1)])


async def test_two_replicas_write_whole_chains_side_by_side(audited: Store) -> None:
    entries = await _filled(audited)
    assert [one["number"] for one in entries] == [*range(1, 11), *range(1, 11)]
    assert await faults(audited) == []


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({"$set": {"account": "nobody"}}, {"audit-entry-changed"}),
        ({"$set": {"families": []}}, {"audit-entry-changed"}),
        ({"$set": {"at": datetime(2026, 1, 1, tzinfo=UTC)}}, {"audit-entry-changed"}),
    ],
)
async def test_an_entry_that_was_changed_is_found(
    audited: Store, change: dict[str, Any], kinds: set[str]
) -> None:
    entries = await _filled(audited)
    await audited._database[AUDIT].update_one({"_id": entries[4]["_id"]}, change)
    assert set(await faults(audited)) == kinds


@pytest.mark.parametrize("number", [0, 4])
async def test_an_entry_that_was_taken_away_is_found(audited: Store, number: int) -> None:
    entries = await _filled(audited)
    await audited._database[AUDIT].delete_one({"_id": entries[number]["_id"]})
    assert await faults(audited) == ["audit-entry-missing"]


async def test_a_beginning_that_has_run_out_is_no_fault(audited: Store) -> None:
    audit = Audit(audited, MachineClock(), -timedelta(days=1))
    for number in range(3):
        await act(audit, bearer(), f"f{number}")
    await audited._database[AUDIT].delete_one({"number": 1})
    left = await audited.count(AUDIT, {})
    assert left <= 2
    assert await faults(audited) == []


async def test_after_a_failure_another_chain_begins(
    audited: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(audited, MachineClock(), YEAR)
    await act(audit, bearer(), "f1")
    insert = audited.insert

    async def written_but_unheard(*given: Any) -> bool:
        await insert(*given)
        raise StoreUnavailable

    monkeypatch.setattr(audited, "insert", written_but_unheard)
    with pytest.raises(StoreUnavailable):
        await act(audit, bearer(), "f2")
    monkeypatch.undo()
    await act(audit, bearer(), "f3")
    entries = await audited.find(AUDIT, {}, sort=[("_id", 1)])
    assert [one["number"] for one in entries] == [1, 2, 1]
    assert await faults(audited) == []
