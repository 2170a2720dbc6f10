"""The zygote as the supervisor's child: started, asked to fork, replaced when it dies."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nice_runner.zygote.channel import Channel

logger = logging.getLogger(__name__)

RESTART_DELAY = 0.2
"""Seconds between the death of a zygote and the start of the next."""

END_SECONDS = 10.0
"""How long a zygote may take to end once its socket is closed and its runs are over."""


@dataclass(frozen=True)
class ZygotePlan:
    """How to start one. ``environment`` is all that runs will find of ours; ``hold`` are descriptors that
    stay open for as long as any run may live (a lock)."""

    environment: Mapping[str, str]
    preload: Sequence[str]
    code: str
    hold: Sequence[int]


class ZygoteProcess:
    """One zygote after another; at most one lives."""

    def __init__(self, plan: ZygotePlan) -> None:
        self._plan = plan
        self._channel: Channel | None = None
        self._waiting: list[Sequence[int]] = []
        self._keeping: asyncio.Task[None] | None = None
        self.pid: int | None = None

    def start(self) -> None:
        """Start the first, and replace each that dies."""
        self._keeping = asyncio.create_task(self._keep(), name="zygote")

    def fork(self, descriptors: Sequence[int]) -> None:
        """Ask for a keeper with these descriptors, or let it wait for the next zygote.

        They are duplicates that belong to this call. Should the zygote die before it served this, the
        control channel among them just closes.
        """
        self._waiting.append(descriptors)
        self._send_waiting()

    async def stop(self) -> None:
        """End the zygote, which waits for its keepers. Whoever still has a run must stop it first."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])

    async def _keep(self) -> None:
        while True:
            await self._live_once()
            logger.error("the zygote died; starting another")
            await asyncio.sleep(RESTART_DELAY)

    async def _live_once(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            process = await self._spawn(theirs)
        self.pid, self._channel = process.pid, Channel(ours)
        asyncio.get_running_loop().add_reader(ours, self._hear, ours)
        try:
            self._send_waiting()
            await process.wait()
        finally:
            self._leave(ours)
            await _ended(process)

    async def _spawn(self, end: socket.socket) -> asyncio.subprocess.Process:
        plan = self._plan
        arguments = ["--fd", str(end.fileno()), "--preload", ",".join(plan.preload), "--code", plan.code]
        for descriptor in plan.hold:
            arguments += ["--hold", str(descriptor)]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "nice_runner.zygote", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            env=dict(plan.environment),
            pass_fds=(end.fileno(), *plan.hold),
            cwd="/",
        )

    def _hear(self, end: socket.socket) -> None:
        message, _ = Channel(end).receive()
        if message is None:
            self._leave(end)
            return
        for failure in message["failures"]:
            logger.warning("preload: %s", failure)

    def _leave(self, end: socket.socket) -> None:
        if end.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(end)
            end.close()
        self.pid = self._channel = None

    def _send_waiting(self) -> None:
        while self._waiting and self._channel is not None:
            descriptors = self._waiting[0]
            try:
                self._channel.send({"type": "fork"}, descriptors)
            except BlockingIOError:
                asyncio.get_running_loop().call_later(0.01, self._send_waiting)
                return
            _close_all(self._waiting.pop(0))


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        logger.error("the zygote (process %s) did not end in %s s; killing it", process.pid, END_SECONDS)
        process.kill()


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
