"""Who is let in: signed, unexpired tokens of this town, and nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey, RSAKey

from shared.auth import (
    ACCESS_TOKEN_SECONDS,
    Access,
    AgentScope,
    Bearer,
    FamilyRight,
    FamilyScope,
    Keyring,
    Signer,
    agents,
    either,
    new_private_jwks,
)
from shared.clock import MachineClock
from shared.errors import Refused
from shared.ids import new_id
from tests.shared.conftest import Speaker

NOW = datetime.now(UTC)


class MovableClock:
    """A machine whose time the test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def town(self) -> datetime:
        return self.now

    def machine(self) -> datetime:
        return self.now


def _bearer(**changed: Any) -> Bearer:
    fields: dict[str, Any] = {
        "account": "a", "town": "veyras", "login_session": "s",
        "families": (FamilyRight("f1", "g1"),), "roles": frozenset({"desk"}),
        "expires": int(NOW.timestamp()) + ACCESS_TOKEN_SECONDS,
    }  # fmt: skip
    return Bearer(**{**fields, **changed})


def _ring(*signers: Signer, clock: Any = None) -> Keyring:
    ring = Keyring(clock or MovableClock())
    ring.learn({"keys": [key for signer in signers for key in signer.public_jwks()["keys"]]})
    return ring


def _refusal(ring: Keyring, token: str) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        ring.verify(token)
    return refused.value.status, refused.value.code


def test_a_bearer_survives_its_token() -> None:
    signer = Signer(new_private_jwks(["k"]))
    bearer = _bearer()
    token = signer.sign(bearer, NOW)
    assert _ring(signer).verify(token) == bearer
    assert signer.sign(bearer, NOW) == token, "the same twice: two tabs get the same pair"


def test_a_token_expires_by_the_machines_clock_also_when_it_was_verified_before() -> None:
    clock = MovableClock()
    signer = Signer(new_private_jwks(["k"]))
    ring = _ring(signer, clock=clock)
    token = signer.sign(_bearer(), NOW)
    assert ring.verify(token).account == "a"
    clock.now = NOW + timedelta(seconds=ACCESS_TOKEN_SECONDS + 1)
    assert _refusal(ring, token) == (401, "token-expired")
    assert _refusal(_ring(signer, clock=clock), token) == (401, "token-expired")


def test_a_token_of_more_than_five_minutes_is_none() -> None:
    signer = Signer(new_private_jwks(["k"]))
    long = _bearer(expires=int(NOW.timestamp()) + ACCESS_TOKEN_SECONDS + 1)
    assert _refusal(_ring(signer), signer.sign(long, NOW)) == (401, "token-invalid")


def test_every_tampered_part_is_noticed() -> None:
    signer = Signer(new_private_jwks(["k"]))
    ring = _ring(signer)
    token = signer.sign(_bearer(), NOW)
    header, payload, signature = token.split(".")
    for forged in (
        f"{header}.{payload}.{signature[:-2]}AA",
        f"{header}.{payload}.",
        f"{header}.{payload[:-4]}AAAA.{signature}",
        f"{header}.{payload}",
        "",
        "....",
        "é\udcff",
        token[:-1],
    ):
        assert _refusal(ring, forged) == (401, "token-invalid")


def _claims(**changed: Any) -> dict[str, Any]:
    now = int(NOW.timestamp())
    claims = {"iss": "preau", "sub": "a", "town": "veyras", "sid": "s", "families": [],
              "roles": [], "iat": now, "exp": now + 300}  # fmt: skip
    return {**claims, **changed}


def test_other_keys_and_other_algorithms_are_refused() -> None:
    signer = Signer(new_private_jwks(["k"]))
    ring = _ring(signer)
    assert _refusal(ring, Signer(new_private_jwks(["k"])).sign(_bearer(), NOW))[1] == (
        "token-invalid"
    )
    public = orjson.dumps(signer.public_jwks()["keys"][0])
    as_secret = OctKey.import_key(public)
    rsa = RSAKey.generate_key(2048, {"kid": "k"})
    for header, key in (
        ({"alg": "HS256", "kid": "k"}, as_secret),
        ({"alg": "RS256", "kid": "k"}, rsa),
    ):
        forged = jwt.encode(header, _claims(), key, algorithms=[header["alg"]])
        assert _refusal(ring, forged) == (401, "token-invalid")
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    body = signer.sign(_bearer(), NOW).split(".")[1]
    assert _refusal(ring, f"{unsigned}.{body}.") == (401, "token-invalid")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "elsewhere"},
        {"exp": "soon"},
        {"exp": None},
        {"families": [["f1"]]},
        {"families": 3},
        {"roles": None},
        {"sub": ...},
    ],
)
def test_claims_that_are_not_those_of_an_access_token(changed: dict[str, Any]) -> None:
    private = orjson.loads(new_private_jwks(["k"]))
    signer = Signer(orjson.dumps(private))
    claims = {name: v for name, v in _claims(**changed).items() if v is not ...}
    key = OKPKey.import_key(private["keys"][0])
    token = jwt.encode({"alg": "Ed25519", "kid": "k"}, claims, key, algorithms=["Ed25519"])
    assert _refusal(_ring(signer), token) == (401, "token-invalid")


