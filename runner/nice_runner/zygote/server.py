"""The zygote: one thread that forks a keeper for each request of its peer, the supervisor.

It stays small and ordinary so that forks stay cheap and safe: no threads, no sockets but the peer's, no
user code but the modules it was told to preload. Being a subreaper, it inherits what a keeper that was
killed leaves behind, and ends it.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from typing import Callable, List, NamedTuple, NoReturn, Optional, Sequence, Set

from . import kernel, tree
from .channel import Channel, Message
from .children import ChildAlarm, collect, ignore_signals
from .secrets import Places, Secrets

EX_SOFTWARE = 70

KeepRun = Callable[[List[int], Sequence[int]], None]
"""Keep one run in this process, given its descriptors (the control channel's first) and those held open."""


class Preloaded(NamedTuple):
    """What was imported before the first fork, and why the rest was not."""

    modules: List[str]
    failures: List[str]


def preload(names: Sequence[str]) -> Preloaded:
    """Import modules once, for all runs. One that fails is reported and left to the runs."""
    modules: List[str] = []
    failures: List[str] = []
    for name in names:
        try:
            importlib.import_module(name)
            modules.append(name)
        except Exception as error:
            failures.append(f"{name}: {type(error).__name__}: {error}")
    if len(os.listdir("/proc/self/task")) > 1:
        failures.append("a preloaded module started a thread; forks from here may deadlock")
    return Preloaded(modules, failures)


class Zygote:
    """Makes this process small and quiet, and serves one peer after another."""

    def __init__(
        self, keep_run: KeepRun, held: Sequence[int] = (), secrets: Optional[Secrets] = None
    ) -> None:
        self._peer: Optional[Channel] = None
        self._secrets = secrets or Secrets(Places())
        self._keep_run = keep_run
        self._held = tuple(held)
        self._keepers: Set[int] = set()
        self.alarm = ChildAlarm()
        self._poll = select.poll()
        self._poll.register(self.alarm, select.POLLIN)
        kernel.become_subreaper()
        kernel.hide()
        ignore_signals()
        gc.collect()
        gc.freeze()
        gc.disable()

    def serve(self, peer: Channel, greeting: Message) -> None:
        """Greet the peer, tell it what is secret here, and fork what it asks for, until it is gone or says
        so, and the last keeper has ended."""
        self._peer = peer
        self._poll.register(peer, select.POLLIN)
        self._secrets.refresh()
        self._tell(peer, {**greeting, "changeable": self._secrets.changeable})
        while self._busy():
            for descriptor, _ in self._poll.poll():
                if descriptor != self.alarm.fileno():
                    self._hear(peer)
            self._collect()

    def _busy(self) -> bool:
        return self._peer is not None or bool(self._keepers)

    def _hear(self, peer: Channel) -> None:
        message, descriptors = peer.receive()
        if message is not None and message["type"] == "fork":
            self._fork(descriptors)
            return
        if message is not None and message["type"] == "look":
            if self._secrets.refresh():
                self._tell(peer, {"type": "secrets"})
            return
        self._poll.unregister(peer)
        peer.close()
        self._peer = None

    def _tell(self, peer: Channel, message: Message) -> None:
        """Say it, and along with it what is secret."""
        if not self._secrets:
            peer.send(message)
            return
        descriptor = self._secrets.as_descriptor()
        try:
            peer.send(message, [descriptor])
        finally:
            os.close(descriptor)

    def _fork(self, descriptors: List[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            _refuse(descriptors[0], error)
        else:
            if pid == 0:
                self._become_keeper(descriptors)
            self._keepers.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)

    def _become_keeper(self, descriptors: List[int]) -> NoReturn:
        code = EX_SOFTWARE
        try:
            signal.set_wakeup_fd(-1)
            ignore_signals()  # the zygote itself may listen to one
            self._keep_run(descriptors, self._held)
            code = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def _collect(self) -> None:
        self.alarm.clear()
        if not all(self._collected(pid, status) for pid, status in collect()):
            self._sweep_orphans()

    def _collected(self, pid: int, status: int) -> bool:
        """Returns whether this end was an orderly one; a keeper that failed leaves its run to us."""
        orderly = pid in self._keepers and status == 0
        self._keepers.discard(pid)
        return orderly

    def _sweep_orphans(self) -> None:
        me = os.getpid()
        tree.sweep(lambda: tree.descendants(me, frozenset(self._keepers)), self._collect_quietly)

    def _collect_quietly(self) -> None:
        for pid, _ in collect():
            self._keepers.discard(pid)


def _refuse(control: int, error: OSError) -> None:
    with socket.socket(fileno=os.dup(control)) as end:
        Channel(end).send({"type": "failed", "error": f"cannot fork: {error.strerror}"})
