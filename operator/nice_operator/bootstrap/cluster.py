"""The cluster form from start to end: one replica, wired."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from nice_operator.bootstrap import sockets
from nice_operator.bootstrap.certificate import ServerCertificate
from nice_operator.bootstrap.clock import SystemClock
from nice_operator.bootstrap.coordination import Coordination, coordination
from nice_operator.bootstrap.garbage import leave_what_stands
from nice_operator.bootstrap.log_store import LogKeeping, log_keeping
from nice_operator.bootstrap.serving import serving
from nice_operator.bootstrap.stopping import StopRequests
from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.default_pool import DefaultPool
from nice_operator.cluster.events import EventPoster
from nice_operator.cluster.gate import TokenReviewGate
from nice_operator.cluster.obituaries import PodObituaries
from nice_operator.cluster.objects import KubeTaskObjects
from nice_operator.cluster.pool_deployment import Installation
from nice_operator.cluster.pool_source import PoolSource
from nice_operator.cluster.pools import KubePools
from nice_operator.cluster.status import StatusWriter
from nice_operator.domain.errors import InvalidInput, Unavailable
from nice_operator.engine.pool_keeper import PoolKeeper
from nice_operator.engine.service import Engine
from nice_operator.engine.settings import EngineSettings
from nice_operator.handlers.duty import KubernetesDuty
from nice_operator.handlers.watch import WatchSettings
from nice_operator.lease.liveness import LeasesDecide
from nice_operator.lease.redis_place import RedisPlace
from nice_operator.ports import Duty, KubeAccess
from nice_operator.resources import spec_from_manifest
from nice_operator.settings import ClusterSettings
from nice_operator.settings.logs import CloudWatchSettings
from nice_operator.store import SqlStore
from nice_operator.store.place import DatabasePlace
from nice_operator.web.app import make_app
from nice_operator.web.options import LOOPBACK_HOSTS, WebOptions
from nice_operator.web.tokens import Tokens

_log = logging.getLogger(__name__)
T = TypeVar("T")

TRY_AGAIN = 1.0
"""Seconds between two tries to reach a database that is not there yet."""
LEAVE_SECONDS = 2.0
"""How long new requests are still taken after the order to stop: until nobody is sent to us any more."""


async def run_cluster(settings: ClusterSettings) -> int:
    """Run until asked to stop; returns the exit code. Raises NiceError when it cannot start."""
    requests = StopRequests()
    async with AsyncExitStack() as stack:
        stack.enter_context(requests.listening())
        listeners = sockets.listen_on(settings.host, settings.port)
        tokens = Tokens(settings.tokens)
        api = await KubeApi.connect(KubeAccess())
        stack.push_async_callback(api.close)
        store = await _store(settings, requests)
        if store is None:
            return 0
        stack.push_async_callback(store.close)
        redis = await _redis(settings, requests)
        together = await stack.enter_async_context(coordination(store, settings.pod, redis, SystemClock()))
        logs = log_keeping(store, settings.logs)
        stack.callback(logs.close)
        certificate = await _certificate(settings, requests)
        if settings.tls is not None and certificate is None:
            return 0
        engine = _engine(settings, store, logs, together, api)
        if certificate is not None:
            engine.take_on([certificate])
        app = make_app(
            engine, options=_web_options(settings), tokens=tokens, gate=TokenReviewGate(api, SystemClock())
        )
        await stack.enter_async_context(_running(engine))
        tls = None if certificate is None else certificate.context
        await stack.enter_async_context(serving(app, listeners, tls))
        _log.info("replica %s serves port %d", settings.pod, listeners[0].getsockname()[1])
        leave_what_stands()
        await requests.drain.wait()
        _log.info("replica %s ends; what its workers run goes on", settings.pod)
        await asyncio.sleep(LEAVE_SECONDS)
    return 0


async def _store(settings: ClusterSettings, requests: StopRequests) -> SqlStore | None:
    place = DatabasePlace(settings.database)
    return await _patiently(
        "the database", requests, lambda: SqlStore.open(place, read_spec=spec_from_manifest)
    )


async def _redis(settings: ClusterSettings, requests: StopRequests) -> RedisPlace | None:
    """Where Redis is; None where there is none. Its server need not answer yet."""
    if settings.redis is None:
        return None
    place = RedisPlace(settings.redis)

    async def read() -> RedisPlace:
        place.read()
        return place

    return await _patiently("the files that say where Redis is", requests, read)


async def _certificate(settings: ClusterSettings, requests: StopRequests) -> ServerCertificate | None:
    """None where we speak plain HTTP, or when asked to stop before it was there."""
    if settings.tls is None:
        return None
    folder = settings.tls

    async def read() -> ServerCertificate:
        return ServerCertificate(folder, SystemClock())

    return await _patiently("the certificate", requests, read)


async def _patiently(what: str, requests: StopRequests, attempt: Callable[[], Awaitable[T]]) -> T | None:
    """As soon as it can be had: a Secret or a server may come after us. None when asked to stop."""
    told = ""
    while not requests.drain.is_set():
        try:
            return await attempt()
        except (Unavailable, InvalidInput) as error:
            if str(error) != told:
                _log.warning("waiting for %s: %s", what, error)
            told = str(error)
        await asyncio.sleep(TRY_AGAIN)
    return None


def _engine(
    settings: ClusterSettings, store: SqlStore, logs: LogKeeping, together: Coordination, api: KubeApi
) -> Engine:
    clock = SystemClock()
    engine = Engine(
        store,
        logs.store,
        together.wakeups,
        LeasesDecide(),
        clock,
        EngineSettings(
            replica=settings.pod,
            release_namespace=settings.namespace,
            view_only=settings.view_only,
            undeclared_tasks=settings.undeclared_tasks,
            undeclared_timeout=settings.undeclared_timeout,
        ),
        leadership=together.leadership,
        obituaries=PodObituaries(api, clock),
    )
    source = PoolSource(api, engine.pools, clock, _namespaces_with_pools(settings), engine.pool_overview)
    engine.take_on([source], [*_duties(settings, engine, api, source), *logs.duties])
    return engine


def _namespaces_with_pools(settings: ClusterSettings) -> tuple[str, ...]:
    """Where pools are looked for: everywhere, or where we may look."""
    return tuple(dict.fromkeys((*settings.watched, *settings.with_pools))) if settings.watched else ()


def _duties(settings: ClusterSettings, engine: Engine, api: KubeApi, source: PoolSource) -> list[Duty]:
    status = StatusWriter(engine.store, api, engine.wakeups, EventPoster(api, settings.pod))
    watch = WatchSettings(KubeAccess(), settings.watched)
    kubernetes = KubernetesDuty(
        watch, engine.tasks, KubeTaskObjects(api), status.book, pools=engine.pools, pool_events=source
    )
    cluster = KubePools(api, _installation(settings))
    engine.pool_overview.cluster = cluster
    keeper = PoolKeeper(engine.pools, engine.store, cluster, engine.wakeups, engine.clock)
    return [kubernetes, status, keeper, *_brought(settings, api)]


def _brought(settings: ClusterSettings, api: KubeApi) -> list[Duty]:
    file, config_map = settings.default_pool, settings.default_pool_config_map
    return [] if file is None else [DefaultPool(api, file, settings.namespace, config_map)]


def _installation(settings: ClusterSettings) -> Installation:
    workers = settings.workers
    return Installation(
        namespace=settings.namespace,
        operator_url=workers.operator_url,
        image=workers.image,
        pull_policy=workers.pull_policy,
        pull_secrets=workers.pull_secrets,
        service_account=workers.service_account,
        environment=_log_environment(settings.logs),
        aws_secret=settings.logs.credentials if settings.logs else "",
        authority=workers.authority,
    )


def _log_environment(logs: CloudWatchSettings | None) -> tuple[Mapping[str, str], ...]:
    """What tells the supervisors of workers where logs go; nothing where they go to us alone."""
    if logs is None:
        return ()
    values = {
        "NICE_LOGS_BACKEND": "cloudwatch",
        "NICE_LOGS_GROUP": logs.group,
        "NICE_LOGS_REGION": logs.region,
        "NICE_LOGS_ENDPOINT_URL": logs.endpoint,
    }
    return tuple({"name": name, "value": value} for name, value in values.items() if value)


def _web_options(settings: ClusterSettings) -> WebOptions:
    return WebOptions(
        namespace=settings.namespace,
        hosts=LOOPBACK_HOSTS | settings.behind.hosts,
        base_path=settings.behind.base_path,
        view_only=settings.view_only,
        proxy=settings.behind.proxy,
        client_rate=settings.client_rate,
    )


@asynccontextmanager
async def _running(engine: Engine) -> AsyncIterator[None]:
    await engine.start()
    try:
        yield
    finally:
        await engine.stop()
