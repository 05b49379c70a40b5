"""Every way identity says no: its status, its code, the field at fault, and nothing stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.identity.store.accounts import ACCOUNTS
from services.identity.store.family_keys import FAMILY_KEYS
from tests.identity.portal import PASSWORD, Portal, sign_up_body


def _with(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        *parents, last = path.split("/")
        for parent in parents:
            body = body[parent]
        body[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        (_with("identity/first_name", ""), 422, "invalid-input", "/identity/first_name"),
        (_with("contact/email", "famille"), 422, "invalid-input", "/contact/email"),
        (_with("contact/email", "a@b.fr\r\nBcc: x@y.fr"), 422, "invalid-input", "/contact/email"),
        (_with("contact/mobile", "appelez-moi"), 422, "invalid-input", "/contact/mobile"),
        (_with("surprise", 1), 422, "invalid-input", "/surprise"),
        (
            _with("credentials/login_name", "famille@example.org"),
            422, "login-name-invalid", "/credentials/login_name",
        ),
        (
            _with("credentials/login_name", "deux mots"),
            422, "login-name-invalid", "/credentials/login_name",
        ),
        (
            _with("credentials/password", "court"),
            422, "password-too-weak", "/credentials/password",
        ),
        (
            _with("credentials/password", "xx camille.martin xx"),
            422, "password-too-weak", "/credentials/password",
        ),
        (_with("family_key", "7K2M-9QXD-0R4T-VB3X"), 422, "family-key-mistyped", "/family_key"),
    ],
)  # fmt: skip
async def test_a_sign_up_that_is_refused_stores_nothing(
    portal: Portal,
    change: Callable[[dict[str, Any]], None],
    status: int,
    code: str,
    field: str,
) -> None:
    body = sign_up_body()
    change(body)
    answer = await portal.call("POST", "/accounts", body)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (status, code, field)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert await portal.world.store("identity").count(ACCOUNTS, {}) == 0


async def test_unknown_towns_are_not_found(portal: Portal) -> None:
    for method, path, body in (
        ("GET", "/town", None),
        ("POST", "/accounts", sign_up_body()),
        ("POST", "/login-sessions", {"login_name": "camille", "password": PASSWORD}),
        ("POST", "/password-resets", {"login_or_email": "camille"}),
    ):
        answer = await portal.call(method, path, body, town="nulle-part")
        assert (answer.status, answer.json["code"]) == (404, "not-found"), path


async def test_logging_in_tells_nothing_of_which_accounts_exist(portal: Portal) -> None:
    await portal.adult()
    wrong = {"login_name": "camille.martin", "password": "pas le bon du tout"}
    nobody = {"login_name": "personne", "password": "pas le bon du tout"}
    answers = [await portal.call("POST", "/login-sessions", body) for body in (wrong, nobody)]
    seen = [(a.status, {k: v for k, v in a.json.items() if k != "instance"}) for a in answers]
    assert seen[0] == seen[1]
    assert seen[0][0] == 401
    assert seen[0][1]["code"] == "wrong-credentials"


async def test_signing_up_tells_nothing_of_which_addresses_are_known(portal: Portal) -> None:
    await portal.activated("premier.compte", email="connue@example.org")
    known = await portal.call("POST", "/accounts", sign_up_body("a.b", email="connue@example.org"))
    fresh = await portal.call("POST", "/accounts", sign_up_body("a.c", email="neuve@example.org"))
    assert (known.status, known.json.keys()) == (fresh.status, fresh.json.keys())


async def test_a_mailed_token_works_once_and_only_for_what_it_is(portal: Portal) -> None:
    token = await portal.signed_up()
    as_password = await portal.call(
        "POST", "/passwords", {"token": token, "password": "encore un autre mot"}
    )
    assert (as_password.status, as_password.json["code"]) == (409, "token-unknown")
    for wrong in (token[:-1], token.partition(".")[0], "personne." + token.partition(".")[2]):
        answer = await portal.call("POST", "/activations", {"token": wrong})
        assert (answer.status, answer.json["code"]) == (409, "token-unknown"), wrong
    assert (await portal.call("POST", "/activations", {"token": token})).status == 200
    again = await portal.call("POST", "/activations", {"token": token})
    assert (again.status, again.json["code"]) == (409, "already-activated")


async def test_keys_that_may_not_be_used(portal: Portal) -> None:
    await portal.family("f1")
    await portal.family("f9", town="andancette")
    replaced = await portal.keys_for("f1")
    keys = await portal.keys_for("f1")
    elsewhere = await portal.keys_for("f9", town="andancette")
    await portal.adult("a.b")
    await portal.adult("a.c")
    first, second = await portal.logged_in("a.b"), await portal.logged_in("a.c")

    async def code(key: str, tokens: dict[str, Any]) -> tuple[int, str | None]:
        answer = await portal.call(
            "POST", "/family-links", {"key": key}, token=tokens["access_token"]
        )
        return answer.status, answer.json.get("code")

    assert await code(replaced["f1-g1"], first) == (409, "family-key-revoked")
    assert await code(elsewhere["f9-g1"], first) == (404, "family-key-unknown")
    assert await code("n'importe quoi", first) == (422, "family-key-mistyped")
    assert await code(keys["f1-g1"], first) == (201, None)
    assert await code(keys["f1-g1"], first) == (201, None)
    assert await code(keys["f1-g1"], second) == (409, "family-key-used")
    assert await code(keys["f1-g2"], second) == (201, None)


async def test_a_key_that_is_revoked_is_worth_nothing(portal: Portal) -> None:
    await portal.family("f1")
    keys = await portal.keys_for("f1")
    agent = portal.world.token(roles=("childcare_office",))
    page = await portal.call("GET", "/family-keys?family=f1", token=agent)
    assert [one["state"] for one in page.json["items"]] == ["open", "open"]
    text = str(page.json)
    assert not any(key in text or key.replace("-", "") in text for key in keys.values())
    for _ in range(2):
        for one in page.json["items"]:
            gone = await portal.call("DELETE", f"/family-keys/{one['id']}", token=agent)
            assert gone.status == 204
    await portal.adult()
    tokens = await portal.logged_in()
    refused = await portal.call(
        "POST", "/family-links", {"key": keys["f1-g1"]}, token=tokens["access_token"]
    )
    assert refused.json["code"] == "family-key-revoked"


async def test_keys_come_in_pages_and_never_begin_again_after_an_unknown_one(
    portal: Portal,
) -> None:
    await portal.family("f1")
    await portal.family("f9", town="andancette")
    await portal.keys_for("f1")
    await portal.keys_for("f9", town="andancette")
    here = portal.world.token(roles=("childcare_office",))
    there = portal.world.token("andancette", roles=("childcare_office",))
    theirs = await portal.call("GET", "/family-keys", town="andancette", token=there)
    first = (await portal.call("GET", "/family-keys?limit=1", token=here)).json
    second = (await portal.call(
        "GET", f"/family-keys?limit=1&after={first['next']}", token=here
    )).json  # fmt: skip
    seen = [one["guardians"] for one in (*first["items"], *second["items"])]
    assert sorted(seen) == [["f1-g1"], ["f1-g2"]]
    for after in (theirs.json["items"][0]["id"], "0" * 64):
        answer = await portal.call("GET", f"/family-keys?after={after}", token=here)
        assert (answer.status, answer.json["code"]) == (422, "cursor-unknown")
        assert answer.json["field"] == "?/after"


async def test_a_used_key_cannot_be_revoked(portal: Portal) -> None:
    await portal.family("f1", "g1")
    key = (await portal.keys_for("f1"))["g1"]
    await portal.adult()
    tokens = await portal.logged_in()
    await portal.call("POST", "/family-links", {"key": key}, token=tokens["access_token"])
    agent = portal.world.token(roles=("administrator",))
    page = await portal.call("GET", "/family-keys", token=agent)
    used = page.json["items"][0]
    assert used["state"] == "used"
    answer = await portal.call("DELETE", f"/family-keys/{used['id']}", token=agent)
    assert (answer.status, answer.json["code"]) == (409, "family-key-used")


async def test_keys_are_issued_for_families_that_exist(portal: Portal) -> None:
    await portal.family("f1")
    agent = portal.world.token(roles=("childcare_office",))
    answer = await portal.call(
        "POST", "/family-keys", {"families": ["f1", "inconnue"]}, token=agent
    )
    assert (answer.status, answer.json["code"]) == (404, "family-unknown")
    assert answer.json["families"] == ["inconnue"]
    assert await portal.world.store("identity").count(FAMILY_KEYS, {}) == 0


async def test_no_store_holds_a_secret_in_clear(portal: Portal) -> None:
    await portal.family("f1", "g1")
    key = (await portal.keys_for("f1"))["g1"]
    token = await portal.signed_up(family_key=key)
    await portal.call("POST", "/activations", {"token": token})
    tokens = await portal.logged_in()
    store = portal.world.store("identity")
    kept = str([
        await store.find(name, {}, projection={"pending": 0})
        for name in ("accounts", "login_sessions", "family_keys", "key_issues", "mail_requests")
    ])  # fmt: skip
    for secret in (PASSWORD, token.partition(".")[2], key, key.replace("-", ""),
                   tokens["access_token"], tokens["refresh_token"]):  # fmt: skip
        assert secret not in kept
