"""Operators in a cluster that would run the same tasks as we: with databases of their own, so each twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.errors import KubeRefused
from nice_operator.domain.errors import Forbidden

SELECTOR = "app.kubernetes.io/name=nice-commander,app.kubernetes.io/component=operator"
DEPLOYMENTS = "/apis/apps/v1/deployments"
WATCHED = "NICE_WATCH_NAMESPACES"


@dataclass(frozen=True, slots=True)
class Rival:
    """A Deployment of operators. ``watched`` empty: every namespace."""

    namespace: str
    name: str
    watched: frozenset[str]

    def meets(self, namespaces: Collection[str]) -> bool:
        """Whether it looks after tasks of ``namespaces`` (empty: every one), too."""
        return not self.watched or not namespaces or bool(self.watched & set(namespaces))

    def __str__(self) -> str:
        where = ", ".join(sorted(self.watched)) or "all"
        return f"{self.namespace}/{self.name} (namespaces: {where})"


async def rivals_in(api: KubeApi, namespaces: Collection[str]) -> Sequence[Rival]:
    """Those that look after ``namespaces`` (empty: all) and have replicas. Raises Forbidden when we may not
    see Deployments, so that nobody can tell, and KubeUnavailable."""
    found: list[Rival] = []
    try:
        async for page in api.pages(DEPLOYMENTS, query={"labelSelector": SELECTOR}):
            found += [rival_of(each) for each in page if _lives(each)]
    except KubeRefused as refusal:
        raise Forbidden(f"nobody can tell whether an operator works in this cluster: {refusal}") from refusal
    return [rival for rival in found if rival.meets(namespaces)]


def rival_of(deployment: Mapping[str, Any]) -> Rival:
    """What a Deployment says of its operators."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    variables = [one for container in containers for one in container.get("env") or ()]
    watched = next((one.get("value") or "" for one in variables if one["name"] == WATCHED), "")
    metadata = deployment["metadata"]
    return Rival(metadata["namespace"], metadata["name"], frozenset(watched.replace(",", " ").split()))


def _lives(deployment: Mapping[str, Any]) -> bool:
    """Scaled to zero, and the last of its pods gone."""
    wanted = deployment["spec"].get("replicas", 1)
    return bool(wanted or (deployment.get("status") or {}).get("replicas"))
