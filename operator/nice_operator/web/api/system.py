"""The server itself: health, workers, files of definitions, and a stream that says when to look again."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import asdict
from importlib.metadata import version

from aiohttp import web

from nice_operator.domain.errors import Unavailable
from nice_operator.engine.service import Engine
from nice_operator.web.answers import json_response
from nice_operator.web.definitions import Definitions
from nice_operator.web.documents import health_document, lead_document, stamp, worker_document
from nice_operator.web.keys import DEFINITIONS, ENGINE, OPTIONS
from nice_operator.web.routing import Access, Operation, Route
from nice_operator.web.sse import Event, stream

VERSION = version("nice-operator")
LOOK_SECONDS = 0.5
"""How often we look at the files of definitions, which wake nobody when they break."""
QUIET_SECONDS = 0.3
"""At most one ``change`` in this time: many runs may end in one moment."""


async def index(request: web.Request) -> web.Response:
    """Where to go from here."""
    api = f"{request.app[OPTIONS].base_path}/api/v1"
    places = {name: f"{api}/{name}" for name in ("tasks", "runs", "pools", "workers")}
    return json_response({"openapi": f"{api}/openapi.json", **places})


async def healthz(request: web.Request) -> web.Response:
    """The process answers, and none of its loops hangs; one that fails is no reason to begin anew."""
    hung = sorted(health.name for health in request.app[ENGINE].services() if health.hung)
    if hung:
        raise Unavailable(f"not alive: {', '.join(hung)} hangs")
    return json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """The process and its database answer, and its loops run."""
    engine = request.app[ENGINE]
    await engine.store.now()
    health = engine.health()
    if not all(health.values()):
        ailing = ", ".join(sorted(name for name, well in health.items() if not well))
        raise Unavailable(f"not ready: {ailing} is being restarted after an error; the log says why")
    return json_response({"status": "ok"})


async def health(request: web.Request) -> web.Response:
    """How each part of this replica does, which others there are, and who leads. ``now`` is the database's
    clock; ``hearsOthers``: whether Redis answers, null without one."""
    engine = request.app[ENGINE]
    duties = () if engine.leading is None else engine.leading.duties()
    replicas = engine.roster.replicas
    return json_response(
        {
            "version": VERSION,
            "now": stamp(await engine.store.now()),
            "hearsOthers": engine.wakeups.hears_others,
            "replica": engine.settings.replica or None,
            "leads": None if engine.leading is None else engine.leading.term is not None,
            "leader": lead_document(await engine.lead()),
            "services": [health_document(service) for service in engine.services()],
            "duties": [health_document(duty) for duty in duties],
            "replicas": [{"name": one.name, "startedAt": stamp(one.started_at)} for one in replicas],
        }
    )


async def workers(request: web.Request) -> web.Response:
    """Workers that are connected now."""
    return json_response({"workers": [worker_document(w) for w in request.app[ENGINE].workforce.list()]})


async def definitions(request: web.Request) -> web.Response:
    """Files of definitions that could not be read as they should be."""
    broken = request.app[DEFINITIONS].broken()
    return json_response({"broken": [asdict(file) for file in broken]})


async def changes(request: web.Request) -> web.StreamResponse:
    """``change`` whenever a task or a run has changed: a hint to look again, without saying at what."""
    return await stream(request, _changes(request.app[ENGINE], request.app[DEFINITIONS]))


async def _changes(engine: Engine, definitions: Definitions) -> AsyncGenerator[Event]:
    broken = list(definitions.broken())
    async with engine.wakeups.subscribe("tasks", "runs", "workers") as subscription:
        yield Event(
            "ready", {}
        )  # after subscribing, so that nothing falls between its look and our first hint
        while True:
            woken = await subscription.wait(LOOK_SECONDS)
            before, broken = broken, list(definitions.broken())
            if woken or broken != before:
                yield Event("change", {})
                await engine.clock.sleep(QUIET_SECONDS)


ROUTES = (
    Route(
        "GET", "/api/v1", index, Access.READ,
        Operation("Where to go from here", {200: "Addresses, by name"}),
    ),
    Route(
        "GET", "/healthz", healthz, Access.OPEN,
        Operation("The process answers, its loops turn", {200: "They do", 503: "One hangs"}),
    ),
    Route(
        "GET", "/readyz", readyz, Access.OPEN,
        Operation("Process, database and loops work", {200: "They do", 503: "One does not"}),
    ),
    Route(
        "GET", "/api/v1/health", health, Access.READ,
        Operation("How each part does, and who leads", {200: "Services, duties, replicas, the leader"}),
    ),
    Route(
        "GET", "/api/v1/workers", workers, Access.READ,
        Operation("Workers that are connected now", {200: "The workers"}),
    ),
    Route(
        "GET", "/api/v1/definitions", definitions, Access.READ,
        Operation("Broken files of definitions", {200: "The files, each with what is wrong and where"}),
    ),
    Route(
        "GET", "/api/v1/events", changes, Access.READ,
        Operation("A hint whenever a task or a run changed", {200: "Events"}, media="text/event-stream"),
        streams=True,
    ),
)  # fmt: skip
