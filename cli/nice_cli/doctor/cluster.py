"""Checks that ask Kubernetes: the release's operators and the pools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nice_cli.api import Document
from nice_cli.doctor.finding import Finding, fail, ok, warn
from nice_cli.errors import Failure
from nice_cli.kube.kubectl import Forbidden, Kubectl
from nice_cli.kube.release import SELECTOR, Release

POOLS = "niceworkerpools.nicecommander.dev"


def check_operators(kubectl: Kubectl, release: Release) -> Iterator[Finding]:
    """The Deployment of a release, which is called as its Service."""
    try:
        deployment = kubectl.get("deployment", release.service, "-n", release.namespace)
    except Forbidden:
        yield warn("operators", "you may not read their Deployment", "ask somebody who may, if none answers")
        return
    except Failure as failure:
        yield fail(
            "operators", failure.message, f"helm status in namespace {release.namespace} may tell more"
        )
        return
    wanted, ready = (
        deployment["spec"].get("replicas", 1),
        deployment.get("status", {}).get("readyReplicas", 0),
    )
    look = f"kubectl -n {release.namespace} get pods -l {SELECTOR}"
    if ready >= wanted > 0:
        yield ok("operators", f"{ready} of {wanted} ready in {release}")
    elif ready:
        yield warn("operators", f"{ready} of {wanted} ready in {release}", look)
    else:
        yield fail("operators", f"none of {wanted} is ready in {release}", look)


def pools_of(kubectl: Kubectl, release: Release) -> tuple[Sequence[Document], Finding | None]:
    """The pools that we may see, and a finding if these are not all, or none can be read."""
    try:
        return kubectl.items(POOLS, "--all-namespaces"), None
    except Forbidden:
        pass
    except Failure as failure:
        return [], fail("pools", failure.message, "see crd")
    try:
        found = kubectl.items(POOLS, "-n", release.namespace)
    except Failure as failure:
        return [], warn("pools", failure.message, "ask somebody who may read NiceWorkerPools")
    only = f"you may read those of namespace {release.namespace} alone"
    return found, warn("pools", only, "ask somebody who may read all NiceWorkerPools")


def check_pools(pools: Sequence[Document]) -> Iterator[Finding]:
    """Each pool, by its conditions."""
    well = 0
    for pool in pools:
        name = f"{pool['metadata']['namespace']}/{pool['metadata']['name']}"
        ready, stalled = condition(pool, "Ready"), condition(pool, "Stalled")
        told = pool.get("status", {}).get("observedGeneration")
        if told != pool["metadata"]["generation"]:
            yield warn("pools", f"{name}: nobody has looked at it yet", "an operator should; see leader")
        elif stalled["status"] == "True":
            yield fail("pools", f"{name} is stalled: {stalled['message']}", "mend its spec as it says")
        elif ready["status"] != "True":
            yield warn(
                "pools", f"{name} is not ready: {ready['message']}", "kubectl describe tells of its pods"
            )
        else:
            well += 1
    if well and well == len(pools):
        yield ok("pools", f"{well}, all ready")
    elif not pools:
        yield warn("pools", "there is none; only workers outside can run tasks", "set defaultPool.enabled")


def all_asleep(pools: Sequence[Document]) -> bool:
    """Whether no pool needs a worker now."""
    return bool(pools) and all(condition(pool, "Ready")["reason"] == "ScaledToZero" for pool in pools)


def condition(thing: Document, kind: str) -> dict[str, str]:
    """One condition; of one that was never written every part is ""."""
    conditions = thing.get("status", {}).get("conditions", [])
    nothing = {"status": "", "reason": "", "message": "it says nothing of itself"}
    return next((each for each in conditions if each["type"] == kind), nothing)
