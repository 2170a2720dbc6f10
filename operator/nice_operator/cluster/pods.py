"""What a pod of Kubernetes says of itself, in words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from nice_operator.ports import PodFact

Pod = Mapping[str, Any]

_FINE = frozenset({"ContainerCreating", "PodInitializing", "Completed", ""})
_STOPPED_BY_KERNEL = "OOMKilled"


def fact_of(pod: Pod) -> PodFact:
    """What scaling and status need to know of it."""
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    ended = status.get("phase") in ("Failed", "Succeeded")
    return PodFact(
        name=str(metadata.get("name", "")),
        ready=_condition(status, "Ready") == "True" and not ended,
        leaving=bool(metadata.get("deletionTimestamp")) or ended,
        trouble=next(_troubles(status), ""),
    )


def _condition(status: Mapping[str, Any], kind: str) -> str:
    found = (each.get("status") for each in status.get("conditions") or () if each.get("type") == kind)
    return str(next(found, ""))


def _troubles(status: Mapping[str, Any]) -> Iterator[str]:
    for each in status.get("conditions") or ():
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            yield f"no node takes the pod: {each.get('message') or each.get('reason') or 'no reason given'}"
    for container in _containers(status):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = str(waiting.get("reason") or "")
        if reason not in _FINE:
            more = str(waiting.get("message") or "")
            yield f"container {container.get('name')}: {reason}" + (f" ({more})" if more else "")


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def obituary_of(pod: Pod, since: datetime) -> str:
    """Why a worker in this pod went; "" when it tells nothing. Ends of containers before ``since`` say
    nothing.

    Whoever took the pod away comes before the ends of its containers, which follow from that."""
    status = pod.get("status") or {}
    name = (pod.get("metadata") or {}).get("name", "")
    return (
        _evicted(status, name)
        or _disrupted(status, name)
        or _on_lost_node(pod, name)
        or next(_ends(status, since), "")
        or _going(pod, name)
    )


def _ends(status: Mapping[str, Any], since: datetime) -> Iterator[str]:
    """Containers that ended lately, the newest first."""
    ended: list[tuple[datetime, str, Mapping[str, Any]]] = []
    for container in status.get("containerStatuses") or ():
        for place in ("state", "lastState"):
            end = (container.get(place) or {}).get("terminated") or {}
            at = _moment(end.get("finishedAt"))
            if at is not None and at >= since:
                ended.append((at, str(container.get("name")), end))
    for _, name, end in sorted(ended, key=lambda each: each[:2], reverse=True):
        yield _ended(name, end)


def _ended(name: str, end: Mapping[str, Any]) -> str:
    if end.get("reason") == _STOPPED_BY_KERNEL:
        return (
            f"its container {name} was killed because it used more memory than its limit (OOMKilled); raise "
            "resources.limits.memory in the pool's template, or give the task a memoryLimit"
        )
    how = f"signal {end['signal']}" if end.get("signal") else f"exit code {end.get('exitCode')}"
    return f"its container {name} ended with {how} ({end.get('reason') or 'no reason given'})"


def _evicted(status: Mapping[str, Any], name: str) -> str:
    reason, more = status.get("reason"), str(status.get("message") or "")
    if status.get("phase") != "Failed" or not reason:
        return ""
    return f"its pod {name} has failed ({reason}{': ' + more if more else ''})"


def _disrupted(status: Mapping[str, Any], name: str) -> str:
    for each in status.get("conditions") or ():
        if each.get("type") == "DisruptionTarget" and each.get("status") == "True":
            why = each.get("message") or each.get("reason") or "no reason given"
            return f"its pod {name} was taken away ({each.get('reason') or 'disruption'}: {why})"
    return ""


def _on_lost_node(pod: Pod, name: str) -> str:
    status = pod.get("status") or {}
    node = (pod.get("spec") or {}).get("nodeName") or "no node"
    lost = status.get("reason") == "NodeLost" or _condition(status, "Ready") == "Unknown"
    by_kubelet = any(
        each.get("type") == "Ready" and each.get("reason") == "NodeNotReady"
        for each in status.get("conditions") or ()
    )
    if lost or by_kubelet:
        return f"nothing is heard of node {node}, which its pod {name} is on"
    return ""


def _going(pod: Pod, name: str) -> str:
    if (pod.get("status") or {}).get("phase") == "Failed":
        return f"its pod {name} has failed (no reason given)"
    if (pod.get("metadata") or {}).get("deletionTimestamp"):
        return f"its pod {name} is being deleted"
    return ""


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if isinstance(text, str) else None
    except ValueError:
        return None
