"""Where the dev mode listens: loopback (with tokens: any address) for people, a Unix socket for the local
worker."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import ExitStack
from pathlib import Path

from nice_operator.domain.errors import InvalidInput

FREE_PORT_TRIES = 20


def listen_on(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address that ``host`` means, all on one port; ``port`` 0 finds a free one.

    Raises InvalidInput when the port is taken.
    """
    addresses = _addresses(host)
    for _ in range(FREE_PORT_TRIES):
        try:
            return _bind_all(addresses, port)
        except OSError as error:
            if port:
                raise InvalidInput(_refusal(host, port, error)) from None
    raise InvalidInput(f"no free port was found on {host}; name one with --port")


def listen_on_path(path: Path) -> socket.socket:
    """A Unix socket at ``path``, replacing the one a dead operator left.

    The address goes through the directory's descriptor, because an address holds 107 bytes at most.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    directory = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)
    path.chmod(0o600)
    listener.setblocking(False)
    return listener


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    if host == "localhost":
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    return [(socket.AF_INET6 if ":" in host else socket.AF_INET, host)]


def _bind_all(addresses: list[tuple[socket.AddressFamily, str]], port: int) -> list[socket.socket]:
    with ExitStack() as undo:
        bound: list[socket.socket] = []
        for family, address in addresses:
            listener = _bind(family, address, port, optional=bool(bound))
            if listener is not None:
                undo.callback(listener.close)
                bound.append(listener)
                port = listener.getsockname()[1]
        undo.pop_all()
    return bound


def _bind(family: socket.AddressFamily, address: str, port: int, *, optional: bool) -> socket.socket | None:
    """A socket, or None where the machine lacks the address's family and another one serves already."""
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        if optional:
            return None
        raise
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if optional and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        raise
    return listener


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken by another program; name another with --port"
    return f"cannot listen on {host}, port {port}: {error.strerror}; name another with --host and --port"
