"""The pools that this replica knows, and whose tasks each takes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence

from nice_operator.domain.pool import DEFAULT_POOL, Pool, pool_of, queues_of
from nice_operator.domain.task import POOL_QUEUE

_log = logging.getLogger(__name__)

Listener = Callable[[], None]

NAMED = 10
"""Pools that a reason names at most."""


class PoolRegistry:
    """Pools by namespace and name. All calls belong to the event loop's thread.

    Until the first ``replace`` nothing is known, and so nothing is refused: whoever asked then asks again
    when ``on_change`` calls.
    """

    def __init__(self, release_namespace: str) -> None:
        self._release_namespace = release_namespace
        self._pools: dict[tuple[str, str], Pool] = {}
        self._known = False
        self._listeners: list[Listener] = []

    # ------------------------------------------------------------ what a source says

    def put(self, pool: Pool) -> None:
        """Take a pool as it is now; saying it again changes nothing."""
        key = (pool.namespace, pool.name)
        if self._pools.get(key) != pool:
            self._pools[key] = pool
            self._tell()

    def delete(self, namespace: str, name: str) -> None:
        """Forget a pool; one that is not known is forgotten already."""
        if self._pools.pop((namespace, name), None) is not None:
            self._tell()

    def replace(self, pools: Collection[Pool]) -> None:
        """Take what a whole listing found: these are all that there are."""
        found = {(pool.namespace, pool.name): pool for pool in pools}
        if not self._known or found != self._pools:
            self._pools, self._known = found, True
            self._tell()

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """``listener`` is called after each change, in the event loop's thread, until the function that this
        returns is called. What may have changed is the answer of ``admits`` for any task."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _tell(self) -> None:
        for listener in list(self._listeners):
            try:
                listener()
            except Exception:
                _log.exception("somebody who was told that pools changed failed")

    # ------------------------------------------------------------ what others ask

    @property
    def known(self) -> bool:
        """Whether a whole listing was seen."""
        return self._known

    def list(self) -> Sequence[Pool]:
        """By namespace and name."""
        return [self._pools[key] for key in sorted(self._pools)]

    def get(self, full_name: str) -> Pool | None:
        """By ``namespace/name``."""
        namespace, _, name = full_name.partition("/")
        return self._pools.get((namespace, name))

    def queues_of(self, pool: str) -> tuple[str, ...]:
        """The queues that workers of ``pool`` (its full name) serve."""
        return queues_of(pool, self._release_namespace)

    def serving(self, queue: str) -> Pool | None:
        """The pool whose workers serve a queue."""
        return self.get(pool_of(queue, self._release_namespace)) if queue.startswith(POOL_QUEUE) else None

    def admits(self, namespace: str, queue: str) -> str | None:
        """None when tasks of ``namespace`` may wait in ``queue``; else why not, and what would help. External
        tasks need no pool."""
        if not queue.startswith(POOL_QUEUE) or not self._known:
            return None
        pool = self.serving(queue)
        if pool is None:
            return self._unknown(namespace, pool_of(queue, self._release_namespace))
        return None if pool.admits(namespace) else _not_admitted(pool, namespace)

    def trouble(self, namespace: str, queue: str) -> str:
        """Why tasks of ``namespace`` wait in ``queue`` for nobody; "" when somebody may come."""
        pool = self.serving(queue)
        stalled = f"worker pool {pool.full_name} is stalled: {pool.stalled}" if pool and pool.stalled else ""
        return self.admits(namespace, queue) or stalled

    def _unknown(self, namespace: str, full_name: str) -> str:
        where, _, name = full_name.partition("/")
        what = f"there is no worker pool {full_name}"
        if full_name == f"{self._release_namespace}/{DEFAULT_POOL}":
            what += ", the default of tasks that name none"
        open_to_it = [pool.full_name for pool in self.list() if pool.admits(namespace)]
        known = ", ".join(open_to_it[:NAMED]) + (", …" if len(open_to_it) > NAMED else "")
        remedy = f"set workerPool to one that takes tasks of {namespace} ({known})" if known else ""
        make = f"make a NiceWorkerPool {name} in namespace {where}"
        return f"{what}; {f'{remedy}, or ' if remedy else f'no other takes tasks of {namespace}; '}{make}"


def _not_admitted(pool: Pool, namespace: str) -> str:
    allowed = sorted(pool.allowed_namespaces or {pool.namespace})
    return (
        f"worker pool {pool.full_name} does not take tasks of namespace {namespace}, only those of "
        f"{', '.join(allowed[:NAMED])}{', …' if len(allowed) > NAMED else ''}; "
        f"add {namespace} to its spec.allowedNamespaces, or set another workerPool"
    )
