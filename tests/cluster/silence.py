"""Packets between pods and the API server that get lost: connections stay open, and nobody says a word."""

from __future__ import annotations

import re
from contextlib import suppress

from tests.cluster import network
from tests.cluster.control_plane import API_PORT
from tests.cluster.machine import Machine
from tests.cluster.problem import Problem

CHAIN = "NICE-SILENCE"
HOOKS = ("INPUT", "OUTPUT")


def of_pods(control: Machine, addresses: str = network.PODS) -> None:
    """No packet passes between these pods (all of them, or one) and the API server; nodes and people reach it
    as ever."""
    _begin(control)
    _drop(control, addresses)
    _hook(control)


def of_connections(control: Machine, address: str) -> int:
    """The same for the connections that the pod with this address has now, and for no later one; how many
    there were."""
    _begin(control)
    ports = _ports(control, address)
    for port in ports:
        _drop(control, address, port)
    _hook(control)
    return len(ports)


def end(control: Machine) -> None:
    """Undo any of it. Nothing happens when nothing is silent."""
    for hook in HOOKS:
        with suppress(Problem):
            _iptables(control, "-D", hook, "-j", CHAIN)
    for verb in ("-F", "-X"):
        with suppress(Problem):
            _iptables(control, verb, CHAIN)


def _begin(control: Machine) -> None:
    end(control)
    _iptables(control, "-N", CHAIN)


def _hook(control: Machine) -> None:
    """Only now do the rules count: all of them at once."""
    for hook in HOOKS:
        _iptables(control, "-I", hook, "-j", CHAIN)


def _drop(control: Machine, address: str, port: str = "") -> None:
    mine, theirs = (["--sport", port], ["--dport", port]) if port else ([], [])
    _iptables(control, "-A", CHAIN, "-p", "tcp", "-s", address, *mine, "--dport", str(API_PORT), "-j", "DROP")
    _iptables(
        control, "-A", CHAIN, "-p", "tcp", "-d", address, "--sport", str(API_PORT), *theirs, "-j", "DROP"
    )


def _ports(control: Machine, address: str) -> list[str]:
    said = control.run("ss", "-Htn", "state", "established", f"( sport = :{API_PORT} )")
    return re.findall(rf"\b{re.escape(address)}\]?:(\d+)", said)


def _iptables(control: Machine, *words: str) -> None:
    control.run("iptables", *words)
