"""The judge of NetworkPolicies itself, by the rules that Kubernetes' documentation states."""

from __future__ import annotations

from typing import Any

from tests.support.network_policies import Network, Outside, Pod

WEB = Pod("shop", {"app": "web"}, {"http": 8080}, "10.0.0.1")
DB = Pod("shop", {"app": "db"}, {"sql": 3306}, "10.0.0.2")
WEB_OF_OTHERS = Pod("other", {"app": "web"}, {"http": 8080}, "10.0.0.3")


def policy(selector: dict[str, Any], namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return {
        "kind": "NetworkPolicy",
        "metadata": {"name": "p", "namespace": namespace},
        "spec": {"podSelector": {"matchLabels": selector}, **spec},
    }


def network(*policies: dict[str, Any], blocks_match_pods: bool = False) -> Network:
    return Network(policies, blocks_match_pods)


def test_without_a_policy_everything_is_allowed() -> None:
    assert network().allows(WEB, DB, 3306)


def test_a_pod_that_is_selected_is_closed_but_for_what_a_rule_names() -> None:
    closed = network(policy({"app": "db"}, policyTypes=["Ingress"]))
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": "sql"}]}
    opened = network(policy({"app": "db"}, policyTypes=["Ingress"], ingress=[rule]))

    assert not closed.allows(WEB, DB, 3306)
    assert closed.allows(DB, WEB, 8080), "the other way, and other pods, are as before"
    assert opened.allows(WEB, DB, 3306)
    assert not opened.allows(WEB, DB, 22)
    assert not opened.allows(WEB_OF_OTHERS, DB, 3306), "a pod selector alone means its own namespace"
    assert not opened.allows(Outside("192.0.2.1"), DB, 3306)


def test_selectors_of_namespace_and_pod_in_one_peer_must_both_fit() -> None:
    there = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}
    both = there | {"podSelector": {"matchLabels": {"app": "web"}}}
    one_of_them = [there, {"podSelector": {"matchLabels": {"app": "web"}}}]

    assert network(policy({"app": "db"}, ingress=[{"from": [both]}])).allows(WEB_OF_OTHERS, DB, 1)
    assert not network(policy({"app": "db"}, ingress=[{"from": [both]}])).allows(WEB, DB, 1)
    assert network(policy({"app": "db"}, ingress=[{"from": one_of_them}])).allows(WEB, DB, 1)


def test_policies_add_up_and_an_empty_rule_opens_everything() -> None:
    closed, opened = policy({"app": "db"}, ingress=[]), policy({"app": "db"}, ingress=[{}])

    assert not network(closed).allows(WEB, DB, 3306)
    assert network(closed, opened).allows(WEB, DB, 3306)


def test_both_ends_must_let_it_and_egress_is_closed_only_where_it_is_spoken_of() -> None:
    out = policy(
        {"app": "web"}, policyTypes=["Egress"], egress=[{"ports": [{"port": 53, "protocol": "UDP"}]}]
    )

    assert network(out).allows(WEB, DB, 53, "UDP")
    assert not network(out).allows(WEB, DB, 53)
    assert not network(out).allows(WEB, Outside("192.0.2.1"), 443)
    assert network(out).allows(DB, WEB, 8080)
    assert not network(out, policy({"app": "db"})).allows(WEB, DB, 53, "UDP")


def test_blocks_are_for_addresses_with_exceptions_and_mean_pods_where_the_network_says_so() -> None:
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}
    out = policy({"app": "web"}, policyTypes=["Egress"], egress=[{"to": [block]}])

    assert network(out).allows(WEB, Outside("192.0.2.1"), 443)
    assert not network(out).allows(WEB, Outside("169.254.169.254"), 80)
    assert not network(out).allows(WEB, Outside("2001:db8::1"), 443)
    assert not network(out).allows(WEB, DB, 3306)
    assert network(out, blocks_match_pods=True).allows(WEB, DB, 3306)
