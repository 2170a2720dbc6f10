"""What asks for jobs and what does them: a worker, clients over WebSocket and HTTP, all in one event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import orjson

from benchmarks.frames import HttpClient, WebSocket, open_websockets

NAME = "work"
OPTIONS = b'{"a":1,"b":2}'
RESULT = b'{"sum":3}'
WANTED = 250
"""Jobs that the worker can have at a time: more than are ever under way."""

_GET = b'{"action":"GetTask"}'


class Worker:
    """A worker outside that knows one task. ``hold``: it keeps its jobs until ``release``."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept: list[bytes] | None = None
        self._socket: WebSocket | None = None
        self.jobs = 0

    async def start(self) -> None:
        """Connect, register, and ask for work."""
        (self._socket,) = await open_websockets(self._port, "/worker", [self._take])
        register = orjson.dumps({"action": "RegisterTask", "name": NAME})
        self._socket.send(register, *[_GET] * WANTED)

    def hold(self) -> None:
        """From now on jobs are kept. The worker goes on asking for more."""
        self._kept = []

    def release(self) -> None:
        """Do what was kept, and go on as before."""
        kept, self._kept = self._kept or [], None
        for nonce in kept:
            self._answer(nonce)

    def close(self) -> None:
        """Disconnect."""
        assert self._socket is not None
        self._socket.close()

    def _take(self, text: bytes) -> None:
        if not text:
            return  # the answer to a result, or to the registration
        job = orjson.loads(text)
        assert job["options"] == {"a": 1, "b": 2}, text
        self.jobs += 1
        nonce = orjson.dumps(job["nonce"])
        assert self._socket is not None
        if self._kept is None:
            self._answer(nonce)
        else:
            self._kept.append(nonce)
        self._socket.send(_GET)

    def _answer(self, nonce: bytes) -> None:
        assert self._socket is not None
        self._socket.send(b'{"action":"SendResult","nonce":%b,"result":%b}' % (nonce, RESULT))


class SocketClient:
    """A client over ``/websocket`` that always has ``flight`` jobs under way, until it is told to stop."""

    def __init__(self, flight: int) -> None:
        self._flight = flight
        self._sent = 0
        self._socket: WebSocket | None = None
        self._asked: dict[int, float] = {}
        self.delays: list[float] = []
        self.stopping = False
        self.idle = asyncio.Event()

    def begin(self, socket: WebSocket) -> None:
        """Ask for the first jobs."""
        self._socket = socket
        for _ in range(self._flight):
            self._ask()

    def take(self, text: bytes) -> None:
        """An answer: the next job is asked for."""
        answer = orjson.loads(text)
        assert answer["result"] == {"sum": 3}, text
        self.delays.append(time.perf_counter() - self._asked.pop(answer["nonce"]))
        if not self.stopping:
            self._ask()
        elif not self._asked:
            self.idle.set()

    def _ask(self) -> None:
        assert self._socket is not None
        self._sent += 1
        self._asked[self._sent] = time.perf_counter()
        self._socket.send(
            b'{"action":"RunTask","name":"work","options":%b,"nonce":%d}' % (OPTIONS, self._sent)
        )


class WebClient:
    """A client that posts one job after the other."""

    def __init__(self) -> None:
        self._http: HttpClient | None = None
        self._asked = 0.0
        self.delays: list[float] = []
        self.stopping = False
        self.idle = asyncio.Event()

    def begin(self, http: HttpClient) -> None:
        """Ask for the first job."""
        self._http = http
        self._ask()

    def take(self, status: bytes, body: bytes) -> None:
        """An answer: the next job is asked for."""
        assert (status, body) == (b"200", RESULT), (status, body)
        self.delays.append(time.perf_counter() - self._asked)
        if self.stopping:
            self.idle.set()
        else:
            self._ask()

    def _ask(self) -> None:
        assert self._http is not None
        self._asked = time.perf_counter()
        self._http.post(f"/task/{NAME}", OPTIONS)


@asynccontextmanager
async def worker(port: int) -> AsyncIterator[Worker]:
    """A worker that is connected."""
    one = Worker(port)
    await one.start()
    try:
        yield one
    finally:
        one.close()


async def over_websocket(port: int, clients: int, flight: int, seconds: float) -> tuple[float, list[float]]:
    """Jobs per second, and the seconds that each took."""
    several = [SocketClient(flight) for _ in range(clients)]
    sockets = await open_websockets(port, "/websocket", [client.take for client in several])
    for client, socket in zip(several, sockets, strict=True):
        client.begin(socket)
    found = await _measured(several, seconds)
    for socket in sockets:
        socket.close()
    return found


def _itself(protocol: HttpClient) -> HttpClient:
    return protocol


async def over_http(port: int, clients: int, seconds: float) -> tuple[float, list[float]]:
    """The same."""
    several = [WebClient() for _ in range(clients)]
    loop = asyncio.get_running_loop()
    for client in several:
        http = HttpClient(client.take)
        await loop.create_connection(partial(_itself, http), "127.0.0.1", port)
        client.begin(http)
    return await _measured(several, seconds)


async def _measured(
    clients: list[SocketClient] | list[WebClient], seconds: float
) -> tuple[float, list[float]]:
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    counted = sum(len(client.delays) for client in clients)
    rate = counted / (time.perf_counter() - began)
    for client in clients:
        client.stopping = True
    await asyncio.wait_for(asyncio.gather(*(client.idle.wait() for client in clients)), 30)
    return rate, [delay for client in clients for delay in client.delays]
