"""The product on a cluster as a platform team has it: installed by its chart, reached by a port-forward."""

from __future__ import annotations

import base64
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.cluster.binaries import program
from tests.cluster.images import DATABASE
from tests.cluster.kubectl import Kubectl
from tests.cluster.places import ROOT
from tests.support.server_process import free_port

CHART = ROOT / "charts" / "nice-commander"
NAME = "nice-commander"
WITHIN = 60.0
ASK = """
import os, pathlib, sys
import sqlalchemy

folder = pathlib.Path(os.environ["NICE_DATABASE_DIR"])
password = (folder / "password").read_text().strip()
url = sqlalchemy.make_url((folder / "url").read_text().strip()).set(password=password)
with sqlalchemy.create_engine(url).connect() as connection:
    print(connection.exec_driver_sql(sys.argv[1]).scalar())
"""
"""For an operator's pod: the answer of its database to the query that is the argument."""
T = TypeVar("T")

Values = Mapping[str, Any]


def until(found: Callable[[], T | None], what: str, within: float = WITHIN) -> T:
    """Ask again until there is an answer."""
    give_up = time.monotonic() + within
    while (answer := found()) is None:
        assert time.monotonic() < give_up, f"not within {within:g} s: {what}"
        time.sleep(0.2)
    return answer


def test_values(images: str) -> Values:
    """Images of ours in the place of those from registries; one worker at once, two when there is much."""
    registry, _, folder = images.partition("/")
    return {
        "crds": {"enabled": False},
        "image": {"registry": registry, "repository": f"{folder}/operator", "tag": "test"},
        "worker": {"image": {"registry": registry, "repository": f"{folder}/runner", "tag": "test"}},
        "database": {"trial": {"image": f"{images}/{DATABASE}:test"}},
        "redis": {"trial": {"image": f"{images}/redis:test"}},
        "rbac": {"aggregate": False},
    }


test_values.__test__ = False  # type: ignore[attr-defined]


@dataclass
class Release:
    """One installed release. ``port`` leads to its Service while ``reached``."""

    kubectl: Kubectl
    namespace: str
    port: int = 0
    token: str = field(default="", repr=False)

    def helm(self, *words: str, values: Values | None = None) -> str:
        """Helm, with values on its standard input."""
        given = ["--values", "-"] if values is not None else []
        done = subprocess.run(
            [program("helm"), *words, "--namespace", self.namespace, *given],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env=self.kubectl.environment(),
        )
        assert done.returncode == 0, f"helm {' '.join(words)} failed: {done.stderr[-3000:]}"
        return done.stdout

    def ready(self, within: int = 180) -> None:
        """Wait until the operators serve and the default pool has a worker."""
        self.kubectl(
            "rollout", "status", f"deployment/{NAME}", "-n", self.namespace, f"--timeout={within}s",
            seconds=within + 10,
        )  # fmt: skip
        until(self._pool_is_ready, "the default pool is Ready", within)

    def _pool_is_ready(self) -> bool | None:
        pools = self.kubectl.get("niceworkerpools", "-n", self.namespace)["items"]
        return any(condition(pool, "Ready") == "True" for pool in pools) or None

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Through kubectl's port-forward, which is begun again when its pod goes."""
        self.port = free_port()
        secret = self.kubectl.get("secret", f"{NAME}-token", "-n", self.namespace)
        self.token = base64.b64decode(secret["data"]["admin"]).decode()
        once = f"{self.kubectl.program} -n {self.namespace} port-forward svc/{NAME} {self.port}:80"
        forward = subprocess.Popen(
            ["setsid", "sh", "-c", f"while true; do {once}; done"],
            env=self.kubectl.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(self._answers, "the port-forward leads to the product")
            yield
        finally:
            subprocess.run(["pkill", "-s", str(forward.pid)], check=False)
            forward.wait()

    def _answers(self) -> bool | None:
        try:
            return self.ask("GET", "/healthz")[0] == 200 or None
        except OSError:
            return None

    def ask(
        self, method: str, path: str, body: object = None, *, token: str | None = None, within: float = 60
    ) -> tuple[int, Any]:
        """One request; status and parsed answer (text where it is no JSON)."""
        request = urllib.request.Request(
            f"http://localhost:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token if token is None else token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=within) as answer:
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _parsed(error.read())

    def insist(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """``ask``, again while the connection breaks: a replica that ends takes its port-forward with it."""

        def attempt() -> tuple[int, Any] | None:
            try:
                return self.ask(method, path, body)
            except OSError:
                return None

        return until(attempt, f"an answer to {method} {path}", 120)

    def number(self, query: str) -> int:
        """The one number that its database answers to the product's own user."""
        where = ("exec", f"deployment/{NAME}", "-c", "operator", "-n", self.namespace)
        return int(self.kubectl(*where, "--", "python", "-c", ASK, query))

    def task(self, name: str) -> dict[str, Any]:
        """A NiceTask as the cluster shows it."""
        return self.kubectl.get("nicetask", name, "-n", self.namespace)

    def runs(self, task: str) -> Sequence[dict[str, Any]]:
        """Its runs, newest first."""
        path = f"/api/v1/runs?task={task}&namespace={self.namespace}&limit=200"
        found: list[dict[str, Any]] = self.insist("GET", path)[1]["runs"]
        return found


@contextmanager
def installed(kubectl: Kubectl, namespace: str, values: Values) -> Iterator[Release]:
    """A release that is ready, and taken away at the end."""
    release = Release(kubectl, namespace)
    try:
        release.helm("install", NAME, str(CHART), values=values)
        release.ready()
        yield release
    finally:
        release.helm("uninstall", NAME, "--ignore-not-found")


def condition(thing: Mapping[str, Any], kind: str) -> str | None:
    """The status of one of its conditions."""
    conditions = thing.get("status", {}).get("conditions", [])
    return next((each["status"] for each in conditions if each["type"] == kind), None)


def python_task(name: str, source: str, **spec: Any) -> dict[str, Any]:
    """A NiceTask that runs Python."""
    return {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceTask",
        "metadata": {"name": name},
        "spec": {"timeoutAfter": "1 minute", "run": {"python": {"source": source}}, **spec},
    }


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
