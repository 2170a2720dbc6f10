"""A cluster comes, stays untouched by a second bring-up, and goes without a trace, whatever happened to
it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import native, remains
from tests.cluster.places import ROOT, Places
from tests.cluster.problem import Problem
from tests.cluster.target import Provider, Target
from tests.cluster.waiting import until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def places(target: Target) -> Iterator[Places]:
    """Of a cluster beside the one under test."""
    if target.provider is not Provider.NATIVE:
        pytest.skip("the native cluster's bring-up is tried where it can run")
    places = Places.of(f"{target.name}-life")
    native.down(places)
    yield places
    native.down(places)


def _host_network() -> list[str]:
    """The machine's own addresses, routes and firewall."""
    commands = (["ip", "-o", "address"], ["ip", "route", "show", "table", "all"], ["iptables-save"])
    return [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout for command in commands
    ]


def _without_comments(texts: list[str]) -> list[list[str]]:
    """iptables-save writes the time."""
    return [[line for line in text.splitlines() if not line.startswith("#")] for text in texts]


def test_a_cluster_leaves_nothing_and_the_machines_own_network_never_changes(places: Places) -> None:
    before = _without_comments(_host_network())

    native.up(places, native.Shape(nodes=1))
    during = _without_comments(_host_network())
    went = native.down(places)

    assert went
    assert remains.found(places) == []
    assert before == during == _without_comments(_host_network())
    mounts = Path("/proc/self/mounts").read_text()
    assert str(places.home) not in mounts
    assert native.down(places) is False


def test_a_second_bring_up_refuses_a_living_cluster_and_leaves_it_alone(places: Places) -> None:
    native.up(places, native.Shape(nodes=0))

    with pytest.raises(Problem, match="is up already"):
        native.up(places, native.Shape(nodes=0))

    assert "default" in native.kubectl(places)("get", "namespaces")


def test_two_cannot_bring_up_the_same_cluster_at_a_time(places: Places) -> None:
    with remains.alone(places), pytest.raises(Problem, match=f"by process {os.getpid()}"):
        native.up(places, native.Shape(nodes=0))


def test_bring_ups_killed_one_after_the_other_are_each_cleared_by_the_next(places: Places) -> None:
    for sign in ("control/pid", "kubeconfig", "node-1/pid", "node-1/kubelet.json"):
        _kill_a_bring_up_at(places, sign)
        assert not places.complete.exists()
        assert remains.found(places)

    native.up(places, native.Shape(nodes=0))

    assert native.kubectl(places)("get", "nodes") == ""
    assert native.down(places)
    assert remains.found(places) == []


def _kill_a_bring_up_at(places: Places, sign: str) -> None:
    """What an earlier one left gets a mark: while that is there, the new one has not begun."""
    mark = places.home / "left-behind"
    if places.home.exists():
        mark.touch()
    command = [sys.executable, "-m", "tests.cluster", "--name", places.name, "up"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as bring_up:
        until(
            f"the new one has come to {sign}",
            lambda: not mark.exists() and (places.home / sign).exists(),
            60,
        )
        bring_up.send_signal(signal.SIGKILL)
