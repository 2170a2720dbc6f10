"""The conversation's rules without input or output: which message may come when, and what it changes.

A session is one connection seen from one side. ``receive`` and ``send`` either let a message pass, and then
the session has moved on, or raise ProtocolError and nothing has changed. The rules are the two tables in
``rules``; tests walk every cell and docs/protocol.md is rendered from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from nice_protocol.errors import Code, ProtocolError
from nice_protocol.limits import MAX_SLOTS
from nice_protocol.messages import (
    Assign,
    Credit,
    Drain,
    Draining,
    FromOperator,
    FromWorker,
    HeartbeatAck,
    Hello,
    Message,
    RunRef,
    Welcome,
)
from nice_protocol.rules import PHASE_RULES, RUN_RULES, Phase, RunPhase, Side, explain

RESUMED = {"assigned": RunPhase.ASSIGNED, "running": RunPhase.RUNNING, "finished": RunPhase.RUNNING}
"""What a resumed run is to the new connection: a finished one is still to be reported on it."""


@dataclass(frozen=True)
class Holding:
    """A run that the worker of this connection holds."""

    epoch: int
    phase: RunPhase


class Session:
    """What both sides have in common. Use OperatorSession or WorkerSession."""

    side: ClassVar[Side]

    def __init__(self) -> None:
        self.phase = Phase.NEW
        self.slots = 0
        self.credit = 0
        self.drain_asked = False
        self._runs: dict[str, Holding] = {}

    @property
    def runs(self) -> Mapping[str, Holding]:
        """The runs this connection knows, by id."""
        return self._runs

    def close(self) -> None:
        """The connection is gone; nothing may follow."""
        self.phase = Phase.CLOSED

    def phase_of(self, run: str, epoch: int) -> RunPhase:
        """Where a run stands; another epoch of a run that is held is another run, and unknown."""
        held = self._runs.get(run)
        return held.phase if held is not None and held.epoch == epoch else RunPhase.UNKNOWN

    def _pass(self, message: Message) -> None:
        following = self._next_phase(message)
        self._move_run(message)
        self.phase = following

    def _next_phase(self, message: Message) -> Phase:
        cell = PHASE_RULES[message.type][self.phase]
        if isinstance(cell, Code):
            raise ProtocolError(cell, explain(cell, message.type, self.phase), message.type)
        return cell

    def _move_run(self, message: Message) -> None:
        rules = RUN_RULES.get(message.type)
        if rules is None:
            return
        run, epoch = message.run, message.epoch  # type: ignore[union-attr]
        cell = rules[self.phase_of(run, epoch)]
        if isinstance(cell, Code):
            raise ProtocolError(cell, explain(cell, message.type, run), message.type)
        self._set(run, epoch, cell)

    def _set(self, run: str, epoch: int, phase: RunPhase) -> None:
        if phase is not RunPhase.UNKNOWN:
            self._runs[run] = Holding(epoch, phase)
        elif self.phase_of(run, epoch) is not RunPhase.UNKNOWN:
            del self._runs[run]

    def _greeted(self, hello: Hello) -> None:
        self.slots = hello.slots
        for run in hello.resume:
            self._set(run.run, run.epoch, RESUMED[run.phase])

    def _forget(self, runs: Iterable[RunRef]) -> None:
        for ref in runs:
            self._set(ref.run, ref.epoch, RunPhase.UNKNOWN)

    def _told(self, message: FromWorker) -> None:
        """What a worker's message changes, the same on both sides."""
        if isinstance(message, Hello):
            self._greeted(message)
        elif isinstance(message, Credit):
            self.credit = min(self.credit + message.add, self.slots)
        elif isinstance(message, Draining):
            self.credit = 0

    def _answered(self, message: FromOperator) -> None:
        """What an operator's message changes, the same on both sides."""
        if isinstance(message, Welcome):
            self._forget(message.discard)
        elif isinstance(message, HeartbeatAck):
            self._forget(message.lost)
        elif isinstance(message, Assign):
            self.credit = max(0, self.credit - 1)
        elif isinstance(message, Drain):
            self.drain_asked = True


class OperatorSession(Session):
    """The operator's side of one worker's connection."""

    side = Side.OPERATOR

    @property
    def assignable(self) -> int:
        """How many runs may be assigned now."""
        return self.credit if self.phase is Phase.OPEN and not self.drain_asked else 0

    def receive(self, message: FromWorker) -> FromWorker:
        """Take a worker's message; returns it with its numbers clamped. Raises ProtocolError."""
        self._pass(message)
        message = _clamped(message)
        self._told(message)
        return message

    def send(self, message: FromOperator) -> None:
        """Note what is about to be sent. Raises ProtocolError when this side is about to break a rule."""
        self._next_phase(message)
        if isinstance(message, Assign) and self.assignable < 1:
            raise ProtocolError(Code.OVER_CREDIT, "the worker has given no credit for this run", message.type)
        self._pass(message)
        self._answered(message)


class WorkerSession(Session):
    """A worker's side of its connection."""

    side = Side.WORKER

    def send(self, message: FromWorker) -> None:
        """Note what is about to be sent. Raises ProtocolError when this side is about to break a rule."""
        self._pass(message)
        self._told(_clamped(message))

    def receive(self, message: FromOperator) -> FromOperator:
        """Take an operator's message. Raises ProtocolError.

        While draining, an assignment that was under way when the worker said so is let pass: the worker
        answers it with ``release``.
        """
        if isinstance(message, Assign) and self.phase is Phase.OPEN and self.credit < 1:
            raise ProtocolError(
                Code.OVER_CREDIT, f"run {message.run} was assigned without credit", message.type
            )
        self._pass(message)
        self._answered(message)
        return message


def _clamped(message: FromWorker) -> FromWorker:
    """Numbers that only say how much is wanted are cut to what is possible, not refused."""
    if isinstance(message, Hello) and not 1 <= message.slots <= MAX_SLOTS:
        return replace(message, slots=min(max(message.slots, 1), MAX_SLOTS))
    return message
