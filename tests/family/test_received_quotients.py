"""What the CAF or the MSA says of a quotient: proposed or accepted, never over one made by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.family.domain.household import family_id, member_id
from services.family.domain.received_quotients import households
from services.family.service import build
from shared.contracts.identity import AccountFamily, QuotientReceived
from tests.family.dossiers import FAMILY, FILE, HOLDER_ID, RULES, Dossier, load, put
from tests.samples import say_town, town_file
from tests.world import StartWorld, eventually

_SECOND = family_id("veyras", "13")
_QUOTIENTS = "quotients"


def _received(value: int = 742, **other: Any) -> QuotientReceived:
    fields: dict[str, Any] = {
        "account": "a1", "town": "veyras", "how": "franceconnect", "fund": "CNAF",
        "value": value, "month": "2026-09", "children": (), "consent_version": "2026-09",
        "families": (AccountFamily(family=FAMILY, guardian=HOLDER_ID),),
        "fetched_at": datetime(2026, 9, 14, tzinfo=UTC),
        "consented_at": datetime(2026, 9, 14, tzinfo=UTC), **other,
    }  # fmt: skip
    return QuotientReceived(**fields)


async def _say(dossier: Dossier, said: QuotientReceived) -> None:
    await dossier.world.say(said, "accounts/a1")

    async def handled() -> bool:
        return not await dossier.world.queued("family")

    await eventually(handled, what="the event is handled")


async def _field(dossier: Dossier, who: str = "billing") -> dict[str, Any]:
    return await dossier.field(who, "household", _QUOTIENTS)


def _values(field: dict[str, Any]) -> list[tuple[float, str, str]]:
    held = field["value"] or []
    return [(float(one["value"]), one["effect"], one["source"]) for one in held]


async def _automatic(dossier: Dossier) -> None:
    rules = {**RULES, "fields": [*RULES["fields"],
             {"field": "household.quotients", "validation": "automatic"}]}  # fmt: skip
    await say_town(dossier.world, town_file(dossier=rules))

    async def known() -> bool:
        return bool((await _field(dossier, "holder"))["automatic"])

    await eventually(known, what="the town's new rule")


async def test_it_waits_for_an_agent_where_the_town_checks(dossier: Dossier) -> None:
    await _say(dossier, _received())
    field = await _field(dossier)
    assert field["value"] in (None, [])
    assert field["waiting"]["value"]["source"] == "caf"
    assert field["waiting"]["by"]["guardian"] == HOLDER_ID
    decided = await dossier.decide("billing", (field["waiting"]["change"], None))
    assert decided.status == 200
    assert _values(await _field(dossier)) == [(742.0, "2026-09-01", "caf")]


async def test_it_counts_at_once_where_the_town_trusts(dossier: Dossier) -> None:
    await _automatic(dossier)
    await _say(dossier, _received(fund="MSA"))
    await _say(dossier, _received(801, month="2026-10"))
    field = await _field(dossier, "holder")
    assert _values(field) == [(742.0, "2026-09-01", "msa"), (801.0, "2026-10-01", "caf")]
    assert field["waiting"] is None


@pytest.mark.parametrize("automatic", [True, False])
async def test_one_agreed_by_hand_is_never_overwritten(dossier: Dossier, automatic: bool) -> None:
    by_hand = {"value": "600", "effect": "2026-09-01", "source": "desk"}
    await dossier.sent("billing", put("household", _QUOTIENTS, by_hand))
    if automatic:
        await _automatic(dossier)
    await _say(dossier, _received())
    field = await _field(dossier)
    assert _values(field) == [(600.0, "2026-09-01", "desk")]
    assert float(field["waiting"]["value"]["value"]) == 742
    await dossier.decide("billing", (field["waiting"]["change"], None))
    assert _values(await _field(dossier)) == [(742.0, "2026-09-01", "caf")]


async def test_the_same_again_changes_nothing(dossier: Dossier) -> None:
    await _say(dossier, _received())
    first = await _field(dossier)
    await _say(dossier, _received())
    assert await _field(dossier) == first


async def test_what_an_agent_asked_for_counts_at_once(dossier: Dossier) -> None:
    await _say(dossier, _received(how="identity", consent_version=None, consented_at=None))
    assert _values(await _field(dossier)) == [(742.0, "2026-09-01", "caf")]


async def test_a_guardian_gone_meanwhile_gives_nothing(dossier: Dossier) -> None:
    gone = (AccountFamily(family=FAMILY, guardian="somebody"),)
    await _say(dossier, _received(families=gone))
    assert (await _field(dossier))["waiting"] is None


async def test_of_two_households_the_one_with_those_children(start_world: StartWorld) -> None:
    second = FILE.replace("\n12;", "\n13;").replace("/2017", "/2015").replace("/2019", "/2014")
    both = (
        AccountFamily(family=FAMILY, guardian=HOLDER_ID),
        AccountFamily(family=_SECOND, guardian=member_id(_SECOND, "1")),
    )
    async with start_world({"family": build}) as started:
        await say_town(started, town_file(dossier=RULES))
        await load(started)
        await load(started, second)
        one, other = Dossier(started), Dossier(started, _SECOND)
        born = (await one.call("billing", "GET", f"/families/{FAMILY}")).json["children"]
        told = (*(child["birth_date"] for child in born), "2001-00-00")
        await _say(one, _received(children=told, families=both))
        assert (await _field(one))["waiting"] is not None
        assert (await _field(other))["waiting"] is None
        await _say(one, _received(911, children=(), families=both))
        for dossier in (one, other):  # about which nobody can tell: an agent does
            assert float((await _field(dossier))["waiting"]["value"]["value"]) == 911


_DATES = st.dates(date(2008, 1, 1), date(2026, 1, 1))


@given(st.lists(st.lists(_DATES, max_size=4), min_size=1, max_size=4), st.data())
def test_an_answer_is_about_at_least_one_household(
    children: list[list[date]], data: st.DataObject
) -> None:
    known = {f"f{number}": born for number, born in enumerate(children)}
    told = [
        one.isoformat()
        for one in data.draw(st.permutations([one for born in children for one in born]))
    ]
    about = households(told, known)
    assert about
    assert len(about) in (1, len(known))
    own = [one.isoformat() for one in known["f0"]]
    if own and not any(set(known["f0"]) & set(born) for f, born in known.items() if f != "f0"):
        assert households(own, known) == ["f0"]


def test_dates_that_a_fund_does_not_know_whole_still_count() -> None:
    known = {"f1": [date(2020, 5, 4)], "f2": [date(2019, 5, 4)]}
    assert households(["2020-00-00"], known) == ["f1"]
    assert households(["2020-05-00"], known) == ["f1"]
    assert households(["2021-00-00"], known) == ["f1", "f2"]
    assert households([], known) == ["f1", "f2"]
