"""The containers and volumes of a worker's pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nice_operator.cluster.pod_secrets import secret_arguments, secret_mounts
from nice_operator.domain.pool import Pool
from nice_operator.resources.pod_template import (
    RUNNER,
    SUPERVISOR,
    SUPERVISOR_USER,
    TOKEN_AUDIENCE,
    ZYGOTE,
)

Json = dict[str, Any]

RUNNER_USER = 65533
TOKEN_SECONDS = 3600
TOKEN_FOLDER = "/var/run/secrets/nicecommander.dev"  # noqa: S105 - a place
SOCKET_FOLDER = "/run/nice"
SOCKET = f"{SOCKET_FOLDER}/zygote.sock"
CODE_FOLDER = "/nice"
RUNS_FOLDER = "/nice-runs"
"""Of the runs' own directories alone, so that each can be closed to the others; /tmp is open to all."""

AWS_VOLUME = "nice-aws"
AWS_FOLDER = "/etc/nice/aws"
AWS_FILES = {"credentials": "AWS_SHARED_CREDENTIALS_FILE", "config": "AWS_CONFIG_FILE"}
"""Keys of the Secret, which are files in AWS' own form, and the variables that name them."""

PROBE_WITHIN = 5
"""Seconds. On a node whose cores are all taken it takes more than Kubernetes' one second to begin a process
in a container, and a worker that is well would count as unready."""
CA_VOLUME = "nice-ca"
CA_FOLDER = "/etc/nice/ca"
CA_FILE = "ca.crt"

READY_FILE = "/tmp/ready"  # noqa: S108 - a volume of the supervisor's alone
PULSE_FILE = "/tmp/pulse"  # noqa: S108 - the same
ASK_FOR_PULSE = f"test ! -e {PULSE_FILE} && {{ touch {PULSE_FILE} || true; }}"
"""The supervisor's loop takes the file away each second, operator or not: if it is still there ten seconds
later, the loop stands still. What cannot be asked (a full disk) is not held against it."""
FROZEN_GRACE = 5
"""Seconds: who does not even answer that will not drain."""
SETTLE_SECONDS = 10
"""What is left of the grace when the drain ends: reports of what was stopped go out then, and the last lines
of logs that are kept elsewhere."""


