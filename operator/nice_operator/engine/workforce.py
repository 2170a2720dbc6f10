"""Both kinds of workers as one, and those of every replica, for whoever lists, stops or drains without caring
who holds what and where."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from nice_operator.domain.ids import RunId, SessionId, TaskId
from nice_operator.domain.task import EXTERNAL_QUEUE, EXTERNAL_WORKERS
from nice_operator.engine import topics
from nice_operator.engine.external.hub import ExternalHub
from nice_operator.engine.external.worker import ExternalWorker
from nice_operator.engine.workers import WorkerHub, WorkerInfo, WorkerRun
from nice_operator.ports import Orders, Store, Wakeups


class Workforce:
    """The workers of pools and the workers outside. ``elsewhere`` lists those of the other replicas."""

    def __init__(self, pools: WorkerHub, external: ExternalHub, store: Store, wakeups: Wakeups) -> None:
        self._pools = pools
        self._external = external
        self._store = store
        self._wakeups = wakeups
        self.elsewhere: Callable[[], Sequence[WorkerInfo]] = tuple

    # ------------------------------------------------------------ looking

    def here(self) -> Sequence[WorkerInfo]:
        """Everybody who is connected to this replica, by name."""
        infos = [*self._pools.list(), *map(_info, self._external.workers)]
        return sorted(infos, key=lambda info: info.worker)

    def list(self) -> Sequence[WorkerInfo]:
        """Everybody who is connected, to whichever replica, by name."""
        here = self.here()
        sessions = {info.session for info in here}
        others = [info for info in self.elsewhere() if info.session not in sessions]
        return sorted([*here, *others], key=lambda info: info.worker) if others else here

    @property
    def busy(self) -> bool:
        """Whether anybody here holds a run."""
        return self._pools.busy or self._external.busy

    @property
    def idle(self) -> bool:
        """Whether nobody is here who could be told anything."""
        return not (self._pools.connected or self._external.busy)

    # ------------------------------------------------------------ telling

    def cancel(self, run_id: RunId) -> None:
        """Stop a run, whoever holds it."""
        self._pools.cancel(run_id)
        self._external.cancel(run_id)
        self._wakeups.publish(topics.STOPS)

    async def recheck(self, tasks: Collection[TaskId]) -> None:
        """Stop at once what the store asked to stop of these tasks."""
        if tasks:
            await self._pools.recheck(tasks)
            await self._external.recheck(tasks)
            self._wakeups.publish(topics.STOPS)

    async def drain(self, session: SessionId) -> None:
        """Ask a pool's worker to take no more work, wherever it is connected. Raises NotFound."""
        await self._store.ask_drain(session)
        self._wakeups.publish(topics.STOPS)
        if self._pools.has(session):
            self._pools.drain(session)

    def obey(self, orders: Orders) -> None:
        """Tell those here what is new to them."""
        for holding in (*self._pools.holdings(), *self._external.holdings()):
            if not holding.cancel_requested and holding.held.id in orders.stops:
                self._pools.cancel(holding.held.id)
                self._external.cancel(holding.held.id)
        for session in orders.drains:
            if self._pools.has(session):
                self._pools.drain(session)


def _info(worker: ExternalWorker) -> WorkerInfo:
    runs = tuple(holding.claimed.run for holding in worker.holdings)
    return WorkerInfo(
        session=worker.session.id,
        worker=worker.session.worker,
        pool=EXTERNAL_WORKERS,
        labels={},
        slots=worker.wanted + len(runs),
        free=worker.wanted,
        draining=False,
        connected_at=worker.connected_at,
        runs=tuple(WorkerRun(run.id, run.namespace, run.task, run.attempt) for run in runs),
        queues=frozenset(f"{EXTERNAL_QUEUE}{worker.namespace}/{name}" for name in worker.names),
    )
