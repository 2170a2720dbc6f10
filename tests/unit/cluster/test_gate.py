"""Whose token is believed, against an API server that answers as the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.gate import TokenReviewGate
from nice_operator.domain.errors import Unavailable
from nice_operator.ports import WorkerIdentity
from tests.fakes.clock import FakeClock
from tests.support.scripted_kube import Answer, Asked, ScriptedKube, scripted_kube

TOKEN = "header.claims.signature"
AUDIENCE = "nicecommander.dev/worker"
ACCOUNT = "system:serviceaccount:team-a:default"
BOUND = {
    "authentication.kubernetes.io/pod-name": ["nice-pool-heavy-1"],
    "authentication.kubernetes.io/pod-uid": ["uid-1"],
}
LABELS = {"app.kubernetes.io/managed-by": "nice-commander", "nicecommander.dev/pool": "heavy"}


def a_review(**changes: Any) -> dict[str, Any]:
    user = {"username": changes.pop("username", ACCOUNT), "extra": changes.pop("extra", BOUND)}
    return {"status": {"authenticated": True, "audiences": [AUDIENCE], "user": user, **changes}}


def a_pod(uid: str = "uid-1", labels: dict[str, str] | None = None) -> dict[str, Any]:
    labels = LABELS if labels is None else labels
    return {"metadata": {"name": "nice-pool-heavy-1", "uid": uid, "labels": labels}}


class Api:
    """What the server says to both questions."""

    def __init__(self, kube: ScriptedKube, client: KubeApi) -> None:
        self.kube = kube
        self.client = client
        self.clock = FakeClock()
        self.gate = TokenReviewGate(client, self.clock)
        self.review: Answer = (201, a_review())
        self.pod: Answer = (200, a_pod())
        kube.script = self._answer

    def _answer(self, asked: Asked) -> Answer | None:
        if asked.path.endswith("/tokenreviews"):
            return self.review
        return self.pod if "/namespaces/team-a/pods/nice-pool-heavy-1" in asked.path else None

    @property
    def reviews(self) -> int:
        return len(self.kube.of("POST", "tokenreviews"))


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with scripted_kube(tmp_path) as (kube, client):
        yield Api(kube, client)


async def test_a_token_of_a_pools_pod_tells_its_pool_and_its_name(api: Api) -> None:
    found = await api.gate.admit(TOKEN)

    assert found == WorkerIdentity("team-a/heavy", "nice-pool-heavy-1")
    asked = api.kube.of("POST", "tokenreviews")[0].body
    assert asked["spec"] == {"token": TOKEN, "audiences": [AUDIENCE]}


@pytest.mark.parametrize(
    "status",
    [
        a_review(authenticated=False),
        a_review(authenticated="true"),
        a_review(audiences=["https://kubernetes.default.svc"]),
        a_review(audiences=[]),
        a_review(audiences=None),
        a_review(error="expired"),
        a_review(username="ada@example.org"),
        a_review(username="system:node:node-1"),
        a_review(extra={}),
        a_review(extra={**BOUND, "authentication.kubernetes.io/pod-uid": []}),
        {"status": {}},
        {},
    ],
    ids=str,
)
async def test_what_does_not_prove_a_pod_of_ours_is_refused(api: Api, status: dict[str, Any]) -> None:
    api.review = (201, status)

    assert await api.gate.admit(TOKEN) is None


@pytest.mark.parametrize(
    "pod",
    [
        (200, a_pod(uid="uid-2")),
        (200, a_pod(labels={})),
        (200, a_pod(labels={"nicecommander.dev/pool": "heavy"})),
        (200, a_pod(labels={"app.kubernetes.io/managed-by": "nice-commander"})),
        (404, {"message": "not found"}),
    ],
    ids=["another pod of that name", "no labels", "not ours", "of no pool", "gone"],
)
async def test_a_token_of_a_pod_that_is_no_worker_is_refused(api: Api, pod: Answer) -> None:
    api.pod = pod

    assert await api.gate.admit(TOKEN) is None


@pytest.mark.parametrize("status", [403, 422, 429, 500, 503])
async def test_while_the_api_server_does_not_tell_nobody_is_let_in(api: Api, status: int) -> None:
    api.review = (status, {"message": "no"})

    with pytest.raises(Unavailable):
        await api.gate.admit(TOKEN)


async def test_an_api_server_that_does_not_answer_is_not_waited_for(api: Api) -> None:
    gate = TokenReviewGate(api.client, api.clock, patience=0.1)
    api.kube.silent = True

    with pytest.raises(Unavailable, match="in time"):
        await gate.admit(TOKEN)


@pytest.mark.parametrize("token", ["", "short", "a.b", "a.b.c.d", "ä.b.c", "a.b." + "c" * 20_000])
async def test_what_is_no_token_costs_no_question(api: Api, token: str) -> None:
    assert await api.gate.admit(token) is None
    assert api.reviews == 0


async def test_an_answer_holds_for_a_minute_and_no_longer(api: Api) -> None:
    await api.gate.admit(TOKEN)
    api.review = (201, a_review(authenticated=False))
    api.clock.now += 59.0
    assert await api.gate.admit(TOKEN) is not None

    api.clock.now += 2.0
    assert await api.gate.admit(TOKEN) is None
    assert api.reviews == 2


async def test_a_refusal_is_forgotten_soon(api: Api) -> None:
    api.review = (201, a_review(authenticated=False))
    for _ in range(3):
        assert await api.gate.admit(TOKEN) is None
    assert api.reviews == 1

    api.review = (201, a_review())
    api.clock.now += 6.0
    assert await api.gate.admit(TOKEN) is not None


async def test_answers_are_kept_by_token_and_not_without_bound(api: Api) -> None:
    gate = TokenReviewGate(api.client, api.clock, most_kept=3)
    for number in (0, 1, 2, 3, 3, 4):
        await gate.admit(f"a.b.{number}")
    assert api.reviews == 5

    await gate.admit("a.b.0")
    assert api.reviews == 6
