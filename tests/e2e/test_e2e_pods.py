"""A pod from each image starts under Pod Security ``restricted`` with a read-only root, and finds API and
DNS."""

from __future__ import annotations

import json

import pytest

from tests.cluster.kubectl import Kubectl
from tests.support.pods import pod, service

ASK_THE_API = """
import json, ssl, sys, urllib.request
here = "/var/run/secrets/kubernetes.io/serviceaccount/"
token = open(here + "token").read()
request = urllib.request.Request("https://kubernetes.default.svc/api", headers={"Authorization": "Bearer " +
token})
trust = ssl.create_default_context(cafile=here + "ca.crt")
print(json.load(urllib.request.urlopen(request, context=trust, timeout=20))["kind"])
"""
IMPORTS = {"operator": "nice_operator.__main__", "runner": "nice_runner.__main__"}


DATABASE = {"MARIADB_DATABASE": "nice", "MARIADB_USER": "nice", "MARIADB_PASSWORD": "only-for-tests"}
ASK_THE_DATABASE = """
import pymysql, time
deadline = time.monotonic() + 80
while True:
    try:
        database = pymysql.connect(host="db", user="nice", password="only-for-tests", db="nice")
        break
    except pymysql.OperationalError:
        if time.monotonic() > deadline: raise
        time.sleep(0.2)
cursor = database.cursor(); cursor.execute("SELECT VERSION()"); print(cursor.fetchone()[0])
"""
ASK_MOTO = """
import boto3, time
aws = {"endpoint_url": "http://moto:5000", "region_name": "eu-central-1",
       "aws_access_key_id": "any", "aws_secret_access_key": "any"}
deadline = time.monotonic() + 80
while True:
    try:
        boto3.client("logs", **aws).create_log_group(logGroupName="/nice")
        break
    except Exception:
        if time.monotonic() > deadline: raise
        time.sleep(0.2)
print(boto3.client("logs", **aws).describe_log_groups()["logGroups"][0]["logGroupName"])
"""
WRITE_TO_THE_ROOT = "import os; print(os.getuid()); open('/app/x', 'w')"
WAIT = ("--timeout=120s",)


@pytest.fixture(scope="module")
def pods(kubectl: Kubectl, shared_namespace: str, images: str) -> str:
    """All pods of this module start together, in this namespace."""
    where, python = shared_namespace, ["python", "-c"]
    kubectl.apply(
        pod(where, "db", f"{images}/mariadb:test", environment=DATABASE, writable=["/var/lib/mysql", "/tmp"]),
        pod(where, "redis", f"{images}/redis:test", writable=["/tmp"]),
        pod(where, "moto", f"{images}/moto:test", writable=["/tmp"]),
        service(where, "db", 3306),
        service(where, "moto", 5000),
        pod(where, "asks-db", f"{images}/operator:test", [*python, ASK_THE_DATABASE]),
        pod(where, "asks-moto", f"{images}/moto:test", ["python3", "-c", ASK_MOTO]),
        *(
            pod(where, f"{name}-asks", f"{images}/{name}:test", [*python, f"import {module}\n{ASK_THE_API}"])
            for name, module in IMPORTS.items()
        ),
        *(
            pod(where, f"{name}-writes", f"{images}/{name}:test", [*python, WRITE_TO_THE_ROOT])
            for name in IMPORTS
        ),
    )
    return where


@pytest.mark.parametrize("name", IMPORTS)
def test_the_product_starts_and_talks_to_the_api_by_name(name: str, kubectl: Kubectl, pods: str) -> None:
    assert _log_at_the_end(kubectl, pods, f"{name}-asks", "Succeeded").strip() == "APIVersions"


@pytest.mark.parametrize("name", IMPORTS)
def test_the_image_runs_as_nobody_and_writes_nowhere(name: str, kubectl: Kubectl, pods: str) -> None:
    log = _log_at_the_end(kubectl, pods, f"{name}-writes", "Failed")

    assert "65532" in log.splitlines()
    assert "Read-only file system" in log


def test_mariadb_answers_to_a_pod_that_knows_its_name(kubectl: Kubectl, pods: str) -> None:
    assert "MariaDB" in _log_at_the_end(kubectl, pods, "asks-db", "Succeeded")


def test_moto_keeps_log_groups_for_a_pod_that_knows_its_name(kubectl: Kubectl, pods: str) -> None:
    assert _log_at_the_end(kubectl, pods, "asks-moto", "Succeeded").strip() == "/nice"


def test_redis_answers(kubectl: Kubectl, pods: str) -> None:
    kubectl("wait", "--for=condition=Ready", "pod/redis", "-n", pods, *WAIT, seconds=150)

    ping = ["for i in $(seq 50); do redis-cli ping && exit; sleep 0.2; done; exit 1"]
    answer = kubectl("exec", "redis", "-n", pods, "--", "sh", "-c", *ping)

    assert "PONG" in answer


def _log_at_the_end(kubectl: Kubectl, namespace: str, name: str, phase: str) -> str:
    ended = f"--for=jsonpath={{.status.phase}}={phase}"
    kubectl("wait", ended, f"pod/{name}", "-n", namespace, *WAIT, seconds=150)
    return kubectl("logs", name, "-n", namespace)


def test_what_is_not_restricted_is_refused(kubectl: Kubectl, namespace: str) -> None:
    lax = pod(namespace, "lax", "localhost/any:test")
    lax["spec"]["containers"][0]["securityContext"] = {"privileged": True}

    answer = kubectl.attempt("create", "-f", "-", text=json.dumps(lax))

    assert answer.code != 0
    assert "violates PodSecurity" in answer.errors
