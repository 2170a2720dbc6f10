"""What the leader does about Kubernetes: watch, record, sweep."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nice_operator.handlers.needs import PoolEvents, Pools, Tasks
from nice_operator.handlers.queue import KeyedQueue
from nice_operator.handlers.reconciler import Reconciler
from nice_operator.handlers.seen import Sight, sight_of
from nice_operator.handlers.sweep import EVERY, SETTLE, Sweep
from nice_operator.handlers.watch import Hear, Watch, WatchSettings
from nice_operator.ports import TaskObjects, TaskStatuses, Term

WORKERS = 2
"""One reads definitions while another waits for the database."""
POOLS_SETTLE = 0.5
"""Seconds in which changes of pools are gathered before tasks are looked at again."""
FIRST_LISTING_WITHIN = 20.0
"""Seconds of a term after which nothing waits for what was listed to be recorded: the rest of the listing is
read, however much waits then, and watch and statuses begin."""
TASKS, POOLS = "nicetasks", "niceworkerpools"


@dataclass(frozen=True, slots=True)
class WatchHealth:
    """``leading``: whether this replica watches at all. ``silent_for``: seconds since the watch last told
    something or was found right by a sweep. ``waiting`` objects are not recorded yet, ``failing`` ones were
    tried in vain."""

    leading: bool
    silent_for: float
    waiting: int
    failing: int


class KubernetesDuty:
    """A ``ports.Duty``. All that it knows is of one term: the next one begins with a full listing. ``born``:
    when the data began that it records into, where objects may be older (see ``definition_of``)."""

    name = "kubernetes"

    def __init__(
        self,
        watch: WatchSettings,
        tasks: Tasks,
        objects: TaskObjects,
        statuses: TaskStatuses,
        *,
        pools: Pools | None = None,
        pool_events: PoolEvents | None = None,
        born: datetime | None = None,
        sweep_every: float = EVERY,
        sweep_settle: float = SETTLE,
        first_listing_within: float = FIRST_LISTING_WITHIN,
    ) -> None:
        self._watch = watch
        self._tasks = tasks
        self._objects = objects
        self._statuses = statuses
        self._pools = pools
        self._pool_events = pool_events
        self._born = born
        self._sweep_every = sweep_every
        self._sweep_settle = sweep_settle
        self._first_listing_within = first_listing_within
        self._queue: KeyedQueue[Sight] | None = None
        self._proven = 0.0

    def health(self) -> WatchHealth:
        """How it goes."""
        if self._queue is None:
            return WatchHealth(False, 0.0, 0, 0)
        silent = asyncio.get_running_loop().time() - self._proven
        return WatchHealth(True, max(0.0, silent), len(self._queue), self._queue.failing)

    async def lead(self, term: Term) -> None:
        """Until the term ends."""
        self._statuses.begin()
        queue = self._queue = KeyedQueue[Sight](random.random)
        admits = self._pools.admits if self._pools else _everybody
        reconciler = Reconciler(queue, self._tasks, self._objects, self._statuses, admits, self._born)
        watch = Watch(self._watch, self._hears(reconciler))
        sweep = Sweep(
            self._tasks,
            self._objects,
            reconciler,
            self._watch.namespaces,
            on_unheard=watch.restart,
            on_clean=self._prove,
            every=self._sweep_every,
            settle=self._sweep_settle,
        )
        self._prove()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._see(queue, reconciler, sweep, watch))
                group.create_task(self._follow_pools(reconciler))
                for _ in range(WORKERS):
                    group.create_task(reconciler.run())
        finally:
            self._queue = None

    async def _see(
        self, queue: KeyedQueue[Sight], reconciler: Reconciler, sweep: Sweep, watch: Watch
    ) -> None:
        """All that there is first, then what changes."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._first_listing_within
        await sweep.begin(lambda document: self._hear(reconciler, None, document), until=until)
        await queue.quiet(until - loop.time())
        self._statuses.complete()
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.run())
            group.create_task(sweep.run())

    def _hear(self, reconciler: Reconciler, kind: str | None, document: Mapping[str, Any]) -> None:
        self._prove()
        reconciler.hear(sight_of(kind, document))

    def _hears(self, reconciler: Reconciler) -> Mapping[str, Hear]:
        def tasks(kind: str | None, document: dict[str, Any]) -> None:
            self._hear(reconciler, kind, document)

        events = self._pool_events
        return {TASKS: tasks} | ({POOLS: _hear_pool(events)} if events else {})

    def _prove(self) -> None:
        """The watch is right at this moment."""
        self._proven = asyncio.get_running_loop().time()

    async def _follow_pools(self, reconciler: Reconciler) -> None:
        """A pool that comes, goes or opens itself decides anew about tasks."""
        if self._pools is None:
            return
        changed = asyncio.Event()
        stop = self._pools.on_change(changed.set)
        try:
            while True:
                await changed.wait()
                await asyncio.sleep(POOLS_SETTLE)
                changed.clear()
                reconciler.pools_changed()
        finally:
            with suppress(ValueError):
                stop()


def _hear_pool(events: PoolEvents) -> Hear:
    def hear(kind: str | None, document: dict[str, Any]) -> None:
        metadata = document["metadata"]
        if kind == "DELETED":
            events.gone(metadata["namespace"], metadata["name"], metadata["uid"])
        else:
            events.shown(document)

    return hear


def _everybody(namespace: str, queue: str) -> str | None:
    """Where there are no pools, every task is admitted."""
    return None
