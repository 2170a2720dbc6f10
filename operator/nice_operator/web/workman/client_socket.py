"""``/websocket``: the four actions of the job API on one connection, answered in the order the jobs end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from uuid import uuid4

from aiohttp import web

from nice_operator.domain.errors import InvalidInput, TooMany
from nice_operator.domain.strict_json import dump_json
from nice_operator.domain.task import Task
from nice_operator.engine.endings import RunEnd
from nice_operator.web.aside import read_aside
from nice_operator.web.audit import AUDIT, Audit, Caller, caller_of
from nice_operator.web.errors import refusal_of
from nice_operator.web.routing import Access, Operation, Route
from nice_operator.web.workman.calls import Calls
from nice_operator.web.workman.client_messages import (
    Action,
    GetTasks,
    Request,
    RunTask,
    ScheduleTask,
    Unknown,
    UnscheduleTask,
    read_request,
)
from nice_operator.web.workman.http import calls
from nice_operator.web.workman.moments import parse_when
from nice_operator.web.workman.results import bad_message, bounded, error_text, refusal_of_run, reply
from nice_operator.web.workman.sockets import Conversation, conversation

MOST_IN_FLIGHT = 10_000
"""Jobs that one connection can wait for at a time."""
MOST_HELD = 64 * 1024 * 1024
"""Characters of options that the jobs may have together that one connection waits for."""
MOST_RECORDED = 256
"""Scheduled jobs of one connection recorded at a time, sharing commits; with more, nothing is read."""


async def serve_client(request: web.Request) -> web.StreamResponse:
    """Serve one client until its socket ends. Its jobs go on without it."""
    async with conversation(request) as talk:
        client = _Client(calls(request), talk, request.app[AUDIT], caller_of(request, "websocket"))
        try:
            async for text in talk.texts():
                await client.take(text)
        finally:
            for task in tuple(talk.tasks):
                task.cancel()
    return talk.socket


class _Client:
    """One connection's requests."""

    def __init__(self, api: Calls, talk: Conversation, audit: Audit, caller: Caller) -> None:
        self._api = api
        self._audit = audit
        self._caller = caller
        self._talk = talk
        self._room = asyncio.Semaphore(MOST_RECORDED)
        self._held = 0

    async def take(self, text: str | InvalidInput) -> None:
        """Carry out one message. A job is recorded in the order it came, and waited for beside the others."""
        try:
            if isinstance(text, InvalidInput):
                raise text
            request = await read_aside(read_request, text)
        except InvalidInput as error:
            await self._talk.refuse(bad_message(error))
            return
        match request.action:
            case RunTask():
                await self._begin(request, request.action)
            case ScheduleTask():
                await self._room.acquire()
                self._talk.spawn(self._answer(request.nonce, self._schedule(request.action)))
            case _:
                await self._answer(request.nonce, self._quick(request))

    async def _begin(self, request: Request, job: RunTask) -> None:
        try:
            with self._audit.refusals(self._caller, "run", job.name):
                size = self._admitted(job)
            task = await self._api.known(job.name)
        except Exception as error:
            self._refuse(request.nonce, error)
        else:
            self._talk.spawn(self._holding(size, self._answer(request.nonce, self._run(task, job))))

    def _admitted(self, job: RunTask) -> int:
        if len(self._talk.tasks) >= MOST_IN_FLIGHT:
            raise TooMany(f"{MOST_IN_FLIGHT} jobs of this connection are under way; wait for some to end")
        bounded(job.options)
        return self._room_for(job)

    def _room_for(self, job: RunTask) -> int:
        size = len(job.options or "")
        if self._held + size > MOST_HELD:
            raise TooMany(
                f"the jobs of this connection under way have {self._held} characters of options, and "
                f"{MOST_HELD} is the most; wait for some to end"
            )
        return size

    async def _holding(self, size: int, work: Awaitable[None]) -> None:
        self._held += size
        try:
            await work
        finally:
            self._held -= size

    async def _run(self, task: Task | None, job: RunTask) -> str | None:
        with self._audit.around(self._caller, "run", job.name) as made:
            task = task or await self._api.task(job.name)
            run = await self._api.submit(job.name, task, job.options)
            made.run = str(run.id)
        return _result(await self._api.end_of(run, lambda: not self._talk.socket.closed))

    async def _schedule(self, job: ScheduleTask) -> str:
        try:
            with self._audit.around(self._caller, "schedule", job.name) as made:
                run = await self._api.schedule(parse_when(job.when), job.name, bounded(job.options))
                made.run = str(run.id)
        finally:
            self._room.release()
        return dump_json({"id": str(run.id)})

    async def _quick(self, request: Request) -> str:
        if request.wrong is not None:
            raise request.wrong
        return dump_json(await self._document(request.action))

    async def _document(self, action: Action | None) -> object:
        match action:
            case GetTasks():
                return list(await self._api.names())
            case UnscheduleTask(id_):
                with self._audit.around(self._caller, "unschedule", id_ if isinstance(id_, str) else ""):
                    return {"found": await self._api.unschedule(id_)}
            case Unknown(name):
                return {"error": f"Bad request, unknown action {name}"}
        raise AssertionError(f"{action} is carried out elsewhere")

    async def _answer(self, nonce: str | None, result: Awaitable[str | None]) -> None:
        try:
            self._talk.outbox.send(reply(nonce, await result))
        except Exception as error:
            self._refuse(nonce, error)

    def _refuse(self, nonce: str | None, error: Exception) -> None:
        refusal = refusal_of(error, uuid4().hex[:12])
        self._talk.outbox.send(reply(nonce, error_text(refusal)))


def _result(run: RunEnd) -> str | None:
    refusal = refusal_of_run(run)
    return run.result if refusal is None else error_text(refusal)


_OPERATION = Operation("WebSocket: names, jobs and scheduled jobs", {101: "The socket is open"})
CLIENT_SOCKET = Route("GET", "/websocket", serve_client, Access.READ, _OPERATION, streams=True)
"""Open to whoever may look; what a view-only server does not do, the engine refuses."""
