"""A pool as a document of ``/api/v1``."""

from __future__ import annotations

from typing import Any

from nice_operator.domain.pool import Pool
from nice_operator.engine.pool_overview import PoolView
from nice_operator.ports import Deployed, PoolCondition
from nice_operator.web.documents import worker_document


def pool_document(view: PoolView) -> dict[str, Any]:
    """As lists show it. ``spec`` is null for the local workers, whom nobody declared; ``deployment`` where
    there is none, or none could be read (then ``trouble`` says why)."""
    return {
        "namespace": view.namespace,
        "name": view.name,
        "spec": None if view.pool is None else _spec(view.pool),
        "workers": len(view.workers),
        "draining": view.draining,
        "slots": view.slots,
        "busySlots": view.busy,
        "queued": view.queued,
        "oldestWaitSeconds": None if view.oldest is None else round(view.oldest.total_seconds(), 3),
        "deployment": None if view.deployed is None else _deployment(view.deployed),
        "conditions": [_condition(each) for each in view.conditions],
        "trouble": view.trouble or None,
    }


def whole_pool_document(view: PoolView) -> dict[str, Any]:
    """With those who are connected."""
    return {**pool_document(view), "connected": [worker_document(worker) for worker in view.workers]}


def _spec(pool: Pool) -> dict[str, Any]:
    allowed = pool.allowed_namespaces
    return {
        "generation": pool.generation,
        "replicas": {"min": pool.min, "max": pool.max},
        "idleSeconds": pool.idle.total_seconds(),
        "slots": pool.slots,
        "labels": dict(pool.labels),
        "preload": list(pool.preload),
        "allowedNamespaces": None if allowed is None else sorted(allowed),
    }


def _deployment(deployed: Deployed) -> dict[str, Any]:
    return {
        "replicas": deployed.replicas,
        "ready": deployed.ready,
        "rolling": deployed.rolling,
        "failure": deployed.failure or None,
    }


def _condition(said: PoolCondition) -> dict[str, Any]:
    return {"type": said.type, "status": said.status, "reason": said.reason, "message": said.message}
