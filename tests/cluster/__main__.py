"""A Kubernetes for the tests: ``python -m tests.cluster VERB``; ``--help`` lists the verbs."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
from collections.abc import Callable

from tests.cluster import binaries, images, native, suite, torture
from tests.cluster.harm import Harm
from tests.cluster.install import install
from tests.cluster.places import Places
from tests.cluster.problem import Problem, say

Run = Callable[[Places, argparse.Namespace], int]


def _up(places: Places, wanted: argparse.Namespace) -> int:
    native.up(places, native.Shape(wanted.nodes))
    print(f"export KUBECONFIG={places.kubeconfig}")
    print(f"{binaries.program('kubectl')} --kubeconfig {places.kubeconfig} get namespaces")
    return 0


def _down(places: Places, _: argparse.Namespace) -> int:
    say(f"cluster {places.name} is gone" if native.down(places) else f"there is no cluster {places.name}")
    return 0


def _build(_: Places, __: argparse.Namespace) -> int:
    binaries.build_missing()
    return 0


def _images(places: Places, wanted: argparse.Namespace) -> int:
    chosen = tuple(image for image in images.ALL if not wanted.targets or image.target in wanted.targets)
    native.load_images(places, images.build(chosen))
    return 0


def _install(places: Places, _: argparse.Namespace) -> int:
    install(places)
    return 0


def _kubectl(places: Places, wanted: argparse.Namespace) -> int:
    kube = native.kubectl(places)
    os.execve(kube.program, [str(kube.program), *wanted.rest], kube.environment())


def _harm(places: Places, wanted: argparse.Namespace) -> int:
    harm = Harm(places)
    verbs: dict[str, Callable[[], None]] = {
        "freeze": lambda: harm.freeze(wanted.what, wanted.on),
        "thaw": lambda: harm.thaw(wanted.what, wanted.on),
        "kill": lambda: harm.kill(wanted.what, wanted.on),
        "start": lambda: harm.start(wanted.what, wanted.on),
        "restart": lambda: harm.restart(wanted.what, wanted.on),
        "slow": lambda: harm.slow(wanted.what, wanted.percent, wanted.on),
        "hurry": lambda: harm.hurry(wanted.what, wanted.on),
        "cut": lambda: harm.cut(int(wanted.what)),
        "mend": lambda: harm.mend(int(wanted.what)),
        "kill-node": lambda: harm.kill_node(int(wanted.what)),
        "revive-node": lambda: harm.revive_node(int(wanted.what)),
        "delay-watches": lambda: harm.delay_watches(float(wanted.what)),
        "end-delay": harm.end_delay,
        "silence-pods": harm.silence_pods,
        "end-silence": harm.end_silence,
    }
    verbs[wanted.how]()
    return 0


HARMS = (
    "freeze", "thaw", "kill", "start", "restart", "slow", "hurry", "cut", "mend", "kill-node", "revive-node",
    "delay-watches", "end-delay", "silence-pods", "end-silence",
)  # fmt: skip


def _e2e(places: Places, wanted: argparse.Namespace) -> int:
    return suite.run(places.name, wanted.nodes, wanted.others)


def _torture(places: Places, wanted: argparse.Namespace) -> int:
    return torture.run(places, wanted.times, wanted.seed)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--name", default="nice", help="the cluster's name (default: nice)")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, run: Run, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    up = verb("up", _up, "bring a native cluster up and print what to try")
    up.add_argument("--nodes", type=int, default=1, help="how many nodes; 0: the API alone (default: 1)")
    verb("down", _down, "take it away, with everything it left")
    verb("build", _build, "build the programs that are not in the cache yet")
    kubectl = verb("kubectl", _kubectl, "kubectl of the cluster's version, as its administrator")
    kubectl.add_argument("rest", nargs=argparse.REMAINDER)
    loaded = verb("images", _images, "build the images that changed and put them on every node")
    loaded.add_argument(
        "targets", nargs="*", metavar="TARGET", help="operator, runner, mariadb, redis, moto (default: all)"
    )
    verb(
        "install",
        _install,
        "the product of this checkout on it, by its chart",
    )
    harm = verb("harm", _harm, "do harm to a component, a machine or a cable, or end it")
    harm.add_argument("how", choices=HARMS)
    harm.add_argument("what", nargs="?", default="", help="a component, the number of a node, or seconds")
    harm.add_argument("--on", default="control", help="the machine: control, node-1, … (default: control)")
    harm.add_argument(
        "--percent", type=int, default=80, help="how much of the time slow takes away (default: 80)"
    )
    tortured = verb(
        "torture", _torture, "kill bring-ups at random moments; each next one must come up and leave nothing"
    )
    tortured.add_argument("--times", type=int, default=10)
    tortured.add_argument(
        "--seed", type=int, default=secrets.randbelow(100_000), help="to try the same again"
    )
    e2e = verb("e2e", _e2e, "cluster, images, suite, away; further arguments go to pytest")
    e2e.add_argument("--nodes", type=int, default=2)
    return parser


def main() -> int:
    """Exit code 0, that of the suite, or 1 with a remedy."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was begun is cleaned up
    parser = _arguments()
    wanted, others = parser.parse_known_args()
    if others and wanted.run is not _e2e:
        parser.error(f"unknown arguments: {' '.join(others)}")
    wanted.others = others
    try:
        run: Run = wanted.run
        return run(Places.of(wanted.name), wanted)
    except Problem as problem:
        say(f"✗ {problem}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; what is left is cleared by the next bring-up, or by: make cluster-down")
        return 130


if __name__ == "__main__":
    sys.exit(main())
