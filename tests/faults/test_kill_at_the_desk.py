"""Identity and family die right before and right after each of their steps: the same request sent
again ends in one effect, and each event is said once.

One process for the whole module (``tests.faults.phoenix``); each case runs the act that passes a
step twice, dying once on each side of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest

import services.family.service
import services.identity.service
from shared.failpoints import points
from tests import servers
from tests.faults import acts, family_acts
from tests.faults.acts import Act
from tests.faults.desk import SERVICES, TOWN, Desk, desk_file, desk_of
from tests.world import eventually

TAKEN: dict[Act, tuple[str, ...]] = {
    acts.signs_up: ("identity.account.create", "identity.attempt.count"),
    acts.logs_in: ("identity.attempt.forgive", "identity.login-session.open"),
    acts.refreshes: ("identity.login-session.rotate",),
    acts.logs_out: ("identity.login-session.end",),
    acts.forgets_a_password: ("identity.mail-request.create", "identity.mail-request.close"),
    acts.issues_keys: ("identity.key-issue.create", "identity.family-key.create"),
    acts.replaces_keys: ("identity.family-key.replace",),
    acts.revokes_a_key: ("identity.family-key.revoke",),
    acts.types_a_key: ("identity.family-key.use", "identity.account.change"),
    acts.withdraws_a_link: ("identity.family-key.withdraw", "identity.invitation.withdraw"),
    acts.invites: ("identity.invitation.create",),
    acts.invites_again: ("identity.invitation.send-again",),
    acts.revokes_an_invitation: ("identity.invitation.revoke",),
    acts.accepts_an_invitation: ("identity.invitation.use",),
    acts.prints_an_access: ("identity.paper-issue.create",),
    acts.changes_the_town: ("identity.town.change", "identity.town.keep-file"),
    acts.opens_a_town: ("identity.town.create",),
    acts.appoints_an_agent: ("identity.agents.lease",),
    acts.registers_a_tablet: ("identity.tablet.register",),
    acts.revokes_a_tablet: ("identity.tablet.revoke",),
    family_acts.imports: (
        "family.record.insert", "family.import.keep", "family.import.advance",
        "family.import.finish", "identity.family.keep",
    ),
    family_acts.changes_a_field: ("family.record.save",),
    family_acts.sends_a_file: ("family.file.put", "family.upload.insert"),
    family_acts.sends_a_document: ("family.document.send",),
    family_acts.decides_a_document: ("family.document.decide",),
    family_acts.takes_a_document_back: (
        "family.document.withdraw", "family.upload.delete", "family.file.delete",
    ),
    family_acts.removes_a_document: ("family.document.remove",),
    family_acts.writes_a_letter: ("family.letter.write", "family.feed.keep"),
    family_acts.answers_a_letter: ("family.letter.continue",),
    family_acts.reads_a_letter: ("family.letter.read",),
    family_acts.settles_a_letter: ("family.letter.move",),
    family_acts.reads_the_feed: ("family.feed.mark-read",),
    family_acts.writes_news: ("family.news.write",),
    family_acts.removes_news: ("family.news.delete",),
    family_acts.publishes_a_document: ("family.published.write",),
    family_acts.merges: (
        "family.move.begin", "family.move.hold", "family.move.decide", "family.move.settle",
        "family.move.close",
    ),
    family_acts.undoes_a_merge: ("family.move.undone",),
    family_acts.is_refused_a_merge: (
        "family.move.give-up", "family.move.let-go", "family.move.forget",
    ),
    family_acts.keeps_a_form: ("family.registration.draft",),
    family_acts.sends_a_form: ("family.registration.send",),
    family_acts.accepts_a_form: ("family.registration.decide", "family.registration.finish"),
    family_acts.erases_a_family: (
        "family.erasure.ask", "family.erasure.answer", "family.erasure.settle",
        "family.record.erase", "family.erasure.finish", "identity.account.erase",
        "erasure.document.delete",
    ),
}  # fmt: skip

#: Steps that no act takes, each with where it is taken and tested instead.
ELSEWHERE = {
    "identity.account.forget": "a job of every hour, one write: tests/identity",
    "identity.signing-keys.make": "before anything is served, at each start: tests/identity",
    "identity.signing-keys.say": "before anything is served, at each start: tests/identity",
    "identity.authorization.begin": "FranceConnect: tests/identity/franceconnect",
    "identity.authorization.claim": "FranceConnect: tests/identity/franceconnect",
    "identity.authorization.end": "FranceConnect: tests/identity/franceconnect",
    "identity.return.keep": "FranceConnect: tests/identity/franceconnect",
    "identity.return.use": "FranceConnect: tests/identity/franceconnect",
    "identity.provider-session.keep": "FranceConnect: tests/identity/franceconnect",
    "identity.provider-session.forget": "FranceConnect: tests/identity/franceconnect",
    "family.document.age": "a job of every minute, one write: tests/family/test_documents",
    "family.record.reseal": "an operator's command: tests/family/test_sealed",
    "family.registration.reseal": "an operator's command: tests/family/test_registrations",
    "family.move.reseal": "an operator's command: tests/family/test_sealed",
    "family.upload.reseal": "an operator's command: tests/family/test_sealed",
}


def cases() -> list[tuple[Act, str]]:
    """Each step with the act that takes it."""
    return [(act, step) for act, steps in TAKEN.items() for step in steps]


@pytest.fixture(scope="module")
async def desk(
    mongodb: servers.MongoServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    async with desk_of(mongodb.url, tmp_path_factory.mktemp("desk")) as it:
        await it.put_town(TOWN, desk_file())
        await it.settled()
        yield it


def test_every_step_is_taken_or_tested_elsewhere() -> None:
    own = {point.rpartition(".")[0] for point in points() if point.partition(".")[0] in SERVICES}
    taken = {step for _, step in cases()}
    assert own - taken == set(ELSEWHERE)


@pytest.mark.parametrize(
    ("act", "step"), cases(), ids=lambda value: getattr(value, "__name__", value)
)
async def test_killed_at(desk: Desk, act: Act, step: str) -> None:
    for side in ("before", "after"):
        desk.point, deaths = f"{step}.{side}", desk.deaths
        expected = await act(desk)

        async def died() -> bool:
            return desk.deaths > deaths  # noqa: B023 - awaited before the next turn

        await eventually(died, what=f"death at {desk.point}")
        assert desk.deaths == deaths + 1
        assert await desk.said() == Counter(expected), desk.point


_ = (services.family.service, services.identity.service)  # imported for their steps
