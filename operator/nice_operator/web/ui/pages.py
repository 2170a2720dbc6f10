"""The pages and their addresses."""

from __future__ import annotations

from aiohttp import web

from nice_operator.domain.run import RunState
from nice_operator.ports import RunFilter
from nice_operator.web.answers import page
from nice_operator.web.api.runs import run_of
from nice_operator.web.api.tasks import task_of
from nice_operator.web.keys import ENGINE
from nice_operator.web.requests import cursor, states
from nice_operator.web.routing import Access, Route
from nice_operator.web.ui import assets, forms
from nice_operator.web.ui.run_page import log_events, show_run
from nice_operator.web.ui.task_list import show_tasks
from nice_operator.web.ui.task_page import show_task

RUNS = 40


async def tasks_page(request: web.Request) -> web.Response:
    """All tasks."""
    return await show_tasks(request)


async def task_page(request: web.Request) -> web.Response:
    """One task."""
    return await show_task(request, await task_of(request))


async def runs_page(request: web.Request) -> web.Response:
    """Runs of all tasks, newest first."""
    chosen = states(request)
    found = await request.app[ENGINE].runs.list(RunFilter(states=chosen, before=cursor(request), limit=RUNS))
    context = {"here": "/ui/runs", "page": found, "chosen": sorted(chosen), "states": list(RunState)}
    return page(request, "runs.html", context)


async def run_page(request: web.Request) -> web.Response:
    """One run."""
    return await show_run(request, await run_of(request))


async def workers_page(request: web.Request) -> web.Response:
    """Workers that are connected; with several servers, which ones there are and who leads."""
    engine = request.app[ENGINE]
    replicas = engine.roster.replicas if engine.settings.replica else ()
    context = {
        "here": "/ui/workers",
        "workers": engine.workforce.list(),
        "own": engine.settings.replica,
        "replicas": replicas,
        "lead": await engine.lead() if replicas else None,
    }
    return page(request, "workers.html", context)


async def pools_page(request: web.Request) -> web.Response:
    """Pools: who works in them, what waits for them, what is wrong."""
    views = await request.app[ENGINE].pool_overview.list()
    return page(request, "pools.html", {"here": "/ui/pools", "pools": views})


_TASK = "/ui/tasks/{namespace}/{name}"
_RUN = "/ui/runs/{id}"
ROUTES = (
    Route("GET", "/", tasks_page, Access.READ),
    Route("GET", _TASK, task_page, Access.READ),
    Route("POST", _TASK + "/runs", forms.start_run, Access.CHANGE, action="run"),
    Route("GET", "/ui/runs", runs_page, Access.READ),
    Route("GET", _RUN, run_page, Access.READ),
    Route("GET", _RUN + "/log", log_events, Access.READ, streams=True),
    Route("POST", _RUN + "/cancel", forms.stop_run, Access.CHANGE, action="cancel"),
    Route("POST", _RUN + "/retry", forms.run_again, Access.CHANGE, action="retry"),
    Route("GET", "/ui/pools", pools_page, Access.READ),
    Route("GET", "/ui/workers", workers_page, Access.READ),
    *assets.ROUTES,
)
