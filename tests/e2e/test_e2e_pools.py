"""Pools on a real API server, in a namespace where Pod Security ``restricted`` is enforced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nice_operator.store import SqlStore
from tests.cluster.kubectl import Kubectl
from tests.support.kube_pools import PoolOperator, installation_for, pool_operator
from tests.support.manifests import Labelled, labelled_manifests
from tests.support.schemas import without_nulls
from tests.support.stores import read_spec

EVERY = labelled_manifests("pools")


@pytest.fixture
async def operator(
    crds: object, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> AsyncIterator[PoolOperator]:
    store = await SqlStore.open(tmp_path / "nice.db", read_spec=read_spec)
    try:
        async with pool_operator(kubectl, namespace, installation_for(namespace), store) as running:
            yield running
    finally:
        await store.close()


def _named(*verdicts: str) -> Any:
    chosen = [each for each in EVERY if each.verdict in verdicts]
    return pytest.mark.parametrize("manifest", chosen, ids=lambda each: each.name)


def _dry_run(manifest: Labelled, namespace: str, kubectl: Kubectl) -> tuple[int, str]:
    answer = kubectl.attempt(
        "apply", "--dry-run=server", "--validate=strict", "-n", namespace, "-f", str(manifest.path)
    )
    return answer.code, answer.errors


@_named("good", "stalled")
def test_what_the_label_accepts_the_server_accepts(
    manifest: Labelled, crds: object, shared_namespace: str, kubectl: Kubectl
) -> None:
    code, errors = _dry_run(manifest, shared_namespace, kubectl)

    assert code == 0, errors


@_named("refused")
def test_what_the_label_refuses_the_server_refuses(
    manifest: Labelled, crds: object, shared_namespace: str, kubectl: Kubectl
) -> None:
    code, errors = _dry_run(manifest, shared_namespace, kubectl)

    assert code != 0
    assert manifest.field.split(".")[-1].split("[")[0].split(" ")[0] in errors


@pytest.mark.parametrize(
    "manifest", [each for each in EVERY if each.verdict == "good"], ids=lambda each: each.name
)
async def test_the_pods_of_every_good_pool_pass_pod_security_restricted(
    manifest: Labelled, operator: PoolOperator
) -> None:
    spec = without_nulls(yaml.safe_load(manifest.path.read_text())["spec"])
    spec["replicas"] = {"min": 1, "max": 3}
    account = {"metadata": {"name": "reports", "namespace": operator.namespace}}
    await asyncio.to_thread(operator.kubectl.apply, {"apiVersion": "v1", "kind": "ServiceAccount", **account})

    await operator.apply(manifest.path.stem, **spec)

    async def made() -> list[Any]:
        pods = await operator.get("pods", "-l", f"nicecommander.dev/pool={manifest.path.stem}")
        return list(pods["items"])

    pod = (await operator.until(made))[0]
    assert {"supervisor", "runner"} <= {each["name"] for each in pod["spec"]["containers"]}
    deployment = await operator.get("deployment", f"nice-pool-{manifest.path.stem}")
    failures = [c for c in deployment["status"].get("conditions", ()) if c["type"] == "ReplicaFailure"]
    assert failures == []


async def test_a_deployment_belongs_to_its_pool_and_goes_with_it(operator: PoolOperator) -> None:
    await operator.apply("mine", replicas={"min": 2})

    async def replicas() -> bool:
        found = await operator.get("deployment", "nice-pool-mine")
        return bool(found["spec"]["replicas"] == 2)

    await operator.until(replicas)
    deployment = await operator.get("deployment", "nice-pool-mine")
    pool = await operator.pool("mine")
    assert deployment["metadata"]["ownerReferences"][0]["uid"] == pool["metadata"]["uid"]

    await asyncio.to_thread(operator.kubectl, "delete", "niceworkerpool", "mine", "-n", operator.namespace)

    async def gone() -> bool:
        found = await operator.get("deployments", "-l", "nicecommander.dev/pool=mine")
        return found["items"] == []

    await operator.until(gone)


async def test_a_bad_template_is_told_in_the_status_and_nothing_is_deployed(operator: PoolOperator) -> None:
    await operator.apply("bad", template={"spec": {"hostNetwork": True}})

    stalled = await operator.until(lambda: operator.condition("bad", "Stalled"))

    assert (stalled["status"], stalled["reason"]) == ("True", "InvalidSpec")
    assert "spec.template.spec.hostNetwork: must not be set" in stalled["message"]
    assert (await operator.condition("bad", "Ready"))["status"] == "False"
    pool = await operator.pool("bad")
    assert pool["status"]["observedGeneration"] == pool["metadata"]["generation"] == 1
    assert (await operator.get("deployments"))["items"] == []


async def test_what_only_kubernetes_knows_to_be_wrong_is_told_too_and_mended(operator: PoolOperator) -> None:
    await operator.apply("slip", template={"spec": {"nodeSelectr": {"a": "b"}}})

    async def stalled() -> Any:
        found = await operator.condition("slip", "Stalled")
        return found if found.get("status") == "True" else None

    told = await operator.until(stalled)
    assert told["reason"] == "NotDeployed"
    assert "nodeSelectr" in told["message"]

    await operator.apply("slip", template={"spec": {}})

    async def mended() -> bool:
        return bool((await operator.condition("slip", "Stalled")).get("status") == "False")

    await operator.until(mended)


async def test_pods_that_kubernetes_will_not_make_are_told_in_the_status(operator: PoolOperator) -> None:
    await operator.apply("orphan", template={"spec": {"serviceAccountName": "nobody-made-it"}})

    async def stalled() -> Any:
        found = await operator.condition("orphan", "Stalled")
        return found if found.get("status") == "True" else None

    told = await operator.until(stalled)

    assert told["reason"] == "PodsRefused"
    assert "nobody-made-it" in told["message"]


async def test_an_image_that_does_not_exist_is_told_in_the_status(operator: PoolOperator) -> None:
    runner = {"name": "runner", "image": "localhost/there-is/no-such:image", "imagePullPolicy": "Never"}
    await operator.apply("pull", template={"spec": {"containers": [runner]}})

    async def failing() -> Any:
        found = await operator.condition("pull", "Ready")
        return found if found.get("reason") == "PodsFailing" else None

    told = await operator.until(failing)

    assert "container runner: ErrImageNeverPull" in told["message"]


async def test_a_changed_template_rolls_the_deployment_and_a_changed_bound_does_not(
    operator: PoolOperator,
) -> None:
    await operator.apply("roll", replicas={"min": 1})

    async def revision() -> Any:
        found = await operator.get("deployment", "nice-pool-roll")
        return found["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision")

    assert await operator.until(revision) == "1"

    await operator.apply("roll", replicas={"min": 2})

    async def two() -> bool:
        return bool((await operator.get("deployment", "nice-pool-roll"))["spec"]["replicas"] == 2)

    await operator.until(two)
    assert await revision() == "1"

    await operator.apply("roll", replicas={"min": 2}, slots=9)

    async def rolled() -> bool:
        return bool(await revision() == "2")

    await operator.until(rolled)


async def test_somebody_elses_deployment_is_left_alone_and_named(operator: PoolOperator) -> None:
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": operator.namespace, "name": "nice-pool-taken"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "x"}]},
            },
        },
    }
    await asyncio.to_thread(operator.kubectl.apply, theirs)
    await operator.apply("taken")

    async def stalled() -> Any:
        found = await operator.condition("taken", "Stalled")
        return found if found.get("status") == "True" else None

    told = await operator.until(stalled)

    assert "is not this pool's; remove it" in told["message"]
    found = await operator.get("deployment", "nice-pool-taken")
    assert found["spec"]["template"]["spec"]["containers"][0]["name"] == "c"


async def test_nothing_is_written_to_a_pool_at_rest(operator: PoolOperator) -> None:
    await operator.apply("calm", replicas={"min": 0})

    async def ready() -> bool:
        return bool((await operator.condition("calm", "Ready")).get("reason") == "ScaledToZero")

    await operator.until(ready)
    before = (await operator.pool("calm"))["metadata"]["resourceVersion"]
    deployment = (await operator.get("deployment", "nice-pool-calm"))["metadata"]["resourceVersion"]
    for _ in range(3):
        await operator.keeper.round()

    assert (await operator.pool("calm"))["metadata"]["resourceVersion"] == before
    after = (await operator.get("deployment", "nice-pool-calm"))["metadata"]["resourceVersion"]
    assert after == deployment
