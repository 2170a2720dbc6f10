"""What really ran, told by the runs themselves, past the product: lines in a file of their pod's volume, read
on the node's disk.

Each execution writes ``begin``, a ``beat`` now and then, and ``end``, with the kernel's monotonic clock,
which all machines of a native cluster share. A line is written at once, so a killed run's last one is there;
a file that was found stays open, so what a pod takes with it is read all the same.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.places import Places

FOLDER = "/effects"
VOLUME = "effects"
LOOK_EVERY = 0.1
"""Seconds."""

SOURCE = f"""
import json, os, time

def run(payload):
    name = (os.environ["NICE_RUN_ID"], int(os.environ["NICE_EPOCH"]), payload["task"])
    out = os.open("{FOLDER}/told", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def tell(what):
        os.write(out, json.dumps([what, time.monotonic(), *name]).encode() + b"\\n")

    tell("begin")
    until = time.monotonic() + payload["seconds"]
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.5))
        tell("beat")
    tell("end")
    return name[0]
"""
"""Of a task whose payload is {"task": its name, "seconds": how long it works}; it returns its run's id."""


@dataclass
class Execution:
    """When it began and was last alive (monotonic seconds), and whether it came to its end."""

    run: str
    epoch: int
    task: str
    began: float
    last: float
    ended: bool = False
    times_begun: int = 1


@dataclass
class Effects:
    """Collects while ``collecting``."""

    places: Places
    executions: dict[tuple[str, int], Execution] = field(default_factory=dict)
    _files: dict[Path, _Tail] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Look from now on."""
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more; what was read stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)
        for tail in self._files.values():
            os.close(tail.descriptor)

    def of(self, run: str) -> Mapping[int, Execution]:
        """The executions of a run, by epoch."""
        return {epoch: one for (id, epoch), one in list(self.executions.items()) if id == run}

    def _look(self) -> None:
        while not self._stop.wait(LOOK_EVERY):
            self._find()
            for tail in self._files.values():
                for line in tail.lines():
                    self._enter(*json.loads(line))

    def _find(self) -> None:
        for pod in self.places.home.glob("node-*/kubelet/pods/*"):
            path = pod / "volumes" / "kubernetes.io~empty-dir" / VOLUME / "told"
            if path not in self._files:
                with suppress(OSError):
                    self._files[path] = _Tail(os.open(path, os.O_RDONLY))

    def _enter(self, what: str, at: float, run: str, epoch: int, task: str) -> None:
        known = self.executions.get((run, epoch))
        if known is None:
            self.executions[run, epoch] = Execution(run, epoch, task, at, at)
            return
        known.times_begun += what == "begin"
        known.last = max(known.last, at)
        known.ended = known.ended or what == "end"


@dataclass
class _Tail:
    """A file that grows."""

    descriptor: int
    rest: bytes = b""

    def lines(self) -> list[bytes]:
        """The whole lines that came since."""
        found: list[bytes] = []
        while data := os.read(self.descriptor, 1 << 16):
            *whole, self.rest = (self.rest + data).split(b"\n")
            found += whole
        return found
