"""A zygote as the supervisor's own child: the dev mode's, and that of a worker without containers."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nice_runner.process.zygote import Zygote

logger = logging.getLogger(__name__)

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


class ChildZygote(Zygote):
    """Started, and replaced when it dies."""

    def __init__(self, plan: ZygotePlan) -> None:
        super().__init__()
        self._plan = plan

    async def _live_once(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            process = await self._spawn(theirs)
        self._join(ours, gone=lambda: None)
        try:
            await process.wait()
        finally:
            self._leave(ours)
            await _ended(process)
        logger.error("the zygote died; starting another")

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


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        logger.error("the zygote (process %s) did not end in %s s; killing it", process.pid, END_SECONDS)
        process.kill()
