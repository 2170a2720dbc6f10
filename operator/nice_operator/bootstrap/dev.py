"""The dev mode from start to end: everything of one machine, wired."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nice_operator.bootstrap import sockets
from nice_operator.bootstrap.clock import SystemClock
from nice_operator.bootstrap.garbage import leave_what_stands
from nice_operator.bootstrap.greeting import greet
from nice_operator.bootstrap.log_copies import CopiedLogs, Copier
from nice_operator.bootstrap.parting import part
from nice_operator.bootstrap.serving import serving
from nice_operator.bootstrap.stopping import StopRequests
from nice_operator.engine.service import Engine
from nice_operator.engine.settings import EngineSettings
from nice_operator.folder import FolderSource
from nice_operator.lease.local import LocalLeadership, LocalWakeups
from nice_operator.local.data_dir import DataDirectory
from nice_operator.local.liveness import LockLiveness
from nice_operator.local.locks import OperatorLock
from nice_operator.local.worker import LocalWorker
from nice_operator.resources import spec_from_manifest
from nice_operator.settings import DevSettings
from nice_operator.store import SqlStore
from nice_operator.web.app import make_app
from nice_operator.web.definitions import Definitions, NoDefinitions
from nice_operator.web.options import LOOPBACK_HOSTS, WebOptions
from nice_operator.web.tokens import Tokens
from nice_operator.web.worker_link import make_link_app

if TYPE_CHECKING:
    from nice_operator.bootstrap.dev_kube import KubeSide

DEFAULT_NAMESPACE = "default"
DISPLACED = 1
"""The exit code of a server that ended because an operator came to its cluster."""


async def run_dev(settings: DevSettings) -> int:
    """Run until asked to stop, or displaced; returns the exit code. Raises NiceError when it cannot start."""
    requests = StopRequests()
    async with AsyncExitStack() as stack:
        stack.enter_context(requests.listening())
        kube = await _kube(settings, requests, stack)
        settings = kube.settings if kube else settings
        data = DataDirectory.prepare(settings.data)
        tokens = None if settings.tokens is None else Tokens(settings.tokens)
        stack.callback(OperatorLock.acquire(data.operator_lock).release)
        listeners = sockets.listen_on(settings.host, settings.port)
        port = listeners[0].getsockname()[1]
        engine = await stack.enter_async_context(_engine(settings, data, kube))
        definitions = await stack.enter_async_context(_definitions(settings, engine))
        options = _web_options(settings, kube.namespace if kube else DEFAULT_NAMESPACE)
        app = make_app(engine, definitions, options, tokens=tokens)
        await stack.enter_async_context(serving(app, listeners))
        worker = await _worker(settings, data, engine, stack)
        tasks = [summary.task for summary in await engine.tasks.list()]
        greet(settings, data, port, tasks, definitions.broken())
        leave_what_stands()
        await requests.drain.wait()
        await part(engine, worker, requests)
    return DISPLACED if kube is not None and kube.displaced.is_set() else 0


async def _kube(settings: DevSettings, requests: StopRequests, stack: AsyncExitStack) -> KubeSide | None:
    """The cluster whose tasks are run; None for those of a folder, which need nothing that it needs."""
    if settings.kube is None:
        return None
    from nice_operator.bootstrap.dev_kube import kube_side, looking_out, make_private

    side = await stack.enter_async_context(kube_side(settings, settings.kube))
    make_private(settings.data)
    await stack.enter_async_context(looking_out(side, requests))
    return side


def _web_options(settings: DevSettings, namespace: str) -> WebOptions:
    behind = settings.behind
    return WebOptions(
        namespace=namespace,
        hosts=LOOPBACK_HOSTS | behind.hosts | _own_name(settings.host),
        base_path=behind.base_path,
        view_only=settings.view_only,
        sync=settings.sync and not settings.view_only,
        proxy=behind.proxy,
        client_rate=settings.client_rate,
    )


def _own_name(host: str) -> frozenset[str]:
    """The address itself, which no foreign name can lead to by rebinding; "all addresses" is none."""
    wildcard = host in ("0.0.0.0", "::")  # noqa: S104  compared with, not listened on
    return frozenset() if wildcard else frozenset({f"[{host}]" if ":" in host else host})


@asynccontextmanager
async def _engine(settings: DevSettings, data: DataDirectory, kube: KubeSide | None) -> AsyncIterator[Engine]:
    """Store and engine. The lock on a file is the lease, so no worker stops runs for missed heartbeats, and
    each serves every pool."""
    store = await SqlStore.open(data.database, read_spec=spec_from_manifest)
    copier = Copier() if settings.log_to_stdout else None
    engine = Engine(
        store,
        store.logs if copier is None else CopiedLogs(store.logs, store, copier),
        LocalWakeups(),
        LockLiveness(data.worker_lock),
        SystemClock(),
        EngineSettings(
            lease=None,
            every_pool=True,
            view_only=settings.view_only,
            unhandled_errors=settings.unhandled_errors,
            only_server=True,
            undeclared_tasks=settings.undeclared_tasks,
            undeclared_timeout=settings.undeclared_timeout,
        ),
        leadership=LocalLeadership(),
    )
    if kube is not None:
        kube.join(engine, datetime.now(UTC))
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()
        await store.close()
        if copier is not None:
            copier.close()


@asynccontextmanager
async def _definitions(settings: DevSettings, engine: Engine) -> AsyncIterator[Definitions]:
    """The watched folder, read once before this yields; nothing where the folder is not to be read."""
    if not settings.sync or settings.view_only or settings.kube:
        yield NoDefinitions()
        return
    source = FolderSource(settings.folder, engine.tasks)
    await source.start()
    try:
        yield source
    finally:
        await source.stop()


async def _worker(
    settings: DevSettings, data: DataDirectory, engine: Engine, stack: AsyncExitStack
) -> LocalWorker:
    """The worker link, and the local worker that uses it."""
    link = [sockets.listen_on_path(data.operator_socket)]
    await stack.enter_async_context(serving(make_link_app(engine), link))
    worker = LocalWorker(data, settings.folder)
    if not settings.view_only:
        await worker.start()
        stack.push_async_callback(worker.stop_replacing)
    return worker
