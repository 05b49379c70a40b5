"""Routes of dossiers: every field with its rule, changes, decisions."""

from __future__ import annotations

from services.family.api.households import HEALTH, READERS
from services.family.api.uploads import KEPT
from services.family.commands import dossiers as commands
from services.family.queries import dossiers as queries
from services.family.queries import field_files as files
from services.family.schemas.dossiers import (
    ChangeDecisionsIn,
    ChangeDecisionsOut,
    ChangesIn,
    ChangesOut,
    DossierFields,
    DossierOut,
    MeasureIn,
    WaitingPage,
)
from services.family.state import State
from shared.auth import ACCOUNT, FAMILY, AgentScope, agents, either
from shared.errors import forbidden
from shared.web.routes import Call, Empty, File, NoBody, NoQuery, PageQuery, Route, Versioned

_EDITORS = agents("administrator", "billing_office", "childcare_office")
_MEASURERS = agents("administrator", "childcare_office")
_REFUSED_VALUES = (
    "field-changed", "field-unknown", "field-not-editable", "certificate-missing",
    "guardian-known", "child-known", "collector-too-young", "holder-needed", "already-asked",
    "too-many-changes", "record-busy", "idempotency-key-reused", "file-unknown",
)  # fmt: skip


async def dossier(state: State, call: Call[NoBody, NoQuery]) -> Versioned:
    """Every field that the bearer may see."""
    return Versioned(*await queries.dossier(state, call.scope, call.path["family"]))


async def blank_fields(state: State, call: Call[NoBody, NoQuery]) -> DossierFields:
    """The fields of a member to add."""
    return await queries.blank(state, call.town)


async def send_changes(state: State, call: Call[ChangesIn, NoQuery]) -> ChangesOut:
    """Changes of a guardian, or of an agent."""
    body = call.body
    if body.on_behalf_of and not isinstance(call.scope, AgentScope):
        raise forbidden()
    made = await commands.change(
        state, call.scope, call.path["family"], [one.item() for one in body.changes],
        call.known_command, body.on_behalf_of,
    )  # fmt: skip
    return ChangesOut.model_validate(made)


async def take_back(state: State, call: Call[NoBody, NoQuery]) -> Empty:
    """A change that nobody has decided."""
    await commands.take_back(state, call.scope, call.path["family"], call.path["change"])
    return Empty()


async def waiting_changes(state: State, call: Call[NoBody, PageQuery]) -> WaitingPage:
    """What waits for an agent."""
    limit = call.query.limit
    items = await queries.waiting_families(state, call.agent_scope, call.query.after, limit)
    return WaitingPage(items=tuple(items), next=items[-1].family if len(items) == limit else None)


async def decide_changes(
    state: State, call: Call[ChangeDecisionsIn, NoQuery]
) -> ChangeDecisionsOut:
    """An agent's answers."""
    wanted = [one.decision() for one in call.body.decisions]
    families = await commands.families_of(state, call.agent_scope, wanted)
    for family in set(families.values()):
        call.act.concerns(family=family)
    states = await commands.decide_all(
        state, call.agent_scope, wanted, families, call.known_command
    )
    return ChangeDecisionsOut.model_validate(
        {"decided": [{"change": one.change, "state": states[one.change]} for one in wanted]}
    )


async def set_measure(state: State, call: Call[MeasureIn, NoQuery]) -> Empty:
    """Rights, protection, limits of a guardian."""
    await commands.set_measure(
        state, call.agent_scope, call.path["family"], call.path["guardian"], call.body.wanted()
    )
    return Empty()


async def field_file(state: State, call: Call[NoBody, NoQuery]) -> File:
    """A file that a field names."""
    path = call.path
    return await files.file_of(state, call.scope, call.known_bearer, path["family"], path["file"])


ROUTES = [
    Route(
        "GET", "/families/{family}/dossier", dossier,
        "A dossier field by field: what counts, what waits beside it, the town's rules",
        access=either(FAMILY, READERS), answer=DossierOut, versioned=True,
    ),
    Route(
        "GET", "/dossier-fields", blank_fields,
        "What a family tells of each kind of member: a blank dossier, by the town's rules",
        access=either(ACCOUNT, READERS), answer=DossierFields,
    ),
    Route(
        "GET", "/families/{family}/files/{file}", field_file,
        "A file that a field names, or a change that waits; of health, each reading is recorded",
        access=either(FAMILY, READERS, HEALTH), answer=KEPT,
    ),
    Route(
        "POST", "/families/{family}/changes", send_changes,
        "Change fields, add or remove members; what the town checks waits for it",
        access=either(FAMILY, _EDITORS), answer=ChangesOut, body=ChangesIn, status=201,
        idempotent=True, refusals=_REFUSED_VALUES,
    ),
    Route(
        "DELETE", "/families/{family}/changes/{change}", take_back,
        "Take back a change that nobody has decided; twice is once",
        access=either(FAMILY, _EDITORS), answer=Empty, status=204,
        refusals=("already-decided", "record-busy"),
    ),
    Route(
        "GET", "/changes", waiting_changes,
        "The families whose changes wait for the town, the longest waiting first",
        access=_EDITORS, answer=WaitingPage, query=PageQuery,
    ),
    Route(
        "POST", "/change-decisions", decide_changes,
        "Accept or refuse changes one by one, of any families at once",
        access=_EDITORS, answer=ChangeDecisionsOut, body=ChangeDecisionsIn, idempotent=True,
        refusals=("reason-missing", "value-outdated", "guardian-known", "child-known",
                  "collector-too-young", "record-busy", "idempotency-key-reused"),
        max_body=512 * 1024,
    ),
    Route(
        "PUT", "/families/{family}/guardians/{guardian}/measures", set_measure,
        "Set a guardian's rights over each child, protect their address, limit what they see",
        access=_MEASURERS, answer=Empty, body=MeasureIn, status=204, refusals=("record-busy",),
    ),
]  # fmt: skip
