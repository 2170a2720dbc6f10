"""What the dev mode is told of a cluster whose tasks it shall run."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from nice_operator.domain.errors import Problem
from nice_operator.ports import KubeAccess


@dataclass(frozen=True, slots=True)
class KubeSource:
    """Tasks from a cluster: of ``namespaces`` (empty: all). ``beside``: although an operator of the cluster
    looks after them. ``context`` is told once it is known which one it is."""

    access: KubeAccess = field(default_factory=KubeAccess)
    namespaces: tuple[str, ...] = ()
    beside: bool = False
    context: str = ""


def read_kube(found: argparse.Namespace, problems: list[Problem]) -> KubeSource | None:
    """None: the tasks come from a folder. What is wrong is added to ``problems``."""
    given = {
        "--context": found.context,
        "--kubeconfig": found.kubeconfig,
        "--namespace": found.namespace,
        "--beside-operator": found.beside_operator,
    }
    if not found.kube:
        problems += [
            Problem(flag, "says which cluster's tasks to run; say --kube, too")
            for flag, value in given.items()
            if value
        ]
        return None
    access = KubeAccess(found.kubeconfig, found.context)
    return KubeSource(access, tuple(dict.fromkeys(found.namespace)), found.beside_operator)


def add_kube(group: argparse._ArgumentGroup) -> None:
    """Its part of the command line."""
    group.add_argument("--kube", action="store_true", help="run the NiceTasks of a cluster, here")
    group.add_argument("--context", metavar="NAME", help="of the kubeconfig (default: the current one)")
    group.add_argument("--kubeconfig", type=Path, metavar="FILE", help="default $KUBECONFIG, ~/.kube/config")
    group.add_argument(
        "-n", "--namespace", action="append", default=[], metavar="NAME", help="of these alone (default: all)"
    )
    group.add_argument(
        "--beside-operator",
        action="store_true",
        help="although an operator of the cluster runs them, too: everything runs twice",
    )
