"""Kubernetes, as far as more than one part of this side must agree on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class KubeAccess:
    """Where the API server is and who we are there.

    Nothing given: the pod's own service account, or else $KUBECONFIG or ~/.kube/config as kubectl reads
    them. ``kubeconfig`` names another file, ``context`` another context of it than its current one.
    """

    kubeconfig: Path | None = None
    context: str | None = None

    @property
    def given(self) -> bool:
        """Whether somebody chose it, so that the pod's own identity does not count."""
        return self.kubeconfig is not None or self.context is not None


@dataclass(frozen=True, slots=True)
class ShownTask:
    """A NiceTask as the API server shows it: its identity, which version of its spec it has, and its status
    as JSON with sorted keys. ``version`` is the object's resourceVersion."""

    namespace: str
    name: str
    uid: str
    generation: int
    version: str
    status: bytes


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A NiceTask in a list, without its inside. ``requested`` is its run-requested-at annotation, "" without
    one; ``going``: somebody deleted it and something else still holds it."""

    namespace: str
    name: str
    uid: str
    generation: int
    requested: str
    going: bool


class TaskObjects(Protocol):
    """NiceTasks as they are in the API server now. Raises NiceError when it does not tell."""

    async def list(self, namespace: str | None) -> Sequence[ListedTask]:
        """All of a namespace, or of all namespaces."""
        ...

    def pages(self, namespace: str | None) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """The same as whole objects, some at a time."""
        ...

    async def read(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The whole object, None when there is none of that name."""
        ...


class TaskStatuses(Protocol):
    """Whoever keeps the status of NiceTasks. Only called from the event loop's thread."""

    def begin(self) -> None:
        """Forget what was shown: all of it is about to be shown again, and then ``complete`` said. Until then
        nothing is written: what is recorded fires, and thousands of statuses would hold that up."""
        ...

    def complete(self) -> None:
        """All that there was has been shown."""
        ...

    def recorded(self, task: ShownTask) -> None:
        """What the object looks like now, and what it declares has just been recorded."""
        ...

    def shown(self, task: ShownTask) -> None:
        """What the object looks like now; what it declares was recorded before."""
        ...

    def gone(self, uid: str) -> None:
        """There is no such object any more."""
        ...
