"""The native cluster: the real components as processes, each machine in namespaces of its own."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import ssl
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.cluster import addons, binaries, images, network, remains
from tests.cluster.certificates import Authority
from tests.cluster.control_plane import API_PORT, ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.machine import Machine
from tests.cluster.node import Node
from tests.cluster.places import PACKAGE, Places
from tests.cluster.problem import Problem, say
from tests.cluster.waiting import until

PROGRAMS = ("containerd", "runc", "iptables", "ip", "nsenter", "openssl", "mount")
REMEDY = "python3 tools/setup cluster installs what is missing on Debian"


@dataclass(frozen=True)
class Shape:
    """What a cluster is made of. Without nodes it is an API server and its controllers: enough for
    manifests."""

    nodes: int = 1


def check_machine() -> None:
    """Raises ``Problem`` unless this machine can carry a native cluster."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise Problem(
            "the native cluster makes namespaces and needs root on Linux. "
            "Remedy: sudo make cluster, or a Docker engine for kind, or KUBECONFIG with NICE_E2E_CONTEXT."
        )
    path = "/usr/sbin:/sbin:" + os.environ.get("PATH", "")
    missing = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if missing:
        raise Problem(f"the native cluster needs {', '.join(missing)}, not found on PATH. Remedy: {REMEDY}")


def up(places: Places, shape: Shape) -> None:
    """Bring the cluster up, clearing what a dead one left. Raises ``Problem``, also for one that lives."""
    check_machine()
    binaries.build_missing(binaries.CLUSTER if shape.nodes else binaries.CONTROL)
    base = images.build(()) if shape.nodes else []
    with remains.alone(places):
        if remains.live(places):
            raise Problem(
                f"cluster {places.name} is up already. Use it: export KUBECONFIG={places.kubeconfig}; "
                "or take it away first: make cluster-down"
            )
        if left := remains.found(places):
            say(f"clearing what an earlier cluster left: {len(left)} things, the first is {left[0]}")
            remains.clear(places)
        started = time.monotonic()
        _load(_bring_up(places, shape), base)
        _finish(places, shape)
        say(f"cluster {places.name} is up after {time.monotonic() - started:.1f} s")


def down(places: Places) -> bool:
    """Take the cluster away, whatever state it is in. False when there was nothing."""
    with remains.alone(places):
        if not remains.found(places):
            return False
        remains.clear(places)
        return True


def control(places: Places) -> Machine:
    """The machine with the API server, the switch and DNS."""
    return Machine("control", places.machine("control"))


def node_machine(places: Places, number: int) -> Machine:
    """The machine of node ``number``, from 1."""
    return Machine(f"node-{number}", places.machine(f"node-{number}"))


def nodes(places: Places) -> list[Node]:
    """The nodes that the cluster was made with. Raises ``Problem`` if it is not up."""
    authority = Authority(places.certificates)
    return [
        Node(node_machine(places, n), authority, places.name, n) for n in range(1, shape(places).nodes + 1)
    ]


def load_images(places: Places, archives: Sequence[Path]) -> None:
    """Put images into every node's store."""
    _load(nodes(places), archives)


def _load(members: Sequence[Node], archives: Sequence[Path]) -> None:
    """The nodes read at the same time."""

    def load(node: Node) -> None:
        for archive in archives:
            node.import_image(archive)

    with ThreadPoolExecutor(max(1, len(members))) as pool:
        list(pool.map(load, members))


def revive_node(places: Places, number: int) -> None:
    """Start a node whose machine was killed; its disk is as it was. Raises ``Problem`` if it lives."""
    node = nodes(places)[number - 1]
    if node.machine.alive():
        raise Problem(f"{node.name} is alive; only a killed node can be revived")
    node.machine.boot()
    network.lay_cable(control(places), node.machine, number, shape(places).nodes)
    node.start_containerd()
    node.wait_for_containerd()
    node.start_kubelet()
    node.start_proxy()


