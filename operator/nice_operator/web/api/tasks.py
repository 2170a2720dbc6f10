"""Tasks: what there is, when it runs, and why it does not."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from nice_operator.domain.task import Task
from nice_operator.engine.runs import RunRequest
from nice_operator.web.answers import json_response
from nice_operator.web.documents import run_document, stamp, task_document
from nice_operator.web.keys import ENGINE, OPTIONS
from nice_operator.web.masking import shown_aside, shown_manifest
from nice_operator.web.payloads import payload_of_body
from nice_operator.web.requests import idempotency_key, integer, requester
from nice_operator.web.routing import Access, Operation, Route

MAX_UPCOMING = 100


async def task_of(request: web.Request) -> Task:
    """The task that the path names."""
    return await request.app[ENGINE].tasks.get(request.match_info["namespace"], request.match_info["name"])


async def list_tasks(request: web.Request) -> web.Response:
    """All living tasks, with their newest runs."""
    summaries = await request.app[ENGINE].tasks.list(request.query.get("namespace"))
    return json_response({"tasks": [task_document(s.task, s.last_runs, s.active) for s in summaries]})


async def get_task(request: web.Request) -> web.Response:
    """One task with its spec as written."""
    task = await task_of(request)
    summary = await request.app[ENGINE].tasks.summary(task)
    document = task_document(task, summary.last_runs, summary.active)
    return json_response({**document, "manifest": shown_manifest(task.manifest)})


async def upcoming(request: web.Request) -> web.Response:
    """The next fires."""
    task = await task_of(request)
    count = integer(request, "count", 5, 1, MAX_UPCOMING)
    fires = await request.app[ENGINE].tasks.upcoming(task, count)
    zone = task.spec.time_zone if task.spec else "Etc/UTC"
    return json_response({"timeZone": zone, "fires": [{"at": stamp(f.at), "key": f.key} for f in fires]})


async def explain(request: web.Request) -> web.Response:
    """Why the task is not running now."""
    task = await task_of(request)
    return json_response(asdict(await request.app[ENGINE].tasks.explain(task)))


async def create_run(request: web.Request) -> web.Response:
    """Ask for a run."""
    task = await task_of(request)
    wanted = RunRequest(
        task=task,
        payload=await payload_of_body(request),
        requester=requester(request),
        idempotency_key=idempotency_key(request),
    )
    submitted = await request.app[ENGINE].runs.request(wanted)
    location = f"{request.app[OPTIONS].base_path}/api/v1/runs/{submitted.run.id}"
    document = await shown_aside((submitted.run,), lambda: run_document(submitted.run))
    return json_response(
        document,
        status=201 if submitted.created else 200,
        headers={"Location": location, "Nice-Run-Id": str(submitted.run.id)},
    )


_TASK = "/api/v1/tasks/{namespace}/{name}"
ROUTES = (
    Route(
        "GET", "/api/v1/tasks", list_tasks, Access.READ,
        Operation("List tasks", {200: "The tasks"}, {"namespace": "Only this namespace"}),
    ),
    Route(
        "GET", _TASK, get_task, Access.READ,
        Operation("A task, with its spec as written", {200: "The task", 404: "No such task"}),
    ),
    Route(
        "GET", _TASK + "/upcoming", upcoming, Access.READ,
        Operation("The next planned fires", {200: "The fires", 404: "No such task"},
                  {"count": "How many, 1 to 100; 5 when absent"}),
    ),
    Route(
        "GET", _TASK + "/explain", explain, Access.READ,
        Operation("Why the task is not running now", {200: "The reason", 404: "No such task"}),
    ),
    Route(
        "POST", _TASK + "/runs", create_run, Access.CHANGE,
        Operation(
            "Ask for a run",
            {201: "The run was made", 200: "The same Idempotency-Key made this run before",
             400: "The payload is not what the task takes", 404: "No such task",
             409: "The task's state or policy forbids it; the run in the way is named",
             422: "The Idempotency-Key was used with another body"},
            body='{"payload": any JSON}; no body, or no payload: the task\'s default payload',
        ),
        action="run",
    ),
)  # fmt: skip
