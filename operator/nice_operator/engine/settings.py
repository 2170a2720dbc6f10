"""How the engine behaves; built by ``bootstrap`` from the program's settings. Durations in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from nice_operator.domain.task import UnhandledErrors


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """``lease`` is what workers are told (None: a lock decides, and they never stop runs for missed
    heartbeats). ``every_pool``: each worker serves every pool, whatever it calls its own (dev mode).
    ``unhandled_errors`` is for tasks that choose none (None: the worker decides).
    ``quiet`` is how long after a database outage nothing is reaped for its lease. ``view_only``: show
    everything, start and stop nothing."""

    heartbeat: float = 5.0
    lease: float | None = 30.0
    every_pool: bool = False
    view_only: bool = False
    unhandled_errors: UnhandledErrors | None = None
    poll: float = 1.0
    fire_batch: int = 500
    reap_every: float = 2.0
    quiet: float = 45.0
    prune_every: float = 60.0
    prune_batch: int = 500
