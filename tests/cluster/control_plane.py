"""The control machine: etcd, API server, controller manager, scheduler, and who they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.cluster import kubeconfig, network
from tests.cluster.binaries import program
from tests.cluster.certificates import Authority
from tests.cluster.machine import Machine
from tests.cluster.places import PACKAGE, Places

API_PORT = 6443
SERVER = f"https://{network.CONTROL}:{API_PORT}"
LOCAL_SERVER = f"https://127.0.0.1:{API_PORT}"
ETCD = "http://127.0.0.1:2379"
API_NAMES = (
    "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
    "localhost", "127.0.0.1", network.CONTROL, network.API_SERVICE,
)  # fmt: skip


@dataclass(frozen=True)
class ControlPlane:
    """Starts its components, one call each, so that the caller decides what waits for what."""

    machine: Machine
    places: Places
    authority: Authority

    def start_etcd(self) -> None:
        """Without fsync: the data live as long as the cluster, and tests want it fast."""
        peer = "http://127.0.0.1:2380"
        self._start(
            "etcd", data_dir=self._file("etcd"), listen_client_urls=ETCD, advertise_client_urls=ETCD,
            listen_peer_urls=peer, initial_advertise_peer_urls=peer, initial_cluster=f"default={peer}",
            unsafe_no_fsync="true", log_level="warn",
        )  # fmt: skip

    def start_api_server(self) -> None:
        """Strict on purpose: RBAC and Node authorization, NodeRestriction, every call in the audit log."""
        issue = self.authority.issue
        serving = issue("kube-apiserver", "kube-apiserver", hosts=API_NAMES)
        to_kubelets = issue("apiserver-kubelet", "kube-apiserver-kubelet", "nice-cluster:kubelet-clients")
        tokens = self.authority.issue_token_keys()
        self._start(
            "kube-apiserver",
            etcd_servers=ETCD,
            bind_address="0.0.0.0",
            advertise_address=network.CONTROL,
            secure_port=str(API_PORT),
            service_cluster_ip_range=network.SERVICES,
            authorization_mode="Node,RBAC",
            enable_admission_plugins="NodeRestriction",
            client_ca_file=self.authority.root,
            tls_cert_file=serving.certificate,
            tls_private_key_file=serving.key,
            kubelet_certificate_authority=self.authority.root,
            kubelet_client_certificate=to_kubelets.certificate,
            kubelet_client_key=to_kubelets.key,
            kubelet_preferred_address_types="InternalIP",
            service_account_issuer="https://kubernetes.default.svc.cluster.local",
            service_account_key_file=tokens.certificate,
            service_account_signing_key_file=tokens.key,
            audit_policy_file=PACKAGE / "audit-policy.yaml",
            audit_log_path=self.places.audit_log,
            audit_log_mode="blocking",
            allow_privileged="true",  # Pod Security decides, as on every cluster of today
        )

    def start_controllers(self) -> None:
        """The controller manager and the scheduler. A node that falls silent counts as gone after 10
        seconds."""
        manager = self._identity("kube-controller-manager", "system:kube-controller-manager")
        scheduler = self._identity("kube-scheduler", "system:kube-scheduler")
        signing = self.authority.pair("ca")
        self._start(
            "kube-controller-manager",
            kubeconfig=manager,
            authentication_kubeconfig=manager,
            authorization_kubeconfig=manager,
            leader_elect="false",
            use_service_account_credentials="true",
            service_account_private_key_file=self.authority.pair("tokens").key,
            root_ca_file=self.authority.root,
            cluster_signing_cert_file=signing.certificate,
            cluster_signing_key_file=signing.key,
            node_monitor_period="1s",
            node_monitor_grace_period="10s",
            bind_address="127.0.0.1",
        )
        self._start(
            "kube-scheduler",
            kubeconfig=scheduler,
            authentication_kubeconfig=scheduler,
            authorization_kubeconfig=scheduler,
            leader_elect="false",
            bind_address="127.0.0.1",
        )

    def start_dns(self) -> None:
        """CoreDNS as a process; the Service that leads to it is in ``addons``."""
        identity = self._identity("coredns", "system:kube-dns")
        corefile = self._file("Corefile")
        corefile.write_text(_COREFILE.format(kubeconfig=identity, address=network.CONTROL))
        self.machine.start("coredns", [str(program("coredns")), "-conf", str(corefile)])

    def write_administrator(self, port: int) -> None:
        """The kubeconfig for people and tests, by way of the relay on loopback."""
        pair = self.authority.issue("admin", "nice-cluster-admin", "system:masters")
        server = f"https://127.0.0.1:{port}"
        kubeconfig.write(
            self.places.kubeconfig, server, self.authority.root, pair, f"nice-cluster-{self.places.name}"
        )

    def _identity(self, name: str, user: str) -> Path:
        pair = self.authority.issue(name, user)
        return kubeconfig.write(
            self._file(f"{name}.kubeconfig"), LOCAL_SERVER, self.authority.root, pair, name
        )

    def _file(self, name: str) -> Path:
        return self.machine.folder / name

    def _start(self, component: str, **flags: str | Path) -> None:
        argv = [
            str(program(component)),
            *(f"--{name.replace('_', '-')}={value}" for name, value in flags.items()),
        ]
        self.machine.start(component, argv)


_COREFILE = """\
.:53 {{
    bind {address}
    errors
    ready {address}:8181
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 5
    }}
}}
"""
