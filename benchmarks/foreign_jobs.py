"""Job request → result through a worker outside, on SQLite and on MariaDB; connections in numbers.

Load generator and worker are one process, the server another, and the database a third where it is MariaDB.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks import job_load
from benchmarks.figures import Figure, percentile
from benchmarks.frames import WebSocket, open_websockets
from benchmarks.job_server import raise_descriptors
from tests.support.mariadb import private_mariadb

CLIENTS = 20
FLIGHT = 10
REPETITIONS = 3
SECONDS = 5.0
ALONE_SECONDS = 1.5
WARM_SECONDS = 1.0
CONNECTIONS = 1_000
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A server process and where it listens."""

    name: str
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE


def measure() -> list[Figure]:
    """On SQLite and on a MariaDB server of its own."""
    raise_descriptors()
    with tempfile.TemporaryDirectory(prefix="nice-bench-") as folder:
        with _server("SQLite", f"sqlite:///{Path(folder, 'nice.db')}") as server:
            figures = uvloop.run(_rates(server))
            figures += uvloop.run(_connections(server))
        with private_mariadb(Path(folder)) as database, _server("MariaDB", database.url("jobs")) as server:
            return [*figures, *uvloop.run(_rates(server))]


@contextmanager
def _server(name: str, url: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "benchmarks.job_server", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the server ended before it served; its reason is above")
            yield Server(name, json.loads(line)["port"], process.pid)
        finally:
            process.terminate()


async def _rates(server: Server) -> list[Figure]:
    async with job_load.worker(server.port):
        await job_load.over_websocket(server.port, CLIENTS, FLIGHT, WARM_SECONDS)
        sockets, socket_cpu = await _repeated(server, "websocket", CLIENTS, FLIGHT, SECONDS)
        posts, post_cpu = await _repeated(server, "http", CLIENTS, 1, SECONDS)
        alone = [await job_load.over_websocket(server.port, 1, 1, ALONE_SECONDS) for _ in range(REPETITIONS)]
        alone_http = [await job_load.over_http(server.port, 1, ALONE_SECONDS) for _ in range(REPETITIONS)]
    on = server.name
    rate, post = f"over WebSocket, {CLIENTS} × {FLIGHT}", f"over HTTP, {CLIENTS} clients"
    return [
        Figure(
            f"external job {rate}, {on}", "jobs/s", sockets, 8_000, more_is_better=True, remark=socket_cpu
        ),
        Figure(f"external job {post}, {on}", "jobs/s", posts, 2_500, more_is_better=True, remark=post_cpu),
        Figure(
            f"external job alone, {on}, p50", "ms", _percentiles(alone, 0.5), 3.5, remark="over WebSocket"
        ),
        Figure(f"external job alone, {on}, p99", "ms", _percentiles(alone, 0.99), remark="over WebSocket"),
        Figure(f"external job alone over HTTP, {on}, p50", "ms", _percentiles(alone_http, 0.5)),
    ]


async def _repeated(
    server: Server, way: str, clients: int, flight: int, seconds: float
) -> tuple[tuple[float, ...], str]:
    """Rates, and the server's CPU for one job in words."""
    rates, jobs, before = [], 0, server.cpu_seconds()
    for _ in range(REPETITIONS):
        if way == "http":
            rate, delays = await job_load.over_http(server.port, clients, seconds)
        else:
            rate, delays = await job_load.over_websocket(server.port, clients, flight, seconds)
        rates.append(rate)
        jobs += len(delays)
    each = (server.cpu_seconds() - before) / jobs
    return tuple(rates), f"{each * 1e6:.0f} µs of the server's CPU for each"


async def _connections(server: Server) -> list[Figure]:
    """What a thousand connections cost that do nothing, and that wait for a job each."""
    async with job_load.worker(server.port) as worker:
        before = server.memory()
        clients = [job_load.SocketClient(1) for _ in range(CONNECTIONS)]
        sockets = await open_websockets(server.port, "/websocket", [client.take for client in clients])
        idle = (server.memory() - before) / CONNECTIONS
        alone = [await job_load.over_websocket(server.port, 1, 1, ALONE_SECONDS) for _ in range(REPETITIONS)]
        before_busy = server.memory()
        worker.hold()
        await _all_waiting(worker, clients, sockets)
        busy = idle + (server.memory() - before_busy) / CONNECTIONS
        for client in clients:
            client.stopping = True
        worker.release()
        await asyncio.wait_for(asyncio.gather(*(client.idle.wait() for client in clients)), 60)
        for socket in sockets:
            socket.close()
    among = f"external job alone among {CONNECTIONS:,} idle connections"
    return [
        Figure("memory of an idle connection", "kB", (idle / 1000,), remark=f"{CONNECTIONS:,} of /websocket"),
        Figure("memory of a busy connection", "kB", (busy / 1000,), remark="each waits for a job"),
        Figure(f"{among}, p50", "ms", _percentiles(alone, 0.5)),
        Figure(f"{among}, p99", "ms", _percentiles(alone, 0.99)),
    ]


async def _all_waiting(
    worker: job_load.Worker, clients: list[job_load.SocketClient], sockets: list[WebSocket]
) -> None:
    wanted = worker.jobs + len(clients)
    for client, socket in zip(clients, sockets, strict=True):
        client.begin(socket)
    async with asyncio.timeout(60):
        while worker.jobs < wanted:
            await asyncio.sleep(0.02)


def _percentiles(found: list[tuple[float, list[float]]], share: float) -> tuple[float, ...]:
    return tuple(percentile(delays, share) * 1000 for _, delays in found)
