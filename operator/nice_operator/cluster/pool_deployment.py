"""The Deployment of a pool: the user's pod template, and around it what makes its pods workers.

A pod has two containers with different users (docs/pools.md): the supervisor, which alone holds the token and
speaks to the operator, and the runner, any image with Python, where the zygote forks the runs. They meet at a
Unix socket in a volume that both have by the group of the pod's volumes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nice_operator.cluster.pod_parts import (
    Json,
    authority_volume,
    credentials_volume,
    give_authority,
    give_credentials,
    own_volumes,
    runner,
    secured,
    supervisor,
    zygote,
)
from nice_operator.cluster.pod_secrets import secret_volumes
from nice_operator.domain.pool import Pool
from nice_operator.resources import API_VERSION, POOL_KIND
from nice_operator.resources.pod_template import RUNNER, SUPERVISOR

MANAGED_BY = {"app.kubernetes.io/managed-by": "nice-commander"}
POOL_LABEL = "nicecommander.dev/pool"
NAME_PREFIX = "nice-pool-"
DEFAULT_GRACE = 60
"""Seconds that a pod gets to end, where the template does not say: what runs then is handed back."""
VOLUME_GROUP = 65532
SKIP_CONTAINERS = "eks.amazonaws.com/skip-containers"


@dataclass(frozen=True, slots=True)
class Installation:
    """What all pools of a release share.

    ``operator_url`` is where workers connect (ws:// or wss://). ``image`` is that of the supervisor, and of
    the runner where a template names none. ``environment`` are entries of a container's ``env`` for the
    supervisor (log settings); ``aws_secret`` is a Secret with keys for AWS, for the supervisor alone ("" for
    none); ``service_account`` is for pools in ``namespace`` that name none. ``authority``: kind (secret or
    configmap) and name of the object of the pool's namespace whose ``ca.crt`` the operator is believed by.
    """

    namespace: str
    operator_url: str
    image: str
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    service_account: str = ""
    environment: tuple[Mapping[str, Any], ...] = ()
    aws_secret: str = ""
    authority: tuple[str, str] | None = None
    resources: Mapping[str, Any] = field(
        default_factory=lambda: {
            "requests": {"cpu": "50m", "memory": "96Mi"},
            "limits": {"memory": "512Mi"},
        }
    )


def deployment_name(pool: Pool) -> str:
    """What its Deployment is called; the namespace is the pool's."""
    return f"{NAME_PREFIX}{pool.name}"


def pod_selector(pool: Pool) -> dict[str, str]:
    """The labels that its pods have and nobody else's."""
    return {**MANAGED_BY, POOL_LABEL: pool.name}


def deployment(pool: Pool, installation: Installation, replicas: int) -> Json:
    """What is applied for ``pool``. Its template must have nothing against it (``pool.stalled`` is "")."""
    labels = {**pod_selector(pool), "app.kubernetes.io/component": "worker"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": deployment_name(pool),
            "namespace": pool.namespace,
            "labels": labels,
            "ownerReferences": [_owner(pool)],
        },
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 2,
            "selector": {"matchLabels": pod_selector(pool)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": _pod(pool, installation, labels),
        },
    }


def _owner(pool: Pool) -> Json:
    return {
        "apiVersion": API_VERSION,
        "kind": POOL_KIND,
        "name": pool.name,
        "uid": pool.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _pod(pool: Pool, installation: Installation, labels: Mapping[str, str]) -> Json:
    given: Json = dict(pool.template.get("metadata") or {})
    spec: Json = dict(pool.template.get("spec") or {})
    containers = _containers(pool, installation, spec)
    known = {
        SKIP_CONTAINERS: ",".join(sorted(c["name"] for c in containers if c["name"] != SUPERVISOR)),
        "kubectl.kubernetes.io/default-container": SUPERVISOR,
    }
    return {
        "metadata": {
            **given,
            "labels": {**(given.get("labels") or {}), **labels},
            "annotations": {**known, **(given.get("annotations") or {})},
        },
        "spec": {
            **_identity(pool, installation, spec),
            **spec,
            "terminationGracePeriodSeconds": grace_of(pool),
            "securityContext": _pod_security(spec),
            "initContainers": [
                zygote(installation.image, installation.pull_policy),
                *(secured(each) for each in spec.get("initContainers") or ()),
            ],
            "containers": containers,
            "volumes": [
                *(spec.get("volumes") or ()),
                *_own_volumes(installation),
                *secret_volumes(_runner_of(spec)),
            ],
        },
    }


def grace_of(pool: Pool) -> int:
    """Seconds from SIGTERM to SIGKILL for its pods."""
    given = (pool.template.get("spec") or {}).get("terminationGracePeriodSeconds")
    return given if isinstance(given, int) and not isinstance(given, bool) else DEFAULT_GRACE


def _containers(pool: Pool, installation: Installation, spec: Mapping[str, Any]) -> list[Json]:
    given = list(spec.get("containers") or ())
    ours = _runner_of(spec)
    others = [secured(each) for each in given if each is not ours]
    first = supervisor(
        pool, installation.image, installation.pull_policy, installation.operator_url, grace_of(pool)
    )
    first["env"] += [dict(each) for each in installation.environment]
    first["resources"] = dict(installation.resources)
    if installation.aws_secret:
        give_credentials(first)
    if installation.authority:
        give_authority(first)
    second = runner(pool, ours, spec, installation.image, installation.pull_policy)
    return [first, second, *others]


def _own_volumes(installation: Installation) -> list[Json]:
    keys = [credentials_volume(installation.aws_secret)] if installation.aws_secret else []
    authority = [authority_volume(*installation.authority)] if installation.authority else []
    return [*own_volumes(), *keys, *authority]


def _runner_of(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The user's container for the runs, if the template has one."""
    return next((each for each in spec.get("containers") or () if each["name"] == RUNNER), {"name": RUNNER})


def _pod_security(spec: Mapping[str, Any]) -> Json:
    return {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "fsGroup": VOLUME_GROUP,
        "fsGroupChangePolicy": "OnRootMismatch",
        **(spec.get("securityContext") or {}),
    }


def _identity(pool: Pool, installation: Installation, spec: Mapping[str, Any]) -> Json:
    """Who the pod is, where the template leaves it open; no right to speak to the API server."""
    pulling = [{"name": name} for name in installation.pull_secrets]
    found: Json = {"automountServiceAccountToken": False, "enableServiceLinks": False}
    if pulling and not spec.get("imagePullSecrets"):
        found["imagePullSecrets"] = pulling
    if installation.service_account and pool.namespace == installation.namespace:
        found["serviceAccountName"] = installation.service_account
    return found
