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
from nice_operator.web.definitions import BrokenFile, stalled_now
from nice_operator.web.errors import Refusal
from nice_operator.web.keys import DEFINITIONS, ENGINE

STRIP = 12
"""Runs shown in a task's strip."""


@dataclass(frozen=True, slots=True)
class Row:
    """A task in the list; ``runs`` newest first, ``stalled`` why its newest version is not in force."""

    task: Task
    runs: Sequence[Run]
    active: int
    stalled: str

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
    engine, broken = request.app[ENGINE], request.app[DEFINITIONS].broken()
    context: dict[str, Any] = {
        "here": "/",
        "groups": groups_of(await engine.tasks.list(), broken),
        "broken": broken,
        "now": await engine.store.now(),
        "alert": alert,
        "alert_title": alert_title,
    }
    return page(request, "tasks.html", context, status=alert.status if alert else 200)


def groups_of(summaries: Sequence[TaskSummary], broken: Sequence[BrokenFile] = ()) -> tuple[Group, Group]:
    """The scheduled and the manual ones, each in the order they came; ``broken`` are files with problems."""
    rows = [Row(s.task, tuple(s.last_runs)[:STRIP], s.active, stalled_now(s.task, broken)) for s in summaries]
    scheduled = [row for row in rows if _by_time(row)]
    manual = [row for row in rows if not _by_time(row)]
    return Group("Scheduled", True, scheduled), Group("Manual", False, manual)


def _by_time(row: Row) -> bool:
    return row.task.spec is not None and row.task.spec.scheduled
