"""Runs: list them, look at one, wait for its end, stop it, run it again."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from nice_operator.domain.run import Run
from nice_operator.engine.service import Engine
from nice_operator.ports import RunFilter, RunPage
from nice_operator.web.answers import json_response
from nice_operator.web.documents import attempt_document, run_document
from nice_operator.web.identity import person_of
from nice_operator.web.keys import ENGINE, OPTIONS
from nice_operator.web.masking import asked_for, shown_aside
from nice_operator.web.payloads import payload_of_body
from nice_operator.web.requests import cursor, integer, requester, run_id, seconds, states
from nice_operator.web.routing import Access, Operation, Route

MAX_PAGE = 500
FIRST_STEP = 16
"""Runs that are read at first, then twice as many each time, until there are enough or the answer is full."""
MAX_ANSWER = 4 * 1024 * 1024
"""Characters of payloads and results after which a page ends, however many runs were asked for."""
MAX_WAIT = 60.0
"""Longest answer to ``?wait=``; a caller who wants to wait longer asks again."""


async def run_of(request: web.Request) -> Run:
    """The run that the path names."""
    return await request.app[ENGINE].runs.get(run_id(request))


async def list_runs(request: web.Request) -> web.Response:
    """Runs, newest first."""
    page = await _page(request.app[ENGINE], await _filter(request))
    return json_response(
        {
            "runs": await shown_aside(page.runs, lambda: [run_document(run) for run in page.runs]),
            "next": None if page.next is None else str(page.next),
        }
    )


async def _page(engine: Engine, wanted: RunFilter) -> RunPage:
    """As many of the wanted runs as fit into one answer, at least one: each may have 2 MiB with it."""
    runs: list[Run] = []
    step, size = FIRST_STEP, 0
    before = wanted.before
    while True:
        page = await engine.runs.list(
            replace(wanted, before=before, limit=min(step, wanted.limit - len(runs)))
        )
        runs += page.runs
        size += sum(len(run.payload) + len(run.result or "") for run in page.runs)
        before, step = page.next, step * 2
        if before is None or len(runs) >= wanted.limit or size > MAX_ANSWER:
            return RunPage(tuple(runs), before)


async def _filter(request: web.Request) -> RunFilter:
    namespace = request.query.get("namespace")
    task_id = None
    if name := request.query.get("task"):
        task = await request.app[ENGINE].tasks.get(namespace or request.app[OPTIONS].namespace, name)
        task_id = task.id
    return RunFilter(
        task_id=task_id,
        namespace=namespace,
        states=states(request),
        before=cursor(request),
        limit=integer(request, "limit", 50, 1, MAX_PAGE),
    )


async def get_run(request: web.Request) -> web.Response:
    """One run with its attempts, at once or, with ``?wait=``, when it has ended. With ``?reveal=result``
    whoever asked for it gets the result as it is."""
    engine = request.app[ENGINE]
    run = await run_of(request)
    wait = seconds(request, "wait", MAX_WAIT)
    if wait and not run.state.final:
        run = await engine.runs.wait(run.id, wait)
    attempts = await engine.runs.attempts(run.id)
    person = person_of(request)
    reveal = request.query.get("reveal") == "result" and asked_for(run, person.name, person.email)
    document = await shown_aside((run,), lambda: run_document(run, reveal=reveal))
    return json_response({**document, "attempts": [attempt_document(a) for a in attempts]})


async def cancel_run(request: web.Request) -> web.Response:
    """Stop a run: 200 when it has ended, 202 while its worker still has to stop it."""
    result = await request.app[ENGINE].runs.cancel(run_id(request), requester(request))
    document = await shown_aside((result.run,), lambda: run_document(result.run))
    return json_response(document, status=202 if result.requested else 200)


async def retry_run(request: web.Request) -> web.Response:
    """Run it again with the same payload, or another."""
    payload = await payload_of_body(request)
    run = (await request.app[ENGINE].runs.rerun(run_id(request), requester(request), payload)).run
    location = f"{request.app[OPTIONS].base_path}/api/v1/runs/{run.id}"
    document = await shown_aside((run,), lambda: run_document(run))
    return json_response(document, status=201, headers={"Location": location, "Nice-Run-Id": str(run.id)})


_RUN = "/api/v1/runs/{id}"
ROUTES = (
    Route(
        "GET", "/api/v1/runs", list_runs, Access.READ,
        Operation(
            "List runs, newest first", {200: "A page", 400: "A wrong filter", 404: "No such task"},
            {"namespace": "Only this namespace", "task": "Only this task (of the namespace, or the default)",
             "state": "Only these states; repeat it or separate with commas",
             "limit": "At most so many, 1 to 500; 50 when absent. A page of 4 MiB ends sooner",
             "cursor": "The next of the answer before"},
        ),
    ),
    Route(
        "GET", _RUN, get_run, Access.READ,
        Operation("A run with its attempts", {200: "The run", 404: "No such run"},
                  {"wait": "Seconds to wait for its end, at most 60",
                   "reveal": "result: unmasked, for whoever asked for the run"}),
    ),
    Route(
        "POST", _RUN + "/cancel", cancel_run, Access.CHANGE,
        Operation("Stop a run", {200: "Stopped", 202: "Its worker was told to", 404: "No such run",
                                 409: "It has ended already"}),
        action="cancel",
    ),
    Route(
        "POST", _RUN + "/retry", retry_run, Access.CHANGE,
        Operation("Run it again", {201: "The new run", 400: "The payload is not what the task takes",
                                   404: "No such run", 409: "The task's state or policy forbids it"},
                  body='{"payload": any JSON}; no body: the payload of the first run'),
        action="retry",
    ),
)  # fmt: skip
