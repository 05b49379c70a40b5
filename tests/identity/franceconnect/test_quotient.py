"""The quotient familial: consent first, then asked in the callback; a trouble holds no login up."""

from __future__ import annotations

import asyncio
from typing import Any

from services.identity.store.accounts import ACCOUNTS
from services.identity.store.federation import AUTHORIZATIONS
from tests.identity.franceconnect.browser import (
    ANGELA,
    API_TOKEN,
    MELISSANDRE,
    SIRET,
    Registered,
)
from tests.world import Answer, eventually

_TROUBLE = {
    "rene.desfouin": "later",  # 429
    "jean.marie.delanoue": "later",  # 502
    "clement.situdi": "later",  # 504
    "nobody": "not-known",  # 404
}


def _problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


async def _with_family(fc: Registered, citizen: str = ANGELA, family: str = "f1") -> str:
    """An account of the citizen, linked to a family; its id."""
    await fc.portal.family(family)
    key = (await fc.portal.keys_for(family))[f"{family}-g1"]
    made = await fc.account(citizen, family_key=key)
    assert made.status == 201, made.json
    return str(made.json["account"])


async def _said(fc: Registered) -> list[dict[str, Any]]:
    store = fc.portal.world.store("identity")
    accounts = await store.find(ACCOUNTS, {})
    assert accounts
    return [one.data for one in await fc.portal.said("quotient-received", "family")]


async def _one(fc: Registered) -> dict[str, Any]:
    async def there() -> list[dict[str, Any]]:
        return await _said(fc)

    (found,) = await eventually(there, what="the quotient is said")
    return dict(found)


async def test_nothing_is_asked_without_consent(fc: Registered) -> None:
    await _with_family(fc)
    arrived = await fc.trip()
    assert arrived.json["quotient"] is None
    assert fc.particulier.asked == []


async def test_the_consent_is_kept_dated_before_the_browser_leaves(fc: Registered) -> None:
    begun = await fc.begin(consent=True)
    assert "cnaf_quotient_familial" in begun.json["url"]
    assert "cnaf_allocataires" not in begun.json["url"]
    (kept,) = await fc.portal.world.store("identity").find(AUTHORIZATIONS, {})
    assert kept["consent"]["text_version"] == "2026-09"
    assert kept["consent"]["given_at"]


async def test_a_consent_to_an_earlier_text_is_none(fc: Registered) -> None:
    body = {"quotient_consent": "2025-01"}
    answer = await fc.portal.call("POST", "/franceconnect/authorizations", body)
    assert (*_problem(answer), answer.json["field"]) == (
        409, "consent-outdated", "/quotient_consent",
    )  # fmt: skip


async def test_a_quotient_is_said_with_what_family_needs_and_no_more(fc: Registered) -> None:
    account = await _with_family(fc, MELISSANDRE)
    arrived = await fc.trip(MELISSANDRE, consent=True)
    assert arrived.json["outcome"] == "logged-in"
    assert arrived.json["quotient"]["outcome"] == "received"
    said = await _one(fc)
    assert (said["fund"], said["value"], said["month"]) == ("CNAF", 2550, "2024-02")
    assert said["children"] == ["2004-01-10", "2015-03-15", "2022-06-20"]
    assert said["families"] == [{"family": "f1", "guardian": "f1-g1"}]
    assert (said["account"], said["how"]) == (account, "franceconnect")
    assert (said["consent_version"], bool(said["consented_at"])) == ("2026-09", True)
    for name in ("PIERRE", "DUBOIS", "MONTORGUEIL"):
        assert name not in str(said)


async def test_the_consent_is_kept_with_the_account(fc: Registered) -> None:
    await _with_family(fc)
    await fc.trip(consent=True)
    (account,) = await fc.portal.world.store("identity").find(ACCOUNTS, {})
    (consent,) = account["consents"]
    assert (consent["purpose"], consent["text_version"]) == ("quotient", "2026-09")


async def test_a_repeated_callback_says_it_once(fc: Registered) -> None:
    await _with_family(fc)
    begun = await fc.begin(consent=True)
    brought = await fc.visit(begun.json["url"])
    answers = await asyncio.gather(
        *(fc.call_back(begun, brought, key="quotient-1") for _ in range(3))
    )
    assert {answer.json["quotient"]["outcome"] for answer in answers} == {"received"}
    await _one(fc)


async def test_a_fund_in_trouble_holds_no_login_up(fc: Registered) -> None:
    for number, (citizen, outcome) in enumerate(_TROUBLE.items()):
        await _with_family(fc, citizen, f"f{number}")
        arrived = await fc.trip(citizen, consent=True)
        assert arrived.json["outcome"] == "logged-in"
        assert arrived.json["quotient"]["outcome"] == outcome
        assert "attestation" in arrived.json["quotient"]["message"]
    await _with_family(fc)
    for status in (429, 502, 503, 504):
        fc.particulier.next_failures = [status]
        arrived = await fc.trip(consent=True)
        assert arrived.json["outcome"] == "logged-in"
        assert arrived.json["quotient"]["outcome"] == "later"
    assert await _said(fc) == []


async def test_a_quotient_without_a_family_is_not_kept(fc: Registered) -> None:
    await fc.account()
    arrived = await fc.trip(consent=True)
    assert arrived.json["quotient"]["outcome"] == "no-family"
    assert await _said(fc) == []


