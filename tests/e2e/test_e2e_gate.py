"""Whose token lets a worker in, asked of a real API server with tokens that it made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.gate import TokenReviewGate
from nice_operator.ports import WorkerIdentity
from tests.cluster.kubectl import Kubectl
from tests.support.kube_pools import RealClock, access_of
from tests.support.pods import pod

AUDIENCE = "nicecommander.dev/worker"
LABELS = {"app.kubernetes.io/managed-by": "nice-commander", "nicecommander.dev/pool": "heavy"}


@dataclass
class Gate:
    """The gate, and tokens to try on it."""

    kubectl: Kubectl
    namespace: str
    gate: TokenReviewGate

    async def make_pod(self, name: str, labels: dict[str, str]) -> dict[str, Any]:
        """A pod that need not run: it exists, that is what its token says."""
        made = pod(self.namespace, name, "localhost/never-pulled:test")
        made["metadata"]["labels"] |= labels
        made["spec"]["containers"][0]["imagePullPolicy"] = "Never"
        await asyncio.to_thread(self.kubectl.apply, made)
        return await asyncio.to_thread(self.kubectl.get, "pod", name, "-n", self.namespace)

    async def token(self, *bound_to: str, audience: str = AUDIENCE) -> str:
        """A token of the namespace's default account, as the kubelet asks for it."""
        binding = ["--bound-object-kind", "Pod", "--bound-object-name", *bound_to] if bound_to else []
        words = ["create", "token", "default", "-n", self.namespace, *binding]
        chosen = ["--audience", audience] if audience else []
        return (await asyncio.to_thread(self.kubectl, *words, *chosen)).strip()


@pytest.fixture
async def gate(kubectl: Kubectl, namespace: str) -> AsyncIterator[Gate]:
    api = await KubeApi.connect(access_of(kubectl))
    kubectl("wait", "--for=create", "serviceaccount/default", "-n", namespace, "--timeout=30s")
    try:
        yield Gate(kubectl, namespace, TokenReviewGate(api, RealClock()))
    finally:
        await api.close()


async def test_the_token_of_a_pools_pod_lets_its_worker_in(gate: Gate) -> None:
    await gate.make_pod("w-1", LABELS)

    found = await gate.gate.admit(await gate.token("w-1"))

    assert found == WorkerIdentity(f"{gate.namespace}/heavy", "w-1")


@pytest.mark.parametrize("audience", ["", "https://kubernetes.default.svc", "nicecommander.dev/people"])
async def test_a_token_for_anybody_else_lets_nobody_in(gate: Gate, audience: str) -> None:
    await gate.make_pod("w-1", LABELS)

    assert await gate.gate.admit(await gate.token("w-1", audience=audience)) is None


async def test_a_token_that_belongs_to_no_pod_lets_nobody_in(gate: Gate) -> None:
    assert await gate.gate.admit(await gate.token()) is None


async def test_the_token_of_a_pod_of_no_pool_lets_nobody_in(gate: Gate) -> None:
    await gate.make_pod("stranger", {"nicecommander.dev/pool": "heavy"})

    assert await gate.gate.admit(await gate.token("stranger")) is None


async def test_a_token_that_was_tampered_with_lets_nobody_in(gate: Gate) -> None:
    await gate.make_pod("w-1", LABELS)
    head, claims, signature = (await gate.token("w-1")).split(".")

    assert await gate.gate.admit(f"{head}.{claims}.{signature[::-1]}") is None
    assert await gate.gate.admit(f"{head}.{claims}.") is None


async def test_a_token_does_not_outlive_its_pod(gate: Gate) -> None:
    await gate.make_pod("w-1", LABELS)
    token = await gate.token("w-1")
    await asyncio.to_thread(
        gate.kubectl, "delete", "pod", "w-1", "-n", gate.namespace, "--grace-period=0", "--force"
    )
    await gate.make_pod("w-1", LABELS)

    assert await gate.gate.admit(token) is None
