"""The job API on any database: ``python -m benchmarks.job_server URL``; says its port as a JSON line.

The real engine, store and HTTP server, wired as the dev mode does, without a folder and without a worker of
its own. Ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.bootstrap.garbage import leave_what_stands
from nice_operator.engine.service import Engine
from nice_operator.engine.settings import EngineSettings
from nice_operator.lease.local import LocalWakeups
from nice_operator.local.liveness import LockLiveness
from nice_operator.resources import spec_from_manifest
from nice_operator.store import SqlStore
from nice_operator.web.app import RUNNER_OPTIONS, make_app

DESCRIPTORS = 8_192


async def serve(url: str) -> None:
    """Serve until asked to end."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    store = await SqlStore.open(url, read_spec=spec_from_manifest)
    settings = EngineSettings(only_server=True, undeclared_tasks=True)
    liveness = LockLiveness(Path("no-worker"))
    engine = Engine(store, store.logs, LocalWakeups(), liveness, SystemClock(), settings)
    await engine.start()
    runner = web.AppRunner(make_app(engine), **RUNNER_OPTIONS, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    leave_what_stands()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await ended.wait()
    await engine.stop()
    await runner.cleanup()
    await store.close()


def raise_descriptors() -> None:
    """Room for a thousand connections and more, as far as the machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    raise_descriptors()
    uvloop.run(serve(sys.argv[1]))
