"""Routes of dossiers built on line."""

from __future__ import annotations

from services.family.commands import registering
from services.family.queries import registrations as queries
from services.family.schemas.registrations import (
    DraftKept,
    RegistrationCompared,
    RegistrationDecisionIn,
    RegistrationDecisionOut,
    RegistrationOut,
    RegistrationsPage,
)
from services.family.state import State
from shared.auth import ACCOUNT, agents
from shared.web.routes import Call, NoBody, NoQuery, PageQuery, Route

_OFFICE = agents("administrator", "childcare_office")


async def my_registration(state: State, call: Call[NoBody, NoQuery]) -> RegistrationOut:
    """The bearer's own form."""
    return await queries.mine(state, call.family_scope)


async def keep_registration(state: State, call: Call[DraftKept, NoQuery]) -> RegistrationOut:
    """A step of it is filled."""
    scope = call.family_scope
    await registering.keep(state, scope, call.body.draft, call.body.version)
    return await queries.mine(state, scope)


async def send_registration(state: State, call: Call[NoBody, NoQuery]) -> RegistrationOut:
    """It goes to the town."""
    await registering.send(state, call.family_scope)
    return await queries.mine(state, call.family_scope)


async def waiting_registrations(state: State, call: Call[NoBody, PageQuery]) -> RegistrationsPage:
    """Those that wait."""
    limit = call.query.limit
    items = await queries.waiting(state, call.agent_scope, call.query.after, limit)
    following = items[-1].registration if len(items) == limit else None
    return RegistrationsPage(items=tuple(items), next=following)


async def compare_registration(state: State, call: Call[NoBody, NoQuery]) -> RegistrationCompared:
    """One beside the dossiers that the town has."""
    return await queries.compared(state, call.agent_scope, call.path["registration"])


async def decide_registration(
    state: State, call: Call[RegistrationDecisionIn, NoQuery]
) -> RegistrationDecisionOut:
    """The town's answer."""
    return await queries.decided(
        state, call.agent_scope, call.path["registration"],
        accept=call.body.outcome == "accepted", reason=call.body.reason,
    )  # fmt: skip


ROUTES = [
    Route(
        "GET", "/registration", my_registration,
        "The dossier that the bearer builds on line, step by step",
        access=ACCOUNT, answer=RegistrationOut,
    ),
    Route(
        "PUT", "/registration", keep_registration,
        "Keep the form as far as it is filled",
        access=ACCOUNT, answer=RegistrationOut, body=DraftKept,
        refusals=("already-sent", "changed-meanwhile", "file-unknown"), max_body=256 * 1024,
    ),
    Route(
        "PUT", "/registration/sent", send_registration,
        "Send the form to the town; twice is once",
        access=ACCOUNT, answer=RegistrationOut,
        refusals=("incomplete", "changed-meanwhile", "field-unknown", "certificate-missing",
                  "child-known", "collector-too-young", "field-not-editable"),
    ),
    Route(
        "GET", "/registrations", waiting_registrations,
        "Dossiers built on line that wait for the town, the longest waiting first",
        access=_OFFICE, answer=RegistrationsPage, query=PageQuery,
    ),
    Route(
        "GET", "/registrations/{registration}", compare_registration,
        "One of them, beside the dossiers that it is like",
        access=_OFFICE, answer=RegistrationCompared,
    ),
    Route(
        "PUT", "/registrations/{registration}/decision", decide_registration,
        "Accept it, which makes a family, or refuse it with a reason; the same twice is once",
        access=_OFFICE, answer=RegistrationDecisionOut, body=RegistrationDecisionIn,
        refusals=("already-decided", "reason-missing"),
    ),
]  # fmt: skip
