"""The town invites a guardian (ID2): a mail, an account of the guardian's own, a linked family."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from services.identity.store.invitations import INVITATIONS
from shared.ids import new_id
from tests.identity.portal import PASSWORD, Portal
from tests.world import Answer


async def _invite(portal: Portal, *guardians: str, **how: Any) -> Answer:
    token = portal.world.token(account="agent", roles=("childcare_office",))
    invited = [
        {"family": "f1", "guardian": guardian, "email": f"{guardian}@example.org"}
        for guardian in guardians or ("g1",)
    ]
    return await portal.call("POST", "/invitations", {"invited": invited}, token=token, **how)


async def _link(portal: Portal, sent: int = 1) -> str:
    return str((await portal.mailed("guardian-invited", sent))[-1]["token"])


def _acceptance(token: str, login: str = "camille.martin") -> dict[str, Any]:
    return {"token": token, "login_name": login, "password": PASSWORD, "mobile": "06 39 98 00 01"}


async def test_an_invited_guardian_chooses_a_password_and_is_in(portal: Portal) -> None:
    await portal.family("f1", "g1", "g2")
    sent = await _invite(portal, "g1", "g2")
    assert [one["outcome"] for one in sent.json["invitations"]] == ["invited", "invited"]
    mails = {mail["email"]: mail for mail in await portal.mailed("guardian-invited", 2)}
    token = mails["g1@example.org"]["token"]
    shown = await portal.call("POST", "/invitations/shown", {"token": token})
    assert (shown.json["first_name"], shown.json["email"]) == ("Camille", "g1@example.org")
    tokens = await portal.call("POST", "/invitation-acceptances", _acceptance(token))
    assert tokens.status == 201, tokens.json
    me = await portal.call("GET", "/me", token=tokens.json["access_token"])
    assert me.json["families"] == [{"family": "f1", "guardian": "g1"}]
    assert (me.json["email"], me.json["login_name"]) == ("g1@example.org", "camille.martin")
    await portal.logged_in()
    linked = await portal.mailed("account-changed")
    assert linked[-1]["families"] == [{"family": "f1", "guardian": "g1"}]


async def test_an_invitation_serves_once_and_only_to_whom_it_was_sent(portal: Portal) -> None:
    await portal.family("f1", "g1")
    await _invite(portal)
    token = await _link(portal)
    assert (await portal.call("POST", "/invitation-acceptances", _acceptance(token))).status == 201
    other = await portal.call("POST", "/invitation-acceptances", _acceptance(token, "autre.nom"))
    assert (other.status, other.json["code"]) == (409, "token-unknown")
    for wrong in (token[:-1] + "x", f"{new_id()}.n-importe-quoi", "rien-du-tout"):
        answer = await portal.call("POST", "/invitation-acceptances", _acceptance(wrong, "a.b"))
        assert answer.json["code"] == "token-unknown"
    elsewhere = await portal.call("POST", "/invitations/shown", {"token": token}, town="andancette")
    assert elsewhere.json["code"] == "token-unknown"


async def test_accepting_twice_at_once_is_accepting_once(portal: Portal) -> None:
    await portal.family("f1", "g1")
    await _invite(portal)
    body, key = _acceptance(await _link(portal)), new_id()
    answers = await asyncio.gather(
        *(portal.call("POST", "/invitation-acceptances", body, key=key) for _ in range(4))
    )
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1


async def test_an_invitation_sent_again_replaces_the_one_before(portal: Portal) -> None:
    await portal.family("f1", "g1")
    await _invite(portal)
    first = await _link(portal)
    await _invite(portal)
    second = await _link(portal, 2)
    old = await portal.call("POST", "/invitation-acceptances", _acceptance(first))
    assert old.json["code"] == "token-unknown"
    assert (await portal.call("POST", "/invitation-acceptances", _acceptance(second))).status == 201
    again = await _invite(portal)
    assert [one["outcome"] for one in again.json["invitations"]] == ["has-account"]


async def test_the_same_request_again_sends_no_second_mail(portal: Portal) -> None:
    await portal.family("f1", "g1")
    first = await _invite(portal, key="la-meme-cle")
    again = await _invite(portal, key="la-meme-cle")
    assert first.json == again.json
    assert len(await portal.mailed("guardian-invited")) == 1
    other = await _invite(portal, "g1", "g1", key="la-meme-cle")
    assert other.json["code"] == "idempotency-key-reused"


async def test_a_revoked_or_expired_invitation_opens_nothing(portal: Portal) -> None:
    await portal.family("f1", "g1")
    invitation = (await _invite(portal)).json["invitations"][0]["invitation"]
    token = await _link(portal)
    agent = portal.world.token(roles=("administrator",))
    gone = await portal.call("DELETE", f"/invitations/{invitation}", token=agent)
    assert gone.status == 204
    refused = await portal.call("POST", "/invitations/shown", {"token": token})
    assert refused.json["code"] == "token-unknown"
    await _invite(portal)
    token = await _link(portal, 2)
    document = await portal.world.store("identity").get(INVITATIONS, invitation)
    assert document is not None
    late = {"$set": {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}}
    client = portal.world.store("identity")._database
    await client[INVITATIONS].update_one({"_id": invitation}, late)
    refused = await portal.call("POST", "/invitation-acceptances", _acceptance(token))
    assert refused.json["code"] == "token-unknown"
    page = await portal.call("GET", "/invitations?family=f1", token=agent)
    assert [(one["state"], one["round"]) for one in page.json["items"]] == [("expired", 2)]


async def test_a_login_name_that_is_taken_leaves_the_invitation_open(portal: Portal) -> None:
    await portal.family("f1", "g1")
    await portal.adult("camille.martin")
    await _invite(portal)
    token = await _link(portal)
    taken = await portal.call("POST", "/invitation-acceptances", _acceptance(token))
    assert (taken.status, taken.json["code"]) == (409, "login-name-taken")
    weak = _acceptance(token, "camille.m") | {"password": "motdepasse123456"}
    refused = await portal.call("POST", "/invitation-acceptances", weak)
    assert (refused.status, refused.json["reason"]) == (422, "common")
    good = await portal.call("POST", "/invitation-acceptances", _acceptance(token, "camille.m"))
    assert good.status == 201


async def test_who_has_an_account_accepts_with_it(portal: Portal) -> None:
    await portal.family("f1", "g1")
    await portal.adult()
    tokens = await portal.logged_in()
    await _invite(portal)
    token = await _link(portal)
    linked = await portal.call(
        "POST", "/invited-links", {"token": token}, token=tokens["access_token"]
    )
    assert linked.status == 204, linked.json
    fresh = await portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})
    me = await portal.call("GET", "/me", token=fresh.json["access_token"])
    assert me.json["families"] == [{"family": "f1", "guardian": "g1"}]
    used = await portal.call("POST", "/invitation-acceptances", _acceptance(token, "autre.nom"))
    assert used.json["code"] == "token-unknown"


async def test_only_guardians_of_the_town_are_invited(portal: Portal) -> None:
    await portal.family("f1", "g1")
    unknown = await _invite(portal, "g1", "g9")
    assert (unknown.status, unknown.json["code"]) == (404, "family-unknown")
    there = portal.world.token("andancette", roles=("administrator",))
    body = {"invited": [{"family": "f1", "guardian": "g1", "email": "g1@example.org"}]}
    elsewhere = await portal.call("POST", "/invitations", body, town="andancette", token=there)
    assert elsewhere.json["code"] == "family-unknown"
    page = await portal.call("GET", "/invitations", town="andancette", token=there)
    assert page.json["items"] == []