def shape(places: Places) -> Shape:
    """What the running cluster was made with. Raises ``Problem`` if none runs."""
    try:
        return Shape(**json.loads(places.complete.read_text()))
    except OSError:
        raise Problem(f"cluster {places.name} is not up; start it with: make cluster") from None


def kubectl(places: Places) -> Kubectl:
    """kubectl as the cluster's administrator."""
    return Kubectl(binaries.program("kubectl"), places.kubeconfig)


def _finish(places: Places, shape: Shape) -> None:
    """The last act of a bring-up, done wholly or not at all: from now on the cluster counts as up."""
    partial = places.complete.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(shape)))
    partial.rename(places.complete)


def _bring_up(places: Places, shape: Shape) -> list[Node]:
    started = time.monotonic()
    machine = control(places)
    machine.boot()
    network.lay_switch(machine)
    authority = Authority.create(places.certificates)
    plane = ControlPlane(machine, places, authority)
    plane.start_etcd()
    plane.start_api_server()
    plane.write_administrator(_start_relay(machine))
    members = _boot_nodes(places, machine, authority, shape.nodes)
    _wait_for_api(places, authority, machine)
    say(f"API ready after {time.monotonic() - started:.1f} s")
    plane.start_controllers()
    kubectl(places).apply(*addons.objects())
    if members:
        plane.start_dns()
    for member in members:
        member.start_proxy()
    _wait_for_nodes(places, members, started)
    if members:
        until("DNS answers", lambda: _dns_ready(machine), 30, f"Its log: {machine.log('coredns')}")
        say(f"DNS answering after {time.monotonic() - started:.1f} s")
    return members


def _boot_nodes(places: Places, switch: Machine, authority: Authority, count: int) -> list[Node]:
    members = [Node(node_machine(places, n), authority, places.name, n) for n in range(1, count + 1)]
    for member in members:
        member.machine.boot()
        network.lay_cable(switch, member.machine, member.number, count)
        member.start_containerd()
    for member in members:
        member.wait_for_containerd()
        member.start_kubelet()
    return members


def _start_relay(machine: Machine) -> int:
    """The port on the host's loopback that leads to the API server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = str(PACKAGE / "relay.py")
        argv = [sys.executable, "-I", script, "@descriptor", "127.0.0.1", str(API_PORT)]
        machine.start("relay", argv, descriptor=listener.fileno())
        return int(listener.getsockname()[1])


def _wait_for_api(places: Places, authority: Authority, machine: Machine) -> None:
    server = json.loads(places.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    pair = authority.pair("admin")
    trust = ssl.create_default_context(cafile=str(authority.root))
    trust.load_cert_chain(pair.certificate, pair.key)
    port = int(server.rsplit(":", 1)[1])
    remedy = f"Its log: {machine.log('kube-apiserver')}"
    until("the API server is ready", lambda: _answers_ready(port, trust), 60, remedy)


def _answers_ready(port: int, trust: ssl.SSLContext) -> bool:
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=trust)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _wait_for_nodes(places: Places, members: list[Node], started: float) -> None:
    if not members:
        return
    names = [f"node/{member.name}" for member in members]
    kube = kubectl(places)
    until("every node is known", lambda: kube.attempt("get", *names).code == 0, 60, _look_into(members[0]))
    kube("wait", "--for=condition=Ready", "--timeout=60s", *names, seconds=90)
    say(f"nodes ready after {time.monotonic() - started:.1f} s")


def _dns_ready(machine: Machine) -> bool:
    ask = f"import urllib.request as u; u.urlopen('http://{network.CONTROL}:8181/ready', timeout=2)"
    try:
        machine.run(sys.executable, "-I", "-c", ask)
    except Problem:
        return False
    return True


def _look_into(member: Node) -> str:
    return f"The kubelet's log: {Path(member.machine.log('kubelet'))}"
