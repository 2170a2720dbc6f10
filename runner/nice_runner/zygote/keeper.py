"""The keeper of one run: holds its deadline, knows its whole process tree, and ends it for certain.

It hears ``go`` (timeout and grace in seconds, memory in bytes or null) and ``stop`` (cause) on its control
channel and says ``ready``, ``started``, ``stopping`` and, when nobody of the run is left, ``exited``. The
channel being closed is a stop like any other: a run never outlives its supervisor by more than its grace.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import time
from typing import Any, Dict, Optional

from . import tree
from .channel import Channel, Message
from .children import ChildAlarm, collect
from .memory import MemoryWatch

GO = b"g"

ABANDONED_GRACE = 20.0
"""Seconds that a run gets whose supervisor is gone: it must be over before anybody may run it again, and at
the last heartbeat its lease had 25 seconds left at least."""


class Keeper:
    """One run from the fork of its runner to the end of its last descendant."""

    def __init__(self, control: Channel, alarm: ChildAlarm, runner: int, gate: int) -> None:
        self._control = control
        self._alarm = alarm
        self._runner = runner
        self._gate = gate
        self._status: Optional[int] = None
        self._childless = False
        self._grace = 0.0
        self._deadline: Optional[float] = None
        self._kill_at: Optional[float] = None
        self._cause: Optional[str] = None
        self._stopped_by: Optional[str] = None
        self._memory: Optional[MemoryWatch] = None
        self._memory_used: Optional[int] = None
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._poll.register(alarm, select.POLLIN)

    def keep(self) -> None:
        """Returns when the run and all its descendants are gone and reported."""
        self._control.send({"type": "ready", "keeper": os.getpid(), "runner": self._runner})
        self._collect()  # the runner may have ended before the alarm was there
        while not self._over():
            for descriptor, _ in self._poll.poll(self._wait_milliseconds()):
                if descriptor == self._control.fileno():
                    self._hear()
            self._collect()
            self._watch_memory()
            self._watch_clock()
        survivors = self._end_tree()
        self._control.send(self._report(survivors))

    def _over(self) -> bool:
        if self._status is None:
            return self._stopped_by in ("kill", "sweep")
        return self._cause is None or self._childless or self._stopped_by == "sweep"

    def _wait_milliseconds(self) -> Optional[float]:
        watch = self._memory.due if self._memory is not None else None
        times = [at for at in (self._deadline, self._kill_at, watch) if at is not None]
        return max(0.0, (min(times) - time.monotonic()) * 1000) + 1 if times else None

    def _hear(self) -> None:
        message, _ = self._control.receive()
        if message is None:
            self._poll.unregister(self._control)
            self._stop("abandoned", min(self._grace, ABANDONED_GRACE))
        elif message["type"] == "go":
            self._go(message)
        elif message["type"] == "stop":
            self._stop(message["cause"], min(self._grace, message.get("grace", self._grace)))

    def _go(self, message: Message) -> None:
        self._grace = message["grace"]
        self._deadline = time.monotonic() + message["timeout"]
        if message.get("memory") is not None:
            self._memory = MemoryWatch(os.getpid(), message["memory"], time.monotonic())
        os.write(self._gate, GO)
        self._control.send({"type": "started"})

    def _watch_memory(self) -> None:
        """Without a grace: it grows while it is asked nicely, and takes its neighbours with it."""
        now = time.monotonic()
        if self._memory is None or now < self._memory.due:
            return
        used = self._memory.look(now)
        if used is not None:
            self._memory_used = used
            self._stop("memory", 0.0)

    def _watch_clock(self) -> None:
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            self._stop("deadline", self._grace)
        if self._kill_at is not None and now >= self._kill_at:
            self._stopped_by = "kill" if self._status is None else "sweep"

    def _stop(self, cause: str, grace: float) -> None:
        """Begin to stop; said again, it can only shorten the grace."""
        self._collect()
        if self._status is not None and self._cause is None:
            return  # it ended by itself first
        kill_at = time.monotonic() + grace
        if self._kill_at is not None:
            self._kill_at = min(self._kill_at, kill_at)
            return
        self._kill_at, self._deadline, self._cause, self._stopped_by = kill_at, None, cause, "term"
        self._control.send({"type": "stopping", "cause": cause, "grace": grace})
        doomed = tree.descendants(os.getpid())
        tree.signal_all(doomed, signal.SIGTERM)
        tree.signal_all(doomed, signal.SIGCONT)  # one that is stopped could not even hear the warning

    def _collect(self) -> None:
        self._alarm.clear()
        for pid, status in collect():
            if pid == self._runner:
                self._status = status
        self._childless = self._status is not None and not _has_children()

    def _end_tree(self) -> int:
        if self._childless:
            return 0
        me = os.getpid()
        survivors = tree.sweep(lambda: tree.descendants(me), self._collect)
        self._collect()
        return survivors

    def _report(self, survivors: int) -> Dict[str, Any]:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        status = self._status if self._status is not None else signal.SIGKILL
        exited = os.WIFEXITED(status)
        watched = self._memory.peak if self._memory is not None else 0
        return {
            "type": "exited",
            "code": os.WEXITSTATUS(status) if exited else None,
            "signal": None if exited else os.WTERMSIG(status),
            "cause": self._cause,
            "stopped_by": self._stopped_by,
            "cpu": usage.ru_utime + usage.ru_stime,
            "memory": max(usage.ru_maxrss * 1024, watched),
            "memory_used": self._memory_used,
            "survivors": survivors,
        }


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
