"""What a set of NetworkPolicies allows (networking.k8s.io/v1), as a function: for clusters, like that of the
tests, whose network enforces none.

Whether an ``ipBlock`` matches the addresses of pods is left to each network by Kubernetes. So ``Network`` is
asked for the one or for the other: what must be allowed is judged where it does not, what must be refused
where it does.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]
NAMESPACE_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Pod:
    """A pod: what policies see of it. ``ports`` are the names of its containers' ports."""

    namespace: str
    labels: Json
    ports: Mapping[str, int] = field(default_factory=dict)
    address: str = "10.0.0.1"


@dataclass(frozen=True)
class Outside:
    """Whatever is no pod."""

    address: str


End = Pod | Outside


def pod_of(workload: Json, namespace: str = "") -> Pod:
    """A pod of a Deployment, StatefulSet or the like, or a Pod itself."""
    template = workload if workload["kind"] == "Pod" else workload["spec"]["template"]
    ports = {
        port["name"]: int(port["containerPort"])
        for container in template["spec"]["containers"]
        for port in container.get("ports") or ()
        if "name" in port
    }
    place = namespace or workload["metadata"]["namespace"]
    return Pod(place, template["metadata"].get("labels") or {}, ports)


@dataclass(frozen=True)
class Network:
    """``blocks_match_pods``: see the module."""

    policies: Sequence[Json]
    blocks_match_pods: bool

    def allows(self, source: End, target: End, port: int, protocol: str = "TCP") -> bool:
        """Whether ``source`` may open a connection: both ends must let it."""
        return self._lets(source, target, target, port, protocol, "egress") and self._lets(
            target, source, target, port, protocol, "ingress"
        )

    def _lets(self, own: End, peer: End, target: End, port: int, protocol: str, way: str) -> bool:
        """Whether the policies of ``own`` let this pass; those of somebody who is no pod, or whom none
        selects, let everything."""
        mine = [policy["spec"] for policy in self.policies if _governs(policy, own, way)]
        rules = [rule for spec in mine for rule in spec.get(way) or ()]
        return not mine or any(
            self._peer_of(rule, peer, own, way) and _port_of(rule, target, port, protocol) for rule in rules
        )

    def _peer_of(self, rule: Json, peer: End, own: End, way: str) -> bool:
        peers = rule.get("from" if way == "ingress" else "to")
        return not peers or any(self._matches(each, peer, own) for each in peers)

    def _matches(self, wanted: Json, peer: End, own: End) -> bool:
        if "ipBlock" in wanted:
            return (self.blocks_match_pods or isinstance(peer, Outside)) and _within(wanted["ipBlock"], peer)
        if not isinstance(peer, Pod) or not isinstance(own, Pod):
            return False
        there = (
            _selects(wanted["namespaceSelector"], {NAMESPACE_NAME: peer.namespace})
            if "namespaceSelector" in wanted
            else peer.namespace == own.namespace
        )
        return there and _selects(wanted.get("podSelector") or {}, peer.labels)


def _governs(policy: Json, end: End, way: str) -> bool:
    if not isinstance(end, Pod) or policy["metadata"]["namespace"] != end.namespace:
        return False
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return way.capitalize() in types and _selects(spec.get("podSelector") or {}, end.labels)


def _port_of(rule: Json, target: End, port: int, protocol: str) -> bool:
    """A name means what the pod at the other end calls so; nothing that is no pod has names."""
    wanted = rule.get("ports")
    return not wanted or any(_is_port(each, target, port, protocol) for each in wanted)


def _is_port(wanted: Json, target: End, port: int, protocol: str) -> bool:
    if wanted.get("protocol", "TCP") != protocol:
        return False
    first = wanted.get("port")
    if isinstance(first, str):
        return isinstance(target, Pod) and target.ports.get(first) == port
    return first is None or first <= port <= wanted.get("endPort", first)


def _within(block: Json, end: End) -> bool:
    address = ipaddress.ip_address(end.address)
    inside = address in ipaddress.ip_network(block["cidr"])
    return inside and not any(address in ipaddress.ip_network(each) for each in block.get("except") or ())


def _selects(selector: Json, labels: Json) -> bool:
    wanted = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in wanted) and all(
        _fulfils(each, labels) for each in selector.get("matchExpressions") or ()
    )


def _fulfils(wanted: Json, labels: Json) -> bool:
    value, values = labels.get(wanted["key"]), wanted.get("values") or ()
    match wanted["operator"]:
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "In":
            return value in values
        case "NotIn":
            return value not in values
    raise AssertionError(f"{wanted['operator']} is no operator of a selector")


def of(objects: Iterable[Json]) -> list[Json]:
    """The NetworkPolicies among rendered objects."""
    return [each for each in objects if each["kind"] == "NetworkPolicy"]
