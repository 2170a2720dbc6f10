"""A pool of workers: what a NiceWorkerPool declares, turned into plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from nice_operator.domain.run import JsonObject
from nice_operator.domain.task import POOL_QUEUE, UnhandledErrors

DEFAULT_POOL = "default"
"""The name of the pool of tasks that name none, in the namespace of the release."""
DEFAULT_QUEUE = f"{POOL_QUEUE}{DEFAULT_POOL}"
"""Where runs wait whose task names no pool."""
EVERY_NAMESPACE = "*"


@dataclass(frozen=True, slots=True)
class Pool:
    """A valid pool. ``min`` and ``max`` bound its number of workers, ``idle`` is how long a worker above
    ``min`` has nothing to do before it goes, ``slots`` how many runs one executes at a time.

    ``allowed_namespaces`` None means its own namespace alone. ``template`` is the pod template as written.
    ``stalled`` is why this version cannot work, "" when it can.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    min: int = 1
    max: int = 10
    idle: timedelta = timedelta(minutes=5)
    slots: int = 4
    labels: Mapping[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ()
    allowed_namespaces: frozenset[str] | None = None
    unhandled_errors: UnhandledErrors = UnhandledErrors.STRICT
    template: JsonObject = field(default_factory=dict)
    stalled: str = ""

    @property
    def full_name(self) -> str:
        """``namespace/name``: what its workers call their pool."""
        return f"{self.namespace}/{self.name}"

    def admits(self, namespace: str) -> bool:
        """Whether tasks of that namespace may use it."""
        if self.allowed_namespaces is None:
            return namespace == self.namespace
        return bool({namespace, EVERY_NAMESPACE} & self.allowed_namespaces)


def queues_of(pool: str, release_namespace: str) -> tuple[str, ...]:
    """The queues that workers of ``pool`` serve. Those of the release's own default pool serve the tasks that
    name no pool too; ``release_namespace`` "" means that there is no such pool."""
    own = f"{POOL_QUEUE}{pool}"
    if release_namespace and pool == f"{release_namespace}/{DEFAULT_POOL}":
        return (DEFAULT_QUEUE, own)
    return (own,)


def pool_of(queue: str, release_namespace: str) -> str:
    """The full name of the pool that serves ``queue``, a queue of a pool."""
    if queue == DEFAULT_QUEUE:
        return f"{release_namespace}/{DEFAULT_POOL}"
    return queue.removeprefix(POOL_QUEUE)
