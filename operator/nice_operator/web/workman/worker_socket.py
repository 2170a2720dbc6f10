"""``/worker``: programs that register names, ask for jobs one by one and send results."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from nice_operator.domain.errors import InvalidInput, NiceError, Unavailable
from nice_operator.engine.external.worker import ExternalWorker, Job
from nice_operator.engine.service import Engine
from nice_operator.web.aside import read_aside
from nice_operator.web.audit import AUDIT, Audit, Caller, caller_of
from nice_operator.web.identity import identity_of
from nice_operator.web.keys import ENGINE, OPTIONS
from nice_operator.web.outbox import Outbox
from nice_operator.web.routing import Access, Operation, Route
from nice_operator.web.workman.results import bad_message
from nice_operator.web.workman.sockets import Conversation, conversation
from nice_operator.web.workman.worker_messages import (
    TAKEN,
    GetTask,
    RegisterTask,
    SendResult,
    WorkerMessage,
    job_message,
    read_message,
)

_log = logging.getLogger(__name__)

MOST_REPORTS = 256
"""Results of one connection recorded at a time; with more, nothing is read."""


async def serve_worker(request: web.Request) -> web.StreamResponse:
    """Serve one worker until its socket ends."""
    engine = request.app[ENGINE]
    async with conversation(request) as talk:
        channel = _Channel(talk.outbox)
        namespace = request.app[OPTIONS].namespace
        connected = await engine.external.connect(identity_of(request), namespace, _peer(request), channel)
        worker = _Worker(engine, connected, talk, request.app[AUDIT], caller_of(request, "worker"))
        try:
            async for text in talk.texts():
                await worker.take(text)
        finally:
            engine.external.disconnect(connected)
    return talk.socket


def _peer(request: web.Request) -> str:
    address = request.transport.get_extra_info("peername") if request.transport else None
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "local"


class _Channel:
    """``JobChannel`` on an outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def send_job(self, job: Job) -> None:
        self._outbox.send(job_message(job))

    def close(self, code: int, reason: str) -> None:
        self._outbox.close(code, reason)


class _Worker:
    """One connection's messages."""

    def __init__(
        self, engine: Engine, connected: ExternalWorker, talk: Conversation, audit: Audit, caller: Caller
    ) -> None:
        self._engine = engine
        self._audit = audit
        self._caller = caller
        self._connected = connected
        self._talk = talk
        self._room = asyncio.Semaphore(MOST_REPORTS)

    async def take(self, text: str | InvalidInput) -> None:
        """Carry out one message. Results are recorded side by side, so that they share commits."""
        try:
            if isinstance(text, InvalidInput):
                raise text
            message = await read_aside(read_message, text)
        except InvalidInput as error:
            await self._talk.refuse(bad_message(error))
            return
        await self._carry_out(message)

    async def _carry_out(self, message: WorkerMessage) -> None:
        match message:
            case GetTask():
                self._engine.external.ask(self._connected)
            case SendResult():
                await self._room.acquire()
                self._talk.spawn(self._report(message))
            case RegisterTask(name):
                await self._register(name)
            case _:
                self._talk.outbox.send(TAKEN)

    async def _register(self, name: str) -> None:
        """The worker is told nothing of a refusal: its library would take it for a job. People are."""
        try:
            with self._audit.around(self._caller, "register", name):
                await self._engine.jobs.register(self._connected, name)
        except NiceError as refusal:
            _log.warning("worker %s: %s", self._connected.session.worker, refusal)
        self._talk.outbox.send(TAKEN)

    async def _report(self, message: SendResult) -> None:
        try:
            await self._engine.external.result(self._connected.identity, message.nonce, message.result)
            self._talk.outbox.send(TAKEN)
        except Unavailable as error:
            _log.warning("worker %s: a result could not be kept: %s", self._connected.session.worker, error)
        finally:
            self._room.release()


_OPERATION = Operation("WebSocket: register names, ask for jobs, send results", {101: "The socket is open"})
WORKER_SOCKET = Route("GET", "/worker", serve_worker, Access.CHANGE, _OPERATION, streams=True, action="work")
