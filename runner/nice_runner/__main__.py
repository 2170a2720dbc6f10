"""``python -m nice_runner``: a worker, until it is told to leave. With ``install-zygote DIR``: see
``install``."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nice_runner.install import install_zygote
from nice_runner.link import Address, Backoff, Link
from nice_runner.lock import LockHeld, take_lock
from nice_runner.logs.cloudwatch.client import Place
from nice_runner.logs.cloudwatch.courier import Courier
from nice_runner.logs.cloudwatch.shipper import Shipper
from nice_runner.logs.ring import Ring, Unusable
from nice_runner.process.child_zygote import ChildZygote, ZygotePlan
from nice_runner.process.neighbour_zygote import NeighbourZygote
from nice_runner.process.zygote import Zygote
from nice_runner.settings import BadSettings, CloudLogs, Settings, read_settings
from nice_runner.supervisor.departure import Patience
from nice_runner.supervisor.job import Surroundings
from nice_runner.supervisor.life import Signs, Terms, live
from nice_runner.supervisor.pulse import Pulse
from nice_runner.supervisor.readiness import Readiness
from nice_runner.supervisor.worker import Identity

EX_CANNOT_INSTALL, EX_USAGE, EX_LOCKED = 1, 2, 3

PR_SET_DUMPABLE = 4

INSTALL = "install-zygote"


def main() -> int:
    """Returns the exit code: 0 left in order, 1 the zygote could not be installed, 2 bad settings or a
    folder that cannot be used, 3 another worker holds the lock."""
    if sys.argv[1:2] == [INSTALL]:
        return _install(sys.argv[2:])
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    try:
        settings = read_settings(sys.argv[1:], os.environ)
        _work(settings)
    except BadSettings as mistakes:
        print(f"nice-runner: the settings cannot be used:\n{mistakes}", file=sys.stderr)
        return EX_USAGE
    except Unusable as unusable:
        print(f"nice-runner: logs cannot wait for CloudWatch: {unusable}", file=sys.stderr)
        return EX_USAGE
    except LockHeld as held:
        print(f"nice-runner: {held}", file=sys.stderr)
        return EX_LOCKED
    return 0


def _work(settings: Settings) -> None:
    _hide_from_runs()
    identity = Identity(settings.worker_name, settings.pool, settings.slots, dict(settings.labels))
    held = _lock(settings, identity)
    surroundings = Surroundings(settings.task_path, settings.unhandled_errors)
    terms = Terms(
        surroundings,
        settings.log_budget,
        settings.log_limit,
        settings.spare_runners,
        _shipper(settings.cloud_logs, identity),
        settings.cloud_logs.drain_seconds if settings.cloud_logs else 0.0,
    )
    patience = Patience(settings.drain_seconds, settings.alone_seconds, settings.drained_seconds)
    signs = Signs(Readiness(settings.ready_file), Pulse(settings.pulse_file))
    asyncio.run(live(identity, _link(settings), _zygote(settings, held), terms, patience, signs))


def _shipper(logs: CloudLogs | None, identity: Identity) -> Shipper | None:
    """What is found in the folder is sent, so it must be nobody else's: it has a lock."""
    if logs is None:
        return None
    ring = Ring(logs.spool, logs.spool_bytes)
    take_lock(logs.spool / "lock", identity.session, identity.name)
    return Shipper(Courier(Place(logs.group, logs.region, logs.endpoint)), ring)


def _zygote(settings: Settings, held: tuple[int, ...]) -> Callable[[], Zygote]:
    if settings.zygote_socket is not None:
        return partial(NeighbourZygote, settings.zygote_socket)
    plan = ZygotePlan(settings.runner_environment, settings.preload, settings.task_path, held)
    return partial(ChildZygote, plan)


def _link(settings: Settings) -> Link:
    local = settings.operator_socket is not None
    backoff = Backoff(0.05, 0.5) if local else Backoff(0.5, 15)
    address = Address(settings.operator_socket, settings.operator_url, settings.token_file, settings.ca_file)
    return Link(address, backoff)


def _install(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(f"usage: nice-runner {INSTALL} DIR", file=sys.stderr)
        return EX_USAGE
    try:
        print(f"nice-runner: the zygote is in {install_zygote(Path(arguments[0]))}")
    except OSError as error:
        print(f"nice-runner: cannot install the zygote in {arguments[0]}: {error}", file=sys.stderr)
        return EX_CANNOT_INSTALL
    return 0


def _lock(settings: Settings, identity: Identity) -> tuple[int, ...]:
    if settings.data is None:
        return ()
    return (take_lock(settings.data / "worker.lock", identity.session, identity.name),)


def _hide_from_runs() -> None:
    """Runs of the same user shall read neither our memory nor our environment."""
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
