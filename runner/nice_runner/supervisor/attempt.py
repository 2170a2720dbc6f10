"""One attempt from its assignment until the operator has settled its report and stored its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol
from uuid import uuid4

from nice_protocol.messages import Assign, Finish, FromWorker, Log, LogEnd, ResumedRun, RunRef, Start
from nice_runner.host import measure_host
from nice_runner.logs.attempt import AttemptLog
from nice_runner.masking.mask import Mask
from nice_runner.process.run import RunListener
from nice_runner.supervisor.trust import LONGEST_GRACE
from nice_runner.verdict import Cause, Ending, Verdict, judge, signal_name

LOG_MESSAGE_SIZE = 256 * 1024
"""Characters of log text that one message carries, about."""

MAX_FORKS = 3
"""How often a runner is forked that dies before user code ran (its zygote was killed)."""

AT_ONCE = 0.0


class Phase(Enum):
    """Where an attempt stands. STARTING: the operator was asked for the start."""

    STARTING = "assigned"
    RUNNING = "running"
    FINISHED = "finished"


class Runner(Protocol):
    """What executes an attempt: ``process.run.RunProcess``."""

    def go(self, timeout: float, grace: float, memory: int | None = None) -> None: ...

    def stop(self, cause: Cause, grace: float | None = None) -> None: ...


@dataclass(frozen=True)
class Tools:
    """What an attempt works with. ``may_run`` asks whether this worker is one for the task, and replies with
    None or why not. ``changed`` is called whenever the attempt may have something to say, ``declined`` when
    it is to be handed back, ``freed`` once, when its slot is empty."""

    may_run: Callable[[Assign, Callable[[str | None], None]], None]
    fork: Callable[[Assign, RunListener], Runner]
    open_log: Callable[[Assign, Callable[[], None]], AttemptLog]
    changed: Callable[[Attempt], None]
    declined: Callable[[Attempt, str], None]
    freed: Callable[[Attempt], None]


class Attempt:
    """Forks its runner at once and asks for the start meanwhile; user code runs when both are there. A task
    that wants to be asked first is (``should_host_run``), and is handed back unless it says yes."""

    def __init__(self, assign: Assign, tools: Tools) -> None:
        self.assign = assign
        self.phase = Phase.STARTING
        self.log = tools.open_log(assign, lambda: tools.changed(self))
        self.discarded = False
        self._tools = tools
        self._finish: Finish | None = None
        self._finish_sent = False
        self._start_sent = False
        self._settled = False
        self._cause: Cause | None = None
        self._forks = 0
        self._asking = True
        self._process: Runner | None = None

    def begin(self) -> None:
        """To be called once."""
        self._tools.may_run(self.assign, self._answered)

    @property
    def key(self) -> tuple[str, int]:
        """What tells attempts apart."""
        return self.assign.run, self.assign.epoch

    @property
    def reference(self) -> RunRef:
        return RunRef(self.assign.run, self.assign.epoch)

    @property
    def resumed(self) -> ResumedRun:
        return ResumedRun(self.assign.run, self.assign.epoch, self.phase.value)

    @property
    def executing(self) -> bool:
        """Whether its processes may still live, or are about to."""
        return self._asking or self._process is not None

    @property
    def reported(self) -> bool:
        """Whether its end was told on this connection."""
        return self._finish_sent

    @property
    def done(self) -> bool:
        """Whether nothing is left to do for it."""
        if self.executing:
            return False
        return self.discarded or (self._settled and self.log.spool.empty)

    # ------------------------------------------------------------ what the operator says

    def started(self) -> None:
        """The start is committed."""
        if self.phase is not Phase.STARTING:
            return
        self.phase = Phase.RUNNING
        if self._process is None:
            self._report(Ending())
        elif self._cause is not None:
            self._process.stop(self._cause, AT_ONCE)
        else:
            self._process.go(self.assign.timeout, self.assign.grace, self.assign.memory_limit)

    def discard(self) -> None:
        """It is not ours any more: stop it and say nothing."""
        self.discarded = True
        self.log.forget()
        self._stop(Cause.DISCARD, AT_ONCE if self.phase is Phase.STARTING else None)

    def cancel(self) -> None:
        """Somebody wants it stopped."""
        self._stop(Cause.CANCEL)

    def settled(self, outcome: str, verdict: str) -> None:
        """The operator has dealt with our report; unless it took it, it wants no more of the log either."""
        if self._finish is not None and self._finish.outcome == outcome:
            self._settled = True
            if verdict not in ("accepted", "repeated"):
                self.log.spool.forget()

    # ------------------------------------------------------------ what the worker decides

    def interrupt(self, grace: float | None = None) -> None:
        """The worker has to leave."""
        self._stop(Cause.INTERRUPT, grace)

    def lose(self) -> None:
        """The lease ran out, and two of this must never overlap."""
        self._stop(Cause.LEASE_LOST, min(self.assign.grace, LONGEST_GRACE))

    def _stop(self, cause: Cause, grace: float | None = None) -> None:
        """Before the start is settled nothing runs, and what is asked for is remembered."""
        self._cause = self._cause or cause
        if self._process is not None and (self.phase is Phase.RUNNING or self.discarded):
            self._process.stop(cause, grace)

    def show_unfinished_lines(self) -> None:
        """Lines that stay without an end are said as far as they came."""
        if self.executing and self.phase is Phase.RUNNING and not self.discarded:
            self.log.flush()
            self._tools.changed(self)

    # ------------------------------------------------------------ what it has to say

    def reconnect(self) -> None:
        """A new connection: say again what was not acknowledged."""
        self._start_sent = self._finish_sent = False
        self.log.spool.resend()

    def next_message(self) -> FromWorker | None:
        """Log lines go before the report of the end, so that whoever sees the end can read all of the log."""
        if self.discarded:
            return None
        if self.phase is Phase.STARTING:
            return None if self._start_sent or self._asking else self._ask()
        chunks = self.log.spool.next_unsent(LOG_MESSAGE_SIZE)
        if chunks:
            return Log(*self.key, chunks)
        if self._finish is None or self._finish_sent or self._settled:
            return None
        self._finish_sent = True
        return self._finish

    def _ask(self) -> Start:
        self._start_sent = True
        return Start(*self.key, measure_host())

    # ------------------------------------------------------------ what its processes do

    def _answered(self, refusal: str | None) -> None:
        self._asking = False
        if refusal is None and not self.discarded:
            self._fork()
            self._tools.changed(self)
            return
        if not self.discarded:
            self.discarded = True
            self.log.forget()
            self._tools.declined(self, refusal or "")
        self._tools.freed(self)

    def ready(self) -> None:
        """Its runner waits at the gate; ``go`` may have been sent to its keeper before."""

    def wrote(self, stream: str, data: bytes) -> None:
        if not self.discarded:
            self.log.write(stream, data)
            self._tools.changed(self)

    def stopping(self, cause: Cause, grace: float) -> None:
        self._say(f"stopping ({_WORDS[cause]}): SIGTERM sent, SIGKILL follows after {grace:g} s")

    def ended(self, ending: Ending) -> None:
        self._process = None
        if self.phase is Phase.STARTING and not self.discarded:
            self._fork()
        elif not self.discarded:
            self._conclude(ending)
        if self._process is None:
            self._tools.freed(self)

    def _fork(self) -> None:
        if self._forks < MAX_FORKS:
            self._forks += 1
            self._process = self._tools.fork(self.assign, self)

    def _conclude(self, ending: Ending) -> None:
        if ending.survivors and ending.cause is None:
            self._say(f"{ending.survivors} processes that the run left behind were killed")
        self.log.finish(lambda: self._report(ending))

    def _report(self, ending: Ending) -> None:
        self.phase = Phase.FINISHED
        verdict = _masked(_verdict(self.assign, ending), self.log.mask)
        self._finish = _finish(self.assign, verdict, ending, self.log.end())
        self._tools.changed(self)

    def _say(self, text: str) -> None:
        if not self.discarded and self.phase is Phase.RUNNING:
            self.log.say(text)
            self._tools.changed(self)


_WORDS = {
    Cause.DEADLINE: "its time is up",
    Cause.CANCEL: "cancelled",
    Cause.INTERRUPT: "its worker has to leave",
    Cause.LEASE_LOST: "its lease was lost",
    Cause.DISCARD: "it belongs to another worker now",
    Cause.ABANDONED: "its worker is gone",
    Cause.MEMORY: "it uses more memory than its memoryLimit",
}


def _verdict(assign: Assign, ending: Ending) -> Verdict:
    program = "command" in assign.execution
    return judge(ending, program=program, timeout=assign.timeout, memory_limit=assign.memory_limit)


def _masked(verdict: Verdict, mask: Mask) -> Verdict:
    """Without secrets in what user code has a word in."""
    result = None if verdict.result is None else mask.result(verdict.result)
    message, kind = (mask.text(text) if text else "" for text in (verdict.message, verdict.error_type))
    return replace(verdict, message=message, error_type=kind, result=result)


def _finish(assign: Assign, verdict: Verdict, ending: Ending, log: LogEnd) -> Finish:
    return Finish(
        run=assign.run,
        epoch=assign.epoch,
        outcome=str(uuid4()),
        state=verdict.state,
        reason=verdict.reason,
        message=verdict.message,
        result=verdict.result,
        exit_code=ending.code,
        signal=signal_name(ending.signal) if ending.signal is not None else None,
        stopped_by=ending.stopped_by,
        interrupted=verdict.interrupted,
        error_type=verdict.error_type,
        cpu_seconds=ending.cpu_seconds,
        peak_memory=ending.peak_memory,
        log=log,
    )
