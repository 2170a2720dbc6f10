"""The shape of the route table: every route says who may use it before it can exist."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from aiohttp import web

from nice_operator.domain.errors import Forbidden
from nice_operator.web.keys import OPTIONS

_PARAMETER = re.compile(r"{(\w+)}")
"""A parameter takes every character but a slash: what is no name or id is answered like an unknown one."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access(Enum):
    """What a caller needs."""

    OPEN = "open"
    """Nothing: health and static files tell nobody anything."""
    READ = "read"
    """To look at tasks, runs and logs."""
    CHANGE = "change"
    """To start or stop a run. Refused while the server is view-only."""
    WORKER = "worker"
    """To be a worker of a pool: a token of its own proves it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What the OpenAPI document says of a route."""

    summary: str
    answers: Mapping[int, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    media: str = "application/json"
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One address: method, path, who may, and what happens. ``action`` is what the audit log calls it; what
    may change something has one."""

    method: str
    path: str
    handler: Handler
    access: Access
    operation: Operation | None = None
    streams: bool = False
    action: str = ""


def register(app: web.Application, route: Route, base_path: str) -> None:
    """Add ``route``; a GET that does not stream forever answers HEAD too. With a ``base_path`` it exists
    under it and at the root, because some proxies cut the path that they serve us at, and some do not."""
    guarded = _guarded(route)
    path = _PARAMETER.sub(r"{\1:[^/]+}", route.path)
    methods = ["GET", "HEAD"] if route.method == "GET" and not route.streams else [route.method]
    for address in filter(None, dict.fromkeys((base_path + path, path))):
        for method in methods:
            app.router.add_route(method, address, guarded)


def _guarded(route: Route) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        if route.access is Access.CHANGE and request.app[OPTIONS].view_only:
            raise Forbidden("this server is view-only: it shows everything and starts and stops nothing")
        return await route.handler(request)

    handle.route = route  # type: ignore[attr-defined]
    return handle


def access_of(request: web.Request) -> Access:
    """What the address of ``request`` needs. One that does not exist tells a stranger no more than others."""
    route: Route | None = getattr(request.match_info.handler, "route", None)
    return Access.READ if route is None else route.access


def action_of(request: web.Request) -> str:
    """What the audit log calls it; "look" for what changes nothing, the method for what there is not."""
    route: Route | None = getattr(request.match_info.handler, "route", None)
    return request.method if route is None else route.action or "look"


def policy_of(handler: Any) -> Access:
    """The access that ``handler`` was registered with."""
    route: Route = handler.route
    return route.access
