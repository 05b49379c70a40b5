"""Whether an account exists is told by no answer, and by no more or less work for it.

The work is counted, not timed: reads, writes and passwords hashed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from services.identity.hashing import HashingPool
from shared import context
from shared.store import Store
from tests.identity.portal import PASSWORD, Portal, sign_up_body
from tests.world import Answer

#: Not ``find``: the relay, which a write wakes, looks for what there is to say.
_COUNTED = ("get", "first", "insert", "change", "save", "put", "delete", "change_many")


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, ...]]:
    """What is asked of the store and of the hashing pool by HTTP requests from now on."""
    counted: Counter[tuple[str, ...]] = Counter()

    def counting(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        async def call(self: Store, *given: Any, **more: Any) -> Any:
            collection = next(one for one in given if isinstance(one, str))
            if context.correlation.get():  # a request's, not a job's
                counted[name, collection] += 1
            return await original(self, *given, **more)

        return call

    for name in _COUNTED:
        monkeypatch.setattr(Store, name, counting(name, getattr(Store, name)))
    for name in ("hash", "matches"):
        original = getattr(HashingPool, name)

        def hashing(
            self: HashingPool, *given: Any, original: Any = original, name: str = name
        ) -> Any:
            counted["password", name] += 1
            return original(self, *given)

        monkeypatch.setattr(HashingPool, name, hashing)
    return counted


def _said(answer: Answer) -> tuple[int, Any]:
    body = dict(answer.json or {})
    body.pop("instance", None)
    return answer.status, body


async def _compared(
    portal: Portal, work: Counter[tuple[str, ...]], path: str, *bodies: dict[str, Any]
) -> None:
    """The first request is for nobody and not compared: it opens the counts of this address."""
    seen = []
    await portal.call("POST", path, dict.fromkeys(bodies[0], "personne d'autre"))
    for body in bodies:
        work.clear()
        answer = await portal.call("POST", path, body)
        seen.append((_said(answer), dict(work)))
    assert seen[1:] == seen[:-1]
    assert seen[0][1]


async def test_login(portal: Portal, work: Counter[tuple[str, ...]]) -> None:
    await portal.adult()
    await portal.family("f1", "g1")
    token = portal.world.token(roles=("childcare_office",))
    named = {"guardians": [{"family": "f1", "guardian": "g1"}]}
    made = await portal.call("POST", "/paper-accesses", named, token=token)
    paper = made.json["accesses"][0]["login_name"]
    await portal.signed_up("en.attente")
    wrong = {"password": "pas le bon du tout"}
    await _compared(
        portal, work, "/login-sessions",
        *({"login_name": name, **wrong} for name in ("camille.martin", "personne", paper,
                                                     "en.attente")),
    )  # fmt: skip


async def test_first_login(portal: Portal, work: Counter[tuple[str, ...]]) -> None:
    await portal.adult()
    wrong = {"initial_secret": "0000-0000-0000-0000", "password": PASSWORD}
    await _compared(
        portal, work, "/first-logins",
        *({"login_name": name, **wrong} for name in ("camille.martin", "personne")),
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/password-resets", "/activation-requests"])
async def test_mails_asked_for(portal: Portal, work: Counter[tuple[str, ...]], path: str) -> None:
    await portal.adult()
    names = ("camille.martin", "personne", "famille@example.org", "inconnue@example.org")
    await _compared(portal, work, path, *({"login_or_email": name} for name in names))


async def test_sign_up(portal: Portal, work: Counter[tuple[str, ...]]) -> None:
    await portal.adult()
    seen = []
    for login, email in (("une.autre", "famille@example.org"), ("encore.une", "x@example.org")):
        work.clear()
        answer = await portal.call("POST", "/accounts", sign_up_body(login, email=email))
        seen.append((answer.status, set(answer.json), dict(work)))
    assert seen[0] == seen[1]


async def test_a_full_queue_answers_at_once_whoever_asks(portal: Portal) -> None:
    await portal.adult()
    pool, go = portal.identity.hashing, Event()
    waiting = [asyncio.ensure_future(pool.run(go.wait)) for _ in range(pool._free)]
    await asyncio.sleep(0)
    try:
        for name in ("camille.martin", "personne"):
            body = {"login_name": name, "password": PASSWORD}
            refused = await portal.call("POST", "/login-sessions", body)
            assert (refused.status, refused.json["code"]) == (503, "too-busy")
            assert int(refused.headers["Retry-After"]) >= 1
        assert (await portal.call("GET", "/town")).status == 200
    finally:
        go.set()
        await asyncio.gather(*waiting)
    await portal.logged_in()
