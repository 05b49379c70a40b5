"""Request and response models of agents' tasks. Amounts are in euro cents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.billing.domain.tasks import Done, Task, TaskKind, TaskState
from shared.money import Cents
from shared.web.routes import Input, Output, Page, PageQuery


class TaskOut(Output):
    """Something for an agent to do: ``text`` says what has happened and what to do about it;
    ``cents`` is what it is about, ``payment`` and ``request`` are ids. ``done``: by an agent, or by
    nobody when what it was about came right by itself."""

    task: str
    kind: TaskKind
    text: str
    family: str
    cents: Cents | None
    since: datetime
    payment: str | None
    request: str | None
    state: TaskState
    done: Done | None

    @classmethod
    def of(cls, task: Task) -> TaskOut:
        """The answer for a task."""
        return cls(
            task=task.id, kind=task.kind, text=task.text, family=task.family,
            cents=task.cents, since=task.since, payment=task.payment, request=task.request,
            state=task.state, done=task.done,
        )  # fmt: skip


class TaskQuery(PageQuery):
    """Which tasks."""

    state: TaskState = "open"
    kind: TaskKind | None = None
    family: Annotated[str, Field(max_length=40)] | None = None


class TaskPage(Page[TaskOut]):
    """Tasks, newest first."""


class CompletionIn(Input):
    """What an agent has done about a task."""

    note: Annotated[str, Field(min_length=3, max_length=500)]
