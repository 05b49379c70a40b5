"""``preau`` commands of identity, and its start: keys kept, keys rotated, keys refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.identity.commands.family_keys import issue_all
from services.identity.service import build
from services.identity.signing import SigningKeys
from services.identity.store.signing_keys import KEYS
from shared.auth import new_private_jwks
from shared.clock import MachineClock
from shared.pdf import Press
from shared.runner import Parts, Runner
from shared.settings import CommonSettings
from shared.store import Store, connect
from tests import operators
from tests.identity.portal import TOWN_FILES, Portal
from tests.world import SIGNING_KEYS

VEYRAS = f"{TOWN_FILES}/veyras.yaml"
Preau = Callable[..., Awaitable[operators.Done]]


@pytest.fixture
def preau(mongodb_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Preau:
    """Before any service has run."""
    monkeypatch.setenv("MONGODB_URL", mongodb_url)
    monkeypatch.setenv("PREAU_NAMESPACE", namespace)
    monkeypatch.setenv("PREAU_SIGNING_KEYS", SIGNING_KEYS)
    return operators.preau


async def test_checking_and_loading_a_town(preau: Preau, tmp_path: Path) -> None:
    assert (await preau("town", "check", VEYRAS)).exit_code == 0
    assert (await preau("town", "load", VEYRAS)) == (0, "veyras: version 1\n")
    assert (await preau("town", "load", VEYRAS)) == (0, "veyras: version 1\n")
    bad = tmp_path / "veyras.yaml"
    text = Path(VEYRAS).read_text(encoding="utf-8")
    bad.write_text(text.replace("capacity: 120", "capacity: lots"), encoding="utf-8")
    code, output = await preau("town", "load", str(bad))
    assert code == 1
    assert "activities[0].places[0].capacity : un nombre entier est attendu." in output
    assert (await preau("town", "load", VEYRAS)) == (0, "veyras: version 1\n")


async def test_the_schema_is_printed(preau: Preau) -> None:
    code, output = await preau("town", "schema")
    assert code == 0
    assert json.loads(output)["properties"]["town"]


async def test_fresh_signing_keys_sign(preau: Preau) -> None:
    code, output = await preau("keys", "new")
    assert code == 0
    keys = SigningKeys()
    keys.load(output)
    assert "d" not in keys.public_jwks()["keys"][0]


async def test_an_agent_is_added_once(preau: Preau, tmp_path: Path) -> None:
    await preau("town", "load", VEYRAS)
    who = ("--town", "veyras", "--login", "alix", "--email", "alix@veyras.example")
    code, output = await preau("agent", "add", *who, "--role", "kitchen")
    assert code == 0
    assert "token " in output
    account = output.splitlines()[0]
    assert (await preau("agent", "add", *who, "--role", "school")) == (0, f"{account}\n")
    secret = tmp_path / "password"
    secret.write_text("court\n", encoding="utf-8")
    code, output = await preau(
        "agent", "add", "--town", "veyras", "--login", "autre", "--email", "a@veyras.example",
        "--role", "kitchen", "--password-file", str(secret),
    )  # fmt: skip
    assert (code, "password-too-weak" in output) == (1, True)
    assert (await preau("agent", "add", *who, "--role", "emperor")).exit_code == 2
    nowhere = await preau("agent", "add", "--town", "nulle-part", *who[2:], "--role", "kitchen")
    assert nowhere.exit_code == 1


async def test_keys_of_a_whole_town_are_the_same_when_asked_again(portal: Portal) -> None:
    for family in ("f1", "f2", "f3"):
        await portal.family(family)
    await portal.family("f9", town="andancette")
    first = [one async for one in issue_all(portal.identity, "veyras", "1")]
    again = [one async for one in issue_all(portal.identity, "veyras", "1")]
    assert first == again
    assert len(first) == 6
    assert {one.family for one in first} == {"f1", "f2", "f3"}
    other = [one async for one in issue_all(portal.identity, "veyras", "2")]
    assert not {one.key for one in first} & {one.key for one in other}
    await portal.adult()
    tokens = await portal.logged_in()
    old = await portal.call(
        "POST", "/family-links", {"key": first[0].key}, token=tokens["access_token"]
    )
    assert old.json["code"] == "family-key-revoked"
    new = await portal.call(
        "POST", "/family-links", {"key": other[0].key}, token=tokens["access_token"]
    )
    assert new.status == 201


async def test_keys_sealed_with_a_withdrawn_key_are_not_printed_again(
    preau: Preau, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await portal.family("f1")
    asked = ("keys", "issue-family", "--town", "veyras")
    code, printed = await preau(*asked)
    assert (code, len(printed.splitlines())) == (0, 3)
    both = json.loads(SIGNING_KEYS)["keys"] + json.loads(new_private_jwks(["next"]))["keys"]
    monkeypatch.setenv("PREAU_SIGNING_KEYS", json.dumps({"keys": both[::-1]}))
    assert await preau(*asked) == (0, printed), "rotated, not yet withdrawn"
    monkeypatch.setenv("PREAU_SIGNING_KEYS", json.dumps({"keys": both[1:]}))
    code, output = await preau(*asked)
    assert (code, output.partition(":")[0]) == (1, "keys-not-repeatable")
    code, other = await preau(*asked, "--series", "2")
    assert (code, len(other.splitlines())) == (0, 3)


async def test_the_letters_file_is_for_its_owner_only(preau: Preau, tmp_path: Path) -> None:
    await preau("town", "load", VEYRAS)
    path = tmp_path / "keys.csv"
    code, output = await preau("keys", "issue-family", "--town", "veyras", "--csv", str(path))
    assert (code, output) == (0, f"0 keys in {path}\n")
    assert path.stat().st_mode & 0o077 == 0
    with path.open(newline="", encoding="utf-8") as stream:
        assert next(csv.reader(stream)) == [
            "reference", "family", "guardian", "first_name", "last_name", "key",
        ]  # fmt: skip


def _settings(mongodb_url: str, namespace: str, **more: object) -> CommonSettings:
    return CommonSettings(
        MONGODB_URL=SecretStr(mongodb_url), PREAU_NAMESPACE=namespace, PREAU_PORT=0, **more
    )  # type: ignore[call-arg]


async def _public_keys(mongodb_url: str, namespace: str) -> tuple[str, int]:
    """Start identity and stop it: the key it said, and how many times keys were said so far."""
    runner = Runner({"identity": build}, _settings(mongodb_url, namespace), {})
    await runner.start()
    await runner.ready()
    document = await runner.running[0].parts.store.get(KEYS, "current")
    await runner.stop()
    assert document is not None
    return document["public"]["keys"][0]["kid"], document["seq"]


async def test_development_keys_are_made_once_and_kept(
    mongodb_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREAU_SIGNING_KEYS", raising=False)
    first = await _public_keys(mongodb_url, namespace)
    assert await _public_keys(mongodb_url, namespace) == first
    assert first[1] == 1


async def test_rotated_keys_are_said(
    mongodb_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count, kid in enumerate(("one", "two"), start=1):
        monkeypatch.setenv("PREAU_SIGNING_KEYS", new_private_jwks([kid]))
        assert await _public_keys(mongodb_url, namespace) == (kid, count)


@pytest.mark.parametrize("given", [None, "{}", '{"keys": []}', "hello"])
async def test_production_refuses_to_start_without_keys(
    given: str | None, mongodb_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREAU_SIGNING_KEYS", raising=False)
    if given is not None:
        monkeypatch.setenv("PREAU_SIGNING_KEYS", given)
    clock = MachineClock()
    client = connect(mongodb_url)
    settings = _settings(
        mongodb_url, namespace, PREAU_ENV="production", AMQP_URL=SecretStr("amqp://127.0.0.1")
    )
    store = Store(client, f"{namespace}_identity", clock)
    parts = Parts.over(settings, store, clock, Press())
    try:
        with pytest.raises(ValueError, match="PREAU_SIGNING_KEYS"):
            build(parts)
    finally:
        await client.close()
