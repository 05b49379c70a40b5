"""The same POST again has one effect and the same answer; another body is refused."""

from __future__ import annotations

import asyncio
from typing import Any

from services.identity.api import ROUTES
from services.identity.store.accounts import ACCOUNTS
from services.identity.store.family_keys import FAMILY_KEYS
from services.identity.store.sessions import SESSIONS
from shared.auth import new_private_jwks
from tests.identity.portal import PASSWORD, Portal, sign_up_body
from tests.world import Answer, eventually

_OTHER = "un autre mot de passe"


async def _twice(
    portal: Portal, path: str, body: Any, other: Any, *, method: str = "POST", **how: Any
) -> Answer:
    """Three times at once, once later, once with another body under the same key."""
    key = f"repeat-{path.strip('/')}-1"
    first = await portal.call(method, path, body, key=key, **how)
    assert first.status < 300, first.json
    again = await asyncio.gather(
        *(portal.call(method, path, body, key=key, **how) for _ in range(3))
    )
    for answer in again:
        assert (answer.status, answer.json) == (first.status, first.json), path
    reused = await portal.call(method, path, other, key=key, **how)
    assert (reused.status, reused.json["code"]) == (422, "idempotency-key-reused"), path
    return first


async def test_signing_up_and_activating(portal: Portal) -> None:
    await _twice(portal, "/accounts", sign_up_body("a.b"), sign_up_body("a.c"))
    assert await portal.world.store("identity").count(ACCOUNTS, {}) == 1
    (mail,) = await portal.mailed("activation-requested")
    await _twice(portal, "/activations", {"token": mail["token"]}, {"token": mail["token"] + "x"})
    assert len(await portal.said("account-changed")) == 1


async def test_signing_up_at_once_with_one_key_makes_one_account(portal: Portal) -> None:
    answers = await asyncio.gather(
        *(portal.call("POST", "/accounts", sign_up_body(), key="one-key-1") for _ in range(4))
    )
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["account"] for answer in answers}) == 1


async def test_logging_in(portal: Portal) -> None:
    await portal.adult()
    await _twice(
        portal, "/login-sessions",
        {"login_name": "camille.martin", "password": PASSWORD},
        {"login_name": "camille.martin", "password": _OTHER},
    )  # fmt: skip
    assert await portal.world.store("identity").count(SESSIONS, {}) == 1


async def test_linking_and_issuing_keys(portal: Portal) -> None:
    await portal.family("f1")
    await portal.family("f2")
    agent = portal.world.token(account="agent", roles=("childcare_office",))
    issued = await _twice(
        portal, "/family-keys", {"families": ["f1"]}, {"families": ["f2"]}, token=agent
    )
    assert len(issued.json["keys"]) == 2
    assert await portal.world.store("identity").count(FAMILY_KEYS, {}) == 2
    account = await portal.adult()
    token = portal.world.token(account=account)
    keys = [one["key"] for one in issued.json["keys"]]
    await _twice(portal, "/family-links", {"key": keys[0]}, {"key": keys[1]}, token=token)


async def test_changing_the_password(portal: Portal) -> None:
    await portal.adult()
    tokens = await portal.logged_in()
    body = {"current_password": PASSWORD, "new_password": _OTHER}
    other = {"current_password": PASSWORD, "new_password": "un troisième mot ici"}
    await _twice(portal, "/password-changes", body, other, token=tokens["access_token"])
    await portal.logged_in(password=_OTHER)


async def test_forgotten_passwords(portal: Portal) -> None:
    await portal.adult()
    await _twice(
        portal, "/password-resets",
        {"login_or_email": "camille.martin"}, {"login_or_email": "personne"},
    )  # fmt: skip
    (mail,) = await portal.mailed("password-reset-requested")
    await _twice(
        portal, "/passwords",
        {"token": mail["token"], "password": _OTHER},
        {"token": mail["token"], "password": PASSWORD},
    )  # fmt: skip
    await portal.logged_in(password=_OTHER)
    assert len(await portal.said("password-reset-requested")) == 1


async def test_asking_for_the_activation_again(portal: Portal) -> None:
    await portal.signed_up()
    await _twice(
        portal, "/activation-requests",
        {"login_or_email": "camille.martin"}, {"login_or_email": "personne"},
    )  # fmt: skip
    await portal.mailed("activation-requested", 2)

    async def all_handled() -> bool:
        return not await portal.identity.store.open_mail_requests(10)

    await eventually(all_handled, what="mail requests handled")
    assert len(await portal.said("activation-requested")) == 2


async def test_changing_the_address(portal: Portal) -> None:
    account = await portal.adult()
    token = portal.world.token(account=account)
    body = {"new_email": "neuve@example.org", "password": PASSWORD}
    other = {"new_email": "autre@example.org", "password": PASSWORD}
    await _twice(portal, "/email-changes", body, other, token=token)
    (mail,) = await portal.mailed("email-change-requested")
    assert mail["new_email"] == "neuve@example.org"
    await _twice(
        portal, "/email-confirmations", {"token": mail["token"]}, {"token": mail["token"] + "x"}
    )
    me = await portal.call("GET", "/me", token=token)
    assert me.json["email"] == "neuve@example.org"


async def test_putting_the_town_file(portal: Portal) -> None:
    token = portal.world.token(account="agent", roles=("administrator",))
    read = await portal.call("GET", "/town-file", token=token)
    assert read.json["version"] == 1
    changed = read.json["file"] | {"family_key": "hidden"}
    seen = {"If-Match": read.headers["ETag"]}
    put = await _twice(
        portal, "/town-file", changed, read.json["file"], method="PUT", token=token, headers=seen
    )
    assert put.json == {"version": 2}
    back = await portal.change_town_file(token, family_key="optional")
    assert back.json == {"version": 3}
    late = await portal.call(
        "PUT", "/town-file", changed, key="repeat-town-file-1", token=token, headers=seen
    )
    assert late.json == {"version": 2}  # the answer it had; the later change stands
    now = await portal.call("GET", "/town", token=None)
    assert now.json["family_key"] == "optional"


async def test_a_repetition_sealed_with_a_withdrawn_key_is_not_called_another_request(
    portal: Portal,
) -> None:
    made = await portal.call("POST", "/accounts", sign_up_body(), key="sign-up-1")
    assert made.status == 201
    portal.identity.signing.load(new_private_jwks(["next"]))
    again = await portal.call("POST", "/accounts", sign_up_body(), key="sign-up-1")
    assert (again.status, again.json["code"]) == (409, "idempotency-key-outdated")


def test_every_post_and_put_is_idempotent() -> None:
    """But for refreshing, whose token is its own key, and for what only reads a secret."""
    without = [route.path for route in ROUTES if route.method in {"POST", "PUT"}
               and not route.idempotent]  # fmt: skip
    assert without == ["/tokens", "/password-strengths", "/invitations/shown", "/tablet-animators"]


async def test_a_key_is_compulsory(portal: Portal) -> None:
    for path, body in (
        ("/accounts", sign_up_body()),
        ("/login-sessions", {"login_name": "camille.martin", "password": PASSWORD}),
    ):
        url = f"{portal.world.origin}/api/identity/v1/veyras{path}"
        async with portal.world.http.post(url, json=body) as answer:
            assert answer.status == 400
            assert (await answer.json(content_type=None))["code"] == "idempotency-key-missing"
