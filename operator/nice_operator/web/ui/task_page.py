"""A task's page: what it is, when it runs, its history, and a form to run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from nice_operator.domain.errors import Problem
from nice_operator.domain.task import Task, TaskSpec
from nice_operator.ports import RunFilter
from nice_operator.web.answers import page
from nice_operator.web.definitions import stalled_now, trouble_with
from nice_operator.web.errors import Refusal
from nice_operator.web.keys import DEFINITIONS, ENGINE
from nice_operator.web.requests import cursor
from nice_operator.web.schedules import clock_changes
from nice_operator.web.ui.show import pretty_json
from nice_operator.web.ui.source import manifest_yaml, source_of
from nice_protocol.secrecy.members import masked_json

HISTORY = 20
FIRES = 5


@dataclass(frozen=True, slots=True)
class PayloadForm:
    """What is in the payload's field, and what is wrong with it."""

    payload: str
    problems: Sequence[Problem] = ()


async def show_task(
    request: web.Request,
    task: Task,
    *,
    form: PayloadForm | None = None,
    alert: Refusal | None = None,
    status: int = 200,
) -> web.Response:
    """The page of ``task``; ``form`` and ``alert`` come from a request to run it that was refused."""
    spec = task.spec
    before = cursor(request) if request.method in ("GET", "HEAD") else None
    engine, broken = request.app[ENGINE], request.app[DEFINITIONS].broken()
    context: dict[str, Any] = {
        "task": task,
        "spec": spec,
        "form": form or PayloadForm(_default_of(spec)),
        "alert": alert,
        "alert_title": "It was not started",
        "page": await engine.runs.list(RunFilter(task_id=task.id, before=before, limit=HISTORY)),
        "before": before,
        "fires": await engine.tasks.upcoming(task, FIRES) if spec and not spec.suspend else (),
        "clock_changes": clock_changes(task, await engine.store.now()),
        "why": (await engine.tasks.explain(task)).message,
        "broken": trouble_with(task, broken),
        "stalled": stalled_now(task, broken),
        "code": source_of(spec.execution) if spec else None,
        "schema": orjson.dumps(spec.payload_schema).decode() if spec and spec.payload_schema else "",
        "yaml": manifest_yaml(task),
    }
    return page(request, "task.html", context, status=status)


def _default_of(spec: TaskSpec | None) -> str:
    """The task's own payload as it is shown; empty for none."""
    return pretty_json(masked_json(spec.payload)) if spec and spec.payload != "null" else ""
