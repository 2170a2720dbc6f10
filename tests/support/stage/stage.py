"""The release under load on the real cluster, and words for what is done to it."""

from __future__ import annotations

import base64
import http.client
import json
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pymysql

from tests.accounts.books import Books, read
from tests.cluster.harm import Harm
from tests.cluster.kubectl import Kubectl
from tests.cluster.problem import Problem
from tests.support.release import CHART, NAME, Release, Values, until
from tests.support.release import test_values as release_values
from tests.support.stage.containers import Pod
from tests.support.stage.doors import Doors
from tests.support.stage.effects import FOLDER, VOLUME, Effects

ANSWER_WITHIN = 5.0
OPERATOR = "app.kubernetes.io/component=operator"
DATABASE = "app.kubernetes.io/component=database"
REDIS = "app.kubernetes.io/component=redis"
WORKER = "nicecommander.dev/pool=default"
SCRATCH = "/scratch"
"""A folder of the runs that holds 10 MiB."""
SQL = ("mariadb", "--socket=/tmp/mariadb.sock", "-uroot", "nice", "-N", "-e")


def stage_values(images: str) -> Values:
    """Two operators on two nodes, two workers likewise, whose runs can write to a volume of their pod."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"nicecommander.dev/pool": "default"}},
    }
    runner = {
        "name": "runner",
        "volumeMounts": [{"name": VOLUME, "mountPath": FOLDER}, {"name": "scratch", "mountPath": SCRATCH}],
        "resources": {"requests": {"memory": "64Mi"}, "limits": {"memory": "1Gi"}},
    }
    template = {
        "containers": [runner],
        "volumes": [
            {"name": VOLUME, "emptyDir": {}},
            {"name": "scratch", "emptyDir": {"sizeLimit": "10Mi"}},
        ],
        "topologySpreadConstraints": [spread],
        "terminationGracePeriodSeconds": 20,
    }
    pool = {"replicas": {"min": 2, "max": 2}, "slots": 12, "template": {"spec": template}}
    return {**release_values(images), "replicaCount": 2, "defaultPool": pool}


@dataclass
class Stage:
    """One release. Pods are remembered, for when the API server is the one that is harmed."""

    kubectl: Kubectl
    harm: Harm
    images: str
    namespace: str
    doors: Doors
    effects: Effects
    token: str = field(default="", repr=False)
    _password: str = field(default="", repr=False)
    _known: dict[str, Sequence[Pod]] = field(default_factory=dict)

    @property
    def release(self) -> Release:
        """Helm's view of it."""
        return Release(self.kubectl, self.namespace)

    def install(self) -> None:
        """And wait until everything is at work on both nodes."""
        self.release.helm("upgrade", "--install", NAME, str(CHART), values=stage_values(self.images))
        self.release.ready(240)
        self.token = self._secret(f"{NAME}-token", "admin")
        self._password = self._secret(f"{NAME}-database", "password")
        self.healthy()

    def _secret(self, name: str, key: str) -> str:
        found = self.kubectl.get("secret", name, "-n", self.namespace)["data"][key]
        return base64.b64decode(found).decode()

    # ------------------------------------------------------------ who is there

    def pods(self, label: str) -> Sequence[Pod]:
        """Pods that are not on their way out; those last seen when the API server does not answer."""
        with suppress(Problem):
            items = self.kubectl.get("pods", "-l", label, "-n", self.namespace, "--request-timeout=5s")[
                "items"
            ]
            alive = [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]
            self._known[label] = [Pod.of(pod) for pod in alive]
        return self._known[label]

    def only(self, label: str) -> Pod:
        """The one pod with it."""
        (pod,) = self.pods(label)
        return pod

    def leader(self) -> Pod:
        """The operator that leads, by the word of any."""
        return self.lead()[1]

    def lead(self, after: int = 0) -> tuple[int, Pod]:
        """The number of a term later than that one, and who leads it; it may be the same pod again."""

        def look() -> tuple[int, Pod] | None:
            told = self.insist("GET", "/api/v1/health").get("leader") or {}
            leads = next((pod for pod in self.pods(OPERATOR) if pod.name == told.get("name")), None)
            return (told["term"], leads) if leads and told["term"] > after else None

        return until(look, f"an operator leads after term {after}", 120)

    def other_node(self) -> int:
        """The number of the node that has no database."""
        return 3 - int(self.only(DATABASE).node.removeprefix("node-"))

    def healthy(self, within: float = 180) -> None:
        """Wait until both nodes, operators, workers and servers are ready."""
        words = ("wait", "--for=condition=Ready", "--timeout=5s")

        def ready() -> bool | None:
            nodes = self.kubectl.attempt(*words, "nodes", "--all")
            pods = self.kubectl.attempt(*words, "pods", "--all", "-n", self.namespace)
            counts = [len(self.pods(label)) for label in (OPERATOR, WORKER, DATABASE, REDIS)]
            return (nodes.code == pods.code == 0 and counts == [2, 2, 1, 1]) or None

        until(ready, "everything is ready", within)

    # ------------------------------------------------------------ asking it

    def request(
        self, method: str, path: str, body: object = None, *, key: str = "", within: float = ANSWER_WITHIN
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Of whichever operator answers: status, answer, headers. Raises OSError when none does."""
        last: Exception = OSError("no operator is known")
        for pod in self._known.get(OPERATOR) or self.pods(OPERATOR):
            try:
                status, answer, headers = self._ask(pod, method, path, body, key, within)
            except (OSError, http.client.HTTPException) as error:
                last = error
                continue
            if status != 503:
                return status, answer, headers
            last = OSError(f"{pod.name} answers 503")
        self.pods(OPERATOR)
        raise OSError(str(last)) from last

    def _ask(
        self, pod: Pod, method: str, path: str, body: object, key: str, within: float
    ) -> tuple[int, Any, Mapping[str, str]]:
        port = self.doors.to(pod.address, 9999)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=within)
        headers = {"Authorization": f"Bearer {self.token}", "Host": "localhost"}
        headers |= {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            kind = answer.headers.get("Content-Type", "")
            return answer.status, json.loads(text) if "json" in kind else text, answer.headers
        finally:
            connection.close()

    def insist(self, method: str, path: str, body: object = None) -> Any:
        """The answer, as soon as an operator gives one."""

        def attempt() -> Any:
            try:
                status, answer, _ = self.request(method, path, body)
            except OSError:
                return None
            return answer if status < 300 else None

        return until(attempt, f"an answer to {method} {path}", 180)

    def job(self, path: str, payload: Mapping[str, Any], key: str) -> tuple[int, Any, str]:
        """As callers ask for it; see ``load.Ask``."""
        status, answer, headers = self.request("POST", path, payload, key=key, within=60)
        return status, answer, headers.get("Nice-Run-Id", "")

    # ------------------------------------------------------------ its database

    @property
    def url(self) -> str:
        """Of its database, from this host."""
        port = self.doors.to(self.only(DATABASE).address, 3306)
        return f"mysql+pymysql://nice:{self._password}@127.0.0.1:{port}/nice"

    def books(self) -> Books:
        """What its database says."""
        return read(self.url)

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        """One query by the product's own user. Raises OSError while the server does not answer."""
        port = self.doors.to(self.only(DATABASE).address, 3306)
        try:
            connection = pymysql.connect(
                host="127.0.0.1", port=port, user="nice", password=self._password, database="nice",
                connect_timeout=5, read_timeout=10, autocommit=True,
            )  # fmt: skip
            with connection, connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchall())
        except pymysql.MySQLError as error:
            raise OSError(str(error)) from error

    def as_root(self, statement: str) -> str:
        """A statement by the database's own root."""
        pod = self.only(DATABASE).name
        return self.kubectl("exec", pod, "-n", self.namespace, "--", *SQL, statement)

    def fired(self) -> int:
        """The newest planned moment that was fired, seconds since 1970; 0 while nobody can tell."""
        with suppress(OSError):
            newest = self.rows("SELECT MAX(scheduled_for) FROM runs WHERE `trigger` = 'schedule'")[0][0]
            return int(newest or 0) // 1_000_000
        return 0

    def goes_on(self, within: float = 120) -> float:
        """Wait until moments later than now are fired and executed; how many seconds that took."""
        began, now = time.monotonic(), time.time()
        text = "SELECT COUNT(*) FROM runs WHERE state = 'succeeded' AND `trigger` = 'schedule' AND "

        def look() -> bool | None:
            with suppress(OSError):
                return int(self.rows(f"{text} scheduled_for > {int(now * 1e6)}")[0][0]) >= 10 or None
            return None

        until(look, "later moments are fired and executed", within)
        return time.monotonic() - began

    # ------------------------------------------------------------ harm

    def signal(self, pod: Pod, container: str, number: signal.Signals) -> None:
        """To all of a container's processes."""
        pod.signal(container, number)
