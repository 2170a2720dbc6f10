"""Keeps one local worker alive: starts it when nobody holds its lock, adopts the one that does."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from nice_operator.local.data_dir import DataDirectory
from nice_operator.local.locks import read_worker_lock

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
RESTART_DELAYS = (0.0, 0.5, 1.0, 2.0, 5.0)


class LocalWorker:
    """The worker process of the dev mode, in a session of its own: a terminal's Ctrl-C does not reach it."""

    def __init__(self, data: DataDirectory, task_path: Path) -> None:
        self._data = data
        self._task_path = task_path
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start or adopt the worker, and go on watching it."""
        holder = read_worker_lock(self._data.worker_lock)
        if holder is not None:
            logger.info("found the local worker of an earlier operator (process %s)", holder.pid)
        else:
            self._spawn()
        self._keeper = asyncio.create_task(self._keep(), name="local-worker")

    async def stop_replacing(self) -> None:
        """From now on a worker that ends is not followed by another."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def gone(self) -> None:
        """Wait until no worker lives. It leaves by itself once drained."""
        while self.alive:  # noqa: ASYNC110 - a file's lock gives no event to wait for
            await asyncio.sleep(0.05)

    def interrupt(self) -> None:
        """Make the worker stop its runs now and report them as interrupted."""
        holder = read_worker_lock(self._data.worker_lock)
        if holder is not None and holder.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(holder.pid, signal.SIGINT)

    @property
    def alive(self) -> bool:
        """Whether a worker lives: our own child (collected here when it ended), or the lock's holder."""
        child_lives = self._process is not None and self._process.poll() is None
        return child_lives or read_worker_lock(self._data.worker_lock) is not None

    async def _keep(self) -> None:
        failures = 0
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if self.alive:
                failures = 0
                continue
            delay = RESTART_DELAYS[min(failures, len(RESTART_DELAYS) - 1)]
            logger.warning(
                "the local worker is gone; starting another %s (its own words: %s)",
                f"in {delay:g} s" if delay else "at once",
                self._data.worker_log,
            )
            await asyncio.sleep(delay)
            failures += 1
            self._spawn()

    def _spawn(self) -> None:
        arguments = ["--data", str(self._data.path), "--task-path", str(self._task_path)]
        with self._data.worker_log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                [sys.executable, "-m", "nice_runner", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
