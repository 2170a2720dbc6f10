"""What the web part is told at start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from nice_operator.web.proxy import TrustedProxy

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names by which a browser on this machine may call a server that listens on loopback only."""


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Settings of the HTTP server.

    ``namespace`` is the one that the root paths (``/tasks``, ``/task/{name}``) serve. ``hosts`` are the
    Host names answered to, without port. ``base_path`` is where a proxy mounts us, as ``/nice`` (no slash
    at the end), or "". ``view_only`` shows everything, starts and stops nothing. ``sync`` False: no
    definitions are read, and the pages say so. ``proxy``: who may tell us the user's name.
    ``body_within`` is how many seconds a body may take: the default is 1 MiB at 18 KiB/s.
    ``client_rate``: requests a second of one client, where clients are asked who they are (0: any number).
    ``unknown_name_wait`` is how long ``POST /task/{name}`` waits for a name that nobody knows to be brought.
    """

    namespace: str = "default"
    hosts: frozenset[str] = field(default=LOOPBACK_HOSTS)
    base_path: str = ""
    view_only: bool = False
    sync: bool = True
    proxy: TrustedProxy = field(default_factory=TrustedProxy)
    unknown_name_wait: timedelta = timedelta(seconds=10)
    max_body: int = 1024 * 1024
    body_within: float = 60.0
    client_rate: float = 2000.0
