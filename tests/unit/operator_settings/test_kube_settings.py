"""What the dev mode is told of a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from nice_operator.domain.errors import InvalidInput
from nice_operator.ports import KubeAccess
from nice_operator.settings import DevSettings, KubeSource, read_settings


def dev(*arguments: str) -> DevSettings:
    settings = read_settings(["dev", *arguments], {})
    assert isinstance(settings, DevSettings)
    return settings


def test_tasks_of_a_cluster_need_no_folder() -> None:
    settings = dev("--kube")
    assert settings.kube == KubeSource()
    assert settings.folder == Path.cwd()


def test_a_folder_beside_a_cluster_is_where_runs_find_their_modules(tmp_path: Path) -> None:
    assert dev("--kube", str(tmp_path)).folder == tmp_path


def test_the_cluster_is_that_of_the_kubeconfig_and_the_context_that_are_named() -> None:
    settings = dev(
        "--kube", "--kubeconfig", "/k", "--context", "kind", "-n", "a", "-n", "b", "-n", "a",
        "--beside-operator",
    )  # fmt: skip
    assert settings.kube == KubeSource(KubeAccess(Path("/k"), "kind"), ("a", "b"), beside=True)


def test_a_folder_needs_no_cluster(tmp_path: Path) -> None:
    assert dev(str(tmp_path)).kube is None


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["--context", "kind"], "--context"),
        (["--kubeconfig", "/k"], "--kubeconfig"),
        (["-n", "a"], "--namespace"),
        (["--beside-operator"], "--beside-operator"),
    ],
)
def test_what_names_a_cluster_means_nothing_without_one(tmp_path: Path, words: list[str], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        dev(str(tmp_path), *words)
    assert [problem.field for problem in refusal.value.problems] == [field]


def test_neither_folder_nor_cluster_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        dev()
    assert "--kube" in str(refusal.value.problems[0])
