"""A Kubernetes for the tests: ``python -m tests.cluster up | down | build | kubectl …``."""

from __future__ import annotations

import argparse
import os
import sys

from tests.cluster import binaries, native
from tests.cluster.places import Places
from tests.cluster.problem import Problem, say


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--name", default="nice", help="the cluster's name (default: nice)")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    up = verbs.add_parser("up", help="bring a cluster up and print what to try")
    up.add_argument("--nodes", type=int, default=1, help="how many nodes; 0: the API alone (default: 1)")
    verbs.add_parser("down", help="take it away, with everything it left")
    verbs.add_parser("build", help="build the programs that are not in the cache yet")
    kubectl = verbs.add_parser("kubectl", help="kubectl of the cluster's version, as its administrator")
    kubectl.add_argument("rest", nargs=argparse.REMAINDER)
    return parser


def _up(places: Places, nodes: int) -> None:
    native.up(places, native.Shape(nodes))
    print(f"export KUBECONFIG={places.kubeconfig}")
    print(f"{binaries.program('kubectl')} --kubeconfig {places.kubeconfig} get nodes -o wide")


def _down(places: Places) -> None:
    say(f"cluster {places.name} is gone" if native.down(places) else f"there is no cluster {places.name}")


def main() -> int:
    """Exit code 0, or 1 with a remedy."""
    wanted = _arguments().parse_args()
    places = Places.of(wanted.name)
    try:
        match wanted.verb:
            case "up":
                _up(places, wanted.nodes)
            case "down":
                _down(places)
            case "build":
                binaries.build_missing()
            case "kubectl":
                kube = native.kubectl(places)
                os.execve(kube.program, [str(kube.program), *wanted.rest], kube.environment())
    except Problem as problem:
        say(f"✗ {problem}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
