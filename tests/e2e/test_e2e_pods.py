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


@pytest.mark.parametrize("target_name", IMPORTS)
def test_the_product_starts_and_talks_to_the_api_by_name(
    target_name: str, kubectl: Kubectl, namespace: str, images: str
) -> None:
    script = f"import {IMPORTS[target_name]}\n{ASK_THE_API}"
    kubectl.apply(pod(namespace, "one", f"{images}/{target_name}:test", ["python", "-c", script]))

    kubectl(
        "wait",
        "--for=jsonpath={.status.phase}=Succeeded",
        "pod/one",
        "-n",
        namespace,
        "--timeout=60s",
        seconds=90,
    )

    assert kubectl("logs", "one", "-n", namespace).strip() == "APIVersions"


@pytest.mark.parametrize("target_name", IMPORTS)
def test_the_image_runs_as_nobody_and_writes_nowhere(
    target_name: str, kubectl: Kubectl, namespace: str, images: str
) -> None:
    script = "import os; print(os.getuid()); open('/app/x', 'w')"
    kubectl.apply(pod(namespace, "one", f"{images}/{target_name}:test", ["python", "-c", script]))

    kubectl(
        "wait",
        "--for=jsonpath={.status.phase}=Failed",
        "pod/one",
        "-n",
        namespace,
        "--timeout=60s",
        seconds=90,
    )

    log = kubectl("logs", "one", "-n", namespace)
    assert "65532" in log.splitlines()
    assert "Read-only file system" in log


def test_mariadb_answers_to_a_pod_that_knows_its_name(kubectl: Kubectl, namespace: str, images: str) -> None:
    account = {"MARIADB_DATABASE": "nice", "MARIADB_USER": "nice", "MARIADB_PASSWORD": "only-for-tests"}
    server = pod(
        namespace, "db", f"{images}/mariadb:test", environment=account, writable=["/var/lib/mysql", "/tmp"]
    )
    kubectl.apply(server, service(namespace, "db", 3306))
    connect = (
        "import pymysql, time\n"
        "deadline = time.monotonic() + 50\n"
        "while True:\n"
        "    try:\n"
        "        database = pymysql.connect(host='db', user='nice', password='only-for-tests', db='nice')\n"
        "        break\n"
        "    except pymysql.OperationalError:\n"
        "        if time.monotonic() > deadline: raise\n"
        "        time.sleep(0.2)\n"
        "cursor = database.cursor(); cursor.execute('SELECT VERSION()'); print(cursor.fetchone()[0])"
    )
    kubectl.apply(pod(namespace, "client", f"{images}/operator:test", ["python", "-c", connect]))

    kubectl(
        "wait",
        "--for=jsonpath={.status.phase}=Succeeded",
        "pod/client",
        "-n",
        namespace,
        "--timeout=60s",
        seconds=90,
    )

    assert "MariaDB" in kubectl("logs", "client", "-n", namespace)


def test_redis_answers(kubectl: Kubectl, namespace: str, images: str) -> None:
    kubectl.apply(pod(namespace, "redis", f"{images}/redis:test", writable=["/tmp"]))
    kubectl("wait", "--for=condition=Ready", "pod/redis", "-n", namespace, "--timeout=60s", seconds=90)

    ping = ["for i in $(seq 50); do redis-cli ping && exit; sleep 0.2; done; exit 1"]
    answer = kubectl("exec", "redis", "-n", namespace, "--", "sh", "-c", *ping)

    assert "PONG" in answer


def test_what_is_not_restricted_is_refused(kubectl: Kubectl, namespace: str) -> None:
    lax = pod(namespace, "lax", "localhost/any:test")
    lax["spec"]["containers"][0]["securityContext"] = {"privileged": True}

    answer = kubectl.attempt("create", "-f", "-", text=json.dumps(lax))

    assert answer.code != 0
    assert "violates PodSecurity" in answer.errors
