"""Pools in Kubernetes (``ports.PoolCluster``): their Deployments, their pods, their status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from nice_operator.cluster.api import APPLY, FIELD_MANAGER, KubeApi
from nice_operator.cluster.errors import KubeRefused, KubeUnavailable
from nice_operator.cluster.pod_parts import Json
from nice_operator.cluster.pods import fact_of
from nice_operator.cluster.pool_deployment import Installation, deployment, deployment_name, pod_selector
from nice_operator.cluster.pool_source import pools_path
from nice_operator.cluster.pool_status import status_of
from nice_operator.domain.errors import Conflict, Forbidden, InvalidInput, NiceError, Unavailable
from nice_operator.domain.pool import Pool
from nice_operator.ports import Deployed, PodFact, PoolStatus

_STRICTLY = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
"""A field that does not exist is a slip of the pen in the template: refused, and told."""
_NOT_OF_SCHEMA = "failed to create typed patch object"
"""So a server-side apply with a field that does not exist is answered, as 500: no trying again will help."""
_NOT_ALLOWED = (
    "the operator may not manage Deployments in namespace {namespace}: add it to the namespaces of pools in "
    "the chart's values, or make the pool in another namespace ({said})"
)


class KubePools:
    """See ``ports.PoolCluster``."""

    def __init__(self, api: KubeApi, installation: Installation) -> None:
        self._api = api
        self._installation = installation
        self._status: dict[str, Mapping[str, Any]] = {}

    async def read(self, pool: Pool) -> Deployed | None:
        """Raises Conflict when there is a Deployment of that name that is not the pool's, and Unavailable
        while that of an earlier pool goes."""
        try:
            found = await self._api.get(_deployment_path(pool))
        except KubeRefused as refusal:
            if refusal.status == 404:
                return None
            raise _told(refusal, pool) from refusal
        _check_owner(found, pool)
        return _deployed(found)

    async def apply(self, pool: Pool, replicas: int) -> None:
        """Server-side apply of the whole Deployment."""
        try:
            await self._api.call(
                "PATCH",
                _deployment_path(pool),
                body=deployment(pool, self._installation, replicas),
                query=_STRICTLY,
                content_type=APPLY,
            )
        except KubeRefused as refusal:
            raise _told(refusal, pool) from refusal
        except KubeUnavailable as error:
            if _NOT_OF_SCHEMA in str(error):
                raise _wrong_template(error) from error
            raise

    async def pods(self, pool: Pool) -> Sequence[PodFact]:
        """By the labels that are the pool's own."""
        selector = ",".join(f"{key}={value}" for key, value in pod_selector(pool).items())
        try:
            pages = self._api.pages(
                f"/api/v1/namespaces/{pool.namespace}/pods", query={"labelSelector": selector}
            )
            return [fact_of(pod) async for page in pages for pod in page]
        except KubeRefused as refusal:
            raise _told(refusal, pool) from refusal

    async def report(self, pool: Pool, status: PoolStatus) -> None:
        """Server-side apply to ``/status``. A condition keeps the time of its last change."""
        try:
            old = self._status.get(pool.uid) or await self._present(pool)
            new = status_of(old, status)
            await self._api.apply(
                f"{pools_path(pool.namespace, quote(pool.name))}/status", _status_document(pool, new)
            )
            self._status[pool.uid] = new
        except KubeRefused as refusal:
            self._status.pop(pool.uid, None)
            if not refusal.gone:
                raise _told(refusal, pool) from refusal

    async def _present(self, pool: Pool) -> Mapping[str, Any]:
        """The status as an earlier leader left it."""
        found = await self._api.get(pools_path(pool.namespace, quote(pool.name)))
        status = found.get("status")
        return status if isinstance(status, dict) else {}


def _deployment_path(pool: Pool) -> str:
    return f"/apis/apps/v1/namespaces/{pool.namespace}/deployments/{quote(deployment_name(pool))}"


def _status_document(pool: Pool, status: Mapping[str, Any]) -> Json:
    metadata = {"name": pool.name, "namespace": pool.namespace, "uid": pool.uid}
    kind = {"apiVersion": "nicecommander.dev/v1beta1", "kind": "NiceWorkerPool"}
    return {**kind, "metadata": metadata, "status": dict(status)}


def _check_owner(found: Mapping[str, Any], pool: Pool) -> None:
    owners = (found.get("metadata") or {}).get("ownerReferences") or ()
    if any(owner.get("uid") == pool.uid for owner in owners):
        return
    name = f"{pool.namespace}/{deployment_name(pool)}"
    if any(owner.get("kind") == "NiceWorkerPool" and owner.get("name") == pool.name for owner in owners):
        raise Unavailable(f"Deployment {name} belongs to an earlier pool of this name and is about to go")
    raise Conflict(
        f"Deployment {name} exists and is not this pool's; remove it, or make the pool with another name"
    )


def _deployed(found: Mapping[str, Any]) -> Deployed:
    spec, status = found.get("spec") or {}, found.get("status") or {}
    wanted = int(spec.get("replicas") or 0)
    total, updated = int(status.get("replicas") or 0), int(status.get("updatedReplicas") or 0)
    seen = status.get("observedGeneration") == (found.get("metadata") or {}).get("generation")
    return Deployed(
        replicas=wanted,
        ready=int(status.get("readyReplicas") or 0),
        rolling=not seen or total > updated,
        failure=_failure(status),
    )


def _failure(status: Mapping[str, Any]) -> str:
    for each in status.get("conditions") or ():
        if each.get("type") == "ReplicaFailure" and each.get("status") == "True":
            return str(each.get("message") or each.get("reason") or "no reason given")
    return ""


def _told(refusal: KubeRefused, pool: Pool) -> InvalidInput | Forbidden:
    if refusal.status == 403:
        return Forbidden(_NOT_ALLOWED.format(namespace=pool.namespace, said=refusal))
    return _wrong_template(refusal)


def _wrong_template(said: NiceError) -> InvalidInput:
    return InvalidInput(f"Kubernetes does not take the pool's Deployment; correct spec.template: {said}")
