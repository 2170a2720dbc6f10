"""How the engine behaves; built by ``bootstrap`` from the program's settings. Durations in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from nice_operator.domain.task import UnhandledErrors


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """``lease`` is what workers are told (None: a lock decides, and they never stop runs for missed
    heartbeats). ``every_pool``: each worker serves every pool, whatever it calls its own (dev mode).
    ``release_namespace``: where the pool of tasks that name none is ("" where there are no pools).
    ``unhandled_errors`` is for tasks that choose none (None: the worker decides).
    ``quiet`` is how long after a database outage nothing is reaped for its lease. ``view_only``: show
    everything, start and stop nothing.

    ``replica`` is what this server is called among several.

    For workers outside: ``only_server``: no other server works on the same data, so what an earlier life's
    workers hold is known to be without a connection. ``reconnect_wait`` is how long a worker that left may
    take to send its results on another connection. ``undeclared_tasks``: whether a name that nobody declared
    becomes a task when a worker registers it or somebody schedules it, and ``undeclared_timeout`` its
    ``timeoutAfter``."""

    heartbeat: float = 5.0
    lease: float | None = 30.0
    every_pool: bool = False
    release_namespace: str = ""
    view_only: bool = False
    unhandled_errors: UnhandledErrors | None = None
    poll: float = 1.0
    fire_batch: int = 500
    reap_every: float = 2.0
    quiet: float = 45.0
    prune_every: float = 60.0
    prune_batch: int = 500
    replica: str = ""
    only_server: bool = False
    reconnect_wait: float = 5.0
    undeclared_tasks: bool = False
    undeclared_timeout: timedelta = timedelta(hours=24)
