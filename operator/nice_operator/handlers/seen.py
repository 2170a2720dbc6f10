"""What Kubernetes says about one NiceTask, made small: what waits to be handled must not fill the memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nice_operator.engine.annotations import REQUESTED_AT
from nice_operator.ports import ShownTask
from nice_operator.resources import GROUP, canonical

_KEPT = ("name", "namespace", "creationTimestamp")
_OURS = f"{GROUP}/"


@dataclass(frozen=True, slots=True)
class Seen:
    """The object is there. ``document`` has only what its definition is read from. ``anew``: it is recorded
    even if it has no news."""

    shown: ShownTask
    document: Mapping[str, Any]
    anew: bool = False

    @property
    def requested(self) -> str:
        """The run that its annotation asks for."""
        return str(self.document["metadata"]["annotations"].get(REQUESTED_AT, ""))


@dataclass(frozen=True, slots=True)
class Gone:
    """The object of that uid is not there any more, or somebody deleted it and something else holds it."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Look:
    """The object of that name shall be read again: something beside it changed, or an event was not told.
    ``uid`` is that of the object that was known, "" if none was."""

    namespace: str
    name: str
    uid: str


Sight = Seen | Gone | Look


def key_of(namespace: str, name: str) -> str:
    """What tells objects apart in the queue. Not the uid: of two that follow each other under one name, the
    older one's state must never be recorded after the newer one's."""
    return f"{namespace}/{name}"


def sight_of(kind: str | None, document: Mapping[str, Any], *, anew: bool = False) -> Seen | Gone:
    """From an event of a watch: its type (None for one that was listed) and its object."""
    metadata = document["metadata"]
    namespace, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
    if kind == "DELETED" or metadata.get("deletionTimestamp"):
        return Gone(namespace, name, uid)
    status = canonical(document.get("status") or {})
    version = str(metadata.get("resourceVersion") or "")
    generation = int(metadata.get("generation") or 1)
    shown = ShownTask(namespace, name, uid, generation, version, status)
    return Seen(shown, _narrow(document), anew)


def _narrow(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without managedFields, status and what is other people's."""
    metadata = document["metadata"]
    annotations = metadata.get("annotations") or {}
    kept = {name: metadata[name] for name in _KEPT if name in metadata}
    ours = {name: value for name, value in annotations.items() if name.startswith(_OURS)}
    return {
        "apiVersion": document.get("apiVersion"),
        "kind": document.get("kind"),
        "metadata": {**kept, "annotations": ours},
        "spec": document.get("spec"),
    }
