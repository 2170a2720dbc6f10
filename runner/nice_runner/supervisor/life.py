"""One life of a worker, from its lock to its end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from nice_protocol.messages import Assign
from nice_runner.link import Link
from nice_runner.logs.attempt import AttemptLog
from nice_runner.logs.cloudwatch.shipper import Shipper
from nice_runner.logs.spool import Budget, Spool
from nice_runner.masking.mask import Secrets
from nice_runner.process.helper import Answer, Helper
from nice_runner.process.run import RunListener
from nice_runner.process.spares import Spares
from nice_runner.process.zygote import Zygote
from nice_runner.supervisor.attempt import Runner, Tools
from nice_runner.supervisor.departure import Departure, Patience
from nice_runner.supervisor.eligibility import Eligibility
from nice_runner.supervisor.hooks import SERIALIZE_LOG_EVENT, may_define
from nice_runner.supervisor.job import Surroundings, job_document
from nice_runner.supervisor.pulse import Pulse
from nice_runner.supervisor.readiness import Readiness
from nice_runner.supervisor.worker import Identity, Worker
from nice_runner.supervisor.zygote_watch import ZygoteWatch

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""How often leases are watched, unfinished lines shown, changed Secrets looked for, and probes answered."""


HELPER_OVERTIME = 60.0
"""Seconds that a log's helper may live longer than its run."""


@dataclass(frozen=True)
class Terms:
    """What all runs have in common. Characters of log: ``log_budget`` unacknowledged by the operator, over
    all runs; ``log_limit`` kept of one attempt. ``spares``: runners that are forked ahead. ``shipper`` brings
    logs to where they are kept for good, if that is not the operator; a leaving worker gives it
    ``last_lines`` seconds more."""

    surroundings: Surroundings
    log_budget: int
    log_limit: int
    spares: int = 0
    shipper: Shipper | None = None
    last_lines: float = 0.0


@dataclass(frozen=True)
class Signs:
    """What is seen of this worker from outside its pod."""

    readiness: Readiness
    pulse: Pulse


async def live(
    identity: Identity,
    link: Link,
    make_zygote: Callable[[], Zygote],
    terms: Terms,
    patience: Patience,
    signs: Signs,
) -> None:
    """Work until there is a reason to end, and leave no process behind."""
    zygote = make_zygote()
    spares = Spares(zygote, terms.spares)
    secrets = Secrets()
    zygote.on_secrets = secrets.learn
    worker = _make_worker(identity, zygote, spares, terms, signs.readiness, secrets)
    zygote.on_change = ZygoteWatch(zygote, worker, spares).changed
    zygote.start()
    departure = Departure(worker, patience)
    _listen_to_signals(departure)
    shipping = [] if terms.shipper is None else [terms.shipper.work()]
    tick = _tick(worker, zygote, signs.pulse)
    async with _background(_converse(link, worker), _beat(worker), tick, *shipping):
        await departure.wait()
        signs.readiness.show(available=False)
        if terms.shipper is not None:
            await terms.shipper.drain(terms.last_lines)
    spares.close()
    await zygote.stop()
    logger.info("ended")


async def _converse(link: Link, worker: Worker) -> None:
    """In dev mode the operator gives the runs of our former life to others as soon as it hears of this one.
    So it hears when there is a zygote for us, which is when the last of them is gone."""
    await worker.zygote_came.wait()
    await link.run(worker)


def _make_worker(
    identity: Identity,
    zygote: Zygote,
    spares: Spares,
    terms: Terms,
    readiness: Readiness,
    secrets: Secrets,
) -> Worker:
    budget = Budget(terms.log_budget)
    surroundings = terms.surroundings
    task_path = surroundings.task_path

    def fork(assign: Assign, listener: RunListener) -> Runner:
        process = spares.take()
        process.take(job_document(assign, surroundings), listener)
        return process

    def open_helper(
        assign: Assign, lifetime: float, on_answer: Callable[[Answer], None], on_end: Callable[[], None]
    ) -> Helper:
        return Helper(zygote, job_document(assign, surroundings, helper=True), lifetime, on_answer, on_end)

    def open_log(assign: Assign, changed: Callable[[], None]) -> AttemptLog:
        serializes = may_define(assign.execution, SERIALIZE_LOG_EVENT, task_path)
        helper = partial(open_helper, assign, assign.timeout + assign.grace + HELPER_OVERTIME)
        archive = terms.shipper.open(assign) if terms.shipper is not None else None
        mask = secrets.of(assign)
        helper_of = helper if serializes else None
        return AttemptLog(Spool(budget), terms.log_limit, helper_of, changed, archive, mask=mask)

    tools = Tools(
        may_run=Eligibility(open_helper, task_path, asyncio.get_running_loop().time, secrets.text).ask,
        fork=fork,
        open_log=open_log,
        changed=lambda attempt: worker.talk(attempt),
        declined=lambda attempt, why: worker.declined(attempt, why),
        freed=lambda attempt: worker.freed(attempt),
    )
    worker = Worker(identity, tools, readiness.show)
    return worker


def _listen_to_signals(departure: Departure) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, departure.terminate)
    loop.add_signal_handler(signal.SIGINT, departure.interrupt)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that closes does not concern us
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


async def _beat(worker: Worker) -> None:
    while True:
        worker.beat()
        await asyncio.sleep(worker.heartbeat_seconds)


async def _tick(worker: Worker, zygote: Zygote, pulse: Pulse) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        pulse.answer()
        zygote.look()
        worker.watch_lease()
        worker.show_unfinished_lines()


@asynccontextmanager
async def _background(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these beside the body; should one fail, so do we, rather than go on without it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        yield
        for task in tasks:
            task.cancel()
