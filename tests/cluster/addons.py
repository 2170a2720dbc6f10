"""What every cluster holds besides the API's own objects: DNS, and the rights of the control plane's
users."""

from __future__ import annotations

from typing import Any

from tests.cluster import network

RBAC = "rbac.authorization.k8s.io"


def objects() -> list[dict[str, Any]]:
    """To be applied once the API server is ready."""
    return [
        *_dns(),
        *_rights_of_dns(),
        _bind("kubelet-clients", "system:kubelet-api-admin", "kube-apiserver-kubelet"),
    ]


def _dns() -> list[dict[str, Any]]:
    """A Service without selector, led by hand to the CoreDNS process on the control machine."""
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    metadata = {"namespace": "kube-system", "name": "kube-dns", "labels": {"k8s-app": "kube-dns"}}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"clusterIP": network.DNS_SERVICE, "ports": ports},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [network.CONTROL], "conditions": {"ready": True}}],
            "ports": ports,
        },
    ]


def _rights_of_dns() -> list[dict[str, Any]]:
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    role = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "nice-cluster:coredns"},
        "rules": rules,
    }
    return [role, _bind("coredns", "nice-cluster:coredns", "system:kube-dns")]


def _bind(name: str, role: str, user: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"nice-cluster:{name}"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
    }
