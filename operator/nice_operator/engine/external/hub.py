"""The workers outside that are connected to this server, and those that just were."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import uuid4

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import RunId, SessionId, TaskId
from nice_operator.domain.run import Outcome
from nice_operator.domain.task import EXTERNAL_WORKERS
from nice_operator.engine import topics
from nice_operator.engine.external import ends
from nice_operator.engine.external.nonces import SECRET, Nonces
from nice_operator.engine.external.worker import ExternalWorker, Job, JobChannel
from nice_operator.engine.holdings import Holding
from nice_operator.engine.reports import Reports
from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import Claimed, Clock, HeldRun, OpenSession, Store, Wakeups

_log = logging.getLogger(__name__)

T = TypeVar("T")

GOING_AWAY = 1001
LONGEST_PAUSE = 2.0


@dataclass(slots=True)
class Parted:
    """A session whose connection ended at ``since`` (monotonic seconds), with what it still holds.
    ``outcome`` is how its runs end when no result comes."""

    worker: str
    holdings: list[Holding]
    since: float
    outcome: Callable[[], Outcome]


class ExternalHub:
    """Connections by session; who can do which name; what everybody holds. ``elsewhere`` tells the names that
    workers of other replicas can do in a namespace."""

    def __init__(
        self, store: Store, reports: Reports, wakeups: Wakeups, clock: Clock, settings: EngineSettings
    ) -> None:
        self._store = store
        self._reports = reports
        self._wakeups = wakeups
        self._clock = clock
        self._settings = settings
        self._workers: dict[SessionId, ExternalWorker] = {}
        self._names: dict[tuple[str, str], set[SessionId]] = {}
        self._nonces: Nonces | None = None
        self._closed = False
        self.parted: dict[SessionId, Parted] = {}
        self.elsewhere: Callable[[str], Sequence[str]] = lambda namespace: ()

    # ------------------------------------------------------------ connections

    async def connect(self, identity: str, namespace: str, peer: str, channel: JobChannel) -> ExternalWorker:
        """Take a worker in. ``peer`` is where it connects from, for people. Raises Unavailable."""
        session = SessionId(uuid4())
        name = f"{EXTERNAL_WORKERS}-{peer}-{session.hex[:8]}"
        opened = OpenSession(session, name, EXTERNAL_WORKERS, {}, 0)
        await self._store.open_session(opened)
        await self._key()
        worker = ExternalWorker(opened, identity, namespace, channel, await self._store.now())
        self._workers[session] = worker
        self._wakeups.publish(topics.WORKERS)
        return worker

    async def _key(self) -> Nonces:
        if self._nonces is None:
            self._nonces = Nonces(await self._store.secret(SECRET))
        return self._nonces

    def register(self, worker: ExternalWorker, name: str) -> bool:
        """It can do ``name`` from now on. Whether there was room for it."""
        if not worker.open or not worker.register(name):
            return False
        self._names.setdefault((worker.namespace, name), set()).add(worker.session.id)
        self._wakeups.publish(topics.QUEUE, topics.WORKERS)
        return True

    def ask(self, worker: ExternalWorker) -> None:
        """It wants one job more."""
        worker.ask()
        if worker.hungry:
            self._wakeups.publish(topics.ASKED)

    def disconnect(self, worker: ExternalWorker) -> None:
        """Its socket is gone: it gets nothing more, its names go, and what it holds waits for a result on
        another connection."""
        worker.open = False
        session = worker.session
        if self._workers.pop(session.id, None) is None:
            return
        for key in [key for key, sessions in self._names.items() if session.id in sessions]:
            self._names[key].discard(session.id)
            if not self._names[key]:
                del self._names[key]
        wait = self._settings.reconnect_wait
        why = ends.interrupted if self._closed else lambda: ends.left(session.worker, wait)
        self.part(session.id, session.worker, list(worker.holdings), why)
        self._wakeups.publish(topics.WORKERS, topics.HOLDINGS)

    def part(
        self, session: SessionId, worker: str, holdings: list[Holding], why: Callable[[], Outcome]
    ) -> None:
        """From now on this session's runs wait for their results without a connection."""
        self.parted[session] = Parted(worker, holdings, self._clock.monotonic(), why)

    async def recall(self) -> None:
        """What workers of an earlier life of this server hold: their connections ended with it. Where several
        servers share the database only the lease can tell."""
        if not self._settings.only_server:
            return
        for session in await self._store.external_sessions():
            held = await self._store.held(session)
            holdings = [
                Holding(c, HeldRun(c.run.id, c.run.epoch, session), c.run.cancel_requested_at is not None)
                for c in held
            ]
            self.part(session, held[0].run.worker or "" if held else "", holdings, ends.interrupted)

    # ------------------------------------------------------------ jobs

    async def deliver(self, claimed: Claimed) -> None:
        """Give a run that the store has started to the worker that it was taken for."""
        session = claimed.run.session
        worker = None if session is None else self._workers.get(session)
        if worker is None or not worker.open:
            await self._never_sent(claimed)
            return
        holding = worker.hold(claimed)
        nonces = await self._key()
        worker.give(_job(claimed, nonces.make(holding.held, worker.identity)))

    async def _never_sent(self, claimed: Claimed) -> None:
        """The worker left while the store was asked."""
        run = claimed.run
        assert run.session is not None  # noqa: S101  it was taken for a session just now
        held = HeldRun(run.id, run.epoch, run.session)
        holding = Holding(claimed, held, cancel_requested=False)
        await self._lasting(lambda: self._reports.finish(held, holding, ends.interrupted()))

    async def result(self, identity: str, nonce: str, result: str | None) -> None:
        """A worker's result, on whatever connection. When this returns it is recorded; or it is none of ours,
        a repetition, or too late, which is kept as evidence. The worker hears the same in every case."""
        held = (await self._lasting(self._key)).read(nonce, identity)
        if held is None:
            _log.info("a result with a nonce that stands for no job of this worker's was not taken")
            return
        outcome = ends.reported(held, result)
        holding = self._holding(held)
        if holding is None or not await self.end(holding, outcome):
            await self._lasting(lambda: self._reports.finish(held, None, outcome))

    async def end(self, holding: Holding, outcome: Outcome) -> bool:
        """Record how an attempt ended. The first to tell decides: False when somebody has told already."""
        async with holding.turn:
            if self._holding(holding.held) is not holding:
                return False
            await self._lasting(lambda: self._reports.finish(holding.held, holding, outcome))
            self._forget(holding.held)
        self._wakeups.publish(topics.WORKERS)
        return True

    async def _lasting(self, report: Callable[[], Awaitable[T]]) -> T:
        """Repeat until the database takes it: a result that came is not given up."""
        pause = 0.05
        while True:
            try:
                return await report()
            except Unavailable as error:
                if self._closed:
                    raise
                _log.warning("the report of a worker has to wait: %s", error)
            await self._clock.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _holding(self, held: HeldRun) -> Holding | None:
        worker = self._workers.get(held.session)
        if worker is not None:
            return worker.holdings.get(held)
        parted = self.parted.get(held.session)
        holdings = parted.holdings if parted else ()
        return next((holding for holding in holdings if holding.held == held), None)

    def lose(self, runs: Sequence[HeldRun]) -> None:
        """These are no longer theirs, says the store."""
        for held in runs:
            self._forget(held)

    def _forget(self, held: HeldRun) -> None:
        worker = self._workers.get(held.session)
        if worker is not None:
            worker.holdings.drop([held])
        parted = self.parted.get(held.session)
        if parted is not None:
            parted.holdings = [holding for holding in parted.holdings if holding.held != held]

    # ------------------------------------------------------------ looking

    def hungry(self) -> Sequence[ExternalWorker]:
        """Who can be given a job now."""
        return [worker for worker in self._workers.values() if worker.hungry]

    def serves(self, namespace: str, name: str) -> bool:
        """Whether a connected worker can do it, here or elsewhere."""
        return (namespace, name) in self._names or name in self.elsewhere(namespace)

    def names(self, namespace: str) -> Sequence[str]:
        """What connected workers can do, in the order in which it was first registered; then what only those
        of other replicas can do."""
        here = [name for space, name in self._names if space == namespace]
        return [*here, *(name for name in self.elsewhere(namespace) if (namespace, name) not in self._names)]

    @property
    def workers(self) -> Sequence[ExternalWorker]:
        """Everybody who is connected, in the order they came."""
        return tuple(self._workers.values())

    @property
    def sessions(self) -> frozenset[SessionId]:
        """The sessions that this hub answers for: no lease needs to be judged for them."""
        return frozenset(self._workers) | frozenset(self.parted)

    def holdings(self) -> Iterator[Holding]:
        """What is held, by those who are connected and those who just left."""
        for worker in self.workers:
            yield from worker.holdings
        for parted in tuple(self.parted.values()):
            yield from tuple(parted.holdings)

    @property
    def busy(self) -> bool:
        """Whether anything is held."""
        return any(True for _ in self.holdings())

    # ------------------------------------------------------------ stopping

    def cancel(self, run_id: RunId) -> None:
        """End a run that somebody asked to stop."""
        for holding in self.holdings():
            if holding.held.id == run_id:
                holding.cancel_requested = True
                self._wakeups.publish(topics.HOLDINGS)

    async def recheck(self, tasks: Collection[TaskId]) -> None:
        """End what the store asked to stop of these tasks."""
        for holding in tuple(self.holdings()):
            if holding.claimed.run.task_id in tasks and not holding.cancel_requested:
                run = await self._store.get_run(holding.held.id)
                if run is not None and run.cancel_requested_at is not None:
                    self.cancel(run.id)

    async def interrupt(self) -> None:
        """Hand back what is held, so that it runs again: uncounted, unless it must run at most once."""
        for holding in tuple(self.holdings()):
            await self.end(holding, ends.interrupted())

    async def close(self) -> None:
        """End every connection. What they hold stays theirs: workers report it to the next server."""
        self._closed = True
        for worker in self.workers:
            worker.end(GOING_AWAY, "the server is going away")


def _job(claimed: Claimed, nonce: str) -> Job:
    run, spec = claimed.run, claimed.spec
    named = run.payload_given or run.payload != "null"
    scheduled = (str(run.id), run.scheduled_for) if run.scheduled_by_request else None
    return Job(spec.task_name, run.payload if named else None, nonce, scheduled)
