"""Where the dev mode listens."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from nice_operator.bootstrap.sockets import listen_on, listen_on_path
from nice_operator.domain.errors import InvalidInput


def close_all(listeners: list[socket.socket]) -> None:
    for listener in listeners:
        listener.close()


def test_localhost_means_both_loopback_addresses_on_one_port() -> None:
    listeners = listen_on("localhost", 0)

    ports = {listener.getsockname()[1] for listener in listeners}
    addresses = [listener.getsockname()[0] for listener in listeners]
    close_all(listeners)
    assert len(ports) == 1
    assert addresses[0] == "127.0.0.1"


def test_a_taken_port_is_refused_with_the_remedy() -> None:
    listeners = listen_on("127.0.0.1", 0)
    port = listeners[0].getsockname()[1]
    listeners[0].listen()

    with pytest.raises(InvalidInput, match=f"port {port}.*--port"):
        listen_on("localhost", port)

    close_all(listeners)


def test_a_socket_can_lie_deeper_than_an_address_is_long(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)

    listener = listen_on_path(deep / "operator.sock")

    listener.close()
    assert (deep / "operator.sock").is_socket()
    assert (deep / "operator.sock").stat().st_mode & 0o777 == 0o600


def test_a_dead_operators_socket_is_replaced(tmp_path: Path) -> None:
    listen_on_path(tmp_path / "operator.sock").close()

    listen_on_path(tmp_path / "operator.sock").close()
