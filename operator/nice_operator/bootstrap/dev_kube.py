"""The dev mode on the tasks of a cluster: watched there, run here, told there."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from nice_operator.bootstrap.stopping import StopRequests
from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.contexts import context_of
from nice_operator.cluster.errors import KubeRefused
from nice_operator.cluster.events import EventPoster
from nice_operator.cluster.objects import KubeTaskObjects
from nice_operator.cluster.rivals import Rival, rivals_in
from nice_operator.cluster.status import StatusWriter
from nice_operator.domain.errors import Conflict, Forbidden, InvalidInput, Unavailable
from nice_operator.engine.service import Engine
from nice_operator.handlers.duty import KubernetesDuty
from nice_operator.handlers.watch import WatchSettings
from nice_operator.ports import Duty
from nice_operator.resources import API_VERSION
from nice_operator.settings import DevSettings, KubeSource

_log = logging.getLogger(__name__)

LOOK_EVERY = 15.0
"""Seconds between two looks for an operator that came to the cluster after us."""
LONGEST_NAME = 40
"""Of the part of a path that tells a context."""


@dataclass(frozen=True, slots=True)
class KubeSide:
    """The cluster, once it is known that its tasks may be run here. ``settings`` name it and its data;
    ``namespace`` is the one that the root paths serve. ``displaced``: an operator came to the cluster."""

    settings: DevSettings
    source: KubeSource
    api: KubeApi
    namespace: str
    displaced: asyncio.Event = field(default_factory=asyncio.Event)

    def join(self, engine: Engine, born: datetime) -> None:
        """Give the engine its duties there. What was due or asked for before ``born`` is not run by data that
        do not know the task yet."""
        if self.settings.sync and not self.settings.view_only:
            engine.take_on(duties=self._duties(engine, born))

    def _duties(self, engine: Engine, born: datetime) -> Sequence[Duty]:
        name = f"nicectl-dev-{socket.gethostname()}"
        status = StatusWriter(engine.store, self.api, engine.wakeups, EventPoster(self.api, name))
        watch = WatchSettings(self.source.access, self.source.namespaces)
        objects = KubeTaskObjects(self.api)
        return [KubernetesDuty(watch, engine.tasks, objects, status.book, born=born), status]


@asynccontextmanager
async def kube_side(settings: DevSettings, source: KubeSource) -> AsyncIterator[KubeSide]:
    """Raises InvalidInput without a way to the cluster or without its resource definitions, Conflict when an
    operator there runs the same tasks, Forbidden when nobody can tell."""
    context = await context_of(source.access)
    source = replace(source, context=context.name)
    api = await KubeApi.connect(source.access)
    try:
        await _require_definitions(api, source)
        if not source.beside and settings.sync and not settings.view_only:
            await _require_alone(api, source)
        data = settings.data / f"kube-{folder_name(context.name)}"
        named = replace(settings, kube=source, data=data)
        yield KubeSide(named, source, api, (*source.namespaces, context.namespace or "default")[0])
    finally:
        await api.close()


@asynccontextmanager
async def looking_out(
    side: KubeSide, requests: StopRequests, every: float = LOOK_EVERY
) -> AsyncIterator[None]:
    """Meanwhile an operator that comes to the cluster ends this server: two would run everything twice."""
    if side.source.beside or not side.settings.sync or side.settings.view_only:
        yield
        return
    looking = asyncio.create_task(_look_out(side, requests, every), name="look-out")
    try:
        yield
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def _look_out(side: KubeSide, requests: StopRequests, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            rivals = await rivals_in(side.api, side.source.namespaces)
        except (Unavailable, Forbidden) as error:
            _log.warning("whether an operator came to the cluster cannot be told: %s", error)
            continue
        if rivals:
            _log.error("%s. This server drains and ends", _refusal(rivals, side.source))
            side.displaced.set()
            requests.drain.set()
            return


async def _require_definitions(api: KubeApi, source: KubeSource) -> None:
    try:
        await api.get(f"/apis/{API_VERSION}")
    except KubeRefused as refusal:
        if refusal.status != 404:
            raise
        raise InvalidInput(
            f"the cluster of context {source.context} knows no NiceTask ({API_VERSION}); make it known with "
            "kubectl apply --server-side -f crds/"
        ) from None


async def _require_alone(api: KubeApi, source: KubeSource) -> None:
    try:
        rivals = await rivals_in(api, source.namespaces)
    except Forbidden as error:
        raise Forbidden(
            f"{error}. Ask somebody who may list Deployments, or, if you know that none does, say "
            "--beside-operator"
        ) from error
    if rivals:
        raise Conflict(_refusal(rivals, source))


def _refusal(rivals: Sequence[Rival], source: KubeSource) -> str:
    ours = ", ".join(source.namespaces) or "all namespaces"
    return (
        f"operators of context {source.context} look after tasks of {ours}, too: "
        f"{', '.join(map(str, rivals))}. Each task would run twice, there and here, and both would write its "
        "status. Choose namespaces that they do not watch (-n NAME), scale them to zero, or say "
        "--beside-operator if that is what you want"
    )


def folder_name(context: str) -> str:
    """A context's name as that of a folder; no two contexts share one."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", context)[:LONGEST_NAME]
    return plain if plain == context else f"{plain}-{hashlib.sha256(context.encode()).hexdigest()[:8]}"


def make_private(folder: Path) -> None:
    """The folder above the data of each context is as private as they are."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(
            f"data directory {folder}: cannot be made ({error.strerror}); name another with --data DIR"
        ) from None
