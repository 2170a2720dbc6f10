"""Tasks that come, change and go while harm is done, and whether the product's database knows it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.objects import tasks_path
from nice_operator.ports import KubeAccess
from tests.support.release import python_task, until
from tests.support.stage.effects import SOURCE
from tests.support.stage.load import EVERY, KEEP
from tests.support.stage.stage import Stage

API = "/apis/nicecommander.dev/v1beta1"
CLIENTS = 24
MANY = "many"
"""The label of the many."""


def ticking(stage: Stage, name: str, **spec: Any) -> dict[str, Any]:
    """A task that fires as often as the load does."""
    common = {
        "schedule": EVERY,
        "payload": {"task": name, "seconds": 0.2},
        "history": {"succeeded": KEEP, "failed": KEEP},
    }
    made = python_task(name, SOURCE, **{**common, **spec})
    made["metadata"]["namespace"] = stage.namespace
    return made


def change(stage: Stage, name: str) -> None:
    """Its next generation; nothing about when it fires."""
    text = '{"spec": {"description": "changed"}}'
    stage.kubectl("patch", "nicetask", name, "-n", stage.namespace, "--type=merge", "-p", text)


def delete(stage: Stage, *names: str) -> None:
    """At once."""
    stage.kubectl("delete", "nicetask", *names, "-n", stage.namespace)


def generation(stage: Stage, name: str) -> int:
    """That the database knows of a living task; 0: of none."""
    found = stage.rows(f"SELECT observed_generation FROM tasks WHERE living = 1 AND name = '{name}'")
    return int(found[0][0]) if found else 0


def known(stage: Stage, name: str, wanted: int, within: float) -> float:
    """Wait until the database knows that generation (0: that it is gone); how many seconds it took."""
    began = time.monotonic()

    def look() -> bool | None:
        try:
            return generation(stage, name) == wanted or None
        except OSError:
            return None

    until(look, f"generation {wanted} of {name} is known", within)
    return time.monotonic() - began


def fires_after(stage: Stage, name: str, moment: float) -> int:
    """How many runs of the tasks of that name, living or not, were planned for later than this second of the
    wall clock."""
    text = "SELECT COUNT(*) FROM runs JOIN tasks ON tasks.id = runs.task_id WHERE tasks.name = "
    return int(stage.rows(f"{text} '{name}' AND runs.scheduled_for > {int(moment * 1e6)}")[0][0])


# ------------------------------------------------------------ many at a time


def create_many(stage: Stage, count: int) -> None:
    """So many that work elsewhere and wait to be asked for, as fast as the API server takes them."""

    async def client(api: KubeApi, numbers: Sequence[int]) -> None:
        for number in numbers:
            await api.create(tasks_path(stage.namespace), _one_of_many(number))

    async def create() -> None:
        api = await KubeApi.connect(KubeAccess(stage.kubectl.kubeconfig), user_agent="nice-chaos")
        try:
            async with asyncio.TaskGroup() as group:
                for first in range(CLIENTS):
                    group.create_task(client(api, range(first, count, CLIENTS)))
        finally:
            await api.close()

    asyncio.run(create())


def _one_of_many(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceTask",
        "metadata": {"name": f"{MANY}-{number:05d}", "labels": {MANY: ""}},
        "spec": {"timeoutAfter": "1 minute", "run": {"external": {}}},
    }


def delete_many(stage: Stage, within: float) -> None:
    """All of them in one call; returns when the database knows it."""
    stage.kubectl("delete", "--raw", f"{API}/namespaces/{stage.namespace}/nicetasks?labelSelector={MANY}")

    def gone() -> bool | None:
        try:
            return known_of_many(stage) == 0 or None
        except OSError:
            return None

    until(gone, "the many are gone", within)


def known_of_many(stage: Stage) -> int:
    """How many of them the database knows."""
    return int(stage.rows(f"SELECT COUNT(*) FROM tasks WHERE living = 1 AND name LIKE '{MANY}-%'")[0][0])
