"""Tasks of agents: ``{_id, town, family, kind, since, cents, payment, request, reason, state,
done}``."""

from __future__ import annotations

from dataclasses import asdict

from pymongo import IndexModel

from services.billing.domain.tasks import Done, Task
from shared.auth import Scope
from shared.contracts.billing import TaskDone, TaskOpened
from shared.failpoints import step
from shared.paging import page
from shared.store import Document, Store

TASKS = "tasks"
OPEN_TASK = step("billing.task.open")
CLOSE_TASK = step("billing.task.close")
_NEWEST = [("since", -1), ("_id", -1)]
INDEXES = {
    TASKS: [
        IndexModel([("town", 1), ("state", 1), *_NEWEST], name="pages"),
        IndexModel([("town", 1), ("family", 1), *_NEWEST], name="family-pages"),
    ],
}  # fmt: skip


class TaskStore:
    """Every query and write of tasks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def open(self, task: Task) -> bool:
        """Store a task; False when it was there, done or not."""
        document = {**asdict(task), "_id": task.id, "state": task.state}
        del document["id"]
        said = TaskOpened(
            task=task.id, task_kind=task.kind, family=task.family, cents=task.cents,
            payment=task.payment, request=task.request,
        )  # fmt: skip
        return await self._store.insert(OPEN_TASK, TASKS, document, said)

    async def close(self, task: Task, done: Done) -> bool:
        """Note that a task is done; False when it was."""
        said = TaskDone(
            task=task.id, task_kind=task.kind, family=task.family, by_itself=done.by is None
        )
        return await self._store.change(
            CLOSE_TASK, TASKS, task.id, {"state": "open"},
            {"$set": {"state": "done", "done": done.model_dump()}}, said, town=task.town,
        )  # fmt: skip

    async def get(self, task: str) -> Task | None:
        """A task by its id: for what it was about comes right by itself."""
        return _task_in(await self._store.get(TASKS, task, {"pending": 0}))

    async def within(self, scope: Scope, task: str) -> Task | None:
        """A task within the scope, or None."""
        query = {"$and": [{"_id": task}, scope.query()]}
        return _task_in(await self._store.first(TASKS, query, projection={"pending": 0}))

    async def tasks(
        self, scope: Scope, only: Document, after: str | None, limit: int
    ) -> list[Task]:
        """Tasks within the scope, newest first, those following ``after``."""
        found = await page(
            self._store, TASKS, within=scope.query(), only=only, order=_NEWEST, after=after,
            limit=limit, projection={"pending": 0},
        )  # fmt: skip
        return [_task(document) for document in found]


def _task_in(document: Document | None) -> Task | None:
    return None if document is None else _task(document)


def _task(document: Document) -> Task:
    return Task(
        id=document["_id"], done=document["done"] and Done.model_validate(document["done"]),
        **{name: document[name] for name in (
            "town", "family", "kind", "since", "cents", "payment", "request",
        )},
        # Noted since: older tasks have none.
        reason=document.get("reason"),
    )  # fmt: skip
