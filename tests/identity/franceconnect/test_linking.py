"""Which account is whose: known, logged in, recognised, by credentials or key; and unlinking."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import pyotp

from services.identity.commands.base import attempt
from services.identity.commands.closing import erase_account
from services.identity.domain.attempts import SIGN_UP_BY_EMAIL
from services.identity.domain.names import email_key
from services.identity.store.accounts import ACCOUNTS
from services.identity.store.federation import AUTHORIZATIONS, PROVIDER_SESSIONS, RETURNS
from services.identity.store.sessions import SESSIONS
from shared.contracts.family import CivilIdentity, FamilyChanged, Guardian
from tests.identity.franceconnect.browser import ANGELA, CONSENT, MELISSANDRE, Registered
from tests.identity.portal import PASSWORD
from tests.world import Answer, eventually

_LOGIN = {"login_name": "camille.martin", "password": PASSWORD}
_ANGELA = CivilIdentity(
    birth_name="Dubois", first_names=("Angela", "Claire", "Louise"), sex="F",
    birth_date=date(1962, 8, 24), birth_place="75107", birth_country="99100",
)  # fmt: skip


def _problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


async def _ticket(fc: Registered, citizen: str = ANGELA, switch: str = "") -> str:
    arrived = await fc.trip(citizen, switch)
    assert arrived.json["outcome"] == "not-linked", arrived.json
    return str(arrived.json["ticket"])


async def _known_family(fc: Registered, civil: CivilIdentity, family: str = "f1") -> None:
    guardian = Guardian(
        id=f"{family}-g1", first_name="Angela", last_name="Dubois", invoiced=True, rights=(),
        civil_identity=civil,
    )  # fmt: skip
    said = FamilyChanged(
        family=family, reference=family.upper(), guardians=(guardian,), children=()
    )
    await fc.portal.world.say(said, f"families/{family}")

    async def heard() -> bool:
        return bool(await fc.portal.identity.store.families("veyras", [family]))

    await eventually(heard, what="the family is heard of")


# -- by credentials ----------------------------------------------------------------------------


async def test_who_is_not_linked_may_name_an_account(fc: Registered) -> None:
    account = await fc.portal.adult()
    arrived = await fc.trip()
    assert arrived.json["person"] == {
        "first_name": "Angela", "last_name": "DUBOIS",
        "email": "angela.dubois@franceconnect.example",
    }  # fmt: skip
    assert arrived.json["tokens"] is None
    body = {"ticket": arrived.json["ticket"], **_LOGIN}
    linked = await fc.portal.call("POST", "/franceconnect/links", body)
    assert (linked.status, linked.json["account"]) == (201, account)
    back = await fc.trip()
    assert back.json["outcome"] == "logged-in"
    me = await fc.portal.call("GET", "/me", token=back.json["tokens"]["access_token"])
    assert me.json["account"] == account


async def test_never_by_the_address_alone(fc: Registered) -> None:
    await fc.portal.adult(email="angela.dubois@franceconnect.example")
    assert (await fc.trip()).json["outcome"] == "not-linked"


async def test_wrong_credentials_link_nothing_and_the_ticket_stays(fc: Registered) -> None:
    await fc.portal.adult()
    ticket = await _ticket(fc)
    wrong = {**_LOGIN, "ticket": ticket, "password": "un autre mot de passe"}
    refused = await fc.portal.call("POST", "/franceconnect/links", wrong)
    assert _problem(refused) == (401, "wrong-credentials")
    right = await fc.portal.call("POST", "/franceconnect/links", {**_LOGIN, "ticket": ticket})
    assert right.status == 201


async def test_a_ticket_serves_once_and_its_repetition_answers_alike(fc: Registered) -> None:
    await fc.portal.adult()
    ticket = await _ticket(fc)
    body = {**_LOGIN, "ticket": ticket}
    first = await fc.portal.call("POST", "/franceconnect/links", body, key="link-once-1")
    again = await fc.portal.call("POST", "/franceconnect/links", body, key="link-once-1")
    assert (again.status, again.json) == (201, first.json)
    other = await fc.portal.call("POST", "/franceconnect/links", body)
    assert _problem(other) == (409, "ticket-unknown")


async def test_a_ticket_lasts_half_an_hour(fc: Registered) -> None:
    await fc.portal.adult()
    body = {**_LOGIN, "ticket": await _ticket(fc)}
    returns = fc.portal.world.store("identity")._database[RETURNS]
    await returns.update_many({}, {"$set": {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}})
    late = await fc.portal.call("POST", "/franceconnect/links", body)
    assert _problem(late) == (409, "ticket-unknown")


async def test_a_ticket_cannot_be_made_up(fc: Registered) -> None:
    await fc.portal.adult()
    for ticket in ("0" * 32 + "." + "A" * 43, "no ticket at all, but long"):
        for path, body in (
            ("/franceconnect/links", {**_LOGIN, "ticket": ticket}),
            ("/franceconnect/accounts", {"ticket": ticket}),
        ):
            assert _problem(await fc.portal.call("POST", path, body)) == (409, "ticket-unknown")


async def test_a_ticket_is_of_its_town(fc: Registered) -> None:
    await fc.portal.adult()
    body = {**_LOGIN, "ticket": await _ticket(fc)}
    elsewhere = await fc.portal.call("POST", "/franceconnect/links", body, town="andancette")
    assert _problem(elsewhere) == (409, "ticket-unknown")


async def test_an_agent_does_not_log_in_with_franceconnect(fc: Registered) -> None:
    await fc.portal.agent("childcare_office")
    body = {"ticket": await _ticket(fc), "login_name": "agent.veyras", "password": PASSWORD}
    refused = await fc.portal.call("POST", "/franceconnect/links", body)
    assert _problem(refused) == (403, "forbidden")


async def test_an_account_with_a_second_factor_is_linked_with_its_code_too(fc: Registered) -> None:
    account = await fc.portal.adult()
    token = (await fc.portal.logged_in())["access_token"]
    begun = await fc.portal.call("POST", "/second-factor", {"password": PASSWORD}, token=token)
    secret = begun.json["secret"]
    proof = {"code": pyotp.TOTP(secret).now()}
    proved = await fc.portal.call("POST", "/second-factor/proofs", proof, token=token)
    body = {**_LOGIN, "ticket": await _ticket(fc)}
    missing = await fc.portal.call("POST", "/franceconnect/links", body)
    assert _problem(missing) == (401, "second-factor-required")
    wrong = await fc.portal.call("POST", "/franceconnect/links", body | {"code": "123456"})
    assert _problem(wrong) == (401, "wrong-credentials")
    assert (await fc.trip()).json["outcome"] == "not-linked"
    right = body | {"code": proved.json["recovery_codes"][0]}
    linked, again = [
        await fc.portal.call("POST", "/franceconnect/links", right, key="link-with-code")
        for _ in range(2)
    ]
    assert (linked.status, linked.json["account"]) == (201, account)
    assert again.json == linked.json
    (session,) = await fc.portal.world.store("identity").find(SESSIONS, {"strong": True})
    assert session["account"] == account


# -- logged in ---------------------------------------------------------------------------------


async def test_a_login_that_is_open_is_linked(fc: Registered) -> None:
    account = await fc.portal.adult()
    tokens = await fc.portal.logged_in()
    linked = await fc.trip(token=tokens["access_token"])
    assert (linked.status, linked.json["outcome"]) == (201, "linked")
    assert linked.json["tokens"] is None
    again = await fc.trip(token=tokens["access_token"])
    assert again.json["outcome"] == "linked"
    back = await fc.trip()
    me = await fc.portal.call("GET", "/me", token=back.json["tokens"]["access_token"])
    assert me.json["account"] == account


async def test_what_was_begun_logged_in_ends_logged_in(fc: Registered) -> None:
    await fc.portal.adult()
    tokens = await fc.portal.logged_in()
    begun = await fc.begin(token=tokens["access_token"])
    brought = await fc.visit(begun.json["url"])
    await fc.portal.call("DELETE", "/login-session", token=tokens["access_token"])
    refused = await fc.call_back(begun, brought)
    assert _problem(refused) == (401, "login-session-ended")
    assert (await fc.trip()).json["outcome"] == "not-linked"


async def test_one_identity_is_of_one_account(fc: Registered) -> None:
    await fc.account()
    await fc.portal.adult()
    tokens = await fc.portal.logged_in()
    refused = await fc.trip(token=tokens["access_token"])
    assert _problem(refused) == (409, "franceconnect-linked-elsewhere")


async def test_one_account_is_of_one_identity(fc: Registered) -> None:
    await fc.portal.adult()
    tokens = await fc.portal.logged_in()
    assert (await fc.trip(token=tokens["access_token"])).json["outcome"] == "linked"
    refused = await fc.trip(MELISSANDRE, token=tokens["access_token"])
    assert _problem(refused) == (409, "franceconnect-other-person")


async def test_two_browsers_at_once_link_one_identity_to_one_account(fc: Registered) -> None:
    await fc.portal.adult()
    await fc.portal.adult("dominique.martin")
    tickets = [await _ticket(fc), await _ticket(fc)]
    bodies = [
        {"ticket": ticket, "login_name": login, "password": PASSWORD}
        for ticket, login in zip(tickets, ("camille.martin", "dominique.martin"), strict=True)
    ]
    answers = await asyncio.gather(
        *(fc.portal.call("POST", "/franceconnect/links", body) for body in bodies)
    )
    assert sorted(answer.status for answer in answers) == [201, 409]
    refused = next(answer for answer in answers if answer.status == 409)
    assert refused.json["code"] == "franceconnect-linked-elsewhere"
    linked = await fc.portal.world.store("identity").count(
        ACCOUNTS, {"federated.0": {"$exists": True}}
    )
    assert linked == 1


# -- a new account -----------------------------------------------------------------------------


async def test_an_unchanged_address_needs_no_mail(fc: Registered) -> None:
    made = await fc.account()
    assert made.json["state"] == "active"
    assert await fc.portal.said("activation-requested") == []
    (state,) = await fc.portal.mailed("account-changed")
    assert (state["active"], state["email"]) == (True, "angela.dubois@franceconnect.example")


async def test_another_address_is_confirmed_by_its_mail_first(fc: Registered) -> None:
    made = await fc.account(email="autre@example.org")
    assert (made.json["state"], made.json["tokens"]) == ("pending", None)
    early = await fc.trip()
    assert _problem(early) == (403, "account-not-active")
    (mail,) = await fc.portal.mailed("activation-requested")
    activated = await fc.portal.call("POST", "/activations", {"token": mail["token"]})
    assert activated.status == 200
    assert (await fc.trip()).json["outcome"] == "logged-in"


async def test_without_any_address_one_is_asked(fc: Registered) -> None:
    body: dict[str, Any] = {"ticket": await _ticket(fc, switch="no-email")}
    refused = await fc.portal.call("POST", "/franceconnect/accounts", body)
    assert (*_problem(refused), refused.json["field"]) == (422, "email-required", "/email")
    body["email"] = "angela@example.org"
    made = await fc.portal.call("POST", "/franceconnect/accounts", body)
    assert made.json["state"] == "pending"


async def test_the_towns_key_links_the_family_at_once(fc: Registered) -> None:
    await fc.portal.family("f1")
    key = (await fc.portal.keys_for("f1"))["f1-g1"]
    made = await fc.account(family_key=key)
    me = await fc.portal.call("GET", "/me", token=made.json["tokens"]["access_token"])
    assert me.json["families"] == [{"family": "f1", "guardian": "f1-g1"}]
    wrong = await fc.account(MELISSANDRE, family_key=key)
    assert _problem(wrong) == (409, "family-key-used")


async def test_an_account_that_is_refused_leaves_the_towns_key_unused(fc: Registered) -> None:
    await fc.portal.family("f1")
    key = (await fc.portal.keys_for("f1"))["f1-g1"]
    body = {"ticket": await _ticket(fc), "family_key": key}
    assert (await fc.account()).status == 201
    elsewhere = await fc.portal.call("POST", "/franceconnect/accounts", body)
    assert _problem(elsewhere) == (409, "franceconnect-linked-elsewhere")
    arrived = await fc.trip(MELISSANDRE)
    email = arrived.json["person"]["email"]
    for _ in range(SIGN_UP_BY_EMAIL.free):
        await attempt(fc.portal.identity, SIGN_UP_BY_EMAIL, email_key(email))
    body = {"ticket": arrived.json["ticket"], "family_key": key}
    waits = await fc.portal.call("POST", "/franceconnect/accounts", body)
    assert _problem(waits) == (429, "too-many-attempts")
    await fc.portal.adult()
    bearer = (await fc.portal.logged_in())["access_token"]
    used = await fc.portal.call("POST", "/family-links", {"key": key}, token=bearer)
    assert used.status == 201, used.json


async def test_opening_an_account_again_with_one_key_is_one_account(fc: Registered) -> None:
    body = {"ticket": await _ticket(fc)}
    at_once = await asyncio.gather(
        *(
            fc.portal.call("POST", "/franceconnect/accounts", body, key="open-once-1")
            for _ in range(3)
        )
    )
    later = await fc.portal.call("POST", "/franceconnect/accounts", body, key="open-once-1")
    assert {answer.status for answer in (*at_once, later)} == {201}
    assert all(answer.json == later.json for answer in at_once)
    assert await fc.portal.world.store("identity").count(ACCOUNTS, {}) == 1
    reused = await fc.portal.call(
        "POST", "/franceconnect/accounts", {**body, "email": "x@example.org"}, key="open-once-1"
    )
    assert _problem(reused) == (422, "idempotency-key-reused")


# -- recognised by the civil identity ----------------------------------------------------------


async def test_a_guardian_known_by_all_six_fields_is_recognised(fc: Registered) -> None:
    await _known_family(fc, _ANGELA)
    made = await fc.account()
    me = await fc.portal.call("GET", "/me", token=made.json["tokens"]["access_token"])
    assert me.json["families"] == [{"family": "f1", "guardian": "f1-g1"}]
    links = await fc.portal.call("GET", "/family-links", token=made.json["tokens"]["access_token"])
    assert [link["reference"] for link in links.json["links"]] == ["F1"]


async def test_a_recognised_guardians_account_is_opened_at_once(fc: Registered) -> None:
    await _known_family(fc, _ANGELA)
    account = await fc.portal.adult()
    token = fc.portal.world.token(account=account)
    key = (await fc.portal.keys_for("f1"))["f1-g1"]
    used = await fc.portal.call("POST", "/family-links", {"key": key}, token=token)
    assert used.status == 201
    arrived = await fc.trip()
    assert arrived.json["outcome"] == "logged-in"
    me = await fc.portal.call("GET", "/me", token=arrived.json["tokens"]["access_token"])
    assert me.json["account"] == account


async def test_five_fields_are_not_enough(fc: Registered) -> None:
    others: list[dict[str, Any]] = [
        {"birth_name": "Dupont"}, {"first_names": ("Angela", "Claire")}, {"sex": "M"},
        {"birth_date": date(1962, 8, 25)}, {"birth_place": "75108"}, {"birth_country": "99109"},
    ]  # fmt: skip
    for number, other in enumerate(others):
        await _known_family(fc, _ANGELA.model_copy(update=other), f"f{number}")
    made = await fc.account()
    me = await fc.portal.call("GET", "/me", token=made.json["tokens"]["access_token"])
    assert me.json["families"] == []


async def test_two_accounts_of_one_guardian_are_not_chosen_between(fc: Registered) -> None:
    await _known_family(fc, _ANGELA)
    for login in ("camille.martin", "dominique.martin"):
        token = fc.portal.world.token(account=await fc.portal.adult(login))
        key = (await fc.portal.keys_for("f1"))["f1-g1"]
        used = await fc.portal.call("POST", "/family-links", {"key": key}, token=token)
        assert used.status == 201, used.json
    assert (await fc.trip()).json["outcome"] == "not-linked"


async def test_a_civil_identity_is_kept_sealed(fc: Registered) -> None:
    await _known_family(fc, _ANGELA)
    kept = str(await fc.portal.identity.store.families("veyras", ["f1"]))
    assert "75107" not in kept
    assert "1962" not in kept


# -- unlinking ---------------------------------------------------------------------------------


async def test_the_profile_shows_what_opens_the_account(fc: Registered) -> None:
    await fc.portal.adult()
    tokens = await fc.portal.logged_in()
    before = await fc.portal.call("GET", "/login-means", token=tokens["access_token"])
    assert (before.json["password"], before.json["providers"]) == (True, [])
    await fc.trip(token=tokens["access_token"])
    after = await fc.portal.call("GET", "/login-means", token=tokens["access_token"])
    (mean,) = after.json["providers"]
    assert mean["provider"] == "franceconnect"
    assert mean["linked_at"]
    assert after.json["removable"] is True


async def test_unlinked_and_linked_again(fc: Registered) -> None:
    await fc.portal.adult()
    tokens = await fc.portal.logged_in()
    await fc.trip(token=tokens["access_token"])
    gone = await fc.portal.call(
        "DELETE", "/login-means/franceconnect", token=tokens["access_token"]
    )
    assert gone.status == 204
    twice = await fc.portal.call(
        "DELETE", "/login-means/franceconnect", token=tokens["access_token"]
    )
    assert twice.status == 404
    assert (await fc.trip()).json["outcome"] == "not-linked"
    assert (await fc.trip(token=tokens["access_token"])).json["outcome"] == "linked"
    assert (await fc.trip()).json["outcome"] == "logged-in"


async def test_the_last_way_in_stays(fc: Registered) -> None:
    made = await fc.account()
    token = made.json["tokens"]["access_token"]
    means = await fc.portal.call("GET", "/login-means", token=token)
    assert (means.json["password"], means.json["removable"]) == (False, False)
    refused = await fc.portal.call("DELETE", "/login-means/franceconnect", token=token)
    assert _problem(refused) == (409, "last-login-mean")
    assert (await fc.trip()).json["outcome"] == "logged-in"


async def test_a_password_chosen_by_mail_lets_one_unlink(fc: Registered) -> None:
    await fc.account()
    asked = {"login_or_email": "angela.dubois@franceconnect.example"}
    await fc.portal.call("POST", "/password-resets", asked)
    (mail,) = await fc.portal.mailed("password-reset-requested")
    body = {"token": mail["token"], "password": PASSWORD}
    assert (await fc.portal.call("POST", "/passwords", body)).status == 204
    tokens = await fc.portal.logged_in(mail["login_name"])
    gone = await fc.portal.call(
        "DELETE", "/login-means/franceconnect", token=tokens["access_token"]
    )
    assert gone.status == 204


async def test_an_account_without_a_password_has_none_to_guess(fc: Registered) -> None:
    made = await fc.account()
    login = (await fc.portal.call("GET", "/me", token=made.json["tokens"]["access_token"])).json
    for password in ("", " ", "None", PASSWORD):
        body = {"login_name": login["login_name"], "password": password or "x"}
        refused = await fc.portal.call("POST", "/login-sessions", body)
        assert refused.json["code"] in ("wrong-credentials", "invalid-input")


async def test_what_wants_a_password_says_where_to_get_one(fc: Registered) -> None:
    token = (await fc.account()).json["tokens"]["access_token"]
    for path, body in (
        ("/email-changes", {"new_email": "autre@example.org", "password": PASSWORD}),
        ("/password-changes", {"current_password": PASSWORD, "new_password": PASSWORD + " !"}),
        ("/account-closures", {"password": PASSWORD}),
    ):
        refused = await fc.portal.call("POST", path, body, token=token)
        assert _problem(refused) == (409, "no-password"), path


async def test_what_is_held_of_it_is_handed_over(fc: Registered) -> None:
    await _known_family(fc, _ANGELA)
    await fc.account()
    arrived = await fc.trip(consent=True)
    token = arrived.json["tokens"]["access_token"]
    found = await fc.portal.call("GET", "/personal-data", token=token)
    told = {
        (section["title"], value["label"]): value["value"]
        for section in found.json["sections"]
        for entry in section["entries"]
        for value in entry["values"]
    }
    assert told["Identités fédérées", "Fournisseur"] == "FranceConnect"
    assert told["Identités fédérées", "Liée le"]
    assert told["Consentements", "Version du texte"] == CONSENT.version
    assert told["Consentements", "Donné le"]
    assert told["Compte", "Second facteur"] == "non"


async def test_nothing_of_it_is_left_of_an_erased_account(fc: Registered) -> None:
    made = await fc.account()
    token = made.json["tokens"]["access_token"]
    await fc.trip(token=token)
    await erase_account(fc.portal.identity, made.json["account"], lambda _: True)
    store = fc.portal.world.store("identity")
    (account,) = await store.find(ACCOUNTS, {})
    assert (account["federated"], account["consents"]) == ([], [])
    for name in (PROVIDER_SESSIONS, AUTHORIZATIONS):
        assert await store.count(name, {"account": made.json["account"]}) == 0
    assert (await fc.trip()).json["outcome"] == "not-linked"