def own_volumes() -> list[Json]:
    """What the containers share and write to; each is bounded, so that no run fills a node's disk."""
    token = {"audience": TOKEN_AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": "token"}
    return [
        {"name": "nice-code", "emptyDir": {"sizeLimit": "16Mi"}},
        {"name": "nice-socket", "emptyDir": {"sizeLimit": "1Mi"}},
        {"name": "nice-spool", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "nice-tmp", "emptyDir": {"sizeLimit": "4Gi"}},
        {"name": "nice-runs", "emptyDir": {"sizeLimit": "4Gi"}},
        {
            "name": "nice-token",
            # Readable by the supervisor's user alone would need a file owner; the group of the pod's volumes
            # owns it, and no other container mounts it.
            "projected": {"defaultMode": 0o440, "sources": [{"serviceAccountToken": token}]},
        },
    ]


def credentials_volume(secret: str) -> Json:
    """Keys for AWS, out of a Secret of the pool's namespace. Optional: a worker without them works as well,
    its lines are kept in the database."""
    source = {"secretName": secret, "optional": True, "defaultMode": 0o440}
    return {"name": AWS_VOLUME, "secret": source}


def give_credentials(container: Json) -> None:
    """To the supervisor and to nobody else: as files, for an environment can be read where a file cannot."""
    container["env"] += [
        {"name": variable, "value": f"{AWS_FOLDER}/{file}"} for file, variable in AWS_FILES.items()
    ]
    container["volumeMounts"].append({"name": AWS_VOLUME, "mountPath": AWS_FOLDER, "readOnly": True})


def authority_volume(kind: str, name: str) -> Json:
    """What the operator's certificate is believed by: ``ca.crt`` and nothing else of a Secret, which may hold
    a key beside it. Not optional: the pod waits for it, and its Events say so."""
    items = {"name": name, "items": [{"key": CA_FILE, "path": CA_FILE}]}
    source = {"configMap" if kind == "configmap" else kind: items}
    return {"name": CA_VOLUME, "projected": {"defaultMode": 0o444, "sources": [source]}}


def give_authority(container: Json) -> None:
    """To the supervisor, which alone speaks to the operator."""
    container["env"].append({"name": "NICE_CA_FILE", "value": f"{CA_FOLDER}/{CA_FILE}"})
    container["volumeMounts"].append({"name": CA_VOLUME, "mountPath": CA_FOLDER, "readOnly": True})


def secured(container: Mapping[str, Any]) -> Json:
    """A container of the user's own, with what Pod Security ``restricted`` wants where it says nothing."""
    return {**container, "securityContext": _restricted(container.get("securityContext") or {})}


def _restricted(given: Mapping[str, Any]) -> Json:
    capabilities = {"drop": ["ALL"], **(given.get("capabilities") or {})}
    return {"allowPrivilegeEscalation": False, **given, "capabilities": capabilities}


def _closed(given: Mapping[str, Any]) -> Json:
    """Restricted, and nothing to be written but in volumes."""
    return {"readOnlyRootFilesystem": True, **_restricted(given)}


def zygote(image: str, pull_policy: str) -> Json:
    """Brings the forking side into a volume, so that the runner's image needs nothing but Python."""
    return {
        "name": ZYGOTE,
        "image": image,
        "imagePullPolicy": pull_policy,
        "command": ["nice-runner", "install-zygote", CODE_FOLDER],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": _closed({"runAsUser": SUPERVISOR_USER}),
        "volumeMounts": [{"name": "nice-code", "mountPath": CODE_FOLDER}],
    }


def supervisor(pool: Pool, image: str, pull_policy: str, operator_url: str, grace: int) -> Json:
    """Speaks to the operator, runs no code of the user's."""
    return {
        "name": SUPERVISOR,
        "image": image,
        "imagePullPolicy": pull_policy,
        "command": ["nice-runner"],
        "env": _supervisor_environment(pool, operator_url, grace),
        "readinessProbe": {
            "exec": {"command": ["test", "-f", READY_FILE]},
            "periodSeconds": 2,
            "timeoutSeconds": PROBE_WITHIN,
            "failureThreshold": 1,
        },
        "livenessProbe": _liveness(),
        "securityContext": _closed({"runAsUser": SUPERVISOR_USER}),
        "volumeMounts": [
            {"name": "nice-socket", "mountPath": SOCKET_FOLDER},
            {"name": "nice-spool", "mountPath": "/tmp"},  # noqa: S108 - a place in the container
            {"name": "nice-token", "mountPath": TOKEN_FOLDER, "readOnly": True},
        ],
    }


def _liveness() -> Json:
    """Six unanswered questions, as for the operator: a minute, in which the lease (30 s) gave its runs to
    others anyway, and which a node whose cores are all taken does not reach."""
    return {
        "exec": {"command": ["sh", "-c", ASK_FOR_PULSE]},
        "initialDelaySeconds": 10,
        "periodSeconds": 10,
        "timeoutSeconds": PROBE_WITHIN,
        "failureThreshold": 6,
        "terminationGracePeriodSeconds": FROZEN_GRACE,
    }


def _supervisor_environment(pool: Pool, operator_url: str, grace: int) -> list[Json]:
    values = {
        "NICE_OPERATOR_URL": operator_url,
        "NICE_POOL": pool.full_name,
        "NICE_SLOTS": str(pool.slots),
        "NICE_LABELS": ",".join(f"{key}={value}" for key, value in sorted(pool.labels.items())),
        "NICE_UNHANDLED_ERRORS": str(pool.unhandled_errors),
        "NICE_TOKEN_FILE": f"{TOKEN_FOLDER}/token",
        "NICE_ZYGOTE_SOCKET": SOCKET,
        "NICE_READY_FILE": READY_FILE,
        "NICE_PULSE_FILE": PULSE_FILE,
        "NICE_DRAIN_SECONDS": str(max(1, grace - SETTLE_SECONDS)),
    }
    name = {"name": "NICE_WORKER_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    return [name, *({"name": key, "value": value} for key, value in values.items())]


def runner(
    pool: Pool, given: Mapping[str, Any], spec: Mapping[str, Any], image: str, pull_policy: str
) -> Json:
    """Where the runs are: the user's container, and in it the zygote."""
    mounts = list(given.get("volumeMounts") or ())
    context = _closed(given.get("securityContext") or {})
    if (spec.get("securityContext") or {}).get("runAsUser") is None:
        context.setdefault("runAsUser", RUNNER_USER)
    command = ["python3", "-m", "zygote", "--listen", SOCKET, "--peer-uid", str(SUPERVISOR_USER)]
    command += ["--scratch", RUNS_FOLDER]
    if pool.preload:
        command += ["--preload", ",".join(pool.preload)]
    command += secret_arguments(given, spec)
    own_mounts = [
        {"name": "nice-code", "mountPath": CODE_FOLDER, "readOnly": True},
        {"name": "nice-socket", "mountPath": SOCKET_FOLDER},
        {"name": "nice-runs", "mountPath": RUNS_FOLDER},
        *secret_mounts(given),
    ]
    if not any(str(mount.get("mountPath", "")).rstrip("/") == "/tmp" for mount in mounts):  # noqa: S108
        own_mounts.append({"name": "nice-tmp", "mountPath": "/tmp"})  # noqa: S108
    product = {} if given.get("image") else {"image": image, "imagePullPolicy": pull_policy}
    return {
        **given,
        **product,
        "name": RUNNER,
        "command": command,
        "env": _runner_environment(given.get("env") or ()),
        "securityContext": context,
        "volumeMounts": [*mounts, *own_mounts],
    }


def _runner_environment(given: Any) -> list[Json]:
    """The zygote's own code comes first on the path, what the user names after it."""
    theirs = next((each.get("value") for each in given if each.get("name") == "PYTHONPATH"), None)
    path = f"{CODE_FOLDER}:{theirs}" if theirs else CODE_FOLDER
    others = [dict(each) for each in given if each.get("name") != "PYTHONPATH"]
    return [*others, {"name": "PYTHONPATH", "value": path}]
