"""Harm for tests of a native cluster: what can go wrong with real machines, on demand, and how to end it."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from dataclasses import dataclass

from tests.cluster import native, network, silence
from tests.cluster.control_plane import API_PORT
from tests.cluster.machine import Machine
from tests.cluster.places import PACKAGE, Places
from tests.cluster.problem import Problem
from tests.cluster.waiting import until

DELAYED_PORT = API_PORT + 1
_DETOUR = (
    "-t", "nat", "PREROUTING", "-i", network.SWITCH, "-s", network.PODS, "-p", "tcp",
    "--dport", str(API_PORT), "-j", "REDIRECT", "--to-ports", str(DELAYED_PORT),
)  # fmt: skip


@dataclass(frozen=True)
class Harm:
    """Every verb acts at once and stays until it is undone. ``machine`` is ``control`` or ``node-1`` and so
    on."""

    places: Places

    def freeze(self, component: str, machine: str = "control") -> None:
        """The program stands still; its connections stay open and nobody answers."""
        self._machine(machine).signal(component, signal.SIGSTOP)

    def thaw(self, component: str, machine: str = "control") -> None:
        """Undo ``freeze``."""
        self._machine(machine).signal(component, signal.SIGCONT)

    def kill(self, component: str, machine: str = "control") -> None:
        """The program dies without a word. Returns when it is dead."""
        where = self._machine(machine)
        where.signal(component, signal.SIGKILL)
        until(f"{component} on {machine} is dead", lambda: where.components()[component] is not None, 10)

    def start(self, component: str, machine: str = "control") -> None:
        """Start a killed program the way it was started first."""
        self._machine(machine).start_again(component)

    def restart(self, component: str, machine: str = "control") -> None:
        """Kill and start."""
        self.kill(component, machine)
        self.start(component, machine)

    def slow(self, component: str, percent: int, machine: str = "control") -> None:
        """The program stands still for ``percent`` of the time, from 1 to 99, in slices of a tenth of a
        second."""
        if not 1 <= percent <= 99:
            raise Problem(
                f"slow {component}: expected a percentage from 1 to 99, found {percent}; "
                "freeze stops it wholly"
            )
        where = self._machine(machine)
        pid = where.pid_of(component)
        where.start(
            f"slow-{component}", [sys.executable, "-I", str(PACKAGE / "brake.py"), str(pid), str(percent)]
        )

    def hurry(self, component: str, machine: str = "control") -> None:
        """Undo ``slow``."""
        where = self._machine(machine)
        where.signal(f"slow-{component}", signal.SIGTERM)
        until(f"{component} is let go", lambda: where.components()[f"slow-{component}"] is not None, 10)

    def cut(self, node: int) -> None:
        """No packet passes between this node and the others, or the control machine; its programs go on."""
        network.cut_cable(native.control(self.places), node)

    def mend(self, node: int) -> None:
        """Undo ``cut``."""
        network.mend_cable(native.control(self.places), node)

    def kill_node(self, node: int) -> None:
        """The node's power is cut: everything on it is dead at once."""
        native.node_machine(self.places, node).kill()

    def revive_node(self, node: int) -> None:
        """Start a killed node again, with the disk that it had."""
        native.revive_node(self.places, node)

    def delay_watches(self, seconds: float) -> None:
        """What the API server tells pods by watches arrives so much later; everything else goes on as ever.

        Holds for connections that pods make from now on; restart the pod to be sure of all of its
        connections.
        """
        control = native.control(self.places)
        pair = self.places.certificates / "kube-apiserver"
        self.end_delay()
        control.start(
            "watch-delay",
            [
                sys.executable, "-I", str(PACKAGE / "watch_delay.py"), str(DELAYED_PORT), str(API_PORT),
                str(seconds), f"{pair}.crt", f"{pair}.key", str(self.places.certificates / "ca.crt"),
            ],
        )  # fmt: skip
        until(
            "the detour listens",
            lambda: _listens(control, DELAYED_PORT),
            10,
            f"Its log: {control.log('watch-delay')}",
        )
        control.run("iptables", _DETOUR[0], _DETOUR[1], "-A", *_DETOUR[2:])

    def end_delay(self) -> None:
        """Undo ``delay_watches``. Nothing happens when nothing is delayed."""
        control = native.control(self.places)
        with suppress(Problem):
            control.run("iptables", _DETOUR[0], _DETOUR[1], "-D", *_DETOUR[2:])
        if control.components().get("watch-delay", 0) is None:
            self.kill("watch-delay")

    def silence_pods(self) -> None:
        """No packet passes between pods and the API server, which goes on for nodes and people."""
        silence.of_pods(native.control(self.places))

    def silence_pod(self, address: str) -> None:
        """The same for the pod with this address alone."""
        silence.of_pods(native.control(self.places), address)

    def silence_connections(self, address: str) -> int:
        """Those that the pod with this address has to the API server now say nothing more, new ones do; how
        many they are."""
        return silence.of_connections(native.control(self.places), address)

    def end_silence(self) -> None:
        """Undo any of the three."""
        silence.end(native.control(self.places))

    def _machine(self, name: str) -> Machine:
        return Machine(name, self.places.machine(name))


def _listens(machine: Machine, port: int) -> bool:
    return f":{port} " in machine.run("ss", "-Hltn")
