"""Where the server is. The places are tried in this order, and an error names those that were:

1. ``--server``, or NICE_SERVER;
2. the cluster of ``--context`` or ``--kubeconfig`` (or of the current context, for ``kubectl nice``);
3. a server on this machine, at http://localhost:9999;
4. the cluster of the current context.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol
from urllib.parse import urlsplit

import click

from nice_cli.called import as_plugin, called
from nice_cli.errors import Failure
from nice_cli.exits import Exit
from nice_cli.http import Http
from nice_cli.kube.forward import Forward
from nice_cli.kube.kubectl import Current, Kubectl
from nice_cli.kube.release import Release, find_release, read_token
from nice_cli.kube.trust import read_trust
from nice_cli.output import note
from nice_cli.token import given_token

LOCAL_SERVER = "http://localhost:9999"
DEFAULT_NAMESPACE = "default"
PROBE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What options and environment say of the place; None: nothing."""

    server: str | None = None
    release: str | None = None
    context: str | None = None
    kubeconfig: str | None = None
    namespace: str | None = None
    token_file: str | None = None


class Place(Protocol):
    """A server, and what a task's name means there."""

    @property
    def http(self) -> Http:
        """The way to it. Raises Failure."""
        ...

    @property
    def namespace(self) -> str:
        """Of tasks that are named without one. Raises Failure."""
        ...

    @property
    def kubectl(self) -> Kubectl | None:
        """For what Kubernetes decides; None where the server alone is known."""
        ...


@dataclass(frozen=True)
class Address:
    """A server by its address."""

    base: str
    token: str = field(repr=False)
    namespace: str = DEFAULT_NAMESPACE
    kubectl: Kubectl | None = None

    @property
    def http(self) -> Http:
        """Plain HTTP."""
        return Http(self.base, self.token)


@dataclass(frozen=True)
class InCluster:
    """A release, found when it is first needed. ``token`` "": that of its Secret."""

    kubectl: Kubectl
    current: Current
    wanted: Wanted
    token: str = field(repr=False)

    @cached_property
    def release(self) -> Release:
        """The one that is meant. Raises Failure."""
        return find_release(self.kubectl, self.current, self.wanted.namespace, self.wanted.release)

    @property
    def namespace(self) -> str:
        """The context's, as with kubectl; where it names none, the one that the release's own API serves."""
        return self.current.namespace or self.release.namespace

    @cached_property
    def http(self) -> Http:
        """Through a port-forward that ends with this command."""
        trust = read_trust(self.kubectl, self.release)
        forward = Forward(self.kubectl, self.release, trust)
        click.get_current_context().find_root().call_on_close(forward.close)
        token = self.token or read_token(self.kubectl, self.release)
        return Http(forward.base, token, forward, (trust.handler(),) if trust else ())


def decide(wanted: Wanted, environment: Mapping[str, str], local: str = LOCAL_SERVER) -> Place:
    """The place; ``local`` is the server of this machine. Raises Failure when there is none."""
    token = given_token(wanted.token_file, environment)
    chosen = wanted.context or wanted.kubeconfig or wanted.release or as_plugin()
    if wanted.server:
        return Address(wanted.server, token)
    if not chosen and _listens(local):
        return Address(local, token)
    kubectl = Kubectl(wanted.context, wanted.kubeconfig)
    if chosen:
        return InCluster(kubectl, kubectl.current(), wanted, token)
    try:
        place = InCluster(kubectl, kubectl.current(), wanted, token)
        where = f"{place.release} of context {place.current.context}"
    except Failure as failure:
        raise _nowhere(local, failure) from None
    note(f"No server answers at {local}; asking {where}.")
    return place


def _listens(base: str) -> bool:
    parts = urlsplit(base)
    try:
        with socket.create_connection((parts.hostname, parts.port), timeout=PROBE_SECONDS):
            return True
    except OSError:
        return False


def _nowhere(local: str, failure: Failure) -> Failure:
    return Failure(
        f"no server answers at {local} (start one with `{called()} dev DIR`, or name another with "
        f"--server or NICE_SERVER), and kubectl leads to none: {failure.message}",
        Exit.SERVER,
    )
