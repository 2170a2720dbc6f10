"""Both kinds of workers as one, for whoever lists, stops or drains without caring who holds what."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nice_operator.domain.ids import RunId, TaskId
from nice_operator.domain.task import EXTERNAL_QUEUE, EXTERNAL_WORKERS
from nice_operator.engine.external.hub import ExternalHub
from nice_operator.engine.external.worker import ExternalWorker
from nice_operator.engine.workers import WorkerHub, WorkerInfo, WorkerRun


class Workforce:
    """The workers of pools and the workers outside."""

    def __init__(self, pools: WorkerHub, external: ExternalHub) -> None:
        self._pools = pools
        self._external = external

    def list(self) -> Sequence[WorkerInfo]:
        """Everybody who is connected, by name."""
        infos = [*self._pools.list(), *map(_info, self._external.workers)]
        return sorted(infos, key=lambda info: info.worker)

    @property
    def busy(self) -> bool:
        """Whether anybody holds a run."""
        return self._pools.busy or self._external.busy

    def cancel(self, run_id: RunId) -> None:
        """Stop a run, whoever holds it."""
        self._pools.cancel(run_id)
        self._external.cancel(run_id)

    async def recheck(self, tasks: Collection[TaskId]) -> None:
        """Stop at once what the store asked to stop of these tasks."""
        await self._pools.recheck(tasks)
        await self._external.recheck(tasks)


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
