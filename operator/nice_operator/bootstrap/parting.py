"""The last steps: let what runs finish, or stop it at the second request."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from nice_operator.bootstrap.console import say
from nice_operator.bootstrap.stopping import StopRequests
from nice_operator.engine.service import Engine
from nice_operator.engine.workers import WorkerRun
from nice_operator.local.worker import LocalWorker

FOREVER = 10.0**9
SAY_EVERY = 5.0
STOPPED_WITHIN = 60.0


async def part(engine: Engine, worker: LocalWorker, requests: StopRequests) -> None:
    """Drain, and tell how it goes. A second request makes the worker stop its runs and hand them back."""
    leaving = asyncio.create_task(_leave(engine, worker))
    hurrying = asyncio.create_task(requests.now.wait())
    telling = asyncio.create_task(_tell(engine))
    try:
        await asyncio.wait({leaving, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        if not leaving.done():
            await _hurry(leaving, engine, worker)
    finally:
        for task in (leaving, hurrying, telling):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _leave(engine: Engine, worker: LocalWorker) -> None:
    await worker.stop_replacing()
    await engine.drain(FOREVER)
    await worker.gone()


async def _hurry(leaving: asyncio.Task[None], engine: Engine, worker: LocalWorker) -> None:
    say("Stopping now: what runs is interrupted and runs again at the next start.")
    worker.interrupt()
    await engine.interrupt_external()
    done, _ = await asyncio.wait({leaving}, timeout=STOPPED_WITHIN)
    if not done:
        say("The worker did not leave; it is left alone, and the next start will find it.")


async def _tell(engine: Engine) -> None:
    while True:
        runs = [run for worker in engine.workforce.list() for run in worker.runs]
        if runs:
            say(f"Waiting for {_names(runs)} to finish. Press Ctrl-C again to stop now.")
        await asyncio.sleep(SAY_EVERY)


def _names(runs: list[WorkerRun]) -> str:
    names = sorted(run.task for run in runs)
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
