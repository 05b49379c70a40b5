"""Family keys on paper: whose letter it is, in which order, while the key is open; one per
household where the town wants it so; active at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.identity.domain.family_keys import LETTERS_FOR
from services.identity.store.family_keys import FAMILY_KEYS, ISSUES
from tests.identity.portal import PASSWORD, Portal, family_changed, sign_up_body
from tests.papers import pages_of
from tests.world import Answer, eventually


async def issued(portal: Portal, *families: str, key: str = "an-issue-of-keys") -> dict[str, Any]:
    agent = portal.world.token(roles=("childcare_office",))
    body = {"families": list(families)}
    answer = await portal.call("POST", "/family-keys", body, token=agent, key=key)
    assert answer.status == 201, answer.json
    found: dict[str, Any] = answer.json
    return found


async def letters(portal: Portal, issue: str, query: str = "", town: str = "veyras") -> Answer:
    agent = portal.world.token(town, roles=("childcare_office",))
    path = f"/family-key-issues/{issue}/letters.pdf{query}"
    return await portal.call("GET", path, town=town, token=agent)


async def named(portal: Portal, family: str, *names: tuple[str, str]) -> None:
    """A family whose guardians are called so."""
    said = family_changed(family, *(f"{family}-g{n + 1}" for n in range(len(names))))
    guardians = [
        {**one.model_dump(), "first_name": first, "last_name": last}
        for one, (first, last) in zip(said.guardians, names, strict=True)
    ]
    event = type(said).model_validate({**said.model_dump(), "guardians": guardians})
    await portal.world.say(event, f"families/{family}")

    async def heard() -> bool:
        copy = await portal.world.store("identity").get("families", family)
        return copy is not None and copy["guardians"][0]["last_name"] == names[0][1]

    await eventually(heard, what="family heard")


async def test_a_batch_is_one_document_in_the_order_of_names(portal: Portal) -> None:
    await named(portal, "f1", ("Zoé", "Roux"), ("Ali", "Benali"))
    await named(portal, "f2", ("Camille", "Martin"))
    batch = await issued(portal, "f1", "f2")
    answer = await letters(portal, batch["issue"])
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert f"cles-{batch['issue']}.pdf" in answer.headers["Content-Disposition"]
    pages = pages_of(answer.body)
    assert len(pages) == 3
    for page, name in zip(pages, ("AliBenali", "CamilleMartin", "ZoéRoux"), strict=True):
        assert name in page
        assert "Mesabonnements" in page
        assert "Servicee" in page, "the town's service, from its file"
    keys = {one["guardians"][0]: one["key"] for one in batch["keys"]}
    assert keys["f1-g2"] in pages[0]
    assert keys["f2-g1"] in pages[1]
    assert keys["f1-g1"] in pages[2]
    assert sum(key in page for page in pages for key in keys.values()) == 3, "each its own"


async def test_letters_are_the_same_when_printed_again_and_one_can_be_alone(
    portal: Portal,
) -> None:
    await named(portal, "f1", ("Zoé", "Roux"))
    await named(portal, "f2", ("Camille", "Martin"))
    batch = await issued(portal, "f1", "f2")
    first, again = [await letters(portal, batch["issue"]) for _ in range(2)]
    assert first.body == again.body
    alone = await letters(portal, batch["issue"], "?families=f2")
    assert ["CamilleMartin" in page for page in pages_of(alone.body)] == [True]


async def test_the_text_of_a_key_is_kept_nowhere(portal: Portal) -> None:
    await named(portal, "f1", ("Zoé", "Roux"))
    batch = await issued(portal, "f1")
    await letters(portal, batch["issue"])
    key = batch["keys"][0]["key"]
    for collection in (FAMILY_KEYS, ISSUES, "audit"):
        found = repr(await portal.world.store("identity").find(collection, {}))
        assert key not in found
        assert key.replace("-", "") not in found


async def test_only_keys_that_still_work_are_printed(portal: Portal) -> None:
    await named(portal, "f1", ("Zoé", "Roux"), ("Camille", "Martin"))
    batch = await issued(portal, "f1")
    agent = portal.world.token(roles=("administrator",))
    listed = (await portal.call("GET", "/family-keys", token=agent)).json["items"]
    revoked = next(one for one in listed if one["guardians"] == ["f1-g1"])
    gone = await portal.call("DELETE", f"/family-keys/{revoked['id']}", token=agent)
    assert gone.status == 204
    pages = pages_of((await letters(portal, batch["issue"])).body)
    assert ["CamilleMartin" in page for page in pages] == [True]
    newer = await issued(portal, "f1", key="another-issue")
    nothing = await letters(portal, batch["issue"])
    assert (nothing.status, nothing.json["code"]) == (409, "no-letter-left")
    assert len(pages_of((await letters(portal, newer["issue"])).body)) == 2


async def test_letters_of_last_week_or_another_town_are_not_printed(portal: Portal) -> None:
    await named(portal, "f1", ("Zoé", "Roux"))
    batch = await issued(portal, "f1")
    assert (await letters(portal, batch["issue"], town="andancette")).status == 404
    assert (await letters(portal, "nowhere")).status == 404
    store = portal.world.store("identity")
    issue = await store.get(ISSUES, batch["issue"])
    assert issue is not None
    earlier = {"issued_at": issue["issued_at"] - LETTERS_FOR - timedelta(seconds=1)}
    await store._database[ISSUES].update_one({"_id": batch["issue"]}, {"$set": earlier})
    old = await letters(portal, batch["issue"])
    assert (old.status, old.json["code"]) == (409, "letters-too-old")


async def test_names_in_any_script_are_printed_as_text(portal: Portal) -> None:
    await named(portal, "f1", ('#panic("x")', "]*_$李"), ("Nguyễn", "Đặng"))
    batch = await issued(portal, "f1")
    answer = await letters(portal, batch["issue"])
    assert answer.status == 200
    both = "".join(pages_of(answer.body))
    assert '#panic("x")]*_$?' in both
    assert "NguyễnĐặng" in both


async def test_a_link_is_active_at_the_next_refresh(portal: Portal) -> None:
    await named(portal, "f1", ("Zoé", "Roux"))
    key = (await issued(portal, "f1"))["keys"][0]["key"]
    await portal.adult()
    tokens = await portal.logged_in()
    linked = await portal.call("POST", "/family-links", {"key": key}, token=tokens["access_token"])
    assert (linked.status, linked.json["refresh_token_now"]) == (201, True)
    body = {"refresh_token": tokens["refresh_token"]}
    fresh = await portal.call("POST", "/tokens", body)
    bearer = portal.world.of("identity").parts.keys.verify(fresh.json["access_token"])
    assert [(one.family, one.guardian) for one in bearer.families] == [("f1", "f1-g1")]


@pytest.fixture
async def shared(portal: Portal) -> Portal:
    """A town whose keys are for the household, under a name of its own."""
    admin = portal.world.token(roles=("administrator",))
    keys = {"called": "Code Abonné", "use": "per_adult", "valid_days": 30}
    await portal.change_town_file(admin, family_keys=keys)
    return portal


async def log_in_as(portal: Portal, first: str, last: str) -> str:
    login = f"{first}.{last}".lower()
    body = sign_up_body(login, email=f"{login}@example.org")
    body["identity"] = {"first_name": first, "last_name": last}
    made = await portal.call("POST", "/accounts", body)
    assert made.status == 201, made.json

    async def token() -> str | None:
        said = await portal.said("activation-requested")
        mine = [one.data for one in said if one.data["account"] == made.json["account"]]
        return str(mine[0]["token"]) if mine else None

    mailed = await eventually(token, what="activation mail")
    done = await portal.call("POST", "/activations", {"token": mailed})
    assert done.status == 200
    return str((await portal.logged_in(login, PASSWORD))["access_token"])


async def test_a_households_key_serves_each_of_its_adults_once(shared: Portal) -> None:
    card = await shared.call("GET", "/town")
    assert card.json["family_key_called"] == "Code Abonné"
    await named(shared, "f1", ("Zoe", "Roux"), ("Ali", "Benali"))
    batch = await issued(shared, "f1")
    assert [one["guardians"] for one in batch["keys"]] == [["f1-g1", "f1-g2"]]
    key = batch["keys"][0]["key"]
    (page,) = pages_of((await letters(shared, batch["issue"])).body)
    assert "ZoeRoux" in page
    assert "AliBenali" in page
    assert "CodeAbonné" in page

    async def link(token: str) -> Answer:
        return await shared.call("POST", "/family-links", {"key": key}, token=token)

    zoe, ali = await log_in_as(shared, "Zoe", "Roux"), await log_in_as(shared, "Ali", "Benali")
    stranger = await log_in_as(shared, "Jean", "Dupont")
    assert (await link(stranger)).json["code"] == "family-key-other-name"
    assert (await link(zoe)).json["guardian"] == "f1-g1"
    assert (await link(zoe)).json["guardian"] == "f1-g1", "again: the same link"
    assert (await link(stranger)).json["code"] == "family-key-other-name"
    assert (await link(ali)).json["guardian"] == "f1-g2"
    assert (await link(stranger)).json["code"] == "family-key-used"
    agent = shared.world.token(roles=("administrator",))
    (seen,) = (await shared.call("GET", "/family-keys", token=agent)).json["items"]
    assert (seen["state"], [one["guardian"] for one in seen["uses"]]) == (
        "used", ["f1-g1", "f1-g2"],
    )  # fmt: skip
