"""There and back: what a person may meet on the way, and what nobody may make of it (ID10)."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from services.identity.store.federation import AUTHORIZATIONS, PROVIDER_SESSIONS, RETURNS
from services.identity.store.sessions import SESSIONS
from shared.errors import StoreUnavailable
from tests.identity.franceconnect.browser import (
    ANGELA,
    CLIENT_SECRET,
    MELISSANDRE,
    REDIRECT,
    Registered,
    query_of,
    registered,
)
from tests.world import Answer, StartWorld


def _problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


async def test_the_card_says_what_the_town_offers(fc: Registered) -> None:
    here = await fc.portal.call("GET", "/franceconnect")
    assert here.json["available"] is True
    assert here.json["quotient_consent"]["version"] == "2026-09"
    there = await fc.portal.call("GET", "/franceconnect", town="andancette")
    assert there.json == {"available": False, "quotient_consent": None}
    off = await fc.portal.call("POST", "/franceconnect/authorizations", {}, town="andancette")
    assert _problem(off) == (404, "franceconnect-off")


async def test_the_browser_is_sent_with_all_that_is_required(fc: Registered) -> None:
    begun = await fc.begin()
    asked = query_of(begun.json["url"])
    assert begun.json["url"].startswith(f"{fc.franceconnect.issuer}/authorize?")
    assert len(asked["nonce"]) >= 22
    assert (asked["acr_values"], asked["code_challenge_method"]) == ("eidas1", "S256")
    assert (asked["redirect_uri"], asked["response_type"]) == (REDIRECT, "code")
    assert asked["scope"] == "openid identite_pivot email"
    other = await fc.begin()
    again = query_of(other.json["url"])
    for secret in ("state", "nonce", "code_challenge"):
        assert asked[secret] != again[secret]

    body = {"redirect_uri": "https://elsewhere.example/"}
    answer = await fc.portal.call("POST", "/franceconnect/authorizations", body)
    assert _problem(answer) == (422, "redirect-uri-unknown")


async def test_first_an_account_then_a_login(fc: Registered) -> None:
    made = await fc.account()
    assert (made.status, made.json["state"]) == (201, "active")
    token = made.json["tokens"]["access_token"]
    me = await fc.portal.call("GET", "/me", token=token)
    assert (me.json["first_name"], me.json["last_name"]) == ("Angela", "DUBOIS")
    assert me.json["email"] == "angela.dubois@franceconnect.example"

    back = await fc.trip()
    assert (back.status, back.json["outcome"]) == (201, "logged-in")
    again = await fc.portal.call("GET", "/me", token=back.json["tokens"]["access_token"])
    assert again.json["account"] == me.json["account"]
    refreshed = await fc.portal.call(
        "POST", "/tokens", {"refresh_token": back.json["tokens"]["refresh_token"]}
    )
    assert refreshed.status == 200


async def test_another_person_is_another_account(fc: Registered) -> None:
    first, second = await fc.account(ANGELA), await fc.account(MELISSANDRE)
    assert first.json["account"] != second.json["account"]


async def test_what_may_go_wrong_is_said_and_one_starts_again(fc: Registered) -> None:
    expected = {
        "cancel": (409, "franceconnect-cancelled"),
        "not-in-rnipp": (409, "franceconnect-cancelled"),
        "login-required": (409, "franceconnect-cancelled"),
        "server-error": (503, "franceconnect-unavailable"),
        "unavailable": (503, "franceconnect-unavailable"),
        "slow": (503, "franceconnect-unavailable"),
        "wrong-state": (403, "authorization-unknown"),
        "other-nonce": (409, "franceconnect-refused"),
        "other-audience": (409, "franceconnect-refused"),
        "other-issuer": (409, "franceconnect-refused"),
        "other-subject": (409, "franceconnect-refused"),
        "other-key": (409, "franceconnect-refused"),
        "lower-acr": (409, "franceconnect-refused"),
        "expired": (409, "franceconnect-refused"),
    }
    answers = await asyncio.gather(*(fc.trip(switch=switch) for switch in expected))
    assert dict(zip(expected, map(_problem, answers), strict=True)) == expected
    assert all(answer.json["detail"] for answer in answers)
    assert await fc.portal.world.store("identity").count(SESSIONS, {}) == 0
    assert (await fc.trip()).json["outcome"] == "not-linked"


async def test_a_code_too_old_is_refused(fc: Registered) -> None:
    begun = await fc.begin()
    brought = await fc.visit(begun.json["url"])
    fc.franceconnect.advance(31)
    assert _problem(await fc.call_back(begun, brought)) == (409, "franceconnect-refused")


async def test_the_provider_away_is_said_before_leaving(
    start_world: StartWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(registration: dict[str, Any]) -> None:
        registration["issuer"] = "http://127.0.0.1:9/api/v2"

    async with registered(start_world, monkeypatch, change=elsewhere) as away:
        answer = await away.begin()
        assert _problem(answer) == (503, "franceconnect-unavailable")
        assert int(answer.headers["Retry-After"]) > 0


async def test_only_the_browser_that_began_may_end(fc: Registered) -> None:
    mine, theirs = await fc.begin(), await fc.begin()
    brought = await fc.visit(mine.json["url"])
    assert _problem(await fc.call_back(theirs, brought)) == (403, "authorization-unknown")
    swapped = {**brought, "state": query_of(theirs.json["url"])["state"]}
    assert _problem(await fc.call_back(mine, swapped)) == (403, "authorization-unknown")
    forged = {**brought, "state": "0" * 32 + "." + "A" * 43}
    assert _problem(await fc.call_back(mine, forged)) == (403, "authorization-unknown")
    assert (await fc.call_back(mine, brought)).json["outcome"] == "not-linked"


async def test_a_code_of_another_browser_is_not_taken(fc: Registered) -> None:
    """Mixed up: the code of one trip under the state of another has another nonce and verifier."""
    mine, theirs = await fc.begin(), await fc.begin()
    stolen = await fc.visit(theirs.json["url"], MELISSANDRE)
    own = await fc.visit(mine.json["url"])
    mixed = await fc.call_back(mine, {**own, "code": stolen["code"]})
    assert _problem(mixed) == (409, "franceconnect-refused")


async def test_an_answer_of_another_provider_is_not_taken(fc: Registered) -> None:
    begun = await fc.begin()
    brought = await fc.visit(begun.json["url"])
    other = await fc.call_back(begun, {**brought, "iss": "https://elsewhere.example"})
    assert _problem(other) == (403, "authorization-unknown")
    same = await fc.call_back(begun, {**brought, "iss": fc.franceconnect.issuer})
    assert same.status == 201


async def test_an_authorization_of_one_town_ends_in_no_other(
    start_world: StartWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with registered(start_world, monkeypatch) as fc:
        begun = await fc.begin()
        brought = await fc.visit(begun.json["url"])
        elsewhere = await fc.call_back(begun, brought, town="andancette")
        assert _problem(elsewhere) == (404, "franceconnect-off")


async def test_the_same_callback_again_has_the_same_answer(fc: Registered) -> None:
    await fc.account()
    begun = await fc.begin()
    brought = await fc.visit(begun.json["url"])
    at_once = await asyncio.gather(
        *(fc.call_back(begun, brought, key="callback-1") for _ in range(3))
    )
    later = await fc.call_back(begun, brought, key="callback-1")
    assert {answer.status for answer in (*at_once, later)} == {201}
    assert all(answer.json == later.json for answer in at_once)
    assert later.json["outcome"] == "logged-in"
    other = await fc.call_back(begun, brought)
    assert _problem(other) == (409, "authorization-used")
    reused = await fc.call_back(begun, {**brought, "code": "another"}, key="callback-1")
    assert _problem(reused) == (422, "idempotency-key-reused")


async def test_a_refused_callback_again_is_refused_alike(fc: Registered) -> None:
    begun = await fc.begin()
    brought = await fc.visit(begun.json["url"], switch="cancel")
    for _ in range(2):
        answer = await fc.call_back(begun, brought, key="callback-2")
        assert _problem(answer) == (409, "franceconnect-cancelled")


async def test_beginning_again_with_one_key_is_one_authorization(fc: Registered) -> None:
    first = await fc.begin(key="begin-again-1")
    again = await fc.begin(key="begin-again-1")
    assert first.json == again.json
    reused = await fc.begin(key="begin-again-1", consent=True)
    assert _problem(reused) == (422, "idempotency-key-reused")


async def test_an_authorization_left_half_an_hour_has_expired(fc: Registered) -> None:
    begun = await fc.begin()
    brought = await fc.visit(begun.json["url"])
    kept = fc.portal.world.store("identity")._database[AUTHORIZATIONS]
    await kept.update_many({}, {"$set": {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}})
    assert _problem(await fc.call_back(begun, brought)) == (409, "authorization-expired")


async def test_new_keys_of_the_provider_are_learnt_at_once(fc: Registered) -> None:
    assert (await fc.trip()).json["outcome"] == "not-linked"
    fc.franceconnect.rotate_keys()
    assert (await fc.trip()).json["outcome"] == "not-linked"


@pytest.mark.parametrize(
    "client",
    [
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"id_token_signed_response_alg": "HS256", "userinfo_signed_response_alg": "HS256"},
        {"id_token_signed_response_alg": "RS256", "userinfo_signed_response_alg": None},
    ],
    ids=["assertion", "shared-secret", "rsa-and-plain-userinfo"],
)
async def test_every_way_to_be_registered(
    start_world: StartWorld, monkeypatch: pytest.MonkeyPatch, client: dict[str, Any]
) -> None:
    async with registered(start_world, monkeypatch, **client) as fc:
        assert (await fc.account()).json["state"] == "active"
        assert (await fc.trip()).json["outcome"] == "logged-in"
        for switch in ("other-key", "other-nonce"):
            assert _problem(await fc.trip(switch=switch)) == (409, "franceconnect-refused")


async def test_userinfo_must_be_signed_where_it_was_said_to_be(
    start_world: StartWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strict(registration: dict[str, Any]) -> None:
        registration["userinfo_signed_response_alg"] = "ES256"

    async with registered(
        start_world, monkeypatch, change=strict, userinfo_signed_response_alg=None
    ) as fc:
        assert _problem(await fc.trip()) == (409, "franceconnect-refused")


async def test_logging_out_here_first_then_there(fc: Registered) -> None:
    made = await fc.account()
    tokens = made.json["tokens"]
    out = await fc.portal.call("POST", "/franceconnect/logouts", {}, token=tokens["access_token"])
    assert out.status == 200
    ended = await fc.portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})
    assert _problem(ended) == (401, "login-session-ended")

    async with fc.portal.world.http.get(out.json["url"], allow_redirects=False) as gone:
        assert gone.status == 303, await gone.text()
        brought = query_of(gone.headers["Location"])
    assert brought == {"state": out.json["state"]}
    back = await fc.portal.call("POST", "/franceconnect/logout-returns", brought)
    assert back.status == 204
    assert await fc.portal.world.store("identity").count(PROVIDER_SESSIONS, {}) == 0
    forged = {"state": out.json["state"][:-2] + "AA"}
    wrong = await fc.portal.call("POST", "/franceconnect/logout-returns", forged)
    assert _problem(wrong) == (422, "state-unknown")


async def test_who_logged_in_by_password_logs_out_here_only(fc: Registered) -> None:
    await fc.portal.adult()
    tokens = await fc.portal.logged_in()
    out = await fc.portal.call("POST", "/franceconnect/logouts", {}, token=tokens["access_token"])
    assert out.json == {"url": None, "state": None}
    ended = await fc.portal.call("POST", "/tokens", {"refresh_token": tokens["refresh_token"]})
    assert ended.status == 401


async def test_no_secret_and_no_person_is_kept_in_the_clear_or_logged(
    fc: Registered, logged: io.BytesIO
) -> None:
    begun = await fc.begin(consent=True)
    brought = await fc.visit(begun.json["url"])
    waiting = await fc.call_back(begun, brought)
    await fc.trip(switch="other-nonce")
    await fc.trip(switch="slow")
    store = fc.portal.world.store("identity")
    kept = "".join(
        [
            str([one async for one in store._database[name].find({})])
            for name in (AUTHORIZATIONS, RETURNS, PROVIDER_SESSIONS)
        ]
    )
    lines = logged.getvalue().decode()
    asked = query_of(begun.json["url"])
    secrets = [begun.json["binding"], brought["code"], asked["state"], asked["nonce"],
               waiting.json["ticket"], CLIENT_SECRET, "eyJ"]  # fmt: skip
    for marked in (*secrets, "Angela", "DUBOIS", "75107", "angela.dubois@", "1962-08-24"):
        assert marked not in kept, marked
        assert marked not in lines, marked
    assert "franceconnect-failed" in lines


async def test_settings_that_could_not_work_are_refused(
    start_world: StartWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in (
        {"issuer": "http://fc.example/api/v2"},
        {"client_secret": None},
        {"token_endpoint_auth_method": "private_key_jwt", "private_jwk": None},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"towns": []},
    ):
        with pytest.raises(ValueError, match=r"identity_providers|PREAU_IDENTITY_PROVIDERS"):
            async with registered(
                start_world, monkeypatch, change=lambda r, wrong=wrong: r.update(wrong)
            ):
                pass  # pragma: no cover


async def test_a_registration_does_not_show_its_secrets(fc: Registered) -> None:
    provider = fc.portal.identity.outside.provider("franceconnect", "veyras")
    assert provider is not None
    assert CLIENT_SECRET not in repr(provider.registration)
    assert "'d'" not in repr(provider.registration)


async def test_what_a_dead_process_left_is_carried_on_by_the_same_command(
    fc: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is spent: whichever write fails after that, the repetition ends the trip."""
    await fc.account()
    store = fc.portal.identity.store
    for step in ("open_session", "keep_provider_session", "end_authorization", "use_return"):
        begun = await fc.begin(consent=True)
        brought = await fc.visit(begun.json["url"])
        with monkeypatch.context() as broken:

            async def fail(*_: Any) -> None:
                raise StoreUnavailable

            broken.setattr(store, step, fail)
            away = await fc.call_back(begun, brought, key=f"carried-on-{step}")
            assert _problem(away) == (503, "store-unavailable"), step
        again = await fc.call_back(begun, brought, key=f"carried-on-{step}")
        assert (again.status, again.json["outcome"]) == (201, "logged-in"), step
    assert await fc.portal.world.store("identity").count(SESSIONS, {"ended": None}) == 5
