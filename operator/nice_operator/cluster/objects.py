"""NiceTasks as they are in the API server now: ``ports.TaskObjects``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from nice_operator.cluster.api import JsonDocument, KubeApi
from nice_operator.cluster.errors import KubeRefused
from nice_operator.ports import ListedTask
from nice_operator.resources import API_VERSION, GROUP

PLURAL = "nicetasks"
_REQUESTED = f"{GROUP}/run-requested-at"


def tasks_path(namespace: str | None, name: str = "") -> str:
    """The path of one NiceTask, of those of a namespace, or of all."""
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{API_VERSION}{where}/{PLURAL}" + (f"/{name}" if name else "")


class KubeTaskObjects:
    """Lists ask for metadata alone; an object is read whole only when somebody looks at it."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    async def list(self, namespace: str | None) -> Sequence[ListedTask]:
        """All of a namespace, or of all namespaces."""
        found: list[ListedTask] = []
        async for page in self._api.pages(tasks_path(namespace), metadata_only=True):
            found += map(_listed, page)
        return found

    def pages(self, namespace: str | None) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """The same as whole objects, some at a time."""
        return self._api.pages(tasks_path(namespace))

    async def read(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The whole object, None when there is none of that name."""
        try:
            return await self._api.get(tasks_path(namespace, name))
        except KubeRefused as refusal:
            if refusal.status == 404 and refusal.reason == "NotFound":
                return None
            raise


def _listed(item: JsonDocument) -> ListedTask:
    metadata = item["metadata"]
    return ListedTask(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        int(metadata.get("generation") or 1),
        (metadata.get("annotations") or {}).get(_REQUESTED, ""),
        "deletionTimestamp" in metadata,
    )
