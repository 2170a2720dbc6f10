"""The first page: every task, when it runs next, how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from nice_operator.domain.run import Run
from nice_operator.domain.task import Task
from nice_operator.engine.tasks import TaskSummary
from nice_operator.web.answers import page
from nice_operator.web.errors import Refusal
from nice_operator.web.keys import DEFINITIONS, ENGINE

STRIP = 12
"""Runs shown in a task's strip."""


@dataclass(frozen=True, slots=True)
class Row:
    """A task in the list; ``runs`` newest first."""

    task: Task
    runs: Sequence[Run]
    active: int

    @property
    def last(self) -> Run | None:
        """The newest run."""
        return self.runs[0] if self.runs else None


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that time runs, or those that people run."""

    title: str
    scheduled: bool
    rows: Sequence[Row]


async def show_tasks(
    request: web.Request, *, alert: Refusal | None = None, alert_title: str = ""
) -> web.Response:
    """The list, with ``alert`` above it when something that was asked for here was refused."""
    context: dict[str, Any] = {
        "here": "/",
        "groups": _groups(await request.app[ENGINE].tasks.list()),
        "broken": request.app[DEFINITIONS].broken(),
        "alert": alert,
        "alert_title": alert_title,
    }
    return page(request, "tasks.html", context, status=alert.status if alert else 200)


def _groups(summaries: Sequence[TaskSummary]) -> tuple[Group, ...]:
    rows = [Row(s.task, tuple(s.last_runs)[:STRIP], s.active) for s in summaries]
    scheduled = [row for row in rows if row.task.spec and row.task.spec.scheduled]
    manual = [row for row in rows if row not in scheduled]
    return Group("Scheduled", True, scheduled), Group("Manual", False, manual)
