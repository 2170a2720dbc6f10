"""The pool that the release brings, applied from a file that the chart mounts.

The chart cannot make it: Helm refuses an object whose definition comes with the same release. The pool
belongs to the ConfigMap that the file comes from, so it goes with the release.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import yaml

from nice_operator.cluster.api import JsonDocument, KubeApi
from nice_operator.domain.errors import InvalidInput
from nice_operator.ports import Term
from nice_operator.resources import API_VERSION

_log = logging.getLogger(__name__)

APPLY_EVERY = 6
"""Looks after which it is applied again though the file is the same: somebody may have deleted the pool."""
LOOK_EVERY = 10.0
"""Seconds between two looks at the file; an upgrade of the release changes it under us."""


class DefaultPool:
    """A ``ports.Duty``: says what the file says, once per term and whenever it changes."""

    name = "default pool"

    def __init__(
        self, api: KubeApi, file: Path, namespace: str, config_map: str, *, look_every: float = LOOK_EVERY
    ) -> None:
        """``config_map`` is the one that ``file`` comes from."""
        self._api = api
        self._file = file
        self._namespace = namespace
        self._config_map = config_map
        self._look_every = look_every

    async def lead(self, term: Term) -> None:
        """Until the term ends."""
        applied, looks = "", 0
        while True:
            text = await asyncio.to_thread(self._file.read_text, encoding="utf-8")
            if text != applied or looks >= APPLY_EVERY:
                await self._apply(_read(text, self._file))
                if text != applied:
                    _log.info("the default worker pool of %s is as the release says", self._namespace)
                applied, looks = text, 0
            looks += 1
            await asyncio.sleep(self._look_every)

    async def _apply(self, pool: JsonDocument) -> None:
        name = pool["metadata"]["name"]
        path = f"/apis/{API_VERSION}/namespaces/{self._namespace}/niceworkerpools/{name}"
        await self._api.apply(path, pool | {"metadata": pool["metadata"] | await self._owner()})

    async def _owner(self) -> JsonDocument:
        path = f"/api/v1/namespaces/{self._namespace}/configmaps/{self._config_map}"
        uid = (await self._api.get(path))["metadata"]["uid"]
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": self._config_map, "uid": uid}
        return {"ownerReferences": [owner]}


def _read(text: str, file: Path) -> JsonDocument:
    """Raises InvalidInput."""
    document: Any = yaml.safe_load(text)
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        raise InvalidInput(
            f"{file}: expected a NiceWorkerPool with metadata, found {type(document).__name__}"
        )
    return document
