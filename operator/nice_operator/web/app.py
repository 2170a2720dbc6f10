"""Puts the HTTP server together: guards, routes, templates. Bootstrap runs what ``make_app`` returns."""

from __future__ import annotations

from aiohttp import web

from nice_operator.engine.service import Engine
from nice_operator.ports import WorkerGate
from nice_operator.web import workman
from nice_operator.web.answers import json_response
from nice_operator.web.api import logs, openapi, pools, runs, system, tasks
from nice_operator.web.audit import AUDIT, Audit, record
from nice_operator.web.auth import DOORKEEPER, Doorkeeper, authenticate
from nice_operator.web.definitions import Definitions, NoDefinitions
from nice_operator.web.headers import add_headers
from nice_operator.web.keys import DEFINITIONS, ENGINE, OPTIONS, TEMPLATES
from nice_operator.web.middleware import guard, identify, let_go, translate_errors
from nice_operator.web.options import WebOptions
from nice_operator.web.routing import Access, Operation, Route, register
from nice_operator.web.server import RUNNER_OPTIONS
from nice_operator.web.sse import STREAMS, OpenStreams
from nice_operator.web.tokens import Tokens
from nice_operator.web.ui import pages
from nice_operator.web.ui.environment import make_environment
from nice_operator.web.worker_link import WORKER_LINK, hang_up

__all__ = ["RUNNER_OPTIONS", "all_routes", "make_app"]

MIDDLEWARES = (identify, record, translate_errors, let_go, guard, authenticate)
"""From the outside in."""


def make_app(
    engine: Engine,
    definitions: Definitions | None = None,
    options: WebOptions | None = None,
    *,
    tokens: Tokens | None = None,
    gate: WorkerGate | None = None,
) -> web.Application:
    """The application. ``definitions`` tells of broken files (None: there is no folder). ``tokens`` says who
    may call (None: everybody who reaches us; of an empty directory: nobody). ``gate`` opens the worker link
    to those whom it admits (None: there is no worker link here)."""
    options = options or WebOptions()
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=options.max_body)
    app[ENGINE] = engine
    app[DEFINITIONS] = definitions or NoDefinitions()
    app[OPTIONS] = options
    app[TEMPLATES] = make_environment(options)
    app[STREAMS] = OpenStreams()
    app[DOORKEEPER] = Doorkeeper(tokens, gate, options.client_rate)
    app[AUDIT] = Audit()
    app.on_cleanup.append(app[AUDIT].close)
    app.cleanup_ctx.append(app[DOORKEEPER].attend)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(app[STREAMS].close)
    if gate is not None:
        app.on_shutdown.append(hang_up)
    for route in all_routes(options, worker_link=gate is not None):
        register(app, route, options.base_path)
    return app


def all_routes(options: WebOptions, *, worker_link: bool = False) -> tuple[Route, ...]:
    """Every route there is. None exists outside this table, so none is without a policy."""
    link = (WORKER_LINK,) if worker_link else ()
    api = (*workman.ROUTES, *tasks.ROUTES, *runs.ROUTES, *logs.ROUTES, *pools.ROUTES, *system.ROUTES, *link)
    return (*api, _openapi_route(api, options), *pages.ROUTES, *_front_door(options))


def _front_door(options: WebOptions) -> tuple[Route, ...]:
    """``/nice`` leads to ``/nice/``, where the first page's links are right."""

    async def enter(request: web.Request) -> web.Response:
        raise web.HTTPPermanentRedirect(f"{options.base_path}/")

    return (Route("GET", "", enter, Access.OPEN),) if options.base_path else ()


def _openapi_route(api: tuple[Route, ...], options: WebOptions) -> Route:
    async def get_openapi(request: web.Request) -> web.Response:
        return json_response(openapi.document((*api, route), options.base_path))

    operation = Operation("This document", {200: "OpenAPI 3.1"})
    route = Route("GET", "/api/v1/openapi.json", get_openapi, Access.OPEN, operation)
    return route
