"""A real worker process in a directory of its own, and what the kernel says about its processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

CANARY = "NICE_TEST_CANARY"


class WorkerProcess:
    """``python -m nice_runner`` in dev mode."""

    def __init__(self, directory: Path, code: Path, **environment: str) -> None:
        self.log = directory / "worker.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nice_runner", "--data", str(directory), "--task-path", str(code)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, CANARY: "secret", **environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def zygote(self) -> int:
        """The process id of the worker's zygote."""
        return next(pid for pid in children(self.pid) if command_name(pid) == "nice-zygote")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def ended(self, timeout: float = 20) -> int:
        """Wait for its end; returns the exit code."""
        return await asyncio.to_thread(self.process.wait, timeout)

    def end(self) -> None:
        """Make sure that nothing of it is left after a test, however the test went."""
        tree = descendants(self.pid)
        for pid in (self.pid, *tree):
            for number in (signal.SIGCONT, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        self.process.wait(10)


async def until(condition: Callable[[], bool], what: str, timeout: float = 10) -> None:
    """Wait for something that only the kernel knows and gives no event for."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain for {what}")
        await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process lives (a zombie does not)."""
    facts = _stat(pid)
    return facts is not None and facts[0] not in "ZX"


def zombie(pid: int) -> bool:
    facts = _stat(pid)
    return facts is not None and facts[0] == "Z"


def command_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children(parent: int) -> list[int]:
    """Direct children, zombies included."""
    return [pid for pid in _pids() if (facts := _stat(pid)) is not None and facts[1] == parent]


def descendants(root: int) -> set[int]:
    found: set[int] = set()
    waiting = [root]
    while waiting:
        fresh = set(children(waiting.pop())) - found
        found |= fresh
        waiting.extend(fresh)
    return found


def marked(mark: str) -> list[int]:
    """Living processes whose environment contains a text, wherever in the process tree they hide."""
    return [pid for pid in _pids() if alive(pid) and mark.encode() in _environment(pid)]


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> tuple[str, int] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent, *_ = text[text.rindex(")") + 2 :].split()
    return state, int(parent)
