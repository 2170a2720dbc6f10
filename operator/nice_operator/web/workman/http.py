"""Jobs over HTTP: name in, the task's own result out.

A result is the body; null and "" are an empty body without a type; errors are
``{"statusCode", "error", "message"}``. A string is ``text/plain`` here (there it was HTML).
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from nice_operator.domain.run import Run
from nice_operator.domain.strict_json import dump_json
from nice_operator.engine.endings import RunEnd
from nice_operator.web.headers import NO_CONTENT_TYPE
from nice_operator.web.keys import ENGINE, OPTIONS
from nice_operator.web.payloads import payload_of_job
from nice_operator.web.requests import idempotency_key, requester
from nice_operator.web.routing import Access, Operation, Route
from nice_operator.web.workman.calls import Calls
from nice_operator.web.workman.moments import parse_when
from nice_operator.web.workman.results import Plain, refusal_of_run, shown

_NO_CACHE = {"Cache-Control": "no-cache"}


def calls(request: web.Request) -> Calls:
    """The engine, as the caller of ``request`` sees it."""
    return Calls(request.app[ENGINE], request.app[OPTIONS], requester(request))


async def list_names(request: web.Request) -> web.Response:
    """The names that can be asked for now, in the order they were registered."""
    return _json(list(await calls(request).names()))


async def run_task(request: web.Request) -> web.Response:
    """Run the task with the body as its payload, wait, and answer with its result."""
    api = calls(request)
    payload, key = await payload_of_job(request), idempotency_key(request)
    name = request.match_info["name"]
    run = await api.submit(name, await api.task(name), payload, key, named=True)
    return _answer(await api.end_of(run, lambda: _listening(request)))


async def schedule_task(request: web.Request) -> web.Response:
    """Keep the body as the payload of a job for a moment, and answer with the job's id."""
    payload, key = await payload_of_job(request), idempotency_key(request)
    when = parse_when(request.match_info["when"])
    run = await calls(request).schedule(when, request.match_info["name"], payload, key, named=True)
    return _named(_json({"id": str(run.id)}), run)


async def unschedule_task(request: web.Request) -> web.Response:
    """Take a scheduled job back; what is not found is no error."""
    return _json({"found": await calls(request).unschedule(request.match_info["id"])})


def _listening(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


def _answer(run: RunEnd) -> web.Response:
    refusal = refusal_of_run(run)
    if refusal is not None:
        return _named(_json(refusal.document(), status=refusal.status), run)
    return _named(result_answer(run.result), run)


def _named(response: web.Response, run: Run | RunEnd) -> web.Response:
    response.headers["Nice-Run-Id"] = str(run.id)
    return response


def result_answer(result: str | None) -> web.Response:
    """A result (JSON text) as node-workman gave it."""
    what = shown(result)
    if isinstance(what, str):
        return _json_text(what)
    if what == Plain(""):
        response = web.Response(headers=_NO_CACHE)
        response[NO_CONTENT_TYPE] = True
        return response
    return web.Response(text=what.text, headers=_NO_CACHE, content_type="text/plain", charset="utf-8")


def _json(document: Any, status: int = 200) -> web.Response:
    return _json_text(dump_json(document), status)


def _json_text(text: str, status: int = 200) -> web.Response:
    return web.Response(
        text=text, status=status, headers=_NO_CACHE, content_type="application/json", charset="utf-8"
    )


_BODY = "any JSON, whatever its declared type; no body: the task's default payload, null unless it has one"
HTTP_ROUTES = (
    Route(
        "GET", "/tasks", list_names, Access.READ,
        Operation("The names of tasks that can be run now", {200: "An array of names"}),
    ),
    Route(
        "POST", "/task/{name}", run_task, Access.CHANGE,
        Operation(
            "Run a task, wait for its end, answer with its result",
            {200: "The result: JSON, text, or nothing for null", 400: "The body is not JSON the task takes",
             404: "Nobody knows the name", 409: "It was cancelled, or its policy forbids it",
             500: "It failed or was lost", 503: "This server is draining", 504: "It timed out"},
            body=_BODY,
        ),
        action="run",
    ),
    Route(
        "POST", "/schedule/{when}/{name}", schedule_task, Access.CHANGE,
        Operation(
            "Run a task at a moment (ISO 8601), at once if it has passed",
            {200: 'The job\'s id, as {"id": "…"}', 400: "No moment, or not JSON the task takes",
             404: "Nobody knows the name", 409: "The task is suspended or its policy forbids it"},
            body=_BODY,
        ),
        action="schedule",
    ),
    Route(
        "DELETE", "/scheduled/{id}", unschedule_task, Access.CHANGE,
        Operation("Take back a scheduled job", {200: 'Whether one waited, as {"found": true}'}),
        action="unschedule",
    ),
)  # fmt: skip
