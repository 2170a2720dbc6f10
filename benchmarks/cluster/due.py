"""Many tasks due in the same second, on the release's own database: until when each run is recorded.

They are rows, as many copies of one task as are many: to create as many objects is another figure (``many``).
Nobody executes them, so what is measured is the release's own work.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from benchmarks.cluster.stage import NAMESPACE, Stage, external, say
from benchmarks.figures import Figure
from tests.support.release import until

AIM_SECONDS = 2.0
LEAD_SECONDS = 120.0
"""From the first task to the moment: until then its copies are made, and seen by all replicas."""
WITHIN = 240.0
MANY_NAMES = "name LIKE '{}-%'"
WHERE = "WHERE task_id IN (SELECT id FROM tasks WHERE name LIKE '{}%')"


def measure(stage: Stage) -> list[Figure]:
    """The API is asked meanwhile."""
    first = f"due-{time.time_ns() // 1_000_000_000}"
    due = int(time.time() + LEAD_SECONDS)
    moment = datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stage.apply(external(first, runAt=moment))
    until(lambda: stage.number(_count("tasks", f"WHERE name = '{first}'")) or None, "the first is recorded")
    _multiply(stage, first)
    if time.time() > due - 5:
        raise RuntimeError(f"{stage.tasks} copies of a task took longer than {LEAD_SECONDS:g} s")
    say(f"due: {stage.tasks} tasks are due at {moment}")
    answers = _ask_until_recorded(stage, first, due)
    last = stage.number(f"SELECT MAX(created_at) FROM runs {WHERE.format(first)}")
    _clear(stage, first)
    say("due: all are recorded")
    return [
        Figure(
            f"{stage.tasks:,} tasks due in one second, in the cluster: all recorded", "s",
            (last / 1e6 - due,), AIM_SECONDS, remark=f"{len(stage.operators())} operators, MariaDB in a pod",
        ),
        Figure(
            "… meanwhile, the slowest answer of the API", "ms", (max(answers),),
            remark=f"of {len(answers)} times GET /api/v1/runs, through a port-forward",
        ),
    ]  # fmt: skip


def _multiply(stage: Stage, first: str) -> None:
    """One statement for each table. The copies are of no object, so the watch leaves them alone."""
    copy = f"CONCAT('{first}-', seq)"
    identity = f"UNHEX(MD5({copy}))"
    of_task = {"id": identity, "name": copy, "task_name": copy, "uid": copy, "origin": "'bench'"}
    where = f"WHERE name = '{first}'"
    _copy(stage, "tasks", of_task, f"tasks, seq_1_to_{stage.tasks - 1} {where}")
    versions = f"task_versions JOIN tasks ON tasks.id = task_id, seq_1_to_{stage.tasks - 1} {where}"
    _copy(stage, "task_versions", {"task_id": identity}, versions)


def _copy(stage: Stage, table: str, changed: Mapping[str, str], source: str) -> None:
    columns = [row[0] for row in stage.sql(f"SHOW COLUMNS FROM {table}")]
    values = [changed.get(column, f"{table}.{column}") for column in columns]
    stage.sql(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {source}")


def _ask_until_recorded(stage: Stage, first: str, due: int) -> list[float]:
    """Milliseconds of each answer of the API from the moment until all are recorded."""
    time.sleep(max(0.0, due - 0.5 - time.time()))
    give_up, answers = time.monotonic() + WITHIN, []
    recorded = 0
    while recorded < stage.tasks:
        assert time.monotonic() < give_up, f"only {recorded} of {stage.tasks} runs within {WITHIN:g} s"
        for _ in range(5):
            began = time.perf_counter()
            stage.release.ask("GET", "/api/v1/runs?limit=1")
            answers.append((time.perf_counter() - began) * 1000)
        recorded = stage.number(_count("runs", WHERE.format(first)))
    return answers


def _clear(stage: Stage, first: str) -> None:
    """As if they had never been, for whatever is measured after this."""
    stage.kubectl("delete", "nicetask", first, "-n", NAMESPACE)
    copies = MANY_NAMES.format(first)
    for table in ("runs", "task_versions"):
        stage.sql(f"DELETE FROM {table} WHERE task_id IN (SELECT id FROM tasks WHERE {copies})")
    stage.sql(f"DELETE FROM tasks WHERE {copies}")


def _count(table: str, where: str) -> str:
    return f"SELECT COUNT(*) FROM {table} {where}"
