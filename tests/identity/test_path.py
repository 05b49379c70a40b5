"""The whole path of an adult: sign up, activate, log in, link the family (ID1, ID4, ID6)."""

from __future__ import annotations

import asyncio

from tests.identity.portal import PASSWORD, Portal, sign_up_body
from tests.world import eventually


async def test_from_sign_up_to_a_token_that_holds_the_family(portal: Portal) -> None:
    await portal.family("f1")
    keys = await portal.keys_for("f1")
    token = await portal.signed_up()
    early = await portal.call(
        "POST", "/login-sessions", {"login_name": "camille.martin", "password": PASSWORD}
    )
    assert (early.status, early.json["code"]) == (403, "account-not-active")

    activated = await portal.call("POST", "/activations", {"token": token})
    assert activated.json["families"] == []
    tokens = await portal.logged_in()
    bearer = portal.world.signer  # the world signs with the same keys as identity
    assert bearer.public_jwks()

    linked = await portal.call(
        "POST", "/family-links", {"key": keys["f1-g1"].lower().replace("-", " ")},
        token=tokens["access_token"],
    )  # fmt: skip
    assert linked.status == 201
    assert (linked.json["family"], linked.json["guardian"]) == ("f1", "f1-g1")
    assert linked.json["refresh_token_now"] is True

    fresh = await portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})
    me = await portal.call("GET", "/me", token=fresh.json["access_token"])
    assert me.json["families"] == [{"family": "f1", "guardian": "f1-g1"}]
    seen = portal.world.runner.running[0].parts.keys.verify(fresh.json["access_token"])
    assert [(right.family, right.guardian) for right in seen.families] == [("f1", "f1-g1")]

    links = await portal.call("GET", "/family-links", token=fresh.json["access_token"])
    assert [(one["family"], one["reference"]) for one in links.json["links"]] == [("f1", "F1")]
    states = await portal.mailed("account-changed", 2)
    assert states[-1]["families"] == [{"family": "f1", "guardian": "f1-g1"}]
    assert states[-1]["email"] == "famille@example.org"


async def test_a_key_given_at_sign_up_links_at_activation(portal: Portal) -> None:
    await portal.family("f1")
    key = (await portal.keys_for("f1"))["f1-g2"]
    token = await portal.signed_up(family_key=key)
    answer = await portal.call("POST", "/activations", {"token": token})
    assert answer.json["families"] == [{"family": "f1", "guardian": "f1-g2"}]
    assert answer.json["family_key"] == "linked"


async def test_a_key_used_meanwhile_does_not_hold_the_activation_up(portal: Portal) -> None:
    await portal.family("f1")
    key = (await portal.keys_for("f1"))["f1-g1"]
    token = await portal.signed_up(family_key=key)
    await portal.adult("autre.parent")
    other = await portal.logged_in("autre.parent")
    used = await portal.call("POST", "/family-links", {"key": key}, token=other["access_token"])
    assert used.status == 201
    answer = await portal.call("POST", "/activations", {"token": token})
    assert answer.json["families"] == []
    assert answer.json["family_key"] == "family-key-used"
    await portal.logged_in()


async def test_a_town_may_require_the_key_at_sign_up(portal: Portal) -> None:
    without = await portal.call("POST", "/accounts", sign_up_body(), town="andancette")
    assert (without.status, without.json["code"]) == (422, "family-key-required")
    assert without.json["field"] == "/family_key"
    await portal.family("f9", town="andancette")
    key = (await portal.keys_for("f9", town="andancette"))["f9-g1"]
    await portal.activated(family_key=key, town="andancette")


async def test_two_accounts_share_an_address(portal: Portal) -> None:
    await portal.activated("camille.martin", email="famille@example.org")
    await portal.activated("dominique.martin", email="Famille@example.org")
    first, second = await portal.logged_in(), await portal.logged_in("dominique.martin")
    assert first["access_token"] != second["access_token"]


async def test_two_sign_ups_race_for_one_login_name(portal: Portal) -> None:
    bodies = [sign_up_body("Élise", email=f"e{n}@example.org") for n in range(4)]
    bodies[1]["credentials"]["login_name"] = "élise"
    bodies[2]["credentials"]["login_name"] = "ÉLISE"
    bodies[3]["credentials"]["login_name"] = "E\u0301lise"
    answers = await asyncio.gather(*(portal.call("POST", "/accounts", body) for body in bodies))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status == 409)
    assert refused.json["code"] == "login-name-taken"
    assert refused.json["field"] == "/credentials/login_name"


async def test_logging_in_elsewhere_joins_that_town(portal: Portal) -> None:
    account = await portal.activated()
    tokens = await portal.logged_in(town="andancette")
    me = await portal.call("GET", "/me", town="andancette", token=tokens["access_token"])
    assert (me.json["account"], me.json["town"], me.json["families"]) == (account, "andancette", [])

    async def said_there() -> bool:
        said = await portal.said("account-changed")
        return {envelope.town for envelope in said} == {"veyras", "andancette"}

    await eventually(said_there, what="account said in both towns")


async def test_an_agent_is_of_its_town_only(portal: Portal) -> None:
    await portal.agent("kitchen")
    tokens = await portal.logged_in("agent.veyras")
    seen = portal.world.runner.running[0].parts.keys.verify(tokens["access_token"])
    assert seen.roles == {"kitchen"}
    body = {"login_name": "agent.veyras", "password": PASSWORD}
    elsewhere = await portal.call("POST", "/login-sessions", body, town="andancette")
    assert (elsewhere.status, elsewhere.json["code"]) == (403, "not-of-this-town")
