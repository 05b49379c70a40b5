"""Tasks of agents: opened by what happens, closed by an agent, or by what happens next."""

from __future__ import annotations

from services.billing.domain.tasks import Done, Task
from services.billing.state import Billing
from shared.auth import AgentScope
from shared.errors import Refused, not_found
from shared.metrics import TASKS


async def open_task(billing: Billing, task: Task) -> None:
    """Have agents see to something; opened twice, it is there once."""
    if await billing.tasks.open(task):
        TASKS.labels(task.kind, "opened").inc()


async def close_by_itself(billing: Billing, task_id: str) -> None:
    """What a task was about has come right; nothing, where there is none."""
    task = await billing.tasks.get(task_id)
    if task is not None and task.done is None:
        await _close(billing, task, Done(by=None, at=billing.clock.town(), note=None))


async def complete(billing: Billing, scope: AgentScope, task_id: str, note: str) -> Task:
    """An agent has seen to it; the same again is the same. Raises ``Refused``: 404,
    ``task-done``."""
    task = await billing.tasks.within(scope, task_id)
    if task is None:
        raise not_found("cette tâche")
    await _close(billing, task, Done(by=scope.account, at=billing.clock.town(), note=note))
    after = await billing.tasks.within(scope, task_id) or task
    if after.done is None or (after.done.by, after.done.note) != (scope.account, note):
        raise Refused("task-done", "Cette tâche a été close entre-temps : relisez-la.")
    return after


async def _close(billing: Billing, task: Task, done: Done) -> None:
    if await billing.tasks.close(task, done):
        TASKS.labels(task.kind, "by-itself" if done.by is None else "done").inc()
