"""The network of the cluster: a switch on the control machine, a cable to each node, and nothing else.

Every address comes from 198.18.0.0/15, which is set aside for tests (RFC 2544). No machine has a way out,
and the
host has no way in but the relay: its own addresses, routes and firewall stay as they are.
"""

from __future__ import annotations

from tests.cluster.machine import Machine

CONTROL = "198.18.0.1"
SERVICES = "198.19.0.0/16"
API_SERVICE = "198.19.0.1"
DNS_SERVICE = "198.19.0.10"
PODS = "198.18.64.0/18"
SWITCH = "switch0"


def node_address(number: int) -> str:
    """The address of node ``number``, from 1."""
    return f"198.18.0.{10 + number}"


def pod_range(number: int) -> str:
    """The addresses of the pods on node ``number``."""
    return f"198.18.{63 + number}.0/24"


def lay_switch(control: Machine) -> None:
    """The control machine gets the switch and its own address on it."""
    _ip(control, "link add name {} type bridge", SWITCH)
    _ip(control, "address add {}/24 dev {}", CONTROL, SWITCH)
    _ip(control, "link set {} up", SWITCH)


def lay_cable(control: Machine, node: Machine, number: int, nodes: int) -> None:
    """Connect a node to the switch; each side learns where the pods of the others are."""
    _ip(control, "link add name {} type veth peer name eth0 netns {}", cable(number), str(node.pid))
    _ip(control, "link set {} master {} up", cable(number), SWITCH)
    _ip(control, "route replace {} via {}", pod_range(number), node_address(number))
    _ip(node, "address add {}/24 dev eth0", node_address(number))
    _ip(node, "link set eth0 up")
    _ip(node, "route add default via {}", CONTROL)
    for other in range(1, nodes + 1):
        if other != number:
            _ip(node, "route replace {} via {}", pod_range(other), node_address(other))


def cut_cable(control: Machine, number: int) -> None:
    """From now on no packet passes between this node and the others, or the control machine."""
    _ip(control, "link set {} down", cable(number))


def mend_cable(control: Machine, number: int) -> None:
    """Undo ``cut_cable``."""
    _ip(control, "link set {} up", cable(number))


def cable(number: int) -> str:
    """The name of the cable's end at the switch."""
    return f"cable{number}"


def _ip(machine: Machine, words: str, *values: str) -> None:
    machine.run("ip", *words.format(*values).split(), network_only=True)
