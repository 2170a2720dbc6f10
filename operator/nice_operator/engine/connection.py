"""One worker's connection: its protocol session, and its reports carried out in order.

Reports of one run are carried out one after another, those of different runs side by side, so that they
share commits. A report that the database cannot take now is repeated until it can or the worker is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import RunId
from nice_operator.domain.run import Outcome
from nice_operator.domain.task import UnhandledErrors
from nice_operator.engine import wire
from nice_operator.engine.holdings import Holding, Holdings
from nice_operator.engine.refusals import Refusals, TaskVersion
from nice_operator.engine.reports import Reports
from nice_operator.ports import Claimed, Clock, HeldRun, OpenSession, StartVerdict
from nice_protocol.errors import TOLERATED, Code, ProtocolError
from nice_protocol.messages import (
    NOT_ELIGIBLE,
    Cancel,
    Credit,
    Drain,
    Draining,
    Error,
    Finish,
    Finished,
    FromOperator,
    FromWorker,
    Heartbeat,
    HeartbeatAck,
    Log,
    LogAck,
    Refused,
    Release,
    Start,
    Started,
)
from nice_protocol.session import OperatorSession

_log = logging.getLogger(__name__)

T = TypeVar("T")

POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
LARGE_RESULT = 16 * 1024
MAX_AT_ONCE = 256
"""Reports of one connection carried out at a time; the next one waits, and with it the socket."""


class Channel(Protocol):
    """The way to the worker."""

    def send(self, message: FromOperator) -> None:
        """Queue a message. Never blocks; a peer that does not read is cut off by the channel itself."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the connection with a WebSocket close code."""
        ...


