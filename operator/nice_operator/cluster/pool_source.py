"""Which NiceWorkerPools there are, for every replica: listed again and again.

There are few pools, every replica must know them, and a list cannot stall, miss a deletion or run out of
versions as a watch can. Whoever watches may tell of a change earlier (``shown``, ``gone``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.errors import KubeRefused
from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.pool import Pool
from nice_operator.ports import Clock, PoolCondition, PoolNews, PoolSink
from nice_operator.resources import API_VERSION, read_pool

_log = logging.getLogger(__name__)

EVERY = 3.0
"""Seconds between two lists."""
EVERY_PER_NAMESPACE = 0.25
"""Seconds that each namespace with a list of its own adds."""

PLURAL = "niceworkerpools"


def pools_path(namespace: str = "", name: str = "") -> str:
    """Where pools are in the API."""
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{API_VERSION}{where}/{PLURAL}" + (f"/{name}" if name else "")


class PoolSource:
    """A service of every replica. ``namespaces`` empty: all of the cluster's. ``news``: who is told what the
    leader writes into their status."""

    name = "pools listing"

    def __init__(
        self,
        api: KubeApi,
        sink: PoolSink,
        clock: Clock,
        namespaces: Sequence[str] = (),
        news: PoolNews | None = None,
    ) -> None:
        self._api = api
        self._sink = sink
        self._news = news
        self._said: dict[str, dict[str, Sequence[PoolCondition]]] = {}
        self._clock = clock
        self._namespaces = tuple(namespaces) or ("",)
        self._found: dict[str, dict[str, Pool]] = {}
        self._missing: set[tuple[str, str]] = set()
        self._unreadable: set[str] = set()

    async def run(self, beat: Callable[[], None]) -> None:
        """List until cancelled."""
        pause = EVERY + EVERY_PER_NAMESPACE * (len(self._namespaces) - 1)
        while True:
            await self.look()
            beat()
            await self._clock.sleep(pause)

    async def look(self) -> None:
        """List once, and tell."""
        for namespace in self._namespaces:
            await self._list(namespace)
        pools = [pool for found in self._found.values() for pool in found.values()]
        self._sink.replace(pools)
        if self._news is not None:
            self._news.said({name: said for each in self._said.values() for name, said in each.items()})

    def shown(self, document: Mapping[str, Any]) -> None:
        """A pool is there and looks like this."""
        pool = _read(document)
        if pool is not None:
            self._sink.put(pool)

    def gone(self, namespace: str, name: str, uid: str) -> None:
        """A pool is gone; one of the same name that was made since is not."""
        for found in self._found.values():
            if found.get(f"{namespace}/{name}") and found[f"{namespace}/{name}"].uid == uid:
                del found[f"{namespace}/{name}"]
                self._sink.delete(namespace, name)

    async def _list(self, namespace: str) -> None:
        """One namespace; where we may not look, what was known stays."""
        try:
            pages = [page async for page in self._api.pages(pools_path(namespace))]
        except KubeRefused as refusal:
            if namespace not in self._unreadable:
                _log.warning("the worker pools of %s stay unknown: %s", namespace or "the cluster", refusal)
                self._unreadable.add(namespace)
            return
        self._unreadable.discard(namespace)
        documents = [document for page in pages for document in page]
        self._said[namespace] = {_name(document): _conditions(document) for document in documents}
        read = [_read(document) for document in documents]
        self._take(namespace, {pool.full_name: pool for pool in read if pool is not None})

    def _take(self, namespace: str, listed: dict[str, Pool]) -> None:
        """A pool that is missing once may be missing from the answer alone; the second time it is gone."""
        known = self._found.get(namespace, {})
        missing = {(namespace, name) for name in known.keys() - listed.keys()}
        kept = {name: known[name] for _, name in missing - self._missing}
        self._missing = {each for each in self._missing if each[0] != namespace} | missing
        self._found[namespace] = kept | listed


def _read(document: Mapping[str, Any]) -> Pool | None:
    try:
        return read_pool(_filled(document)).pool
    except InvalidInput as refusal:
        _log.warning("an object among the worker pools is none: %s", refusal)
        return None


def _name(document: Mapping[str, Any]) -> str:
    metadata = document.get("metadata") or {}
    return f"{metadata.get('namespace')}/{metadata.get('name')}"


def _conditions(document: Mapping[str, Any]) -> Sequence[PoolCondition]:
    """As the leader wrote them; what was said of an earlier generation is no news of this one."""
    generation = (document.get("metadata") or {}).get("generation")
    found = (document.get("status") or {}).get("conditions") or ()
    return [
        PoolCondition(
            str(each.get("type")),
            each.get("status") == "True",
            str(each.get("reason") or ""),
            str(each.get("message") or ""),
        )
        for each in found
        if isinstance(each, Mapping) and each.get("observedGeneration", generation) == generation
    ]


def _filled(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """In a list, the API server leaves kind and version to the list."""
    return {"apiVersion": API_VERSION, "kind": "NiceWorkerPool", **document}
