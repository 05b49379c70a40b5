"""One account, several towns and families (ID7, ID8); the first-login notice (ID5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.identity.commands.towns import load_town
from services.identity.store.sessions import SESSIONS
from shared.contracts.town_file import Notice
from shared.town_files import read_town_file
from tests.identity.portal import TOWN_FILES, Portal
from tests.world import Answer

_NOTICE = Notice(version="2026-1", title="Bienvenue", text="Voici comment vos données servent.")


async def _with_notice(portal: Portal, notice: Notice | None) -> None:
    with open(f"{TOWN_FILES}/veyras.yaml", "rb") as stream:  # noqa: ASYNC230, PTH123
        file = read_town_file(stream.read())
    await load_town(portal.identity, file.model_copy(update={"first_login_notice": notice}))


async def _linked(
    portal: Portal, family: str, tokens: dict[str, Any], town: str = "veyras"
) -> None:
    await portal.family(family, f"{family}-g1", town=town)
    key = (await portal.keys_for(family, town=town))[f"{family}-g1"]
    linked = await portal.call(
        "POST", "/family-links", {"key": key}, town=town, token=tokens["access_token"]
    )
    assert linked.status == 201, linked.json


async def test_one_account_goes_from_town_to_town(portal: Portal) -> None:
    await portal.adult()
    here = await portal.logged_in()
    await _linked(portal, "f1", here)
    switched = await portal.call(
        "POST", "/town-switches", {"town": "andancette"}, token=here["access_token"]
    )
    assert switched.status == 201, switched.json
    there = switched.json
    await _linked(portal, "f2", there, "andancette")
    towns = await portal.call("GET", "/my-towns", town="andancette", token=there["access_token"])
    shown = {one["town"]: one for one in towns.json["towns"]}
    assert shown["veyras"]["families"] == [{"family": "f1", "guardian": "f1-g1"}]
    assert shown["andancette"]["families"] == [{"family": "f2", "guardian": "f2-g1"}]
    assert shown["andancette"]["current"]
    assert shown["veyras"]["name"] == "Veyras"
    back = await portal.call(
        "POST", "/town-switches", {"town": "veyras"}, town="andancette",
        token=there["access_token"],
    )  # fmt: skip
    me = await portal.call("GET", "/me", token=back.json["access_token"])
    assert me.json["families"] == [{"family": "f1", "guardian": "f1-g1"}]
    assert (await portal.call("GET", "/me", token=there["access_token"])).status == 403


async def test_the_same_switch_again_gives_the_same_tokens(portal: Portal) -> None:
    await portal.adult()
    here = await portal.logged_in()
    one, two = [
        await portal.call(
            "POST", "/town-switches", {"town": "andancette"}, token=here["access_token"],
            key="une-seule-fois",
        )
        for _ in range(2)
    ]  # fmt: skip
    assert one.json == two.json


async def test_an_ended_session_switches_nowhere(portal: Portal) -> None:
    await portal.adult()
    here = await portal.logged_in()
    await portal.call("DELETE", "/login-session", token=here["access_token"])
    refused = await portal.call(
        "POST", "/town-switches", {"town": "andancette"}, token=here["access_token"]
    )
    assert (refused.status, refused.json["code"]) == (401, "login-session-ended")


async def test_switching_for_ever_does_not_spare_the_password(portal: Portal) -> None:
    await portal.adult()
    here = await portal.logged_in()
    long_ago = datetime.now(UTC) - timedelta(days=29, hours=23)
    sessions = portal.world.store("identity")._database[SESSIONS]
    await sessions.update_many({}, {"$set": {"authenticated_at": long_ago}})
    switched = await portal.call(
        "POST", "/town-switches", {"town": "andancette"}, token=here["access_token"]
    )
    assert switched.status == 201
    there = await sessions.find_one({"town": "andancette"})
    assert there is not None
    assert there["expires_at"] - long_ago <= timedelta(days=30)


async def test_agents_serve_their_own_towns_only(portal: Portal) -> None:
    await portal.agent("administrator")
    here = await portal.logged_in("agent.veyras")
    refused = await portal.call(
        "POST", "/town-switches", {"town": "andancette"}, token=here["access_token"]
    )
    assert (refused.status, refused.json["code"]) == (403, "not-of-this-town")
    unknown = await portal.call(
        "POST", "/town-switches", {"town": "nulle-part"}, token=here["access_token"]
    )
    assert unknown.status == 404


async def test_an_adult_of_two_families_and_two_adults_of_one(portal: Portal) -> None:
    await portal.adult()
    await portal.adult("dominique.martin", "autre@example.org")
    one, two = await portal.logged_in(), await portal.logged_in("dominique.martin")
    await portal.family("f1", "g1", "g2")
    await portal.family("f2", "g3")
    keys = await portal.keys_for("f1", "f2")
    for guardian, tokens in (("g1", one), ("g3", one), ("g2", two)):
        linked = await portal.call(
            "POST", "/family-links", {"key": keys[guardian]}, token=tokens["access_token"]
        )
        assert linked.status == 201
    mine = (await portal.call("GET", "/family-links", token=one["access_token"])).json["links"]
    assert {(link["family"], link["guardian"]) for link in mine} == {("f1", "g1"), ("f2", "g3")}
    theirs = (await portal.call("GET", "/family-links", token=two["access_token"])).json["links"]
    assert [(link["family"], link["guardian"]) for link in theirs] == [("f1", "g2")]
    agent = portal.world.token(roles=("childcare_office",))
    accounts = await portal.call("GET", "/families/f1/accounts", token=agent)
    guardians = {account["guardian"]: account for account in accounts.json["accounts"]}
    assert guardians["g1"]["login_name"] == "camille.martin"
    assert guardians["g2"]["activated"]


async def test_a_link_that_an_agent_withdraws_is_gone_at_the_next_token(portal: Portal) -> None:
    account = await portal.adult()
    tokens = await portal.logged_in()
    await _linked(portal, "f1", tokens)
    agent = portal.world.token(roles=("administrator",))
    for _ in range(2):
        gone = await portal.call("DELETE", f"/families/f1/accounts/{account}", token=agent)
        assert gone.status == 204
    fresh = await portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})
    me = await portal.call("GET", "/me", token=fresh.json["access_token"])
    assert me.json["families"] == []
    assert (await portal.mailed("account-changed"))[-1]["families"] == []
    links = await portal.call("GET", "/family-links", token=fresh.json["access_token"])
    assert links.json["links"] == []


async def test_what_proved_a_withdrawn_link_does_not_bring_it_back(portal: Portal) -> None:
    account = await portal.adult()
    bearer = (await portal.logged_in())["access_token"]
    await portal.family("f1", "f1-g1")
    agent = portal.world.token(roles=("administrator",))

    async def type_in(key: str) -> Answer:
        return await portal.call("POST", "/family-links", {"key": key}, token=bearer)

    async def withdraw() -> None:
        gone = await portal.call("DELETE", f"/families/f1/accounts/{account}", token=agent)
        assert gone.status == 204

    old = (await portal.keys_for("f1"))["f1-g1"]
    assert (await type_in(old)).status == 201
    await withdraw()
    refused = await type_in(old)
    assert (refused.status, refused.json["code"]) == (409, "family-key-used")
    invited = [{"family": "f1", "guardian": "f1-g1", "email": "camille@example.org"}]
    sent = await portal.call("POST", "/invitations", {"invited": invited}, token=agent)
    assert sent.status == 201, sent.json
    token = {"token": (await portal.mailed("guardian-invited"))[0]["token"]}
    for _ in range(2):
        accepted = await portal.call("POST", "/invited-links", token, token=bearer)
        assert accepted.status == 204, accepted.json
    await withdraw()
    again = await portal.call("POST", "/invited-links", token, token=bearer)
    assert again.json["code"] == "token-unknown"
    links = await portal.call("GET", "/family-links", token=bearer)
    assert links.json["links"] == []
    fresh = (await portal.keys_for("f1"))["f1-g1"]
    assert (await type_in(fresh)).status == 201, "what the town gives since links again"
    assert (await type_in(fresh)).status == 201, "and a lost answer is given again"


async def test_what_is_still_open_of_a_withdrawn_link_is_revoked(portal: Portal) -> None:
    account = await portal.adult()
    bearer = (await portal.logged_in())["access_token"]
    await portal.family("f1", "f1-g1", "f1-g2")
    agent = portal.world.token(roles=("administrator",))
    first = await portal.keys_for("f1")
    linked = await portal.call("POST", "/family-links", {"key": first["f1-g1"]}, token=bearer)
    assert linked.status == 201
    unused = await portal.keys_for("f1")
    path = f"/families/f1/accounts/{account}"
    assert (await portal.call("DELETE", path, token=agent)).status == 204
    answers = {
        guardian: await portal.call("POST", "/family-links", {"key": key}, token=bearer)
        for guardian, key in unused.items()
    }
    assert answers["f1-g1"].json["code"] == "family-key-revoked"
    assert answers["f1-g2"].status == 201, "another guardian's is another matter"
    listed = (await portal.call("GET", "/family-keys?family=f1", token=agent)).json["items"]
    assert [one["state"] for one in listed if one["guardians"] == ["f1-g1"]].count("open") == 0
    fresh = (await portal.keys_for("f1"))["f1-g1"]
    assert (await portal.call("DELETE", path, token=agent)).status == 204
    again = await portal.call("POST", "/family-links", {"key": fresh}, token=bearer)
    assert again.status == 201, "what was issued since is not concerned"


async def test_an_invitation_still_open_is_revoked_with_the_link(portal: Portal) -> None:
    await portal.family("f1", "f1-g1")
    agent = portal.world.token(roles=("administrator",))
    key = (await portal.keys_for("f1"))["f1-g1"]
    invited = [{"family": "f1", "guardian": "f1-g1", "email": "camille@example.org"}]
    await portal.call("POST", "/invitations", {"invited": invited}, token=agent)
    token = {"token": (await portal.mailed("guardian-invited"))[0]["token"]}
    account = await portal.adult()
    bearer = (await portal.logged_in())["access_token"]
    assert (
        await portal.call("POST", "/family-links", {"key": key}, token=bearer)
    ).status == 201  # fmt: skip
    await portal.call("DELETE", f"/families/f1/accounts/{account}", token=agent)
    refused = await portal.call("POST", "/invited-links", token, token=bearer)
    assert refused.json["code"] == "token-unknown"


async def test_an_agent_withdraws_no_link_of_another_town(portal: Portal) -> None:
    account = await portal.adult()
    tokens = await portal.logged_in()
    await _linked(portal, "f1", tokens)
    there = portal.world.token("andancette", roles=("administrator",))
    path = f"/families/f1/accounts/{account}"
    refused = await portal.call("DELETE", path, town="andancette", token=there)
    assert refused.status == 404
    links = await portal.call("GET", "/family-links", token=tokens["access_token"])
    assert len(links.json["links"]) == 1


async def test_the_notice_is_shown_until_it_is_read(portal: Portal) -> None:
    await portal.adult()
    tokens = await portal.logged_in()
    bearer = tokens["access_token"]
    await _with_notice(portal, None)
    none = await portal.call("GET", "/notice", token=bearer)
    assert none.json == {"notice": None, "read_at": None}
    await _with_notice(portal, _NOTICE)
    shown = await portal.call("GET", "/notice", token=bearer)
    assert (shown.json["notice"], shown.json["read_at"]) == (_NOTICE.model_dump(), None)
    old = await portal.call("POST", "/notice-readings", {"version": "2025-9"}, token=bearer)
    assert (old.status, old.json["code"]) == (409, "notice-outdated")
    read = await portal.call("POST", "/notice-readings", {"version": "2026-1"}, token=bearer)
    assert read.status == 204
    first = (await portal.call("GET", "/notice", token=bearer)).json["read_at"]
    assert first is not None
    await portal.call("POST", "/notice-readings", {"version": "2026-1"}, token=bearer)
    assert (await portal.call("GET", "/notice", token=bearer)).json["read_at"] == first
    await _with_notice(portal, _NOTICE.model_copy(update={"version": "2026-2"}))
    assert (await portal.call("GET", "/notice", token=bearer)).json["read_at"] is None