def test_keys_rotate() -> None:
    old, new = (orjson.loads(new_private_jwks([kid]))["keys"][0] for kid in ("old", "new"))
    before = Signer(orjson.dumps({"keys": [old]}))
    during = Signer(orjson.dumps({"keys": [new, old]}))
    after = Signer(orjson.dumps({"keys": [new]}))
    ring = _ring(before)
    old_token = before.sign(_bearer(), NOW)
    ring.verify(old_token)
    ring.learn(during.public_jwks())
    assert ring.verify(old_token)
    new_token = during.sign(_bearer(account="b"), NOW)
    assert ring.verify(new_token).account == "b"
    ring.learn(after.public_jwks())
    assert _refusal(ring, old_token) == (401, "token-invalid"), "remembered, and still refused"
    assert ring.verify(new_token)


def test_public_keys_show_nothing_private() -> None:
    assert all("d" not in key for key in Signer(new_private_jwks(["k"])).public_jwks()["keys"])


def test_before_any_key_is_known_it_is_not_the_bearers_fault() -> None:
    token = Signer(new_private_jwks(["k"])).sign(_bearer(), NOW)
    assert _refusal(Keyring(MachineClock()), token) == (503, "keys-unknown")


def test_scopes() -> None:
    desk, family = agents("desk"), Access(family=True)
    assert isinstance(either(desk, family).scope(_bearer()), AgentScope)
    assert isinstance(either(desk, family).scope(_bearer(roles=frozenset())), FamilyScope)
    for access, bearer in (
        (desk, _bearer(roles=frozenset({"other"}))),
        (family, _bearer(families=())),
        (agents(), _bearer()),
    ):
        with pytest.raises(Refused) as refused:
            access.scope(bearer)
        assert refused.value.status == 403
    scope = family.scope(_bearer())
    assert isinstance(scope, FamilyScope)
    assert scope.query() == {"town": "veyras", "family": {"$in": ["f1"]}}
    assert scope.guardian_of("f1") == "g1"
    with pytest.raises(Refused):
        scope.guardian_of("f2")


async def test_over_http(speaker: Speaker) -> None:
    async def answer(authorization: str | None, path: str = "/mine") -> tuple[int, str]:
        headers = {} if authorization is None else {"Authorization": authorization}
        status, body, got = await speaker.ask("GET", path, headers=headers)
        assert status != 401 or got["WWW-Authenticate"] == "Bearer"
        return status, body.get("code", "")

    token = speaker.token()
    assert await answer(f"Bearer {token}") == (200, "")
    assert await answer(f"bearer  {token}") == (200, "")
    for missing in (None, "", "Bearer", "Bearer ", f"Basic {token}", token):
        assert await answer(missing) == (401, "token-missing")
    assert await answer("Bearer garbage") == (401, "token-invalid")
    expired = speaker.token(expires=int((NOW - timedelta(seconds=1)).timestamp()))
    assert await answer(f"Bearer {expired}") == (401, "token-expired")
    elsewhere = speaker.token(town="andancette")
    assert await answer(f"Bearer {elsewhere}") == (403, "wrong-town")
    other_key = speaker.token(signer=Signer(new_private_jwks(["one"])))
    assert await answer(f"Bearer {other_key}") == (401, "token-invalid")
    assert await answer(f"Bearer {token}", "/ours") == (403, "forbidden")
    nobody = speaker.token(families=(), account=new_id())
    assert await answer(f"Bearer {nobody}") == (403, "forbidden")


async def test_a_token_in_a_cookie_or_the_address_is_not_read(speaker: Speaker) -> None:
    token = speaker.token()
    status, _, _ = await speaker.ask("GET", "/mine", headers={"Cookie": f"Authorization={token}"})
    assert status == 401
