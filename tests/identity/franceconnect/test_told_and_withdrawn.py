"""A login mean that changes is told to the holder; what the town has withdrawn, FranceConnect does
not bring back."""

from __future__ import annotations

from tests.identity.franceconnect.browser import Registered
from tests.identity.franceconnect.test_linking import _ANGELA, _known_family
from tests.world import Answer


async def test_linking_and_unlinking_are_told_by_mail(fc: Registered) -> None:
    account = await fc.portal.adult()
    tokens = await fc.portal.logged_in()
    for _ in range(2):
        assert (await fc.trip(token=tokens["access_token"])).json["outcome"] == "linked"
    gone = await fc.portal.call(
        "DELETE", "/login-means/franceconnect", token=tokens["access_token"]
    )
    assert gone.status == 204
    told = await fc.portal.mailed("login-mean-changed", 2)
    assert [one["change"] for one in told] == ["linked", "unlinked"], "once each"
    assert {(one["account"], one["email"], one["provider"]) for one in told} == {
        (account, "famille@example.org", "franceconnect")
    }


async def test_an_account_opened_with_it_is_told_nothing_more(fc: Registered) -> None:
    await fc.account()
    await fc.portal.mailed("account-changed")
    assert await fc.portal.said("login-mean-changed") == []


async def _families(fc: Registered, token: str) -> object:
    return (await fc.portal.call("GET", "/me", token=token)).json["families"]


async def _withdraw(fc: Registered, account: str) -> Answer:
    agent = fc.portal.world.token(roles=("administrator",))
    return await fc.portal.call("DELETE", f"/families/f1/accounts/{account}", token=agent)


async def test_linked_again_a_withdrawn_guardian_is_not_recognised(fc: Registered) -> None:
    await _known_family(fc, _ANGELA)
    account = await fc.portal.adult()
    token = (await fc.portal.logged_in())["access_token"]
    await fc.trip(token=token)
    arrived = (await fc.trip()).json["tokens"]["access_token"]
    assert await _families(fc, arrived) == [{"family": "f1", "guardian": "f1-g1"}]
    assert (await _withdraw(fc, account)).status == 204
    for _ in range(2):
        await fc.portal.call("DELETE", "/login-means/franceconnect", token=token)
        assert (await fc.trip(token=token)).json["outcome"] == "linked"
        arrived = (await fc.trip()).json["tokens"]["access_token"]
        assert await _families(fc, arrived) == []
    key = (await fc.portal.keys_for("f1"))["f1-g1"]
    linked = await fc.portal.call("POST", "/family-links", {"key": key}, token=arrived)
    assert linked.status == 201, "the town's own word brings it back"


async def test_nor_is_he_by_another_account(fc: Registered) -> None:
    await _known_family(fc, _ANGELA)
    account = await fc.portal.adult()
    token = (await fc.portal.logged_in())["access_token"]
    await fc.trip(token=token)
    assert (await _withdraw(fc, account)).status == 204
    await fc.portal.call("DELETE", "/login-means/franceconnect", token=token)
    made = await fc.account()
    assert made.status == 201
    assert await _families(fc, made.json["tokens"]["access_token"]) == []
