"""A server whose tasks are all due in the same second: ``python -m benchmarks.due_server URL COUNT``.

The real engine, store and HTTP API, on any database that the store knows. Nobody executes the tasks (they
are external), so what is measured is recording alone. Says, as JSON lines: where it listens and when the
tasks are due (microseconds since 1970), then when the last run was recorded.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvloop
from aiohttp import web

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.bootstrap.garbage import leave_what_stands
from nice_operator.domain.ids import TaskId, uuid7
from nice_operator.domain.task import TaskDefinition
from nice_operator.engine.planning import plan_put
from nice_operator.engine.service import Engine
from nice_operator.lease.local import LocalWakeups
from nice_operator.local.liveness import LockLiveness
from nice_operator.resources import read_definition, spec_from_manifest
from nice_operator.store import SqlStore
from nice_operator.store.dialect import connect, read_url
from nice_operator.store.sql_store import system_clock
from nice_operator.store.tables import task_versions, tasks
from nice_operator.web.app import make_app
from nice_operator.web.server import RUNNER_OPTIONS, HttpRunner

NOTICE_SECONDS = 0.1
GIVE_UP_SECONDS = 60.0
LEAD_SECONDS = 20.0


async def serve(url: str, count: int) -> None:
    """Load, wait for the moment, tell, end."""
    store = await SqlStore.open(url, read_spec=spec_from_manifest)
    due = int(time.time() + LEAD_SECONDS)
    first = await store.put_task(plan_put(_definition(due), None, await store.now()))
    await asyncio.to_thread(_multiply, url, first.id, count)
    if time.time() > due - 1:
        raise SystemExit(f"making {count} tasks took longer than {LEAD_SECONDS:g} s")
    engine = Engine(store, store.logs, LocalWakeups(), LockLiveness(Path("no-worker")), SystemClock())
    await engine.start()
    runner = HttpRunner(make_app(engine), **RUNNER_OPTIONS)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    leave_what_stands()
    _say(port=runner.addresses[0][1], due=due * 1_000_000)
    last = await asyncio.to_thread(_await_runs, url, count, due + GIVE_UP_SECONDS)
    _say(last=last)
    await runner.cleanup()
    await engine.stop()
    await store.close()


def _definition(due: int) -> TaskDefinition:
    document = {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceTask",
        "metadata": {"name": "due-0"},
        "spec": {
            "runAt": datetime.fromtimestamp(due, UTC).isoformat().replace("+00:00", "Z"),
            "timeoutAfter": "1 minute",
            "run": {"external": {}},
        },
    }
    return read_definition(document, uid="due-0", generation=1)


def _multiply(url: str, first: TaskId, count: int) -> None:
    """``count`` tasks like the first one, as rows: loading is another figure than firing."""
    engine = connect(read_url(url), writer=True, size=1, clock=system_clock)
    ids = [first, *(TaskId(uuid7()) for _ in range(count - 1))]
    try:
        with engine.begin() as connection:
            task = dict(connection.execute(sa.select(tasks)).mappings().one())
            version = dict(connection.execute(sa.select(task_versions)).mappings().one())
            named = [_named(task, identity, number) for number, identity in enumerate(ids)][1:]
            connection.execute(sa.insert(tasks), named)
            connection.execute(sa.insert(task_versions), [{**version, "task_id": one} for one in ids[1:]])
    finally:
        engine.dispose()


def _named(task: dict[str, Any], identity: TaskId, number: int) -> dict[str, Any]:
    name = f"due-{number}"
    return {**task, "id": identity, "name": name, "task_name": name, "uid": name}


def _await_runs(url: str, count: int, give_up: float) -> int:
    """When the last of ``count`` runs was recorded."""
    engine = connect(read_url(url), writer=False, size=1, clock=system_clock)
    try:
        while True:
            with engine.connect() as connection:
                found, last = connection.execute(sa.text("SELECT COUNT(*), MAX(created_at) FROM runs")).one()
            if found == count:
                return int(last)
            if time.time() > give_up:
                raise SystemExit(f"only {found} of {count} runs were recorded in time")
            time.sleep(NOTICE_SECONDS)
    finally:
        engine.dispose()


def _say(**facts: int) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