class WorkerConnection:
    """See the module. Made by ``WorkerHub.connect``; ``receive`` is called with one message after another."""

    def __init__(
        self,
        worker: OpenSession,
        session: OperatorSession,
        channel: Channel,
        reports: Reports,
        clock: Clock,
        on_change: Callable[[WorkerConnection], None],
        connected_at: datetime,
    ) -> None:
        self.worker = worker
        self.connected_at = connected_at
        self.holdings = Holdings()
        self._refusals = Refusals()
        self._session = session
        self._channel = channel
        self._reports = reports
        self._clock = clock
        self._on_change = on_change
        self._refused = 0
        self._open = True
        self._busy: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MAX_AT_ONCE)

    # ------------------------------------------------------------ state

    @property
    def open(self) -> bool:
        """Whether messages can still be exchanged."""
        return self._open

    @property
    def assignable(self) -> int:
        """How many runs the worker can be given now."""
        return self._session.assignable if self._open else 0

    @property
    def draining(self) -> bool:
        """Whether it takes no more work."""
        return self._session.drain_asked or self._session.phase == "draining"

    @property
    def refusals(self) -> Mapping[TaskVersion, str]:
        """The tasks that do not want this worker for now, and why."""
        return self._refusals.current(self._clock.monotonic())

    # ------------------------------------------------------------ to the worker

    def send(self, message: FromOperator) -> None:
        """Send, if the connection lives. Raises ProtocolError when the session forbids it."""
        if self._open:
            self._session.send(message)
            self._channel.send(message)

    def assign(self, claimed: Claimed, unhandled_errors: UnhandledErrors | None = None) -> bool:
        """Give a claimed run to the worker. False: it cannot take it any more; release the run."""
        if self.assignable < 1:
            return False
        self.send(wire.assign(claimed, unhandled_errors))
        self.hold(claimed)
        return True

    def hold(self, claimed: Claimed) -> Holding:
        """Note that the worker holds a run."""
        held = HeldRun(claimed.run.id, claimed.run.epoch, self.worker.id)
        return self.holdings.add(claimed, held)

    def cancel(self, run_id: RunId) -> None:
        """Tell the worker at once that a run of its own is to stop."""
        for holding in self.holdings:
            if holding.held.id == run_id:
                holding.cancel_requested = True
                self.send(Cancel(str(run_id), holding.held.epoch))

    def drain(self) -> None:
        """Ask the worker to take no more work and to leave when it is done."""
        if not self.draining:
            self.send(Drain())
            self._on_change(self)

    def refuse(self, code: Code, message: str, about: str = "") -> None:
        """Answer with an error."""
        self.send(Error(code, message[:1000], about))

    def end(self, code: int, reason: str) -> None:
        """Close from this side."""
        if self._open:
            self._open = False
            self._session.close()
            self._channel.close(code, reason[:120])

    # ------------------------------------------------------------ from the worker

    async def receive(self, message: FromWorker) -> None:
        """Take one message. Returns soon; waits only while too many reports are under way."""
        try:
            message = self._session.receive(message)
        except ProtocolError as error:
            self.reject(error)
            return
        if isinstance(message, Credit | Draining):
            self._on_change(self)
            return
        await self._room.acquire()
        self._spawn(self._carry_out(message))

    def reject(self, error: ProtocolError) -> None:
        """Answer a refused message; close when nothing that follows can be trusted, or after too many."""
        self._refused += 1
        self.refuse(error.code, error.message, error.about)
        if error.fatal or self._refused > TOLERATED:
            self.end(POLICY_VIOLATION, error.code)

    def closed(self) -> None:
        """The socket is gone. Reports that are under way are finished; the lease goes on."""
        self._open = False
        self._session.close()

    async def settled(self) -> None:
        """Wait until no report is under way."""
        while self._busy:
            await asyncio.wait(self._busy)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._busy.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        self._room.release()
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Unavailable):
            _log.error("a report of worker %s failed", self.worker.worker, exc_info=error)
            self.end(INTERNAL_ERROR, "internal error; connect again")

    async def _carry_out(self, message: FromWorker) -> None:
        match message:
            case Heartbeat():
                await self._heartbeat(message)
            case Start() | Log() | Finish() | Release():
                held = wire.held(message, self.worker.id)
                holding = self.holdings.get(held)
                if holding is None:
                    await self._report(held, None, message)
                else:
                    async with holding.turn:
                        await self._report(held, holding, message)

    async def _report(
        self, held: HeldRun, holding: Holding | None, message: Start | Log | Finish | Release
    ) -> None:
        match message:
            case Start():
                await self._start(held, message)
            case Log():
                last = await self._lasting(lambda: self._reports.log(held, holding, message))
                self.send(LogAck(message.run, message.epoch, last))
            case Finish():
                await self._finish(held, holding, message)
            case Release():
                self._note_refusal(holding, message)
                await self._lasting(lambda: self._reports.release(held))
                self.holdings.drop([held])
                self._on_change(self)

    async def _start(self, held: HeldRun, message: Start) -> None:
        host = wire.host_facts(message.host)
        verdict = await self._lasting(lambda: self._reports.start(held, host))
        if verdict is StartVerdict.STARTED:
            self.send(Started(message.run, message.epoch))
        else:
            self.send(Refused(message.run, message.epoch, verdict))
            self.holdings.drop([held])

    async def _finish(self, held: HeldRun, holding: Holding | None, message: Finish) -> None:
        told = await _outcome(message)
        outcome = await self._lasting(lambda: self._reports.explained(held, self.worker, told))
        verdict = await self._lasting(lambda: self._reports.finish(held, holding, outcome))
        self.holdings.drop([held])
        self.send(Finished(message.run, message.epoch, message.outcome, verdict))
        self._on_change(self)

    def _note_refusal(self, holding: Holding | None, message: Release) -> None:
        """Before the run is in the queue again, so that nobody offers it to the same worker."""
        if holding is not None and message.code == NOT_ELIGIBLE:
            run = holding.claimed.run
            version = TaskVersion(run.task_id, run.generation)
            self._refusals.note(version, message.message, self._clock.monotonic())

    async def _heartbeat(self, message: Heartbeat) -> None:
        runs = [wire.held(ref, self.worker.id) for ref in message.runs]
        try:
            reply = await self._reports.heartbeat(self.worker.id, runs)
        except Unavailable:
            return  # no answer is the honest one: the worker's own trust runs out by itself
        self.lose(reply.lost)
        for held in reply.cancelled:
            self._note_cancel(held)
        lost, cancelled = ([wire.ref(run) for run in runs] for runs in (reply.lost, reply.cancelled))
        self.send(HeartbeatAck(message.seq, lost, cancelled))

    def lose(self, runs: Sequence[HeldRun]) -> None:
        """These are no longer the worker's."""
        self.holdings.drop(runs)

    def _note_cancel(self, held: HeldRun) -> None:
        holding = self.holdings.get(held)
        if holding is not None:
            holding.cancel_requested = True

    async def _lasting(self, report: Callable[[], Awaitable[T]]) -> T:
        """Repeat until the database takes it."""
        pause = 0.05
        while True:
            try:
                return await report()
            except Unavailable as error:
                if not self._open:
                    raise
                _log.warning("a report of worker %s has to wait: %s", self.worker.worker, error)
            await self._clock.sleep(pause)
            pause = min(pause * 2, 2.0)


async def _outcome(message: Finish) -> Outcome:
    """A large result is checked in a thread: everybody waits for this loop."""
    if len(message.result or "") < LARGE_RESULT:
        return wire.outcome(message)
    return await asyncio.to_thread(wire.outcome, message)
