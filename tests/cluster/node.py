"""A node: containerd, kubelet and kube-proxy on a machine of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import cgroups, kubeconfig, network
from tests.cluster.binaries import program
from tests.cluster.certificates import Authority, Pair
from tests.cluster.control_plane import SERVER
from tests.cluster.machine import Machine
from tests.cluster.problem import Problem
from tests.cluster.waiting import until

CONTAINERD = "/run/containerd/containerd.sock"
PAUSE_IMAGE = "localhost/nice-cluster/base:test"
CNI_PROGRAMS = ("/usr/lib/cni", "/opt/cni/bin")


@dataclass(frozen=True)
class Node:
    """Node ``number`` (from 1) of the cluster ``cluster``."""

    machine: Machine
    authority: Authority
    cluster: str
    number: int

    @property
    def name(self) -> str:
        """What Kubernetes calls it; the machine is called the same."""
        return self.machine.name

    def start_containerd(self) -> None:
        """The container runtime, with its data in the machine's folder."""
        self._write("net/10-pods.conflist", json.dumps(_pod_network(self.number), indent=1))
        config = self._write(
            "containerd.toml",
            _CONTAINERD.format(
                root=self._file("containerd"), net=self._file("net"), cni=_cni_programs(), pause=PAUSE_IMAGE
            ),
        )
        self.machine.start("containerd", ["containerd", "--config", str(config)])

    def wait_for_containerd(self) -> None:
        """Until it answers."""

        def answers() -> bool:
            try:
                self.machine.run("ctr", "--address", CONTAINERD, "version")
            except Problem:
                return False
            return True

        until(f"containerd of {self.name} answers", answers, 20, f"Its log: {self.machine.log('containerd')}")

    def import_image(self, archive: Path) -> None:
        """Put an image into the node's own store; nodes can pull nothing."""
        self.machine.run(
            "ctr",
            "--address",
            CONTAINERD,
            "--namespace",
            "k8s.io",
            "images",
            "import",
            "--no-unpack",
            str(archive),
        )

    def start_kubelet(self) -> None:
        """The kubelet; it announces the node as soon as the API server answers."""
        cgroups.create(self.cluster, self.name)
        pair = self.authority.issue(
            self.name,
            f"system:node:{self.name}",
            "system:nodes",
            hosts=(self.name, network.node_address(self.number)),
        )
        self._write("resolv.conf", "")
        identity = kubeconfig.write(
            self._file("kubelet.kubeconfig"), SERVER, self.authority.root, pair, self.name
        )
        config = self._write("kubelet.json", json.dumps(self._kubelet_settings(pair), indent=1))
        self.machine.start(
            "kubelet",
            [
                str(program("kubelet")), f"--config={config}", f"--kubeconfig={identity}",
                f"--node-ip={network.node_address(self.number)}", f"--hostname-override={self.name}",
                f"--root-dir={self._file('kubelet')}",
            ],
        )  # fmt: skip

    def start_proxy(self) -> None:
        """kube-proxy: services as rules in the machine's own firewall."""
        pair = self.authority.issue(f"{self.name}-proxy", "system:kube-proxy")
        identity = kubeconfig.write(
            self._file("kube-proxy.kubeconfig"), SERVER, self.authority.root, pair, self.name
        )
        settings = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clientConnection": {"kubeconfig": str(identity)},
            "clusterCIDR": network.PODS,
            "hostnameOverride": self.name,
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        }
        config = self._write("kube-proxy.json", json.dumps(settings, indent=1))
        self.machine.start("kube-proxy", [str(program("kube-proxy")), f"--config={config}"])

    def _kubelet_settings(self, pair: Pair) -> dict[str, Any]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.authority.root)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(pair.certificate),
            "tlsPrivateKeyFile": str(pair.key),
            "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": cgroups.root_of(self.cluster, self.name),
            "failCgroupV1": False,
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "resolvConf": str(self._file("resolv.conf")),
            "clusterDNS": [network.DNS_SERVICE],
            "clusterDomain": "cluster.local",
            "serializeImagePulls": False,
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "nodeStatusUpdateFrequency": "2s",
            "nodeLeaseDurationSeconds": 8,
            "volumePluginDir": str(self._file("volume-plugins")),
        }

    def _file(self, name: str) -> Path:
        return self.machine.folder / name

    def _write(self, name: str, text: str) -> Path:
        path = self._file(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def _pod_network(number: int) -> dict[str, Any]:
    """Each pod has a cable of its own to its node, which routes: no bridge, and no masquerade, as nothing
    goes out."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": network.pod_range(number)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _cni_programs() -> str:
    for folder in CNI_PROGRAMS:
        if (Path(folder) / "ptp").exists():
            return folder
    raise Problem(
        f"the network plugins are in none of {', '.join(CNI_PROGRAMS)}; "
        "install them with: apt-get install containernetworking-plugins"
    )


_CONTAINERD = """\
version = 2
root = "{root}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt",
  "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true  # root without CAP_SYS_RESOURCE, as in many virtual machines, cannot lower it
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{net}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""
