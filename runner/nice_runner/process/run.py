"""One attempt's processes seen from the supervisor: its pipes and its keeper."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any, Protocol

from nice_runner.process.pipes import PipeReader, PipeWriter
from nice_runner.process.zygote import Zygote
from nice_runner.verdict import MAX_REPORT, Cause, Ending
from nice_runner.zygote.channel import Channel

DRAIN_SECONDS = 2.0
"""How long output is still taken after a run's end, should somebody outside its tree hold its pipes."""


class RunListener(Protocol):
    """Who wants to know what happens to a run."""

    def wrote(self, stream: str, data: bytes) -> None: ...

    def ready(self) -> None: ...

    def stopping(self, cause: Cause, grace: float) -> None: ...

    def ended(self, ending: Ending) -> None: ...


class RunProcess:
    """Begins at once with a runner that waits at its gate; ``take`` makes it some attempt's, ``go`` lets it
    run, ``stop`` ends it. ``gone``: it ended before it was taken."""

    def __init__(self, zygote: Zygote) -> None:
        self.gone = False
        self._listener: RunListener | None = None
        self._report = bytearray()
        self._report_size = 0
        self._facts: dict[str, Any] | None = None
        self._loop = asyncio.get_running_loop()
        job_reader, job_writer = os.pipe()
        self._readers, theirs = self._open_readers()
        self._control, control = self._open_control()
        zygote.fork([control, job_reader, *theirs])
        self._job = PipeWriter(job_writer, b"", more=True)

    def take(self, job: bytes, listener: RunListener) -> None:
        """Give it what to execute, and who hears of it from now on. To be called once, unless it is gone."""
        self._listener = listener
        self._job.feed(job)
        self._job.finish()

    def dismiss(self) -> None:
        """Nobody will take it: its keeper ends it."""
        if not self.gone:
            self.gone = True
            self._part()
            self._close_readers()

    def go(self, timeout: float, grace: float, memory: int | None = None) -> None:
        """Let user code run, for ``timeout`` seconds at most; ``grace`` is from SIGTERM to SIGKILL,
        ``memory`` how many bytes all its processes together may hold."""
        self._tell({"type": "go", "timeout": timeout, "grace": grace, "memory": memory})

    def stop(self, cause: Cause, grace: float | None = None) -> None:
        """End it; again with a smaller ``grace``, sooner."""
        message: dict[str, Any] = {"type": "stop", "cause": cause.value}
        self._tell(message if grace is None else {**message, "grace": grace})

    def _open_readers(self) -> tuple[list[PipeReader], list[int]]:
        readers, theirs = [], []
        for take in (self._wrote("stdout"), self._wrote("stderr"), self._take_report):
            reader, writer = os.pipe()
            readers.append(PipeReader(reader, take, self._pipe_ended))
            theirs.append(writer)
        return readers, theirs

    def _open_control(self) -> tuple[Channel, int]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._loop.add_reader(ours, self._hear)
        return Channel(ours), theirs.detach()

    def _wrote(self, stream: str) -> Callable[[bytes], None]:
        def wrote(data: bytes) -> None:
            if self._listener is not None:
                self._listener.wrote(stream, data)

        return wrote

    def _take_report(self, data: bytes) -> None:
        self._report_size += len(data)
        if len(self._report) < MAX_REPORT:
            self._report += data

    def _tell(self, message: dict[str, Any]) -> None:
        if self._facts is None:
            self._control.send(message)

    def _hear(self) -> None:
        message, _ = self._control.receive()
        kind = "gone" if message is None else message["type"]
        if message is None or kind in ("exited", "failed"):
            self._over(message or {})
        elif self._listener is None:
            pass
        elif kind == "ready":
            self._listener.ready()
        elif kind == "stopping":
            self._listener.stopping(Cause(message["cause"]), message["grace"])

    def _over(self, facts: dict[str, Any]) -> None:
        """Its processes are gone, so its pipes have ended too, unless they were handed to somebody else."""
        self._facts = facts
        if self._listener is None:
            self.dismiss()
            return
        self._part()
        for reader in self._readers:
            reader.drain()
        if self._pipes_open:
            self._give_up = self._loop.call_later(DRAIN_SECONDS, self._finish)
        else:
            self._finish()

    def _part(self) -> None:
        self._loop.remove_reader(self._control)
        self._control.close()
        self._job.close()

    def _pipe_ended(self) -> None:
        if self._facts is not None and not self._pipes_open:
            self._give_up.cancel()
            self._finish()

    @property
    def _pipes_open(self) -> bool:
        return any(reader.open for reader in self._readers)

    def _finish(self) -> None:
        self._close_readers()
        if self._listener is None:
            return
        facts = self._facts or {}
        self._listener.ended(
            Ending(
                code=facts.get("code"),
                signal=facts.get("signal"),
                cause=Cause(facts["cause"]) if facts.get("cause") else None,
                stopped_by=facts.get("stopped_by"),
                cpu_seconds=facts.get("cpu"),
                peak_memory=facts.get("memory"),
                memory_used=facts.get("memory_used"),
                survivors=facts.get("survivors", 0),
                report=bytes(self._report),
                report_size=self._report_size,
            )
        )

    def _close_readers(self) -> None:
        for reader in self._readers:
            reader.close()
