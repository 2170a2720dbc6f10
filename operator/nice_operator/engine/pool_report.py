"""What is said of a pool: a pure function of what was seen.

``Ready``: runs can be executed now, or as soon as one asks for it. ``Stalled``: that will not come by itself,
somebody must mend something; the message says what.
"""

from __future__ import annotations

from dataclasses import dataclass

from nice_operator.domain.pool import Pool
from nice_operator.ports import Deployed, PoolCondition, PoolStatus

READY, STALLED = "Ready", "Stalled"


@dataclass(frozen=True, slots=True)
class Seen:
    """A pool at one moment. ``workers`` that take work, ``busy`` slots, ``queued`` runs; ``trouble`` of one
    of its pods; ``refusal``: why nothing could be deployed."""

    workers: int
    busy: int
    queued: int
    deployed: Deployed | None
    trouble: str = ""
    refusal: str = ""


def report_of(pool: Pool, seen: Seen) -> PoolStatus:
    """The status of ``pool``."""
    return PoolStatus(pool.generation, seen.workers, seen.busy, seen.queued, _conditions(pool, seen))


def _conditions(pool: Pool, seen: Seen) -> tuple[PoolCondition, ...]:
    if seen.refusal:
        reason = "InvalidSpec" if pool.stalled else "NotDeployed"
        return _stalled(reason, seen.refusal, ready=seen.workers > 0)
    if seen.deployed and seen.deployed.failure:
        text = f"Kubernetes makes no pods: {seen.deployed.failure}"
        return _stalled("PodsRefused", text, ready=seen.workers > 0)
    return (_ready(seen), PoolCondition(STALLED, False, "Working", "nothing has to be mended"))


def _stalled(reason: str, message: str, *, ready: bool) -> tuple[PoolCondition, ...]:
    """Workers that are there already go on."""
    return (
        PoolCondition(READY, ready, "EarlierWorkers" if ready else reason, message),
        PoolCondition(STALLED, True, reason, message),
    )


def _ready(seen: Seen) -> PoolCondition:
    wanted = seen.deployed.replicas if seen.deployed else 0
    if seen.workers:
        return PoolCondition(READY, True, "Connected", "workers are connected")
    if seen.deployed and not wanted:
        return PoolCondition(READY, True, "ScaledToZero", "no worker is needed; the next run starts one")
    if seen.trouble:
        return PoolCondition(READY, False, "PodsFailing", f"no worker is connected: {seen.trouble}")
    return PoolCondition(READY, False, "Starting", "workers are being started; none is connected yet")
