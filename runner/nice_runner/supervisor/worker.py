"""The worker: a conversation with the operator about the attempts in its slots."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from nice_protocol.messages import (
    NOT_ELIGIBLE,
    Assign,
    Cancel,
    Credit,
    Drain,
    Draining,
    Error,
    Finished,
    FromOperator,
    FromWorker,
    Heartbeat,
    HeartbeatAck,
    Hello,
    LogAck,
    Refused,
    Release,
    RunRef,
    Started,
    Welcome,
)
from nice_protocol.version import SUPPORTED
from nice_runner.host import measure_host
from nice_runner.process.zygote import Isolation
from nice_runner.supervisor.attempt import Attempt, Phase, Tools
from nice_runner.supervisor.trust import Trust

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """Who this worker is. ``session`` is new with every life of it."""

    name: str
    pool: str
    slots: int
    labels: dict[str, str] = field(default_factory=dict)
    session: str = field(default_factory=lambda: str(uuid4()))


class Worker:
    """Implements ``link.Conversation``. Everything happens on one event loop, so nothing here waits.

    ``show`` is told whether runs can be given to this worker. While it has no zygote it takes none: it hands
    back what it is given, and owes the credit for it.
    """

    def __init__(self, identity: Identity, tools: Tools, show: Callable[..., None]) -> None:
        self.wake = asyncio.Event()
        self.changed = asyncio.Event()
        self.zygote_came = asyncio.Event()
        self.draining = False
        self.fenced = False
        self.connected = False
        self.heartbeat_seconds = 1.0
        self._identity = identity
        self._tools = tools
        self._show = show
        self._zygote_present = False
        self._isolation = Isolation()
        self._owed_credit = 0
        self._clock = asyncio.get_running_loop().time
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self._first: deque[FromWorker] = deque()
        self._talkers: dict[Attempt, None] = {}
        self._trust = Trust()
        self._hello_sent = 0.0
        self._seq = 0

    @property
    def attempts(self) -> list[Attempt]:
        """All that are not done with."""
        return list(self._attempts.values())

    @property
    def executing(self) -> int:
        """How many slots are in use."""
        return sum(attempt.executing for attempt in self._attempts.values())

    # ------------------------------------------------------------ link.Conversation

    def opened(self) -> Hello:
        self._hello_sent = self._clock()
        identity = self._identity
        return Hello(
            versions=list(SUPPORTED),
            session=identity.session,
            worker=identity.name,
            pool=identity.pool,
            slots=identity.slots,
            host=measure_host(),
            labels=identity.labels,
            resume=[attempt.resumed for attempt in self._attempts.values() if not attempt.discarded],
            facts=_facts(self._isolation),
        )

    def next_message(self) -> FromWorker | None:
        if not self.connected:
            return None
        if self._first:
            return self._first.popleft()
        while self._talkers:
            attempt = next(iter(self._talkers))
            del self._talkers[attempt]
            message = attempt.next_message()
            if message is not None:
                self._talkers[attempt] = None  # behind the others, so that no run's log holds up another's
                return message
        return None

    def closed(self) -> None:
        self.connected = False
        self._first.clear()
        self._availability_changed()

    def received(self, message: FromOperator) -> None:
        match message:
            case Welcome():
                self._welcomed(message)
            case Assign():
                self._assigned(message)
            case HeartbeatAck():
                self._acknowledged(message)
            case Drain():
                self.drain()
            case Error():
                self._refused_by_operator(message)
            case _:
                self._about_a_run(message)
        self._tidy()

    # ------------------------------------------------------------ what the worker says by itself

    def drain(self) -> None:
        """Take no more work."""
        if not self.draining:
            self.draining = True
            logger.info("draining: %d runs left", self.executing)
            self._post(Draining())
            self._availability_changed()

    def zygote_changed(self, present: bool, isolation: Isolation) -> None:
        """There is a zygote to fork runs, or none any more."""
        self._zygote_present, self._isolation = present, isolation
        if present:
            self.zygote_came.set()
            owed, self._owed_credit = self._owed_credit, 0
            self._give_credit(owed)
        self._availability_changed()

    def beat(self) -> None:
        """Tell the operator which runs we hold."""
        if self.connected:
            self._seq += 1
            self._trust.sent(self._seq, self._clock())
            held = [attempt for attempt in self.attempts if not (attempt.discarded or attempt.reported)]
            self._post(Heartbeat(self._seq, [attempt.reference for attempt in held]))

    def watch_lease(self) -> None:
        """Stop what must not run without a lease."""
        now = self._clock()
        for attempt in self.attempts:
            if attempt.assign.stop_on_lost_lease and self._trust.over(attempt.assign.grace, now):
                attempt.lose()

    def give_up_starts(self) -> None:
        """Let go of runs whose start nobody will answer: none of their code ran, others may start them."""
        for attempt in self.attempts:
            if attempt.phase is Phase.STARTING:
                attempt.discard()

    def show_unfinished_lines(self) -> None:
        """Send lines without an end as far as they came. To be called about once a second."""
        for attempt in self.attempts:
            attempt.show_unfinished_lines()

    def talk(self, attempt: Attempt) -> None:
        """An attempt has something to say (``Tools.changed``)."""
        self._talkers[attempt] = None
        self.wake.set()

    def declined(self, attempt: Attempt, why: str) -> None:
        """This worker is not one for an attempt's task (``Tools.declined``). Should the connection be gone,
        the operator finds at the next one that we do not hold it."""
        logger.info("run %s of task %s is not for us: %s", attempt.assign.run, attempt.assign.task, why)
        if self.connected:
            self._post(Release(*attempt.key, NOT_ELIGIBLE, why))

    def freed(self, attempt: Attempt) -> None:
        """An attempt's slot is empty (``Tools.freed``)."""
        self._give_credit(1)
        self._tidy()

    # ------------------------------------------------------------ messages

    def _welcomed(self, welcome: Welcome) -> None:
        self.connected = True
        self.heartbeat_seconds = welcome.heartbeat
        self._trust.welcomed(welcome.lease, self._hello_sent)
        self._discard(welcome.discard)
        self._owed_credit = 0
        if self.draining:
            self._post(Draining())
        self._give_credit(self._identity.slots - self.executing)
        for attempt in self.attempts:
            attempt.reconnect()
            self.talk(attempt)
        self._availability_changed()

    def _assigned(self, assign: Assign) -> None:
        if self.draining or not self._zygote_present:
            self._post(Release(assign.run, assign.epoch))
            self._give_credit(1)
            return
        attempt = Attempt(assign, self._tools)
        self._attempts[attempt.key] = attempt
        self.talk(attempt)
        attempt.begin()

    def _acknowledged(self, ack: HeartbeatAck) -> None:
        self._trust.acknowledged(ack.seq)
        self._discard(ack.lost)
        for ref in ack.cancel:
            if attempt := self._attempts.get((ref.run, ref.epoch)):
                attempt.cancel()

    def _discard(self, refs: list[RunRef]) -> None:
        for ref in refs:
            if attempt := self._attempts.get((ref.run, ref.epoch)):
                logger.warning("run %s epoch %d is not ours any more; stopping it", ref.run, ref.epoch)
                attempt.discard()

    def _about_a_run(self, message: Started | Refused | LogAck | Finished | Cancel) -> None:
        attempt = self._attempts.get((message.run, message.epoch))
        if attempt is None:
            return
        match message:
            case Started():
                attempt.started()
            case Refused():
                attempt.discard()
            case LogAck():
                attempt.log.spool.acknowledge(message.last)
            case Finished():
                attempt.settled(message.outcome, message.verdict)
            case Cancel():
                attempt.cancel()

    def _refused_by_operator(self, error: Error) -> None:
        logger.error(
            "the operator refused %s: %s (%s)", error.about or "a message", error.message, error.code
        )
        if error.code == "fenced":
            self.fenced = True
            self.changed.set()

    def _give_credit(self, count: int) -> None:
        if count <= 0 or self.draining or not self.connected:
            return
        if self._zygote_present:
            self._post(Credit(count))
        else:
            self._owed_credit += count

    def _availability_changed(self) -> None:
        self._show(available=self.connected and self._zygote_present and not self.draining)
        self.changed.set()

    def _post(self, message: FromWorker) -> None:
        self._first.append(message)
        self.wake.set()

    def _tidy(self) -> None:
        for attempt in [attempt for attempt in self._attempts.values() if attempt.done]:
            del self._attempts[attempt.key]
            self._talkers.pop(attempt, None)
        self.changed.set()


def _facts(isolation: Isolation) -> dict[str, str]:
    """What the operator shows of this worker beside its labels."""
    facts = {"landlock": str(isolation.landlock)}
    return {**facts, "landlock_trouble": isolation.trouble[:1000]} if isolation.trouble else facts
