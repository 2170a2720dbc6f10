"""Whose tasks each pool takes, and what is said to those that it does not take."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from nice_operator.domain.pool import Pool, queues_of
from nice_operator.engine.pools import PoolRegistry


def a_pool(full_name: str = "nice/default", **changes: Any) -> Pool:
    namespace, _, name = full_name.partition("/")
    return Pool(namespace=namespace, name=name, uid=full_name, generation=1, **changes)


OPEN = a_pool(allowed_namespaces=frozenset({"*"}))
OWN = a_pool("team-a/heavy")
NARROW = a_pool("nice/gpu", allowed_namespaces=frozenset({"team-b", "team-c"}))


def a_registry(*pools: Pool) -> PoolRegistry:
    registry = PoolRegistry("nice")
    registry.replace(pools)
    return registry


@pytest.mark.parametrize(
    ("namespace", "queue"),
    [
        ("anything", "pool:default"),
        ("anything", "pool:nice/default"),
        ("team-a", "pool:team-a/heavy"),
        ("team-b", "pool:nice/gpu"),
        ("anything", "task:anything/outside"),
    ],
)
def test_a_task_is_admitted_where_its_pool_takes_its_namespace(namespace: str, queue: str) -> None:
    assert a_registry(OPEN, OWN, NARROW).admits(namespace, queue) is None


@pytest.mark.parametrize(
    ("namespace", "queue", "says"),
    [
        ("team-b", "pool:team-a/heavy", "only those of team-a; add team-b to its spec.allowedNamespaces"),
        ("nice", "pool:nice/gpu", "only those of team-b, team-c; add nice"),
        (
            "team-b",
            "pool:nice/huge",
            "(nice/default, nice/gpu), or make a NiceWorkerPool huge in namespace nice",
        ),
    ],
)
def test_whoever_is_not_admitted_is_told_what_would_help(namespace: str, queue: str, says: str) -> None:
    reason = a_registry(OPEN, OWN, NARROW).admits(namespace, queue)

    assert reason is not None
    assert says in reason


def test_without_a_default_pool_a_task_that_names_none_is_told_so() -> None:
    reason = a_registry(OWN).admits("team-b", "pool:default")

    assert reason is not None
    assert "no worker pool nice/default, the default of tasks that name none" in reason
    assert "no other takes tasks of team-b; make a NiceWorkerPool default in namespace nice" in reason


def test_nothing_is_refused_before_the_first_listing() -> None:
    registry = PoolRegistry("nice")
    registry.put(OWN)

    assert not registry.known
    assert registry.admits("team-b", "pool:nice/huge") is None


def test_a_pool_without_an_own_list_takes_its_own_namespace_alone() -> None:
    assert OWN.admits("team-a")
    assert not OWN.admits("team-b")
    assert not NARROW.admits("nice")


def test_listeners_hear_of_each_change_and_of_no_repetition() -> None:
    registry = PoolRegistry("nice")
    heard: list[int] = []
    stop = registry.on_change(lambda: heard.append(len(registry.list())))

    registry.replace([])
    registry.replace([])
    registry.put(OPEN)
    registry.put(OPEN)
    registry.put(a_pool(slots=8))
    registry.delete("nice", "default")
    registry.delete("nice", "default")
    stop()
    registry.put(OPEN)

    assert heard == [0, 1, 1, 0]


def test_a_listener_that_fails_keeps_no_other_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    registry = PoolRegistry("nice")
    heard: list[str] = []
    registry.on_change(lambda: heard[0].upper() and None)
    registry.on_change(lambda: heard.append("told"))

    with caplog.at_level(logging.CRITICAL):
        registry.replace([OPEN])

    assert heard == ["told"]


def test_a_stalled_pool_takes_tasks_and_says_why_they_wait() -> None:
    registry = a_registry(a_pool(allowed_namespaces=frozenset({"*"}), stalled="spec.template: no"))

    assert registry.admits("team-a", "pool:default") is None
    assert (
        registry.trouble("team-a", "pool:default") == "worker pool nice/default is stalled: spec.template: no"
    )


def test_workers_of_the_default_pool_of_the_release_serve_both_its_queues() -> None:
    assert queues_of("nice/default", "nice") == ("pool:default", "pool:nice/default")
    assert queues_of("team-a/default", "nice") == ("pool:team-a/default",)
    assert queues_of("default", "") == ("pool:default",)
