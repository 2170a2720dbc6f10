"""What stands before us: the path and names that another server gives us, and what it may say of users."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from nice_operator.domain.errors import Problem
from nice_operator.web.proxy import TrustedProxy

_BASE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]")
_HEADER = re.compile(r"[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Behind:
    """``base_path`` as ``WebOptions`` wants it; ``hosts``: names by which visitors call that server."""

    base_path: str = ""
    hosts: frozenset[str] = frozenset()
    proxy: TrustedProxy = field(default_factory=TrustedProxy)


def read_behind(
    base_path: str,
    hosts: Sequence[str],
    proxies: Sequence[str],
    headers: tuple[str, str],
    problems: list[Problem],
) -> Behind:
    """From the words of the command line; what is wrong is added to ``problems``."""
    networks = tuple(network for text in proxies if (network := _network(text, problems)) is not None)
    for flag, header in zip(("--user-header", "--email-header"), headers, strict=True):
        if not _HEADER.fullmatch(header):
            problems.append(Problem(flag, f"is {header!r}, which is not the name of a header"))
    names = frozenset(host.lower() for host in hosts)
    wrong = sorted(host for host in names if not _HOST.fullmatch(host))
    expected = "expected a host name without port or path"
    problems.extend(Problem("--public-host", f"is {host!r}; {expected}") for host in wrong)
    return Behind(_path(base_path, problems), names, TrustedProxy(networks, *headers))


def _path(text: str, problems: list[Problem]) -> str:
    path = text.rstrip("/")
    if path and not _is_base_path(path):
        problems.append(Problem("--base-path", f"is {text!r}; expected a path such as /nice or /tools/nice"))
    return path


def _is_base_path(path: str) -> bool:
    return _BASE_PATH.fullmatch(path) is not None and not {".", ".."} & set(path.split("/"))


def _network(text: str, problems: list[Problem]) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:
        expected = "expected an address or a network, such as 127.0.0.1 or 10.1.0.0/16"
        problems.append(Problem("--trusted-proxy", f"is {text!r}; {expected}"))
        return None
