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
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
import uvloop
from aiohttp import web

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.domain.task import TaskDefinition
from nice_operator.engine.planning import plan_put
from nice_operator.engine.service import Engine
from nice_operator.lease.local import LocalWakeups
from nice_operator.local.liveness import LockLiveness
from nice_operator.resources import read_definition, spec_from_manifest
from nice_operator.store import SqlStore
from nice_operator.store.dialect import connect, read_url
from nice_operator.store.sql_store import system_clock
from nice_operator.web.app import RUNNER_OPTIONS, make_app

AT_ONCE = 100
NOTICE_SECONDS = 0.1
GIVE_UP_SECONDS = 60.0
TRIAL = 300
"""Tasks that are loaded first, due in the far future, to tell how long loading will take here."""
FAR_SECONDS = 1_000_000
MARGIN = 1.5
SPARE_SECONDS = 4.0


async def serve(url: str, count: int) -> None:
    """Load, wait for the moment, tell, end."""
    store = await SqlStore.open(url, read_spec=spec_from_manifest)
    began = time.time()
    await _load(store, "trial", TRIAL, int(began) + FAR_SECONDS)
    lead = (time.time() - began) / TRIAL * count * MARGIN + SPARE_SECONDS
    due = int(time.time() + lead)
    await _load(store, "due", count, due)
    if time.time() > due - 1:
        raise SystemExit(f"loading {count} tasks took longer than the {lead:.0f} s that a trial told")
    engine = Engine(store, store.logs, LocalWakeups(), LockLiveness(Path("no-worker")), SystemClock())
    await engine.start()
    runner = web.AppRunner(make_app(engine), **RUNNER_OPTIONS)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    _say(port=runner.addresses[0][1], due=due * 1_000_000)
    last = await asyncio.to_thread(_await_runs, url, count, due + GIVE_UP_SECONDS)
    _say(last=last)
    await runner.cleanup()
    await engine.stop()
    await store.close()


async def _load(store: SqlStore, prefix: str, count: int, due: int) -> None:
    now = await store.now()
    definitions = list(_definitions(prefix, count, due))
    for first in range(0, count, AT_ONCE):
        batch = definitions[first : first + AT_ONCE]
        await asyncio.gather(*(store.put_task(plan_put(one, None, now)) for one in batch))


def _definitions(prefix: str, count: int, due: int) -> Iterator[TaskDefinition]:
    spec = {
        "runAt": datetime.fromtimestamp(due, UTC).isoformat().replace("+00:00", "Z"),
        "timeoutAfter": "1 minute",
        "run": {"external": {}},
    }
    kind = {"apiVersion": "nicecommander.dev/v1beta1", "kind": "NiceTask"}
    for number in range(count):
        name = f"{prefix}-{number:05}"
        document = {**kind, "metadata": {"name": name}, "spec": spec}
        yield read_definition(document, uid=name, generation=1)


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
