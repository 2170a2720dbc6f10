"""The dev mode never runs what an operator of the cluster runs, too, unless somebody says so."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nice_operator.bootstrap.dev_kube import KubeSide, folder_name, kube_side, looking_out, make_private
from nice_operator.bootstrap.stopping import StopRequests
from nice_operator.cluster.errors import KubeUnavailable
from nice_operator.domain.errors import Conflict, Forbidden, InvalidInput
from nice_operator.handlers.definition import definition_of
from nice_operator.handlers.seen import Seen, sight_of
from nice_operator.ports import KubeAccess
from nice_operator.settings import DevSettings, KubeSource
from tests.support.scripted_kube import Answer, Asked, ScriptedKube, scripted_kube

DEFINITIONS = "/apis/nicecommander.dev/v1beta1"
DEPLOYMENTS = "/apis/apps/v1/deployments"
FORBIDDEN: Answer = (403, {"kind": "Status", "reason": "Forbidden", "message": "you may not list these"})


def operators(*watched: str, replicas: int = 2, running: int = 2) -> dict[str, Any]:
    """A release, as the chart makes it."""
    variables = [{"name": "NICE_POD_NAME"}, {"name": "NICE_WATCH_NAMESPACES", "value": ",".join(watched)}]
    return {
        "metadata": {"namespace": "nice", "name": "nice-commander"},
        "spec": {
            "replicas": replicas,
            "template": {"spec": {"containers": [{"name": "operator", "env": variables}]}},
        },
        "status": {"replicas": running},
    }


class Cluster:
    """Answers for a cluster with these operators; ``deployments`` may be a refusal."""

    def __init__(self, *found: dict[str, Any]) -> None:
        self.deployments: Answer = (200, {"items": list(found)})
        self.definitions: Answer = (200, {"kind": "APIResourceList", "resources": []})

    def __call__(self, asked: Asked) -> Answer | None:
        return {DEFINITIONS: self.definitions, DEPLOYMENTS: self.deployments}.get(asked.path)


@asynccontextmanager
async def joined(
    folder: Path, cluster: Cluster, *namespaces: str, **changes: Any
) -> AsyncIterator[tuple[KubeSide, ScriptedKube]]:
    """The dev mode on that cluster, as far as its tasks may be run."""
    async with scripted_kube(folder, cluster) as (kube, _):
        source = KubeSource(
            KubeAccess(folder / "kubeconfig"), namespaces, beside=changes.pop("beside", False)
        )
        settings = DevSettings(folder, folder / "data", "localhost", 0, True, False, "info", kube=source)
        async with kube_side(replace(settings, **changes), source) as side:
            yield side, kube


@pytest.mark.parametrize(
    ("cluster", "namespaces"),
    [
        (Cluster(), ()),
        (Cluster(operators(replicas=0, running=0)), ()),
        (Cluster(operators("team-a", "team-b")), ("mine",)),
    ],
    ids=["no operator", "scaled to zero", "other namespaces"],
)
async def test_where_nobody_else_runs_these_tasks_it_does(
    tmp_path: Path, cluster: Cluster, namespaces: tuple[str, ...]
) -> None:
    async with joined(tmp_path, cluster, *namespaces) as (side, kube):
        assert side.source.context == "it"
        assert side.settings.data == tmp_path / "data" / "kube-it"
        assert side.namespace == (namespaces or ("default",))[0]
        assert kube.of("GET", DEPLOYMENTS)[0].query["labelSelector"].endswith("component=operator")


@pytest.mark.parametrize(
    ("cluster", "namespaces"),
    [
        (Cluster(operators()), ()),
        (Cluster(operators()), ("mine",)),
        (Cluster(operators("mine", "team-a")), ("other", "mine")),
        (Cluster(operators("team-a")), ()),
        (Cluster(operators(replicas=0, running=1)), ()),
    ],
    ids=["both all", "all there", "one in common", "all here", "not gone yet"],
)
async def test_where_an_operator_runs_them_it_refuses_and_says_what_to_do(
    tmp_path: Path, cluster: Cluster, namespaces: tuple[str, ...]
) -> None:
    with pytest.raises(Conflict) as refusal:
        async with joined(tmp_path, cluster, *namespaces):
            pass
    for words in ("nice/nice-commander", "-n NAME", "--beside-operator", "run twice"):
        assert words in str(refusal.value)


async def test_where_nobody_can_tell_it_refuses_too(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.deployments = FORBIDDEN
    with pytest.raises(Forbidden, match="--beside-operator"):
        async with joined(tmp_path, cluster):
            pass


@pytest.mark.parametrize("changes", [{"beside": True}, {"view_only": True}, {"sync": False}])
async def test_whoever_wants_it_so_or_runs_nothing_of_the_clusters_is_not_asked(
    tmp_path: Path, changes: dict[str, bool]
) -> None:
    async with joined(tmp_path, Cluster(operators()), **changes) as (_, kube):
        assert kube.of("GET", DEPLOYMENTS) == []


async def test_a_cluster_that_knows_no_nicetask_is_refused_with_the_remedy(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.definitions = (404, {"kind": "Status", "reason": "NotFound", "message": "not found"})
    with pytest.raises(InvalidInput, match="kubectl apply --server-side -f crds/"):
        async with joined(tmp_path, cluster):
            pass


async def test_a_cluster_that_is_ill_is_no_cluster_without_definitions(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.definitions = (503, {"message": "etcd is away"})
    with pytest.raises(KubeUnavailable):
        async with joined(tmp_path, cluster):
            pass


async def test_a_context_that_is_none_is_refused_with_those_there_are(tmp_path: Path) -> None:
    async with scripted_kube(tmp_path, Cluster()):
        source = KubeSource(KubeAccess(tmp_path / "kubeconfig", "there"))
        settings = DevSettings(tmp_path, tmp_path, "localhost", 0, True, False, "info", kube=source)
        with pytest.raises(InvalidInput, match=r"no context 'there'; expected one of it \(--context\)"):
            async with kube_side(settings, source):
                pass


# ---------------------------------------------------------------- while it runs


async def test_an_operator_that_comes_later_ends_it_in_order(tmp_path: Path) -> None:
    cluster, requests = Cluster(), StopRequests()
    async with joined(tmp_path, cluster) as (side, _), looking_out(side, requests, every=0.01):
        assert not requests.drain.is_set()
        cluster.deployments = (200, {"items": [operators()]})
        async with asyncio.timeout(20):
            await requests.drain.wait()
        assert side.displaced.is_set()
        assert not requests.now.is_set()


async def test_a_cluster_that_does_not_answer_for_a_while_does_not_end_it(tmp_path: Path) -> None:
    cluster, requests = Cluster(), StopRequests()
    async with joined(tmp_path, cluster) as (side, kube), looking_out(side, requests, every=0.01):
        cluster.deployments = (503, {"message": "away"})
        before = len(kube.of("GET", DEPLOYMENTS))
        async with asyncio.timeout(20):
            while len(kube.of("GET", DEPLOYMENTS)) < before + 5:
                await asyncio.sleep(0.01)
        assert not requests.drain.is_set()


# ---------------------------------------------------------------- its data


def test_no_two_contexts_share_their_data() -> None:
    names = [
        "kind",
        "kind-a",
        "arn:aws:eks:eu-west-1:1:cluster/a",
        "arn:aws:eks:eu-west-1:1:cluster/b",
        "a b",
        "a/b",
    ]
    folders = [folder_name(name) for name in names]
    assert len(set(folders)) == len(names)
    assert folders[0] == "kind"
    assert all("/" not in folder and len(folder) < 60 for folder in folders)


def test_the_folder_above_them_is_private(tmp_path: Path) -> None:
    make_private(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


# ---------------------------------------------------------------- what is older than they are


def shown(made: str) -> Seen:
    document = {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceTask",
        "metadata": {"namespace": "team", "name": "x", "uid": "u", "creationTimestamp": made},
        "spec": {"timeoutAfter": "1 minute", "run": {"command": ["true"]}},
    }
    sight = sight_of(None, document)
    assert isinstance(sight, Seen)
    return sight


@pytest.mark.parametrize(
    ("made", "counts"),
    [("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z")],
)
def test_to_data_that_are_younger_a_task_is_as_old_as_they_are(made: str, counts: str) -> None:
    definition = definition_of(shown(made), born=datetime(2026, 2, 1, tzinfo=UTC))
    assert definition.created_at == datetime.fromisoformat(counts)


def test_to_an_operator_of_the_cluster_a_task_is_as_old_as_it_is() -> None:
    assert definition_of(shown("2026-01-01T00:00:00Z")).created_at == datetime(2026, 1, 1, tzinfo=UTC)
