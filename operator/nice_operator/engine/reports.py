"""What a worker's word means for the store. Each report is one guarded transition and its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nice_operator.domain.ids import SessionId
from nice_operator.domain.retry import Ended, Fate, decide
from nice_operator.domain.run import Attempt, HostFacts, Outcome, Run
from nice_operator.engine import topics, wire
from nice_operator.engine.endings import Endings
from nice_operator.engine.holdings import Holding
from nice_operator.ports import (
    FinishDecision,
    FinishVerdict,
    HeartbeatReply,
    HeldRun,
    Holder,
    LogStore,
    Obituaries,
    OpenSession,
    StartVerdict,
    Store,
    Wakeups,
)
from nice_protocol.messages import Log

EXCEPTION = "Error"
"""The worker's reason for an exception of the task's code."""
UNEXPLAINED = frozenset({"KeeperLost", "WorkerLost"})
"""The worker's reasons for processes of its own that are gone."""


class Reports:
    """Applies reports and wakes whoever waits for what they changed. The caller repeats if Unavailable."""

    def __init__(
        self,
        store: Store,
        logs: LogStore,
        wakeups: Wakeups,
        random: Callable[[], float],
        endings: Endings,
        obituaries: Obituaries | None = None,
    ) -> None:
        self._store = store
        self._logs = logs
        self._wakeups = wakeups
        self._endings = endings
        self._random = random
        self._obituaries = obituaries

    async def start(self, held: HeldRun, host: HostFacts) -> StartVerdict:
        """The start barrier: committed before this returns."""
        verdict = await self._store.start(held, host)
        self._wakeups.publish(topics.run(held.id), topics.RUNS)
        return verdict

    async def explained(self, held: HeldRun, worker: OpenSession, outcome: Outcome) -> Outcome:
        """A loss that the worker saw without knowing why (its runner's container died), with what somebody
        beside it knows of the time since the attempt started."""
        if self._obituaries is None or outcome.reason not in UNEXPLAINED:
            return outcome
        since = (attempt.started_at for attempt in await self._own(held))
        holder = Holder(worker.id, worker.worker, worker.pool, next(since, None))
        told = await self._obituaries.of([holder])
        why = told.get(worker.id)
        return replace(outcome, message=f"{outcome.message}: {why}") if why else outcome

    async def finish(self, held: HeldRun, holding: Holding | None, outcome: Outcome) -> FinishVerdict:
        """Record an attempt's end. A report of a run that is not held is settled by the store all the same:
        it is a repetition, or stale evidence."""
        fate = self._fate(holding, outcome)  # its rules look at the message as it was raised
        told = _with_type(fate.outcome)
        decision = FinishDecision(held, told, fate.state, fate.retry_after, fate.counted)
        verdict = await self._store.finish(decision)
        if verdict is FinishVerdict.ACCEPTED and fate.state.final:
            self._endings.tell(held.id, fate.state, told)
        frees = holding is None or not fate.state.final or holding.claimed.spec.concurrency.bounded
        self._changed(held, final=fate.state.final, frees=frees)
        return verdict

    def _fate(self, holding: Holding | None, outcome: Outcome) -> Fate:
        if holding is None:
            return Fate(outcome, outcome.state)
        run, spec = holding.claimed.run, holding.claimed.spec
        return decide(_ended(run, outcome, holding.cancel_requested), spec.retry, spec.on_lost, self._random)

    async def release(self, held: HeldRun) -> None:
        """Back to the queue: it never started."""
        await self._store.release(held)
        self._changed(held, final=False, frees=True)

    async def heartbeat(self, session: SessionId, runs: Sequence[HeldRun]) -> HeartbeatReply:
        """Renew the leases of these runs."""
        return await self._store.heartbeat(session, runs)

    async def log(self, held: HeldRun, holding: Holding | None, log: Log) -> int:
        """Store log lines; returns the last line's number. Lines of an unknown attempt are dropped."""
        attempt = holding.claimed.run.attempt if holding else await self._attempt_of(held)
        chunks = [wire.chunk(lines) for lines in log.chunks]
        if attempt is not None and chunks:
            await self._logs.append(held.id, attempt, chunks)
            self._wakeups.publish(topics.run(held.id))
        return max((chunk.last for chunk in chunks), default=0)

    async def _attempt_of(self, held: HeldRun) -> int | None:
        return next((attempt.number for attempt in await self._own(held)), None)

    async def _own(self, held: HeldRun) -> Sequence[Attempt]:
        attempts = await self._store.attempts(held.id)
        return [each for each in attempts if (each.epoch, each.session) == (held.epoch, held.session)]

    def _changed(self, held: HeldRun, *, final: bool, frees: bool) -> None:
        """``frees``: something may be claimable now, this run again or one that waited behind it."""
        if final:
            self._wakeups.publish(topics.end(held.id))
        if frees:
            self._wakeups.publish(topics.QUEUE)
        self._wakeups.publish(topics.run(held.id), topics.RUNS, topics.TASKS)


def _with_type(outcome: Outcome) -> Outcome:
    """``ValueError: no luck``: a list shows the message, and there the exception's type says most."""
    if outcome.reason != EXCEPTION or outcome.error_type in ("", "SystemExit"):
        return outcome
    text = f"{outcome.error_type}: {outcome.message}" if outcome.message else outcome.error_type
    return replace(outcome, message=text)


def _ended(run: Run, outcome: Outcome, cancel_requested: bool) -> Ended:
    return Ended(outcome, run.attempt, run.max_attempts, run.lost_count, cancel_requested)
