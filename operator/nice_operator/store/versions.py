"""Task versions, read once: a version never changes, so what was parsed stays parsed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.run import JsonObject
from nice_operator.domain.task import TaskDefinition, TaskSpec
from nice_operator.store.manifests import Written
from nice_operator.store.tables import task_versions, tasks
from nice_operator.store.tx import Tx

CACHED = 20_000
"""Versions kept parsed: twice the 10,000 tasks that one server is built for."""


class ReadSpec(Protocol):
    """Turns a stored manifest into the specification it declares; it was accepted once, so it is good."""

    def __call__(self, manifest: JsonObject, /, *, namespace: str, name: str) -> TaskSpec: ...


@dataclass(frozen=True, slots=True)
class VersionKey:
    """One generation of one task."""

    task_id: UUID
    generation: int


@dataclass(frozen=True, slots=True)
class Version:
    """What a version says, with the names of its task, which never change."""

    namespace: str
    name: str
    manifest: Written
    spec: TaskSpec


def key_of(row: Mapping[str, Any]) -> VersionKey:
    """Of a row of ``task_versions`` that is being written."""
    return VersionKey(row["task_id"], row["generation"])


def version_of(definition: TaskDefinition, row: Mapping[str, Any]) -> Version:
    """What would be read from the row of ``task_versions`` that is being written for a good definition.
    Should it not be committed, nobody asks."""
    assert definition.spec is not None  # noqa: S101  only good definitions come here
    return Version(definition.namespace, definition.name, Written(row["manifest"]), definition.spec)


class Versions:
    """Reads versions through a bounded cache. Safe to use from several threads."""

    def __init__(self, read_spec: ReadSpec) -> None:
        self._read_spec = read_spec
        self._cache: OrderedDict[VersionKey, Version] = OrderedDict()
        self._lock = threading.Lock()

    def one(self, tx: Tx, task_id: UUID, generation: int) -> Version:
        """A version that exists."""
        key = VersionKey(task_id, generation)
        return self.many(tx, [key])[key]

    def many(self, tx: Tx, keys: Iterable[VersionKey]) -> Mapping[VersionKey, Version]:
        """Versions that exist, from the cache or with one query for all the others."""
        wanted = set(keys)
        found = self._cached(wanted)
        absent = wanted - found.keys()
        if absent:
            found.update(self._load(tx, absent))
        return found

    def keep(self, known: Mapping[VersionKey, Version], replaced: Collection[VersionKey] = ()) -> None:
        """Versions that are being written now, so that nobody need read them. Those that they replace are let
        go: only runs that were made before ask for them."""
        self._remember(known)
        with self._lock:
            for key in replaced:
                self._cache.pop(key, None)

    def _cached(self, wanted: Collection[VersionKey]) -> dict[VersionKey, Version]:
        with self._lock:
            found = {key: self._cache[key] for key in wanted if key in self._cache}
            for key in found:
                self._cache.move_to_end(key)
        return found

    def _load(self, tx: Tx, absent: Collection[VersionKey]) -> dict[VersionKey, Version]:
        loaded: dict[VersionKey, Version] = {}
        ids = sorted({key.task_id for key in absent})
        for start in range(0, len(ids), 500):
            for row in tx.all(_stored(ids[start : start + 500])):
                key = VersionKey(row.task_id, row.generation)
                if key in absent:
                    loaded[key] = self._parse(row)
        self._remember(loaded)
        return loaded

    def _parse(self, row: sa.Row[tuple[object, ...]]) -> Version:
        manifest = Written(row.manifest)
        spec = self._read_spec(manifest.read(), namespace=row.namespace, name=row.name)
        return Version(row.namespace, row.name, manifest, spec)

    def _remember(self, loaded: Mapping[VersionKey, Version]) -> None:
        with self._lock:
            self._cache.update(loaded)
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)


def _stored(ids: Collection[UUID]) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(
            task_versions.c.task_id,
            task_versions.c.generation,
            task_versions.c.manifest,
            tasks.c.namespace,
            tasks.c.name,
        )
        .join(tasks, tasks.c.id == task_versions.c.task_id)
        .where(task_versions.c.task_id.in_(ids))
    )