async def test_a_first_visit_brings_it_once_the_account_is_known(fc: Registered) -> None:
    await fc.portal.family("f1")
    key = (await fc.portal.keys_for("f1"))["f1-g1"]
    arrived = await fc.trip(consent=True)
    assert arrived.json["outcome"] == "not-linked"
    body = {"ticket": arrived.json["ticket"], "family_key": key}
    made = await fc.portal.call("POST", "/franceconnect/accounts", body)
    assert made.json["quotient"]["outcome"] == "received"
    assert (await _one(fc))["value"] == 2550


async def test_who_is_logged_in_and_linked_may_ask_again(fc: Registered) -> None:
    await fc.portal.family("f1")
    key = (await fc.portal.keys_for("f1"))["f1-g1"]
    made = await fc.account(family_key=key)
    asked = await fc.trip(token=made.json["tokens"]["access_token"], consent=True)
    assert (asked.json["outcome"], asked.json["quotient"]["outcome"]) == ("linked", "received")


# -- by an agent -------------------------------------------------------------------------------

_IDENTITY = {
    "birth_name": "ROUX", "first_names": ["DAVID"], "sex": "M", "birth_date": "1983-05-19",
    "birth_place": "13054",
}  # fmt: skip


async def _agent(fc: Registered, role: str = "billing_office") -> str:
    account = await fc.portal.agent(role)
    await fc.portal.family("f1")
    return fc.portal.world.token(account=account, roles=(role,))


async def _ask(fc: Registered, token: str, **other: Any) -> Answer:
    how = {"key": other.pop("key")} if "key" in other else {}
    body = {"family": "f1", "guardian": "f1-g1", "identity": _IDENTITY, **other}
    return await fc.portal.call("POST", "/quotients", body, token=token, **how)


async def test_an_agent_asks_by_identity_in_the_towns_mission(fc: Registered) -> None:
    token = await _agent(fc)
    answer = await _ask(fc, token, key="by-identity-1")
    again = await _ask(fc, token, key="by-identity-1")
    assert answer.status == 200
    assert answer.json == again.json
    assert answer.json["outcome"] == "received"
    assert fc.particulier.asked == ["identity"]
    said = await _one(fc)
    assert (said["how"], said["value"]) == ("identity", answer.json["value"])
    assert said["families"] == [{"family": "f1", "guardian": "f1-g1"}]
    assert said["consent_version"] is None
    administrator = fc.portal.world.token(account="a", roles=("administrator",))
    audit = await fc.portal.call("GET", "/audit?family=f1", token=administrator)
    assert "/quotients" in {entry["route"].split()[-1] for entry in audit.json["items"]}


async def test_agents_requests_go_one_after_the_other(fc: Registered) -> None:
    token = await _agent(fc)
    fc.particulier.delay = 0.05
    answers = await asyncio.gather(*(_ask(fc, token) for _ in range(3)))
    assert {answer.json["outcome"] for answer in answers} == {"received"}


async def test_a_request_that_runs_elsewhere_is_tried_again(fc: Registered) -> None:
    """Another replica asks the same at the same time: 409, then its turn comes."""
    token = await _agent(fc)
    particulier = fc.portal.identity.outside.particulier
    assert particulier is not None
    particulier._pause = 0.3
    fc.particulier.delay = 0.2
    query = [
        ("recipient", SIRET), ("nomNaissance", "ROUX"), ("prenoms[]", "DAVID"),
        ("sexeEtatCivil", "M"), ("anneeDateNaissance", "1983"), ("moisDateNaissance", "5"),
        ("jourDateNaissance", "19"), ("codeCogInseePaysNaissance", "99100"),
        ("codeCogInseeCommuneNaissance", "13054"),
    ]  # fmt: skip
    url = f"{fc.particulier.origin}/v3/dss/quotient_familial/identite"
    headers = {"Authorization": f"Bearer {API_TOKEN}"}

    async def elsewhere() -> int:
        async with fc.portal.world.http.get(url, params=query, headers=headers) as got:
            return got.status

    other, answer = await asyncio.gather(elsewhere(), _ask(fc, token))
    assert other in (200, 409)
    assert answer.json["outcome"] == "received"


async def test_what_an_agent_asks_may_be_refused(fc: Registered) -> None:
    token = await _agent(fc)
    nobody = {**_IDENTITY, "birth_name": "PERSONNE"}
    assert (await _ask(fc, token, identity=nobody)).json["outcome"] == "not-known"
    unknown = await _ask(fc, token, guardian="somebody")
    assert _problem(unknown) == (404, "not-found")
    placeless = {key: value for key, value in _IDENTITY.items() if key != "birth_place"}
    assert _problem(await _ask(fc, token, identity=placeless)) == (422, "invalid-input")
    fc.particulier.tokens = {}
    assert (await _ask(fc, token)).json["outcome"] == "refused"
    kitchen = fc.portal.world.token(account="a", roles=("kitchen",))
    assert _problem(await _ask(fc, kitchen)) == (403, "forbidden")
    elsewhere = fc.portal.world.token("andancette", account="a", roles=("billing_office",))
    body = {"family": "f1", "guardian": "f1-g1", "identity": _IDENTITY}
    off = await fc.portal.call("POST", "/quotients", body, town="andancette", token=elsewhere)
    assert _problem(off) == (404, "quotient-off")
