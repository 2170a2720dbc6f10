"""What an operator may do, by the Roles of its chart, and what it did, by the API server's audit log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tests.cluster.audit import Call
from tests.support.release import NAME, Release

EVERYWHERE = "*"
Objects = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, order=True)
class Right:
    """To do one thing. ``namespace`` may be ``EVERYWHERE``, ``name`` is empty for objects of any name."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""

    def covers(self, used: Right) -> bool:
        """Whether it admits that use."""
        same = (self.verb, self.group, self.resource) == (used.verb, used.group, used.resource)
        here = self.namespace in (EVERYWHERE, used.namespace)
        return same and here and self.name in ("", used.name)

    def __str__(self) -> str:
        what = f"{self.verb} {self.resource}{'.' + self.group if self.group else ''}"
        return f"{what} {self.name} in {self.namespace or 'the cluster'}".replace("  ", " ")


def granted(objects: Objects, account: str, namespace: str) -> set[Right]:
    """By those Roles and ClusterRoles among the objects that are bound to this ServiceAccount."""
    rules = {_role(each): each["rules"] for each in objects if each["kind"] in ("Role", "ClusterRole")}
    found: set[Right] = set()
    for each in objects:
        if each["kind"] in ("RoleBinding", "ClusterRoleBinding") and _binds(each, account, namespace):
            where = each["metadata"].get("namespace", EVERYWHERE)
            reference = each["roleRef"]
            role = (reference["kind"], reference["name"], "" if where == EVERYWHERE else where)
            found |= set(_expanded(rules[role], where))
    return found


def _role(each: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = each["metadata"]
    return each["kind"], metadata["name"], metadata.get("namespace", "")


def _binds(binding: Mapping[str, Any], account: str, namespace: str) -> bool:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    return any(subject.items() <= each.items() for each in binding["subjects"])


def _expanded(rules: Iterable[Mapping[str, Any]], where: str) -> Iterator[Right]:
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames") or [""]:
                        yield Right(verb, group, resource, where, name)


def used(calls: Iterable[Call]) -> set[Right]:
    """What was needed for those calls that were not refused. What every account of a cluster may do, as to
    ask which resources there are, is left out: it has no resource."""
    return {
        right for call in calls if not call.refused and call.resource[:1] != "/" for right in _needed(call)
    }


def _needed(call: Call) -> Iterator[Right]:
    yield Right(call.verb, call.group, call.resource, call.namespace, call.name)
    if call.verb == "patch" and call.code == 201:  # a server-side apply that made the object
        yield Right("create", call.group, call.resource, call.namespace)


def never_used(rights: Iterable[Right], uses: Iterable[Right]) -> list[str]:
    """In words, sorted."""
    known = list(uses)
    return [str(right) for right in sorted(rights) if not any(map(right.covers, known))]


def not_granted(uses: Iterable[Right], rights: Iterable[Right]) -> list[str]:
    """In words, sorted. What is used by another right than the chart's."""
    known = list(rights)
    return [str(use) for use in sorted(uses) if not any(right.covers(use) for right in known)]


def _asked_about_a_pool(call: Call, rights: Iterable[Right]) -> bool:
    """So the operator finds out that it may not make a Deployment, and tells it in the status of the pool."""
    mine = {right.namespace for right in rights if right.resource == call.resource}
    return call.resource == "deployments" and call.namespace not in mine


def check_rights(release: Release, calls: Sequence[Call]) -> None:
    """Whether its Roles give what it used, all of that and nothing else, and nothing was refused."""
    objects = [each for each in yaml.safe_load_all(release.helm("get", "manifest", NAME)) if each]
    rights, uses = granted(objects, NAME, release.namespace), used(calls)
    assert [call for call in calls if call.refused and not _asked_about_a_pool(call, rights)] == []
    assert never_used(rights, uses) == []
    assert not_granted(uses, rights) == []
    assert len(rights) > 20, f"expected the rights of an operator, found {rights}"
    print(f"{len(rights)} rights were granted and used, in {len(calls)} calls")
