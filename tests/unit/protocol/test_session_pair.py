"""Two sessions that talk over two queues: whatever either does that its own rules allow, the other accepts.

Messages under way cross each other in any order that two queues allow, which is where protocols break.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nice_protocol.errors import ProtocolError
from nice_protocol.messages import (
    Assign,
    Cancel,
    Credit,
    Drain,
    Draining,
    Finish,
    Finished,
    HeartbeatAck,
    Log,
    LogAck,
    Refused,
    Release,
    RunRef,
    Start,
    Started,
)
from nice_protocol.rules import Phase, RunPhase
from nice_protocol.session import OperatorSession, WorkerSession
from tests.support.protocol_messages import message_of

SLOTS = 3
RUNS = [f"01890a5d-ac96-774b-bcce-b302099a80{number:02x}" for number in range(4)]


class Pair(RuleBasedStateMachine):
    """The operator answers what it receives when it is read; the worker likewise."""

    @initialize()
    def greet(self) -> None:
        self.operator, self.worker = OperatorSession(), WorkerSession()
        self.to_operator: deque[Any] = deque()
        self.to_worker: deque[Any] = deque()
        self.epochs = dict.fromkeys(RUNS, 0)
        self.granted = self.assigned = 0
        hello = replace(message_of("hello"), slots=SLOTS, resume=[])
        self.worker.send(hello)
        self.operator.receive(hello)
        welcome = replace(message_of("welcome"), discard=[])
        self.operator.send(welcome)
        self.worker.receive(welcome)

    def from_worker(self, message: Any) -> None:
        self.worker.send(message)
        self.to_operator.append(message)

    def from_operator(self, message: Any) -> None:
        self.operator.send(message)
        self.to_worker.append(message)

    def held(self, session: Any, phase: RunPhase) -> list[tuple[str, int]]:
        return [(run, h.epoch) for run, h in session.runs.items() if h.phase is phase]

    # ------------------------------------------------------------ the worker's choices

    @precondition(lambda self: self.worker.phase is Phase.OPEN)
    @rule(add=st.integers(1, SLOTS))
    def ask(self, add: int) -> None:
        free = SLOTS - self.worker.credit - len(self.worker.runs)
        if free >= add:
            self.granted += add
            self.from_worker(Credit(add))

    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        for run, epoch in self.some(data, self.held(self.worker, RunPhase.ASSIGNED)):
            self.from_worker(replace(message_of("start"), run=run, epoch=epoch))

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        for run, epoch in self.some(data, self.held(self.worker, RunPhase.ASSIGNED)):
            self.from_worker(Release(run, epoch))

    @rule(data=st.data())
    def log_and_finish(self, data: st.DataObject) -> None:
        for run, epoch in self.some(data, self.held(self.worker, RunPhase.RUNNING)):
            self.from_worker(Log(run, epoch, []))
            self.from_worker(replace(message_of("finish"), run=run, epoch=epoch))

    @rule(data=st.data())
    def repeat_a_report(self, data: st.DataObject) -> None:
        for run, epoch in self.some(data, self.held(self.worker, RunPhase.FINISHED)):
            self.from_worker(replace(message_of("finish"), run=run, epoch=epoch))

    @precondition(lambda self: self.worker.drain_asked)
    @rule()
    def drain(self) -> None:
        self.from_worker(Draining())

    # ------------------------------------------------------------ the operator's choices

    @precondition(lambda self: self.operator.assignable > 0)
    @rule(run=st.sampled_from(RUNS))
    def assign(self, run: str) -> None:
        self.epochs[run] += 1
        self.assigned += 1
        self.from_operator(replace(message_of("assign"), run=run, epoch=self.epochs[run]))

    @precondition(lambda self: self.operator.assignable == 0)
    @rule(run=st.sampled_from(RUNS))
    def never_assign_without_credit(self, run: str) -> None:
        with pytest.raises(ProtocolError):
            self.operator.send(replace(message_of("assign"), run=run, epoch=10**6))

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        for run, holding in self.some(data, list(self.operator.runs.items())):
            self.from_operator(Cancel(run, holding.epoch))

    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        for run, holding in self.some(data, list(self.operator.runs.items())):
            self.from_operator(HeartbeatAck(1, [RunRef(run, holding.epoch)]))

    @rule()
    def ask_to_drain(self) -> None:
        self.from_operator(Drain())

    # ------------------------------------------------------------ reading

    @precondition(lambda self: self.to_operator)
    @rule(yes=st.booleans())
    def operator_reads(self, yes: bool) -> None:
        message = self.to_operator.popleft()
        self.operator.receive(message)
        match message:
            case Start(run=run, epoch=epoch):
                self.from_operator(Started(run, epoch) if yes else Refused(run, epoch, "cancelled"))
            case Finish(run=run, epoch=epoch, outcome=outcome):
                self.from_operator(Finished(run, epoch, outcome, "accepted"))
            case Log(run=run, epoch=epoch):
                self.from_operator(LogAck(run, epoch, 1))

    @precondition(lambda self: self.to_worker)
    @rule()
    def worker_reads(self) -> None:
        self.worker.receive(self.to_worker.popleft())

    # ------------------------------------------------------------ what always holds

    @invariant()
    def no_more_is_assigned_than_was_asked_for(self) -> None:
        if hasattr(self, "assigned"):
            assert self.assigned <= self.granted

    @invariant()
    def the_worker_is_never_given_more_than_its_slots(self) -> None:
        if hasattr(self, "worker"):
            under_way = sum(isinstance(message, Assign) for message in self.to_worker)
            assert under_way <= SLOTS
            assert self.operator.credit <= SLOTS

    @staticmethod
    def some(data: st.DataObject, choices: list[Any]) -> list[Any]:
        return [data.draw(st.sampled_from(choices))] if choices else []


TestPair = Pair.TestCase
TestPair.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
