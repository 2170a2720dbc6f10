"""What is read out of a pod."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nice_operator.cluster.pods import fact_of, obituary_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATELY = "2026-03-01T11:59:30Z"
LONG_AGO = "2026-03-01T11:00:00Z"
YOUNG = timedelta(minutes=3)


def a_pod(*containers: dict[str, Any], **status: Any) -> dict[str, Any]:
    metadata = {"name": "p", **status.pop("metadata", {})}
    return {
        "metadata": metadata,
        "spec": {"nodeName": "node-2"},
        "status": {"containerStatuses": list(containers), **status},
    }


def ended(name: str, at: str = LATELY, place: str = "lastState", **how: Any) -> dict[str, Any]:
    return {"name": name, place: {"terminated": {"finishedAt": at, "exitCode": 137, **how}}}


def condition(kind: str, status: str, **more: str) -> list[dict[str, str]]:
    return [{"type": kind, "status": status, **more}]


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"name": "runner", "state": {"waiting": {"reason": reason, "message": message}}}


@pytest.mark.parametrize(
    ("pod", "says"),
    [
        (
            a_pod(ended("runner", reason="OOMKilled")),
            "container runner was killed because it used more memory",
        ),
        (a_pod(ended("runner", place="state", reason="OOMKilled")), "OOMKilled"),
        (
            a_pod(ended("supervisor", signal=9, reason="Error")),
            "container supervisor ended with signal 9 (Error)",
        ),
        (a_pod(ended("supervisor", reason="Error")), "ended with exit code 137 (Error)"),
        (
            a_pod(ended("supervisor", at="2026-03-01T11:59:00Z"), ended("runner", reason="OOMKilled")),
            "container runner was killed",
        ),
        (a_pod(phase="Failed", reason="Evicted", message="low on memory"), "failed (Evicted: low on memory)"),
        (
            a_pod(ended("runner", place="state", reason="Error"), phase="Failed", reason="Evicted"),
            "its pod p has failed (Evicted)",
        ),
        (a_pod(phase="Failed"), "its pod p has failed (no reason given)"),
        (
            a_pod(ended("runner", reason="Error"), conditions=condition("Ready", "Unknown")),
            "nothing is heard of node node-2",
        ),
        (
            a_pod(
                ended("runner"),
                conditions=condition("DisruptionTarget", "True", reason="PreemptionByScheduler"),
            ),
            "taken away (PreemptionByScheduler",
        ),
        (
            a_pod(conditions=condition("DisruptionTarget", "True", reason="EvictionByEvictionAPI")),
            "taken away (EvictionByEvictionAPI",
        ),
        (a_pod(conditions=condition("Ready", "Unknown")), "nothing is heard of node node-2"),
        (
            a_pod(conditions=condition("Ready", "False", reason="NodeNotReady")),
            "nothing is heard of node node-2",
        ),
        (a_pod(reason="NodeLost"), "nothing is heard of node node-2"),
        (a_pod(metadata={"deletionTimestamp": LATELY}), "its pod p is being deleted"),
        (a_pod(ended("runner", at=LONG_AGO, reason="OOMKilled")), ""),
        (a_pod(ended("runner", at="yesterday", reason="OOMKilled")), ""),
        (a_pod(conditions=condition("Ready", "True")), ""),
        ({}, ""),
    ],
)
def test_a_pod_tells_why_its_worker_went(pod: dict[str, Any], says: str) -> None:
    told = obituary_of(pod, NOW - YOUNG)

    assert says in told
    assert bool(says) is bool(told)


@pytest.mark.parametrize(
    ("pod", "ready", "leaving"),
    [
        (a_pod(conditions=condition("Ready", "True")), True, False),
        (a_pod(conditions=condition("Ready", "False")), False, False),
        (a_pod(conditions=condition("Ready", "True"), metadata={"deletionTimestamp": LATELY}), True, True),
        (a_pod(phase="Failed", conditions=condition("Ready", "True")), False, True),
        ({}, False, False),
    ],
)
def test_a_pod_takes_part_or_leaves(pod: dict[str, Any], ready: bool, leaving: bool) -> None:
    fact = fact_of(pod)

    assert (fact.ready, fact.leaving) == (ready, leaving)


@pytest.mark.parametrize(
    ("pod", "says"),
    [
        (
            a_pod(waiting("ImagePullBackOff", "no such image")),
            "container runner: ImagePullBackOff (no such image)",
        ),
        (a_pod(waiting("CrashLoopBackOff")), "container runner: CrashLoopBackOff"),
        (a_pod(waiting("ContainerCreating")), ""),
        (a_pod(initContainerStatuses=[waiting("ErrImagePull")]), "ErrImagePull"),
        (
            a_pod(conditions=condition("PodScheduled", "False", message="0/3 nodes")),
            "no node takes the pod: 0/3",
        ),
        (a_pod(), ""),
    ],
)
def test_what_is_wrong_with_a_pod_is_said(pod: dict[str, Any], says: str) -> None:
    trouble = fact_of(pod).trouble

    assert says in trouble
    assert bool(says) is bool(trouble)
