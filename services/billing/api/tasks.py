"""Tasks: what waits for an agent."""

from __future__ import annotations

from services.billing.commands import tasks
from services.billing.schemas.tasks import CompletionIn, TaskOut, TaskPage, TaskQuery
from services.billing.state import Billing
from shared.auth import agents
from shared.web.routes import Call, NoBody, NoQuery, Route

_OFFICE = agents("billing_office", "collection_officer")


async def list_tasks(billing: Billing, call: Call[NoBody, TaskQuery]) -> TaskPage:
    wanted = {"state": call.query.state, "kind": call.query.kind, "family": call.query.family}
    only = {name: value for name, value in wanted.items() if value is not None}
    found = await billing.tasks.tasks(call.agent_scope, only, call.query.after, call.query.limit)
    full = len(found) == call.query.limit
    return TaskPage(items=tuple(map(TaskOut.of, found)), next=found[-1].id if full else None)


async def complete_task(billing: Billing, call: Call[CompletionIn, NoQuery]) -> TaskOut:
    done = await tasks.complete(billing, call.agent_scope, call.path["task"], call.body.note)
    call.act.concerns(family=done.family)
    return TaskOut.of(done)


ROUTES = [
    Route(
        "GET", "/tasks", list_tasks, "What waits for an agent, newest first",
        access=_OFFICE, answer=TaskPage, query=TaskQuery,
    ),
    Route(
        "POST", "/tasks/{task}/completions", complete_task, "An agent has seen to a task",
        access=_OFFICE, answer=TaskOut, body=CompletionIn, status=201, idempotent=True,
        refusals=("task-done",),
    ),
]  # fmt: skip
