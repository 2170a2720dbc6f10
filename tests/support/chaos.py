"""Callers, workers and a server, killed at random; and the account of what became of every job."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

TASK = "work"
DROPPED = (aiohttp.ClientError, ConnectionError, TimeoutError)
ASK_AGAIN = 0.1
"""Seconds until a caller whose connection broke asks again, and a worker connects again."""


@dataclass(frozen=True)
class Scale:
    """How much of everything. In seconds: ``between_kills`` of workers, ``server_kills`` after the start."""

    workers: int
    jobs: int
    callers: int
    wanted: int
    between_kills: float
    server_kills: tuple[float, ...]


@dataclass
class Account:
    """What was seen: ``answers`` of each job as (run id, status, body), every one that ever came."""

    answers: dict[int, set[tuple[str, int, str]]] = field(default_factory=dict)
    executions: Counter[int] = field(default_factory=Counter)
    overloads: list[str] = field(default_factory=list)
    workers_killed: int = 0

    def note(self, job: int, answer: tuple[str, int, str]) -> None:
        """A caller got an answer."""
        self.answers.setdefault(job, set()).add(answer)


class ChaoticWorker:
    """A worker that asks for ``wanted`` jobs at a time and can be killed."""

    def __init__(self, base: str, wanted: int, account: Account) -> None:
        self._base = base
        self._wanted = wanted
        self._account = account
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._credit = 0

    async def live(self, session: aiohttp.ClientSession) -> None:
        """Work, connecting again whenever the connection ends, until cancelled."""
        while True:
            try:
                async with session.ws_connect(self._base + "/worker", max_msg_size=0) as self._socket:
                    await self._serve(self._socket)
            except DROPPED:
                pass
            await asyncio.sleep(ASK_AGAIN)

    def kill(self) -> None:
        """Cut the connection off in whatever it does, as the kernel does for a process that is killed."""
        if self._socket is not None and not self._socket.closed:
            transport = (
                self._socket.get_extra_info("transport") or self._socket._response.connection.transport
            )
            transport.abort()
            self._account.workers_killed += 1

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._credit = 0
        await socket.send_json({"action": "RegisterTask", "name": TASK})
        for _ in range(self._wanted):
            await self._ask(socket)
        async with asyncio.TaskGroup() as jobs:
            async for frame in socket:
                if frame.data:
                    self._take()
                    jobs.create_task(self._do(socket, json.loads(frame.data)))

    async def _ask(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._credit += 1
        await socket.send_json({"action": "GetTask"})

    def _take(self) -> None:
        self._credit -= 1
        if self._credit < 0:
            self._account.overloads.append("a worker was given a job that it had not asked for")

    async def _do(self, socket: aiohttp.ClientWebSocketResponse, job: dict[str, Any]) -> None:
        number = job["options"]["job"]
        self._account.executions[number] += 1
        await asyncio.sleep(random.uniform(0, 0.02))
        try:
            result = {"job": number, "square": number * number}
            await socket.send_json({"action": "SendResult", "nonce": job["nonce"], "result": result})
            await self._ask(socket)
        except DROPPED:
            return  # killed in the middle


async def call(session: aiohttp.ClientSession, base: str, job: int, account: Account) -> None:
    """Ask for a job, and again with the same key whenever the connection breaks, until there is an answer."""
    headers = {"Idempotency-Key": f"job-{job}"}
    while True:
        try:
            async with session.post(f"{base}/task/{TASK}", json={"job": job}, headers=headers) as answer:
                body = await answer.text()
                if answer.status not in (404, 503):
                    account.note(job, (answer.headers.get("Nice-Run-Id", ""), answer.status, body))
                    return
        except DROPPED:
            pass
        await asyncio.sleep(ASK_AGAIN)


async def call_all(session: aiohttp.ClientSession, base: str, scale: Scale, account: Account) -> None:
    """Every job once, by as many callers at a time as the scale says."""
    left = iter(range(scale.jobs))

    async def caller() -> None:
        for job in left:
            await call(session, base, job, account)

    await asyncio.gather(*(caller() for _ in range(scale.callers)))


async def kill_workers(workers: list[ChaoticWorker], pause: float) -> None:
    """One after another, until cancelled."""
    while True:
        await asyncio.sleep(random.uniform(0, 2 * pause))
        random.choice(workers).kill()
