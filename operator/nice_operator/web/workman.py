"""The job API of node-workman at the root paths: name in, the task's own result out.

To the byte where clients can see it: a result is the body; null and "" are an empty body without a type;
errors are ``{"statusCode", "error", "message"}``. A string is ``text/plain`` here (there it was HTML).
"""

from __future__ import annotations

import json
import re

from aiohttp import web

from nice_operator.domain.errors import NotFound
from nice_operator.domain.run import Run, RunState
from nice_operator.domain.strict_json import parse_json
from nice_operator.domain.task import Task
from nice_operator.engine.runs import RunRequest
from nice_operator.engine.service import Engine
from nice_operator.web.answers import json_response
from nice_operator.web.errors import Refusal
from nice_operator.web.headers import NO_CONTENT_TYPE
from nice_operator.web.keys import ENGINE, OPTIONS
from nice_operator.web.requests import body_text, idempotency_key, requester
from nice_operator.web.routing import Access, Operation, Route

_STATUS = {
    RunState.FAILED: 500,
    RunState.LOST: 500,
    RunState.TIMED_OUT: 504,
    RunState.CANCELLED: 409,
    RunState.SKIPPED: 409,
    RunState.MISSED: 409,
}
_HALF = re.compile("[\ud800-\udfff]")
"""Lone surrogates, which UTF-8 does not have: such a text stays the JSON that it came as."""
_WAIT_SECONDS = 15.0
"""How long one wait for the run's end lasts before we look whether the caller is still there."""
_NO_CACHE = {"Cache-Control": "no-cache"}


async def list_names(request: web.Request) -> web.Response:
    """The names that can be asked for, in the order they came."""
    summaries = await request.app[ENGINE].tasks.list(request.app[OPTIONS].namespace)
    tasks = sorted((s.task for s in summaries if s.task.spec), key=lambda task: task.first_seen_at)
    return json_response([task.spec.task_name for task in tasks if task.spec], headers=_NO_CACHE)


async def run_task(request: web.Request) -> web.Response:
    """Run the task with the body as its payload, wait, and answer with its result."""
    engine = request.app[ENGINE]
    payload = await _payload(request)
    key = idempotency_key(request)
    task = await _task(request)
    wanted = RunRequest(task=task, payload=payload, requester=requester(request), idempotency_key=key)
    submitted = await engine.runs.request(wanted)
    run = await _end_of(request, engine, submitted.run)
    response = _answer(run)
    response.headers["Nice-Run-Id"] = str(run.id)
    return response


async def _payload(request: web.Request) -> str:
    """The body as JSON, whatever its declared type; none is null, as the original's clients expect."""
    text = await body_text(request)
    if not text.strip():
        return "null"
    parse_json(text)
    return text


async def _task(request: web.Request) -> Task:
    """The task of that name; one that nobody knows is waited for, as its worker may be on its way."""
    options = request.app[OPTIONS]
    engine = request.app[ENGINE]
    name = request.match_info["name"]
    deadline = engine.clock.monotonic() + options.unknown_name_wait.total_seconds()
    async with engine.wakeups.subscribe("tasks") as subscription:
        while True:
            try:
                return await engine.tasks.by_task_name(options.namespace, name)
            except NotFound:
                left = deadline - engine.clock.monotonic()
                if left <= 0:
                    raise
            await subscription.wait(min(left, 1.0))


async def _end_of(request: web.Request, engine: Engine, run: Run) -> Run:
    while not run.state.final:
        run = await engine.runs.wait(run.id, _WAIT_SECONDS)
        if request.transport is None or request.transport.is_closing():
            # Nobody reads the answer any more; the run goes on (a caller's disconnect cancels nothing).
            break
    return run


def _answer(run: Run) -> web.Response:
    if run.state is RunState.SUCCEEDED:
        return result_answer(run.result or "null")
    status = _STATUS.get(run.state, 503)
    details = {"run": str(run.blocked_by or run.id), "state": run.state.value}
    refusal = Refusal(status, run.message or run.reason, details)
    return json_response(refusal.document(), status=status, headers=_NO_CACHE)


def result_answer(text: str) -> web.Response:
    """The result (JSON text) as node-workman gave it."""
    value = json.loads(text) if text[:1] in ('"', "n") else ...
    if value is None or value == "":
        response = web.Response(headers=_NO_CACHE)
        response[NO_CONTENT_TYPE] = True
        return response
    if isinstance(value, str) and not _HALF.search(value):
        return web.Response(text=value, headers=_NO_CACHE, content_type="text/plain", charset="utf-8")
    return web.Response(text=text, headers=_NO_CACHE, content_type="application/json", charset="utf-8")


ROUTES = (
    Route(
        "GET", "/tasks", list_names, Access.READ,
        Operation("The names of tasks that can be run", {200: "An array of names"}),
    ),
    Route(
        "POST", "/task/{name}", run_task, Access.CHANGE,
        Operation(
            "Run a task, wait for its end, answer with its result",
            {200: "The result: JSON, text, or nothing for null", 400: "The body is not JSON the task takes",
             404: "Nobody knows the name", 409: "It was cancelled, or its policy forbids it",
             500: "It failed or was lost", 504: "It timed out"},
            body="any JSON, whatever its declared type; no body is null",
        ),
    ),
)  # fmt: skip
