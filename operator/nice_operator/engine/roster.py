"""What the replicas know of each other's workers: each tells its own, and reads what the others told.

Pages, ``explain`` and the names that jobs may use need it. Nothing that decides does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.task import EXTERNAL_QUEUE
from nice_operator.engine import rosters, topics
from nice_operator.engine.workers import WorkerInfo
from nice_operator.ports import Clock, Replica, ReplicaStore, Wakeups

_log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two exchanges."""
SAY_SO_EVERY = 5.0
"""Seconds after which a replica whose workers did not change says that it is still there."""
HEARD_WITHIN = timedelta(seconds=20)
"""A replica that was not heard of for so long is left out, and its workers with it."""
GOODBYE_SECONDS = 2.0


class Roster:
    """A service of every replica that is not alone. ``own`` lists the workers connected here."""

    name = "roster"

    def __init__(
        self,
        store: ReplicaStore,
        own: Callable[[], Sequence[WorkerInfo]],
        wakeups: Wakeups,
        clock: Clock,
        replica: str,
    ) -> None:
        self._store = store
        self._own = own
        self._wakeups = wakeups
        self._clock = clock
        self._replica = replica
        self._life = uuid4()
        self._told = ""
        self._told_until = 0.0
        self._replicas: Sequence[Replica] = ()
        self._elsewhere: dict[UUID, tuple[datetime, Sequence[WorkerInfo]]] = {}

    @property
    def replicas(self) -> Sequence[Replica]:
        """Every replica that was heard of lately, this one too, the oldest first."""
        return self._replicas

    def elsewhere(self) -> Sequence[WorkerInfo]:
        """The workers of the other replicas."""
        return [worker for _, workers in self._elsewhere.values() for worker in workers]

    def names(self, namespace: str) -> Sequence[str]:
        """What workers outside that are connected to other replicas can do."""
        start = f"{EXTERNAL_QUEUE}{namespace}/"
        queues = {queue for worker in self.elsewhere() for queue in worker.queues}
        return sorted(queue.removeprefix(start) for queue in queues if queue.startswith(start))

    async def run(self, beat: Callable[[], None]) -> None:
        """Tell and listen; say goodbye at the end."""
        try:
            while True:
                await self._tell()
                await self._listen()
                beat()
                await self._clock.sleep(EVERY)
        finally:
            await self._leave()

    async def _tell(self) -> None:
        roster, now = rosters.written(self._own()), self._clock.monotonic()
        changed = roster != self._told
        if changed or now >= self._told_until:
            await self._store.tell_replica(self._life, self._replica, roster if changed else None)
            self._told, self._told_until = roster, now + SAY_SO_EVERY

    async def _listen(self) -> None:
        known = {one: told for one, (told, _) in self._elsewhere.items()}
        self._replicas = await self._store.replicas(HEARD_WITHIN, known)
        others = [replica for replica in self._replicas if replica.id != self._life]
        self._elsewhere = {replica.id: self._workers_of(replica) for replica in others}
        if {one: told for one, (told, _) in self._elsewhere.items()} != known:
            self._wakeups.publish(topics.WORKERS)

    def _workers_of(self, replica: Replica) -> tuple[datetime, Sequence[WorkerInfo]]:
        if replica.roster is None:
            return self._elsewhere[replica.id]
        try:
            return replica.told_at, rosters.read(replica.roster, replica.name)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            _log.warning("what replica %s says of its workers cannot be read: %r", replica.name, error)
            return replica.told_at, ()

    async def _leave(self) -> None:
        """So that nobody shows workers that are about to connect elsewhere."""
        self._told = ""
        self._elsewhere = {}
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._store.forget_replica(self._life)
